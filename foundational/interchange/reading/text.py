"""Numbers and values as text files spell them."""

import json
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Fortran's exponents (1.5D+02) and Mathematica's (1.5*^2), after a digit or a point.
_EXPONENT = re.compile(r"(?<=[\d.])(?:[dD]|\*\^)(?=[+-]?\d)")
#: Fortran writes an exponent of three digits without its letter: 1.5-102.
_LETTERLESS = re.compile(r"([+-]?\d*\.\d*)([+-]\d{3})")
_TRUTHS = dict.fromkeys(("T", "True", "true", "TRUE"), True) | dict.fromkeys(("F", "False", "false", "FALSE"), False)


def number(value: Any) -> float:
    """A real number out of a value of any kind, exponents of Fortran included.

    Raises
    ------
    ValueError
        If it is no number, says what it is.

    >>> number("-1.284D+02"), number(" 7 "), number([3.0])
    (-128.4, 7.0, 3.0)
    """
    if type(value) is float:
        return value
    if isinstance(value, bool | None):
        raise ValueError(f"{value} is no number")
    if isinstance(value, str):
        text = value.strip()
        try:
            if "_" in text:  # Python would take 1_000 for one
                raise ValueError
            return float(_LETTERLESS.sub(r"\1e\2", _EXPONENT.sub("e", text)))
        except ValueError:
            raise ValueError(f"{text!r} is no number") from None
    array = np.asarray(value)
    if array.size != 1 or array.dtype.kind not in "iuf":
        raise ValueError(f"{value!r} is no number")
    return float(array.reshape(-1)[0])


def numbers(value: Any) -> NDArray[np.float64]:
    """An array of real numbers out of text, nested lists or an array, its shape kept; text is one row.

    Raises
    ------
    ValueError
        If one of them is no number, says which.

    >>> numbers("1 2,3.5D0").tolist()
    [1.0, 2.0, 3.5]
    """
    if isinstance(value, str):
        parts = value.replace(",", " ").split()
        try:
            if "_" not in value:
                return np.array(list(map(float, parts)), dtype=np.float64)
        except ValueError:
            pass
        return np.array([number(part) for part in parts])
    array = np.asarray(value)
    if array.dtype.kind in "iuf":
        return np.asarray(array, dtype=np.float64)
    if array.dtype.kind == "b" or array.dtype.kind not in "OUS":
        raise ValueError(f"{value!r} are no numbers")
    return np.array([number(part) for part in array.reshape(-1).tolist()]).reshape(array.shape)


def interpreted(text: str) -> Any:
    """What a value of a comment line means: truth, a whole or real number, an array of these, JSON, or text.

    >>> interpreted("T"), interpreted("12"), interpreted("1 2 3").tolist(), interpreted("bulk")
    (True, 12, [1, 2, 3], 'bulk')
    """
    if text.startswith("_JSON "):
        try:
            return json.loads(text[6:])
        except json.JSONDecodeError:
            return text
    parts = text.split()
    if not parts:
        return ""
    if len(parts) == 1:
        return _scalar(parts[0])
    if "." in parts[0] and "_" not in text:  # the usual case, quickly
        try:
            return np.array(list(map(float, parts)))
        except ValueError:
            pass
    values = [_scalar(part) for part in parts]
    kinds = set(map(type, values))
    return np.array(values) if kinds and (kinds <= {int, float} or kinds == {bool}) else text


def _scalar(text: str) -> Any:
    """A whole or real number, a truth, or the text itself."""
    # Words are no numbers, and Python would take 1_000 for one.
    if "_" in text or (text[:1].isalpha() and text[:3].lower() not in {"nan", "inf"}):
        return _TRUTHS.get(text, text)
    # Of whole numbers, those of 19 digits and more do not fit int64.
    for kind in (float,) if "." in text or len(text) > 18 else (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    try:
        return float(_EXPONENT.sub("e", text))
    except ValueError:
        return text
