"""Phonons by finite displacements, computed by phonopy (doi:10.1088/1361-648X/acd831)."""

from typing import Final

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from foundational.errors import MissingDependencyError, package_needed
from foundational.evaluation.materials.engine import Engine, Metal
from foundational.science.crystals import build_crystal

#: Å; forces of so small a displacement need 1e-5 eV/Å, which float64 positions give.
_DISPLACEMENT: Final = 0.02
_SUPERCELL: Final = {"fcc": np.diag([3, 3, 3]), "bcc": np.diag([4, 4, 4]), "hcp": np.diag([4, 4, 3])}
_PRIMITIVE: Final = {"fcc": "F", "bcc": "I", "hcp": "P"}  # centring of the cells
#: Points at which frequencies are compared, in reciprocal vectors of the primitive cell.
POINTS: Final = {
    "fcc": {"X": (0.5, 0.0, 0.5), "L": (0.5, 0.5, 0.5)},
    "bcc": {"H": (0.5, -0.5, 0.5), "N": (0.0, 0.0, 0.5), "P": (0.25, 0.25, 0.25)},
    "hcp": {"M": (0.5, 0.0, 0.0), "K": (1 / 3, 1 / 3, 0.0), "A": (0.0, 0.0, 0.5)},
}
_PATH_POINTS: Final = 12  # between the centre and each of the points above


def phonon_frequencies(engine: Engine, metal: Metal) -> dict[str, NDArray[np.float64]]:
    """Frequencies, THz, imaginary ones negative: at each of `POINTS`, and all along the paths to them as ``path``.

    Raises
    ------
    MissingDependencyError
        If phonopy is not installed.
    """
    try:
        from phonopy import Phonopy  # noqa: PLC0415 - an extra
        from phonopy.structure.atoms import PhonopyAtoms  # noqa: PLC0415
    except ImportError as error:
        raise MissingDependencyError(package_needed("phonopy")) from error
    crystal = build_crystal(metal.structure, metal.volume, (1, 1, 1))
    cell = PhonopyAtoms(
        numbers=[metal.number] * len(crystal), cell=crystal.cell, scaled_positions=crystal.fractional % 1
    )
    phonons = Phonopy(cell, _SUPERCELL[metal.structure], primitive_matrix=_PRIMITIVE[metal.structure], log_level=0)
    phonons.generate_displacements(distance=_DISPLACEMENT)
    perfect = engine.calculator
    forces = []
    for displaced in phonons.supercells_with_displacements or []:
        atoms = Atoms(numbers=displaced.numbers, positions=displaced.positions, cell=displaced.cell, pbc=True)
        atoms.calc = perfect
        forces.append(atoms.get_forces())
    phonons.forces = forces
    phonons.produce_force_constants()
    points = POINTS[metal.structure]
    found = {name: np.sort(phonons.run_qpoints([q]).frequencies[0]) for name, q in points.items()}
    steps = np.arange(1, _PATH_POINTS + 1) / _PATH_POINTS
    along = [
        np.sort(phonons.run_qpoints([step * np.asarray(q)]).frequencies[0]) for q in points.values() for step in steps
    ]
    return found | {"path": np.concatenate(along)}
