from dataclasses import replace

import numpy as np

from foundational.stages.distill.candidates import with_all_elements
from tests.engines.ani.cases import crystals


def test_the_first_set_has_atoms_of_every_element() -> None:
    cells = crystals(6, repeat=1)
    numbers = cells.atomic_numbers.copy()
    numbers[cells.atoms_of(np.array([2, 4]))[0::4]] = 13
    numbers[cells.atoms_of(np.array([4]))[1]] = 41
    alloy, order = replace(cells, atomic_numbers=numbers), np.array([5, 0, 1, 3, 2, 4])
    assert with_all_elements(order[:2], order, alloy.atomic_numbers, alloy.n_atoms).tolist() == [5, 0, 2, 4]
    assert with_all_elements(order[4:], order, alloy.atomic_numbers, alloy.n_atoms).tolist() == [2, 4]
    assert with_all_elements(order[:2], order, cells.atomic_numbers, cells.n_atoms).tolist() == [5, 0]
