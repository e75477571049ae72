"""The survey of pairs keeps failures as reports; its page and its metrics say the same."""

import json

import pytest
from ruamel.yaml import YAML

from foundational.errors import NotFoundError
from foundational.evaluation.alloys.report import AlloyReport, CompoundReport, FramesReport
from foundational.evaluation.report import CrystalErrors
from foundational.provenance.record import write_json
from foundational.reports.pairs_page import METRICS, PAGE, failures, write_pairs
from foundational.stages.pairs.command import PAIRS, read_pairs, survey_pair
from foundational.stages.pairs.stage import PairReport

MARKED = "# Pairs\n\n<!-- begin: pairs -->\n<!-- end: pairs -->\n\n<!-- begin: failures -->\n<!-- end: failures -->\n"


def compound(name, errors, hull=-20.0, gated=True):
    return CompoundReport(
        formula="AlNi",
        prototype=name,
        gated=gated,
        formation_meV=-500.0,
        hull_meV=hull,
        volume_A3=11.7,
        formation_error_meV=errors,
        volume_error=tuple(None if e is None else 0.0 for e in errors),
        collapsed=tuple(False for _ in errors),
    )


def frames(phase, mae, count=10):
    return FramesReport(
        formula="AlNi", phase=phase, frames=count, temperature_K=900.0, mae_meV_per_atom=mae, force_mae_meV_per_A=9.0
    )


def alloy(**changes):
    crystal = CrystalErrors(energy_meV_per_atom=(1.0, -4.0), nearest_neighbour_distance=(0.0, 0.0))
    content = {
        "elements": ("Ni", "Al"),
        "compounds": (compound("B2", (1.0, -5.5)), compound("C15", (90.0, 9.0), 150.0, gated=False)),
        "without_minimum": ("AlNi B_h",),
        "vertices": ("AlNi B2",),
        "missing": ((), ("AlNi B2",)),
        "additional": ((), ("AlNi B19",)),
        "order_ok": (True, True),
        "crystals": {"Ni": {"fcc": crystal}, "Al": {"fcc": crystal}},
        "rank_ok": {"Ni": (True, True), "Al": (True, True)},
        "ground_state_ok": {"Ni": (True, True), "Al": (True, True)},
        "mixing": (),
        "frames": (frames("ordered", 1.0), frames("random", 2.0, 30), frames("liquid", 0.5)),
    }
    return AlloyReport(**content | changes)


def report(alloy=None, failure=None):
    return PairReport(potential="NiAlH", parent="ni", labels=800, filtered=0, members=2, failure=failure, alloy=alloy)


def test_the_numbers_of_a_pair_are_the_worst_network_and_the_mean_of_frames():
    found = alloy()
    assert found.formation_error == 5.5
    assert found.crystal_error == 4.0
    assert found.hull_ok == (True, False)
    assert found.solid_mae == pytest.approx((10 * 1.0 + 30 * 2.0) / 40)
    assert found.liquid_mae == 0.5
    assert report(found).right == 1


def test_the_error_with_all_elements_is_compared_with_that_of_two():
    four = alloy(
        elements=("Ni", "Co", "Cr", "Fe"),
        frames=(
            frames("liquid", 3.0).model_copy(update={"formula": "CoCrFeNi"}),
            frames("liquid", 1.0).model_copy(update={"formula": "CoNi"}),
            frames("random", 3.0).model_copy(update={"formula": "CrFe"}),
        ),
    )
    assert four.ratio == 1.5
    assert alloy().ratio is None


def test_a_compound_without_a_minimum_leaves_the_error_unknown():
    assert alloy(compounds=(compound("B2", (1.0, None)),)).formation_error is None


def test_the_page_and_the_metrics_have_every_pair_and_its_failure(project):
    write_json(project / PAIRS / "Ni-Al.json", report(alloy()).model_dump(mode="json"))
    failed = report(failure="more than half of the decorations overlap")
    write_json(project / PAIRS / "Cu-Ta.json", failed.model_dump(mode="json"))
    (project / PAGE).parent.mkdir(exist_ok=True)
    (project / PAGE).write_text(MARKED, encoding="utf-8")
    assert list(write_pairs(project)) == ["Ni-Al", "Cu-Ta"]
    metrics = json.loads((project / METRICS).read_text(encoding="utf-8"))
    assert metrics["Ni-Al"]["formation_error_meV"] == 5.5
    assert metrics["Ni-Al"]["hull_ok_networks"] == 1
    assert metrics["Cu-Ta"]["solid_mae_meV"] is None
    page = (project / PAGE).read_text(encoding="utf-8")
    assert "Cu-Ta: more than half of the decorations overlap" in page
    assert "a network lacks AlNi B2; a network adds AlNi B19" in page
    assert "0 of 2 pairs have the vertices" in page


def test_a_potential_without_an_element_is_a_failure_that_is_kept(project):
    path = project / "params.yaml"
    text = YAML().load(path)
    text["pairs"]["potentials"]["Ni-Al"] = "NiNb"
    YAML().dump(text, path)
    found = survey_pair(project, "Ni-Al", write=True)
    assert "has no Al" in found.failure
    assert read_pairs(project) == {"Ni-Al": found}


def test_an_unknown_pair_is_refused(project):
    with pytest.raises(NotFoundError, match="no pair 'Al-Ni' in the section pairs"):
        survey_pair(project, "Al-Ni")


def test_a_pair_of_which_nothing_is_wrong_is_not_listed_and_a_page_is_needed(project):
    right = alloy(missing=((), ()), additional=((), ()), without_minimum=())
    lost = alloy(missing=((), ()), additional=((), ()))
    assert failures({"Ni-Al": report(right)}) == "None."
    assert failures({"Ni-Al": report(right), "Ni-Co": report(lost)}) == "- Ni-Co: the potential holds no AlNi B_h"
    write_json(project / PAIRS / "Ni-Al.json", report(right).model_dump(mode="json"))
    with pytest.raises(NotFoundError, match=r"no page docs/pairs\.md, into which the table goes"):
        write_pairs(project)
