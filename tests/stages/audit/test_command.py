import numpy as np
import pytest

from foundational.data.store import open_store
from foundational.errors import InputError
from foundational.progress import stage_of
from foundational.stages.audit.command import audit_dataset

SAID = []


@pytest.fixture(scope="module")
def found(distilled_project):
    return audit_dataset(distilled_project, "ni", progress=lambda done, total, message: SAID.append(message))


def test_each_stage_is_named_with_the_next_one(found):
    stages = list(dict.fromkeys((stage_of(message), message.partition("; then ")[2]) for message in SAID))
    assert stages == [("entropy", "training"), ("training", "errors on the holdout"), ("errors on the holdout", "")]


def test_every_frame_is_accounted_for(found, distilled_project):
    dataset = open_store(distilled_project / "datasets/ni/data.zarr")
    assert len(found["frames"]) == sum(line["frames"] for line in found["rounds"]) == 40
    assert [line["because"] for line in found["rounds"]] == [["start"], ["uncertainty"], ["uncertainty"]]
    sigma = dataset["uncertainty"].to_numpy() * 1000
    assert [f["uncertainty_meV"] for f in found["frames"][20:]] == pytest.approx(sigma[20:].tolist())
    assert all(f["uncertainty_meV"] is None for f in found["frames"][:20])
    assert found["rounds"][1]["least_meV"] == pytest.approx(sigma[20:28].min())


def test_the_parts_of_the_holdout_add_up_to_it(found):
    errors = found["errors"]
    assert errors["holdout"] == "ni-holdout"
    for parts in (errors["by_energy_per_atom"], errors["by_phase"]):
        frames = [part["frames"] for part in parts]
        assert sum(frames) == 10
        assert np.average([part["mae_meV"] for part in parts], weights=frames) == pytest.approx(errors["mae_meV"])


def test_the_entropy_of_a_set_is_that_of_its_pool_where_it_is_a_random_part(found):
    """A third of the pool, hardly distilled, repeats itself as little as the pool; half of the pool is not in it."""
    entropy = found["entropy"]
    assert entropy["entropy"] == pytest.approx(entropy["pool_entropy"], abs=0.5)
    assert 0 < entropy["overlap"] <= 1


def test_a_set_that_nothing_distilled_is_refused(distilled_project):
    with pytest.raises(InputError, match="expected a distilled set"):
        audit_dataset(distilled_project, "ni-holdout")
