import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.neighborlist import neighbor_list

from foundational.data.conversion import from_atoms
from foundational.data.distances import shortest_distances


def test_crystals_have_their_bond_lengths_by_hand():
    # FCC: a/√2; BCC: a√3/2; a simple cubic atom meets its own image at a.
    cells = [bulk("Ni", a=3.52), bulk("Ni", a=3.52, cubic=True), bulk("Nb", "bcc", a=3.3), bulk("Po", "sc", a=3.35)]
    expected = [3.52 / np.sqrt(2), 3.52 / np.sqrt(2), 3.3 * np.sqrt(3) / 2, 3.35]
    assert shortest_distances(from_atoms(cells)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("pbc", [(1, 1, 1), (1, 1, 0), (0, 1, 0), (0, 0, 0)])
def test_distances_are_those_of_a_neighbour_list_in_any_cell(pbc):
    rng = np.random.default_rng(3)
    frames = []
    for number in range(60 if all(pbc) else 14):
        n = 1 + number % 7 + (pbc == (0, 0, 0))
        cell = np.diag(rng.uniform(1.5, 6, 3)) + rng.normal(scale=0.7, size=(3, 3))
        if np.linalg.det(cell) < 2:
            continue
        # Atoms lie far outside of the cell, too.
        frames.append(Atoms(f"Ni{n}", cell=cell, pbc=pbc, positions=rng.uniform(-20, 20, (n, 3)).astype(np.float32)))
    assert len(frames) > (40 if all(pbc) else 8)
    expected = [neighbor_list("d", a, 12.0 if any(pbc) else 60.0).min() for a in frames]
    assert shortest_distances(from_atoms(frames)) == pytest.approx(expected, rel=1e-9)


def test_a_cell_without_volume_has_no_distance():
    flat = Atoms("Ni", cell=[[3, 0, 0], [0, 3, 0], [3, 3, 0]], pbc=True)
    assert np.isnan(shortest_distances(from_atoms([flat]))).all()
