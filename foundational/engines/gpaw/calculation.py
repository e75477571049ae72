"""One self-consistent calculation by GPAW: plane waves, PAW; with how it converged.

It needs nothing of this package but its errors, so that a machine without the package's dependencies can run it.
"""

import contextlib
import io
import os
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from foundational.errors import EngineError, InputError, MissingDependencyError, package_needed

#: Settings of a calculation and their values where none is given; docs/dft.md shows the test that chose them.
DEFAULTS: Final[dict[str, Any]] = {
    "xc": "PBE",
    "setups": "paw",  # name of the PAW data sets
    "ecut": 250.0,  # eV
    "spacing": 0.42,  # 1/Å, largest distance of two k-points along a reciprocal lattice vector
    "shift": 0.25,  # of the mesh, in steps along each vector: 0 (it contains Γ), 0.5, or 0.25 with the points −k added
    "smearing": "marzari-vanderbilt",
    "width": 0.6,  # eV
    "point_group": False,  # use the symmetry of the crystal, beside that of time
    "magnetic_moments": 0.0,  # μB for each atom at the start; 0: no spin
    "energy_tolerance": 1e-5,  # eV for each valence electron, over three steps
    "density_tolerance": 1e-4,  # electrons for each valence electron
    "eigenstates_tolerance": 4e-7,  # eV² for each valence electron
    "steps": 100,  # most steps of the self-consistent field
}

#: Fractional coordinates within which positions are symmetric: stored ones have the seven digits of float32.
_SYMMETRY: Final = 1e-6


@dataclass(frozen=True)
class SinglePoint:
    """What one calculation gives."""

    energy: float
    """eV, the free energy: the forces are its derivatives. The zero is the reference atoms of the PAW data sets."""
    energy_zero_width: float
    """eV, extrapolated to no smearing."""
    forces: NDArray[np.float64]
    """(N, 3) eV/Å."""
    stress: NDArray[np.float64]
    """(3, 3) eV/Å³, tension positive."""
    steps: int
    """Steps of the self-consistent field."""
    energy_residual: float
    """Change of the energy in the last step, eV for each valence electron."""
    density_residual: float
    """Integral of the last change of the density, electrons for each valence electron."""
    mesh: tuple[int, int, int]
    """k-points along the reciprocal lattice vectors."""


def complete_settings(chosen: Mapping[str, Any]) -> dict[str, Any]:
    """``chosen`` with the default of everything else.

    Raises
    ------
    InputError
        If a setting does not exist or has a value of another type.

    >>> complete_settings({"ecut": 350})["ecut"]
    350.0
    """
    found = dict(DEFAULTS)
    for name, value in chosen.items():
        default = DEFAULTS.get(name)
        if default is None:
            raise InputError(f"gpaw has no setting {name!r}; expected one of {', '.join(DEFAULTS)}")
        number = isinstance(default, int | float) and not isinstance(default, bool)
        if isinstance(value, bool) != isinstance(default, bool) or (
            not isinstance(value, int | float) if number else not isinstance(value, type(default))
        ):
            raise InputError(f"gpaw's setting {name!r}: expected a value such as {default!r}, got {value!r}")
        if number and not isinstance(value, bool) and value <= 0 and name not in ("magnetic_moments", "shift"):
            raise InputError(f"gpaw's setting {name!r}: expected a positive number, got {value!r}")
        found[name] = type(default)(value) if number else value
    if found["shift"] not in (0, 0.25, 0.5):
        raise InputError(f"gpaw's setting 'shift': expected 0, 0.25 or 0.5 steps, got {found['shift']!r}")
    return found


def mesh(cell: NDArray[np.float64], spacing: float) -> tuple[int, int, int]:
    """The fewest k-points along each reciprocal lattice vector whose distance is at most ``spacing``, 1/Å.

    >>> mesh(8.0 * np.eye(3), 0.42)
    (2, 2, 2)
    """
    lengths = 2 * np.pi * np.linalg.norm(np.linalg.inv(cell), axis=0)
    first, second, third = np.maximum(1, np.ceil(lengths / spacing - 1e-9)).astype(int).tolist()
    return first, second, third


def k_points(size: tuple[int, int, int], shift: float) -> NDArray[np.float64]:
    """(K, 3) the points of a mesh, in reciprocal lattice vectors, which time reversal maps onto each other.

    Shifted by a quarter of a step, a mesh and its mirror image at −k together are a body-centred mesh. It has the
    distances of one of nearly twice as many points, and as many of them to compute as the mesh itself has.

    >>> len(k_points((2, 2, 2), 0.25)), len(k_points((2, 2, 2), 0.5))
    (16, 8)
    """
    steps = np.indices(size).reshape(3, -1).T
    points = (steps + shift) / np.array(size)
    points -= np.round(points - 1e-9)
    found: NDArray[np.float64] = np.concatenate([points, -points]) if shift == 0.25 else points
    return found


