"""Small real configurations: metals of several sizes, shapes and species, rattled and labelled by ASE's EMT."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT

from foundational.data.configurations import Configurations
from foundational.data.conversion import from_atoms, to_dataset
from foundational.data.store import write_dataset


def rattled_metals() -> list[Atoms]:
    """Twelve cells of 1 to 32 atoms: cubic, primitive, sheared, an alloy."""
    rng = np.random.default_rng(7)
    alloy = bulk("Ni", cubic=True) * (1, 1, 2)
    alloy.numbers[::3] = 13
    prototypes = [bulk("Ni", cubic=True) * 2, bulk("Al"), alloy, bulk("Cu", cubic=True)]
    cells = []
    for number in range(12):
        atoms = prototypes[number % 4].copy()
        atoms.set_cell(atoms.cell.array @ (np.eye(3) + rng.normal(scale=0.02, size=(3, 3))), scale_atoms=True)
        atoms.positions += rng.normal(scale=0.05, size=atoms.positions.shape)
        cells.append(atoms)
    return cells


@pytest.fixture(scope="session")
def configurations() -> Configurations:
    frames = []
    unlabelled = from_atoms(rattled_metals())
    for i, atoms in enumerate(rattled_metals()):
        # Labels belong to the float32 positions.
        atoms.positions = unlabelled.take([i]).positions.astype(np.float32)
        atoms.calc = EMT()
        atoms.info["REF_energy"] = atoms.get_potential_energy()
        atoms.arrays["REF_forces"] = atoms.get_forces().astype(np.float32)
        atoms.info["REF_stress"] = atoms.get_stress(voigt=False)
        atoms.arrays["REF_atomic_energies"] = atoms.get_potential_energies().astype(np.float32)
        frames.append(atoms)
    return from_atoms(frames)


@pytest.fixture
def dataset(configurations: Configurations) -> xr.Dataset:
    count = len(configurations)
    return to_dataset(
        configurations,
        attrs={"element": "Ni"},
        walker=np.arange(count) % 2,
        step=np.arange(count) * 100,
        order_parameter=np.where(np.arange(count) == 3, np.nan, np.linspace(0, 1, count)),
        split=np.arange(count) % 3 == 0,
    )


@pytest.fixture
def store(dataset: xr.Dataset, tmp_path: Path) -> Path:
    path = tmp_path / "ni" / "data.zarr"
    write_dataset(dataset, path)
    return path
