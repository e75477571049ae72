import itertools
import shutil
from dataclasses import replace

import numpy as np
import pytest

from foundational.checks.collection import Collector
from foundational.checks.energies import check_energies
from foundational.data.batches import take, to_configurations
from foundational.data.checks import check_dataset
from foundational.data.configurations import Configurations, Labels
from foundational.data.conversion import to_dataset
from foundational.data.distances import shortest_distances
from foundational.data.layout import VARIABLES
from foundational.data.store import open_store
from foundational.engines.gpaw import labeller as gpaw
from foundational.engines.gpaw.calculation import SinglePoint
from foundational.errors import ConflictError, EngineError, InputError, NotFoundError
from foundational.evaluation.materials.stored import StoredCrystal, StoredReference
from foundational.inspection.check import check
from foundational.labelling.comparison import compare_labels
from foundational.labelling.records import labeller_of, labellers_of_recipes
from foundational.provenance.record import read_record
from foundational.science.crystals import STRUCTURES
from foundational.specs.check import CheckLimits
from foundational.specs.params import read_params
from foundational.specs.translate import RECIPE_NAMES
from foundational.stages.augment.command import AugmentChoice, augment_dataset
from foundational.stages.augment.stage import _convergence
from foundational.testing.project import store_set
from foundational.workspace.references import reference_path, write_reference

COUNTS = {
    "scaled": 9,
    "strained": 6,
    "dense": 6,
    "distorted": 12,
    "hcp-ratios": 4,
    "short-pairs": 6,
    "vacancies": 6,
    "symmetric-vacancies": 4,
    "surfaces": 9,
    "free-atoms": 1,
    "dimers": 6,
}
#: Lattice vectors, as multiples of those of a primitive cell.
SHELL = np.array([v for v in itertools.product((-1, 0, 1), repeat=3) if any(v)]).T


@pytest.fixture(scope="module")
def augmented(distilled_project, tmp_path_factory):
    root = tmp_path_factory.mktemp("augmented") / "project"
    shutil.copytree(distilled_project, root, symlinks=True)
    augment_dataset(root, "local/more", AugmentChoice("ni", COUNTS, 1.5))
    return root


def read(root, name="local/more"):
    return open_store(root / "datasets" / name / "data.zarr").load()


def stored_crystals(labeller):
    crystal = StoredCrystal(volume_per_atom=13.5, energy_per_atom=-4.0, bulk_modulus_GPa=180.0)
    return StoredReference(
        element="Ni",
        labeller=labeller,
        supercells=labeller,
        crystals=dict.fromkeys(STRUCTURES, crystal),
        vacancy_cells=2,
        properties={},
        labels=0,
        software={},
    )


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
    collector = Collector.over(dataset)
    check_dataset(dataset, companion=collector)
    data = collector.collection(dataset)
    row = int(rows_of(dataset, "vacancies")[2])
    energy = data.energy.copy()
    energy[row] /= 27.2114  # of another unit
    assert row not in check_energies(data, CheckLimits()).configurations
    assert row in check_energies(replace(data, energy=energy), CheckLimits()).configurations


def test_a_crystal_whose_displaced_atoms_feel_large_forces_may_have_a_high_energy(augmented):
    dataset = read(augmented)
    collector = Collector.over(dataset)
    check_dataset(dataset, companion=collector)
    data = collector.collection(dataset)
    row = int(rows_of(dataset, "scaled")[2])
    energy, calm, strong = data.energy.copy(), data.mean_force.copy(), data.mean_force.copy()
    energy[row] += 3.0 * data.n_atoms[row]
    calm[row], strong[row] = 0.0, 60.0
    assert row in check_energies(replace(data, energy=energy, mean_force=calm), CheckLimits()).configurations
    assert row not in check_energies(replace(data, energy=energy, mean_force=strong), CheckLimits()).configurations


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
        ({"parent": "ni", "recipes": {"dense": 3}, "meshes": {"dense": 0.2}}, InputError, "expected labels by gpaw"),
        ({"parent": "ni", "recipes": {"dense": 3}, "meshes": {"scaled": 0.2}}, InputError, "expected recipes of this"),
        (
            {"parent": "ni", "recipes": {"dense": 3}, "meshes": {"dense": {"spacing": 0.2, "shift": 0.25}}},
            InputError,
            "expected 0 or 0.5 steps, which keep the symmetry",
        ),
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
    write_reference(augmented, "ni", stored_crystals(read_record(augmented / "datasets/ni").labeller))
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


