from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms

from foundational.data.conversion import from_atoms, to_dataset
from foundational.errors import InputError
from foundational.stages.distill.candidates import fit, sized, usable, with_all_elements
from tests.engines.ani.cases import crystals, labelled

BASE = {"heldout": 500, "initial": 20, "frames": 1200, "method": "random"}


def test_the_first_set_has_atoms_of_every_element() -> None:
    cells = crystals(6, repeat=1)
    numbers = cells.atomic_numbers.copy()
    numbers[cells.atoms_of(np.array([2, 4]))[0::4]] = 13
    numbers[cells.atoms_of(np.array([4]))[1]] = 41
    alloy, order = replace(cells, atomic_numbers=numbers), np.array([5, 0, 1, 3, 2, 4])
    assert with_all_elements(order[:2], order, alloy.atomic_numbers, alloy.n_atoms).tolist() == [5, 0, 2, 4]
    assert with_all_elements(order[4:], order, alloy.atomic_numbers, alloy.n_atoms).tolist() == [2, 4]
    assert with_all_elements(order[:2], order, cells.atomic_numbers, cells.n_atoms).tolist() == [5, 0]


def test_configurations_of_which_no_label_is_known_are_excluded_where_others_have_some() -> None:
    """Energies alone or forces alone suffice; where nothing has labels, the method decides what it needs."""
    cells = labelled(4)
    energy, forces = cells.labels.energy.copy(), cells.labels.forces.copy()
    energy[[1, 2]] = np.nan
    forces[cells.atoms_of(np.array([0, 2]))] = np.nan
    partial = to_dataset(cells.with_labels(replace(cells.labels, energy=energy, forces=forces)))
    rows, said = usable(partial)
    assert rows.tolist() == [0, 1, 3]
    assert said == ["1 configurations have neither energy nor forces and were excluded"]
    assert usable(partial.drop_vars("forces"))[0].tolist() == [0, 3]
    assert usable(partial.drop_vars(["energy", "forces", "stress"])) == (pytest.approx([0, 1, 2, 3]), [])


def test_settings_that_are_no_numbers_are_left_to_their_reader() -> None:
    assert sized(BASE, {"frames": "many"}, 40) == (BASE | {"frames": "many"}, [])


def test_isolated_atoms_alone_cannot_be_selected_from() -> None:
    atoms = to_dataset(from_atoms([Atoms("Ni", cell=[20.0] * 3, pbc=True)]))
    with pytest.raises(InputError, match=r"a\.xyz: expected configurations of two or more atoms"):
        fit(BASE, {}, atoms, "a.xyz")
