"""What ASE reads: results keep the meaning that ASE gives them, and files of VASP say their method."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import Trajectory, write

from foundational.errors import InputError
from foundational.interchange.importing import import_files
from foundational.interchange.reading.ase_files import AseFiles
from foundational.interchange.reading.formats import reader_for
from tests.interchange.dft_files import GPAW, PWSCF
from tests.interchange.vasp_files import OUTCAR, VASPRUN


@pytest.fixture
def atoms() -> Atoms:
    atoms = bulk("Cu", cubic=True) * (1, 1, 2)
    atoms.rattle(0.05, seed=3)
    return atoms


def test_a_trajectory_comes_back_bit_for_bit(atoms, tmp_path):
    path = tmp_path / "run.traj"
    with Trajectory(path, "w") as trajectory:
        for i in range(3):
            atoms.rattle(0.02, seed=i)
            atoms.calc = EMT()
            atoms.get_stress()
            trajectory.write(atoms)
    frames = list(reader_for(path).read(path))
    assert len(frames) == 3
    assert np.array_equal(frames[2].positions, atoms.positions)
    assert np.array_equal(frames[2].results["forces"], atoms.get_forces())
    assert np.allclose(frames[2].results["stress"], atoms.get_stress(voigt=False), atol=1e-15)


def test_the_energy_to_which_forces_belong_is_taken_from_a_trajectory(atoms, tmp_path):
    atoms.calc = SinglePointCalculator(atoms, energy=-10.0, free_energy=-10.02, forces=np.zeros((8, 3)))
    write(tmp_path / "a.traj", atoms)
    imported = import_files([tmp_path / "a.traj"])
    assert imported.dataset["energy"].item() == -10.02
    assert imported.dataset["imported_energy"].item() == -10.0


def test_vasprun_gives_labels_and_method(tmp_path):
    path = tmp_path / "vasprun.xml"
    path.write_text(VASPRUN)
    imported = import_files([path])
    dataset = imported.dataset
    assert dataset["energy"].item() == -3.72
    assert dataset["forces"].to_numpy().tolist() == [[0.5, 0.25, 0.0], [-0.5, -0.25, 0.0]]
    assert dataset["stress"].to_numpy()[0, 0, 0] == pytest.approx(-10 / 1602.1766208)
    assert dataset["stress"].to_numpy()[0, 0, 1] == pytest.approx(-1 / 1602.1766208)
    (method,) = dataset.attrs["methods"]
    assert (method["code"], method["version"], method["functional"]) == ("VASP", "6.3.0", "PBE")
    assert (method["cutoff_eV"], method["spin"], method["k_points"]) == (400.0, "none", "3x3x3")
    assert method["pseudopotentials"] == ["PAW_PBE Al 04Jan2001"]
    assert method["energy_kind"] == "free_energy"


def test_outcar_gives_labels_and_method(tmp_path):
    path = tmp_path / "OUTCAR"
    path.write_text(OUTCAR)
    imported = import_files([path])
    assert imported.dataset["energy"].item() == -3.72
    assert imported.dataset["forces"].to_numpy().tolist() == [[0.5, 0.25, 0.0], [-0.5, -0.25, 0.0]]
    assert imported.dataset["stress"].to_numpy()[0, 1, 2] == pytest.approx(-5 / 1602.1766208)
    (method,) = imported.dataset.attrs["methods"]
    assert (method["version"], method["functional"], method["cutoff_eV"]) == ("6.3.0", "PBE", 400.0)


def test_a_damaged_file_is_named_in_one_line(tmp_path):
    path = tmp_path / "vasprun.xml"
    path.write_text(VASPRUN[: len(VASPRUN) // 3])
    with pytest.raises(InputError, match=r"vasprun\.xml: ASE cannot read it as vasp-xml") as caught:
        import_files([path])
    assert "\n" not in str(caught.value)
    assert not AseFiles().accepts(tmp_path / "absent")


def test_quantum_espresso_gives_labels_in_the_units_of_the_layout(tmp_path):
    """A pressure of 32.04 kbar is compression: the stress, tension positive, is −3.204 GPa."""
    (tmp_path / "pw.out").write_text(PWSCF)
    dataset = import_files([tmp_path / "pw.out"]).dataset
    assert dataset["energy"].item() == pytest.approx(-20 * 13.605693122994, rel=1e-7)
    assert dataset["forces"].to_numpy()[0, 0] == pytest.approx(0.1 * 13.605693122994 / 0.529177210903, rel=1e-6)
    assert dataset["stress"].to_numpy()[0, 0, 0] == pytest.approx(-3.204 / 160.2176634, rel=1e-3)
    assert dataset["stress"].to_numpy()[0, 0, 1] == pytest.approx(-0.147 / 160.2176634, rel=2e-3)
    assert dataset["cell"].to_numpy()[0, 0, 0] == pytest.approx(4.0, rel=1e-5)
    assert dataset["positions"].to_numpy()[1] == pytest.approx([2.0, 2.0, 1.0], rel=1e-5)
    (method,) = dataset.attrs["methods"]
    assert (method["code"], method["version"], method["functional"]) == ("Quantum ESPRESSO", "7.2", "PBE")
    assert method["cutoff_eV"] == pytest.approx(40 * 13.605693122994, abs=1e-2)


def test_gpaw_gives_the_energy_to_which_forces_belong(tmp_path):
    (tmp_path / "gpaw.txt").write_text(GPAW)
    dataset = import_files([tmp_path / "gpaw.txt"]).dataset
    assert dataset["energy"].item() == -6.55
    assert dataset["forces"].to_numpy()[:, 2].tolist() == [0.25, -0.25]
    assert dataset["stress"].to_numpy()[0].tolist() == np.diag([0.01, 0.01, 0.02]).tolist()
    assert dataset.attrs["methods"][0]["code"] == "GPAW"
