"""A trained ensemble of ANI networks: a labeller with an opinion on its own uncertainty."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Self

import numpy as np
from numpy.typing import NDArray

from foundational.data.configurations import Configurations, Labels
from foundational.engines.ani.activation import ACTIVATIONS
from foundational.engines.ani.aev import Geometry, compute_aevs, species_of, terms_of, wide_terms_of
from foundational.engines.ani.aev_jacobian import contract
from foundational.engines.ani.network import layer_widths
from foundational.engines.ani.prediction_kernel import atomic_energies, energies_and_gradients
from foundational.engines.ani.threads import kernel_threads
from foundational.engines.ani.training_kernel import Model
from foundational.specs.ani import AevSpec, NetworkSpec

Progress = Callable[[int, int, str], None]

#: Atoms whose vectors are in memory at one time.
_ATOMS_AT_ONCE = 65_536


@dataclass(frozen=True)
class Prediction:
    """What each member says of a batch."""

    energy: NDArray[np.float64]
    """(M, C) eV."""
    forces: NDArray[np.float32] | None = None
    """(M, A, 3) eV/Å."""
    stress: NDArray[np.float64] | None = None
    """(M, C, 3, 3) eV/Å³, tension positive."""


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
        )

    @property
    def id(self) -> str:
        """``ani:`` and the beginning of a digest of all numbers."""
        digest = sha256(repr((self.aev, self.network, self.elements, self.scale)).encode())
        for array in (self.self_energies, self.mean, self.deviation, self.parameters):
            digest.update(np.ascontiguousarray(array).tobytes())
        return f"ani:{digest.hexdigest()[:16]}"

    def atomic_energies(
        self, configurations: Configurations, *, threads: int | None = None, progress: Progress | None = None
    ) -> NDArray[np.float32]:
        """(M, A) eV, self-energies included."""
        out = np.empty((self.members, len(configurations.positions)), dtype=np.float32)
        model = self._model()
        with kernel_threads(threads):
            for part, atoms in self._parts(configurations, progress):
                species = species_of(part.atomic_numbers, self.elements)
                block = np.empty((self.members, len(species)), dtype=np.float32)
                atomic_energies(compute_aevs(part, self.aev, self.elements), species, model, block)
                out[:, atoms] = block * self.scale + self.self_energies[:, species]
        return out

    def predict(
        self,
        configurations: Configurations,
        *,
        forces: bool = True,
        threads: int | None = None,
        progress: Progress | None = None,
    ) -> Prediction:
        """Energies of each member, with forces and stresses where asked for."""
        prediction, _ = self._predict(configurations, forces, threads, progress)
        return prediction

    def label(self, configurations: Configurations) -> Labels:
        """Mean over members of energies, forces, stresses and atomic energies."""
        prediction, atomic = self._predict(configurations, True, None, None)
        assert prediction.forces is not None
        assert prediction.stress is not None
        return Labels(
            prediction.energy.mean(axis=0),
            prediction.forces.mean(axis=0, dtype=np.float64).astype(np.float32),
            prediction.stress.mean(axis=0),
            atomic.mean(axis=0, dtype=np.float64).astype(np.float32),
        )

    def _predict(
        self, configurations: Configurations, forces: bool, threads: int | None, progress: Progress | None
    ) -> tuple[Prediction, NDArray[np.float32]]:
        if not forces:
            atomic = self.atomic_energies(configurations, threads=threads, progress=progress)
            return Prediction(_sums(atomic, configurations)), atomic
        n_atoms, members = len(configurations.positions), self.members
        atomic = np.empty((members, n_atoms), dtype=np.float32)
        energy = np.empty((members, len(configurations)))
        all_forces = np.empty((members, n_atoms, 3), dtype=np.float32)
        stress = np.empty((members, len(configurations), 3, 3))
        model, terms = self._model(), terms_of(self.aev, len(self.elements))
        wide = wide_terms_of(self.aev, len(self.elements))
        done = 0
        with kernel_threads(threads):
            for part, atoms in self._parts(configurations, progress):
                geometry = Geometry.of(part, self.elements, self.aev.radial.cutoff)
                n = len(part.positions)
                block = np.empty((members, n), dtype=np.float32)
                gradients = np.empty((members, n, wide.stride), dtype=np.float32)
                aevs = compute_aevs(part, self.aev, self.elements)
                energies_and_gradients(aevs, geometry.species, model, block, gradients)
                f, strain = np.empty((members, n, 3), dtype=np.float32), np.empty((members, len(part), 6))
                contract(*geometry.arrays(), terms, wide, gradients, f, strain)
                own = slice(done, done + len(part))
                atomic[:, atoms] = block * self.scale + self.self_energies[:, geometry.species]
                energy[:, own] = _sums(block, part) * self.scale + _sums(self.self_energies[:, geometry.species], part)
                all_forces[:, atoms] = f * np.float32(self.scale)
                stress[:, own] = _full(strain) * (self.scale / part.volume[:, None, None])
                done += len(part)
        return Prediction(energy, all_forces, stress), atomic

    def _model(self) -> Model:
        widths = layer_widths(self.mean.shape[-1], self.network.hidden)
        return Model(
            widths, ACTIVATIONS[self.network.activation], self.parameters, self.mean, np.reciprocal(self.deviation)
        )

    @staticmethod
    def _parts(configurations: Configurations, progress: Progress | None) -> Iterator[tuple[Configurations, slice]]:
        """Runs of configurations of a bounded number of atoms, and which atoms they are."""
        offsets, total, first = configurations.offsets, len(configurations), 0
        while first < total:
            stop = int(np.searchsorted(offsets, offsets[first] + _ATOMS_AT_ONCE, side="right")) - 1
            stop = min(max(stop, first + 1), total)
            yield configurations.take(slice(first, stop)), slice(int(offsets[first]), int(offsets[stop]))
            first = stop
            if progress is not None:
                progress(first, total, "evaluated")


def _sums(atomic: NDArray[np.floating], configurations: Configurations) -> NDArray[np.float64]:
    """(…, C) sums over each configuration's atoms of (…, A)."""
    sums: NDArray[np.float64] = np.add.reduceat(atomic, configurations.offsets[:-1], axis=-1, dtype=np.float64)
    return sums


def _full(voigt: NDArray[np.float64]) -> NDArray[np.float64]:
    """(…, 3, 3) of (…, 6) in the order xx, yy, zz, yz, xz, xy."""
    return voigt[..., [0, 5, 4, 5, 1, 3, 4, 3, 2]].reshape(*voigt.shape[:-1], 3, 3)
