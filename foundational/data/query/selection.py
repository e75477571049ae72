"""The rows of a dataset that fulfil a condition."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foundational.data.layout import VARIABLES
from foundational.data.query.columns import COUNT
from foundational.data.query.computed import Block, Index, Texts
from foundational.data.query.language import (
    Comparison,
    Condition,
    Elements,
    IsKnown,
    Joined,
    Not,
    columns_of,
    parse_condition,
)
from foundational.errors import InputError, did_you_mean

Mask = NDArray[np.bool_]
#: Texts of columns that have no others.
_WORDS: Mapping[str, tuple[str, ...]] = {
    "split": VARIABLES["split"].meanings,
    "phase": ("crystal", "disordered"),
}
_COMPARE: Mapping[str, Any] = {
    "=": np.equal,
    "!=": np.not_equal,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
}


def rows_where(text: str, index: Index) -> NDArray[np.int64]:
    """The rows of the configurations that fulfil the condition ``text``, in ascending order.

    Raises
    ------
    InputError
        It is not of the language (`foundational.data.query.language`), or names what no configuration has.
    """
    condition = parse_condition(text, dict(index.fields))
    _require_words(condition)
    names = list(dict.fromkeys(columns_of(condition)))
    found: list[NDArray[np.int64]] = []
    start = 0
    for block in index.blocks(names):
        if missing := [name for name in names if name not in block and name != "elements"]:
            raise InputError(f"--where: {missing[0]} is not known of any configuration of the dataset")
        count = len(block["id"])  # type: ignore[arg-type]
        true, _ = _evaluate(condition, block, count)
        found.append(np.flatnonzero(true) + start)
        start += count
    return np.concatenate(found) if found else np.zeros(0, np.int64)


def _require_words(condition: Condition) -> None:
    """Refuse a text that a column of few words can never have."""
    match condition:
        case Joined(parts=parts):
            for part in parts:
                _require_words(part)
        case Not(part=part):
            _require_words(part)
        case Comparison(column=column, values=values) if column in _WORDS:
            for value in values:
                if value not in _WORDS[column]:
                    raise InputError(
                        f"--where: {column} is never {value!r}; {did_you_mean(str(value), _WORDS[column])}"
                    )


def _evaluate(condition: Condition, block: Block, count: int) -> tuple[Mask, Mask]:
    """(C,) where the condition is true, and where it is true or false; it is neither where something is not known."""
    match condition:
        case Joined(word=word, parts=parts):
            pairs = [_evaluate(part, block, count) for part in parts]
            hold, fail = [pair[0] for pair in pairs], [pair[1] & ~pair[0] for pair in pairs]
            if word == "and":
                return _all(hold), _all(hold) | _any(fail)
            return _any(hold), _any(hold) | _all(fail)
        case Not(part=part):
            inner, decided = _evaluate(part, block, count)
            return decided & ~inner, decided
        case Elements(relation=relation, symbols=symbols):
            return _elements(relation, symbols, block, count), np.ones(count, dtype=bool)
        case IsKnown(column=column):
            return _known(block[column]), np.ones(count, dtype=bool)
    values = block[condition.column]
    known = _known(values)
    if condition.column == "id":
        assert not isinstance(values, Texts)
        true = _any([_begins(values, str(value)) for value in condition.values])
    elif isinstance(values, Texts):
        wanted = [code for code, text in enumerate(values.values) if text in condition.values]
        true = np.isin(values.codes, wanted)
    else:
        compare = _COMPARE["=" if condition.operator == "!=" else condition.operator]
        with np.errstate(invalid="ignore"):
            true = _any([compare(values, value) for value in condition.values])
    if condition.operator == "!=":
        true = ~true
    return true & known, known


def _all(masks: Sequence[Mask]) -> Mask:
    return np.asarray(np.logical_and.reduce(masks), dtype=bool)


def _any(masks: Sequence[Mask]) -> Mask:
    return np.asarray(np.logical_or.reduce(masks), dtype=bool)


def _known(values: "NDArray[Any] | Texts") -> Mask:
    if isinstance(values, Texts):
        known: Mask = (values.codes >= 0) & (values.codes < len(values.values))
        return known
    if values.ndim == 2 or values.dtype.kind != "f":
        return np.ones(len(values), dtype=bool)
    return np.asarray(~np.isnan(values), dtype=bool)


def _begins(ids: NDArray[np.uint8], digits: str) -> Mask:
    """(C,) ids whose hexadecimal digits begin with ``digits``."""
    try:
        whole = bytes.fromhex(digits[: len(digits) // 2 * 2].lower())
        half = int(digits[-1], 16) if len(digits) % 2 else None
    except ValueError:
        raise InputError(f"--where: expected hexadecimal digits for id, got {digits!r}") from None
    if len(digits) > 32:
        raise InputError(f"--where: expected at most 32 hexadecimal digits for id, got {digits!r}")
    true: Mask = (ids[:, : len(whole)] == np.frombuffer(whole, np.uint8)).all(axis=1)
    if half is not None:
        true &= ids[:, len(whole)] >> 4 == half
    return true


def _elements(relation: str, symbols: tuple[str, ...], block: Block, count: int) -> Mask:
    true = np.ones(count, dtype=bool)
    there = {name.removeprefix(COUNT): np.asarray(values) for name, values in block.items() if name.startswith(COUNT)}
    if relation in {"has", "are"}:
        for symbol in symbols:
            true &= there[symbol] > 0 if symbol in there else np.zeros(count, dtype=bool)
    if relation in {"only", "are"}:
        for symbol, atoms in there.items():
            if symbol not in symbols:
                true &= atoms == 0
    return true
