"""The terms of `foundational.engines.ani.terms.short_range` in torch."""

import math

import torch

from foundational.engines.ani.kernels.short_range import Tables


def add_short_range(
    tables: Tables,
    energies: torch.Tensor,
    vectors: torch.Tensor,
    centre: torch.Tensor,
    species: torch.Tensor,
    other: torch.Tensor,
) -> torch.Tensor:
    """Atomic energies (M, A) eV with the terms of ``tables``, from those of the networks.

    Parameters
    ----------
    energies
        (M, A) eV, self-energies included.
    vectors
        (P, 3) Å, from each centre to its neighbours within the cutoff of the tables.
    centre
        (P,) the atom at the centre.
    species
        (A,) positions in the list of elements.
    other
        (P,) those of the neighbours.
    """
    distance = vectors.norm(dim=1)
    own = species[centre]
    count = len(species)

    def summed(values: torch.Tensor) -> torch.Tensor:
        return values.new_zeros(count).index_add(0, centre, values)

    def table(name: str) -> torch.Tensor:
        return torch.as_tensor(getattr(tables, name), device=energies.device, dtype=energies.dtype)

    def at_pairs(name: str) -> torch.Tensor:
        return look_up(table(name), own, other, distance, tables)

    coordination = summed(0.5 + 0.5 * torch.cos(distance * (math.pi / tables.cutoff)))
    low, high = table("limits")[species].T
    t = ((coordination - low) / (high - low).clamp_min(1e-12)).clamp(0.0, 1.0)
    sparse = 1.0 - t**3 * (10.0 - 15.0 * t + 6.0 * t**2)
    sparse = torch.where((high < 0) | ((coordination >= high) & (coordination > 0)), torch.zeros_like(sparse), sparse)
    inner, core, squares = summed(at_pairs("inner") / 2), summed(at_pairs("core") / 2), summed(at_pairs("bond") ** 2)
    # Where an atom has no bond the root has no slope: the root of one is taken and multiplied by zero.
    bond = torch.where(squares > 0, squares, torch.ones_like(squares)).sqrt() * (squares > 0)
    return (1.0 - sparse) * (energies + inner) + sparse * (table("free")[species] + core - bond)


def look_up(
    table: torch.Tensor, own: torch.Tensor, other: torch.Tensor, distance: torch.Tensor, tables: Tables
) -> torch.Tensor:
    """(P,) values by Hermite's cubics of a table (E, E, n, 2), a straight line below it, zero beyond."""
    place = (distance - tables.first) / tables.step
    last = table.shape[2] - 1
    k = place.detach().floor().clamp(0, last - 1).long()
    t = place - k
    a, slope_a = table[own, other, k].T
    b, slope_b = table[own, other, k + 1].T
    p, q = slope_a * tables.step, slope_b * tables.step
    value = a + t * (p + t * ((3 * (b - a) - 2 * p - q) + t * (2 * (a - b) + p + q)))
    value = torch.where(place <= 0, a + p * t, value)
    return torch.where(place >= last, torch.zeros_like(value), value)
