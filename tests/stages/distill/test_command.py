import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write

from foundational.data.batches import take
from foundational.data.conversion import iterate_atoms
from foundational.data.extxyz import write_extxyz
from foundational.data.layout import VARIABLES
from foundational.data.store import open_store
from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.engines.lammps.potentials import potential_for
from foundational.errors import ConflictError, InputError, NotFoundError
from foundational.inspection.check import check
from foundational.provenance.record import read_record
from foundational.stages.distill import command, stage
from foundational.stages.distill.command import code_digest, distill_pool
from foundational.testing.project import change_params, store_set
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
    whole = distill_pool(project, "ni", existing="replace")
    assert (resumed.output, resumed.details) == (whole.output, whole.details)


def count_training(monkeypatch):
    trained = []
    train = stage.train_members
    monkeypatch.setattr(stage, "train_members", lambda *args: trained.append(args) or train(*args))
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
    existing = {"stored set": "extend", "checkpoint": "replace"}.get(kept, "refuse")
    grown = distill_pool(project, "local/grown", existing=existing, **more)
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
    distill_pool(project, "local/grown", source="pools/ni-momt-32", changes=more, existing="replace")
    assert len(trained) == 3
    monkeypatch.setattr(command, "code_digest", lambda: "of tomorrow")
    distill_pool(project, "local/grown", source="pools/ni-momt-32", changes=more, existing="replace")
    assert len(trained) == 6


def test_a_run_of_other_settings_is_not_extended(project):
    distill_pool(project, "local/grown", source="pools/ni-momt-32", changes={"frames": 30})
    with pytest.raises(ConflictError, match=r"distill\.method"):
        distill_pool(
            project,
            "local/grown",
            source="pools/ni-momt-32",
            changes={"frames": 35, "method": "random"},
            existing="extend",
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
        ("local/x", {"source": "pools/ni-momt-32", "changes": {"heldout": 120}}, InputError, "fewer configurations"),
        ("local/x", {"source": "pools/ni-momt-32", "existing": "extend"}, NotFoundError, "without --extend"),
        ("ni", {"where": "energy < 0"}, InputError, "--where: expected --from with it, the data to choose from"),
        (
            "local/x",
            {"source": "pools/ni-momt-32", "changes": {"heldout": 0, "target": "1 meV/atom"}},
            InputError,
            "expected heldout > 0 where there is a target, which is tested on them",
        ),
        ("local/x", {"source": "pools/ni-momt-32", "changes": {"method": "grid"}}, InputError, "order parameters"),
    ],
)
def test_what_cannot_be_distilled_is_one_line(project, name, options, error, message):
    with pytest.raises(error, match=message):
        distill_pool(project, name, **options)
    assert not (project / "datasets/local/x/data.zarr").exists()


def test_a_set_that_was_not_distilled_is_not_extended(project):
    store_set(
        project, "local/x", open_pool(project, "ni-momt-108")[0].load(), LammpsLabeller(potential_for("Ni", project))
    )
    with pytest.raises(ConflictError, match="'local/x' was not produced by this version of `foundational distill`"):
        distill_pool(project, "local/x", source="pools/ni-momt-32", existing="extend")


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


#: Two rounds suffice for any budget.
MANY = {"growth": 3.0}


def small_file(pool, folder, size, kind="whole"):
    """``size`` configurations without trajectory, as another program writes them."""
    frames = list(iterate_atoms(take(pool.drop_vars(["walker", "step"]), range(size))))
    for number, atoms in enumerate(frames):
        results = atoms.calc.results
        if kind in ("no stress", "energies alone") or (kind == "some" and number % 2):
            results.pop("stress", None)
        if kind == "energies alone":
            del results["forces"]
    if kind == "repeated":
        frames += frames[:3]
    write(folder / "small.xyz", frames, format="extxyz")
    return str(folder / "small.xyz")


@pytest.mark.parametrize("size", [1, 2, 3, 10, 25])
def test_files_of_few_configurations_distill(project, pool, size):
    """What is held out and the first set follow from the size; a budget that cannot be filled is said."""
    record = distill_pool(project, "local/few", source=small_file(pool, project, size), changes=MANY | {"frames": 200})
    heldout = round(size / 10)
    assert record.spec["distill"]["heldout"] == heldout
    assert record.output.n_configurations == size - heldout
    assert f"budget of 200 configurations cannot be filled: {size - heldout} of {size}" in record.details["notes"][0]


