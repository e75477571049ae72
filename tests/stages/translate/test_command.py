import shutil

import numpy as np
import pytest

from foundational.data.batches import to_configurations
from foundational.data.store import open_store
from foundational.engines.geometry.local_structure import StructureType, structure_shares
from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.engines.lammps.potentials import potential_for
from foundational.errors import ConflictError, InputError, NotFoundError
from foundational.inspection.check import check
from foundational.inspection.show import show
from foundational.labelling.session import LabellingChoice
from foundational.provenance.record import read_record
from foundational.stages.augment.command import recipes_spec
from foundational.stages.translate.command import Transfer, translate_dataset
from foundational.stages.translate.length_scale import scale_configurations
from foundational.testing.crystals import labelled_dataset, rattled_crystals
from foundational.testing.project import change_params, copy_project, store_pool
from foundational.testing.tolerances import POSITION_ROUNDING
from foundational.workspace.parents import Permissions


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
    assert check("local/nb", translated).violations == ()
    record = read_record(translated / "datasets/local/nb")
    assert record.parents[0].parents[0].output.name == "pools/ni-momt-32"


def test_fractional_coordinates_and_splits_are_the_parent_s(translated):
    parent = open_store(translated / "datasets/ni/data.zarr").load()
    child = open_store(translated / "datasets/local/nb/data.zarr").load()
    scale = read_record(translated / "datasets/local/nb").details["scale"]
    n = parent.sizes["configuration"]
    whole = child.isel(configuration=slice(n), atom=slice(parent.sizes["atom"]))
    assert np.array_equal(whole["parent_id"], parent["id"])
    assert np.array_equal(whole["split"], parent["split"])
    assert np.allclose(whole["cell"], parent["cell"] * scale)
    assert np.allclose(whole["positions"], parent["positions"] * scale, atol=POSITION_ROUNDING)
    assert (whole["transformed_to"] == 0).all()


def test_crystals_are_transformed_to_the_others_too_and_keep_what_is_known_of_them(translated):
    """All frames of the small project are FCC crystals; copies follow that are BCC and HCP, of the same volume."""
    parent = open_store(translated / "datasets/ni/data.zarr").load()
    child = open_store(translated / "datasets/local/nb/data.zarr").load()
    n = parent.sizes["configuration"]
    of = {row.tobytes(): k for k, row in enumerate(parent["id"].to_numpy())}
    origin = np.array([of[row.tobytes()] for row in child["parent_id"].to_numpy()])
    codes = child["transformed_to"].to_numpy()
    details = read_record(translated / "datasets/local/nb").details
    assert details["turned"] == {"bcc": (codes == 2).sum(), "hcp": (codes == 3).sum()}
    assert min(details["turned"].values()) > 0.8 * n
    assert np.array_equal(child["split"], parent["split"].to_numpy()[origin])
    volumes = np.linalg.det(child["cell"].to_numpy())
    assert np.allclose(volumes, volumes[origin])
    shares = structure_shares(to_configurations(child))
    for code, kind in ((2, StructureType.BCC), (3, StructureType.HCP)):
        assert shares[codes == code, kind].min() > 0.5
        assert shares[codes == 0, kind].max() < 0.5


def test_what_was_turned_already_is_carried_and_not_turned_again(translated):
    made = translate_dataset(translated, "local/nb", "Al")
    child = open_store(translated / "datasets/local/al/data.zarr").load()
    parent = open_store(translated / "datasets/local/nb/data.zarr").load()
    assert made.output.n_configurations == parent.sizes["configuration"]
    assert np.array_equal(child["transformed_to"], parent["transformed_to"])


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
        (("ni", "Nz"), NotFoundError, "no potential with element 'Nz'.*which has Ag, Al"),
    ],
)
def test_what_cannot_be_translated_is_refused_and_nothing_written(distilled_project, arguments, error, message):
    before = sorted((distilled_project / "datasets").rglob("*"))
    with pytest.raises(error, match=message):
        translate_dataset(distilled_project, *arguments)
    assert sorted((distilled_project / "datasets").rglob("*")) == before


def test_a_potential_without_the_element_is_refused(distilled_project):
    with pytest.raises(InputError, match="'Al_mm' has no Nb"):
        translate_dataset(distilled_project, "ni", "Nb", labelling=LabellingChoice(potential="Al_mm"))


def test_an_unknown_rule_is_refused(distilled_project):
    with pytest.raises(InputError, match="expected a rule among"):
        translate_dataset(distilled_project, "ni", "Nb", transfer=Transfer(rule="colour"))


def test_names_of_the_pipeline_are_not_the_user_s_to_give(distilled_project):
    with pytest.raises(InputError, match="your own datasets are called local/"):
        translate_dataset(distilled_project, "ni", "Nb", name="mine")


