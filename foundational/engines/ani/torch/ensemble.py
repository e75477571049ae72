"""The same ensemble in torch: differentiable by everything, on any device.

The compiled kernels are what a CPU uses. This is the path to a GPU, and the one to take where a gradient is wanted that
the kernels do not know. Tests hold both to the same numbers.
"""

import math

import numpy as np
import torch
from numpy.typing import NDArray

from foundational.data.configurations import Configurations, Labels, per_volume
from foundational.engines.ani.aev import Geometry
from foundational.engines.ani.ensemble import Ensemble, runs
from foundational.engines.ani.network import layer_widths
from foundational.engines.ani.torch.neighbour_lists import NeighbourLists, neighbour_lists
from foundational.engines.ani.torch.short_range import add_short_range
from foundational.specs.ani import AevSpec

#: Configurations are labelled in runs of about so many atoms.
_ATOMS_AT_ONCE = 8192


class TorchEnsemble(torch.nn.Module):
    """M networks for each element, as torch parameters (M, elements, P), with ``ensemble``'s numbers."""

    def __init__(self, ensemble: Ensemble, device: str = "cpu", dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.ensemble = ensemble
        self._widths = [int(w) for w in layer_widths(ensemble.mean.shape[-1], ensemble.network.hidden)]
        self.weights = torch.nn.Parameter(torch.tensor(ensemble.parameters, device=device, dtype=dtype))
        self._mean, self._deviation = self.tensor(ensemble.mean), self.tensor(ensemble.deviation)

    def tensor(self, values: NDArray[np.generic]) -> torch.Tensor:
        """``values`` on this device; floating-point numbers in this precision."""
        dtype = self.weights.dtype if np.issubdtype(values.dtype, np.floating) else None
        return torch.as_tensor(values, device=self.weights.device, dtype=dtype)

    def atomic_energies(
        self, configurations: Configurations, positions: torch.Tensor, strain: torch.Tensor | None = None
    ) -> torch.Tensor:
        """(M, A) in units of the energy scale, without self-energies, by ``positions`` (A, 3), ``strain`` (C, 3, 3)."""
        spec, elements = self.ensemble.aev, self.ensemble.elements
        geometry = Geometry.of(configurations, elements, spec.radial.cutoff)
        lists = neighbour_lists(geometry, spec.radial.cutoff, spec.angular.cutoff)
        species = self.tensor(geometry.species)
        # Differences are taken before the numbers are rounded to this precision; what is differentiated is zero.
        moved = positions - self.tensor(configurations.positions)
        vectors = self.tensor(lists.vectors) + (moved[lists.neighbour] - moved[lists.centre])
        if strain is not None:
            vectors = vectors + (vectors[:, None] @ strain[geometry.owner[lists.centre]])[:, 0]
        aevs = environment_vectors(spec, len(elements), vectors, species, lists)
        energies = aevs.new_zeros((self.ensemble.members, len(species)))
        for element in range(len(elements)):
            own = torch.nonzero(species == element).ravel()
            x = (aevs[own][None] - self._mean[:, None, element]) / self._deviation[:, None, element]
            energies = energies.index_add(1, own, self._network(x, self.weights[:, element]))
        added = self.ensemble.added
        if added is None:
            return energies
        constant = self.tensor(self.ensemble.self_energies)[:, species]
        centre, other = self.tensor(lists.centre), species[self.tensor(lists.neighbour)]
        whole = energies * self.ensemble.scale + constant
        whole = add_short_range(added, whole, vectors, centre, species, other)
        return (whole - constant) / self.ensemble.scale

    def _network(self, h: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """(M, n) energies of standardised features (M, n, K)."""
        place = 0
        for before, width in zip(self._widths, [*self._widths[1:], 1], strict=True):
            matrix = weights[:, place : place + before * width].reshape(-1, before, width)
            bias = weights[:, None, place + before * width : place + (before + 1) * width]
            h = torch.baddbmm(bias, h, matrix)
            place += (before + 1) * width
            if place < weights.shape[1]:
                gelu = self.ensemble.network.activation == "gelu"
                h = torch.nn.functional.gelu(h) if gelu else torch.nn.functional.celu(h, alpha=0.1)
        return h[..., 0]

    def energies_and_slopes(
        self, configurations: Configurations, create_graph: bool
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Energies (M, C), forces (M, A, 3) and ∂E/∂ε (M, C, 3, 3), in units of the energy scale."""
        count, members = len(configurations), self.ensemble.members
        positions = self.tensor(configurations.positions).requires_grad_()
        strain = self.tensor(np.zeros((count, 3, 3))).requires_grad_()
        atomic = self.atomic_energies(configurations, positions, strain)
        owner = self.tensor(configurations.configuration_of_atom)
        energies = atomic.new_zeros((members, count)).index_add(1, owner, atomic)
        slopes = [
            torch.autograd.grad(energies[m].sum(), [positions, strain], create_graph=create_graph, retain_graph=True)
            for m in range(members)
        ]
        forces, by_strain = -torch.stack([s[0] for s in slopes]), torch.stack([s[1] for s in slopes])
        return energies, forces, (by_strain + by_strain.transpose(-1, -2)) / 2

    @property
    def id(self) -> str:
        """That of the ensemble."""
        return self.ensemble.id

    def label(self, configurations: Configurations) -> Labels:
        """Mean over members of energies, forces and stresses."""
        self_energies = self.ensemble.self_energies.mean(axis=0)
        parts = []
        for batch, _, _ in runs(configurations, _ATOMS_AT_ONCE):
            scaled = (x.detach().mean(dim=0).double().cpu().numpy() for x in self.energies_and_slopes(batch, False))
            energy, forces, by_strain = (x * self.ensemble.scale for x in scaled)
            species = Geometry.of(batch, self.ensemble.elements, self.ensemble.aev.radial.cutoff).species
            energy += np.bincount(batch.configuration_of_atom, self_energies[species], len(batch))
            parts.append((energy, forces.astype(np.float32), per_volume(by_strain, batch)))
        return Labels(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def environment_vectors(
    spec: AevSpec, n_elements: int, vectors: torch.Tensor, species: torch.Tensor, lists: NeighbourLists
) -> torch.Tensor:
    """(A, K) environment vectors from ``vectors`` (P, 3) Å to the neighbours and ``species`` (A,)."""

    def numbers(values: tuple[float, ...]) -> torch.Tensor:
        return torch.tensor(values, dtype=torch.float32, device=vectors.device).to(vectors.dtype)

    distance = vectors.norm(dim=1)
    other = species[lists.neighbour]
    radial, angular = spec.radial, spec.angular
    cut = torch.cos(distance * (math.pi / radial.cutoff)) / 2 + 0.5
    terms = 0.25 * torch.exp(-radial.eta * (distance[:, None] - numbers(radial.shift_values())) ** 2) * cut[:, None]
    place = torch.as_tensor(lists.centre, device=vectors.device) * n_elements + other
    first = vectors.new_zeros((len(species) * n_elements, radial.shifts)).index_add(0, place, terms)

    cut = torch.cos(distance * (math.pi / angular.cutoff)) / 2 + 0.5
    j, k = (torch.as_tensor(x, device=vectors.device) for x in (lists.first, lists.second))
    cosine = 0.95 * (vectors[j] * vectors[k]).sum(dim=1) / (distance[j] * distance[k])
    sections = numbers(angular.section_values())
    shape = cosine[:, None] * sections.cos() + (1 - cosine**2).sqrt()[:, None] * sections.sin()
    shape = 2 * ((1 + shape) / 2) ** angular.zeta
    mean = (distance[j] + distance[k]) / 2
    bell = torch.exp(-angular.eta * (mean[:, None] - numbers(angular.shift_values())) ** 2) * (cut[j] * cut[k])[:, None]
    low, high = torch.minimum(other[j], other[k]), torch.maximum(other[j], other[k])
    pair = low * n_elements - low * (low - 1) // 2 + high - low
    n_pairs = n_elements * (n_elements + 1) // 2
    place = torch.as_tensor(lists.centre, device=vectors.device)[j] * n_pairs + pair
    terms = (bell[:, :, None] * shape[:, None, :]).reshape(len(j), -1)
    second = vectors.new_zeros((len(species) * n_pairs, terms.shape[1])).index_add(0, place, terms)
    return torch.cat([first.reshape(len(species), -1), second.reshape(len(species), -1)], dim=1)
