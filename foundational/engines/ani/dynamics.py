"""Energies and forces of one configuration again and again, as molecular dynamics asks for them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from foundational.data.configurations import Configurations
from foundational.engines.ani.aev import species_of, terms_of, wide_terms_of
from foundational.engines.ani.ensemble import Ensemble
from foundational.engines.ani.kernels.dynamics import energies_and_forces
from foundational.engines.ani.kernels.short_range import any_short_range, listed_pairs
from foundational.engines.ani.threads import kernel_threads
from foundational.errors import EngineError

#: Parts into which the atoms are divided over threads; fixed, so that no result depends on the number of threads.
_PARTS = 8
#: Å: the list of neighbours holds candidates this far beyond the cutoff, and serves until they may have come nearer.
_SKIN = 0.8


@dataclass(frozen=True, eq=False)
class Step:
    """What an ensemble says of one configuration."""

    energy: float
    """eV, mean over members."""
    atomic_energies: NDArray[np.float64]
    """(M, N) eV."""
    forces: NDArray[np.float64]
    """(N, 3) eV/Å, mean over members."""
    strain_derivative: NDArray[np.float64]
    """(6,) eV: ∂E/∂ε in the order xx, yy, zz, yz, xz, xy; the stress times the volume."""


@dataclass(frozen=True, eq=False)
class _Neighbours:
    """Candidates for the neighbours of each atom, and where the atoms and the cell were when they were found."""

    positions: NDArray[np.float64]
    cell: NDArray[np.float64]
    starts: NDArray[np.int64]
    index: NDArray[np.int64]
    images: NDArray[np.int64]

    def serve(self, positions: NDArray[np.float64], cell: NDArray[np.float64]) -> bool:
        """Whether no atom can have come within the cutoff that is not listed."""
        if positions.shape != self.positions.shape:
            return False
        moved = float(np.sqrt(((positions - self.positions) ** 2).sum(axis=1).max(initial=0)))
        reach = np.abs(self.images).max(axis=0, initial=0)
        stretched = float(np.linalg.norm(cell - self.cell, axis=1) @ reach)
        return 2 * moved + stretched < _SKIN


class ForceField:
    """An ensemble for molecular dynamics with one composition.

    Parameters
    ----------
    ensemble
        The networks; forces are those of their mean.
    numbers
        (N,) atomic numbers.
    pbc
        (3,) whether the cell is periodic.

    Raises
    ------
    InputError
        If the ensemble does not know an element.
    """

    def __init__(self, ensemble: Ensemble, numbers: NDArray[np.integer], pbc: NDArray[np.bool_]) -> None:
        self.ensemble = ensemble
        self._species = species_of(np.asarray(numbers), ensemble.elements)
        self._pbc = np.asarray(pbc, dtype=bool)
        count = len(ensemble.elements)
        self._terms, self._wide = terms_of(ensemble.aev, count), wide_terms_of(ensemble.aev, count)
        self._model = ensemble.kernel_model()
        self._energies = np.zeros((ensemble.members, len(self._species)), dtype=np.float32)
        self._forces = np.zeros((_PARTS, len(self._species), 3))
        self._strain = np.zeros((_PARTS, 6))
        self._neighbours: _Neighbours | None = None

    def step(self, positions: NDArray[np.float64], cell: NDArray[np.float64], *, threads: int | None = None) -> Step:
        """Energy and forces at ``positions`` (N, 3) Å in ``cell`` (3, 3) Å, whose rows are lattice vectors.

        Raises
        ------
        EngineError
            If a position or a force is not finite.
        """
        if not np.isfinite(positions).all() or not np.isfinite(cell).all():
            raise EngineError(
                "expected finite positions and a finite cell, got NaN or infinity; use a shorter time step"
            )
        if self._neighbours is None or not self._neighbours.serve(positions, cell):
            self._neighbours = _find(positions, cell, self._pbc, self.ensemble.aev.radial.cutoff + _SKIN)
        near = self._neighbours
        if self._leaves_the_data(positions, cell, near):
            return self._with_short_range(positions, cell)
        with kernel_threads(threads):
            energies_and_forces(
                positions,
                cell,
                self._species,
                near.starts,
                near.index,
                near.images,
                self._terms,
                self._wide,
                self._model,
                self._energies,
                self._forces,
                self._strain,
            )
        if not np.isfinite(self._forces).all():
            raise EngineError("forces are not finite: expected distinct atoms; use a shorter time step")
        scale = self.ensemble.scale
        atomic = self._energies.astype(np.float64) * scale + self.ensemble.self_energies[:, self._species]
        forces, strain = self._forces.sum(axis=0) * scale, self._strain.sum(axis=0) * scale
        if self.ensemble.pair_potential is not None:
            pairs = self._pairs(positions, cell, near, threads)
            atomic, forces, strain = atomic + pairs[0], forces + pairs[1], strain + pairs[2].sum(axis=0)
        return Step(float(atomic.sum(axis=1).mean()), atomic, forces, strain)

    def _pairs(
        self, positions: NDArray[np.float64], cell: NDArray[np.float64], near: "_Neighbours", threads: int | None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Energies (N,), forces (N, 3) and strain (N, 6) of the pair potential, eV and Å."""
        added = self.ensemble.pair_potential
        assert added is not None
        found = tuple(np.empty((len(positions), *shape)) for shape in ((), (3,), (6,)))
        with kernel_threads(threads):
            listed_pairs(positions, cell, self._species, near.starts, near.index, near.images, added.tables, *found)
        return found[0], found[1], found[2]

    def _leaves_the_data(self, positions: NDArray[np.float64], cell: NDArray[np.float64], near: "_Neighbours") -> bool:
        """Whether a term for short distances or for lone atoms counts."""
        added = self.ensemble.short_range
        if added is None:
            return False
        return bool(
            any_short_range(
                positions, cell, self._species, near.starts, near.index, near.images, added.tables, added.join
            )
        )

    def _with_short_range(self, positions: NDArray[np.float64], cell: NDArray[np.float64]) -> Step:
        """The same by the kernels that have these terms; no step of a simulation within the data comes to it."""
        numbers = np.asarray(self.ensemble.elements, dtype=np.uint8)[self._species]
        count = np.array([len(numbers)], dtype=np.int32)
        batch = Configurations(count, cell[None], self._pbc[None], numbers, positions)
        batch = Configurations(count, batch.complete_cell, self._pbc[None], numbers, positions)
        found = self.ensemble.predict(batch)
        assert found.forces is not None
        assert found.stress is not None
        if not np.isfinite(found.forces).all():
            raise EngineError("forces are not finite: expected distinct atoms; use a shorter time step")
        strain = found.stress.mean(axis=0)[0] * batch.volume[0]
        return Step(
            float(found.energy.mean()),
            found.atomic_energies.astype(np.float64),
            found.forces.mean(axis=0, dtype=np.float64),
            strain[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]],
        )


