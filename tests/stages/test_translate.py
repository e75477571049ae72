import shutil

import numpy as np
import pytest
from ruamel.yaml import YAML

from foundational.data.batches import to_configurations
from foundational.data.conversion import to_dataset
from foundational.data.store import open_store
from foundational.engines.labeller import LammpsLabeller
from foundational.engines.potentials import potential_for
from foundational.errors import ConflictError, EngineError, InputError, NotFoundError
from foundational.provenance.record import read_record
from foundational.specs.parsing import merge, read_yaml
from foundational.specs.translation import GuardSpec
from foundational.stages.check import check
from foundational.stages.labellers import labeller_record
from foundational.stages.pools import write_manifest
from foundational.stages.runner import Made, produce
from foundational.stages.show import show
from foundational.stages.translate import scaled, translate
from foundational.stages.translation import translate_dataset
from tests.tiny_project import rattled_nickel

GUARD = GuardSpec(minimum_distance=1.0, maximum_energy=100.0)


@pytest.fixture(scope="module")
def translated(distilled_project, tmp_path_factory):
    root = tmp_path_factory.mktemp("translated") / "project"
    shutil.copytree(distilled_project, root, symlinks=True)
    translate_dataset(root, "ni", "Nb")
    return root


def test_the_result_is_local_labelled_and_knows_its_parent(translated):
    shown = show("local/nb", translated)
    assert shown["element"] == "Nb"
    assert shown["parent"]["name"] == "ni"
    assert shown["parent"]["fingerprint"] == show("ni", translated)["fingerprint"]
    assert shown["labeller"]["id"] == "lammps:NiNb"
    assert check("local/nb", translated)["violations"] == []
    record = read_record(translated / "datasets/local/nb")
    assert record.parents[0].parents[0].output.name == "pools/ni-momt-32"


def test_fractional_coordinates_and_splits_are_the_parent_s(translated):
    parent = open_store(translated / "datasets/ni/data.zarr").load()
    child = open_store(translated / "datasets/local/nb/data.zarr").load()
    scale = read_record(translated / "datasets/local/nb").details["scale"]
    assert np.array_equal(child["parent_id"], parent["id"])
    assert np.array_equal(child["split"], parent["split"])
    assert np.allclose(child["cell"], parent["cell"] * scale)
    assert np.allclose(child["positions"], parent["positions"] * scale, atol=1e-5)


def test_the_scale_by_volume_is_that_of_the_relaxed_crystals(translated):
    # Volumes per atom of BCC niobium and FCC nickel: 3.3024³/2 and 3.5162³/4 Å³.
    expected = ((3.3024**3 / 2) / (3.5162**3 / 4)) ** (1 / 3)
    assert read_record(translated / "datasets/local/nb").details["scale"] == pytest.approx(expected, rel=1e-3)


def test_labels_are_those_of_the_stored_positions(translated):
    stored = to_configurations(open_store(translated / "datasets/local/nb/data.zarr"))
    again = LammpsLabeller(potential_for("Nb", translated)).label(stored)
    assert np.array_equal(stored.labels.energy, again.energy)
    assert np.array_equal(stored.labels.forces, again.forces)


def test_an_existing_dataset_is_refused(translated):
    with pytest.raises(ConflictError, match="'local/nb' exists already"):
        translate_dataset(translated, "ni", "Nb")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("ni", "Ni"), InputError, "is Ni already"),
        (("nni", "Nb"), NotFoundError, "did you mean 'ni'"),
        (("ni", "Nz"), NotFoundError, "no potential with element 'Nz'.*did you mean"),
    ],
)
def test_what_cannot_be_translated_is_refused_and_nothing_written(distilled_project, arguments, error, message):
    before = sorted((distilled_project / "datasets").rglob("*"))
    with pytest.raises(error, match=message):
        translate_dataset(distilled_project, *arguments)
    assert sorted((distilled_project / "datasets").rglob("*")) == before


def test_a_potential_without_the_element_is_refused(distilled_project):
    with pytest.raises(InputError, match="'Al_mm' has no Nb"):
        translate_dataset(distilled_project, "ni", "Nb", potential_id="Al_mm")


def test_an_unknown_rule_is_refused(distilled_project):
    with pytest.raises(InputError, match="expected a rule among"):
        translate_dataset(distilled_project, "ni", "Nb", rule="colour")


def test_names_of_the_pipeline_are_not_the_user_s_to_give(distilled_project):
    with pytest.raises(InputError, match="your own datasets are called local/"):
        translate_dataset(distilled_project, "ni", "Nb", name="mine")


