"""The functions for notebooks: the same numbers and records as the commands, without a project, in plain words."""

import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

import foundational
from foundational.cli.main import app
from foundational.dataset import Dataset
from foundational.errors import InputError, NotFoundError
from foundational.provenance.record import read_record
from foundational.specs.parsing import merge, read_yaml

POOL = "pools/ni-momt-32"
#: One small network, a few steps: numbers of no worth, made at once.
QUICK = {
    "ani": {
        name: {"members": 2, "network": {"hidden": [16]}, "training": {"epochs": 1, "least_steps": 20}}
        for name in ("recipe", "general")
    },
    "validate": {"full_steps": 0, "materials": {"properties": ["hcp-ratio"]}},
}


def command(*arguments: object) -> str:
    run = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert run.exit_code in (0, 1), run.output
    assert run.exception is None or isinstance(run.exception, SystemExit), run.output
    return run.stdout


@pytest.fixture
def pool(tiny_project: Path) -> Dataset:
    return foundational.open_dataset(POOL, tiny_project)


@pytest.fixture(scope="module")
def folder(tiny_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pool's first configurations, in no project."""
    folder = tmp_path_factory.mktemp("alone") / "ni"
    foundational.open_dataset(POOL, tiny_project)[:40].save(folder)
    return folder


@pytest.fixture
def alone(folder: Path) -> Dataset:
    return foundational.open_dataset(folder)


def test_translate_gives_what_the_command_stores(pool: Dataset, project: Path):
    copper = foundational.translate(pool, to="Cu")
    command("translate", POOL, "--to", "Cu", "--root", project)
    stored = foundational.open_dataset("local/cu", project)
    assert copper.fingerprint == stored.fingerprint
    assert copper.record == read_record(project / "datasets/local/cu")
    of_the_file = {"layout", "elements"}  # the oldest layout that can hold the data, which names one element only
    attributes, expected = (
        {key: value for key, value in dataset.xarray.attrs.items() if key not in of_the_file}
        for dataset in (copper, stored)
    )
    assert attributes == expected
    assert (copper.name, copper.elements, copper.licence) == ("local/cu", ("Cu",), None)


def test_decorate_gives_what_the_command_stores(pool: Dataset, project: Path):
    changes = {"alloys": {"settings": {"rule": "vegard"}}}
    alloy = foundational.decorate(pool, "Ni-Al", compositions=["Ni3Al"], params=changes)
    command(*("translate", POOL, "--to", "Ni-Al", "--composition", "Ni3Al", "--rule", "vegard"), *("--root", project))
    stored = foundational.open_dataset("local/ni-al", project)
    assert alloy.fingerprint == stored.fingerprint
    assert alloy.record.details == read_record(project / "datasets/local/ni-al").details
    assert (alloy.name, alloy.elements) == ("local/ni-al", ("Al", "Ni"))


def test_relabel_gives_what_the_command_stores(pool: Dataset, project: Path):
    emt = "ase:ase.calculators.emt:EMT"
    relabelled = foundational.relabel(pool, emt, arguments={"asap_cutoff": True}, name="local/emt")
    command(
        *("relabel", POOL, "--labeller", emt, "--labeller-args", '{"asap_cutoff": true}', "--name", "local/emt"),
        *("--root", project),
    )
    assert relabelled.record == read_record(project / "datasets/local/emt")
    assert relabelled.labeller == emt


def test_distill_gives_what_the_command_stores(pool: Dataset, project: Path):
    small = foundational.distill(pool, 30, method="random", settings={"rounds": 3}, name="local/small")
    command(
        *("distill", "local/small", "--from", POOL, "--frames", 30, "--method", "random", "--rounds", 3),
        *("--root", project),
    )
    assert len(small) == 30
    assert small.record == read_record(project / "datasets/local/small")


def test_train_gives_the_model_that_the_command_writes(pool: Dataset, project: Path, tmp_path: Path):
    model = foundational.train(pool, frames=40)
    command("train", POOL, "--frames", 40, "-o", tmp_path / "command", "--root", project)
    model.save(tmp_path / "function")
    assert (tmp_path / "function").read_bytes() == (tmp_path / "command").read_bytes()
    assert repr(foundational.load_model(tmp_path / "function")) == repr(model)


def test_validate_gives_a_report_that_prints_as_a_table(pool: Dataset):
    report = foundational.validate(pool, members=1, params=QUICK)
    lines = str(report).splitlines()
    assert lines[0] == f"{POOL}: 120 configurations, 1 networks"
    assert lines[1].startswith("network  structure")
    assert (report.fingerprint, report.holdout) == (pool.fingerprint, None)
    assert any("not tested (no holdout)" in line for line in lines)


def test_outside_of_a_project_the_packaged_settings_and_potentials_are_used(alone: Dataset):
    assert alone.project is None
    niobium = foundational.translate(alone[:10], to="Nb", crystals=(), name="nb")
    assert (niobium.labeller, niobium.record.seed) == ("lammps:NiNb", 20231109)
    assert [parent.stage for parent in (niobium.record.parents[0], *niobium.record.parents[0].parents)] == [
        "select",
        "select",
    ]
    assert str(niobium).startswith("nb\n  element         Nb\n  configurations  10 with 320 atoms\n")


def test_a_model_is_an_ase_calculator(alone: Dataset):
    model = foundational.train(alone, params=QUICK)
    atoms = alone[0]
    atoms.calc = model
    assert atoms.get_forces().shape == (32, 3)
    assert repr(model).startswith("2 ANI networks for Ni, trained on 40 configurations of ")
    assert foundational.evaluate(model, alone).mae_meV_per_atom > 0


def test_settings_are_read_from_a_file_or_changed_by_a_mapping(alone: Dataset, checkout: Path, tmp_path: Path):
    YAML().dump(merge(read_yaml(checkout / "params.yaml"), QUICK), tmp_path / "params.yaml")
    by_file = foundational.train(alone, frames=10, params=tmp_path / "params.yaml")
    assert by_file.ensemble.id == foundational.train(alone, frames=10, params=QUICK).ensemble.id
    with pytest.raises(InputError, match="epoch: unknown key, did you mean 'epochs'"):
        foundational.train(alone, params={"ani": {"recipe": {"training": {"epoch": 1}}}})
    with pytest.raises(NotFoundError, match=r"none\.yaml: no such file"):
        foundational.train(alone, params="none.yaml")


def test_bad_arguments_are_refused_in_one_line(alone: Dataset):
    for wrong, message in (
        (lambda: foundational.translate(alone, to="Ni"), "is Ni already"),
        (lambda: foundational.translate(alone, to="Ni-Al"), "expected one target element"),
        (lambda: foundational.decorate(alone, "Ni-Al", compositions=["Ni0.7Al0.4"]), "add up to 1"),
        (lambda: foundational.translate(alone, to="Cu", crystals="bcc"), "expected crystals among"),
        (lambda: foundational.translate(alone, to="Cu", rule="volum"), "expected a rule among"),
        (lambda: foundational.train(alone, settings="best"), "expected settings among recipe, general, published"),
        (lambda: foundational.train(alone, frames=41), "expected at most 40 frames"),
        (lambda: foundational.distill(alone, 20, settings={"round": 1}), "did you mean 'rounds'"),
    ):
        with pytest.raises(InputError, match=message) as caught:
            wrong()
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("call", "package", "extra"),
    [
        ('translate(ni, to="Cu")', "lammps", "sampling"),
        ("train(ni)", "numba", "ani"),
        ("validate(ni)", "lammps", "sampling"),
        ("distill(ni, 10)", "numba", "ani"),
        ('load_model("ni.model")', "safetensors", "ani"),
    ],
)
def test_an_absent_package_is_named_with_the_extra_that_brings_it(folder: Path, call: str, package: str, extra: str):
    code = f"""
import sys
sys.modules[{package!r}] = None  # an import of it fails as if it were not installed
import foundational
ni = foundational.open_dataset(sys.argv[1])
try:
    foundational.{call}
except foundational.errors.MissingDependencyError as error:
    print(error)
"""
    run = subprocess.run([sys.executable, "-c", code, folder], check=True, capture_output=True, text=True)
    (line,) = run.stdout.splitlines()
    assert package in line.lower()
    assert "not installed" in line
    assert line.endswith(f"pip install 'foundational[{extra}]'")
