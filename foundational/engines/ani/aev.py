"""Environment vectors of whole data sets."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foundational.data.configurations import Configurations
from foundational.engines.ani.kernels.aev import Terms, aevs, padded
from foundational.engines.ani.kernels.aev_derivatives import count_slots, fill_blocks
from foundational.engines.ani.kernels.aev_jacobian import Wide
from foundational.errors import EngineError, InputError
from foundational.specs.ani import AevSpec


def _sections(spec: AevSpec) -> NDArray[np.float64]:
    """The angles as torchani has them: rounded to float32 before their cosines and sines are taken."""
    return np.asarray(spec.angular.section_values(), dtype=np.float32).astype(np.float64)


def terms_of(spec: AevSpec, n_elements: int) -> Terms:
    """The numbers of ``spec`` as the kernels want them."""
    sections = _sections(spec)
    cosines, sines = np.cos(sections), np.sin(sections)
    return Terms(
        n_elements,
        np.float32(spec.radial.cutoff),
        np.float32(spec.radial.eta),
        np.asarray(spec.radial.shift_values(), dtype=np.float32),
        np.float32(spec.angular.cutoff),
        np.float32(spec.angular.eta),
        np.float32(spec.angular.zeta),
        np.asarray(spec.angular.shift_values(), dtype=np.float32),
        cosines.astype(np.float32),
        sines.astype(np.float32),
        (cosines - cosines.astype(np.float32)).astype(np.float32),
        (sines - sines.astype(np.float32)).astype(np.float32),
    )


def wide_terms_of(spec: AevSpec, n_elements: int) -> Wide:
    """The same with one number for each feature of an element or a pair of them, padded to whole vectors."""
    n_radial, n_angular = spec.radial.shifts, spec.angular.shifts * spec.angular.sections
    shifts, sections = np.asarray(spec.angular.shift_values()), _sections(spec)

    def pad(values: NDArray[np.floating]) -> NDArray[np.float32]:
        return np.pad(values, (0, padded(len(values)) - len(values))).astype(np.float32)

    n_pairs = n_elements * (n_elements + 1) // 2
    gradient_width = padded((n_pairs - 1) * n_angular + padded(n_angular))
    last_radial = (n_elements - 1) * n_radial + padded(n_radial)
    return Wide(
        pad(np.asarray(spec.radial.shift_values())),
        pad(np.full(n_radial, 0.25)),
        pad(np.repeat(shifts, len(sections))),
        pad(np.full(n_angular, 2.0)),
        pad(np.tile(np.cos(sections), len(shifts))),
        pad(np.tile(np.sin(sections), len(shifts))),
        gradient_width,
        padded(max(n_elements * n_radial + gradient_width, last_radial)),
    )


@dataclass(frozen=True)
class Geometry:
    """A flat batch as the kernels want it."""

    positions: NDArray[np.float64]
    """(A, 3) Å."""
    fractional: NDArray[np.float64]
    """(A, 3), not wrapped."""
    cell: NDArray[np.float64]
    """(C, 3, 3) Å."""
    reach: NDArray[np.float64]
    """(C, 3) cutoff over height of the cell; −1 along axes that are not periodic."""
    species: NDArray[np.int64]
    """(A,) position of each atom's element in the list of elements."""
    offsets: NDArray[np.int64]
    """(C+1,)"""
    owner: NDArray[np.int64]
    """(A,)"""

    @classmethod
    def of(cls, configurations: Configurations, elements: Sequence[int], cutoff: float) -> "Geometry":
        """Prepare ``configurations`` for networks of the atomic numbers ``elements``.

        Along directions that are not periodic the lattice vectors may be missing: no image is looked for there.

        Raises
        ------
        InputError
            If a position or a lattice vector is not a finite number, or a periodic cell has no volume; the message
            gives the place of the configuration.
        """
        _require_finite(configurations)
        cell = np.ascontiguousarray(configurations.complete_cell)
        inverse = np.linalg.inv(cell)
        heights = 1.0 / np.linalg.norm(inverse, axis=1)  # of column a: 1 / the distance of the planes along axis a
        owner = configurations.configuration_of_atom
        positions = configurations.positions.astype(np.float64)
        return cls(
            positions,
            np.einsum("ax,axy->ay", positions, inverse[owner]),
            cell,
            np.where(configurations.pbc, cutoff / heights, -1.0),
            species_of(configurations.atomic_numbers, elements),
            configurations.offsets,
            owner,
        )

    def arrays(self) -> tuple[NDArray[np.generic], ...]:
        """The arguments that every kernel begins with."""
        return (self.positions, self.fractional, self.cell, self.reach, self.species, self.offsets, self.owner)


