"""A trained ensemble of ANI networks: a labeller with an opinion on its own uncertainty."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from foundational.data.batches import batch_slices
from foundational.data.configurations import Configurations, Labels, per_volume
from foundational.engines.ani.aev import Geometry, compute_aevs, species_of, terms_of, wide_terms_of
from foundational.engines.ani.kernels.activation import ACTIVATIONS
from foundational.engines.ani.kernels.aev_derivatives import contract
from foundational.engines.ani.kernels.aev_jacobian import STRAIN_ROWS
from foundational.engines.ani.kernels.prediction import atomic_energies, energies_and_gradients
from foundational.engines.ani.kernels.short_range import Tables, add_short_range
from foundational.engines.ani.kernels.training import Model
from foundational.engines.ani.network import layer_widths
from foundational.engines.ani.terms.pair_potential import PairPotential
from foundational.engines.ani.terms.short_range import ShortRange
from foundational.engines.ani.threads import kernel_threads
from foundational.progress import Progress
from foundational.specs.ani import AevSpec, NetworkSpec

if TYPE_CHECKING:
    from foundational.engines.ani.extrapolation import Extrapolation

#: Atoms whose vectors are in memory at one time.
_ATOMS_AT_ONCE = 65_536
#: eV; from this size on self-energies are no part of float32 numbers. Below it float32 resolves 2 µeV and better.
_LARGE_SELF_ENERGY = 32.0
#: Starting threads takes longer than the work on fewer atoms.
_ATOMS_FOR_THREADS = 512


@dataclass(frozen=True)
class Prediction:
    """What each member says of a batch."""

    energy: NDArray[np.float64]
    """(M, C) eV."""
    atomic_energies: NDArray[np.floating]
    """(M, A) eV; float64 where float32 would not resolve what the networks say, see `Ensemble.atomic_dtype`."""
    forces: NDArray[np.float32] | None = None
    """(M, A, 3) eV/Å."""
    stress: NDArray[np.float64] | None = None
    """(M, C, 3, 3) eV/Å³, tension positive; NaN where the cell has no volume."""


@dataclass(frozen=True, eq=False)
class Ensemble:
    """M atomic networks for each of some elements, on one kind of environment vector."""

    aev: AevSpec
    network: NetworkSpec
    elements: tuple[int, ...]
    """Atomic numbers."""
    scale: float
    """eV, the unit of the networks' output."""
    self_energies: NDArray[np.float64]
    """(M, elements) eV, fitted."""
    mean: NDArray[np.float32]
    """(M, elements, K) of the features."""
    deviation: NDArray[np.float32]
    """(M, elements, K) by which they are divided."""
    parameters: NDArray[np.float32]
    """(M, elements, P)"""
    metadata: dict[str, str] = field(default_factory=dict)
    """What it was trained on, how."""
    pair_potential: PairPotential | None = None
    """What is added to the networks at all distances; they learnt what it leaves."""
    short_range: ShortRange | None = None
    """What is added to both below the shortest distances of their data, and for atoms alone."""
    extrapolation: "Extrapolation | None" = None
    """How far an atom is from the training data."""

    @property
    def members(self) -> int:
        """M."""
        return len(self.parameters)

    def member(self, index: int) -> Self:
        """One member alone."""
        only = slice(index, index + 1) if index >= 0 else slice(index, index + 1 or None)
        return replace(
            self,
            self_energies=self.self_energies[only],
            mean=self.mean[only],
            deviation=self.deviation[only],
            parameters=self.parameters[only],
            extrapolation=None if self.extrapolation is None else self.extrapolation.of_members(only),
        )

    @property
    def id(self) -> str:
        """``ani:`` and the beginning of a digest of all numbers."""
        digest = sha256(repr((self.aev, self.network, self.elements, self.scale)).encode())
        for array in (self.self_energies, self.mean, self.deviation, self.parameters):
            digest.update(np.ascontiguousarray(array).tobytes())
        for added in (self.pair_potential, self.short_range):
            for array in () if added is None else added.arrays().values():
                digest.update(np.ascontiguousarray(array).tobytes())
        return f"ani:{digest.hexdigest()[:16]}"

    @cached_property
    def added(self) -> Tables | None:
        """All that is added to the networks: the pair potential and the terms at the ends of the data."""
        if self.pair_potential is None or self.short_range is None:
            one = self.pair_potential or self.short_range
            return None if one is None else one.tables
        own = self.short_range.tables
        return own._replace(inner=own.inner + self.pair_potential.tables.inner)

    @property
    def atomic_dtype(self) -> type[np.floating]:
        """The type of atomic energies with self-energies: float64 where those are large, as of all-electron codes.

        So a constant an atom in all labels changes no error and no uncertainty.
        """
        return np.float32 if np.abs(self.self_energies).max(initial=0.0) < _LARGE_SELF_ENERGY else np.float64

    def predict(
        self,
        configurations: Configurations,
        *,
        forces: bool = True,
        threads: int | None = None,
        progress: Progress | None = None,
    ) -> Prediction:
        """Energies of each member, with forces and stresses where asked for."""
        n_atoms, members = len(configurations.positions), self.members
        atomic = np.empty((members, n_atoms), dtype=self.atomic_dtype)
        all_forces = np.empty((members, n_atoms if forces else 0, 3), dtype=np.float32)
        strain = np.empty((members, len(configurations) if forces else 0, 6))
        model = self.kernel_model()
        if threads is None and n_atoms < _ATOMS_FOR_THREADS:
            threads = 1
        with kernel_threads(threads):
            for part, rows, atoms in runs(configurations, _ATOMS_AT_ONCE, progress):
                species = species_of(part.atomic_numbers, self.elements)
                aevs = compute_aevs(part, self.aev, self.elements)
                energies = np.empty((members, len(species)), dtype=np.float32)
                if forces:
                    f, by_strain, whole = self._slopes(part, aevs, model, energies)
                    all_forces[:, atoms], strain[:, rows] = f * np.float32(self.scale), by_strain * self.scale
                    atomic[:, atoms] = whole
                    continue
                atomic_energies(aevs, species, model, energies)
                atomic[:, atoms] = self.with_added_terms(part, species, energies)
        energy = np.add.reduceat(atomic, configurations.offsets[:-1], axis=1, dtype=np.float64)
        if not forces:
            return Prediction(energy, atomic)
        return Prediction(energy, atomic, all_forces, per_volume(_full(strain), configurations))

    def atomic_energies(
        self, configurations: Configurations, *, threads: int | None = None, progress: Progress | None = None
    ) -> NDArray[np.floating]:
        """(M, A) eV, self-energies included."""
        return self.predict(configurations, forces=False, threads=threads, progress=progress).atomic_energies

    def label(self, configurations: Configurations) -> Labels:
        """Mean over members of energies, forces, stresses and atomic energies."""
        found = self.predict(configurations)
        assert found.forces is not None
        assert found.stress is not None
        return Labels(
            found.energy.mean(axis=0),
            found.forces.mean(axis=0, dtype=np.float64).astype(np.float32),
            found.stress.mean(axis=0),
            found.atomic_energies.mean(axis=0, dtype=np.float64).astype(self.atomic_dtype),
        )

    def _slopes(
        self, part: Configurations, aevs: NDArray[np.float32], model: Model, energies: NDArray[np.float32]
    ) -> tuple[NDArray[np.floating], NDArray[np.float64], NDArray[np.float64]]:
        """Forces (M, A, 3), ∂E/∂ε (M, C, 6), both in units of the energy scale, and atomic energies (M, A) in eV."""
        terms, wide = terms_of(self.aev, len(self.elements)), wide_terms_of(self.aev, len(self.elements))
        geometry = Geometry.of(part, self.elements, self.aev.radial.cutoff)
        gradients = np.empty((*energies.shape, wide.stride), dtype=np.float32)
        energies_and_gradients(aevs, geometry.species, model, energies, gradients)
        added, bent = np.zeros((*energies.shape, 3)), np.zeros((len(energies), len(part), STRAIN_ROWS))
        whole, weight = self._whole(part, geometry.species, energies, added, bent)
        if weight is not None:
            gradients *= weight[:, None]
        forces = np.empty((*energies.shape, 3), dtype=np.float32)
        strain = np.empty((len(energies), len(part), STRAIN_ROWS))
        contract(*geometry.arrays(), terms, wide, gradients, forces, strain)
        if weight is None:
            return forces, strain, whole
        return forces + added / self.scale, strain + bent / self.scale, whole

    def _whole(
        self,
        part: Configurations,
        species: NDArray[np.int64],
        energies: NDArray[np.float32],
        forces: NDArray[np.float64],
        strain: NDArray[np.float64],
    ) -> tuple[NDArray[np.float64], NDArray[np.float32] | None]:
        """Atomic energies (M, A) in eV of the networks' ``energies``, and the networks' share of each atom (A,).

        What comes to forces and strain in eV is written to ``forces`` and ``strain``, if they are not empty.
        """
        whole: NDArray[np.float64] = energies * self.scale + self.self_energies[:, species]
        tables = self.added
        if tables is None:
            return whole, None
        weight = np.empty(len(species), dtype=np.float32)
        geometry = Geometry.of(part, self.elements, tables.cutoff)
        add_short_range(*geometry.arrays(), tables, whole, weight, forces, strain)
        return whole, weight

    def with_added_terms(
        self, part: Configurations, species: NDArray[np.int64], energies: NDArray[np.float32]
    ) -> NDArray[np.float64]:
        """Atomic energies (M, A) eV of what the networks give, ``energies`` in units of the energy scale."""
        nowhere = np.empty((self.members, 0, 3))
        return self._whole(part, species, energies, nowhere, nowhere)[0]

    def kernel_model(self) -> Model:
        """The networks as the kernels take them."""
        widths = layer_widths(self.mean.shape[-1], self.network.hidden)
        return Model(
            widths, ACTIVATIONS[self.network.activation], self.parameters, self.mean, np.reciprocal(self.deviation)
        )


def runs(
    configurations: Configurations, atoms: int, progress: Progress | None = None
) -> Iterator[tuple[Configurations, slice, slice]]:
    """Neighbouring configurations of about ``atoms`` atoms together, at least one; where they and their atoms are."""
    offsets = configurations.offsets
    for rows in batch_slices(configurations.n_atoms, atoms):
        yield configurations.take(rows), rows, slice(int(offsets[rows.start]), int(offsets[rows.stop]))
        if progress is not None:
            progress(rows.stop, len(configurations), "evaluated")


def _full(voigt: NDArray[np.float64]) -> NDArray[np.float64]:
    """(…, 3, 3) of (…, 6) in the order xx, yy, zz, yz, xz, xy."""
    return voigt[..., [0, 5, 4, 5, 1, 3, 4, 3, 2]].reshape(*voigt.shape[:-1], 3, 3)
