"""Labels by LAMMPS in process: energies, forces, stresses, atomic energies of periodic cells of any shape and size."""

import os
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from threading import Lock
from typing import Any, Final

import numpy as np
from ase.data import atomic_numbers, chemical_symbols
from numpy.typing import NDArray

from foundational.data.configurations import Configurations, Labels, per_volume
from foundational.data.labeller import REQUIRED, Method
from foundational.engines.geometry.distances import shortest_distances
from foundational.engines.lammps.potentials import ResolvedPotential
from foundational.engines.lammps.session import LammpsSession
from foundational.errors import EngineError, InputError
from foundational.science.cells import fractional_coordinates, lower_triangular

#: Å. Atoms nearer than this overlap: no metal gets there below 10,000 K, and tables of EAMs mean nothing there.
OVERLAP: Final = 1.0

_LOCK = Lock()  # sessions are shared by the threads of a process, and LAMMPS is not reentrant


@lru_cache(maxsize=16)
def _session(_process: int, potential: ResolvedPotential, n_atoms: int, orthogonal: bool) -> LammpsSession:
    """The session of this process; a forked child must not use its parent's."""
    return LammpsSession(potential, n_atoms, orthogonal)


@dataclass(frozen=True)
class LammpsLabeller:
    """A reference potential of the registry, evaluated by LAMMPS in this process.

    Cheap to make and to pickle: LAMMPS is started at the first label and kept for all labellers of that potential in
    the process. Labels are those of the float32 positions, widened to float64; they depend on nothing but the
    configuration itself.
    """

    potential: ResolvedPotential

    @property
    def id(self) -> str:
        """``lammps:`` and the potential's id."""
        return f"lammps:{self.potential.id}"

    @property
    def expensive(self) -> bool:
        """No: thousands of configurations a second."""
        return False

    @property
    def gives(self) -> tuple[str, ...]:
        """Every label of the layout, atomic energies among them."""
        return (*REQUIRED, "atomic_energies")

    @property
    def arguments(self) -> dict[str, Any]:
        """None: the registry's entry says everything."""
        return {}

    def method(self) -> Method:
        """LAMMPS with the potential's file and pair_style."""
        spec = self.potential.spec
        stated: dict[str, Any] = {"pair_style": spec.pair_style}
        if spec.parameters is not None:
            stated |= {"parameters": spec.parameters.file, "parameters_sha256": spec.parameters.sha256}
        shipped = spec.id in {spec.file, spec.parameters.file if spec.parameters else None}
        if spec.citation and shipped:  # in no registry: the record is where a reader finds the paper
            stated |= {"citation": spec.citation}
        return Method(f"lammps {version('lammps')}", spec.sha256, stated)

    def isolated_energy(self, element: str) -> float:
        """Energy of one atom farther from its images than the potential reaches, eV; labelled once in a process."""
        return _isolated_energy(self.potential, element)

    def label(self, configurations: Configurations) -> Labels:
        """Labels of every configuration; clusters and slabs are put into cells wider than the potential reaches.

        Without a volume of its own a configuration has no stress.

        Raises
        ------
        InputError
            If a configuration is not finite, has an element that the potential lacks, or has atoms nearer than
            ``OVERLAP``.
        EngineError
            If LAMMPS fails or gives a label that is not a finite number.
        """
        given, configurations = configurations, self._checked(configurations)
        cell, rotation = lower_triangular(configurations.cell)
        inside = _inside(configurations, cell, rotation)
        offsets = configurations.offsets
        energy, stress = np.empty(len(configurations)), np.empty((len(configurations), 3, 3))
        forces, atomic = np.empty(inside.shape), np.empty(len(inside))
        kinds = np.stack([configurations.n_atoms, (np.tril(cell, -1) == 0).all(axis=(1, 2))], axis=1)
        with _LOCK:
            for n, orthogonal in np.unique(kinds, axis=0).tolist():
                session = _session(os.getpid(), self.potential, n, bool(orthogonal))
                types = session.types_of(configurations.atomic_numbers)
                for c in np.flatnonzero((kinds == (n, orthogonal)).all(axis=1)).tolist():
                    atoms = slice(offsets[c], offsets[c + 1])
                    try:
                        energy[c], f, s, atomic[atoms] = session.compute(cell[c], inside[atoms], types[atoms])
                    except EngineError as error:
                        _session.cache_clear()
                        raise EngineError(f"configuration {c}: {error}") from error
                    forces[atoms] = f @ rotation[c]
                    stress[c] = rotation[c].T @ s @ rotation[c]
        opened = np.flatnonzero(~given.pbc.all(axis=1))
        if len(opened):
            stress[opened] = per_volume(stress[opened] * configurations.volume[opened, None, None], given.take(opened))
        owner = configurations.configuration_of_atom
        broken = ~(np.isfinite(energy) & (np.isfinite(stress).all(axis=(1, 2)) | given.without_volume))
        broken[owner[~np.isfinite(forces).all(axis=1)]] = True
        if broken.any():
            raise EngineError(f"configuration {np.flatnonzero(broken)[0]}: {self.id} gave a label that is not finite")
        return Labels(energy, forces.astype(np.float32), stress, atomic.astype(np.float32))

    def _checked(self, configurations: Configurations) -> Configurations:
        """The configurations in periodic cells, once they are known to be fit for the potential."""
        known = [atomic_numbers[e] for e in self.potential.spec.elements]
        strange = np.setdiff1d(configurations.atomic_numbers, known)
        if strange.size:
            raise InputError(
                f"{self.id} has {', '.join(self.potential.spec.elements)},"
                f" and the configurations have {', '.join(chemical_symbols[z] for z in strange)};"
                " choose a potential with that element"
            )
        _refuse(configurations.n_atoms < 1, "expected at least one atom")
        owner = configurations.configuration_of_atom
        bad = ~np.asarray(np.isfinite(configurations.cell).all(axis=(1, 2)))
        bad[owner[~np.isfinite(configurations.positions).all(axis=1)]] = True
        _refuse(bad, "the cell or a position is not a finite number")
        configurations = configurations.in_boxes(self.potential.spec.cutoff)
        _refuse(configurations.volume < 1e-3, "the cell has no volume")
        shortest = shortest_distances(configurations)
        near = shortest < OVERLAP
        if near.any():
            c = int(np.flatnonzero(near)[0])
            raise InputError(
                f"configuration {c}: atoms overlap, {shortest[c]:.3f} Å apart where at least {OVERLAP} Å is needed"
                f" ({near.sum()} of {len(configurations)} configurations); remove them"
            )
        return configurations


@lru_cache(maxsize=64)
def _isolated_energy(potential: ResolvedPotential, element: str) -> float:
    cell = 3.0 * potential.spec.cutoff * np.eye(3)
    alone = Configurations.build([cell], [np.zeros((1, 3))], [np.array([atomic_numbers[element]])])
    return float(LammpsLabeller(potential).label(alone).energy[0])


def _refuse(bad: NDArray[np.bool_], why: str) -> None:
    if bad.any():
        raise InputError(f"configuration {np.flatnonzero(bad)[0]}: {why}")


def _inside(
    configurations: Configurations, cell: NDArray[np.float64], rotation: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(A, 3) Å: the float32 positions, widened, in LAMMPS's orientation and wrapped into its cells."""
    owner = configurations.configuration_of_atom
    positions = configurations.positions.astype(np.float64)
    outside = np.floor(fractional_coordinates(cell, rotation, positions, owner))
    inside: NDArray[np.float64] = np.einsum("ai,aji->aj", positions, rotation[owner])
    inside -= np.einsum("ai,aij->aj", outside, cell[owner])
    return inside