def test_a_refined_set_holds_frames_of_the_target_too(distilled_project, tmp_path):
    """Chosen from a pool of the target by what networks trained on the translated set know least."""
    root = copy_project(distilled_project, tmp_path / "project")
    change_params(root, {"ani": {"recipe": {"training": {"least_steps": None}}}})
    niobium = LammpsLabeller(potential_for("Nb", root))
    columns = {"walker": np.arange(30) % 2, "step": np.arange(30) * 10, "order_parameter": np.full(30, 0.3)}
    frames = scale_configurations(rattled_crystals(30, seed=5), 1.18, "Nb")
    pool = labelled_dataset(frames, niobium, "Nb", attrs={"volume_per_atom": 18.0}, **columns)
    store_pool(root, "local-nb", pool, niobium)
    made = translate_dataset(root, "ni", "Nb", transfer=Transfer(refine_by=6, refine_from="local-nb", crystals=[]))
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
    assert check("local/nb", root).violations == ()
    with pytest.raises(InputError, match="expected --refine with --refine-from"):
        translate_dataset(root, "ni", "Nb", name="local/x", transfer=Transfer(refine_from="local-nb"))


def test_built_configurations_of_the_target_follow_the_translated_ones(distilled_project, tmp_path):
    """They are strained crystals of niobium, within the guards, and say that no configuration is their parent."""
    root = copy_project(distilled_project, tmp_path / "project")
    plain = translate_dataset(root, "ni", "Nb", transfer=Transfer(crystals=[]))
    recipes = recipes_spec(["strained=30", "scaled=12"])
    made = translate_dataset(root, "ni", "Nb", name="local/more", transfer=Transfer(crystals=[], recipes=recipes))
    added = made.details["recipes"]["added"]
    filtered = made.details["recipes"]["filtered"]
    assert sum(added.values()) + len(filtered) == 42
    assert filtered  # a strain of 12 % makes some cell denser than the guard allows
    assert all("Å³ an atom, less than" in entry["reason"] for entry in filtered)
    first = open_store(root / "datasets/local/nb/data.zarr").load()
    child = open_store(root / "datasets/local/more/data.zarr").load()
    n = plain.output.n_configurations
    assert np.array_equal(child["id"].to_numpy()[:n], first["id"].to_numpy())
    assert np.array_equal(child["energy"].to_numpy()[:n], first["energy"].to_numpy())
    assert not child["parent_id"].to_numpy()[n:].any()
    assert (child["recipe"].to_numpy()[n:] > 0).all()
    volume = np.abs(np.linalg.det(child["cell"].to_numpy())) / child["n_atoms"].to_numpy()
    assert (volume[n:] >= 0.77 * child.attrs["volume_per_atom"]).all()
    assert check("local/more", root).violations == ()


def test_recipes_of_params_yaml_belong_to_the_named_translation(distilled_project, tmp_path):
    root = copy_project(distilled_project, tmp_path / "project")
    planned = {"parent": "ni", "element": "Al", "potential": "Al_mm", "rule": "volume"}
    recipes = {"shortest": 1.5, "recipes": {"hcp-ratios": 3}}
    change_params(root, {"translate": {"sets": {"al": planned | {"recipes": recipes}}}})
    assert translate_dataset(root, "ni", "Al", name="al").details["recipes"]["added"] == {"hcp-ratios": 3}
    assert "recipes" not in translate_dataset(root, "ni", "Al", name="local/al").details
    for other in ({"transfer": Transfer(rule="lattice")}, {"labelling": LabellingChoice(potential="Al_mm")}):
        with pytest.raises(InputError, match=r"'al' is defined in params\.yaml"):
            translate_dataset(root, "ni", "Al", name="al", permissions=Permissions(replace=True), **other)


def test_k_points_are_no_part_of_a_translation_s_recipes():
    with pytest.raises(InputError, match="expected name=count, got k-points"):
        recipes_spec(["distorted=4@0.15"])
    assert recipes_spec([]) is None


def test_without_crystals_there_are_no_transformed_copies(translated):
    made = translate_dataset(translated, "ni", "Cu", transfer=Transfer(crystals=[]))
    assert made.output.n_configurations == read_record(translated / "datasets/ni").output.n_configurations
    assert made.spec["crystals"] == []
    assert made.details["turned"] == {}


def test_a_pool_of_another_element_adds_nothing(translated):
    refined = Transfer(refine_by=3, refine_from="ni-momt-108")
    with pytest.raises(InputError, match="expected a pool of Nb to refine with, got one of Ni"):
        translate_dataset(translated, "ni", "Nb", name="local/other", transfer=refined)
