import numpy as np
import pytest

from foundational.data.configurations import Configurations, concatenate
from foundational.engines.geometry.local_structure import (
    StructureType,
    averaged_order,
    structure_shares,
    structure_types,
)
from foundational.science.crystals import STRUCTURES, Structure, build_crystal

#: q4, q6, w4, w6 of the perfect crystals (P. J. Steinhardt, D. R. Nelson, M. Ronchetti, Phys. Rev. B 28, 784 (1983));
#: BCC with 14 neighbours.
PERFECT = {
    "fcc": (0.191, 0.575, -0.159, -0.0132),
    "bcc": (0.036, 0.511, 0.159, 0.0132),
    "hcp": (0.097, 0.485, 0.134, -0.0124),
}


def thermal(structure: Structure, frames: int, spread: float, volume: float = 11.0) -> Configurations:
    """Crystals with independent displacements; ``spread`` in units of the cube root of the volume per atom."""
    crystal = build_crystal(structure, volume)
    random = np.random.default_rng(11)
    scale = spread * volume ** (1 / 3)
    positions = [crystal.positions + random.normal(scale=scale, size=(len(crystal), 3)) for _ in range(frames)]
    return Configurations.build([crystal.cell] * frames, positions, [np.full(len(crystal), 28)] * frames)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_perfect_crystals_have_the_order_of_the_literature(structure: Structure):
    order = averaged_order(thermal(structure, 1, 0.0))
    assert order == pytest.approx(np.tile(PERFECT[structure], (len(order), 1)), abs=6e-4)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_order_does_not_depend_on_orientation_cell_choice_or_size(structure: Structure):
    batch = thermal(structure, 1, 0.04)
    turn = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0]
    basis = np.array([[1, 0, 0], [2, 1, 0], [-1, 1, 1]])
    moved = Configurations.build([basis @ batch.cell[0] @ turn], [batch.positions @ turn], [batch.atomic_numbers])
    larger = Configurations.build([batch.cell[0] * 3], [batch.positions * 3], [batch.atomic_numbers])
    for other in (moved, larger):
        assert averaged_order(other) == pytest.approx(averaged_order(batch), abs=1e-4)


@pytest.mark.parametrize(("structure", "found"), [("fcc", 0.98), ("bcc", 0.98), ("hcp", 0.9)])
def test_hot_crystals_are_recognised(structure: Structure, found: float):
    types = structure_types(thermal(structure, 30, 0.075))
    assert np.mean(types == StructureType[structure.upper()]) >= found


def test_atoms_thrown_in_at_random_are_no_crystal():
    random = np.random.default_rng(4)
    cell = build_crystal("fcc", 11.0).cell
    batch = Configurations.build([cell] * 50, random.random((50, 32, 3)) @ cell, [np.full(32, 28)] * 50)
    assert np.mean(structure_types(batch) == StructureType.OTHER) > 0.98


def test_shares_belong_to_their_own_configuration():
    batch = concatenate([thermal("bcc", 1, 0.0), thermal("fcc", 2, 0.0), thermal("hcp", 1, 0.0)])
    shares = structure_shares(batch)
    expected = [StructureType.BCC, StructureType.FCC, StructureType.FCC, StructureType.HCP]
    assert shares.argmax(axis=1).tolist() == expected
    assert shares.sum(axis=1) == pytest.approx(1.0)
