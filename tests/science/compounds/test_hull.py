import numpy as np
import pytest

from foundational.science.compounds.hull import by_composition, compare_hulls, distances_to_hull, formation_energies

#: Shares of two elements: the elements, A3B, AB twice, AB3.
SHARES = np.array([[1, 0], [0.75, 0.25], [0.5, 0.5], [0.5, 0.5], [0.25, 0.75], [0, 1.0]])
ENERGIES = np.array([-4.0, -4.1, -4.0, -3.9, -3.4, -3.0])


def test_distances_are_those_of_a_hull_drawn_by_hand():
    formation = formation_energies(SHARES, ENERGIES, [-4.0, -3.0])
    assert formation == pytest.approx([0, -0.35, -0.5, -0.4, -0.15, 0])
    distance = distances_to_hull(SHARES, ENERGIES)
    assert distance[:1].tolist() == distance[-1:].tolist() == [-np.inf]
    # A3B less half of pure A and AB; AB less its second form; the second form less the first; AB3 less AB and pure B.
    assert distance[1:5] == pytest.approx([-0.35 + 0.25, -0.1, 0.1, -0.15 + 0.25])


def test_a_constant_for_each_element_changes_no_distance():
    shifted = distances_to_hull(SHARES, ENERGIES + SHARES @ [3.0, -7.0])
    assert shifted[1:5] == pytest.approx(distances_to_hull(SHARES, ENERGIES)[1:5])


def test_three_elements_are_mixed_too():
    shares = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1 / 3, 1 / 3, 1 / 3]])
    assert distances_to_hull(shares, np.array([-1.0, -2.0, -3.0, -2.2]))[3] == pytest.approx(-0.2)


def test_phases_within_a_tie_are_not_compared():
    reference = np.array([-0.1, -0.001, 0.001, 0.1])
    assert compare_hulls(np.array([-0.01, 0.5, -0.5, 0.01]), reference, tie=0.005).ok
    found = compare_hulls(np.array([0.01, 0.5, -0.5, -0.01]), reference, tie=0.005)
    assert (found.missing, found.additional, found.ok) == ((0,), (3,), False)


def test_only_formulas_with_several_phases_are_groups():
    assert by_composition(["Ni", "AlNi", "AlNi", "Al"]) == {"AlNi": (1, 2)}
