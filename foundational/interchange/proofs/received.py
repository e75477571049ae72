"""What a trainer receives of an export, and whether that is what the dataset holds."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from foundational.interchange.writing.parts import LABELS, AnyPart, Part
from foundational.specs.base import Spec

#: Largest deviation that a proof allows, relative to the largest number of the configuration.
TOLERANCE: Final = 1e-6
#: Differences below this are rounding: eV, eV/Å, eV/Å³, Å.
_ROUNDING: Final = 1e-11


@dataclass(eq=False)
class Received:
    """One configuration in a trainer's hands, in eV, Å, eV/Å and eV/Å³ with tension positive by that trainer's rule."""

    numbers: NDArray[np.integer]
    """(N,) atomic numbers."""
    positions: NDArray[np.floating]
    """(N, 3)"""
    cell: NDArray[np.floating]
    """(3, 3), vectors in rows; NaN where the trainer takes none."""
    periodic: NDArray[np.bool_]
    """(3,)"""
    energy: float | None = None
    forces: NDArray[np.floating] | None = None
    """(N, 3)"""
    stress: NDArray[np.floating] | None = None
    """(3, 3)"""


class LabelProof(Spec):
    """The comparison of one label."""

    compared: int
    """Configurations in which it is known, read and equal."""
    unknown: int
    """Configurations in which it is not known, and read as unknown."""
    largest_relative_difference: float
    largest_difference: float
    """eV per atom, eV/Å or eV/Å³."""


class PartProof(Spec):
    """The comparison of one file."""

    configurations: int
    labels: dict[str, LabelProof]
    largest_position_difference: float
    """Å."""
    problems: tuple[str, ...]
    """What differs; at most ten are named."""


def compare(part: AnyPart, received: Iterable[Received]) -> PartProof:
    """Compare what was received with the configurations of ``part``, in that order.

    Species, positions, cells and boundary conditions must be equal, and each label too; a label that is not known must
    come as unknown, and no number.
    """
    totals = {name: {"compared": 0, "unknown": 0, "relative": 0.0, "absolute": 0.0} for name in LABELS}
    problems: list[str] = []
    moved, count = 0.0, 0
    each = _configurations(part)
    for got in received:
        count += 1
        if (expecting := next(each, None)) is None:
            continue
        block, i = expecting
        c, known = block.configurations, block.known()
        atoms = slice(int(c.offsets[i]), int(c.offsets[i + 1]))
        where = f"configuration {count - 1} ({block.ids[i]})"
        if not np.array_equal(got.numbers, c.atomic_numbers[atoms]):
            problems.append(f"{where}: other species")
            continue
        if not np.array_equal(got.periodic, c.pbc[i]):
            problems.append(f"{where}: periodic along {got.periodic.tolist()}, expected {c.pbc[i].tolist()}")
        moved = max(moved, _largest(got.positions - c.positions[atoms]))
        if not _near(got.positions, c.positions[atoms]):
            problems.append(f"{where}: other positions")
        if not _near(got.cell[c.pbc[i]], c.cell[i][c.pbc[i]]):
            problems.append(f"{where}: another cell")
        expected = {
            "energy": np.array([block.labels.energy[i]]),
            "forces": block.labels.forces[atoms],
            "stress": block.labels.stress[i],
        }
        for name in LABELS:
            problem = _compare_label(
                totals[name], got, name, expected[name] if known[name][i] else None, int(c.n_atoms[i])
            )
            if problem:
                problems.append(f"{where}: {problem}")
    if count != len(part):
        problems.insert(0, f"expected {len(part):,} configurations, read {count:,}")
    return PartProof(
        configurations=count,
        labels={
            name: LabelProof(
                compared=int(of["compared"]),
                unknown=int(of["unknown"]),
                largest_relative_difference=of["relative"],
                largest_difference=of["absolute"],
            )
            for name, of in totals.items()
        },
        largest_position_difference=moved,
        problems=tuple(problems[:10]),
    )


def _configurations(part: AnyPart) -> Iterator[tuple[Part, int]]:
    """The block that holds each configuration, and its place there."""
    for block in part.blocks():
        for i in range(len(block)):
            yield block, i


def _compare_label(
    total: dict[str, float], got: Received, name: str, expected: NDArray[np.floating] | None, n_atoms: int
) -> str | None:
    """Compare one label and count it; what is wrong, or None."""
    value = getattr(got, name)
    if value is None or np.isnan(value).all():
        if expected is None:
            total["unknown"] += 1
            return None
        return f"{name} was not read"
    if expected is None:
        return f"{name} is unknown, but a number was read"
    value = np.atleast_1d(np.asarray(value, dtype=np.float64))
    if value.shape != expected.shape:
        return f"{name} of shape {value.shape} was read, expected {expected.shape}"
    difference = _largest(value - expected)
    relative = difference / max(_largest(expected), _ROUNDING / TOLERANCE)
    total["compared"] += 1
    total["relative"] = max(total["relative"], relative)
    total["absolute"] = max(total["absolute"], difference / (n_atoms if name == "energy" else 1))
    if not relative <= TOLERANCE:
        return f"{name} differs by {difference:.3g}, a part {relative:.1e} of its largest number"
    return None


def _largest(values: NDArray[np.floating]) -> float:
    return float(np.abs(values).max(initial=0.0))


def _near(value: NDArray[np.floating], expected: NDArray[np.floating]) -> bool:
    if value.shape != expected.shape:
        return False
    return _largest(value - expected) <= max(TOLERANCE * _largest(expected), _ROUNDING)
