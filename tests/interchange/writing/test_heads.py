"""Labels of two methods, written for one network with a head for each."""

import ast
import json

import ase.io
import numpy as np
import pytest
from ruamel.yaml import YAML

from foundational.data.configurations import Labels
from foundational.data.conversion import to_dataset
from foundational.errors import InputError
from foundational.interchange.writing.exporting import ExportOptions, export_dataset
from foundational.interchange.writing.heads import _names
from foundational.interchange.writing.report import Origin
from foundational.interchange.writing.targets import target_named
from foundational.labelling.theories import beside
from foundational.provenance.method import MethodRecord
from foundational.testing.crystals import rattled_crystals

ORIGIN = Origin("local/two", None, "0" * 64, isolated={"Ni": -1.5})


def two_theories():
    c = rattled_crystals(6, 1)
    rng = np.random.default_rng(0)
    sets = []
    for _ in range(2):
        stress = rng.normal(scale=0.01, size=(6, 3, 3))
        labels = Labels(rng.normal(-100, 1, 6), rng.normal(size=c.positions.shape), stress + stress.transpose(0, 2, 1))
        split = np.array([0, 0, 0, 0, 1, 1], dtype=np.int8)
        sets.append(to_dataset(c.with_labels(labels), attrs={"labeller": "x"}, split=split))
    return beside(*sets, (MethodRecord(id="lammps:NiNb"), MethodRecord(id="qe-lda")))


def test_each_head_has_its_own_files_with_its_own_labels(tmp_path):
    dataset = two_theories()
    report = export_dataset(dataset, ORIGIN, target_named("mace"), tmp_path / "out", ExportOptions(heads=True))
    assert report.proof.holds
    assert report.configurations == {
        "lammps_NiNb-train": 4,
        "lammps_NiNb-valid": 2,
        "qe-lda-train": 4,
        "qe-lda-valid": 2,
    }
    energies = dataset["energy"].to_numpy()
    for head, rows in (("lammps_NiNb", range(4)), ("qe-lda", range(6, 10))):
        frames = ase.io.read(tmp_path / "out" / f"{head}-train.xyz", ":")
        assert [frame.info["REF_energy"] for frame in frames] == energies[list(rows)].tolist()
        assert len((tmp_path / "out" / f"{head}-train.ids.txt").read_text().split()) == 4
    settings = YAML(typ="safe").load(tmp_path / "out" / "mace.yaml")
    heads = ast.literal_eval(settings["heads"])  # as mace/cli/run_train.py reads it
    assert heads["qe-lda"] == {"train_file": "qe-lda-train.xyz", "E0s": "average", "valid_file": "qe-lda-valid.xyz"}
    assert "train_file" not in settings
    assert json.loads((tmp_path / "out" / "proof.json").read_text())["holds"]


def test_without_heads_the_mixture_is_named(tmp_path):
    report = export_dataset(two_theories(), ORIGIN, target_named("mace"), tmp_path / "out")
    assert any("several methods" in remark for remark in report.remarks)


def test_heads_need_two_methods_and_a_trainer_that_has_heads(tmp_path):
    one = two_theories().isel(configuration=slice(0, 6), atom=slice(0, 192))
    with pytest.raises(InputError, match="two methods or more, one a head, got lammps:NiNb"):
        export_dataset(one, ORIGIN, target_named("mace"), tmp_path / "out", ExportOptions(heads=True))
    with pytest.raises(InputError, match="such as mace, got nep"):
        export_dataset(two_theories(), ORIGIN, target_named("nep"), tmp_path / "out", ExportOptions(heads=True))
    assert not (tmp_path / "out").exists()


def test_names_of_heads_are_plain_and_none_stands_twice():
    found = _names(["lammps:Ni Nb", "lammps/Ni_Nb", "qe lda (PZ)", "μ"])
    assert found == {
        "lammps:Ni Nb": "lammps_Ni_Nb",
        "lammps/Ni_Nb": "lammps_Ni_Nb_2",
        "qe lda (PZ)": "qe_lda_PZ",
        "μ": "head",
    }
