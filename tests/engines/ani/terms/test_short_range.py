"""Networks repel at short range, a free atom has its energy, and within the data nothing changes."""

from dataclasses import replace

import numpy as np
import pytest

from foundational.data.configurations import Configurations, Labels
from foundational.engines.ani.dynamics import ForceField
from foundational.engines.ani.model_file import load_model, save_model
from foundational.engines.ani.terms.short_range import fit_short_range
from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.engines.lammps.potentials import potential_for
from tests.engines.ani.cases import AEV, crystals, untrained

CUTOFF = AEV.radial.cutoff


def clusters(shapes):
    """Atoms of nickel in a box without periods, at the given positions each."""
    cells = Configurations.build([20 * np.eye(3)] * len(shapes), shapes, [np.full(len(x), 28) for x in shapes])
    return replace(cells, pbc=np.zeros((len(shapes), 3), dtype=bool), positions=cells.positions.astype(np.float64))


def dimers(distances):
    return clusters([np.array([[5.0, 5, 5], [5 + d, 5, 5]]) for d in distances])


@pytest.fixture(scope="module")
def data():
    return crystals(4, seed=1, noise=0.1, strain=0.02)


@pytest.fixture(scope="module")
def labeller(checkout):
    return LammpsLabeller(potential_for("Ni", checkout))


@pytest.fixture(scope="module")
def ensemble(data, labeller):
    bare = untrained()
    return replace(bare, short_range=fit_short_range(data, bare.elements, CUTOFF, labeller))


def test_nothing_changes_within_the_training_data(ensemble, data):
    bare, found = replace(ensemble, short_range=None).predict(data), ensemble.predict(data)
    assert (found.energy == bare.energy).all()
    assert (found.forces == bare.forces).all()
    assert (found.stress == bare.stress).all()


def test_pairs_of_atoms_repel_as_the_labeller_says(ensemble, labeller):
    r = np.arange(1.04, 4.0, 0.06)
    found = ensemble.label(dimers(r))
    box = Configurations.build(
        [25 * np.eye(3)] * len(r), dimers(r).positions.reshape(-1, 2, 3), [np.full(2, 28)] * len(r)
    )
    expected = labeller.label(box)
    assert found.energy == pytest.approx(expected.energy, rel=1e-3, abs=2e-3)
    least = np.argmin(found.energy)
    assert (np.diff(found.energy[: least + 1]) < 0).all()
    assert found.forces[1::2, 0] == pytest.approx(expected.forces[1::2, 0], rel=1e-2, abs=2e-2)


def test_a_free_atom_has_the_energy_of_the_labeller_exactly(ensemble, labeller):
    alone = clusters([np.array([[1.0, 2, 3]])])
    assert ensemble.label(alone).energy[0] == labeller.isolated_energy("Ni")
    assert not ensemble.label(alone).forces.any()


def test_without_a_labeller_zbl_repels_and_labelled_atoms_are_exact(data):
    alone = clusters([np.zeros((1, 3))])
    energy = np.append(np.full(4, -140.0), -0.7)
    cells = Configurations(
        np.append(data.n_atoms, 1).astype(np.int32),
        np.concatenate([data.cell, alone.cell]),
        np.concatenate([data.pbc, alone.pbc]),
        np.append(data.atomic_numbers, 28).astype(np.uint8),
        np.concatenate([data.positions, alone.positions]),
        Labels(energy, np.zeros((len(data.positions) + 1, 3)), np.zeros((5, 3, 3))),
    )
    bare = untrained()
    ensemble = replace(bare, short_range=fit_short_range(cells, bare.elements, CUTOFF))
    assert ensemble.short_range.repulsion == "zbl"
    assert ensemble.label(alone).energy[0] == pytest.approx(-0.7, abs=1e-6)
    short = ensemble.label(dimers(np.arange(0.5, 1.4, 0.1))).energy
    assert (np.diff(short) < 0).all()
    assert short[0] > 200


@pytest.mark.parametrize("scale", [0.55, 0.7])
def test_forces_and_stress_are_derivatives(ensemble, scale):
    """A compressed crystal, a cluster of few atoms: the repulsion and the change to free atoms both count."""
    packed = crystals(1, seed=3, noise=0.15)
    packed = replace(packed, cell=packed.cell * scale, positions=packed.positions.astype(np.float64) * scale)
    rng = np.random.default_rng(0)
    few = clusters([rng.uniform(0, 3.2, (5, 3)) + 1.5 * np.eye(5, 3)])
    for cells in (packed, few):
        found = ensemble.predict(cells)
        bare = replace(ensemble, short_range=None).predict(cells)
        assert np.abs(found.energy - bare.energy).min() > 0.1
        step = 1e-3
        for atom, axis in ((0, 0), (2, 1)):
            energies = []
            for sign in (-1, 1):
                moved = cells.positions.copy()
                moved[atom, axis] += sign * step
                energies.append(ensemble.predict(replace(cells, positions=moved), forces=False).energy[:, 0])
            slope = (energies[0] - energies[1]) / (2 * step)
            assert found.forces[:, atom, axis] == pytest.approx(slope, rel=3e-3, abs=3e-2)
    energies = []
    for sign in (-1, 1):
        grown = (np.eye(3) + sign * step * np.eye(3)) @ np.diag([1.0, 1.0, 1.0])
        strained = replace(packed, cell=packed.cell @ grown, positions=packed.positions @ grown)
        energies.append(ensemble.predict(strained, forces=False).energy[:, 0])
    trace = (energies[1] - energies[0]) / (2 * step) / packed.volume[0]
    found = ensemble.predict(packed)
    assert np.trace(found.stress, axis1=2, axis2=3)[:, 0] == pytest.approx(trace, rel=3e-3)


def test_molecular_dynamics_has_the_same_terms(ensemble):
    for given in (dimers([1.5]), crystals(1, seed=3, noise=0.15)):
        cells = replace(given, positions=given.positions.astype(np.float64))
        step = ForceField(ensemble, cells.atomic_numbers, cells.pbc[0]).step(cells.positions, cells.cell[0])
        expected = ensemble.label(cells)
        assert step.energy == pytest.approx(expected.energy[0], abs=2e-4)
        assert step.forces == pytest.approx(expected.forces, abs=2e-3)


def test_a_model_file_keeps_them(ensemble, tmp_path):
    save_model(ensemble, tmp_path / "model")
    loaded = load_model(tmp_path / "model")
    batch = dimers([1.2, 2.0, 3.0])
    assert (loaded.label(batch).energy == ensemble.label(batch).energy).all()
    assert loaded.id == ensemble.id != replace(ensemble, short_range=None).id
