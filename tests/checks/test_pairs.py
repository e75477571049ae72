"""Forces of a pair potential in a basis of hat functions."""

import numpy as np
from ase import Atoms
from ase.build import bulk

from foundational.checks.pairs import model_forces, pair_basis, pair_forces
from foundational.data.conversion import from_atoms


def test_forces_with_coefficients_are_those_of_the_functions_together() -> None:
    rng = np.random.default_rng(1)
    cells = [bulk("Ni", cubic=True) * 2 for _ in range(3)]
    cells[1].numbers[:8] = 13
    frames = [*cells, Atoms("Ni3Al2", rng.uniform(0, 4, (5, 3))), Atoms("Ni")]
    for frame in frames:
        frame.positions += rng.normal(0, 0.1, frame.positions.shape)
    c, basis = from_atoms(frames), pair_basis(np.array([13, 28]), 3.4)
    coefficients = rng.normal(size=basis.size)
    expected = pair_forces(c, basis)[0] @ coefficients
    assert np.abs(model_forces(c, basis, coefficients) - expected).max() < 1e-12
