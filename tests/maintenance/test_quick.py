import json
import shutil

import pytest
from typer.testing import CliRunner

from foundational.cli.main import app
from foundational.cli.maintain import crystal_table
from foundational.errors import EngineError, GateError, NotFoundError
from foundational.maintenance import quick
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
    made = prepare(root)
    assert outside(root) == before
    assert (made / "dvc.yaml").read_bytes() == (root / "dvc.yaml").read_bytes()
    assert (made / "datasets/ni-holdout/data.zarr").exists()
    assert (made / "datasets/potentials/NiNb.eam.fs").exists()


def test_quick_is_the_same_parameters_but_for_the_overlay(root):
    small = read_params(prepare(root) / "params.yaml")
    paper = read_params(root / "params.yaml")
    assert small.distill["ni"].frames < paper.distill["ni"].frames
    assert small.ani == paper.ani
    assert set(read_yaml(root / "params.quick.yaml")) <= set(read_yaml(root / "params.yaml"))


def test_preparing_again_keeps_what_was_made(root):
    made = prepare(root)
    (made / "datasets/ni").mkdir(exist_ok=True)
    (made / "datasets/ni/made").write_text("x")
    prepare(root)
    assert (made / "datasets/ni/made").read_text() == "x"


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


def test_a_dataset_without_its_report_is_named(tmp_path):
    with pytest.raises(NotFoundError, match="no validation report of 'ni'; run: foundational quick"):
        summary(tmp_path)


def test_a_project_without_small_settings_has_no_quick_pipeline(root):
    (root / "params.quick.yaml").unlink()
    with pytest.raises(NotFoundError, match=r"params\.quick\.yaml: the quick pipeline is that of the project"):
        prepare(root)


@pytest.fixture
def pipeline(root, monkeypatch):
    """The quick pipeline with a stand-in for its stages: each validation writes the report that is in ``reports``."""
    reports = {name: report(name=name, energies=dict.fromkeys(("fcc", "bcc", "hcp"), -4.0)) for name in DATASETS}

    def dvc(folder, *arguments):
        for stage in arguments:
            if stage.startswith("validate@") and (made := reports.get(stage.removeprefix("validate@"))) is not None:
                write_validation(folder, made)
        if "--keep-going" in arguments and not all(r is not None and r.passed for r in reports.values()):
            raise EngineError("dvc repro failed with status 1; its messages are above")

    monkeypatch.setattr(quick, "_dvc", dvc)
    return reports


def test_the_table_is_made_even_where_a_gate_fails(root, pipeline):
    said = CliRunner().invoke(app, ["quick", "--root", str(root)])
    assert said.exit_code == 0, said.output
    assert "Table: build/quick/summary.json" in said.stdout
    assert json.loads((root / "build/quick/summary.json").read_text())["passed"]
    pipeline["nb"] = report(name="nb", passed=False, energies=dict.fromkeys(("fcc", "bcc", "hcp"), -4.0))
    said = CliRunner().invoke(app, ["quick", "--root", str(root)])
    assert isinstance(said.exception, GateError)
    assert "a gate of validation failed; its message is above" in str(said.exception)
    assert said.stdout.count("FCC") == len(DATASETS)
    assert not json.loads((root / "build/quick/summary.json").read_text())["passed"]


def test_a_stage_that_fails_before_its_report_is_an_error(root, pipeline):
    pipeline["nb"] = None
    with pytest.raises(EngineError, match="dvc repro failed with status 1"):
        quick.run(root)
    assert not (root / "build/quick/summary.json").exists()


def test_a_failure_of_dvc_is_said_with_its_status(tmp_path, monkeypatch):
    (tmp_path / "program").write_text("#!/bin/sh\nexit 3\n")
    (tmp_path / "program").chmod(0o755)
    monkeypatch.setattr(quick.sys, "executable", str(tmp_path / "program"))
    with pytest.raises(EngineError, match="dvc repro sample failed with status 3; its messages are above"):
        quick._dvc(tmp_path, "repro", "sample")