def _require_finite(configurations: Configurations) -> None:
    """Refuse numbers for which no neighbours can be found."""
    c = configurations
    if not np.isfinite(c.positions.sum(dtype=np.float64)):  # one pass where all is well
        bad = np.flatnonzero(~np.isfinite(c.positions).all(axis=1))
        if len(bad):
            at = int(c.configuration_of_atom[bad[0]])
            raise InputError(
                f"configuration {at}: the position of atom {int(bad[0] - c.offsets[at])} is not a finite number; "
                "exclude the configuration"
            )
    bad = np.flatnonzero(~np.isfinite(c.cell).all(axis=(1, 2)))
    if len(bad):
        raise InputError(f"configuration {int(bad[0])}: a lattice vector is not a finite number; exclude it")
    flat = np.flatnonzero(c.without_volume & c.pbc.all(axis=1))
    if len(flat):
        raise InputError(f"configuration {int(flat[0])}: its periodic cell has no volume; exclude it")


def species_of(atomic_numbers: NDArray[np.integer], elements: Sequence[int]) -> NDArray[np.int64]:
    """Where each atomic number stands in ``elements``; InputError for one that is not there."""
    lookup = np.full(256, -1, dtype=np.int64)
    lookup[list(elements)] = np.arange(len(elements))
    species: NDArray[np.int64] = lookup[atomic_numbers]
    if (species < 0).any():
        strangers = sorted({int(z) for z in np.asarray(atomic_numbers)[species < 0]})
        raise InputError(f"expected atomic numbers {list(elements)}, got also {strangers}; train on data with them")
    return species


def compute_aevs(configurations: Configurations, spec: AevSpec, elements: Sequence[int]) -> NDArray[np.float32]:
    """(A, K) environment vectors, equal to torchani's ``AEVComputer`` to float precision."""
    geometry = Geometry.of(configurations, elements, spec.radial.cutoff)
    out = np.empty((len(geometry.positions), spec.length(len(elements))), dtype=np.float32)
    aevs(*geometry.arrays(), terms_of(spec, len(elements)), out)
    if not np.isfinite(out).all():
        raise EngineError("environment vectors are not finite: expected distinct atoms in a cell of finite volume")
    return out


@dataclass(frozen=True)
class Jacobian:
    """∂AEV/∂(positions, strain) of a batch, see :mod:`foundational.engines.ani.kernels.aev_jacobian`."""

    rows: NDArray[np.float32]
    """(R, stride)"""
    slots: NDArray[np.int64]
    """(S,) atoms of the configuration."""
    slot_start: NDArray[np.int64]
    """(A+1,)"""


def compute_jacobian(configurations: Configurations, spec: AevSpec, elements: Sequence[int]) -> Jacobian:
    """All derivatives of the vectors of a batch."""
    geometry = Geometry.of(configurations, elements, spec.radial.cutoff)
    n_atoms = len(geometry.positions)
    terms, wide = terms_of(spec, len(elements)), wide_terms_of(spec, len(elements))
    slot_start = np.concatenate([[0], np.cumsum(slot_counts(geometry, spec))])
    rows = np.empty((3 * slot_start[-1] + 6 * n_atoms, wide.stride), dtype=np.float32)
    slots = np.empty(slot_start[-1], dtype=np.int64)
    fill_blocks(*geometry.arrays(), terms, wide, np.arange(n_atoms), slot_start, rows, slots)
    return Jacobian(rows, slots, slot_start)


def slot_counts(geometry: Geometry, spec: AevSpec) -> NDArray[np.int64]:
    """(A,) how many distinct atoms each vector depends on."""
    counts = np.empty(len(geometry.positions), dtype=np.int64)
    g, cutoff = geometry, float(np.float32(spec.radial.cutoff))  # as the terms have it, by which slots are filled
    count_slots(g.positions, g.fractional, g.cell, g.reach, g.offsets, g.owner, cutoff, counts)
    return counts
