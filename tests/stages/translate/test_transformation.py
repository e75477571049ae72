import numpy as np
import pytest

from foundational.data.configurations import Configurations
from foundational.engines.geometry.local_structure import StructureType, structure_shares
from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.engines.lammps.potentials import potential_for
from foundational.science.crystals import build_crystal
from foundational.stages.translate.transformation import transform_crystals
from foundational.testing.tolerances import ENERGY_ROUNDING


def rattled(structure, repeats, amplitude=0.05):
    rng = np.random.default_rng(1)
    crystal = build_crystal(structure, 11.0, repeats)
    n = len(crystal)
    positions = [crystal.positions + rng.normal(scale=amplitude, size=(n, 3)) + 0.7 for _ in range(4)]
    return Configurations.build([crystal.cell] * 4, positions, [np.full(n, 28)] * 4)


@pytest.mark.parametrize(
    ("start", "repeats", "end"),
    [("fcc", (2, 2, 2), "bcc"), ("bcc", (3, 3, 3), "fcc"), ("fcc", (2, 2, 2), "hcp"), ("fcc", (4, 4, 4), "hcp")],
)
def test_a_crystal_becomes_the_other_one_at_the_same_volume(start, repeats, end):
    batch = rattled(start, repeats)
    copies, rows, codes = transform_crystals(batch, [end], 0.5)
    kinds = {"fcc": StructureType.FCC, "bcc": StructureType.BCC, "hcp": StructureType.HCP}
    assert structure_shares(batch)[:, kinds[start]].min() == 1
    assert structure_shares(copies)[:, kinds[end]].min() > 0.95
    assert np.allclose(copies.volume, batch.volume)
    assert rows.tolist() == [0, 1, 2, 3]
    assert set(codes) == {["none", "fcc", "bcc", "hcp"].index(end)}


@pytest.mark.parametrize("end", ["bcc", "hcp"])
def test_a_perfect_crystal_becomes_a_perfect_one(end, checkout):
    """The energies are those of the crystals built as such: √(8/3) for HCP, and to what float32 positions give."""
    labeller = LammpsLabeller(potential_for("Ni", checkout))
    batch = rattled("fcc", (2, 2, 2), amplitude=0.0)
    copies, _, _ = transform_crystals(batch, [end], 0.5)
    expected = build_crystal(end, 11.0, (3, 3, 3) if end == "bcc" else (3, 2, 2))
    crystal = Configurations.build([expected.cell], [expected.positions], [np.full(len(expected), 28)])
    energy = labeller.label(crystal).energy[0] / len(expected)
    assert labeller.label(copies).energy / 32 == pytest.approx(energy, abs=ENERGY_ROUNDING)


def test_where_no_transformation_fits_there_are_no_copies():
    rng = np.random.default_rng(2)
    gas = Configurations.build([np.eye(3) * 8.0], [rng.uniform(0, 8, (32, 3))], [np.full(32, 28)])
    assert len(transform_crystals(gas, ["fcc", "bcc", "hcp"], 0.5)[0]) == 0
    odd, slabs = rattled("fcc", (3, 3, 3)), rattled("bcc", (3, 3, 3))
    assert len(transform_crystals(odd, ["hcp"], 0.5)[0]) == len(transform_crystals(slabs, ["hcp"], 0.5)[0]) == 0
    assert len(transform_crystals(rattled("fcc", (2, 2, 2)), ["fcc"], 0.5)[0]) == 0
