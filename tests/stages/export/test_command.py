"""`foundational export` as a user calls it."""

import json
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT

from foundational.cli.main import run
from foundational.data.conversion import from_atoms, to_dataset
from foundational.data.integrity.stored_array import StoredTable
from foundational.data.store import open_store, write_dataset
from foundational.interchange.writing import parts, plan
from foundational.provenance.record import LabellerRecord
from foundational.stages.export.command import export, stated_isolated_atoms


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Four strained cells of an alloy, labelled by EMT."""
    rng = np.random.default_rng(4)
    frames = []
    for _ in range(4):
        atoms = bulk("Ni", cubic=True)
        atoms.numbers[0] = 13
        atoms.set_cell(atoms.cell.array @ (np.eye(3) + rng.normal(scale=0.02, size=(3, 3))), scale_atoms=True)
        atoms.positions += rng.normal(scale=0.05, size=(4, 3))
        atoms.calc = EMT()
        atoms.info["REF_energy"] = atoms.get_potential_energy()
        atoms.arrays["REF_forces"] = atoms.get_forces()
        atoms.info["REF_stress"] = atoms.get_stress()
        atoms.calc = None
        frames.append(atoms)
    path = tmp_path / "set" / "data.zarr"
    write_dataset(to_dataset(from_atoms(frames)), path)
    return path


def call(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr("sys.argv", ["foundational", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        run()
    return int(ended.value.code or 0)


def test_the_json_names_files_labels_and_the_proof(store: Path, tmp_path: Path, monkeypatch, capsys):
    assert call(monkeypatch, "export", store, "--for", "mace", "-o", tmp_path / "out", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["proof"]["holds"]
    assert report["configurations"] == {"train": 4}
    assert report["labels"] == {"energy": 4, "forces": 4, "stress": 4}
    assert report["missing_isolated_atoms"] == ["Al", "Ni"]


def test_a_set_above_the_limit_is_never_in_memory_as_a_whole(store: Path, tmp_path: Path, monkeypatch):
    assert call(monkeypatch, "export", store, "--for", "deepmd", "-o", tmp_path / "at-once") == 0
    loaded, load = [], StoredTable.load

    def counted(table: StoredTable) -> StoredTable:
        loaded.append(table.sizes["configuration"])
        return load(table)

    monkeypatch.setattr(StoredTable, "load", counted)
    monkeypatch.setattr(parts, "BLOCK", 4)
    monkeypatch.setattr(plan, "_IN_MEMORY", 0)
    assert call(monkeypatch, "export", store, "--for", "deepmd", "-o", tmp_path / "in-blocks") == 0
    assert set(loaded) == {1}
    for path in (tmp_path / "at-once").rglob("*.npy"):
        assert path.read_bytes() == (tmp_path / "in-blocks" / path.relative_to(tmp_path / "at-once")).read_bytes()


def test_a_file_is_exported_like_a_dataset(store: Path, tmp_path: Path, monkeypatch, capsys):
    assert call(monkeypatch, "export", store, "--for", "ase", "-o", tmp_path / "first") == 0
    assert call(monkeypatch, "export", tmp_path / "first" / "train.xyz", "--for", "deepmd", "-o", tmp_path / "out") == 0
    assert "4 configurations for DeePMD-kit" in capsys.readouterr().out
    assert (tmp_path / "out" / "provenance.json").is_file()


def test_force_replaces_an_export_and_nothing_else(store: Path, tmp_path: Path, monkeypatch, capsys):
    out = tmp_path / "out"
    assert call(monkeypatch, "export", store, "--for", "mace", "-o", out) == 0
    assert call(monkeypatch, "export", store, "--for", "nep", "-o", out) == 1
    assert "exists already" in capsys.readouterr().err
    assert call(monkeypatch, "export", store, "--for", "nep", "-o", out, "--force") == 0
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.tex").write_text("text")
    assert call(monkeypatch, "export", store, "--for", "nep", "-o", mine, "--force") == 1
    assert "no export" in capsys.readouterr().err
    assert (mine / "thesis.tex").read_text() == "text"


def test_bad_input_is_one_line(store: Path, tmp_path: Path, monkeypatch, capsys):
    for arguments in (("--for", "mase"), ("--for", "mace", "--labels", "virial")):
        assert call(monkeypatch, "export", store, *arguments, "-o", tmp_path / "out") == 1
        assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_the_energy_of_an_isolated_atom_comes_from_the_record_of_the_labeller():
    class Record:
        labeller = LabellerRecord(
            id="x", version="1", sha256=None, parameters={"isolated_atom_eV": {"Ni": -0.5, "Nb": None}}
        )

    assert stated_isolated_atoms(Record()) == {"Ni": -0.5}


def test_a_file_is_no_folder_and_stays(store: Path, tmp_path: Path, monkeypatch, capsys):
    (tmp_path / "out").write_text("mine")
    assert call(monkeypatch, "export", store, "--for", "mace", "-o", tmp_path / "out", "--force") == 1
    assert "-o: expected a folder to write, got the file " in capsys.readouterr().err
    assert (tmp_path / "out").read_text() == "mine"


def test_a_choice_of_configurations_is_exported_with_its_condition(distilled_project: Path, tmp_path: Path):
    count = int((open_store(distilled_project / "datasets/ni/data.zarr")["split"] == 1).sum())
    report = export("ni", "ase", tmp_path / "out", distilled_project, where="split = validation")
    assert report.configurations == {"valid": count}
    record = json.loads((tmp_path / "out" / "provenance.json").read_text())
    assert record["stage"] == "select"
    assert record["spec"] == {"where": "split = validation"}
    assert record["output"]["n_configurations"] == count
