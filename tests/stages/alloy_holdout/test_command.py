import pytest
from typer.testing import CliRunner

from foundational.cli.main import app
from foundational.data.store import open_store
from foundational.errors import InputError, NotFoundError
from foundational.project import STORE, dataset_folder
from foundational.provenance.record import read_record
from foundational.specs.compounds import AlloyHoldoutSpec
from foundational.specs.params import read_params
from foundational.stages.alloy_holdout import command
from foundational.stages.alloy_holdout.command import store_alloy_holdout


def with_holdout(monkeypatch, **changes):
    """params.yaml with one alloy whose runs are short."""

    def read(path):
        params = read_params(path)
        runs = params.translate.metals.test
        cells = {"fcc": (2, 2, 2), "bcc": (2, 2, 2), "hcp": (2, 2, 2)}
        short = runs.model_copy(update={"heating": 200.0, "equilibration": 200.0, "stride": 20.0, "cells": cells})
        metals = params.translate.metals.model_copy(update={"test": short})
        held = params.compounds.holdouts["ni-al-holdout"].model_copy(update=changes)
        test = params.compounds.test.model_copy(update={"shares": (0.5,), "frames": 4})
        compounds = params.compounds.model_copy(update={"holdouts": {"ni-al-holdout": held}, "test": test})
        translate = params.translate.model_copy(update={"metals": metals})
        return params.model_copy(update={"translate": translate, "compounds": compounds})

    monkeypatch.setattr(command, "read_params", read)


def test_the_record_tells_the_runs_of_a_holdout_apart(project, monkeypatch):
    with_holdout(monkeypatch)
    done = CliRunner().invoke(app, ["survey", "holdout", "ni-al-holdout", "--root", str(project)])
    assert done.stdout == "datasets/ni-al-holdout: 8 configurations of AlNi\n"
    record = read_record(dataset_folder(project, "ni-al-holdout"))
    dataset = open_store(dataset_folder(project, "ni-al-holdout") / STORE)
    assert (record.element, dataset.sizes["configuration"]) == ("AlNi", 8)
    assert [(run["phase"], run["frames"]) for run in record.details["runs"]] == [
        ("ordered", 2),
        ("random", 2),
        ("liquid", 4),
    ]
    assert dataset["walker"].to_numpy().tolist() == [0, 0, 1, 1, 2, 2, 2, 2]


def test_the_holdout_of_a_metal_has_a_solid_of_its_ground_state_and_its_melt(project, monkeypatch):
    with_holdout(monkeypatch, elements="Mg", potential="Mg_mm", cell=(2, 2, 2), frames=3)
    store_alloy_holdout(project, "ni-al-holdout")
    record = read_record(dataset_folder(project, "ni-al-holdout"))
    dataset = open_store(dataset_folder(project, "ni-al-holdout") / STORE)
    assert record.element == "Mg"
    assert dataset["n_atoms"].to_numpy().tolist() == [32] * 6
    assert [(run["phase"], run["frames"]) for run in record.details["runs"]] == [("solid", 3), ("liquid", 3)]
    solid, liquid = (run["temperature_K"] for run in record.details["runs"])
    assert 100 < solid < liquid < 2000


@pytest.mark.parametrize("own", [{"cell": (2, 2, 2)}, {"frames": 3}])
def test_an_alloy_has_no_cell_and_no_number_of_frames_of_its_own(own):
    with pytest.raises(ValueError, match="expected cell and frames for one element only, got Ni-Al"):
        AlloyHoldoutSpec(elements="Ni-Al", potential="NiAlH_jea.eam.alloy", **own)


def test_an_unknown_holdout_is_refused(project):
    with pytest.raises(NotFoundError, match="no holdout 'ni-al' in compounds"):
        store_alloy_holdout(project, "ni-al")


def test_a_potential_without_an_element_is_refused(project, monkeypatch):
    with_holdout(monkeypatch, elements="Ni-Nb")
    with pytest.raises(InputError, match="has no Nb"):
        store_alloy_holdout(project, "ni-al-holdout")
