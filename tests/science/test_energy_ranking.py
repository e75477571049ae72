import pytest
from scipy.stats import kendalltau

from foundational.science.energy_ranking import compare_energy_order

NICKEL = {"fcc": -4.8763, "bcc": -4.8333, "hcp": -4.8628}


@pytest.mark.parametrize(
    "predicted",
    [
        {"fcc": -4.9, "bcc": -4.8, "hcp": -4.85},
        {"fcc": -4.8, "bcc": -4.9, "hcp": -4.85},
        {"fcc": -4.85, "bcc": -4.8, "hcp": -4.9},
    ],
)
def test_kendall_tau_equals_scipy_where_nothing_ties(predicted):
    ours = compare_energy_order(predicted, NICKEL, tie=0.001).kendall_tau
    names = sorted(NICKEL)
    assert ours == pytest.approx(kendalltau([predicted[n] for n in names], [NICKEL[n] for n in names]).statistic)


def test_a_constant_offset_changes_no_order():
    shifted = {name: energy + 1.234 for name, energy in NICKEL.items()}
    assert compare_energy_order(shifted, NICKEL, tie=0.005) == compare_energy_order(NICKEL, NICKEL, tie=0.005)


def test_a_pair_below_the_tie_is_not_judged():
    silver = {"fcc": -2.8500, "hcp": -2.8497, "bcc": -2.8130}
    swapped = {"fcc": -2.8497, "hcp": -2.8500, "bcc": -2.8130}
    order = compare_energy_order(swapped, silver, tie=0.005)
    assert order.rank_ok
    assert order.ground_state_ok


def test_a_swapped_resolvable_pair_fails_the_rank_but_not_the_ground_state():
    order = compare_energy_order({"fcc": -4.9, "bcc": -4.87, "hcp": -4.86}, NICKEL, tie=0.005)
    assert not order.rank_ok
    assert order.ground_state_ok
    assert order.kendall_tau == pytest.approx(1 / 3)


def test_predicting_equal_energies_is_not_right():
    order = compare_energy_order(dict.fromkeys(NICKEL, -4.8), NICKEL, tie=0.005)
    assert not order.rank_ok
    assert order.kendall_tau is None
