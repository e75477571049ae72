"""What `open_dataset` returns: a card, ASE Atoms, and datasets of some configurations."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from ase.build import bulk, make_supercell
from ase.calculators.emt import EMT

import foundational
from foundational.data.conversion import from_atoms, to_dataset
from foundational.data.extxyz import read_extxyz
from foundational.data.store import write_dataset
from foundational.dataset import Dataset
from foundational.errors import ConflictError, InputError
from foundational.provenance.record import LabellerRecord, ProvenanceRecord, write_record
from foundational.workspace.runner import describe

ABOUT = """\
title: Nickel & friends
element: Ni
licence: CC-BY-4.0
creators: [{name: "Tester, Anna"}]
description: For tests.
citations: [{text: "J. Doe, Phys. Rev. B 63, 224106 (2001)", why: Method}]
"""


def labelled(*sizes: int) -> xr.Dataset:
    """Rattled nickel crystals of 4, 8, … atoms, labelled by EMT."""
    frames = []
    for seed, size in enumerate(sizes):
        atoms = make_supercell(bulk("Ni", cubic=True), np.diag([size, 1, 1]))
        atoms.rattle(0.05, seed=seed)
        atoms.calc = EMT()
        atoms.info["REF_energy"], atoms.info["REF_stress"] = atoms.get_potential_energy(), atoms.get_stress()
        atoms.arrays["REF_forces"] = atoms.get_forces()
        frames.append(atoms)
    return to_dataset(from_atoms(frames), attrs={"element": "Ni", "labeller": "ase:ase.calculators.emt:EMT"})


def record_of(name: str, dataset: xr.Dataset) -> ProvenanceRecord:
    return ProvenanceRecord(
        stage="import",
        output=describe(name, dataset),
        inputs=(),
        element="Ni",
        labeller=LabellerRecord(id="ase:ase.calculators.emt:EMT", version="1", sha256=None),
        spec={},
        seed=1,
        software={},
    )


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with two datasets: one that is described, and one of which nothing is known."""
    root = tmp_path_factory.mktemp("project")
    (root / "dvc.yaml").touch()
    (root / "datasets" / "potentials").mkdir(parents=True)
    (root / "datasets" / "potentials" / "potentials.yaml").write_text("defaults: {}\npotentials: []\n")
    numbers = labelled(1, 2, 3, 1, 2)
    for name in ("ni", "local/unknown"):
        write_dataset(numbers, root / "datasets" / name / "data.zarr")
    write_record(root / "datasets" / "ni", record_of("ni", numbers))
    (root / "datasets" / "ni" / "about.yaml").write_text(ABOUT)
    return root


@pytest.fixture
def ni(project: Path) -> Dataset:
    return foundational.open_dataset("ni", project)


def test_a_dataset_prints_as_a_card(ni: Dataset):
    assert str(ni).splitlines() == [
        "ni: Nickel & friends",
        "  element         Ni",
        "  configurations  5 with 36 atoms",
        "  labels          energy (eV), forces (eV/Å), stress (eV/Å³)",
        "  labeller        ase:ase.calculators.emt:EMT",
        "  licence         CC-BY-4.0",
        "  cite            Anna Tester, Nickel & friends, not released; and 2 more, see .citation",
    ]
    assert (ni.elements, ni.labeller, ni.licence, ni.version) == (
        ("Ni",),
        "ase:ase.calculators.emt:EMT",
        "CC-BY-4.0",
        None,
    )
    assert "Phys. Rev. B 63" in ni.citation


def test_the_card_of_a_notebook_has_the_same_lines_escaped(ni: Dataset):
    html = ni._repr_html_()
    assert "<caption>ni: Nickel &amp; friends</caption>" in html
    assert html.count("<tr>") == len(str(ni).splitlines()) - 1


