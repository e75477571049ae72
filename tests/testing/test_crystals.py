import numpy as np
import pytest

from foundational.data.configurations import Configurations
from foundational.data.distances import shortest_distances
from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.engines.lammps.potentials import potential_for
from foundational.testing.crystals import NICKEL_VOLUME, labelled_dataset, rattled_crystals
from foundational.testing.tolerances import ENERGY_ROUNDING, FORCE_ROUNDING, POSITION_ROUNDING, STRESS_ROUNDING


def test_rattled_crystals_are_whole_and_the_same_for_the_same_seed():
    batch, again = rattled_crystals(20, seed=1), rattled_crystals(20, seed=1)
    assert np.array_equal(batch.positions, again.positions)
    assert np.array_equal(batch.cell, again.cell)
    assert shortest_distances(batch).min() > 1.5
    assert batch.volume / 32 == pytest.approx(np.full(20, NICKEL_VOLUME), rel=0.16)
    assert not np.array_equal(rattled_crystals(20, seed=2).positions, batch.positions)


def test_a_labelled_dataset_says_whose_labels_it_holds(checkout):
    labeller = LammpsLabeller(potential_for("Al", checkout))
    dataset = labelled_dataset(
        rattled_crystals(3, 1, "Al", 16.5), labeller, "Al", attrs={"volume_per_atom": 16.5}, step=np.arange(3)
    )
    assert dataset.attrs["labeller"] == labeller.id
    assert dataset["step"].to_numpy().tolist() == [0, 1, 2]
    assert set(dataset["atomic_numbers"].to_numpy()) == {13}


def test_labels_before_and_after_rounding_to_float32_agree_within_the_named_tolerances(checkout):
    """One lattice vector added to every atom rounds each position again, as scaling and text files do."""
    labeller = LammpsLabeller(potential_for("Ni", checkout))
    batch = rattled_crystals(20, seed=4)
    far = [c[0] for c in batch.cell]
    moved = Configurations.build(
        batch.cell,
        [p + f for p, f in zip(batch.positions.reshape(20, 32, 3), far, strict=True)],
        [np.full(32, 28)] * 20,
    )
    back = moved.positions.reshape(20, 32, 3) - np.array(far)[:, None]
    assert np.abs(back - batch.positions.reshape(20, 32, 3)).max() < POSITION_ROUNDING
    one, other = labeller.label(batch), labeller.label(moved)
    assert 0 < np.abs(one.energy - other.energy).max() / 32 < ENERGY_ROUNDING
    assert np.abs(one.forces - other.forces).max() < FORCE_ROUNDING
    assert np.abs(one.stress - other.stress).max() < STRESS_ROUNDING
