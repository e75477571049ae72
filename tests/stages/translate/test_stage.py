import numpy as np
import pytest

from foundational.data.batches import take
from foundational.data.conversion import to_dataset
from foundational.data.fingerprint import hexadecimal
from foundational.data.store import open_store
from foundational.engines.crystals.references import reference_crystals
from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.engines.lammps.potentials import potential_for
from foundational.labelling.session import LabellingChoice, LabellingPlan, LabellingSession, labelling_session
from foundational.specs.params import read_params
from foundational.specs.translate import GuardSpec
from foundational.stages.translate.length_scale import References, scale_configurations
from foundational.stages.translate.refine import Augmentation
from foundational.stages.translate.stage import TranslationPlan, translate
from foundational.testing.crystals import rattled_crystals
from tests.labelling.test_session import Counting

GUARD = GuardSpec(minimum_distance=1.0, maximum_energy=100.0)


@pytest.fixture(scope="module")
def nickel(distilled_project):
    return reference_crystals(LammpsLabeller(potential_for("Ni", distilled_project)), "Ni")


def test_every_label_of_an_expensive_labeller_is_kept_those_of_added_configurations_too(
    distilled_project, nickel, tmp_path
):
    params = read_params(distilled_project / "params.yaml")
    recipe = params.ani.recipe
    short = recipe.training.model_copy(update={"least_steps": None})
    settings = params.ani.model_copy(update={"recipe": recipe.model_copy(update={"training": short})})
    parent = take(open_store(distilled_project / "datasets/ni/data.zarr"), slice(0, 12)).load()
    pool = to_dataset(scale_configurations(rattled_crystals(20, seed=5), 1.03, "Cu"), attrs={"element": "Cu"})
    labeller = LabellingChoice("ase:ase.calculators.emt:EMT").labeller_for("Cu", distilled_project)
    plan = TranslationPlan("Cu", "volume", GUARD, (), 0.5)
    with (
        labelling_session(labeller, "Cu", LabellingPlan(tmp_path), journal=tmp_path / "kept.jsonl") as opened,
        Counting(1) as pool_of_threads,
    ):
        session = LabellingSession(labeller, pool_of_threads, opened.journal)
        references = References(nickel, reference_crystals(labeller, "Cu", session=session))
        before = len(session.journal.outcomes)
        result = translate(plan, parent, references, session, Augmentation(pool, 4, settings, 1))
        assert result.details.added == 4
        kept = set(session.journal.outcomes)
        assert set(hexadecimal(result.dataset["id"].to_numpy())) <= kept
        assert len(kept) == before + parent.sizes["configuration"] + 4
        assert pool_of_threads.count == len(kept)


def test_the_result_is_a_finished_dataset(distilled_project, nickel):
    parent = open_store(distilled_project / "datasets/ni/data.zarr").load()
    labeller = LammpsLabeller(potential_for("Al", distilled_project))
    references = References(nickel, reference_crystals(labeller, "Al"))
    plan = TranslationPlan("Al", "volume", GUARD, ("bcc",), 0.5)
    result = translate(plan, parent, references, LabellingSession(labeller))
    assert result.dataset.attrs["volume_per_atom"] == references.target.ground_volume
    assert result.dataset.attrs["element"] == "Al"
    copies = int((result.dataset["transformed_to"].to_numpy() == 2).sum())
    assert result.details.record() == {
        "scale": pytest.approx((references.target.ground_volume / nickel.ground_volume) ** (1 / 3)),
        "rule": "volume",
        "ground_states": {"Ni": "fcc", "Al": "fcc"},
        "turned": {"bcc": copies},
        "filtered": [],
    }
    assert np.isfinite(result.dataset["energy"]).all()
