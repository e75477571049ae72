import numpy as np
import pytest
import torch

from foundational.data.configurations import Configurations
from foundational.engines.ani.aev import compute_jacobian
from foundational.specs.ani import AevSpec
from tests.engines.ani.cases import AEV, ODD_AEV, alloyed, crystals
from tests.engines.ani.reference import torchani_aevs


def products(
    configurations: Configurations, aev: AevSpec, elements: list[int], by_feature: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """∂(Σ AEV·by_feature)/∂(positions (A, 3), strain (C, 6)) by the stored blocks."""
    jacobian = compute_jacobian(configurations, aev, elements)
    rows = jacobian.rows[:, : by_feature.shape[1]].astype(np.float64)
    forces, strain = np.zeros((len(by_feature), 3)), np.zeros((len(configurations), 6))
    for atom, c in enumerate(configurations.configuration_of_atom):
        first, last = jacobian.slot_start[atom : atom + 2]
        block = rows[3 * first + 6 * atom : 3 * last + 6 * (atom + 1)] @ by_feature[atom]
        own = configurations.offsets[c] + jacobian.slots[first:last]
        np.add.at(forces, own, block[:-6].reshape(-1, 3))
        strain[c] += block[-6:]
    return forces, strain


@pytest.mark.parametrize("aev", [AEV, ODD_AEV])
@pytest.mark.parametrize("elements", [[28], [28, 41]])
@pytest.mark.parametrize("name", ["triclinic", "tiny"])
def test_derivatives_are_those_of_torchanis_vectors(
    cells: dict[str, Configurations], name: str, elements: list[int], aev: AevSpec
) -> None:
    configurations = cells[name] if len(elements) == 1 else alloyed(cells[name])
    positions = torch.tensor(configurations.positions, dtype=torch.float64, requires_grad=True)
    strain = torch.zeros((len(configurations), 3, 3), dtype=torch.float64, requires_grad=True)
    vectors = torchani_aevs(configurations, aev, elements, positions, strain)
    by_feature = torch.tensor(np.random.default_rng(0).normal(size=vectors.shape))
    by_position, by_strain = torch.autograd.grad((vectors * by_feature).sum(), [positions, strain])
    found_position, found_strain = products(configurations, aev, elements, by_feature.numpy())
    np.testing.assert_allclose(found_position, by_position.numpy(), atol=5e-5)
    symmetric = (by_strain + by_strain.transpose(1, 2)).numpy() / 2
    voigt = symmetric[:, [0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]
    np.testing.assert_allclose(found_strain, voigt, rtol=1e-5, atol=3e-4)


def test_moving_all_atoms_changes_nothing() -> None:
    jacobian = compute_jacobian(crystals(1), AEV, [28])
    first, last = jacobian.slot_start[3:5]
    block = jacobian.rows[3 * first + 18 : 3 * last + 18].reshape(-1, 3, jacobian.rows.shape[1])
    assert np.abs(block.sum(axis=0)).max() < 1e-5
    assert np.abs(block).max() > 0.1


def test_padding_of_rows_is_zero() -> None:
    jacobian = compute_jacobian(crystals(1), ODD_AEV, [28])
    assert jacobian.rows.shape[1] > ODD_AEV.length(1)
    assert not jacobian.rows[:, ODD_AEV.length(1) :].any()
