"""One block of molecular dynamics under a bias: a pure function of state, bias, plan and seed.

``fix external`` adds the bias to the pair forces, then ``fix nph`` moves atoms and cell, and ``fix langevin`` holds T0.
A block begins with fresh random numbers and a fresh momentum of the cell, drawn from its own distribution, so that
positions, velocities and cell are the whole state; the LAMMPS instance that a process keeps is only a cache. With
`Bias.canonical` the same block is plain NPT.
"""

import ctypes
import os
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from ase.data import atomic_masses, atomic_numbers
from numpy.typing import NDArray

from foundational.engines.lammps.library import lammps_instance, run_commands
from foundational.engines.lammps.potentials import ResolvedPotential
from foundational.engines.momt.kernel import CONTEXT, FRAME_HEAD, callback
from foundational.errors import EngineError
from foundational.science.bias import Bias
from foundational.science.crystals import Structure, build_crystal
from foundational.science.order_parameter import check_supercell, shortest_waves
from foundational.seeds import derive, generator
from foundational.units import BAR, BOLTZMANN

_FS = 1e-3  # LAMMPS's picosecond
_COUPLING = {"isotropic": "iso", "orthorhombic": "aniso", "triclinic": "tri"}


@dataclass(frozen=True)
class System:
    """Atoms and their equations of motion."""

    potential: ResolvedPotential
    element: str
    structure: Structure
    repeats: int
    pressure: float
    """bar"""
    timestep: float
    """fs"""
    thermostat_time: float
    """fs, of the Langevin friction."""
    barostat_time: float
    """fs, the period of the cell's motion."""
    cell: Literal["isotropic", "orthorhombic", "triclinic"]
    shape_stiffness: float = 0.0
    """eV, of the restraint of a flexible cell's shape; 0: none."""
    start_volume: float | None = None
    """Å³ per atom of the crystal from which runs start; None: that of the element's own ground state."""

    @property
    def n_atoms(self) -> int:
        """Atoms in the supercell."""
        return len(build_crystal(self.structure, 1.0, (self.repeats,) * 3))


@dataclass(frozen=True, eq=False)
class WalkerState:
    """Where a walker is: all that the next block starts from."""

    positions: NDArray[np.float64]
    """(N, 3) Å, from the corner of the cell."""
    velocities: NDArray[np.float64]
    """(N, 3) Å/fs"""
    cell: NDArray[np.float64]
    """(3, 3) Å, rows are lattice vectors, lower triangular."""
    side: int = 0
    """Where O last was: −1 liquid, 1 crystal, 0 neither yet."""


@dataclass(frozen=True)
class BlockSchedule:
    """What a block does beside moving."""

    steps: int
    hill_stride: int
    """Steps between visits that are counted and, while learning, hills."""
    height: float
    """eV, of a hill; 0 leaves the bias as it is."""
    width: tuple[float, float]
    """Bins of H and O, of a hill."""
    frame_stride: int
    """Steps between stored frames; 0 stores none."""


@dataclass(frozen=True, eq=False)
class Block:
    """What came out of a block."""

    state: WalkerState
    increments: NDArray[np.float64]
    """(B_h+3, B_o+3) eV, what the hills added to the coefficients."""
    visits: NDArray[np.int64]
    """(B_h, B_o)"""
    frames: NDArray[np.float64]
    """(F, 9 + 3N): step, H, O, lx, ly, lz, xy, xz, yz, positions from the corner of the cell."""
    crossings: int
    inside: float
    """Share of the steps with H inside the window."""
    seconds: float
    """Wall time of the dynamics alone."""


def perfect_crystal(system: System, volume: float, temperature: float, seed: int) -> WalkerState:
    """The symmetric crystal with ``volume`` Å³ per atom and velocities of ``temperature`` K; its centre is at rest."""
    crystal = build_crystal(system.structure, volume, (system.repeats,) * 3)
    mass = atomic_masses[atomic_numbers[system.element]]
    sigma = np.sqrt(BOLTZMANN * temperature / mass * _U_A2_PER_FS2)
    velocities = generator(seed, "velocities").normal(0.0, sigma, (len(crystal), 3))
    return WalkerState(crystal.positions, velocities - velocities.mean(axis=0), crystal.cell)


#: eV/u in Å²/fs².
_U_A2_PER_FS2 = 9.648533212e-3


