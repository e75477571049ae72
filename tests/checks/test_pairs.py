"""Forces of a pair potential are its basis functions' forces, times the coefficients."""

import numpy as np
from ase.build import bulk

from foundational.checks.pairs import forces_of_pairs, pair_basis, pair_forces
from foundational.data.conversion import from_atoms


def test_forces_of_a_potential_are_those_of_its_functions() -> None:
    random = np.random.default_rng(3)
    frames = [bulk("NiAl", "cesiumchloride", a=2.9).repeat(n) for n in (2, 2, 3)]
    for frame in frames:
        frame.rattle(0.1, rng=random)
    configurations = from_atoms(frames)
    basis = pair_basis(np.array([13, 28]), 5.0)
    coefficients = random.normal(size=basis.size)
    expected = pair_forces(configurations, basis)[0] @ coefficients
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(forces_of_pairs(configurations, basis, coefficients), expected, atol=1e-10)
