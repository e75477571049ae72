import numpy as np
import pytest

from foundational.data.layout import VARIABLES
from foundational.specs.params import read_params
from foundational.stages.distill import stage
from foundational.stages.distill.methods import WITHOUT_NETWORKS
from foundational.stages.distill.stage import distill, select
from foundational.workspace.pools import open_pool

MEANINGS = VARIABLES["selection_reason"].meanings


@pytest.fixture(scope="module")
def pool(tiny_project):
    return open_pool(tiny_project, "ni-momt-32")[0].load()


@pytest.fixture(scope="module")
def params(tiny_project):
    return read_params(tiny_project / "params.yaml")


def spec_of(params, **changes):
    return params.distill["ni"].model_copy(update=changes)


def run(params, pool, **changes):
    return distill(spec_of(params, **changes), params.ani.recipe, pool, params.seed)


def ids(dataset):
    return [row.tobytes() for row in dataset["id"].to_numpy()]


@pytest.mark.parametrize(
    "method", ["active", "diverse", "informative", "farthest-point", "random", "random-and-optimal"]
)
def test_a_smaller_budget_is_a_prefix_and_nothing_is_chosen_twice(pool, params, method):
    growth = {"growth": 1.2, "method": method}
    large = select(spec_of(params, frames=29, **growth), params.ani.recipe, pool, params.seed)
    small = select(spec_of(params, frames=24, **growth), params.ani.recipe, pool, params.seed)
    assert len(large.chosen) == len(set(large.chosen)) == 29
    assert large.chosen[:24] == small.chosen


def test_the_frames_held_out_are_never_chosen(pool, params):
    """With everything else chosen, what is left are the ten held out; another method holds out the same."""
    everything = {"frames": 110, "growth": 9.0, "rounds": 3}
    left = [
        set(ids(pool)) - set(ids(run(params, pool, method=method, **everything).dataset))
        for method in ("random", "farthest-point")
    ]
    assert len(left[0]) == 10
    assert left[0] == left[1]


def test_the_same_seed_chooses_the_same(pool, params):
    assert ids(run(params, pool).dataset) == ids(run(params, pool).dataset)


def test_active_prefers_what_is_uncertain(pool, params):
    """The picks of a round are its most uncertain candidates, but for the rule of separation."""
    made = run(params, pool, separation=0, rounds=1, growth=2.0)
    assert made.rounds[0].least_chosen_meV > made.rounds[0].median_uncertainty_meV


def test_a_method_without_a_model_trains_none(pool, params, monkeypatch):
    monkeypatch.setattr(stage, "train_members", lambda *_: pytest.fail("it trained a model"))
    made = run(params, pool, method="random", heldout=0)
    assert made.dataset.sizes["configuration"] == 40
    assert (made.dataset["selection_reason"].to_numpy()[20:] == MEANINGS.index("random")).all()
    assert [line.median_uncertainty_meV for line in made.rounds] == [None, None]


def test_the_initial_set_can_be_the_farthest_points(pool, params):
    random, far = (
        run(params, pool, method="random", heldout=0, initial_method=m).dataset for m in ("random", "farthest-point")
    )
    assert ids(random)[0] == ids(far)[0]
    spread = [np.ptp(d["energy"].to_numpy()[:20]) for d in (random, far)]
    assert spread[1] > spread[0]


def test_a_threshold_that_nothing_passes_leaves_the_start(pool, params):
    assert run(params, pool, threshold=1e3).dataset.sizes["configuration"] == 20


def test_a_target_that_is_reached_ends_the_rounds(pool, params):
    made = run(params, pool, target=100.0)
    assert made.dataset.sizes["configuration"] == 20
    assert made.rounds == ()
    assert len(run(params, pool, target=1e-9).rounds) == 2


def test_chunks_are_scored_one_after_another(pool, params):
    made = run(params, pool, chunk=30)
    assert [r.candidates for r in made.rounds] == [30, 30]


def test_a_larger_budget_repeats_only_the_round_that_the_smaller_one_cut_short(pool, params):
    before = select(spec_of(params, frames=35), params.ani.recipe, pool, params.seed)
    spec = spec_of(params, frames=60, rounds=3)
    assert [r.round for r in before.under(spec).rounds] == [1]
    grown = select(spec, params.ani.recipe, pool, params.seed, previous=before)
    whole = select(spec, params.ani.recipe, pool, params.seed)
    assert (grown.chosen, grown.rounds) == (whole.chosen, whole.rounds)
    assert np.array_equal(grown.uncertainty, whole.uncertainty, equal_nan=True)


def of_anybody(pool):
    """The pool as other people's data are: a rare second element, energies and forces known in part, no stress."""
    numbers, energy, forces = (pool[name].to_numpy().copy() for name in ("atomic_numbers", "energy", "forces"))
    n = int(pool["n_atoms"][0])
    numbers[-n] = 13
    energy[::3] = np.nan
    forces[: 5 * n] = np.nan
    energy[1:3] = pool["energy"].to_numpy()[1:3]
    changed = {"atomic_numbers": numbers, "energy": energy, "forces": forces}
    return pool.drop_vars("stress").assign({name: pool[name].copy(data=data) for name, data in changed.items()})


@pytest.mark.parametrize("method", ["active", "informative", "farthest-point", "random-and-optimal"])
def test_partial_labels_and_several_elements_are_distilled(pool, params, method):
    data = of_anybody(pool)
    result = run(params, data, method=method, frames=24, growth=1.2, rounds=1)
    assert set(np.unique(result.dataset["atomic_numbers"])) == {13, 28}
    assert "stress" not in result.dataset
    error = result.rounds[0].heldout_mae_meV
    if method in WITHOUT_NETWORKS:
        assert error is None
    else:
        assert error is not None
        assert np.isfinite(error)


@pytest.mark.parametrize("method", sorted(WITHOUT_NETWORKS - {"quests"}))
def test_a_method_that_looks_at_no_network_trains_none(pool, params, method, monkeypatch):
    def refuse(*_: object) -> None:
        raise AssertionError("a network was trained")

    pool = pool.assign(order_parameter=("configuration", np.linspace(0, 1, pool.sizes["configuration"])))
    monkeypatch.setattr("foundational.stages.distill.stage.train_members", refuse)
    assert len(run(params, pool, method=method, frames=24, growth=1.2, rounds=1).dataset["id"]) == 24
    with pytest.raises(AssertionError, match="was trained"):  # to test its target it needs them
        run(params, pool, method=method, frames=24, growth=1.2, rounds=1, target=1e-9)


def test_a_constant_an_atom_changes_no_choice(pool, params):
    """Labels as of an all-electron code: 41,000 eV an atom more."""
    energy = np.round(pool["energy"].to_numpy() * 2**20) / 2**20  # so that the sum is exact
    far = energy - 41_000.0 * pool["n_atoms"].to_numpy()
    found = [
        run(params, pool.assign(energy=pool["energy"].copy(data=e)), method="active", frames=26, growth=1.2, rounds=1)
        for e in (energy, far)
    ]
    assert ids(found[0].dataset) == ids(found[1].dataset)
    uncertainty = [f.dataset["uncertainty"].to_numpy()[20:] for f in found]
    np.testing.assert_allclose(uncertainty[1], uncertainty[0], rtol=1e-3)
