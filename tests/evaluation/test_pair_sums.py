import numpy as np
import pytest

from foundational.evaluation.pair_sums import two_element_sum


def energy(groups: np.ndarray, single: np.ndarray, pairs: np.ndarray) -> float:
    """Of groups of atoms with the elements ``groups``: a term for each, and one for each two groups."""
    n = len(groups)
    own = sum(single[groups[g], g] for g in range(n))
    return own + sum(pairs[groups[g], groups[h], g, h] for g in range(n) for h in range(g, n))


@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_sums_over_two_elements_are_exact_for_energies_of_atoms_and_pairs(n):
    rng = np.random.default_rng(n)
    single, pairs = rng.normal(size=(n, n)), rng.normal(size=(n, n, n, n))
    # one pair of atoms has the same energy whichever of its atoms is named first
    pairs = pairs + pairs.transpose(1, 0, 2, 3)
    groups, weights = two_element_sum(n)
    assert max(len(set(row)) for row in groups.tolist()) <= 2
    total = sum(w * energy(row, single, pairs) for row, w in zip(groups, weights, strict=True))
    assert total == pytest.approx(energy(np.arange(n), single, pairs), abs=1e-9)


@pytest.mark.parametrize("n", [3, 4])
def test_no_exact_sum_has_smaller_weights(n):
    groups, weights = two_element_sum(n)
    # what an exact sum may differ by: combinations that give nothing for every energy of atoms and pairs
    atoms = [(groups[:, g] == a) for g in range(n) for a in range(n)]
    pairs = [
        ((groups[:, g] == a) & (groups[:, h] == b)) | ((groups[:, g] == b) & (groups[:, h] == a))
        for g in range(n)
        for h in range(g + 1, n)
        for a in range(n)
        for b in range(a, n)
    ]
    _, sizes, rows = np.linalg.svd(np.array(atoms + pairs, dtype=float))
    free = rows[np.count_nonzero(sizes > 1e-9) :]
    assert len(free) > 0
    assert np.abs(free @ weights).max() < 1e-9