class _Engine:
    """A LAMMPS instance with the fix and the record through which the compiled step talks to it."""

    def __init__(self, system: System) -> None:
        self.system = system
        check_supercell(system.structure, system.repeats)
        self.n_atoms = system.n_atoms
        self.lammps = lmp = lammps_instance()
        shape = "0 1 0 1 0 1" if system.cell != "triclinic" else "0 1 0 1 0 1 0 0 0"
        run_commands(
            lmp,
            "units metal",
            "atom_modify map yes sort 0 0",
            f"region cell {'block' if system.cell != 'triclinic' else 'prism'} {shape}",
            "create_box 1 cell",
            f"mass 1 {float(atomic_masses[atomic_numbers[system.element]])!r}",
        )
        sites = build_crystal(system.structure, 1.0, (system.repeats,) * 3).fractional
        lmp.create_atoms(self.n_atoms, None, [1] * self.n_atoms, list(sites.ravel()))
        run_commands(
            lmp,
            *system.potential.pair_commands([system.element]),
            "neighbor 1.0 bin",
            "neigh_modify every 1 delay 0 check yes",
            f"timestep {system.timestep * _FS!r}",
            "thermo 0",
            "compute potential all pe pair",
            "compute virial all pressure NULL pair",
            "fix bias all external pf/callback 1 1",
        )
        self._kept: list[Any] = []
        self.context = self._context()
        compiled = callback()
        set_callback = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 4)(("lammps_set_fix_external_callback", lmp.lib))
        set_callback(self._handle, self._name("bias"), compiled.address, self.context.ctypes.data)

    def _array(self, array: NDArray[Any]) -> int:
        """The address of an array that must outlive this call."""
        self._kept.append(array)
        return int(array.ctypes.data)

    def _name(self, name: str) -> int:
        return self._array(np.frombuffer(name.encode() + b"\0", dtype=np.uint8).copy())

    @property
    def _handle(self) -> int:
        lmp = self.lammps.lmp
        return int(lmp if isinstance(lmp, int) else lmp.value)

    def _context(self) -> NDArray[Any]:
        context = np.zeros(1, dtype=CONTEXT)
        context["lammps"] = self._handle
        for field, name in (("pe_id", "potential"), ("pair_id", "virial"), ("fix_id", "bias"), ("forces_name", "f")):
            context[field] = self._name(name)
        extract = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p)(
            ("lammps_extract_global", self.lammps.lib)
        )
        for field, name in (("lo", "boxlo"), ("hi", "boxhi"), ("xy", "xy"), ("xz", "xz"), ("yz", "yz")):
            context[field] = extract(self._handle, name.encode())
        signs = shortest_waves(self.system.structure)
        context["signs"] = self._array(signs)
        context["waves"] = self._array(np.zeros((self.n_atoms + 1, len(signs), 2)))
        context["n_waves"], context["repeats"] = len(signs), self.system.repeats
        context["pressure"] = self.system.pressure * BAR
        context["shape_stiffness"] = self.system.shape_stiffness
        return context

    def _atoms(self, name: str) -> NDArray[np.float64]:
        """A live view on LAMMPS's (N, 3) positions or velocities."""
        rows = self.lammps.extract_atom(name)
        return _rows(rows, self.n_atoms)

    def run(self, state: WalkerState, bias: Bias, plan: BlockSchedule, seed: int) -> Block:
        """See `run_block`."""
        lmp, system = self.lammps, self.system
        knots = np.array(bias.knots_h, dtype=np.float64), np.array(bias.knots_t, dtype=np.float64)
        coefficients = np.array(bias.coefficients, dtype=np.float64)
        increments = np.zeros_like(coefficients)
        visits = np.zeros(bias.bins, dtype=np.int64)
        n_frames = plan.steps // plan.frame_stride if plan.frame_stride else 0
        frames = np.zeros((n_frames, FRAME_HEAD + 3 * self.n_atoms))
        context = self.context[0]
        for field, array in (
            ("knots_h", knots[0]),
            ("knots_t", knots[1]),
            ("coefficients", coefficients),
            ("increments", increments),
            ("visits", visits),
            ("frames", frames),
        ):
            context[field] = array.ctypes.data
        context["n_knots"] = len(knots[0])
        context["bins_h"], context["bins_o"] = bias.bins
        context["hill_stride"], context["frame_stride"] = plan.hill_stride, plan.frame_stride
        context["height"], (context["width_h"], context["width_o"]) = plan.height, plan.width
        context["n_frames"] = context["crossings"] = context["steps_inside"] = 0
        context["side"] = state.side
        context["temperature"] = bias.temperature
        context["kick"] = self._kick(bias.temperature, seed)

        (lx, ly, lz), (xy, xz, yz) = np.diag(state.cell).tolist(), state.cell[[1, 2, 2], [0, 0, 1]].tolist()
        tilt = f" xy final {xy!r} xz final {xz!r} yz final {yz!r}" if system.cell == "triclinic" else ""
        t0, p0 = bias.temperature, system.pressure
        for fix in ("motion", "thermostat"):
            if lmp.has_id("fix", fix):
                lmp.command(f"unfix {fix}")
        lmp.commands_list(
            [
                "reset_timestep 0",
                f"change_box all x final 0 {lx!r} y final 0 {ly!r} z final 0 {lz!r}{tilt} units box",
                f"fix motion all nph {_COUPLING[system.cell]} {p0} {p0} {system.barostat_time * _FS!r}"
                f" ptemp {t0!r} pchain 0 flip no",
                "compute_modify motion_temp extra/dof 0",
                f"fix thermostat all langevin {t0!r} {t0!r} {system.thermostat_time * _FS!r}"
                f" {derive(seed, 'langevin') % 899_999_999 + 1} zero no",
            ]
        )
        positions, velocities = self._atoms("x"), self._atoms("v")
        positions[:], velocities[:] = state.positions, state.velocities / _FS
        start = time.perf_counter()
        try:
            lmp.command(f"run {plan.steps}")
        except Exception as error:
            _engine.cache_clear()  # LAMMPS may be in any state after an error
            raise EngineError(f"the dynamics failed: {error}; try a shorter timestep") from error
        seconds = time.perf_counter() - start
        lo, hi, xy, yz, xz, _, _ = lmp.extract_box()
        cell = np.diag(np.subtract(hi, lo))
        cell[1, 0], cell[2, 0], cell[2, 1] = xy, xz, yz
        positions, velocities = self._atoms("x"), self._atoms("v")
        after = WalkerState(positions - lo, velocities * _FS, cell, int(context["side"]))
        if not np.isfinite(after.positions).all():
            raise EngineError("the dynamics ended in positions that are not numbers; try a shorter timestep")
        inside = float(context["steps_inside"]) / (plan.steps + 1)
        return Block(after, increments, visits, frames, int(context["crossings"]), inside, seconds)

    def _kick(self, temperature: float, seed: int) -> NDArray[np.float64]:
        """A virial (eV; xx yy zz xy xz yz) that, in the first half step, gives the cell its momentum at T0.

        ``fix nph`` starts with the cell at rest. Its rate ω' has the mass W = (N+1) kT τ² in each of the coupled
        directions and gains ΔW/W·Δt/2 from a virial ΔW in the first half step (LAMMPS, fix_nh.cpp).
        """
        mass = (self.n_atoms + 1) * BOLTZMANN * temperature * (self.system.barostat_time) ** 2
        draws = generator(seed, "cell").normal(size=6)
        if self.system.cell == "isotropic":
            draws[:3] = draws[0] / 3**0.5
        if self.system.cell != "triclinic":
            draws[3:] = 0.0
        rates = np.sqrt(BOLTZMANN * temperature / mass) * draws
        return np.asarray(mass * rates / (self.system.timestep / 2))


def _rows(rows: Any, n: int) -> NDArray[np.float64]:
    """LAMMPS keeps (N, 3) arrays as row pointers into one contiguous piece."""
    first = ctypes.cast(rows[0], ctypes.POINTER(ctypes.c_double))
    return np.ctypeslib.as_array(first, shape=(n, 3))


@lru_cache(maxsize=2)
def _engine(system: System, _process: int) -> _Engine:
    return _Engine(system)


def run_block(system: System, state: WalkerState, bias: Bias, plan: BlockSchedule, seed: int) -> Block:
    """Advance ``state`` by ``plan.steps`` steps under ``bias``.

    The result depends on the arguments alone, bit for bit on one machine, whatever ran in this process before.

    Raises
    ------
    EngineError
        If LAMMPS loses atoms or the numbers overflow.
    """
    return _engine(system, os.getpid()).run(state, bias, plan, seed)
