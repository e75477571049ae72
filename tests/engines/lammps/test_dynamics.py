"""A model in LAMMPS gives its own energies, forces and pressures, through sorting, wrapping and changes of the cell."""

import numpy as np
import pytest

from foundational.data.configurations import Configurations
from foundational.engines.lammps.library import lammps_instance, run_commands
from foundational.errors import InputError
from foundational.model import Model
from foundational.units import BAR
from tests.engines.ani.cases import untrained


def simulation(units: str = "metal"):
    lammps = lammps_instance()
    run_commands(
        lammps,
        f"units {units}",
        "atom_style atomic",
        "lattice fcc 3.52",
        "region box prism 0 2 0 2 0 2 0.1 0 0.2",
        "create_box 1 box",
        "create_atoms 1 box",
        "mass 1 58.69",
        "displace_atoms all random 0.1 0.1 0.1 7",
    )
    return lammps


def test_energy_forces_and_pressure_in_lammps_are_those_of_the_model_after_a_run_with_changing_cell():
    ensemble = untrained()
    lammps = simulation()
    Model(ensemble).attach_to_lammps(lammps, ["Ni"])
    run_commands(lammps, "velocity all create 900 3", "fix 1 all npt temp 900 900 0.1 tri 0 0 1", "run 30")
    run_commands(lammps, "velocity all set 0 0 0", "unfix 1", "run 0")
    x = lammps.numpy.extract_atom("x")[:32].copy()
    low, high, xy, yz, xz, *_ = lammps.extract_box()
    cell = np.diag(np.subtract(high, low))
    cell[1, 0], cell[2, 0], cell[2, 1] = xy, xz, yz
    c = Configurations(
        np.array([32], np.int32), cell[None], np.ones((1, 3), bool), np.full(32, 28, np.uint8), x - np.array(low)
    )
    expected = ensemble.label(c)
    assert lammps.get_thermo("pe") == pytest.approx(expected.energy[0], abs=1e-4)
    assert np.abs(lammps.numpy.extract_atom("f")[:32] - expected.forces).max() < 2e-4
    for name, (i, j) in {"pxx": (0, 0), "pyy": (1, 1), "pzz": (2, 2), "pxy": (0, 1), "pxz": (0, 2)}.items():
        assert lammps.get_thermo(name) * BAR == pytest.approx(-expected.stress[0, i, j], abs=1e-6)
    lammps.close()


@pytest.mark.parametrize(
    ("units", "elements", "message"),
    [
        ("real", ["Ni"], "units metal"),
        ("metal", ["Ni", "Ni"], "one element for each of 1"),
        ("metal", ["Cu"], "got Cu"),
    ],
)
def test_what_is_not_supported_is_refused_in_one_line(units, elements, message):
    lammps = simulation(units)
    with pytest.raises(InputError, match=message):
        Model(untrained()).attach_to_lammps(lammps, elements)
    lammps.close()


def test_an_error_stops_the_run_and_is_said(capfd):
    lammps = simulation()
    Model(untrained()).attach_to_lammps(lammps, ["Ni"])
    run_commands(lammps, "fix 1 all nve", "timestep 0.001", "run 1")
    x = lammps.numpy.extract_atom("x")
    x[0] = x[1]
    run_commands(lammps, "run 1000")
    assert lammps.extract_global("ntimestep") < 5
    assert "expected distinct atoms" in capfd.readouterr().err