def test_overlapping_atoms_are_filtered_and_said(distilled_project):
    parent = open_store(distilled_project / "datasets/ni/data.zarr").load()
    near = parent.copy(deep=True)
    near["positions"][1] = near["positions"][0] + np.array([0.3, 0, 0], dtype=np.float32)
    labeller = LammpsLabeller(potential_for("Al", distilled_project))
    made = translate(near, "Al", 1.15, GUARD, labeller)
    assert made.dataset.sizes["configuration"] == parent.sizes["configuration"] - 1
    assert len(made.filtered) == 1
    assert "0.345 Å apart" in made.filtered[0]["reason"]
    assert made.filtered[0]["parent_id"] == bytes(parent["id"].to_numpy()[0]).hex()


def test_energy_outliers_are_filtered_and_said(distilled_project):
    parent = open_store(distilled_project / "datasets/ni/data.zarr").load()
    labeller = LammpsLabeller(potential_for("Al", distilled_project))
    everything = translate(parent, "Al", 1.15, GUARD, labeller).dataset
    energy = np.sort((everything["energy"] / everything["n_atoms"]).to_numpy())
    limit = float(energy[-2] - energy[0] + energy[-1] - energy[0]) / 2
    made = translate(parent, "Al", 1.15, GUARD.model_copy(update={"maximum_energy": limit}), labeller)
    assert made.dataset.sizes["configuration"] == parent.sizes["configuration"] - 1
    assert "above the lowest" in made.filtered[0]["reason"]


def test_a_scale_that_leaves_nothing_is_an_error(distilled_project):
    parent = open_store(distilled_project / "datasets/ni/data.zarr").load()
    labeller = LammpsLabeller(potential_for("Al", distilled_project))
    strict = GuardSpec(minimum_distance=3.0, maximum_energy=1.0)
    with pytest.raises(EngineError, match="all 40 configurations were filtered"):
        translate(parent, "Al", 1.15, strict, labeller)


def test_scaling_by_one_changes_only_the_element(distilled_project):
    batch = to_configurations(open_store(distilled_project / "datasets/ni/data.zarr"))
    same = scaled(batch, 1.0, "Al")
    assert np.array_equal(same.positions, batch.positions)
    assert set(same.atomic_numbers) == {13}


def test_a_refined_set_holds_frames_of_the_target_too(distilled_project, tmp_path):
    """Chosen from a pool of the target by what networks trained on the translated set know least."""
    root = tmp_path / "project"
    shutil.copytree(distilled_project, root, symlinks=True)
    params = merge(read_yaml(root / "params.yaml"), {"ani": {"recipe": {"training": {"least_steps": None}}}})
    YAML().dump(params, root / "params.yaml")
    niobium = LammpsLabeller(potential_for("Nb", root))
    batch = scaled(rattled_nickel(30, seed=5), 1.18, "Nb")
    columns = {"walker": np.arange(30) % 2, "step": np.arange(30) * 10, "order_parameter": np.full(30, 0.3)}
    attrs = {"element": "Nb", "labeller": niobium.id, "volume_per_atom": 18.0}
    pool = to_dataset(batch.with_labels(niobium.label(batch)), attrs=attrs, **columns)
    record = produce(
        root, "pools/local-nb", "sample", {}, 1, (), lambda: Made(pool, "Nb", labeller_record(niobium, "Nb"))
    )
    write_manifest(root / "datasets/pools/local-nb", record)
    made = translate_dataset(root, "ni", "Nb", refine_by=6, refine_from="local-nb")
    assert made.details["refined"] == 6
    assert [parent.output.name for parent in made.parents] == ["ni", "pools/local-nb"]
    child, plain = open_store(root / "datasets/local/nb/data.zarr").load(), open_store(root / "datasets/ni/data.zarr")
    assert child.sizes["configuration"] == 46
    added = child["parent_id"].to_numpy()[40:]
    known = {bytes(row) for row in pool["id"].to_numpy()}
    assert len({bytes(row) for row in added} & known) == 6
    assert np.array_equal(child["parent_id"].to_numpy()[:40], plain["id"].to_numpy())
    assert (child["split"].to_numpy()[40:] == 0).all()
    assert np.isfinite(child["uncertainty"].to_numpy()[40:]).all()
    assert check("local/nb", root)["violations"] == []
    with pytest.raises(InputError, match="expected --refine with --refine-from"):
        translate_dataset(root, "ni", "Nb", name="local/x", refine_from="local-nb")
