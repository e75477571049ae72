import pytest

from foundational.engines.crystals.compression import start_volume, volume_under_pressure
from foundational.engines.crystals.relaxation import crystal_configurations
from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.engines.lammps.potentials import potential_for
from foundational.errors import EngineError
from foundational.science.crystals import build_crystal
from foundational.units import GPA


@pytest.mark.parametrize("pressure", [-5.0, 25.0, 100.0])
def test_a_crystal_at_the_volume_under_pressure_has_that_pressure(pressure, checkout):
    labeller = LammpsLabeller(potential_for("Ni", checkout))
    volume = volume_under_pressure(labeller, "fcc", "Ni", pressure * 1e4, 10.9)
    crystal = crystal_configurations([build_crystal("fcc", volume, (2, 2, 2))], "Ni")
    assert -labeller.label(crystal).stress[0].trace() / 3 * GPA == pytest.approx(pressure, abs=0.01)


def test_a_pressure_that_no_crystal_has_is_refused(checkout):
    with pytest.raises(EngineError, match="expected fcc Ni at -300000 bar"):
        volume_under_pressure(LammpsLabeller(potential_for("Ni", checkout)), "fcc", "Ni", -30e4, 10.9)


def test_a_pool_at_its_own_pressure_starts_at_the_volume_under_it(checkout):
    nickel = potential_for("Ni", checkout)
    assert start_volume(nickel, "Ni", "fcc", None) is None
    compressed = start_volume(nickel, "Ni", "fcc", 50e4)
    assert compressed == pytest.approx(volume_under_pressure(LammpsLabeller(nickel), "fcc", "Ni", 50e4, 10.9), rel=1e-9)
