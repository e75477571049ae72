"""Networks learn what a fitted pair potential leaves, and every way to evaluate them adds it again."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from ase.units import Hartree

from foundational.data.configurations import Labels, concatenate
from foundational.engines.ani.dynamics import ForceField
from foundational.engines.ani.model_file import load_model, save_model
from foundational.engines.ani.terms.pair_potential import PairPotential, fit_pair_potential
from foundational.engines.ani.terms.short_range import fit_short_range
from foundational.engines.ani.torch.ensemble import TorchEnsemble
from foundational.engines.ani.torch.torchani_export import to_torchani
from foundational.engines.ani.training import train
from foundational.errors import InputError
from foundational.specs.ani import LossSpec
from tests.engines.ani.cases import AEV, alloyed, crystals, labelled, pair_labels, settings, untrained

LOSS = LossSpec(energy_weight=1.0, energy_power=2.0, force_weight=0.05, stress_weight=0.0)


def fitted(data, elements=(28,), weights=None):
    shares = np.ones(len(data)) if weights is None else weights
    return fit_pair_potential(data, elements, AEV.radial.cutoff, shares, LOSS)


def mixed(count):
    cells = alloyed(crystals(count))
    return cells.with_labels(pair_labels(cells))


@pytest.fixture(scope="module")
def model():
    return train(settings(epochs=4, pair_potential=True), labelled(16), [np.arange(16)], 3)


def test_labels_of_pairs_are_fitted():
    found, data = fitted(labelled(12)), labelled(5, seed=9)
    rest = found.remainder(data, (28,)).labels
    constant = np.mean(rest.energy / data.n_atoms)
    assert np.abs(rest.energy / data.n_atoms - constant).max() < 0.02 * np.ptp(data.labels.energy / data.n_atoms)
    assert np.abs(rest.forces).mean() < 0.02 * np.abs(data.labels.forces).mean()
    assert np.abs(rest.stress).mean() < 0.05 * np.abs(data.labels.stress).mean()


def test_forces_and_stresses_are_slopes_of_the_energy():
    data = alloyed(crystals(1, seed=4, repeat=1, noise=0.05))
    own = fitted(mixed(6), elements=(28, 41))
    h, labels = 3e-3, own.labels(data, (28, 41))
    moved = [replace(data, positions=data.positions.astype(np.float64)) for _ in range(2)]
    for sign, cells in zip((1, -1), moved, strict=True):
        cells.positions[1, 2] += sign * h
    energies = [own.labels(cells, (28, 41)).energy[0] for cells in moved]
    assert labels.forces[1, 2] == pytest.approx((energies[1] - energies[0]) / (2 * h), rel=1e-3)
    stretched = []
    for sign in (1, -1):
        strain = np.eye(3)
        strain[0, 1] = strain[1, 0] = sign * h
        shape = {"cell": data.cell @ strain, "positions": data.positions.astype(np.float64) @ strain}
        stretched.append(own.labels(replace(data, **shape), (28, 41)).energy[0])
    slope = (stretched[0] - stretched[1]) / (2 * h) / data.volume[0] / 2
    assert labels.stress[0, 0, 1] == pytest.approx(slope, rel=1e-3)


def test_unknown_labels_do_not_count():
    data = labelled(8)
    energy, forces = data.labels.energy.copy(), data.labels.forces.copy()
    energy[3], forces[data.atoms_of(np.array([5]))] = np.nan, np.nan
    partial = fitted(data.with_labels(Labels(energy, forces, data.labels.stress)))
    rest = partial.remainder(data, (28,)).labels
    assert np.isfinite(partial.tables.inner).all()
    assert np.abs(rest.forces).mean() < 0.03 * np.abs(data.labels.forces).mean()


def test_a_configuration_without_weight_decides_nothing():
    data = labelled(8)
    wrong = data.with_labels(Labels(data.labels.energy, data.labels.forces.copy(), data.labels.stress))
    wrong.labels.forces[wrong.atoms_of(np.array([2]))] *= 30
    weights = np.ones(8)
    weights[2] = 0
    np.testing.assert_allclose(fitted(wrong, weights=weights).tables.inner, fitted(data, weights=weights).tables.inner)


def test_a_constant_energy_an_atom_changes_no_potential():
    data = mixed(8)
    moved = data.labels.energy + 5.0 * (data.n_atoms - np.add.reduceat(data.atomic_numbers == 41, data.offsets[:-1]))
    other = data.with_labels(Labels(moved, data.labels.forces, data.labels.stress))
    expected = fitted(data, (28, 41)).tables.inner
    np.testing.assert_allclose(fitted(other, (28, 41)).tables.inner, expected, atol=1e-4 * np.abs(expected).max())


def test_networks_and_pair_potential_together_give_the_labels(model):
    data = labelled(6, seed=7)
    bare = train(settings(epochs=4), labelled(16), [np.arange(16)], 3)
    error, without = (np.abs(m.label(data).energy - data.labels.energy).mean() / 32 for m in (model, bare))
    assert error < without / 3


def test_torch_torchani_and_dynamics_say_the_same(model):
    cells = labelled(2, seed=5)
    labels = model.label(cells)
    by_torch = TorchEnsemble(model, dtype=torch.float64).label(cells)
    np.testing.assert_allclose(by_torch.energy, labels.energy, atol=1e-3)
    np.testing.assert_allclose(by_torch.forces, labels.forces, atol=1e-4)
    np.testing.assert_allclose(by_torch.stress, labels.stress, atol=1e-6)
    step = ForceField(model, cells.atomic_numbers[:32], np.ones(3, dtype=bool)).step(
        cells.positions[:32].astype(np.float64), cells.cell[0]
    )
    assert step.energy == pytest.approx(labels.energy[0], abs=1e-3)
    np.testing.assert_allclose(step.forces, labels.forces[:32], atol=1e-4)
    exported = to_torchani(model)
    numbers, positions = (torch.tensor(x[:32])[None] for x in (cells.atomic_numbers.astype(int), cells.positions))
    cell, pbc = torch.tensor(cells.cell[0], dtype=torch.float32), torch.ones(3, dtype=torch.bool)
    energy = exported((numbers, positions), cell, pbc).energies.item() * Hartree
    assert energy == pytest.approx(labels.energy[0], abs=2e-3)


def test_a_model_file_keeps_it(model, tmp_path):
    save_model(model, tmp_path / "m.safetensors")
    again = load_model(tmp_path / "m.safetensors")
    assert again.id == model.id
    assert again.id != replace(model, pair_potential=None).id
    data = crystals(2)
    assert (again.label(data).energy == model.label(data).energy).all()
    damaged = model.pair_potential.arrays() | {"pair_potential.values": np.zeros((1, 1, 4))}
    with pytest.raises(InputError, match=r"expected finite numbers of shape .* as pair_potential\.values"):
        PairPotential.of(damaged, 1)


def test_below_the_data_the_whole_is_the_repulsion(model):
    data = labelled(16)
    added = fit_short_range(data, (28,), AEV.radial.cutoff, None, model.pair_potential)
    whole = replace(model, short_range=added)
    assert (whole.label(data).energy == model.label(data).energy).all()
    without = replace(untrained(), short_range=fit_short_range(data, (28,), AEV.radial.cutoff))
    table = whole.added.inner[0, 0], without.added.inner[0, 0]
    np.testing.assert_allclose(table[0][:20], table[1][:20], rtol=1e-9)


def test_sets_of_several_sizes_and_single_atoms_are_fitted():
    cells = concatenate([crystals(2), crystals(2, 1, repeat=1)])
    data = cells.with_labels(pair_labels(cells))
    assert np.isfinite(fitted(data).tables.inner).all()
