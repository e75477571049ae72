"""The commands relabel and translate --labeller, and what is said where a labeller is no labeller."""

import json
import shutil

import pytest

from foundational.data.integrity.storing import exclusive
from foundational.data.store import open_store, write_dataset

FAULTY = "ase:tests.faulty_calculators"


@pytest.fixture
def project(distilled_project, tmp_path):
    root = tmp_path / "project"
    shutil.copytree(distilled_project, root, symlinks=True)
    return root


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("translate ni --to Nz", "no potential with element 'Nz' in the registry, which has Ag, Al, Au"),
        ("translate ni --to U", "(to add one: foundational potentials add FILE)"),
        ("translate ni --to Al --labeller lammps:NiNb", "potential 'NiNb' has no Al (it has Ni, Nb); use: Al_mm"),
        ("translate ni --to Al --labeller lammps:Al_mm --potential Al_mm", "expected --potential or --labeller"),
        ("translate ni --to NiAl", "--to: expected several elements joined by hyphens, Ni-Al, got NiAl"),
        ("translate ni --to Al --decorations 3", "--decorations: expected several target elements, such as --to Ni-Al"),
        ("translate ni --to Ni-Al --refine 3", "--refine: expected one target element, got several; use --labels"),
        ("translate ni --to Ni-Al --order random=x", "--order: expected kinds such as random=1,L1_2=2, got 'random=x'"),
        (
            "translate ni --to Ni-Al --recipe strained=3",
            "--recipe: expected one target element, got several; use --comp",
        ),
        ("translate ni --to Al --recipe stained=3", "--recipe: recipes.stained"),
        ("translate ni --to Al --recipe distorted=3@0.2", "--recipe: expected name=count, got k-points"),
        ("augment local/x --from ni --recipe vacancies", "--recipe: expected name=count or name=count@spacing, such"),
        ("augment local/x --from ni --recipe vacancies=0", "got 'vacancies=0'"),
        ("relabel ni --isolated-energy nan", "--isolated-energy: expected a finite number, got nan"),
        ("relabel ni --isolated-energy -1.5", "expected --labeller and --name, or --check"),
        ("relabel ni", "expected --labeller and --name, or --check"),
        ("relabel ni --check 3 --name local/x", "expected --check or --name, got both"),
        (
            "relabel ni --labeller lammps:NiNb --name mine",
            "expected a name that begins with local/, such as local/mine, or a set of the section relabel",
        ),
        ("relabel ni --labeller lammps:Al_mm --name local/x", "potential 'Al_mm' has no Ni"),
        ("relabel ni --labeller lamps:NiNb --name local/x", "did you mean 'lammps'?"),
        ("relabel ni --labeller ase:no.such:Calc --name local/x", "cannot import 'no.such'"),
        ("relabel ni --labeller ase:ase.calculators.emt:ETM --name local/x", "has no 'ETM'"),
        (f"relabel ni --labeller {FAULTY}:EnergyOnly --name local/x", "gives no"),
        (f"relabel ni --labeller {FAULTY}:Faulty --labeller-arg fault=none --name local/x", "gives no forces"),
        (f"relabel ni --labeller {FAULTY}:Faulty --labeller-arg fault=shape --name local/x", "of shape (3, 32)"),
        (f"relabel ni --labeller {FAULTY}:Faulty --labeller-arg fault=atoms --name local/x", "of shape (31, 3)"),
        (f"relabel ni --labeller {FAULTY}:Faulty --labeller-arg fault=nan --name local/x", "is not finite"),
        (f"relabel ni --labeller {FAULTY}:Faulty --labeller-arg falt=nan --name local/x", "could not be set up"),
        (f"relabel ni --labeller {FAULTY}:Faulty --labeller-arg fault --name local/x", "expected key=value"),
        (f"relabel ni --labeller {FAULTY}:Faulty --labeller-args [3] --name local/x", "expected a JSON object"),
        ("relabel ni --labeller lammps:NiNb --labeller-arg a=1 --name local/x", "takes no arguments"),
        ("relabel ni --labeller lammps:NiNb --name local/x --executor slurm", "expected an executor among"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(foundational, project, command, message):
    outcome = foundational(*command.split(), "--workers", "1", cwd=project)
    assert outcome.status == 1
    assert message in outcome.err
    assert outcome.err.splitlines()[-1].startswith("error: ")
    assert outcome.err.count("\n") == 1
    assert not list((project / "datasets/local").rglob("*.zarr"))


def test_two_processes_do_not_label_into_one_dataset(foundational, project):
    command = "relabel ni --labeller ase:ase.calculators.emt:EMT --name local/emt --workers 1"
    with exclusive(project, "local/emt"):
        outcome = foundational(*command.split(), cwd=project)
    assert outcome.err == "error: another process is writing the dataset 'local/emt'; wait for it to end\n"
    assert foundational(*command.split(), cwd=project).status == 0


def test_a_calculator_that_prints_leaves_the_json_alone(foundational, project):
    command = f"relabel ni --labeller {FAULTY}:Faulty --labeller-arg fault=print --name local/x --workers 1 --json"
    outcome = foundational(*command.split(), cwd=project)
    assert json.loads(outcome.out)["configurations"] == 40
    assert "SCF converged" in outcome.err


def test_what_was_relabelled_is_told_and_can_be_checked(foundational, project):
    emt = "--labeller ase:ase.calculators.emt:EMT"
    command = f"relabel ni {emt} --labeller-arg asap_cutoff=true --name local/emt --workers 1 --json"
    shown = json.loads(foundational(*command.split(), cwd=project).out)
    assert shown["labeller"]["parameters"]["arguments"] == {"asap_cutoff": True}
    assert shown["filtered"] == []
    check = f"relabel local/emt --check 5 --json {emt} --labeller-arg asap_cutoff=true"
    found = json.loads(foundational(*check.split(), cwd=project).out)
    assert (found["ok"], found["configurations"], found["problems"]) == (True, 5, [])
    other = foundational("relabel", "local/emt", "--check", "5", *emt.split(), cwd=project)
    assert other.status == 1
    assert "asap_cutoff" in other.err


def test_labels_that_changed_are_found(foundational, project):
    path = project / "datasets/ni/data.zarr"
    dataset = open_store(path).load()
    dataset["forces"][0, 0] += 0.01
    dataset["forces"][1, 0] -= 0.01
    write_dataset(dataset, path, replace=True)
    outcome = foundational("relabel", "ni", "--check", "40", cwd=project)
    assert outcome.status == 1
    assert "FAIL  forces of configuration 0 differs by 0.01" in outcome.out


def test_any_labeller_translates(foundational, project):
    command = "translate ni --to Cu --labeller ase:ase.calculators.emt:EMT --workers 1 --crystals none"
    outcome = foundational(*command.split(), cwd=project)
    assert outcome.status == 0
    assert "labelled by ase:ase.calculators.emt:EMT" in outcome.out


def test_the_choice_among_several_potentials_is_said(foundational, project):
    outcome = foundational("translate", "ni", "--to", "Cu", "--workers", "1", cwd=project)
    assert "labelling Cu with Cu_mishin1; to use another, pass --potential: CuTa" in outcome.err


def test_what_recipes_added_and_what_the_guards_excluded_is_printed(foundational, project):
    """Of cells at 0.55 to 0.8 of the volume few are above 0.77."""
    command = "translate ni --to Cu --recipe dense=12 --recipe strained=2 --crystals none --name local/cu"
    outcome = foundational(*command.split(), cwd=project)
    assert outcome.status == 0
    details = json.loads((project / "datasets/local/cu/provenance.json").read_text())["details"]
    added, lost = details["recipes"]["added"], len(details["recipes"]["filtered"])
    assert lost
    assert f"added {added['dense']} dense, {added['strained']} strained" in outcome.out
    assert f"{len(details['filtered']) + lost} configurations were excluded" in outcome.out
