"""A batch is its configurations: what is taken, joined or put into boxes keeps each atom's numbers beside it."""

from dataclasses import replace

import numpy as np
import pytest

from foundational.data.configurations import Configurations, Labels, concatenate, joined_labels, per_volume
from foundational.errors import InputError


def batch(*sizes: int, pbc: tuple[bool, bool, bool] = (True, True, True)) -> Configurations:
    """Configurations whose every number says to which configuration and atom it belongs."""
    c, a = len(sizes), sum(sizes)
    owner = np.repeat(np.arange(c), sizes)
    labels = Labels(
        np.arange(c) + 0.5,
        np.arange(3.0 * a).reshape(a, 3) + 1,
        np.arange(9.0 * c).reshape(c, 3, 3) + 1,
        owner + 0.25,
        np.arange(2.0 * c).reshape(c, 2) + 1,
    )
    cell = np.eye(3) * (3 + np.arange(c))[:, None, None]
    numbers = (owner + 1).astype(np.uint8)
    positions = np.arange(3.0 * a).reshape(a, 3)
    return Configurations(np.array(sizes, np.int32), cell, np.tile(pbc, (c, 1)), numbers, positions, labels)


@pytest.mark.parametrize("chosen", [[2, 0], [1, 1, 3], [], slice(1, 3), np.array([3])])
def test_what_is_taken_keeps_every_array_beside_its_configuration(chosen):
    whole = batch(2, 1, 3, 2)
    taken = whole.take(chosen)
    rows = np.arange(4)[chosen if isinstance(chosen, slice) else np.asarray(chosen, dtype=int)]
    atoms = np.flatnonzero(np.ones(8))[
        np.concatenate([np.zeros(0, int), *(np.flatnonzero(whole.configuration_of_atom == r) for r in rows)])
    ]
    assert taken.n_atoms.tolist() == whole.n_atoms[rows].tolist()
    for name in ("cell", "pbc"):
        assert np.array_equal(getattr(taken, name), getattr(whole, name)[rows])
    for name in ("atomic_numbers", "positions"):
        assert np.array_equal(getattr(taken, name), getattr(whole, name)[atoms])
    for name in ("energy", "stress", "scf"):
        assert np.array_equal(getattr(taken.labels, name), getattr(whole.labels, name)[rows])
    for name in ("forces", "atomic_energies"):
        assert np.array_equal(getattr(taken.labels, name), getattr(whole.labels, name)[atoms])


def test_joined_batches_are_the_whole_and_labels_stay_where_every_part_has_them():
    whole = batch(2, 1, 3, 2)
    parts = [whole.take([0, 1]), whole.take([2]), whole.take([3])]
    joined = concatenate(parts)
    for name in ("n_atoms", "cell", "pbc", "atomic_numbers", "positions"):
        assert np.array_equal(getattr(joined, name), getattr(whole, name))
    for name in ("energy", "forces", "stress", "atomic_energies", "scf"):
        assert np.array_equal(getattr(joined.labels, name), getattr(whole.labels, name))
    assert concatenate([parts[0], parts[1].with_labels(None)]).labels is None
    fewer = joined_labels([parts[0].labels, replace(parts[1].labels, atomic_energies=None)])
    assert fewer.atomic_energies is None
    assert fewer.scf.shape == (3, 2)
    assert joined_labels([parts[0].labels, replace(parts[1].labels, scf=None)]).scf is None
    with pytest.raises(InputError, match="at least one batch"):
        concatenate([])


@pytest.mark.parametrize("name", ["cell", "pbc", "atomic_numbers", "positions"])
def test_an_array_of_another_length_is_refused(name: str):
    whole = batch(2, 1)
    with pytest.raises(InputError, match=f"{name}: expected shape"):
        replace(whole, **{name: getattr(whole, name)[:-1]})


def test_a_box_holds_the_atoms_of_open_directions_with_its_reach_between_images():
    slab = batch(2, 3, pbc=(True, False, True))
    closed = replace(slab, pbc=np.array([[True, False, True], [True, True, True]]))
    boxed = closed.in_boxes(7.0)
    assert boxed.labels is None
    assert boxed.pbc.all()
    # The atoms of the first configuration lie 3 Å apart along y.
    assert np.allclose(np.abs(boxed.cell[0]), np.diag([3.0, 10.0, 3.0]))
    assert np.array_equal(boxed.cell[1], closed.cell[1])
    assert np.array_equal(boxed.positions, closed.positions)
    whole = batch(2)
    assert np.array_equal(whole.in_boxes(7.0).cell, whole.cell)
    assert whole.in_boxes(7.0).labels is None


def test_the_stress_of_a_cluster_is_unknown_and_that_of_a_crystal_is_by_its_volume():
    both = batch(1, 1)
    both = replace(
        both, cell=np.stack([np.eye(3) * 2, np.diag([3.0, 3.0, 0.0])]), pbc=np.array([[True] * 3, [False] * 3])
    )
    stress = per_volume(np.ones((2, 3, 3)), both)
    assert stress[0] == pytest.approx(np.full((3, 3), 1 / 8))
    assert np.isnan(stress[1]).all()
    assert both.without_volume.tolist() == [False, True]


@pytest.mark.parametrize(("height", "flat"), [(1e-9, False), (1e-14, True), (0.0, True)])
def test_vectors_depend_on_each_other_up_to_rounding(height: float, flat: bool):
    cell = np.array([[[3.0, 0, 0], [0, 3.0, 0], [3.0, 0, height]]])
    assert replace(batch(1), cell=cell).without_volume.tolist() == [flat]


def test_a_batch_is_built_of_lists_with_float32_positions_and_closed_cells():
    built = Configurations.build([np.eye(3), np.eye(3) * 2], [np.zeros((1, 3)), np.ones((2, 3))], [[28], [13, 28]])
    assert built.n_atoms.tolist() == [1, 2]
    assert built.atomic_numbers.tolist() == [28, 13, 28]
    assert built.positions.dtype == np.float32
    assert built.pbc.all()
    assert built.labels is None
    assert len(Configurations.build([], [], [])) == 0


def test_a_label_is_known_where_one_of_its_numbers_is():
    labels = batch(2, 1, 1).labels
    forces, stress = labels.forces.copy(), labels.stress.copy()
    forces[0], forces[2], stress[1], stress[2, 0] = np.nan, np.nan, np.nan, np.nan
    atomic = np.array([np.nan, np.nan, 1.0, np.nan])
    known = replace(labels, forces=forces, stress=stress, atomic_energies=atomic).known(np.array([0, 2, 3, 4]))
    assert {name: found.tolist() for name, found in known.items()} == {
        "energy": [True, True, True],
        "forces": [True, False, True],
        "stress": [True, False, True],
        "atomic_energies": [False, True, False],
    }
    assert "atomic_energies" not in replace(labels, atomic_energies=None).known(np.array([0, 2, 3, 4]))
