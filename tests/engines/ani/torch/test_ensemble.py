from dataclasses import replace

import numpy as np
import pytest
import torch

from foundational.engines.ani.torch.ensemble import TorchEnsemble
from foundational.engines.ani.training import train
from foundational.specs.ani import LossSpec
from tests.engines.ani.cases import ODD_AEV, alloyed, crystals, labelled, settings, untrained

DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")),
]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("elements", [(28,), (28, 41)])
@pytest.mark.parametrize("activation", ["gelu", "celu"])
def test_torch_and_the_kernels_give_the_same_labels(elements: tuple[int, ...], activation: str, device: str) -> None:
    model = untrained(ODD_AEV, elements, activation=activation)
    cells = crystals(3) if len(elements) == 1 else alloyed(crystals(3))
    expected, found = model.label(cells), TorchEnsemble(model, device).label(cells)
    np.testing.assert_allclose(found.energy, expected.energy, atol=2e-4)
    np.testing.assert_allclose(found.forces, expected.forces, atol=1e-4)
    np.testing.assert_allclose(found.stress, expected.stress, atol=1e-5)


@pytest.mark.parametrize("place", [0.0, 1e4])
def test_a_molecule_far_from_the_origin_has_the_labels_of_one_there(place: float) -> None:
    model, cells = untrained(ODD_AEV, (28, 41)), alloyed(crystals(1, repeat=1))
    positions = cells.positions.astype(np.float64)
    near, far = (replace(cells, pbc=np.zeros((1, 3), bool), positions=positions + x) for x in (0.0, place))
    expected = model.label(near)
    for found in (model.label(far), TorchEnsemble(model).label(far)):
        np.testing.assert_allclose(found.energy, expected.energy, atol=1e-5)
        np.testing.assert_allclose(found.forces, expected.forces, atol=1e-5)


@pytest.mark.parametrize("device", ["cpu:0", *DEVICES[1:]])
def test_training_in_torch_is_training_by_the_kernels(device: str) -> None:
    """A few steps lead to the same parameters; later, rounding takes them apart. (``cpu:0`` is torch's name.)"""
    configurations = labelled(8)
    loss = LossSpec(energy_weight=1.0, energy_power=2.0, force_weight=0.03, stress_weight=0.01)
    spec = settings(members=2, epochs=2, batch=4, loss=loss)
    indices = [np.arange(8), np.arange(6)]
    by_kernels = train(spec, configurations, indices, 5)
    by_torch = train(spec, configurations, indices, 5, device=device)
    assert by_torch.id != by_kernels.id
    np.testing.assert_allclose(by_torch.parameters, by_kernels.parameters, atol=2e-4)


def test_energies_are_differentiable_by_positions_twice() -> None:
    model = TorchEnsemble(untrained(ODD_AEV), dtype=torch.float64)
    cells = crystals(1, repeat=1)
    positions = torch.tensor(cells.positions, dtype=torch.float64)
    hessian = torch.autograd.functional.hessian(lambda x: model.atomic_energies(cells, x)[0].sum(), positions)
    flat = hessian.reshape(12, 12)
    torch.testing.assert_close(flat, flat.T)
    assert flat.reshape(4, 3, 4, 3).sum(dim=2).abs().max() < 1e-6 * flat.abs().max()
