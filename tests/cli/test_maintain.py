"""Commands about the installation and the project: init, doctor, potentials, schemas, quick."""

import json
import shutil

import pytest

from foundational.cli.maintain import crystal_table
from foundational.maintenance.quick import Row
from foundational.testing.project import copy_project


def test_doctor_finds_a_complete_installation(foundational, distilled_project):
    outcome = foundational("doctor", "--json", cwd=distilled_project)
    assert outcome.status == 0, outcome.out
    findings = json.loads(outcome.out)["findings"]
    assert all(finding["ok"] for finding in findings)
    assert all({"name", "ok", "message", "needed"} == set(finding) for finding in findings)
    assert [f["name"] for f in findings if not f["needed"]] == ["environment", "cache", "build"]


def test_doctor_outside_a_project_needs_only_what_reads_datasets(foundational, tmp_path):
    outcome = foundational("doctor", cwd=tmp_path)
    assert outcome.status == 0, outcome.out
    assert "ok    reading" in outcome.out
    assert "–     project      none here; list, show, check, pull, verify and cite work" in outcome.out
    assert " MB in " in outcome.out


def test_potentials_computes_crystals_and_types_none_in(foundational, distilled_project):
    listed = json.loads(
        foundational("potentials", "--element", "Nb", "--crystals", "--json", cwd=distilled_project).out
    )
    (entry,) = listed["potentials"]
    assert entry["id"] == "NiNb"
    assert entry["doi"] == "10.1063/1.4968212"
    crystals = entry["crystals"]["Nb"]
    assert crystals["bcc"]["energy_per_atom"] == pytest.approx(-7.3469, abs=2e-4)
    assert crystals["bcc"]["lattice_constant"] == pytest.approx(3.3024, abs=1e-3)


def test_doctor_names_what_is_damaged_and_ends_with_status_1(foundational, distilled_project, checkout, tmp_path):
    root = copy_project(distilled_project, tmp_path / "project")
    (root / "datasets" / "potentials").unlink()
    shutil.copytree(checkout / "datasets" / "potentials", root / "datasets" / "potentials")
    file = root / "datasets" / "potentials" / "NiNb.eam.fs"
    file.chmod(0o644)
    file.write_bytes(b"no potential")
    outcome = foundational("doctor", cwd=root)
    assert outcome.status == 1
    (failed,) = [line for line in outcome.out.splitlines() if line.startswith("FAIL")]
    assert failed.startswith("FAIL  potentials   ")
    assert "expected sha256" in failed


def test_potentials_says_which_is_the_default_and_what_lammps_ships(foundational, distilled_project):
    outcome = foundational("potentials", "--element", "Al", "--all", cwd=distilled_project)
    own, shipped = outcome.out.split("shipped with LAMMPS, to be named with --potential:\n")
    assert "Al_mm        Al       eam/fs     cutoff 6.50 Å  default for Al\n" in own
    assert ", doi 10." in own
    lines = {line.split()[0]: line for line in shipped.splitlines()}
    assert lines["Al_mm.eam.fs"].endswith("citation: none known")
    assert "CoAl.eam.alloy" in lines
    both = foundational("potentials", "--element", "Co-Al", "--all", cwd=distilled_project).out
    assert both.startswith("shipped with LAMMPS")
    assert "CoAl.eam.alloy" in both
    assert "Al_mm" not in both
    none = foundational("potentials", "--element", "Ni-U", "--all", cwd=distilled_project)
    assert (none.status, none.out) == (1, "")
    assert "no potential with Ni and U together" in none.err


def test_schemas_are_compared_and_written(foundational, tmp_path):
    (tmp_path / "dvc.yaml").touch()
    (tmp_path / "schemas").mkdir()
    stale = foundational("schemas", "--check", cwd=tmp_path)
    assert stale.status == 1
    assert "schemas differ from the models: " in stale.err
    assert "run foundational schemas" in stale.err
    written = foundational("schemas", cwd=tmp_path).out.split()
    assert {f"schemas/{path.name}" for path in (tmp_path / "schemas").iterdir()} == set(written)
    assert foundational("schemas", "--check", cwd=tmp_path).out == "schemas/ agrees with the models\n"


def test_the_table_of_quick_has_numbers_or_says_that_there_is_no_minimum():
    row = Row(
        dataset="ni", structure="hcp", atoms=4, bond=2.4901, reference_bond=2.4887, energy_per_atom=-4.85,
        reference_energy_per_atom=-4.8612, error_meV=11.2, rank=2, rank_ok=False,
    )  # fmt: skip
    lost = row.model_copy(update={"energy_per_atom": None, "error_meV": None, "nearest_neighbour_distance": None})
    _, known, unknown = crystal_table([row, lost])
    assert known.split() == ["ni", "HCP", "4", "2.490", "(2.489)", "-4.8500", "(-4.8612)", "+11.2", "2", "✗"]
    assert unknown.split(maxsplit=3) == ["ni", "HCP", "4", "no energy minimum found"]


def test_quick_outside_of_the_project_foundational_is_refused(foundational, distilled_project):
    outcome = foundational("quick", cwd=distilled_project)
    assert outcome.status == 1
    assert "the quick pipeline is that of the project foundational itself" in outcome.err
