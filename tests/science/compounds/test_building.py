import pytest

from foundational.errors import InputError
from foundational.science.compounds.building import build_compound, compounds_of


def test_a_pair_of_elements_has_each_compound_once():
    titles = [c.title for c in compounds_of(["Ni", "Al"], {"Ni": 10.9, "Al": 16.6})]
    assert len(titles) == len(set(titles))
    assert {"AlNi3 L1_2", "Al3Ni L1_2", "AlNi B2", "AlNi2 C15", "Al2Ni C15", "Ni A1", "Al A3"} <= set(titles)


def test_three_elements_have_the_compounds_of_their_pairs():
    found = compounds_of(["Ni", "Al", "Co"], {"Ni": 10.9, "Al": 16.6, "Co": 11.1}, ["B2", "L1_2"])
    assert len(found) == 3 + 6


def test_volumes_follow_the_elements_and_supercells_keep_them():
    (compound,) = compounds_of(["Ni", "Al"], {"Ni": 10.0, "Al": 16.0}, ["B2"])
    assert compound.volume_per_atom == pytest.approx(13.0)
    large = compound.repeated((2, 3, 1))
    assert (len(large), large.formula) == (12, "AlNi")
    assert large.volume_per_atom == pytest.approx(13.0)


@pytest.mark.parametrize(
    ("name", "elements", "message"),
    [("L12", ["Ni", "Al"], "did you mean 'L1_2'"), ("L1_2", ["Ni"], "expected 2 elements for L1_2")],
)
def test_an_impossible_compound_is_refused(name, elements, message):
    with pytest.raises(InputError, match=message):
        build_compound(name, elements, 11.0)


def test_a_prototype_of_another_name_is_refused_with_the_closest():
    with pytest.raises(InputError, match="expected a prototype, got 'L12'; did you mean 'L1_2'"):
        compounds_of(["Ni", "Al"], {"Ni": 10.0, "Al": 16.0}, ["B2", "L12"])