def single_point(
    numbers: NDArray[np.integer],
    positions: NDArray[np.floating],
    cell: NDArray[np.float64],
    settings: Mapping[str, Any],
    log: str | None = None,
) -> SinglePoint:
    """Energy, forces and stress of one periodic configuration.

    Parameters
    ----------
    numbers
        (N,) atomic numbers.
    positions
        (N, 3) Å.
    cell
        (3, 3) Å, rows are lattice vectors.
    settings
        Those that differ from `DEFAULTS`.
    log
        File for GPAW's own output; None: none is written.

    Raises
    ------
    MissingDependencyError
        If GPAW is not installed.
    EngineError
        If the calculation fails or does not converge.
    """
    chosen = complete_settings(settings)
    points = mesh(np.asarray(cell, dtype=np.float64), chosen["spacing"])
    with _quiet():
        gpaw = _gpaw()
        atoms = import_module("ase").Atoms(
            numbers=numbers, positions=np.asarray(positions, dtype=np.float64), cell=cell, pbc=True
        )
        if chosen["magnetic_moments"]:
            atoms.set_initial_magnetic_moments([chosen["magnetic_moments"]] * len(atoms))
        try:
            calculator = gpaw.GPAW(
                mode={"name": "pw", "ecut": chosen["ecut"]},
                xc=chosen["xc"],
                setups=chosen["setups"],
                kpts=k_points(points, chosen["shift"]),
                occupations={"name": chosen["smearing"], "width": chosen["width"]},
                symmetry={"point_group": chosen["point_group"], "tolerance": _SYMMETRY},
                convergence={
                    "energy": chosen["energy_tolerance"],
                    "density": chosen["density_tolerance"],
                    "eigenstates": chosen["eigenstates_tolerance"],
                },
                maxiter=chosen["steps"],
                txt=log,
            )
            history = _History(calculator)
            atoms.calc = calculator
            energy = float(atoms.get_potential_energy(force_consistent=True))
            found = SinglePoint(
                energy,
                float(atoms.get_potential_energy()),
                np.array(atoms.get_forces(), dtype=np.float64),
                np.array(atoms.get_stress(voigt=False), dtype=np.float64),
                history.steps,
                history.energy_residual,
                history.density_residual,
                points,
            )
        except MemoryError:
            raise
        except Exception as error:
            words = " ".join(str(error).split())[:300]
            raise EngineError(f"gpaw failed: {type(error).__name__}: {words}") from error
    if not (np.isfinite(found.energy) and np.isfinite(found.forces).all() and np.isfinite(found.stress).all()):
        raise EngineError("gpaw gave a number that is not finite")
    return found


def version() -> str:
    """The package with its version.

    Raises
    ------
    MissingDependencyError
        If GPAW is not installed.
    """
    with _quiet():
        return f"gpaw {_gpaw().__version__}"


def setup_sha256(element: str, xc: str, setups: str = "paw") -> str:
    """Of the file of the PAW data set of ``element``, as it is stored (compressed).

    Raises
    ------
    MissingDependencyError
        If GPAW is not installed.
    InputError
        If it finds no such data set.
    """
    name = f"{element}.{xc}" if setups == "paw" else f"{element}.{setups}.{xc}"
    with _quiet():
        folders = [Path(folder) for folder in _gpaw().setup_paths]
    for folder in folders:
        for path in (folder / name, folder / f"{name}.gz"):
            if path.is_file():
                return sha256(path.read_bytes()).hexdigest()
    raise InputError(f"gpaw finds no PAW data set {name}; install gpaw-data, or name its folder in GPAW_SETUP_PATH")


class _History:
    """How a calculation converges, step by step."""

    def __init__(self, calculator: Any) -> None:
        self.steps, self.energy_residual, self.density_residual = 0, np.inf, np.inf
        self._energy = np.inf
        calculator.hooks["scf_step"] = self._record

    def _record(self, context: Any) -> None:
        electrons = float(context.wfs.nvalence)
        energy = float(context.energies.total_extrapolated) * _HARTREE
        self.steps = int(context.niter)
        self.energy_residual = abs(energy - self._energy) / electrons
        self.density_residual = float(context.dens.error) / electrons
        self._energy = energy


#: eV, CODATA 2014, which GPAW takes from ASE.
_HARTREE: Final = 27.211386024367243


def _gpaw() -> Any:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    try:
        return import_module("gpaw")
    except ImportError as error:
        raise MissingDependencyError(package_needed("gpaw", error)) from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without warnings and greetings; errors still come through."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield
