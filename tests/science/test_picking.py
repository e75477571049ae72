import numpy as np
import pytest

from foundational.science.picking import (
    configuration_uncertainty,
    mean_uncertainty,
    pick_farthest,
    pick_from_grid,
    pick_informative,
    pick_most_uncertain,
)


def test_uncertainty_is_the_largest_sample_deviation_of_an_atom_by_hand():
    # Two members; deviations of the atoms are |a − b|/√2: 0, 1/√2, 2/√2 | 0.5/√2.
    members = np.array([[0.0, 0.0, 0.0, 1.0], [0.0, 1.0, 2.0, 1.5]])
    found = configuration_uncertainty(members, np.array([0, 3, 4]))
    assert found == pytest.approx([2 / np.sqrt(2), 0.5 / np.sqrt(2)])


def test_uncertainty_ignores_what_all_members_agree_on():
    rng = np.random.default_rng(0)
    members, offset = rng.normal(size=(5, 12)), rng.normal(size=12)
    bounds = np.array([0, 4, 12])
    assert configuration_uncertainty(members + offset, bounds) == pytest.approx(
        configuration_uncertainty(members, bounds)
    )


def test_selection_ignores_pool_order():
    rng = np.random.default_rng(1)
    sigma = rng.random(200)
    order = rng.permutation(200)
    assert set(order[pick_most_uncertain(sigma[order], 20)]) == set(pick_most_uncertain(sigma, 20))


def test_no_two_picks_of_a_walker_are_closer_than_the_separation():
    rng = np.random.default_rng(2)
    sigma, walker, step = rng.random(500), rng.integers(0, 3, 500), rng.permutation(500) * 10
    picks = pick_most_uncertain(sigma, 40, walker=walker, step=step, separation=200)
    for w in range(3):
        steps = np.sort(step[picks[walker[picks] == w]])
        assert (np.diff(steps) >= 200).all()
    assert picks[0] == np.argmax(sigma)


def test_nothing_below_the_threshold_is_picked():
    sigma = np.array([0.1, 0.5, 0.3, 0.2])
    assert pick_most_uncertain(sigma, 10, threshold=0.25).tolist() == [1, 2]
    assert pick_most_uncertain(sigma, 10, threshold=1.0).size == 0


def test_the_farthest_points_are_spread_as_far_as_any():
    """Greedy farthest points are within a factor 2 of the best spread (Gonzalez 1985); random ones are far below."""
    points = np.random.default_rng(3).random((400, 2))
    picks = pick_farthest(points, points[:0], 25, first=7)
    assert picks[0] == 7
    assert len(set(picks.tolist())) == 25

    def spread(some):
        gaps = np.linalg.norm(some[:, None] - some[None], axis=2)
        return gaps[~np.eye(len(some), dtype=bool)].min()

    assert spread(points[picks]) > 3 * spread(points[:25])


def test_farthest_points_go_on_from_what_is_chosen():
    points = np.random.default_rng(4).random((300, 3))
    whole = pick_farthest(points, points[:0], 30, first=0)
    left = np.setdiff1d(np.arange(300), whole[:12])
    rest = left[pick_farthest(points[left], points[whole[:12]], 18)]
    assert np.array_equal(rest, whole[12:])


def test_a_grid_is_filled_evenly():
    rng = np.random.default_rng(5)
    crowded = np.concatenate([rng.random((1000, 2)) * 0.1, rng.random((60, 2))])
    everything, nothing = np.arange(1060), np.zeros(0, np.int64)
    picks = pick_from_grid(crowded, everything, nothing, 40, 4, rng)
    assert len(set(picks.tolist())) == 40
    share = np.mean((crowded[picks] < 0.25).all(axis=1))
    assert share < 0.15, "the crowded cell, with 95 % of all, gets about a sixteenth"
    more = pick_from_grid(crowded, np.setdiff1d(everything, picks), picks, 8, 4, rng)
    assert not set(more.tolist()) & set(picks.tolist())


def test_mean_uncertainty_is_the_root_mean_square_by_hand():
    members = np.array([[0.0, 0.0, 0.0, 1.0], [0.0, 1.0, 2.0, 1.5]])
    found = mean_uncertainty(members, np.array([0, 3, 4]))
    assert found == pytest.approx([np.sqrt((0.5 + 2.0) / 3), 0.5 / np.sqrt(2)])


def test_a_weight_keeps_the_far_but_certain_out():
    points = np.array([[0.0], [1.0], [1.1], [9.0]])
    assert pick_farthest(points, points[:1], 1, weight=np.array([1.0, 1.0, 1.0, 0.1])).tolist() == [2]
    assert pick_farthest(points, points[:1], 2, weight=np.array([1.0, 1.0, 1.0, 0.01])).tolist() == [2, 1]


def test_informative_picks_make_the_determinant_grow_more_than_others():
    rng = np.random.default_rng(6)
    points = rng.normal(size=(300, 12)) * np.geomspace(1, 0.05, 12)
    picks = pick_informative(points, points[:0], 20)
    assert len(set(picks.tolist())) == 20

    def volume(some):
        return np.linalg.slogdet(1e-2 * np.eye(12) + points[some].T @ points[some])[1]

    assert volume(picks) > max(volume(rng.permutation(300)[:20]) for _ in range(50)) + 1
    left = np.setdiff1d(np.arange(300), picks[:7])
    rest = left[pick_informative(points[left], points[picks[:7]], 13)]
    assert np.array_equal(rest, picks[7:]), "it goes on from what is chosen"
