import numpy as np
import pytest

from foundational.data.extxyz import write_extxyz
from foundational.data.layout import VARIABLES
from foundational.data.store import open_store
from foundational.errors import ConflictError, InputError, NotFoundError
from foundational.inspection.check import check
from foundational.provenance.record import read_record
from foundational.specs.params import read_params
from foundational.stages.distill import checkpoint as distill_state
from foundational.stages.distill import stage
from foundational.stages.distill.command import distill_pool
from foundational.stages.distill.stage import distill, select
from foundational.workspace.pools import open_pool

MEANINGS = VARIABLES["selected_because"].meanings


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


def test_every_pick_is_recorded_with_round_and_reason(distilled_project):
    dataset = open_store(distilled_project / "datasets/ni/data.zarr")
    at, because, sigma = (dataset[n].to_numpy() for n in ("selected_at", "selected_because", "uncertainty"))
    assert len(at) == 40
    assert (because[at == 0] == MEANINGS.index("start")).all()
    assert (because[at > 0] == MEANINGS.index("uncertainty")).all()
    assert np.isnan(sigma[at == 0]).all()
    assert (sigma[at > 0] > 0).all()
    assert set(dataset["split"].to_numpy().tolist()) == {0, 1}


def test_a_distilled_set_passes_its_checks_and_knows_its_pool(distilled_project):
    assert check("ni", distilled_project)["violations"] == []
    record = read_record(distilled_project / "datasets/ni")
    assert record.inputs[0].name == "pools/ni-momt-32"
    assert record.parents[0].output == record.inputs[0]
    assert [line["frames"] for line in record.details["rounds"]] == [20, 28]
    assert all(line["heldout_mae_meV"] > 0 for line in record.details["rounds"])


@pytest.mark.parametrize("method", ["active", "diverse", "informative", "farthest-point", "random"])
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
    monkeypatch.setattr(stage, "train_ensemble", lambda *_: pytest.fail("it trained a model"))
    made = run(params, pool, method="random", heldout=0)
    assert made.dataset.sizes["configuration"] == 40
    assert (made.dataset["selected_because"].to_numpy()[20:] == MEANINGS.index("random")).all()
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


def test_an_interrupted_run_goes_on_and_ends_the_same(project, monkeypatch):
    def killed_in_the_second_round(number, *rest):
        if number == 2:
            raise KeyboardInterrupt
        return report(number, *rest)

    report = stage._report
    with monkeypatch.context() as patch:
        patch.setattr(stage, "_report", killed_in_the_second_round)
        with pytest.raises(KeyboardInterrupt):
            distill_pool(project, "ni")
    trained = count_training(monkeypatch)
    resumed = distill_pool(project, "ni")
    assert len(trained) == 1
    monkeypatch.undo()
    (project / "build" / "work" / "distill-ni.done.npz").unlink()
    whole = distill_pool(project, "ni", force=True)
    assert (resumed.output, resumed.details) == (whole.output, whole.details)


def count_training(monkeypatch):
    trained = []
    train = stage.train_ensemble
    monkeypatch.setattr(stage, "train_ensemble", lambda *args: trained.append(args) or train(*args))
    return trained


@pytest.mark.parametrize("kept", ["checkpoint", "stored set"])
def test_more_rounds_go_on_without_repeating_one(project, monkeypatch, kept):
    """Two rounds extended to three are the three rounds of one run, by the checkpoint or by the stored set alone."""
    data = {"source": "pools/ni-momt-32", "changes": {"frames": 60, "rounds": 2}}
    more = {"source": "pools/ni-momt-32", "changes": {"frames": 60, "rounds": 3}}
    distill_pool(project, "local/grown", **data)
    if kept == "stored set":
        (project / "build" / "work" / "distill-local--grown.done.npz").unlink()
    trained = count_training(monkeypatch)
    grown = distill_pool(project, "local/grown", extend=kept == "stored set", force=kept == "checkpoint", **more)
    assert len(trained) == 1
    assert grown.output.n_configurations == 57
    monkeypatch.undo()
    whole = distill_pool(project, "local/whole", **more)
    assert grown.output.fingerprint == whole.output.fingerprint