def test_distorted_crystals_are_primitive_cells_that_no_test_uses(augmented):
    """Their strains are larger than those of elastic constants, and none is a change of volume alone."""
    dataset = read(augmented)
    batch = to_configurations(dataset).take(rows_of(dataset, "distorted"))
    atoms = batch.n_atoms.tolist()
    assert atoms == [1] * 6 + [2] + [1] * 5  # the seventh is HCP
    for k in (0, 1, 2, 4, 5, 7, 8, 10, 11):  # FCC
        neighbours = np.sort(np.linalg.norm(batch.cell[k].T @ SHELL, axis=0))[:12]
        assert neighbours[-1] / neighbours[0] > 1.01
    assert np.abs(batch.labels.forces[:6]).max() < 1e-5


def test_a_recipe_may_have_a_mesh_of_its_own(augmented, monkeypatch):
    """The record says which, and labels are compared with those of that mesh."""

    def single_point(numbers, positions, cell, settings):
        energy = -3.0 * len(numbers) + settings["spacing"] + settings["shift"]
        return SinglePoint(energy, energy, np.zeros((len(numbers), 3)), np.zeros((3, 3)), 9, 1e-9, 1e-9, (1, 1, 1))

    monkeypatch.setattr(gpaw, "single_point", single_point)
    monkeypatch.setattr(gpaw, "version", lambda: "gpaw 26")
    monkeypatch.setattr(gpaw, "setup_sha256", lambda *_: "0" * 64)
    parent = take(read(augmented, "ni"), slice(0, 20)).assign_attrs(labeller="gpaw:PBE")
    store_set(augmented, "pbe", parent, gpaw.GpawLabeller(("Ni",)))
    write_reference(augmented, "pbe", stored_crystals(read_record(augmented / "datasets/pbe").labeller))
    meshes = {"distorted": 0.3, "vacancies": {"spacing": 0.25, "shift": 0.5}}
    counts = {"scaled": 3, "distorted": 4, "vacancies": 2}
    chosen = AugmentChoice("pbe", counts, 1.5, smallest=True, meshes=meshes)
    record = augment_dataset(augmented, "local/meshed", chosen)
    dataset = read(augmented, "local/meshed")
    energy = dataset["energy"].to_numpy() + 3 * dataset["n_atoms"].to_numpy()
    assert energy[rows_of(dataset, "scaled")] == pytest.approx(0.42 + 0.25)
    assert energy[rows_of(dataset, "distorted")] == pytest.approx(0.3)
    assert energy[rows_of(dataset, "vacancies")] == pytest.approx(0.25 + 0.5)
    assert record.details["meshes"] == {
        "distorted": {"spacing": 0.3, "shift": 0.0, "point_group": True},
        "vacancies": {"spacing": 0.25, "shift": 0.5, "point_group": True},
    }
    assert record.labeller.parameters["settings"]["spacing"] == 0.42
    assert not list((augmented / "build/work").glob("label-*"))
    with pytest.raises(ConflictError, match=r"recipe distorted with k-points .*0\.3.*, got None; use the same"):
        augment_dataset(augmented, "local/again", AugmentChoice("local/meshed", {"distorted": 2}))
    recipes = labellers_of_recipes(record, augmented)
    store, labeller = augmented / "datasets/local/meshed/data.zarr", labeller_of(record.labeller, augmented)
    added = np.arange(20, 29)
    monkeypatch.setattr("foundational.labelling.comparison.np.linspace", lambda *_: added)
    assert compare_labels(store, labeller, 9, recipes).ok
    wrong = [int(text.split()[3]) for text in compare_labels(store, labeller, 9).problems]
    assert wrong == [23, 24, 25, 26, 27, 28]


def test_a_set_of_params_yaml_is_augmented_as_it_is_stated_there(distilled_project):
    with pytest.raises(NotFoundError, match=r"no augmented set 'mine' in params\.yaml; known: al-pbe"):
        augment_dataset(distilled_project, "mine")
    name = next(iter(read_params(distilled_project / "params.yaml").augment))
    with pytest.raises(InputError, match=f"'{name}' is defined in params.yaml; name your own sets local/<name>"):
        augment_dataset(distilled_project, name, AugmentChoice("ni", {"vacancies": 3}))
