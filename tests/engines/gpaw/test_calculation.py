"""Settings and meshes of a calculation by GPAW; none of it needs GPAW."""

from hashlib import sha256
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT

from foundational.engines.gpaw import calculation
from foundational.engines.gpaw.calculation import DEFAULTS, complete_settings, k_points, mesh, setup_sha256
from foundational.errors import EngineError, InputError


def test_what_is_not_chosen_has_its_default():
    assert complete_settings({"width": 1}) == DEFAULTS | {"width": 1.0}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"ecutt": 300}, "no setting 'ecutt'"),
        ({"ecut": "300"}, "expected a value such as 250.0"),
        ({"ecut": True}, "expected a value such as 250.0"),
        ({"ecut": -1}, "expected a positive number"),
        ({"point_group": 1}, "expected a value such as False"),
        ({"shift": 0.3}, "expected 0, 0.25 or 0.5 steps"),
    ],
)
def test_a_wrong_setting_is_refused(wrong, message):
    with pytest.raises(InputError, match=message):
        complete_settings(wrong)


def test_k_points_are_no_farther_apart_than_the_spacing():
    cell = np.array([[6.47, 0, 0], [0, 9.16, 0], [0, 0, 9.16]])
    assert mesh(cell, 0.42) == (3, 2, 2)
    assert mesh(np.diag([2 * np.pi / 0.21] * 3), 0.21) == (1, 1, 1)


@pytest.mark.parametrize("shift", [0.0, 0.25, 0.5])
@pytest.mark.parametrize("size", [(2, 2, 2), (3, 2, 4)])
def test_a_mesh_holds_the_mirror_image_of_each_point(size, shift):
    points = k_points(size, shift)
    assert len(points) == np.prod(size) * (2 if shift == 0.25 else 1)
    assert len(np.unique(np.round(points % 1, 9), axis=0)) == len(points)
    apart = points[:, None] + points[None]
    assert (np.abs(apart - np.round(apart)).max(axis=2).min(axis=1) < 1e-12).all()


def test_a_mesh_shifted_by_a_quarter_is_body_centred():
    distances = np.linalg.norm(k_points((2, 2, 2), 0.25) - np.array([0.125, 0.125, 0.125]), axis=1)
    assert np.sort(distances)[1] == pytest.approx(np.sqrt(3) / 4)


@pytest.mark.parametrize(("name", "setups"), [("Ni.LDA", "paw"), ("Ni.LDA.gz", "paw"), ("Ni.9.LDA.gz", "9")])
def test_the_digest_of_a_data_set_is_that_of_the_first_file_that_is_found(name, setups, tmp_path, monkeypatch):
    folders = [tmp_path / "first", tmp_path / "second"]
    monkeypatch.setattr(calculation, "_gpaw", lambda: SimpleNamespace(setup_paths=[str(f) for f in folders]))
    with pytest.raises(InputError, match=rf"gpaw finds no PAW data set {name.removesuffix('.gz')}; install gpaw-data"):
        setup_sha256("Ni", "LDA", setups)
    for folder, content in zip(folders[::-1], (b"other", b"data"), strict=True):
        folder.mkdir()
        (folder / name).write_bytes(content)
        assert setup_sha256("Ni", "LDA", setups) == sha256(content).hexdigest()


class Program:
    """In place of GPAW, which is not installed everywhere: what it is called with, and its numbers."""

    setup_paths: ClassVar[list[str]] = []

    def __init__(self, energy=-3.5):
        self.energy, self.called, self.atoms = energy, {}, None

    def GPAW(self, **arguments):  # noqa: N802 - its name there
        self.called = arguments
        program = self

        class Calculator(EMT):
            def attach(self, *_, **__):
                pass

            def calculate(self, atoms=None, properties=("energy",), system_changes=()):
                super().calculate(atoms, properties, system_changes)
                program.atoms = atoms
                self.results["energy"] = self.results["free_energy"] = program.energy

        return Calculator()


def single(program, monkeypatch, **settings):
    atoms = bulk("Al", cubic=True)
    monkeypatch.setattr(calculation, "_gpaw", lambda: program)
    monkeypatch.setattr(
        calculation, "_History", lambda _: SimpleNamespace(steps=9, energy_residual=1e-6, density_residual=1e-7)
    )
    return calculation.single_point(atoms.numbers, atoms.positions, atoms.cell.array, settings)


def test_settings_reach_the_program_and_numbers_that_are_none_are_refused(monkeypatch):
    program = Program()
    found = single(program, monkeypatch, ecut=400.0, spacing=0.5, xc="LDA", magnetic_moments=0.6)
    assert (found.energy, found.steps, found.mesh) == (-3.5, 9, (4, 4, 4))
    assert (program.called["mode"], program.called["xc"]) == ({"name": "pw", "ecut": 400.0}, "LDA")
    assert program.atoms.get_initial_magnetic_moments().tolist() == [0.6] * 4
    single(program, monkeypatch, spacing=0.5)
    assert not program.atoms.get_initial_magnetic_moments().any()
    with pytest.raises(EngineError, match="gpaw gave a number that is not finite"):
        single(Program(energy=float("nan")), monkeypatch)
