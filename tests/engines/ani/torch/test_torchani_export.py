import numpy as np
import pytest
import torch
from ase.units import Hartree

from foundational.data.configurations import Configurations
from foundational.engines.ani.ensemble import Ensemble
from foundational.engines.ani.torch.torchani_export import to_torchani
from foundational.engines.ani.training import train
from tests.engines.ani.cases import alloyed, as_atoms, crystals, labelled, settings, untrained


def by_torchani(model: Ensemble, cells: Configurations) -> tuple[np.ndarray, np.ndarray]:
    exported = to_torchani(model)
    energies, forces = [], []
    for c, (begin, end) in enumerate(zip(cells.offsets[:-1], cells.offsets[1:], strict=True)):
        positions = torch.tensor(cells.positions[begin:end])[None].requires_grad_()
        numbers = torch.tensor(cells.atomic_numbers[begin:end], dtype=torch.long)[None]
        cell, pbc = torch.tensor(cells.cell[c], dtype=torch.float32), torch.ones(3, dtype=torch.bool)
        energy = exported((numbers, positions), cell, pbc).energies
        forces.append(-torch.autograd.grad(energy.sum(), positions)[0][0].numpy() * Hartree)
        energies.append(energy.item() * Hartree)
    return np.array(energies), np.concatenate(forces)


@pytest.mark.parametrize("elements", [(28,), (28, 41), (13, 28, 41)])
@pytest.mark.parametrize("activation", ["gelu", "celu"])
def test_torchani_gives_the_same_energies_and_forces(elements: tuple[int, ...], activation: str) -> None:
    model = untrained(elements=elements, activation=activation)
    cells = alloyed(crystals(2), elements=elements)
    energies, forces = by_torchani(model, cells)
    labels = model.label(cells)
    np.testing.assert_allclose(energies / 32, labels.energy / 32, atol=1e-5)
    np.testing.assert_allclose(forces, labels.forces, atol=1e-4)


def test_a_trained_model_agrees_on_tiny_and_sheared_cells(cells: dict[str, Configurations]) -> None:
    model = train(settings(epochs=5), labelled(24), [np.arange(24)], 1)
    for name in ("tiny", "triclinic"):
        energies, forces = by_torchani(model, cells[name])
        labels = model.label(cells[name])
        np.testing.assert_allclose(energies / cells[name].n_atoms, labels.energy / cells[name].n_atoms, atol=1e-5)
        np.testing.assert_allclose(forces, labels.forces, atol=1e-4)


def test_torchanis_own_calculator_gives_ev() -> None:
    model, cells = untrained(members=1), crystals(1)
    atoms = as_atoms(cells)
    atoms.calc = to_torchani(model).ase()
    assert atoms.get_potential_energy() == pytest.approx(model.label(cells).energy[0], abs=3e-4)
