"""The language of --where."""

import pytest

from foundational.data.query.columns import QueryColumn
from foundational.data.query.language import Comparison, Elements, IsKnown, Joined, Not, columns_of, parse_condition
from foundational.errors import InputError


def test_words_bind_as_in_speech_and_parentheses_change_it() -> None:
    a, b, c = (Comparison("atoms", "=", (float(n),)) for n in (1, 2, 3))
    assert parse_condition("atoms = 1 or atoms = 2 and not atoms = 3") == Joined("or", (a, Joined("and", (b, Not(c)))))
    assert parse_condition("(atoms=1 or atoms=2) AND atoms==3") == Joined("and", (Joined("or", (a, b)), c))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pressure > 50 kbar", Comparison("pressure", ">", (5.0,))),
        ("max-force <= 1500 meV/A", Comparison("max_force", "<=", (1.5,))),
        ("energy_per_atom < -4.4", Comparison("energy_per_atom", "<", (-4.4,))),
        ("split in (train, 'test')", Comparison("split", "=", ("train", "test"))),
        ("uncertainty is not known", Not(IsKnown("uncertainty"))),
        ("elements has Ni, Al", Elements("has", ("Ni", "Al"))),
        ("id = 0f3a", Comparison("id", "=", ("0f3a",))),
        ("id = 7", Comparison("id", "=", ("7",))),
        ("1 GPa <= pressure", Comparison("pressure", ">=", (1.0,))),
        (
            "1 GPa < pressure < 20 kbar",
            Joined("and", (Comparison("pressure", ">", (1.0,)), Comparison("pressure", "<", (2.0,)))),
        ),
    ],
)
def test_a_comparison_states_its_numbers_in_the_unit_of_the_column(text: str, expected: object) -> None:
    assert parse_condition(text) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "got the end"),
        ("presure > 5", "did you mean 'pressure'"),
        ("pressure > 5 eV", "expected one of GPa, kbar"),
        ("pressure >", "expected a number for pressure, got the end"),
        ("pressure > high", "expected a number for pressure, got 'high' at character 12"),
        ("atoms = 5 GPa", "no unit for atoms"),
        ("elements has Nj", "symbol of an element, got 'Nj'"),
        ("split < train", "which is a text"),
        ("split = and", "a word or a text in quotes"),
        ("(atoms = 5", "expected ), got the end"),
        ("atoms = 5 atoms = 6", "expected and, or, or the end"),
        ("__import__('os').system('true')", "expected a name"),
        ("atoms = 5; drop table", "got '; drop table'"),
        ("not " * 3000 + "atoms = 5", "at most 2000 characters"),
        ("(" * 100 + "atoms = 5" + ")" * 100, "at most 50 parentheses"),
        ("not " * 100 + "atoms = 5", "at most 50"),
    ],
)
def test_what_is_not_of_the_language_is_refused_in_one_line_with_its_place(text: str, said: str) -> None:
    with pytest.raises(InputError) as error:
        parse_condition(text)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_fields_of_an_imported_file_are_columns_under_their_names() -> None:
    fields = {
        "config_type": QueryColumn("config_type", "text", "1", ""),
        "dipole": QueryColumn("dipole", "number", "e Å", ""),
    }
    condition = parse_condition("config_type = slab and dipole > 2", fields)
    assert list(columns_of(condition)) == ["config_type", "dipole"]


def test_a_number_of_an_imported_field_may_state_the_unit_of_the_field_and_no_other() -> None:
    columns = {"gap": QueryColumn("gap", "number", "Ha", "of another program")}
    expected = Comparison("gap", ">", (2.5,))
    assert parse_condition("gap > 2.5 Ha", columns) == parse_condition("gap > 2.5", columns) == expected
    with pytest.raises(InputError, match="expected one of Ha for gap"):
        parse_condition("gap > 2.5 eV", columns)
