from ase.data import atomic_numbers, chemical_symbols

from foundational.elements import NUMBERS, SYMBOLS


def test_symbols_and_numbers_are_those_of_ase():
    assert list(SYMBOLS) == chemical_symbols
    assert dict(NUMBERS) == atomic_numbers
