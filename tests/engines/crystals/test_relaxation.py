from pathlib import Path

import numpy as np
import pytest

from foundational.data.configurations import Configurations, Labels
from foundational.engines.crystals.relaxation import energies_per_atom, relax_fully, relax_isotropic
from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.engines.lammps.potentials import potential_for
from foundational.errors import EngineError
from foundational.science.crystals import STRUCTURES, Structure, build_crystal


@pytest.fixture(scope="module")
def nickel() -> LammpsLabeller:
    return LammpsLabeller(potential_for("Ni", Path(__file__).resolve().parents[3]))


@pytest.mark.parametrize("structure", STRUCTURES)
def test_the_pressure_vanishes_at_the_relaxed_volume(nickel: LammpsLabeller, structure: Structure):
    relaxed = relax_isotropic(nickel, build_crystal(structure, 12.0), "Ni")
    crystal = relaxed.crystal
    batch = Configurations.build([crystal.cell], [crystal.positions], [np.full(len(crystal), 28)])
    labels = nickel.label(batch)
    assert abs(np.trace(labels.stress[0]) / 3) < 2e-5  # 30 bar of a bulk modulus of 1.1 eV/Å³: 6e-6 in length
    assert labels.energy[0] / len(crystal) == pytest.approx(relaxed.energy_per_atom, abs=1e-8)


def test_the_start_does_not_matter(nickel: LammpsLabeller):
    results = [relax_isotropic(nickel, build_crystal("fcc", volume), "Ni") for volume in (8.5, 10.9, 15.0)]
    assert np.ptp([r.volume_per_atom for r in results]) < 1e-3
    assert np.ptp([r.energy_per_atom for r in results]) < 1e-8


def test_the_size_of_the_supercell_does_not_matter(nickel: LammpsLabeller):
    small, large = (relax_isotropic(nickel, build_crystal("hcp", 11.0, n), "Ni") for n in ((1, 1, 1), (4, 2, 3)))
    assert large.energy_per_atom == pytest.approx(small.energy_per_atom, abs=1e-9)
    assert large.bond == pytest.approx(small.bond, abs=1e-5)


def test_a_saddle_point_is_kept_by_the_isotropic_relaxation_and_left_by_the_full_one(nickel: LammpsLabeller):
    relaxed = relax_isotropic(nickel, build_crystal("bcc", 11.0), "Ni")
    assert relaxed.energy_per_atom == pytest.approx(-4.8333, abs=1e-4)
    assert relaxed.bond == pytest.approx(2.409, abs=5e-4)
    free = relax_fully(nickel, relaxed.crystal, "Ni", seed=0, rattle=0.05)
    assert free.converged
    assert free.energy_per_atom < relaxed.energy_per_atom - 0.03
    assert free.structure != "bcc"
    assert free.shares["bcc"] < 0.1


def test_a_stable_crystal_survives_the_rattle(nickel: LammpsLabeller):
    relaxed = relax_isotropic(nickel, build_crystal("fcc", 11.0), "Ni")
    free = relax_fully(nickel, relaxed.crystal, "Ni", seed=0, rattle=0.05)
    assert free.converged
    assert free.structure == "fcc"
    assert free.energy_per_atom == pytest.approx(relaxed.energy_per_atom, abs=1e-6)
    assert free.bond == pytest.approx(relaxed.bond, abs=1e-3)


def test_full_relaxation_finds_the_c_over_a_of_hcp(nickel: LammpsLabeller):
    free = relax_fully(nickel, build_crystal("hcp", 10.84), "Ni", seed=0, rattle=0.05)
    assert free.structure == "hcp"
    assert free.energy_per_atom == pytest.approx(-4.8628, abs=6e-5)
    assert free.bond == pytest.approx(2.479, abs=6e-4)


def test_the_rattle_is_decided_by_its_seed(nickel: LammpsLabeller):
    crystal = build_crystal("fcc", 10.9)
    one, again, other = (
        relax_fully(nickel, crystal, "Ni", seed=seed, rattle=0.05, max_steps=3).energy_per_atom for seed in (1, 1, 2)
    )
    assert one == again
    assert one != other


class Repulsion:
    """Nothing but repulsion between cells: the energy falls with the volume for ever."""

    id = "repulsion"

    def label(self, configurations: Configurations) -> Labels:
        return Labels(
            configurations.n_atoms * 10.0 / configurations.volume,
            np.zeros_like(configurations.positions),
            -10.0 * (configurations.n_atoms / configurations.volume**2)[:, None, None] * np.eye(3),
        )


def test_a_labeller_without_a_minimum_is_said_to_have_none():
    with pytest.raises(
        EngineError, match=r"repulsion: expected a minimum .* of fcc Ni between 5\.\d+ and 21\.\d Å³/atom"
    ):
        relax_isotropic(Repulsion(), build_crystal("fcc", 11.0), "Ni")


def test_a_cell_that_runs_away_is_stopped_and_not_called_relaxed():
    free = relax_fully(Repulsion(), build_crystal("fcc", 11.0), "Ni", seed=0, rattle=0.0, max_steps=2000)
    assert not free.converged
    assert 20.0 < free.volume_per_atom < 60.0


def test_energies_come_in_the_order_of_the_crystals(nickel: LammpsLabeller):
    crystals = [build_crystal(s, v) for s in STRUCTURES for v in (10.0, 12.0)]
    together = energies_per_atom(nickel, crystals, "Ni")
    assert together.tolist() == [energies_per_atom(nickel, [c], "Ni")[0] for c in crystals]
