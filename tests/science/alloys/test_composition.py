import numpy as np
import pytest

from foundational.errors import InputError
from foundational.science.alloys.composition import composition_named, counts_of, nearest_counts, random_counts

PAIR = ("Al", "Ni")


@pytest.mark.parametrize(
    ("text", "shares"), [("Ni3Al", (0.25, 0.75)), ("NiAl", (0.5, 0.5)), ("Ni", (0, 1)), ("Ni.75Al.25", (0.25, 0.75))]
)
def test_formulas_and_shares_are_read(text, shares):
    assert composition_named(text, PAIR) == pytest.approx(shares)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Ni0.7Al0.4", "add up to 1, got 1.1"),
        ("Ni0.7Al0.2", "add up to 1, got 0.9"),
        ("Cu3Al", "got Cu"),
        ("NiNi", "once"),
        ("ni3al", "such as Ni3Al"),
        ("", "such as Ni3Al"),
        ("Ni0Al0", "some atoms"),
    ],
)
def test_what_is_no_composition_is_refused_in_one_line(text, message):
    with pytest.raises(InputError, match=message):
        composition_named(text, PAIR)


def test_a_composition_that_the_sites_cannot_hold_is_refused_with_the_nearest_ones():
    assert counts_of((0.25, 0.75), 32, PAIR).tolist() == [8, 24]
    with pytest.raises(
        InputError, match=r"32 sites cannot hold Al0.3Ni0.7; .* Al0.3125Ni0.6875 and Al0.28125Ni0.71875"
    ):
        counts_of((0.3, 0.7), 32, PAIR)


def test_nearest_numbers_add_up_to_all_atoms():
    assert nearest_counts((1 / 3, 1 / 3, 1 / 3), 32).sum() == 32
    assert nearest_counts((0.5, 0.5), 27).tolist() in ([13, 14], [14, 13])


def test_random_compositions_have_each_chosen_element_and_at_most_as_many_as_allowed():
    random = np.random.default_rng(0)
    many = np.array([random_counts(32, 4, 3, random.random(), random) for _ in range(400)])
    assert (many.sum(axis=1) == 32).all()
    number = (many > 0).sum(axis=1)
    assert set(number) == {2, 3}
    assert (many > 0).mean(axis=0) == pytest.approx([number.mean() / 4] * 4, abs=0.08)
    along = [random_counts(32, 2, 9, k / 31, random)[0] for k in range(31)]
    assert along == list(range(1, 32))