def test_what_is_not_known_is_not_shown(project: Path, tmp_path: Path):
    unknown = foundational.open_dataset("local/unknown", project)
    assert (unknown.record, unknown.licence, unknown.citation, unknown.version) == (None, None, None, None)
    assert not {"licence", "cite", "made"} & {line.split()[0] for line in str(unknown).splitlines()}
    bare = tmp_path / "ni.zarr"
    write_dataset(labelled(1), bare)
    assert str(foundational.open_dataset(bare)).startswith("dataset\n  element         Ni\n")


@pytest.mark.parametrize(
    "key",
    [slice(1, 3), slice(None, None, -2), [3, 0], np.array([-1]), np.array([True, False, False, True, False]), []],
    ids=str,
)
def test_slices_are_those_of_xarray(ni: Dataset, key):
    rows = np.arange(5)[key if len(np.shape(key)) == 0 or len(key) else np.array([], int)]
    part = ni[key]
    assert len(part) == len(rows)
    xr.testing.assert_identical(part["energy"], ni.xarray["energy"][rows])
    owners = np.repeat(np.arange(5), ni["n_atoms"].to_numpy())
    wanted = np.concatenate([np.flatnonzero(owners == row) for row in rows]) if len(rows) else np.array([], int)
    xr.testing.assert_identical(part["forces"], ni.xarray["forces"][wanted])


def test_slicing_reads_no_labels(ni: Dataset, monkeypatch: pytest.MonkeyPatch):
    read: list[str] = []
    original = foundational.data.integrity.stored_array.StoredRows.read

    def noting(self, key):
        read.append(self.name)
        return original(self, key)

    monkeypatch.setattr(foundational.data.integrity.stored_array.StoredRows, "read", noting)
    ni[1:3]
    assert set(read) <= {"n_atoms"}


def test_iteration_and_numbers_give_atoms_with_labels(ni: Dataset):
    frames = list(ni)
    assert [len(atoms) for atoms in frames] == [4, 8, 12, 4, 8]
    for i in (1, -4, np.int64(1)):
        assert ni[i] == frames[1]
        assert ni[i].get_potential_energy() == ni["energy"].to_numpy()[1]
        np.testing.assert_array_equal(ni[i].get_forces(), ni["forces"].to_numpy()[4:12])
        assert ni[i].get_stress().shape == (6,)
    assert ni.to_ase() == frames


@pytest.mark.parametrize("key", [5, -6, [0, 5], [True, False]])
def test_configurations_that_are_not_there_are_an_index_error(ni: Dataset, key):
    with pytest.raises(IndexError, match=r"of 5 configurations|each of 5"):
        ni[key]


@pytest.mark.parametrize(("key", "message"), [("force", "did you mean 'forces'"), (1.5, "a slice"), ([[1]], "a slice")])
def test_other_keys_are_refused_with_what_is_accepted(ni: Dataset, key, message):
    with pytest.raises(InputError, match=message):
        ni[key]


def test_a_selection_says_of_what_and_its_record_names_the_whole(ni: Dataset):
    part = ni[1:4][1:]
    assert str(part).startswith("2 of 5 configurations of ni\n")
    assert part.licence == ni.licence
    assert part.record.stage == "select"
    assert part.record.inputs == (ni.record.output,)
    assert part.record.output.fingerprint == part.fingerprint != ni.fingerprint
    assert part.record.parents == (ni.record,)


def test_a_saved_dataset_opens_as_it_was(ni: Dataset, tmp_path: Path):
    ni[:3].save(tmp_path / "part")
    again = foundational.open_dataset(tmp_path / "part")
    xr.testing.assert_identical(again.xarray.load(), ni[:3].xarray.load())
    assert again.record == ni[:3].record
    with pytest.raises(ConflictError):
        ni.save(tmp_path / "part")
    ni.save(tmp_path / "part", replace=True)
    assert len(foundational.open_dataset(tmp_path / "part")) == 5


def test_extended_xyz_loses_nothing(ni: Dataset, tmp_path: Path):
    ni.to_extxyz(tmp_path / "ni.xyz")
    assert Dataset(read_extxyz(tmp_path / "ni.xyz")).fingerprint == ni.fingerprint
