import numpy as np
import pytest

from foundational.science.alloys.motifs import divergence, motif_counts, motif_histograms, pick_by_motifs
from foundational.science.alloys.patterns import sublattice
from foundational.science.alloys.sites import supercell_sites


def test_motifs_of_an_ordered_compound_are_its_two_shells():
    sites = supercell_sites(32)
    first = sublattice("L1_2", sites, 0, np.random.default_rng(0))
    cell = 7.2 * np.eye(3)
    found = motif_counts(cell, sites.fractional @ cell, first.astype(int)[None], 2)[0]
    kinds, counts = np.unique(found, axis=0, return_counts=True)
    assert kinds.tolist() == [[0, 8, 4], [1, 12, 0]]
    assert counts.tolist() == [24, 8]


def test_the_divergence_vanishes_for_the_target_and_falls_with_each_pick():
    random = np.random.default_rng(0)
    target = random.integers(50, 200, 12).astype(float)
    assert divergence(1e6 * target, target) == pytest.approx(0, abs=1e-6)
    histograms = random.multinomial(32, random.dirichlet(np.ones(12)), size=80).astype(float)
    picks = pick_by_motifs(histograms, histograms.sum(axis=0), 30, np.zeros(12))
    assert len(set(picks.tolist())) == 30
    whole = histograms.sum(axis=0)
    chosen = divergence(histograms[picks].sum(axis=0), whole)
    others = [divergence(histograms[random.permutation(80)[:30]].sum(axis=0), whole) for _ in range(10)]
    assert chosen < min(others)


def test_histograms_count_each_motif_of_each_configuration():
    motifs = [np.array([[0, 12, 0], [0, 12, 0]]), np.array([[1, 3, 9]])]
    assert motif_histograms(motifs).tolist() == [[2, 0], [0, 1]]
