"""Which settings the outputs of one set share, and which outputs differ from them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from foundational.errors import InputError

#: Settings that depend on the cell; they are compared with the inputs of the same configuration only.
OF_THE_CELL: Final = ("k_points",)
#: Largest difference of two numbers that are the same setting, as a share.
_SAME: Final = 1e-4


def differences(found: Mapping[str, Any], expected: Mapping[str, Any]) -> list[str]:
    """What differs among the settings that both know, in words."""
    return [
        f"{name} is {found[name]}, expected {expected[name]}"
        for name in expected
        if name in found and not _same(found[name], expected[name])
    ]


def shared(of_outputs: Sequence[Mapping[str, Any]], earlier: Mapping[str, Any]) -> dict[str, Any]:
    """Each setting as most outputs have it; what an earlier collection found comes first.

    Raises
    ------
    InputError
        As many outputs have one value as have another.
    """
    names = dict.fromkeys(name for settings in of_outputs for name in settings)
    found: dict[str, Any] = dict(earlier)
    for name in names:
        if name in OF_THE_CELL or name in earlier:
            continue
        counts: Counter[Any] = Counter(settings[name] for settings in of_outputs if name in settings)
        (value, most), *others = counts.most_common(2)
        if others and others[0][1] == most:
            raise InputError(
                f"expected one {name} for most of the outputs, got {value} and {others[0][0]} in {most} outputs each; "
                "move those of one kind to another folder"
            )
        found[name] = value
    return found


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, int | float) and isinstance(other, int | float):
        return abs(one - other) <= _SAME * max(abs(one), abs(other))
    return bool(one == other)
