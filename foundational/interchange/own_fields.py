"""Variables of the layout in text files that this package wrote.

Other programs use the same words (split, step, parent_id), so that the words alone say nothing: every key of every
frame must be one that this package writes, and every value must be of the variable's type.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from foundational.data.layout import CONFIGURATION, LABELS, REQUIRED, VARIABLES, Variable
from foundational.interchange.frame import Frame

_LABEL_KEYS: Final = {f"REF_{name}" for name in LABELS}
#: Variables of a configuration that may stand in its comment line.
_ROWS: Final = {
    name: row
    for name, row in VARIABLES.items()
    if row.dims[0] == CONFIGURATION and not row.label and name not in REQUIRED
}
#: Places of ASE's six components in a matrix.
_SIX: Final = ([0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1])
_COPIED: Final = frozenset({"REF_energy", "REF_stress"})
_ISOLATED: Final = VARIABLES["role"].meanings.index("isolated_atom")
_KEYS: Final = _LABEL_KEYS | _ROWS.keys()


def without_copies(frame: Frame) -> Frame:
    """``frame`` without labels that stand under a plain name what they are under a reference key.

    Text files of this package have each label twice, for readers of both kinds; of a stress that is not symmetric all
    nine numbers stand under ``full_stress``.
    """
    if not _COPIED & frame.info.keys() and "REF_forces" not in frame.arrays:
        return frame
    info, arrays = dict(frame.info), dict(frame.arrays)
    for copy in ("energy", "free_energy"):
        if copy in info and info[copy] == info.get("REF_energy"):
            del info[copy]
    if "forces" in arrays and np.array_equal(arrays["forces"], arrays.get("REF_forces", ())):
        del arrays["forces"]
    if np.size(info.get("REF_stress", ())) == 6 and np.size(info.get("stress", ())) == 9:
        nine = np.asarray(info["stress"], dtype=np.float64).reshape(3, 3)
        if np.allclose((nine + nine.T)[_SIX] / 2, info["REF_stress"], rtol=1e-12, atol=0):
            info["REF_stress"] = info.pop("full_stress", info["REF_stress"])
            del info["stress"]
    if info.get("config_type") == "IsolatedAtom" and info.get("role") == _ISOLATED:
        del info["config_type"]
    return replace(frame, info=info, arrays=arrays)


def only_own_keys(info: Iterable[str], arrays: Iterable[str]) -> bool:
    """Whether all keys of a frame are such as this package writes."""
    return _KEYS.issuperset(info) and _LABEL_KEYS.issuperset(arrays)


def own_variables(info: Mapping[str, Mapping[int, Any]], configurations: int) -> dict[str, NDArray[Any]]:
    """The variables of the layout among the columns ``info``, which have the values of frames by row."""
    found = {}
    for name, row in _ROWS.items():
        column = info.get(name, {})
        if len(column) == configurations and (values := _values(row, list(column.values()))) is not None:
            found[name] = values
    return found


def _values(row: Variable, values: list[Any]) -> NDArray[Any] | None:
    """(C, …) the values in the type of the variable, None where one of them does not fit."""
    if row.dtype == "uint8":
        texts = [value for value in values if isinstance(value, str) and value.startswith("0x") and len(value) == 34]
        try:
            rows = [list(bytes.fromhex(text[2:])) for text in texts]
        except ValueError:
            return None
        return np.array(rows, dtype=np.uint8) if len(rows) == len(values) else None
    if any(isinstance(value, bool | str) or np.ndim(value) != 0 for value in values):
        return None
    array = np.array(values)
    kind = np.dtype(row.dtype).kind
    fits = array.dtype.kind in {"i": "i", "f": "if"}[kind]
    if fits and row.meanings:
        fits = bool(((array >= 0) & (array < len(row.meanings))).all())
    if fits and kind == "i":
        fits = np.array_equal(array.astype(row.dtype), array)
    return array.astype(row.dtype) if fits else None
