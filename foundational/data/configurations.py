"""Configurations and labels in memory: one flat, ragged batch of cells of any size and any boundary conditions.

Letters for shapes, here and everywhere: C configurations, N atoms in one, A atoms in all, M members, K features.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from foundational.errors import InputError


@dataclass(frozen=True)
class Labels:
    """What a labeller says of a batch: energies, forces, stresses and, where it has them, atomic energies.

    A label that is not known for a configuration is NaN in all its numbers, see `known`. Unknown is never zero.
    """

    energy: NDArray[np.float64]
    """(C,) eV."""
    forces: NDArray[np.floating]
    """(A, 3) eV/Å."""
    stress: NDArray[np.float64]
    """(C, 3, 3) eV/Å³, tension positive."""
    atomic_energies: NDArray[np.floating] | None = None
    """(A,) eV, or None."""
    scf: NDArray[np.float64] | None = None
    """(C, 2) how each label converged, or None: steps of the self-consistent field, and the change of the energy in the
    last one, eV for each valence electron."""

    def known(self, offsets: NDArray[np.int64]) -> dict[str, NDArray[np.bool_]]:
        """For each label by its name, (C,) whether it is known; ``offsets`` (C+1,) are those of the configurations."""
        found = {
            "energy": np.logical_not(np.isnan(self.energy)),
            "forces": _known_atoms(self.forces, offsets),
            "stress": np.logical_not(np.isnan(self.stress).all(axis=(1, 2))),
        }
        if self.atomic_energies is not None:
            found["atomic_energies"] = _known_atoms(self.atomic_energies, offsets)
        return found


def _known_atoms(array: NDArray[np.floating], offsets: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(C,) whether a number of ``array`` (A, …) is not NaN in the configuration."""
    unknown = np.isnan(array.reshape(len(array), 3 if array.ndim == 2 else 1))
    if not unknown.any():
        everywhere: NDArray[np.bool_] = offsets[1:] > offsets[:-1]
        return everywhere
    known = ~unknown.all(axis=1)
    sums = np.concatenate([[0], np.cumsum(known)])
    found: NDArray[np.bool_] = sums[offsets[1:]] > sums[offsets[:-1]]
    return found


@dataclass(frozen=True, eq=False)
class Configurations:
    """A batch of C cells with A atoms in all; labels belong to the positions held here."""

    n_atoms: NDArray[np.int32]
    """(C,)"""
    cell: NDArray[np.float64]
    """(C, 3, 3) Å, rows are lattice vectors; along directions that are not periodic any vector, zero as well."""
    pbc: NDArray[np.bool_]
    """(C, 3)"""
    atomic_numbers: NDArray[np.uint8]
    """(A,)"""
    positions: NDArray[np.floating]
    """(A, 3) Å; float64 where float32 would change a number."""
    labels: Labels | None = None

    def __post_init__(self) -> None:
        c, a = len(self.n_atoms), int(self.n_atoms.sum())
        expected = {"cell": (c, 3, 3), "pbc": (c, 3), "atomic_numbers": (a,), "positions": (a, 3)}
        for name, shape in expected.items():
            if getattr(self, name).shape != shape:
                raise InputError(f"{name}: expected shape {shape}, got {getattr(self, name).shape}")

    def __len__(self) -> int:
        return len(self.n_atoms)

    @cached_property
    def offsets(self) -> NDArray[np.int64]:
        """(C+1,) where each configuration's atoms begin in the flat arrays."""
        return np.concatenate([[0], np.cumsum(self.n_atoms, dtype=np.int64)])

    @cached_property
    def configuration_of_atom(self) -> NDArray[np.int64]:
        """(A,) the configuration to which each atom belongs."""
        return np.repeat(np.arange(len(self)), self.n_atoms)

    @cached_property
    def complete_cell(self) -> NDArray[np.float64]:
        """(C, 3, 3) Å: the cell, with vectors of unit length in place of missing ones along directions without periods.

        No energy depends on these vectors, but fractional coordinates need three independent ones.
        """
        cell = np.array(self.cell)
        for c in np.flatnonzero(self.without_volume & ~self.pbc.all(axis=1)):
            cell[c] = _completed(cell[c], self.pbc[c])
        return cell

    @property
    def without_volume(self) -> NDArray[np.bool_]:
        """(C,) whether the lattice vectors depend on each other, up to rounding, or one of them is zero."""
        scale = np.prod(np.maximum(np.linalg.norm(self.cell, axis=2), 1e-12), axis=1)
        flat: NDArray[np.bool_] = self.volume <= 1e-10 * scale
        return flat

    def in_boxes(self, reach: float) -> Self:
        """The same atoms in cells that are periodic along all vectors, without labels.

        Along open directions the vectors are orthogonal to the others, and so long that images are at least ``reach`` Å
        apart: a method of that reach gives the same energies and forces. Cells that are periodic already stay.
        """
        open_cells = np.flatnonzero(~self.pbc.all(axis=1))
        if not len(open_cells):
            return self.with_labels(None)
        cell = np.array(self.cell)
        for c in open_cells.tolist():
            closed = self.pbc[c]
            cell[c] = _completed(cell[c], closed)
            along = self.positions[self.offsets[c] : self.offsets[c + 1]].astype(np.float64) @ cell[c][~closed].T
            cell[c][~closed] *= (np.ptp(along, axis=0) + reach)[:, None]
        return replace(self, cell=cell, pbc=np.ones_like(self.pbc), labels=None)

    @property
    def volume(self) -> NDArray[np.float64]:
        """(C,) Å³."""
        volume: NDArray[np.float64] = np.abs(np.linalg.det(self.cell))
        return volume

    def atoms_of(self, indices: NDArray[np.int64]) -> NDArray[np.int64]:
        """Positions in the flat arrays of all atoms of the configurations ``indices``, in that order."""
        counts = self.n_atoms[indices].astype(np.int64)
        starts = np.repeat(self.offsets[indices] - np.concatenate([[0], np.cumsum(counts)[:-1]]), counts)
        return starts + np.arange(counts.sum())

    def take(self, indices: Sequence[int] | NDArray[np.integer] | slice) -> Self:
        """The configurations ``indices``, with their labels, in that order."""
        idx = np.arange(len(self))[indices if isinstance(indices, slice) else np.asarray(indices, dtype=np.int64)]
        atoms = self.atoms_of(idx)
        labels = self.labels
        if labels is not None:
            atomic = None if labels.atomic_energies is None else labels.atomic_energies[atoms]
            scf = None if labels.scf is None else labels.scf[idx]
            labels = Labels(labels.energy[idx], labels.forces[atoms], labels.stress[idx], atomic, scf)
        return type(self)(
            self.n_atoms[idx], self.cell[idx], self.pbc[idx], self.atomic_numbers[atoms], self.positions[atoms], labels
        )

    def with_labels(self, labels: Labels | None) -> Self:
        """The same cells with other labels."""
        return replace(self, labels=labels)

    @classmethod
    def build(
        cls,
        cells: Iterable[NDArray[np.floating]],
        positions: Iterable[NDArray[np.floating]],
        numbers: Iterable[NDArray[np.integer]],
    ) -> Self:
        """A batch from one (3, 3) cell, one (N, 3) position array and one (N,) number array a configuration.

        Positions are cast to float32 here, once, before anything labels them. All cells are periodic.
        """
        cell = np.asarray(list(cells), dtype=np.float64).reshape(-1, 3, 3)
        pos = [np.asarray(p, dtype=np.float32).reshape(-1, 3) for p in positions]
        num = [np.asarray(z, dtype=np.uint8).reshape(-1) for z in numbers]
        n_atoms = np.array([len(p) for p in pos], dtype=np.int32)
        flat_pos = np.concatenate(pos) if pos else np.zeros((0, 3), np.float32)
        flat_num = np.concatenate(num) if num else np.zeros(0, np.uint8)
        return cls(n_atoms, cell, np.ones((len(cell), 3), dtype=bool), flat_num, flat_pos)


