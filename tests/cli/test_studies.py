"""``survey`` and ``paper``: what is refused before any work, and what is said of a pair that cannot be made."""

import json

import pytest
from ruamel.yaml import YAML

from foundational.data.store import write_dataset
from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.engines.lammps.potentials import potential_for
from foundational.testing.crystals import labelled_dataset, rattled_crystals
from foundational.testing.project import copy_project, empty_project

MARKED = "<!-- begin: pairs -->\n<!-- end: pairs -->\n<!-- begin: failures -->\n<!-- end: failures -->\n"


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("survey run all --plot a.svg", "expected no --plot and no options of the translation with all metals"),
        ("survey run all --rule volume", "expected no --plot and no options of the translation with all metals"),
        ("survey run Xx", "no metal 'Xx' in translate.metals"),
        ("survey run W --crystals fcc,fcc", "--crystals: expected some of fcc, bcc, hcp, each once, or none"),
        ("survey pairs all --plot a.svg", "expected no --plot with all pairs; name one pair"),
        ("survey pairs-page", "no report of a pair; compute one with: foundational survey pairs PAIR --write"),
        ("survey pool ni --pool ni-momt-33", "the pool 'ni-momt-33' was never sampled"),
        ("survey page", "compute it with: foundational survey run "),
        ("paper overview", "is missing; make it with: dvc repro overview"),
    ],
)
def test_what_cannot_be_compared_is_one_line_and_draws_nothing(foundational, distilled_project, command, message):
    outcome = foundational(*command.split(), cwd=distilled_project)
    assert outcome.status == 1
    assert message in outcome.err
    assert outcome.err.count("\n") == 1
    assert not (distilled_project / "a.svg").exists()


def test_a_pair_that_fails_is_said_with_its_reason_in_text_table_and_page(foundational, distilled_project, tmp_path):
    root = copy_project(distilled_project, tmp_path / "project")
    params = YAML().load(root / "params.yaml")
    params["pairs"]["potentials"] = {"Ni-Al": "NiNb"}
    YAML().dump(params, root / "params.yaml")
    one = foundational("survey", "pairs", "Ni-Al", "--write", "--plot", "pair.svg", cwd=root)
    assert one.status == 0
    assert one.out.startswith("NiNb: potential 'NiNb' has no Al")
    assert one.err == "no picture was drawn: the pair was not compared\n"
    assert not (root / "pair.svg").exists()
    everything = foundational("survey", "pairs", "all", "--workers", "1", "--json", cwd=root)
    (summary,) = json.loads(everything.out).values()
    assert (summary["formation_error_meV"], "has no Al" in summary["failure"]) == (None, True)
    (root / "docs").mkdir()
    (root / "docs" / "pairs.md").write_text(MARKED)
    page = foundational("survey", "pairs-page", cwd=root)
    assert "| Ni-Al | NiNb | – | failed | – |" in page.out
    assert "0 of 1 pairs have the vertices of the hull" in page.out
    written = (root / "docs" / "pairs.md").read_text()
    assert page.out.strip() in written
    assert "- Ni-Al: potential 'NiNb' has no Al" in written


def test_the_overview_counts_the_frames_of_the_pool_and_those_of_the_set(foundational, checkout, tmp_path):
    root = empty_project(tmp_path / "project", checkout)
    (root / "metrics").symlink_to(checkout / "metrics")
    labeller = LammpsLabeller(potential_for("Ni", root))
    columns = {"order_parameter": [0.1, 0.9], "enthalpy": [-150.0, -155.0]}
    write_dataset(
        labelled_dataset(rattled_crystals(2, seed=1), labeller, "Ni", **columns), root / "datasets/ni/data.zarr"
    )
    assert foundational("paper", "overview", cwd=root).out == f"{root / 'docs/figures/overview.svg'}\n"
    drawn = (root / "docs/figures/overview.svg").read_text(encoding="utf-8")
    assert "frames of Ni, 2 selected" in drawn
    assert "nan" not in drawn
