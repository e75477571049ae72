"""How far the labels of configurations that stand in two datasets lie from each other, and what of it is rounding.

Equality of labels (docs/versions.md): inside one dataset and its releases labels are equal where all bits are. Between
two datasets a difference that is no larger than the rounding below is named and counted, and is a patch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from foundational.data.batches import Offsets, batch_slices
from foundational.data.layout import VARIABLES
from foundational.specs.base import Spec

if TYPE_CHECKING:
    import xarray as xr

    from foundational.matching.alignment import Alignment

#: By bytes of a number: a difference is in the last bits up to this many units in the last place of the largest number
#: that a configuration has of that label. Energies of the same cells by LAMMPS on other processors differ by up to 7.
_LAST_BITS = {4: 4, 8: 64}
#: … and up to this, where the numbers are sums that cancel, as forces and stresses of perfect crystals.
_FLOORS = {"energy": 1e-12, "forces": 1e-12, "stress": 1e-14, "atomic_energies": 1e-12}
#: Decimals of a label that was rewritten with fewer digits. What has fewer than these is another label.
_DECIMALS = np.arange(4, 13)


class LabelChange(Spec):
    """How far one label moved, over the configurations whose label differs."""

    configurations: int
    largest: float | None
    """Largest absolute difference; null where a label is not a finite number."""
    rms: float | None
    """Root mean square difference."""
    unit: str
    """Of both numbers; energies are compared per atom."""
    within_rounding: int
    """Those of the configurations whose difference is rounding."""
    decimals: int | None
    """Decimals to which one of the two has it, where the other rounds to it; null where that explains nothing."""


@dataclass(frozen=True, eq=False)
class MatchedRows:
    """P configurations that stand in both datasets."""

    a: NDArray[np.int64]
    """(P,) rows of the first."""
    b: NDArray[np.int64]
    """(P,) rows of the second."""
    alignments: "Sequence[Alignment | None]"
    """How they agree; None where both have the same id."""

    def __len__(self) -> int:
        return len(self.a)

    def take(self, rows: NDArray[np.int64]) -> "MatchedRows":
        """Some of them."""
        return MatchedRows(self.a[rows], self.b[rows], [self.alignments[row] for row in rows.tolist()])


@dataclass(frozen=True, eq=False)
class ComparedLabel:
    """One label of P configurations."""

    change: LabelChange | None
    """None where no label differs."""
    beyond: NDArray[np.bool_]
    """(P,) whether they differ by more than rounding."""
    within: NDArray[np.bool_]
    """(P,) whether they differ, and by no more than rounding."""


def compare_label(
    name: str, a: "xr.Dataset", b: "xr.Dataset", matched: MatchedRows, *, rewritten: bool
) -> ComparedLabel:
    """The label ``name`` of ``b`` against that of ``a``, atom by atom, in the orientation of ``b``.

    Parameters
    ----------
    rewritten
        Whether fewer decimals in one of the two are rounding as well.
    """
    per_atom = VARIABLES[name].per_atom
    sides = (Offsets.of(a), Offsets.of(b))
    n_atoms = sides[0].n_atoms[matched.a]
    largest, scale, squares = (np.zeros(len(matched)) for _ in range(3))
    decimals = [np.ones(len(_DECIMALS), dtype=bool) for _ in range(2)]
    for rows in batch_slices(n_atoms):
        batch, counts = matched.take(np.arange(rows.start, rows.stop)), n_atoms[rows]
        old, new = (
            _values(dataset[name], offsets.atoms(of) if per_atom else of)
            for dataset, offsets, of in ((a, sides[0], batch.a), (b, sides[1], batch.b))
        )
        if rewritten:
            decimals = [side & _has_decimals(of) for side, of in zip(decimals, (old, new), strict=True)]
        old, new = _aligned(name, old, new, batch, counts)
        change = np.abs(new - old)
        change[np.isnan(change)] = np.inf  # known in one of the two
        change[np.isnan(old) & np.isnan(new)] = 0.0
        size = np.nan_to_num(np.maximum(np.abs(old), np.abs(new)), nan=0.0, posinf=0.0)
        starts = np.concatenate([[0], np.cumsum(counts)[:-1]]) if per_atom else np.arange(len(counts))
        largest[rows] = np.maximum.reduceat(change.max(axis=1), starts)
        scale[rows] = np.maximum.reduceat(size.max(axis=1), starts)
        squares[rows] = np.add.reduceat(np.square(change).sum(axis=1), starts)
    numbers = (n_atoms if per_atom else 1) * 3 ** (len(a[name].dims) - 1)
    return _compared(
        name, (a, b), n_atoms, (largest, scale, squares / numbers), _fewer_decimals(decimals) if rewritten else None
    )


def _compared(
    name: str,
    datasets: "tuple[xr.Dataset, xr.Dataset]",
    n_atoms: NDArray[np.int32],
    found: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]],
    decimals: int | None,
) -> ComparedLabel:
    """What largest difference, largest number and mean square of each configuration say."""
    largest, scale, squares = found
    coarse = min((dataset[name].dtype for dataset in datasets), key=lambda dtype: dtype.itemsize)
    limit = _LAST_BITS[coarse.itemsize] * float(np.finfo(coarse).eps) * scale + _FLOORS[name]
    last_bits = largest <= limit
    within = last_bits if decimals is None else largest <= limit + 0.5 * 10.0**-decimals
    differs = largest > 0
    change = None
    if differs.any():
        per = n_atoms[differs] if name == "energy" else np.ones(int(differs.sum()))
        worst = float((largest[differs] / per).max())
        # Each configuration counts by its numbers, as it would if all were compared at once.
        weights = n_atoms[differs] if VARIABLES[name].per_atom else np.ones(len(per))
        rms = float(np.sqrt(np.average(squares[differs] / per**2, weights=weights)))
        change = LabelChange(
            configurations=int(differs.sum()),
            largest=worst if np.isfinite(rms) else None,
            rms=rms if np.isfinite(rms) else None,
            unit="eV/atom" if name == "energy" else VARIABLES[name].unit,
            within_rounding=int((differs & within).sum()),
            decimals=decimals if (differs & within & ~last_bits).any() else None,
        )
    return ComparedLabel(change, differs & ~within, differs & within)


def _values(stored: "xr.DataArray", rows: slice | NDArray[np.int64]) -> NDArray[np.float64]:
    """(R, …) numbers of some ``rows`` of a variable."""
    values = stored[rows].to_numpy()
    return values.astype(np.float64).reshape(len(values), -1)


def _aligned(
    name: str, old: NDArray[np.float64], new: NDArray[np.float64], matched: MatchedRows, n_atoms: NDArray[np.int32]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The numbers of both in the order of the first and the orientation of the second."""
    if not any(matched.alignments):
        return old, new
    old, new = np.array(old), np.array(new)
    ends = np.cumsum(n_atoms)
    for p, alignment in enumerate(matched.alignments):
        if alignment is None:
            continue
        rows = slice(ends[p] - n_atoms[p], ends[p]) if VARIABLES[name].per_atom else slice(p, p + 1)
        if VARIABLES[name].per_atom and alignment.order is not None:
            new[rows] = new[rows][alignment.order]
        if alignment.rotation is not None and name == "forces":
            old[rows] = old[rows] @ alignment.rotation
        if alignment.rotation is not None and name == "stress":
            old[rows] = (alignment.rotation.T @ old[rows].reshape(3, 3) @ alignment.rotation).reshape(1, 9)
    return old, new


def _has_decimals(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """For each number of decimals whether all finite ``values`` have no more, but for their own last bits."""
    finite = values[np.isfinite(values)]
    found = np.zeros(len(_DECIMALS), dtype=bool)
    for k, decimals in enumerate(_DECIMALS.tolist()):
        scaled = finite * 10.0**decimals
        found[k] = bool((np.abs(scaled - np.rint(scaled)) <= 1e-6 + 4e-16 * np.abs(scaled)).all())
    return found


def _fewer_decimals(sides: list[NDArray[np.bool_]]) -> int | None:
    """The decimals of the side that has fewer; None where neither is a decimal number of few digits."""
    firsts = [int(_DECIMALS[side][0]) for side in sides if side.any()]
    return min(firsts) if firsts else None