def test_a_finished_run_of_other_settings_or_other_code_is_begun_anew(project, monkeypatch):
    """Else `dvc repro` would keep the choice of code that has changed, or refuse a changed number."""
    distill_pool(project, "local/grown", source="pools/ni-momt-32", changes={"frames": 60, "rounds": 2})
    trained = count_training(monkeypatch)
    more = {"frames": 60, "rounds": 3, "members": 3}
    distill_pool(project, "local/grown", source="pools/ni-momt-32", changes=more, force=True)
    assert len(trained) == 3
    monkeypatch.setattr(distill_state, "_code", lambda: "of tomorrow")
    distill_pool(project, "local/grown", source="pools/ni-momt-32", changes=more, force=True)
    assert len(trained) == 6


def test_a_larger_budget_repeats_only_the_round_that_the_smaller_one_cut_short(pool, params):
    before = select(spec_of(params, frames=35), params.ani.recipe, pool, params.seed)
    spec = spec_of(params, frames=60, rounds=3)
    assert [r.round for r in before.under(spec).rounds] == [1]
    grown = select(spec, params.ani.recipe, pool, params.seed, previous=before)
    whole = select(spec, params.ani.recipe, pool, params.seed)
    assert (grown.chosen, grown.rounds) == (whole.chosen, whole.rounds)
    assert np.array_equal(grown.uncertainty, whole.uncertainty, equal_nan=True)


def test_a_run_of_other_settings_is_not_extended(project):
    distill_pool(project, "local/grown", source="pools/ni-momt-32", changes={"frames": 30})
    with pytest.raises(ConflictError, match=r"distill\.method"):
        distill_pool(
            project, "local/grown", source="pools/ni-momt-32", changes={"frames": 35, "method": "random"}, extend=True
        )


def test_any_labelled_file_can_be_distilled(project, pool):
    write_extxyz(pool.drop_vars(["walker", "step"]), project / "elsewhere.xyz")
    record = distill_pool(
        project, "local/few", source=str(project / "elsewhere.xyz"), changes={"frames": 30, "target": "1e-6 meV/atom"}
    )
    assert record.output.n_configurations == 30
    assert record.parents[0].stage == "import"
    assert record.parents[0].output.name == "elsewhere.xyz"
    stored = open_store(project / "datasets/local/few/data.zarr")
    assert set(ids(stored)) <= set(ids(pool))
    assert set(stored["split"].to_numpy().tolist()) == {0, 1}
    assert check("local/few", project)["violations"] == []


@pytest.mark.parametrize(
    ("name", "options", "error", "message"),
    [
        ("nii", {}, NotFoundError, "did you mean 'ni'"),
        ("ni", {"changes": {"frames": 3}}, InputError, "params.yaml says"),
        ("local/x", {}, InputError, "name a dataset or a file with --from"),
        ("local/x", {"source": "no.xyz"}, NotFoundError, "no such file"),
        ("local/x", {"source": "pools/ni-momt-32", "changes": {"method": "best"}}, InputError, "method"),
        ("local/x", {"source": "pools/ni-momt-32", "changes": {"frames": 111}}, InputError, "at most 110 frames"),
        ("local/x", {"source": "pools/ni-momt-32", "extend": True}, NotFoundError, "without --extend"),
        ("local/x", {"source": "pools/ni-momt-32", "changes": {"method": "grid"}}, InputError, "order parameters"),
    ],
)
def test_what_cannot_be_distilled_is_one_line(project, name, options, error, message):
    with pytest.raises(error, match=message):
        distill_pool(project, name, **options)
    assert not (project / "datasets/local/x/data.zarr").exists()


def test_a_stored_set_is_never_replaced_silently(distilled_project):
    with pytest.raises(ConflictError, match="exists already"):
        distill_pool(distilled_project, "ni")
