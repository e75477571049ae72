import shutil
from dataclasses import replace

import numpy as np
import pytest

from foundational.checks.collection import Collector
from foundational.checks.energies import check_energies
from foundational.data.batches import to_configurations
from foundational.data.checks import check_dataset
from foundational.data.configurations import Configurations, Labels
from foundational.data.conversion import to_dataset
from foundational.data.distances import shortest_distances
from foundational.data.layout import VARIABLES
from foundational.data.store import open_store
from foundational.errors import EngineError, InputError
from foundational.evaluation.materials.stored import StoredCrystal, StoredReference
from foundational.inspection.check import check
from foundational.provenance.record import read_record
from foundational.science.crystals import STRUCTURES
from foundational.specs.check import CheckLimits
from foundational.specs.translate import RECIPE_NAMES
from foundational.stages.augment.command import AugmentChoice, augment_dataset
from foundational.stages.augment.stage import _convergence
from foundational.workspace.references import reference_path, write_reference

COUNTS = {
    "scaled": 9,
    "strained": 6,
    "dense": 6,
    "short-pairs": 6,
    "vacancies": 6,
    "surfaces": 9,
    "free-atoms": 1,
    "dimers": 6,
}


@pytest.fixture(scope="module")
def augmented(distilled_project, tmp_path_factory):
    root = tmp_path_factory.mktemp("augmented") / "project"
    shutil.copytree(distilled_project, root, symlinks=True)
    augment_dataset(root, "local/more", AugmentChoice("ni", COUNTS, 1.5))
    return root


def read(root, name="local/more"):
    return open_store(root / "datasets" / name / "data.zarr").load()


def rows_of(dataset, recipe):
    return np.flatnonzero(dataset["recipe"] == VARIABLES["recipe"].meanings.index(recipe))


def test_the_parent_is_kept_and_each_recipe_adds_its_number(augmented):
    parent, dataset = read(augmented, "ni"), read(augmented)
    n = parent.sizes["configuration"]
    for name in ("id", "energy", "forces", "split", "walker"):
        old = dataset[name].isel(atom=slice(parent.sizes["atom"])) if name == "forces" else dataset[name][:n]
        assert np.array_equal(old, parent[name])
    details = read_record(augmented / "datasets/local/more").details
    # Dimers beyond the reach of the potential look like outliers of energy; nothing else may be wrong.
    assert [found for found in check("local/more", augmented).violations if "energies do not fit" not in found] == []
    assert set(VARIABLES["recipe"].meanings) == {"none", *RECIPE_NAMES}
    for name, count in COUNTS.items():
        lost = sum(entry["recipe"] == name for entry in details["filtered"])
        assert len(rows_of(dataset, name)) == details["added"][name] == count - lost
    assert (dataset["split"][n:] == 0).all()


def test_a_wrong_energy_of_what_a_recipe_built_is_found(augmented):
    dataset = read(augmented)
    collector = Collector(dataset)
    check_dataset(dataset, companion=collector)
    data = collector.collection()
    row = int(rows_of(dataset, "vacancies")[2])
    energy = data.energy.copy()
    energy[row] /= 27.2114  # of another unit
    assert row not in check_energies(data, CheckLimits()).configurations
    assert row in check_energies(replace(data, energy=energy), CheckLimits()).configurations


def test_nothing_that_a_test_uses_is_added(augmented):
    """Relaxed crystals, defects and surfaces have no forces; points of the equation of state neither."""
    dataset = read(augmented)
    batch = to_configurations(dataset)
    largest = np.array([np.abs(batch.labels.forces[batch.atoms_of(np.array([c]))]).max() for c in range(len(batch))])
    for name in ("scaled", "strained", "dense", "vacancies", "surfaces"):
        assert (largest[rows_of(dataset, name)] > 0.05).all()


def test_configurations_are_what_their_recipe_says(augmented):
    dataset = read(augmented)
    batch = to_configurations(dataset)
    volume = batch.volume / batch.n_atoms / dataset.attrs["volume_per_atom"]
    distance = shortest_distances(batch)
    assert distance.min() >= 1.5
    scaled = volume[rows_of(dataset, "scaled")]
    assert 0.74 <= scaled.min() < 0.83
    assert 1.2 < scaled.max() <= 1.3
    dense = volume[rows_of(dataset, "dense")]
    assert 0.55 <= dense.min() < 0.6
    assert 0.74 < dense.max() <= 0.8
    assert (volume[rows_of(dataset, "surfaces")] > 1.5).all()
    assert (np.sort(distance[rows_of(dataset, "short-pairs")])[:3] < 1.9).all()
    assert (batch.n_atoms[rows_of(dataset, "dimers")] == 2).all()
    assert batch.labels.energy[rows_of(dataset, "free-atoms")].tolist() == [0.0]


