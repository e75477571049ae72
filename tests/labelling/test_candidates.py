import numpy as np
import pytest

from foundational.data.batches import to_configurations
from foundational.data.store import open_store
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
