"""Networks repel at short range, a free atom has its energy, and within the data nothing changes."""

from dataclasses import replace

import numpy as np
import pytest

from foundational.data.configurations import Configurations, Labels
from foundational.engines.ani.dynamics import ForceField
from foundational.engines.ani.model_file import load_model, save_model
from foundational.engines.ani.terms.short_range import ShortRange, fit_short_range
from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.engines.lammps.potentials import potential_for
from foundational.errors import EngineError, InputError
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


class Pairs:
    """A method of two atoms at a distance: their energy above that of free atoms, eV, by the distance."""

    id = "pairs"
    expensive = False

    def __init__(self, energy, free=-1.0):
        self.energy, self.free = energy, free

    def isolated_energy(self, element):
        return self.free

    def label(self, cells):
        if self.energy is None:
            raise EngineError("pairs: no")
        r = np.linalg.norm(cells.positions[1::2] - cells.positions[::2], axis=1).astype(np.float64)
        forces = np.zeros((len(cells.positions), 3))
        forces[1::2, 0] = -(self.energy(r + 1e-4) - self.energy(r - 1e-4)) / 2e-4
        forces[::2] = -forces[1::2]
        return Labels(2 * (self.free or 0.0) + self.energy(r), forces, np.zeros((len(r), 3, 3)))


def well(r):
    return 2.0 * ((2.3 / r) ** 12 - 2 * (2.3 / r) ** 6)


@pytest.mark.parametrize(
    ("method", "repulsion"),
    [
        (Pairs(well), "labeller"),
        (Pairs(lambda r: 30 / r**4), "labeller"),  # they only repel each other
        (Pairs(lambda r: np.where(r < 1.3, r - 5, well(r))), "zbl"),  # and fall into one another
        (Pairs(lambda r: np.where(r < 1.3, r + 9, well(r))), "zbl"),
        (Pairs(lambda r: -5 + r), "zbl"),
        (Pairs(lambda r: np.where(r < 2, np.nan, well(r))), "zbl"),
        (Pairs(well, free=None), "zbl"),
        (Pairs(None), "zbl"),
    ],
)
def test_a_method_that_attracts_at_short_range_or_knows_no_pair_gives_way_to_zbl(data, method, repulsion):
    bare = untrained()
    term = fit_short_range(data, bare.elements, CUTOFF, method)
    assert term.repulsion == repulsion
    short = replace(bare, short_range=term).label(dimers(np.arange(0.5, 1.0, 0.1))).energy
    assert (np.diff(short) < 0).all()


def test_the_energy_of_a_cell_of_one_atom_is_none_of_a_free_atom(data):
    dense = Configurations.build([2.4 * (np.ones((3, 3)) - np.eye(3)) / 2**0.5], [np.zeros((1, 3))], [np.array([28])])
    cells = dense.with_labels(Labels(np.array([-4.4]), np.zeros((1, 3)), np.zeros((1, 3, 3))))
    term = fit_short_range(cells, untrained().elements, CUTOFF)
    assert term.record(untrained().elements)["free_atoms"] == {}


def test_data_with_small_clusters_keep_the_networks_down_to_the_atom_alone():
    cells = clusters([np.zeros((1, 3)), np.array([[5.0, 5, 5], [7.3, 5, 5]])])
    cells = cells.with_labels(Labels(np.array([-0.7, -3.0]), np.zeros((3, 3)), np.full((2, 3, 3), np.nan)))
    term = fit_short_range(cells, untrained().elements, CUTOFF)
    assert term.tables.limits.tolist() == [[0.0, 0.0]]
    assert term.record(untrained().elements)["free_atoms"] == {"Ni": -0.7}


@pytest.mark.parametrize("change", [{"join": np.zeros((2, 2))}, {"free": np.array([np.nan])}, {"inner": np.zeros(3)}])
def test_terms_of_another_shape_or_without_numbers_are_refused(ensemble, change):
    arrays = ensemble.short_range.arrays() | {f"short_range.{name}": array for name, array in change.items()}
    with pytest.raises(InputError, match=r"expected finite numbers of shape .* as short_range"):
        ShortRange.of("labeller", arrays, 1)
