import json
import shutil

import pytest

from foundational.cli.maintain import crystal_table
from foundational.maintenance.quick import DATASETS, prepare, summary
from foundational.specs.params import read_params
from foundational.specs.parsing import read_yaml
from foundational.workspace.validations import write_validation
from tests.validation_reports import report


@pytest.fixture
def root(distilled_project, checkout, tmp_path):
    root = tmp_path / "project"
    shutil.copytree(distilled_project, root, symlinks=True)
    for name in ("params.yaml", "params.quick.yaml"):
        shutil.copyfile(checkout / name, root / name)
    (root / "foundational").mkdir()
    return root


def outside(root):
    return {p: p.stat().st_mtime_ns for p in root.rglob("*") if "build" not in p.relative_to(root).parts}


def test_the_quick_root_leaves_the_project_untouched(root):
    before = outside(root)
    quick = prepare(root)
    assert outside(root) == before
    assert (quick / "dvc.yaml").read_bytes() == (root / "dvc.yaml").read_bytes()
    assert (quick / "datasets/ni-holdout/data.zarr").exists()
    assert (quick / "datasets/potentials/NiNb.eam.fs").exists()


def test_quick_is_the_same_parameters_but_for_the_overlay(root):
    quick = read_params(prepare(root) / "params.yaml")
    paper = read_params(root / "params.yaml")
    assert quick.distill["ni"].frames < paper.distill["ni"].frames
    assert quick.ani == paper.ani
    assert set(read_yaml(root / "params.quick.yaml")) <= set(read_yaml(root / "params.yaml"))


def test_preparing_again_keeps_what_was_made(root):
    quick = prepare(root)
    (quick / "datasets/ni").mkdir(exist_ok=True)
    (quick / "datasets/ni/made").write_text("x")
    prepare(root)
    assert (quick / "datasets/ni/made").read_text() == "x"


def test_the_table_ranks_by_energy_and_says_what_has_no_minimum(tmp_path):
    for name in DATASETS:
        energies = {"fcc": -4.0, "bcc": -4.1, "hcp": None if name == "nb" else -4.2}
        write_validation(tmp_path, report(name=name, passed=name != "nb", energies=energies))
    rows = summary(tmp_path)
    assert [r.structure for r in rows[:3]] == ["hcp", "bcc", "fcc"]
    assert [r.rank for r in rows[:3]] == [1, 2, 3]
    table = "\n".join(crystal_table(rows))
    assert "no energy minimum found" in table
    assert json.dumps([r.model_dump(mode="json") for r in rows], allow_nan=False)
