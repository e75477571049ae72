from types import SimpleNamespace

import pytest

from foundational.science.length_ratio import length_ratio

# Volumes per atom in Å³, bonds in Å, energies in eV/atom of science's own relaxed crystals.
NICKEL = {
    "fcc": SimpleNamespace(volume_per_atom=3.5162**3 / 4, bond=2.486, energy_per_atom=-4.876),
    "bcc": SimpleNamespace(volume_per_atom=2.782**3 / 2, bond=2.409, energy_per_atom=-4.833),
}
NIOBIUM = {
    "fcc": SimpleNamespace(volume_per_atom=4.315**3 / 4, bond=3.051, energy_per_atom=-7.159),
    "bcc": SimpleNamespace(volume_per_atom=3.3024**3 / 2, bond=2.860, energy_per_atom=-7.347),
}


def test_rules_give_the_ratios_one_computes_by_hand():
    assert length_ratio("lattice", NICKEL, NIOBIUM) == pytest.approx(4.315 / 3.5162)
    assert length_ratio("nearest-neighbour", NICKEL, NIOBIUM) == pytest.approx(2.860 / 2.486)
    assert length_ratio("volume", NICKEL, NIOBIUM) == pytest.approx((18.008 / 10.868) ** (1 / 3), rel=1e-3)


@pytest.mark.parametrize("rule", ["lattice", "nearest-neighbour", "volume"])
def test_going_there_and_back_is_no_scaling(rule):
    assert length_ratio(rule, NICKEL, NIOBIUM) * length_ratio(rule, NIOBIUM, NICKEL) == pytest.approx(1)