def test_the_same_seed_gives_the_same_set_and_fewer_recipes_the_same_configurations(augmented):
    augment_dataset(augmented, "local/again", AugmentChoice("ni", {"dimers": 6, "scaled": 9}, 1.5))
    first, second = read(augmented), read(augmented, "local/again")
    for name in ("scaled", "dimers"):
        assert np.array_equal(first["id"][rows_of(first, name)], second["id"][rows_of(second, name)])


def test_the_record_says_the_shortest_distance_and_why_a_configuration_is_excluded(augmented):
    details = read_record(augmented / "datasets/local/more").details
    assert details["shortest_distance_A"] == 1.5
    reasons = [entry["reason"] for entry in details["filtered"]]
    assert all("Å apart, less than 1.500 Å" in reason for reason in reasons)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"parent": "ni"}, InputError, "at least one --recipe"),
        ({"parent": "ni", "recipes": {"vacancy": 3}}, InputError, "recipes.vacancy"),
        ({"parent": "ni", "recipes": {"dimers": 3}, "shortest": 9.0}, EngineError, "no configuration of the recipe"),
    ],
)
def test_what_cannot_be_augmented_is_refused_in_one_line(augmented, arguments, error, message):
    with pytest.raises(error, match=message):
        augment_dataset(augmented, "local/bad", AugmentChoice(**arguments))
    assert not (augmented / "datasets/local/bad").exists()


def test_a_set_with_recipes_is_augmented_again_as_a_validation_advises(augmented):
    augment_dataset(augmented, "local/most", AugmentChoice("local/more", {"scaled": 4, "short-pairs": 3}, 1.5))
    first, second = read(augmented), read(augmented, "local/most")
    n = first.sizes["configuration"]
    assert np.array_equal(second["recipe"][:n], first["recipe"])
    assert np.array_equal(second["id"][:n], first["id"])
    assert len(rows_of(second, "scaled")) == COUNTS["scaled"] + 4
    assert len(np.unique(second["id"], axis=0)) == second.sizes["configuration"] == n + 7


def test_the_smallest_cells_have_4_2_and_4_atoms_and_the_same_volumes(augmented):
    """Labels by density-functional theory cost a tenth in them."""
    augment_dataset(augmented, "local/small", AugmentChoice("ni", {"scaled": 9, "vacancies": 2}, 1.5, smallest=True))
    large, small = read(augmented), read(augmented, "local/small")
    atoms = small["n_atoms"].to_numpy()
    assert atoms[rows_of(small, "scaled")].tolist() == [4, 2, 4] * 3
    assert atoms[rows_of(small, "vacancies")].min() > 20
    volumes = [to_configurations(x).take(rows_of(x, "scaled")) for x in (large, small)]
    assert np.allclose(*[batch.volume / batch.n_atoms for batch in volumes])
    assert read_record(augmented / "datasets/local/small").spec["augment"]["smallest"] is True


def test_the_crystals_of_an_expensive_labeller_are_the_stored_ones(augmented):
    """Else each set would need some fifty labels of crystals that are known."""
    labeller = read_record(augmented / "datasets/ni").labeller
    crystal = StoredCrystal(volume_per_atom=13.5, energy_per_atom=-4.0, bulk_modulus_GPa=180.0)
    stored = StoredReference(
        element="Ni",
        labeller=labeller,
        supercells=labeller,
        crystals=dict.fromkeys(STRUCTURES, crystal),
        vacancy_cells=2,
        properties={},
        labels=0,
        software={},
    )
    write_reference(augmented, "ni", stored)
    try:
        augment_dataset(augmented, "local/stored", AugmentChoice("ni", {"scaled": 9}, 1.5))
    finally:
        reference_path(augmented, "ni").unlink()
    dataset = read(augmented, "local/stored")
    batch = to_configurations(dataset).take(rows_of(dataset, "scaled"))
    assert np.max(batch.volume / batch.n_atoms) / 13.5 == pytest.approx(1.27, abs=0.04)


def test_how_labels_converged_is_kept_and_unknown_where_it_is():
    """The steps and residuals of a self-consistent field are part of a set labelled by density-functional theory."""
    cells = Configurations.build([8 * np.eye(3)] * 2, [np.zeros((1, 3))] * 2, [np.array([13])] * 2)
    labels = Labels(np.zeros(2), np.zeros((2, 3), np.float32), np.zeros((2, 3, 3)))
    plain, parent = cells.with_labels(labels), to_dataset(cells.with_labels(labels))
    assert _convergence(parent, plain) == {}
    known = parent.assign(scf_steps=("configuration", [12, 13]), scf_residual=("configuration", [1e-9, 2e-9]))
    assert _convergence(known, plain)["scf_steps"].tolist() == [12, 13, -1, -1]
    converged = cells.with_labels(replace(labels, scf=np.array([[9, 3e-9], [8, 4e-9]])))
    assert _convergence(known, converged)["scf_residual"].tolist() == [1e-9, 2e-9, 3e-9, 4e-9]
    assert _convergence(parent, converged)["scf_steps"].tolist() == [-1, -1, 9, 8]
