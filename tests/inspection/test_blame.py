"""What is said of one configuration: facts that are known, and nothing about those that are not."""

from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import xarray as xr
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator

from foundational.data.conversion import from_atoms, to_dataset, with_foreign
from foundational.data.fingerprint import hexadecimal
from foundational.data.layout import foreign_attributes
from foundational.data.store import write_dataset
from foundational.errors import InputError
from foundational.inspection.blame import _DID, _facts, _row, _step, _unseen, blame
from foundational.provenance.record import ProvenanceRecord, read_record


@pytest.fixture
def dataset() -> xr.Dataset:
    frames = [bulk("Ni", cubic=True), bulk("Ni", a=3.6)]
    frames[0].calc = SinglePointCalculator(frames[0], energy=-16.0)
    own = to_dataset(
        from_atoms(frames),
        walker=[3, -1],
        order_parameter=[0.5, np.nan],
        transformed_to=[2, 0],
        recipe=[0, 4],
        selection_reason=[0, 1],
        split=[1, 0],
    )
    texts = xr.Variable("configuration", np.array([1, -1]), foreign_attributes(values=["slab", "bulk"]))
    return with_foreign(own, {"config_type": texts})


def test_facts_are_those_that_are_known(dataset: xr.Dataset):
    expected = {"walker": 3, "order_parameter": 0.5, "transformed_to": "bcc", "selection_reason": "start"}
    expected |= {"split": "validation", "n_atoms": 4, "energy_per_atom": -4.0, "config_type": "bulk"}
    assert _facts(dataset, 0) == expected
    second = _facts(dataset, 1)
    assert second.keys().isdisjoint({"walker", "order_parameter", "transformed_to", "energy_per_atom", "config_type"})
    assert (second["recipe"], second["selection_reason"], second["split"]) == ("vacancies", "uncertainty", "train")


def test_every_stage_of_a_record_is_said_in_words():
    assert _DID.keys() == set(get_args(ProvenanceRecord.model_fields["stage"].annotation))


def test_a_set_without_a_record_is_the_end_of_the_way(dataset: xr.Dataset, tmp_path: Path):
    write_dataset(dataset, tmp_path / "data.zarr")
    (key,) = hexadecimal(dataset["id"].to_numpy()[[1]])
    found = blame(str(tmp_path / "data.zarr"), key[:11])  # of an odd number of digits
    (step,) = found.steps
    assert (found.id, step.row, step.stage, step.by) == (key, 1, "unknown", "not stated")
    assert step.note == "no record lies beside these data"


def test_digits_of_several_ids_are_refused_and_those_of_a_repeated_one_are_not(dataset: xr.Dataset):
    ids = np.zeros((2, 16), np.uint8)
    ids[1, 15] = 1
    several = dataset.assign(id=(("configuration", "digest"), ids))
    with pytest.raises(InputError, match="begins 2 ids of ni"):
        _row(several, "0" * 31, "ni")
    assert _row(several, "0" * 31 + "1", "ni") == 1
    assert _row(dataset.assign(id=(("configuration", "digest"), ids * 0)), "0" * 12, "ni") == 0
    assert _row(several, "f" * 12, "ni") is None


def test_parents_that_are_not_here_are_told_from_the_records_as_far_as_they_go(distilled_project: Path):
    record = read_record(distilled_project / "datasets/ni")
    steps = list(_unseen(record.output, record, "ab"))
    assert [(step.stage, step.dataset, step.found) for step in steps] == [
        ("distill", "ni", False),
        ("sample", "pools/ni-momt-32", False),
    ]
    assert all(step.note is not None and "fetch them with: dvc pull" in step.note for step in steps)
    (step,) = _unseen(record.output, None, "ab")
    assert (step.stage, step.did, step.by) == ("unknown", "was there", "not stated")


def test_the_method_is_that_of_the_labels_and_an_import_names_its_files(dataset: xr.Dataset, distilled_project: Path):
    record = read_record(distilled_project / "datasets/ni")
    two = dataset.assign_attrs(methods=[{"id": "qe-pbe"}, {"id": "gpaw:PBE"}])
    assert [_step(record, two, "ab", row).by for row in (0, 1)] == ["qe-pbe", "qe-pbe"]
    each = two.assign(method=("configuration", np.array([1, 5], np.int16)))
    assert [_step(record, each, "ab", row).by for row in (0, 1)] == ["gpaw:PBE", record.labeller.id]
    assert _step(record, dataset, "ab", 1).did == "built by the recipe vacancies"
    imported = record.model_copy(
        update={"stage": "import", "inputs": (), "spec": {"files": [{"file": "a.xyz"}, {"file": "OUTCAR"}]}}
    )
    assert _step(imported, dataset, "ab", 0).note == "imported from a.xyz, OUTCAR"
    assert _step(imported.model_copy(update={"spec": {}}), dataset, "ab", 0).note is None
