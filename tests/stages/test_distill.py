import numpy as np
import pytest

from foundational.data.layout import VARIABLES
from foundational.data.store import open_store
from foundational.errors import ConflictError, InputError, NotFoundError
from foundational.provenance.record import read_record
from foundational.specs.params import read_params
from foundational.stages import distill as stage
from foundational.stages.check import check
from foundational.stages.commands import distill_pool
from foundational.stages.distill import distill
from foundational.stages.pools import open_pool


@pytest.fixture(scope="module")
def pool(tiny_project):
    return open_pool(tiny_project, "ni-momt-32")[0].load()


@pytest.fixture(scope="module")
def params(tiny_project):
    return read_params(tiny_project / "params.yaml")


def run(params, pool, checkpoint=None, **changes):
    spec = params.distill["ni"].model_copy(update=changes)
    return distill(spec, params.ani.recipe, pool, params.seed, checkpoint=checkpoint)


def test_every_pick_is_recorded_with_round_and_reason(distilled_project):
    dataset = open_store(distilled_project / "datasets/ni/data.zarr")
    at, because, sigma = (dataset[n].to_numpy() for n in ("selected_at", "selected_because", "uncertainty"))
    meanings = VARIABLES["selected_because"].meanings
    assert len(at) == 40
    assert (because[at == 0] == meanings.index("start")).all()
    assert (because[at > 0] == meanings.index("uncertainty")).all()
    assert np.isnan(sigma[at == 0]).all()
    assert (sigma[at > 0] > 0).all()
    assert set(dataset["split"].to_numpy().tolist()) == {0, 1}


def test_a_distilled_set_passes_its_checks_and_knows_its_pool(distilled_project):
    assert check("ni", distilled_project)["violations"] == []
    record = read_record(distilled_project / "datasets/ni")
    assert record.inputs[0].name == "pools/ni-momt-32"
    assert record.parents[0].output == record.inputs[0]
    assert len(record.details["rounds"]) == 2


def test_nothing_is_chosen_twice_and_the_picks_are_the_pool_s(pool, params):
    ids = run(params, pool).dataset["id"].to_numpy()
    assert len(np.unique(ids, axis=0)) == len(ids) == 40
    known = {bytes(row) for row in pool["id"].to_numpy()}
    assert all(bytes(row) in known for row in ids)


def test_the_same_seed_chooses_the_same(pool, params):
    assert np.array_equal(run(params, pool).dataset["id"], run(params, pool).dataset["id"])


def test_active_prefers_what_is_uncertain(pool, params):
    """The picks of a round are its most uncertain candidates, but for the rule of separation."""
    made = run(params, pool, separation=0, rounds=1, frames=40)
    assert made.rounds[0].least_chosen_meV > made.rounds[0].median_uncertainty_meV


def test_random_has_the_same_budget_behind_the_same_interface(pool, params):
    made = run(params, pool, method="random")
    assert made.dataset.sizes["configuration"] == 40
    assert made.rounds == ()
    random = VARIABLES["selected_because"].meanings.index("random")
    assert (made.dataset["selected_because"].to_numpy() == random).all()


def test_a_threshold_that_nothing_passes_leaves_the_start(pool, params):
    assert run(params, pool, threshold=1e3).dataset.sizes["configuration"] == 20


def test_chunks_are_scored_one_after_another(pool, params):
    made = run(params, pool, chunk=30)
    assert [r.candidates for r in made.rounds] == [30, 30]


def test_an_interrupted_run_goes_on_and_ends_the_same(pool, params, tmp_path, monkeypatch):
    whole = run(params, pool)
    checkpoint = tmp_path / "state.npz"
    choose = stage._choose

    def killed_in_the_second_round(state, ensemble, configurations, order, spec, number, walker, step):
        if number == 2:
            raise KeyboardInterrupt
        choose(state, ensemble, configurations, order, spec, number, walker, step)

    with monkeypatch.context() as patch:
        patch.setattr(stage, "_choose", killed_in_the_second_round)
        with pytest.raises(KeyboardInterrupt):
            run(params, pool, checkpoint)
    resumed = run(params, pool, checkpoint)
    assert resumed.resumed_after == 1
    assert np.array_equal(resumed.dataset["id"], whole.dataset["id"])
    assert resumed.rounds == whole.rounds


def test_a_checkpoint_of_other_settings_is_refused_with_the_difference(pool, params, tmp_path):
    checkpoint = tmp_path / "state.npz"
    run(params, pool, checkpoint, rounds=1)
    with pytest.raises(ConflictError, match=r"spec\.rounds"):
        run(params, pool, checkpoint, rounds=2)


def test_a_budget_beyond_the_pool_is_refused(pool, params):
    with pytest.raises(InputError, match="at most 120 frames"):
        run(params, pool, frames=121)


def test_an_unknown_set_is_refused_with_the_closest_name(project):
    with pytest.raises(NotFoundError, match="did you mean 'ni'"):
        distill_pool(project, "nii")


def test_a_stored_set_is_never_replaced_silently(distilled_project):
    with pytest.raises(ConflictError, match="exists already"):
        distill_pool(distilled_project, "ni")