@pytest.mark.parametrize("kind", ["no stress", "some"])
def test_labels_that_are_not_known_do_not_keep_a_file_from_being_distilled(project, pool, kind):
    record = distill_pool(
        project, "local/few", source=small_file(pool, project, 12, kind), changes=MANY | {"frames": 6}
    )
    assert record.output.n_configurations == 6
    assert "notes" not in record.details
    stored = open_store(project / "datasets/local/few/data.zarr")
    assert ("stress" in stored) == (kind == "some")


def test_equal_configurations_of_a_file_are_selected_once(project, pool):
    record = distill_pool(project, "local/few", source=small_file(pool, project, 12, "repeated"), changes=MANY)
    assert record.details["notes"] == ["3 configurations are equal to others and were excluded"]
    assert record.output.n_configurations == 6  # half of what is not held out
    stated = MANY | {"frames": 50, "heldout": 2, "method": "random"}
    more = distill_pool(project, "local/more", source=str(project / "small.xyz"), changes=stated)
    assert more.output.n_configurations == 10
    assert len(set(ids(open_store(project / "datasets/local/more/data.zarr")))) == 10


def test_a_small_set_is_extended_with_the_settings_that_it_was_started_with(project, pool):
    source = small_file(pool, project, 25)
    first = distill_pool(project, "local/few", source=source, changes=MANY | {"frames": 3, "heldout": 4})
    longer = distill_pool(project, "local/few", source=source, changes={"frames": 8}, existing="extend")
    assert longer.output.n_configurations == 8
    assert longer.spec["distill"] == first.spec["distill"] | {"frames": 8}


def test_isolated_atoms_are_in_the_first_set(project, pool):
    frames = list(iterate_atoms(take(pool.drop_vars(["walker", "step"]), range(15))))
    atom = Atoms("Ni", cell=[20.0] * 3, pbc=True)
    atom.calc = SinglePointCalculator(atom, energy=-0.5, forces=np.zeros((1, 3)))
    write(project / "small.xyz", [*frames, atom], format="extxyz")
    distill_pool(
        project,
        "local/few",
        source=str(project / "small.xyz"),
        changes={"frames": 4, "method": "random", "growth": 2.0},
    )
    stored = open_store(project / "datasets/local/few/data.zarr")
    assert stored["role"].to_numpy().tolist() == [1, 0, 0, 0]


def test_configurations_of_further_pools_and_of_recipes_follow(project):
    further = {"also": {"ni-momt-108": 6}, "recipes": {"shortest": 1.5, "recipes": {"vacancies": 3}}}
    change_params(project, {"distill": {"ni": further | {"method": "random-and-optimal"}}})
    record = distill_pool(project, "ni")
    dataset = open_store(project / "datasets/ni/data.zarr").load()
    assert record.output.n_configurations == 49
    assert [i.name for i in record.inputs] == ["pools/ni-momt-32", "pools/ni-momt-108"]
    sources = [set(ids(open_pool(project, name)[0])) for name in ("ni-momt-32", "ni-momt-108")]
    assert set(ids(dataset)[:40]) <= sources[0]
    assert set(ids(dataset)[40:46]) <= sources[1]
    assert not set(ids(dataset)[46:]) & (sources[0] | sources[1])
    walker = dataset["walker"].to_numpy()
    assert not set(walker[:40].tolist()) & set(walker[40:46].tolist())
    assert (walker[46:] == -1).all()
    assert (dataset["recipe"][46:] == VARIABLES["recipe"].meanings.index("vacancies")).all()
    assert record.details["also"]["ni-momt-108"][-1]["goal"] == 6
    # Of so few configurations a crystal with a vacancy looks like an outlier of energy; nothing else may be wrong.
    assert [found for found in check("ni", project).violations if "energies do not fit" not in found] == []
    with pytest.raises(InputError, match="expected a set from one pool to extend"):
        distill_pool(project, "ni", existing="extend")
    again = distill_pool(project, "ni", existing="replace")
    assert again.output == record.output


def test_an_own_set_takes_no_further_pools_from_the_settings_that_it_follows(project):
    change_params(project, {"distill": {"ni": {"also": {"ni-momt-108": 6}}, "ni-5pct": {"also": {"ni-momt-108": 6}}}})
    record = distill_pool(project, "local/x", source="pools/ni-momt-32", changes={"frames": 10, "method": "random"})
    assert [i.name for i in record.inputs] == ["pools/ni-momt-32"]
    assert record.output.n_configurations == 10