def _find(
    positions: NDArray[np.float64], cell: NDArray[np.float64], pbc: NDArray[np.bool_], reach: float
) -> _Neighbours:
    """All images of atoms within ``reach``, Å, of each atom, itself excepted."""
    count = len(positions)
    shifts = np.zeros(positions.shape, dtype=np.int64)
    number = np.zeros(3, dtype=np.int64)
    periodic = np.where(pbc[:, None], cell, 0.0)
    if pbc.any():
        # Rows of the pseudo-inverse are reciprocal vectors: their lengths are one over the heights of the cell.
        reciprocal = np.linalg.pinv(periodic)
        fractional = positions @ reciprocal
        shifts = np.where(pbc, -np.floor(fractional), 0).astype(np.int64)
        number = np.where(pbc, np.ceil(reach * np.linalg.norm(reciprocal, axis=0)), 0).astype(np.int64)
    wrapped = positions + shifts @ periodic
    every = np.stack(np.meshgrid(*(np.arange(-n, n + 1) for n in number), indexing="ij"), axis=-1).reshape(-1, 3)
    low, high = wrapped.min(axis=0) - reach, wrapped.max(axis=0) + reach
    points, owners, images = [], [], []
    for image in every:
        moved = wrapped + image @ periodic
        inside = np.flatnonzero(((moved >= low) & (moved <= high)).all(axis=1))
        points.append(moved[inside])
        owners.append(inside)
        images.append(np.broadcast_to(image, (len(inside), 3)))
    owner, image_of = np.concatenate(owners), np.concatenate(images)
    found = cKDTree(wrapped).sparse_distance_matrix(cKDTree(np.concatenate(points)), reach, output_type="ndarray")
    i, q = found["i"].astype(np.int64), found["j"].astype(np.int64)
    j, image = owner[q], image_of[q]
    other = (i != j) | image.any(axis=1)
    i, j, image = i[other], j[other], image[other]
    # From wrapped to given positions: x_j + shift_j against x_i + shift_i.
    image = image + shifts[j] - shifts[i]
    order = np.lexsort((image[:, 2], image[:, 1], image[:, 0], j, i))
    starts = np.concatenate([[0], np.cumsum(np.bincount(i, minlength=count))]).astype(np.int64)
    return _Neighbours(
        positions.copy(), cell.copy(), starts, np.ascontiguousarray(j[order]), np.ascontiguousarray(image[order])
    )
