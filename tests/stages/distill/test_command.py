import numpy as np
import pytest

from foundational.data.extxyz import write_extxyz
from foundational.data.layout import VARIABLES
from foundational.data.store import open_store
from foundational.errors import ConflictError, InputError, NotFoundError
from foundational.inspection.check import check
from foundational.provenance.record import read_record
from foundational.stages.distill import command, stage
from foundational.stages.distill.command import code_digest, distill_pool
from foundational.workspace.pools import open_pool

MEANINGS = VARIABLES["selection_reason"].meanings


@pytest.fixture(scope="module")
def pool(tiny_project):
    return open_pool(tiny_project, "ni-momt-32")[0].load()


def ids(dataset):
    return [row.tobytes() for row in dataset["id"].to_numpy()]


def test_every_pick_is_recorded_with_round_and_reason(distilled_project):
    dataset = open_store(distilled_project / "datasets/ni/data.zarr")
    at, because, sigma = (dataset[n].to_numpy() for n in ("selection_round", "selection_reason", "uncertainty"))
    assert len(at) == 40
    assert (because[at == 0] == MEANINGS.index("start")).all()
    assert (because[at > 0] == MEANINGS.index("uncertainty")).all()
    assert np.isnan(sigma[at == 0]).all()
    assert (sigma[at > 0] > 0).all()
    assert set(dataset["split"].to_numpy().tolist()) == {0, 1}


def test_a_distilled_set_passes_its_checks_and_knows_its_pool(distilled_project):
    assert check("ni", distilled_project).violations == ()
    record = read_record(distilled_project / "datasets/ni")
    assert record.inputs[0].name == "pools/ni-momt-32"
    assert record.parents[0].output == record.inputs[0]
    assert [line["frames"] for line in record.details["rounds"]] == [20, 28]
    assert all(line["heldout_mae_meV"] > 0 for line in record.details["rounds"])


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
    train = stage.train
    monkeypatch.setattr(stage, "train", lambda *args: trained.append(args) or train(*args))
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
    monkeypatch.setattr(command, "code_digest", lambda: "of tomorrow")
    distill_pool(project, "local/grown", source="pools/ni-momt-32", changes=more, force=True)
    assert len(trained) == 6


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
    assert check("local/few", project).violations == ()


@pytest.mark.parametrize(
    ("name", "options", "error", "message"),
    [
        ("nii", {}, NotFoundError, "did you mean 'ni'"),
        ("ni", {"changes": {"frames": 3}}, InputError, "is defined in params.yaml"),
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


@pytest.mark.parametrize("name", ["engines.ani.kernels.training", "engines.ani.torch.ensemble", "science.picking"])
def test_a_checkpoint_does_not_outlive_the_code_that_it_came_from(name, monkeypatch, tmp_path):
    """Modules far below the stage, also those that are imported inside functions, are part of the digest."""
    before = code_digest()
    changed = tmp_path / "changed.py"
    changed.write_text("changed = 1\n")
    real = command.imported_modules
    monkeypatch.setattr(command, "imported_modules", lambda stage: real(stage) | {f"foundational.{name}": changed})
    assert f"foundational.{name}" in real("foundational.stages.distill.stage")
    assert code_digest() != before
