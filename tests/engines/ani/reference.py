"""Slow references in double precision: torchani's vectors, and everything else by torch's autograd."""

import numpy as np
import torch

from foundational.data.configurations import Configurations
from foundational.engines.ani.ensemble import Ensemble
from foundational.engines.ani.network import layer_widths, layers
from foundational.engines.ani.torch.torchani_export import aev_computer
from foundational.specs.ani import AevSpec


def torchani_aevs(
    configurations: Configurations,
    spec: AevSpec,
    elements: list[int],
    positions: torch.Tensor | None = None,
    strain: torch.Tensor | None = None,
) -> torch.Tensor:
    """(A, K) vectors by torchani in float64, one cell a call; differentiable by positions, strain (C, 3, 3)."""
    computer = aev_computer(spec, len(elements)).double()
    if positions is None:
        positions = torch.tensor(configurations.positions, dtype=torch.float64)
    vectors = []
    for c, (begin, end) in enumerate(zip(configurations.offsets[:-1], configurations.offsets[1:], strict=True)):
        deformation = torch.eye(3, dtype=torch.float64)
        if strain is not None:
            deformation = deformation + strain[c]
        species = torch.tensor([[elements.index(int(z)) for z in configurations.atomic_numbers[begin:end]]])
        cell = torch.tensor(configurations.cell[c]) @ deformation
        pbc = torch.ones(3, dtype=torch.bool)
        vectors.append(computer(species, (positions[begin:end] @ deformation)[None], cell, pbc)[0])
    return torch.cat(vectors)


def energies(
    ensemble: Ensemble, member: int, configurations: Configurations, aevs: torch.Tensor, parameters: torch.Tensor
) -> torch.Tensor:
    """(C,) in units of the energy scale, without self-energies; ``parameters`` (elements, P)."""
    widths = layer_widths(ensemble.mean.shape[-1], ensemble.network.hidden)
    places = [layers(np.arange(parameters.shape[1], dtype=np.float32), widths)] * len(ensemble.elements)
    atomic = torch.zeros(len(aevs), dtype=torch.float64)
    numbers = torch.tensor(configurations.atomic_numbers)
    for e, z in enumerate(ensemble.elements):
        own = torch.nonzero(numbers == z).ravel()
        h = (aevs[own] - torch.tensor(ensemble.mean[member, e]).double()) / torch.tensor(
            ensemble.deviation[member, e]
        ).double()
        for layer, (weight, bias) in enumerate(places[e]):
            h = (
                h @ parameters[e][torch.tensor(weight.astype(np.int64))]
                + parameters[e][torch.tensor(bias.astype(np.int64))]
            )
            if layer < len(widths) - 1:
                gelu = ensemble.network.activation == "gelu"
                h = torch.nn.functional.gelu(h) if gelu else torch.nn.functional.celu(h, alpha=0.1)
        atomic = atomic.index_add(0, own, h[:, 0])
    owner = torch.tensor(configurations.configuration_of_atom)
    return torch.zeros(len(configurations), dtype=torch.float64).index_add(0, owner, atomic)
