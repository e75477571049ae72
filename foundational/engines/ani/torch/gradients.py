"""Gradients of the loss by torch's autograd, on any device."""

import numpy as np
import torch
from numpy.typing import NDArray

from foundational.data.configurations import Configurations
from foundational.engines.ani.ensemble import Ensemble
from foundational.engines.ani.kernels.training import Table
from foundational.engines.ani.torch.ensemble import TorchEnsemble
from foundational.specs.ani import LossSpec


class TorchGradients:
    """The gradient of ``loss`` for batches of ``configurations``, at ``ensemble``'s present parameters."""

    def __init__(
        self, ensemble: Ensemble, configurations: Configurations, table: Table, loss: LossSpec, device: str
    ) -> None:
        self._model, self._parameters = TorchEnsemble(ensemble, device), ensemble.parameters
        self._configurations, self._table, self._loss = configurations, table, loss

    def __call__(self, batch: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Gradient (1, M, elements, P) and loss (1, M) of the mean over the configurations ``batch``."""
        model, table, loss = self._model, self._table, self._loss
        with torch.no_grad():
            model.weights.copy_(torch.as_tensor(self._parameters))
        part = self._configurations.take(batch)
        energies, forces, by_strain = model.energies_and_slopes(part, create_graph=True)
        n = model.tensor(part.n_atoms.astype(np.float32))
        owner = model.tensor(part.configuration_of_atom)
        error = energies - model.tensor(table.energy[:, batch])
        wrong = (forces - model.tensor(table.forces[self._configurations.atoms_of(batch)])).square().sum(dim=2)
        squares = torch.zeros_like(energies).index_add(1, owner, wrong)
        voigt = by_strain[:, :, [0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]
        bent = (voigt - model.tensor(table.strain[batch])).square() @ energies.new_tensor([1, 1, 1, 2, 2, 2])
        known = model.tensor(table.known[batch].astype(np.float32))
        each = (
            known[:, 0] * loss.energy_weight * error.square() / n**loss.energy_power
            + known[:, 1] * loss.force_weight * squares / n
            + known[:, 2] * loss.stress_weight * bent / n**2
        )
        losses = (each * model.tensor(table.weights[:, batch])).sum(dim=1) / len(batch)
        (gradient,) = torch.autograd.grad(losses.sum(), model.weights)
        return gradient.cpu().numpy()[None], losses.detach().cpu().numpy()[None]