def _completed(cell: NDArray[np.float64], pbc: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(3, 3) ``cell`` with orthogonal unit vectors in place of those along which it is not periodic."""
    out = np.array(cell)
    kept = [i for i in range(3) if pbc[i]]
    basis = [out[i] for i in kept]
    for i in range(3):
        if i in kept:
            continue
        # The unit vector least parallel to those at hand, made orthogonal to them.
        space = np.linalg.qr(np.array(basis).T)[0] if basis else np.zeros((3, 0))
        rest = np.eye(3) - space @ space.T
        vector = rest[int(np.argmax(np.linalg.norm(rest, axis=1)))]
        out[i] = vector / np.linalg.norm(vector)
        basis.append(out[i])
    return out


def per_volume(by_strain: NDArray[np.float64], configurations: Configurations) -> NDArray[np.float64]:
    """(…, C, 3, 3) eV/Å³: the stress of ∂E/∂ε, NaN where the cell has no volume: of clusters nothing is known."""
    volume = np.where(configurations.without_volume, np.nan, configurations.volume)
    return by_strain / volume[:, None, None]


def concatenate(batches: Sequence[Configurations]) -> Configurations:
    """One batch out of several, in order; labels are kept only where every batch has them."""
    if not batches:
        raise InputError("expected at least one batch to concatenate, got none")
    names = [f.name for f in fields(Configurations) if f.name != "labels"]
    arrays = {name: np.concatenate([getattr(b, name) for b in batches]) for name in names}
    labels = [b.labels for b in batches if b.labels is not None]
    return Configurations(labels=joined_labels(labels) if len(labels) == len(batches) else None, **arrays)


def joined_labels(parts: Sequence[Labels]) -> Labels:
    """The labels of several batches, in order; what is optional is kept only where every part has it."""
    atomic = [part.atomic_energies for part in parts if part.atomic_energies is not None]
    scf = [part.scf for part in parts if part.scf is not None]
    return Labels(
        np.concatenate([part.energy for part in parts]),
        np.concatenate([part.forces for part in parts]),
        np.concatenate([part.stress for part in parts]),
        np.concatenate(atomic) if len(atomic) == len(parts) else None,
        np.concatenate(scf) if len(scf) == len(parts) else None,
    )
