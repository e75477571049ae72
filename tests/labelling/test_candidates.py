from dataclasses import replace

import numpy as np
import pytest

from foundational.data.batches import to_configurations
from foundational.data.store import open_store, write_dataset
from foundational.data.streaming.layout_choice import layout_of
from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.engines.lammps.potentials import potential_for
from foundational.errors import EngineError
from foundational.labelling.candidates import label_candidates
from foundational.labelling.session import LabellingSession
from foundational.specs.translate import GuardSpec
from foundational.stages.translate.length_scale import scale_configurations
from foundational.stages.translate.transformation import add_transformed_copies

GUARD = GuardSpec(minimum_distance=1.0, maximum_energy=100.0)


def labelled(parent, guard, labeller):
    """A parent scaled to aluminium and labelled, as `translate` does it."""
    candidates = add_transformed_copies(scale_configurations(to_configurations(parent), 1.15, "Al"), parent, (), 0.5)
    minimum_distance = 1.15 * guard.minimum_distance
    return label_candidates(
        candidates, "Al", LabellingSession(labeller), guard.maximum_energy, minimum_distance=minimum_distance
    )


def test_overlapping_atoms_are_filtered_and_said(distilled_project):
    parent = open_store(distilled_project / "datasets/ni/data.zarr").load()
    near = parent.copy(deep=True)
    near["positions"][1] = near["positions"][0] + np.array([0.3, 0, 0], dtype=np.float32)
    labeller = LammpsLabeller(potential_for("Al", distilled_project))
    made = labelled(near, GUARD, labeller)
    assert made.dataset.sizes["configuration"] == parent.sizes["configuration"] - 1
    assert len(made.excluded) == 1
    assert "0.345 Å apart" in made.excluded[0].reason
    assert made.excluded[0].parent_id == bytes(parent["id"].to_numpy()[0]).hex()


def test_energy_outliers_are_filtered_and_said(distilled_project):
    parent = open_store(distilled_project / "datasets/ni/data.zarr").load()
    labeller = LammpsLabeller(potential_for("Al", distilled_project))
    everything = labelled(parent, GUARD, labeller).dataset
    energy = np.sort((everything["energy"] / everything["n_atoms"]).to_numpy())
    limit = float(energy[-2] - energy[0] + energy[-1] - energy[0]) / 2
    made = labelled(parent, GUARD.model_copy(update={"maximum_energy": limit}), labeller)
    assert made.dataset.sizes["configuration"] == parent.sizes["configuration"] - 1
    assert "above the lowest" in made.excluded[0].reason


def test_a_scale_that_leaves_nothing_is_an_error(distilled_project):
    parent = open_store(distilled_project / "datasets/ni/data.zarr").load()
    labeller = LammpsLabeller(potential_for("Al", distilled_project))
    strict = GuardSpec(minimum_distance=3.0, maximum_energy=1.0)
    with pytest.raises(EngineError, match="all 40 configurations were filtered"):
        labelled(parent, strict, labeller)


def test_configurations_denser_than_a_volume_are_filtered_and_said(distilled_project):
    parent = open_store(distilled_project / "datasets/ni/data.zarr").load()
    scaled = scale_configurations(to_configurations(parent), 1.15, "Al")
    volume = scaled.volume / scaled.n_atoms
    limit = float(np.sort(volume)[3]) + 1e-6
    labeller = LabellingSession(LammpsLabeller(potential_for("Al", distilled_project)))
    candidates = add_transformed_copies(scaled, parent, (), 0.5)
    made = label_candidates(candidates, "Al", labeller, 100.0, minimum_volume=limit)
    kept = to_configurations(made.dataset)
    assert len(kept) == parent.sizes["configuration"] - 4
    assert (kept.volume / kept.n_atoms >= limit).all()
    assert all(f"less than {limit:.3f} Å³" in entry.reason for entry in made.excluded)


