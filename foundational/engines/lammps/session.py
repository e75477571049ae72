"""One LAMMPS instance that is given configuration after configuration of N atoms and says energy, forces and stress."""

import ctypes
from typing import Any, Final

import numpy as np
from ase.data import atomic_masses, atomic_numbers
from numpy.typing import NDArray

from foundational.engines.lammps.library import lammps_instance, run_commands
from foundational.engines.lammps.potentials import ResolvedPotential

#: LAMMPS's own factor from eV/Å³ to bar in ``units metal``: dividing by it gives the virial back exactly.
_NKTV2P: Final = 1.6021765e6
#: In tilted cells of up to this many atoms LAMMPS's N² neighbour search is faster than its bins.
_SMALL: Final = 64

_Double = ctypes.POINTER(ctypes.c_double)


class LammpsSession:
    """LAMMPS with one potential and N atoms in an orthogonal or a tilted cell, kept alive between configurations.

    ``run 0`` reads the potential's tables again each time and takes 0.6 ms. Here a step of a run without an integrator
    (``run 1 pre no``: no set-up, atoms do not move) rebuilds the neighbour list and computes everything, three to four
    times as fast and equal bit for bit. ``fix box/relax`` announces that the box may have changed; it acts in
    minimisations only: without such a fix, LAMMPS keeps its ghost-atom cutoffs and bins from the first box. Every
    label depends on its own configuration alone, not on what came before.
    """

    def __init__(self, potential: ResolvedPotential, n_atoms: int, orthogonal: bool) -> None:
        elements = potential.spec.elements
        self._type_of = {atomic_numbers[e]: i for i, e in enumerate(elements, start=1)}
        self._types: NDArray[np.int32] = np.ones(n_atoms, np.int32)
        self._positions = np.empty((n_atoms, 3))
        self._n = n_atoms
        self._orthogonal = orthogonal
        self._started = False
        self._lammps: Any = lammps_instance()
        run_commands(
            self._lammps,
            "units metal",
            "atom_style atomic",
            "atom_modify map array sort 0 0",
            "boundary p p p",
            "box tilt large",  # change_box passes through cells that combine old edges and new tilts
            f"region cell {'block' if orthogonal else 'prism'} 0 10 0 10 0 10{'' if orthogonal else ' 0 0 0'}",
            f"create_box {len(elements)} cell",
        )
        spread = np.arange(3 * n_atoms) * 0.6180339887 % 1.0 * 10.0  # anywhere: replaced before any run
        self._lammps.create_atoms(n_atoms, list(range(1, n_atoms + 1)), self._types.tolist(), spread.tolist())
        run_commands(
            self._lammps,
            *(f"mass {i} {atomic_masses[z]}" for z, i in self._type_of.items()),
            *potential.pair_commands(elements),
            f"neighbor 0.0 {'bin' if orthogonal or n_atoms > _SMALL else 'nsq'}",
            "neigh_modify delay 0 every 1 check no one 20000 page 400000",
            "fix box all box/relax iso 0.0",
            "compute atomic all pe/atom",
            "compute sum all reduce sum c_atomic",
            "compute virial all pressure NULL virial",
            "thermo_style custom step pe c_sum c_virial[1]",  # asks for what is read below to be tallied each step
            "thermo 1",
            "timer off",
        )

    def types_of(self, numbers: NDArray[np.uint8]) -> NDArray[np.int32]:
        """(N,) LAMMPS types of atomic numbers that the potential has."""
        return np.array([self._type_of[int(z)] for z in numbers], dtype=np.int32)

    def compute(
        self, cell: NDArray[np.float64], positions: NDArray[np.float64], types: NDArray[np.int32]
    ) -> tuple[float, NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Energy and its derivatives for one configuration in LAMMPS's orientation.

        Parameters
        ----------
        cell
            (3, 3) Å, lower-triangular; diagonal in a session for orthogonal cells.
        positions
            (N, 3) Å, inside the cell.
        types
            (N,) LAMMPS types, from 1.

        Returns
        -------
        energy, forces, stress, atomic_energies
            eV; (N, 3) eV/Å; (3, 3) eV/Å³, tension positive; (N,) eV.

        Raises
        ------
        EngineError
            If LAMMPS fails; the session is of no more use then.
        """
        (lx, _, _), (xy, ly, _), (xz, yz, lz) = cell.tolist()
        tilt = "" if self._orthogonal else f" xy final {xy!r} xz final {xz!r} yz final {yz!r}"
        run_commands(self._lammps, f"change_box all x final 0 {lx!r} y final 0 {ly!r} z final 0 {lz!r}{tilt} units box")
        lammps = self._lammps
        self._positions[:] = positions
        lammps.scatter_atoms("x", 1, 3, self._positions.ctypes.data_as(_Double))
        if not np.array_equal(types, self._types):
            self._types = types.copy()
            lammps.scatter_atoms("type", 0, 1, self._types.ctypes.data_as(ctypes.POINTER(ctypes.c_int)))
        run_commands(self._lammps, "run 1 pre no post no" if self._started else "run 0 post no")
        self._started = True
        order = np.ctypeslib.as_array(lammps.extract_atom("id"), (self._n,)) - 1
        forces = np.empty((self._n, 3))
        forces[order] = np.ctypeslib.as_array(ctypes.cast(lammps.extract_atom("f")[0], _Double), (self._n, 3))
        atomic = np.empty(self._n)
        atomic[order] = np.ctypeslib.as_array(lammps.extract_compute("atomic", 1, 1), (self._n,))
        xx, yy, zz, xy, xz, yz = lammps.extract_compute("virial", 0, 1)[:6]
        stress = np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]]) / -_NKTV2P
        return float(lammps.extract_compute("thermo_pe", 0, 0)), forces, stress, atomic
