"""The volume per atom of a set without a reference crystal is that of its bulk."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111

from foundational.data.conversion import from_atoms
from foundational.errors import InputError
from foundational.interchange.atomic_volume import atomic_volume

BULK = bulk("Ni", cubic=True)
VOLUME = BULK.get_volume() / 4
ISOLATED = Atoms("Ni", cell=np.eye(3) * 20, pbc=True)
CLUSTER = Atoms("Ni2", [(0, 0, 0), (2.2, 0, 0)])


SLAB = fcc111("Ni", (2, 2, 3), vacuum=10, periodic=True)


@pytest.mark.parametrize("other", [ISOLATED, CLUSTER, SLAB])
def test_isolated_atoms_clusters_and_slabs_do_not_count_beside_bulk(other: Atoms):
    assert atomic_volume(from_atoms([*[other] * 5, BULK])) == (pytest.approx(VOLUME), None)


def test_a_set_of_slabs_is_measured_without_its_vacuum():
    slab = fcc111("Ni", (2, 2, 6), a=3.52, vacuum=10, periodic=True)
    volume, remark = atomic_volume(from_atoms([slab]))
    assert remark is None
    assert volume == pytest.approx(VOLUME, rel=0.1)


def test_what_no_crystal_has_is_said():
    gas = Atoms("Ni2", [(0, 0, 0), (5, 5, 5)], cell=np.eye(3) * 10, pbc=True)
    volume, remark = atomic_volume(from_atoms([gas]))
    assert volume == pytest.approx(500)
    assert "no crystal has" in remark


def test_clusters_and_slabs_without_bulk_are_measured_by_their_neighbours():
    slab = fcc111("Ni", (3, 3, 4), a=3.52, vacuum=8)
    for frames in ([slab], [BULK.repeat(2)]):
        for atoms in frames:
            atoms.pbc = [atoms is slab, atoms is slab, False]
        volume, remark = atomic_volume(from_atoms(frames))
        assert volume == pytest.approx(VOLUME, rel=1e-3)
        assert "distances of neighbours" in remark
    assert atomic_volume(from_atoms([ISOLATED]))[0] is None


def test_a_cell_that_cannot_be_inverted_is_refused():
    cell = [[4, 0, 0], [0, 2.7e180, 9.9e247], [2.2e233, 1e-153, 6e-154]]
    flat = Atoms("Ni2", [(0, 0, 0), (2, 2, 2)], cell=cell, pbc=True)
    with pytest.raises(InputError, match="a cell that spans a volume"):
        atomic_volume(from_atoms([flat]))