@pytest.mark.parametrize("limits", ["none", "all"])
def test_labels_that_go_to_disk_give_the_same_set(distilled_project, tmp_path, monkeypatch, limits):
    parent = open_store(distilled_project / "datasets/ni/data.zarr").load()
    labeller = LammpsLabeller(potential_for("Al", distilled_project))
    candidates = add_transformed_copies(scale_configurations(to_configurations(parent), 1.15, "Al"), parent, (), 0.5)
    everything = label_candidates(candidates, "Al", LabellingSession(labeller), 100.0)
    energy = np.sort((everything.dataset["energy"] / everything.dataset["n_atoms"]).to_numpy())
    if limits == "all":
        candidates.configurations.positions[1] = candidates.configurations.positions[0] + np.float32(0.3)
    guards = {} if limits == "none" else {"minimum_distance": 1.0, "maximum_force": 1e4}
    maximum = 100.0 if limits == "none" else float(energy[20] - energy[0])
    expected = label_candidates(candidates, "Al", LabellingSession(labeller), maximum, **guards)
    monkeypatch.setattr("foundational.labelling.candidates._IN_MEMORY", 0)
    monkeypatch.setattr("foundational.labelling.candidates._BATCH", 250)
    session = LabellingSession(labeller, spool=tmp_path / "spool")
    streamed = label_candidates(candidates, "Al", session, maximum, **guards)
    assert streamed.excluded == expected.excluded
    assert (limits == "none") == (not expected.excluded)
    stores = [tmp_path / "streamed.zarr", tmp_path / "expected.zarr"]
    for made, store in zip((streamed, expected), stores, strict=True):
        write_dataset(made.dataset, store)
    assert (stores[0] / "zarr.json").read_bytes() == (stores[1] / "zarr.json").read_bytes()  # has all files' sha256


class Converging(LammpsLabeller):
    """A potential that says how its labels converged: the steps are the number of the configuration."""

    def label(self, configurations):
        found = super().label(configurations)
        return replace(found, scf=np.stack([np.arange(len(found.energy)), np.full(len(found.energy), 1e-7)], axis=1))


def test_how_each_label_converged_is_kept_with_its_configuration(distilled_project):
    parent = open_store(distilled_project / "datasets/ni/data.zarr").load()
    labeller = Converging(potential_for("Al", distilled_project))
    everything = labelled(parent, GUARD, labeller).dataset
    assert everything["scf_steps"].to_numpy().tolist() == list(range(parent.sizes["configuration"]))
    energy = (everything["energy"] / everything["n_atoms"]).to_numpy()
    limit = float(np.sort(energy)[-2:].mean() - energy.min())
    fewer = labelled(parent, GUARD.model_copy(update={"maximum_energy": limit}), labeller).dataset
    assert fewer["scf_steps"].to_numpy().tolist() == np.flatnonzero(energy <= energy.min() + limit).tolist()
    assert (fewer["scf_residual"] == 1e-7).all()
    assert layout_of(fewer.drop_vars(["scf_steps", "scf_residual"])) == 1
    assert layout_of(fewer) == 2


def test_forces_above_a_limit_are_filtered_and_said(distilled_project):
    parent = open_store(distilled_project / "datasets/ni/data.zarr").load()
    session = LabellingSession(LammpsLabeller(potential_for("Al", distilled_project)))
    candidates = add_transformed_copies(scale_configurations(to_configurations(parent), 1.15, "Al"), parent, (), 0.5)
    everything = label_candidates(candidates, "Al", session, 100.0).dataset
    lengths = np.linalg.norm(everything["forces"].to_numpy(), axis=1)
    largest = np.maximum.reduceat(lengths, to_configurations(everything).offsets[:-1])
    limit = float(np.sort(largest)[-3]) + 1e-6
    made = label_candidates(candidates, "Al", session, 100.0, maximum_force=limit)
    assert made.dataset.sizes["configuration"] == len(largest) - 2
    assert all(f"more than {limit:g} eV/Å" in entry.reason for entry in made.excluded)
    with pytest.raises(EngineError, match="all 40 configurations were filtered after labelling: a force of"):
        label_candidates(candidates, "Al", session, 100.0, maximum_force=1e-9)
