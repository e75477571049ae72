"""Compiled kernel: the repulsion at short range, and what replaces the networks where an atom has few neighbours."""

from typing import Any, NamedTuple

import numpy as np
from numba import prange
from numpy.typing import NDArray

from foundational.engines.ani.kernels.aev import all_neighbours, near_scratch
from foundational.engines.compilation import compiled


class Tables(NamedTuple):
    """Functions of the distance for each pair of elements, and energies and limits for each element."""

    cutoff: float
    """Å, of the neighbours that count."""
    first: float
    """Å, the shortest distance in the tables; below it they continue as straight lines."""
    step: float
    """Å, between two distances."""
    inner: NDArray[np.float64]
    """(E, E, n, 2) eV and eV/Å: the repulsion that is added to networks, zero within the data."""
    core: NDArray[np.float64]
    """(E, E, n, 2): the repulsion of two atoms that have no other neighbours."""
    bond: NDArray[np.float64]
    """(E, E, n, 2): the bond of each of two atoms that have no other neighbours."""
    free: NDArray[np.float64]
    """(E,) eV: an atom alone; of no use where the limits are negative."""
    limits: NDArray[np.float64]
    """(E, 2) coordinations: below the first no network counts, above the second nothing else; −1 where unknown."""


@compiled
def _look_up(table: Any, r: Any, first: Any, step: Any) -> Any:
    """Value and slope at ``r`` by Hermite's cubics; zero beyond the table."""
    t = (r - first) / step
    if t <= 0.0:
        return table[0, 0] + table[0, 1] * (r - first), table[0, 1]
    k = int(t)
    if k >= len(table) - 1:
        return 0.0, 0.0
    t -= k
    a, b = table[k, 0], table[k + 1, 0]
    p, q = table[k, 1] * step, table[k + 1, 1] * step
    c2, c3 = 3.0 * (b - a) - 2.0 * p - q, 2.0 * (a - b) + p + q
    return a + t * (p + t * (c2 + t * c3)), (p + t * (2.0 * c2 + 3.0 * t * c3)) / step


@compiled
def _share(coordination: Any, low: Any, high: Any) -> Any:
    """Which part of an atom's energy is not the networks', and its slope by the coordination."""
    if high < 0.0 or (coordination >= high and coordination > 0.0):
        return 0.0, 0.0
    if coordination <= low:
        return 1.0, 0.0
    t = (coordination - low) / (high - low)
    return 1.0 - t**3 * (10.0 - 15.0 * t + 6.0 * t * t), -30.0 * t * t * (1.0 - t) ** 2 / (high - low)


@compiled
def _act(pull: Any, near: Any, k: Any, forces: Any, atom: Any, other: Any, strain: Any) -> None:
    """Add slope over distance ``pull`` of the energy by the distance of an atom and its neighbour ``k``."""
    x, y, z = np.float64(near.vectors[0, k]), np.float64(near.vectors[1, k]), np.float64(near.vectors[2, k])
    for a in range(3):
        d = np.float64(near.vectors[a, k])
        forces[atom, a] += pull * d
        forces[other, a] -= pull * d
    strain[0] += pull * x * x
    strain[1] += pull * y * y
    strain[2] += pull * z * z
    strain[3] += pull * y * z
    strain[4] += pull * x * z
    strain[5] += pull * x * y


@compiled(parallel=True)
def add_short_range(
    positions: Any,
    fractional: Any,
    cell: Any,
    reach: Any,
    species: Any,
    offsets: Any,
    owner: Any,  # noqa: ARG001
    tables: Any,
    energies: Any,
    weight: Any,
    forces: Any,
    strain: Any,
) -> None:
    """Change ``energies`` (M, A) eV to those with the terms of ``tables``; configurations over threads.

    ``weight`` (A,) becomes the part of each atom's energy that is the networks': their gradients must be multiplied by
    it. What is not in these gradients goes into ``forces`` (M, A, 3) eV/Å and ``strain`` (M, C, 6) eV, if not empty.
    """
    wants_slopes = forces.shape[1] > 0
    n_members = len(energies)
    for c in prange(len(cell)):
        begin, end = offsets[c], offsets[c + 1]
        where, scaled = positions[begin:end], fractional[begin:end]
        near = near_scratch(128, 1)
        along = np.empty(n_members)
        for i in range(end - begin):
            atom = begin + i
            e = species[atom]
            n, near = all_neighbours(i, where, scaled, cell[c], reach[c], tables.cutoff, near)
            coordination, closest = 0.0, tables.cutoff
            for k in range(n):
                r = np.float64(near.distance[k])
                coordination += 0.5 + 0.5 * np.cos(np.pi * r / tables.cutoff)
                closest = min(closest, r)
            sparse, by_coordination = _share(coordination, tables.limits[e, 0], tables.limits[e, 1])
            weight[atom] = 1.0 - sparse
            inner, core, squares = 0.0, 0.0, 0.0
            for k in range(n):
                r, other = np.float64(near.distance[k]), species[begin + near.image_of[k]]
                inner += 0.5 * _look_up(tables.inner[e, other], r, tables.first, tables.step)[0]
                if sparse > 0.0:
                    core += 0.5 * _look_up(tables.core[e, other], r, tables.first, tables.step)[0]
                    squares += _look_up(tables.bond[e, other], r, tables.first, tables.step)[0] ** 2
            bond = np.sqrt(squares)
            alone = 0.0
            if sparse > 0.0:
                alone = tables.free[e] + core - bond
            for m in range(n_members):
                dense = energies[m, atom] + inner
                along[m] = (alone - dense) * by_coordination
                energies[m, atom] = dense
                if sparse > 0.0:
                    energies[m, atom] = (1.0 - sparse) * dense + sparse * alone
            if not wants_slopes or (inner == 0.0 and sparse == 0.0):
                continue
            for k in range(n):
                r, other = np.float64(near.distance[k]), species[begin + near.image_of[k]]
                slope = (1.0 - sparse) * 0.5 * _look_up(tables.inner[e, other], r, tables.first, tables.step)[1]
                fall = -0.5 * np.pi / tables.cutoff * np.sin(np.pi * r / tables.cutoff)
                if sparse > 0.0:
                    slope += sparse * 0.5 * _look_up(tables.core[e, other], r, tables.first, tables.step)[1]
                    if bond > 0.0:
                        value, bend = _look_up(tables.bond[e, other], r, tables.first, tables.step)
                        slope -= sparse * value * bend / bond
                for m in range(n_members):
                    pull = (slope + along[m] * fall) / r
                    if pull == 0.0:
                        continue
                    _act(pull, near, k, forces[m], atom, begin + near.image_of[k], strain[m, c])


@compiled(parallel=True)
def contacts(
    positions: Any,
    fractional: Any,
    cell: Any,
    reach: Any,
    species: Any,
    offsets: Any,
    owner: Any,  # noqa: ARG001
    cutoff: Any,
    shortest: Any,
    coordination: Any,
) -> None:
    """The shortest distance (C, E, E) of each pair of elements in each configuration, and ``coordination`` (A,)."""
    shortest[:] = np.inf
    for c in prange(len(cell)):
        begin, end = offsets[c], offsets[c + 1]
        near = near_scratch(128, 1)
        for i in range(end - begin):
            n, near = all_neighbours(i, positions[begin:end], fractional[begin:end], cell[c], reach[c], cutoff, near)
            e, summed = species[begin + i], 0.0
            for k in range(n):
                r, other = np.float64(near.distance[k]), species[begin + near.image_of[k]]
                summed += 0.5 + 0.5 * np.cos(np.pi * r / cutoff)
                shortest[c, e, other] = min(shortest[c, e, other], r)
            coordination[begin + i] = summed


@compiled(inline="always")
def listed_vector(i: Any, j: Any, q: Any, positions: Any, cell: Any, images: Any) -> Any:
    """The vector, Å, from atom ``i`` to the image of ``j`` that is candidate ``q`` of a list of neighbours."""
    u, v, w = images[q, 0], images[q, 1], images[q, 2]
    x = positions[j, 0] - positions[i, 0] + u * cell[0, 0] + v * cell[1, 0] + w * cell[2, 0]
    y = positions[j, 1] - positions[i, 1] + u * cell[0, 1] + v * cell[1, 1] + w * cell[2, 1]
    z = positions[j, 2] - positions[i, 2] + u * cell[0, 2] + v * cell[1, 2] + w * cell[2, 2]
    return x, y, z


@compiled
def any_short_range(
    positions: Any,
    cell: Any,
    species: Any,
    starts: Any,
    index: Any,
    images: Any,
    tables: Any,
    join: Any,
) -> Any:
    """Whether a pair is nearer than ``join`` (E, E) Å, or an atom has so few neighbours that the networks do not count.

    The candidates of atom i are ``index`` and ``images`` (L, 3) from ``starts[i]`` to ``starts[i + 1]``.
    """
    squared = tables.cutoff * tables.cutoff
    for i in range(len(positions)):
        e = species[i]
        limit, coordination = tables.limits[e, 1], 0.0
        for q in range(starts[i], starts[i + 1]):
            j = index[q]
            x, y, z = listed_vector(i, j, q, positions, cell, images)
            d2 = x * x + y * y + z * z
            nearest = join[e, species[j]]
            if d2 < nearest * nearest:
                return True
            if d2 < squared and coordination <= limit:
                coordination += 0.5 + 0.5 * np.cos(np.pi * np.sqrt(d2) / tables.cutoff)
        if limit >= 0.0 and (coordination < limit or coordination == 0.0):
            return True
    return False


@compiled(parallel=True)
def listed_pairs(
    positions: Any,
    cell: Any,
    species: Any,
    starts: Any,
    index: Any,
    images: Any,
    tables: Any,
    energies: Any,
    forces: Any,
    strain: Any,
) -> None:
    """The pair potential ``inner`` of ``tables`` alone: ``energies`` (N,) eV, ``forces`` (N, 3), ``strain`` (N, 6) eV.

    The candidates of atom i are as in `any_short_range`. Each atom has half of the energy and of the strain of a pair.
    """
    squared = tables.cutoff * tables.cutoff
    for i in prange(len(positions)):
        summed, fx, fy, fz = 0.0, 0.0, 0.0, 0.0
        strain[i] = 0.0
        for q in range(starts[i], starts[i + 1]):
            j = index[q]
            x, y, z = listed_vector(i, j, q, positions, cell, images)
            d2 = x * x + y * y + z * z
            if d2 >= squared:
                continue
            r = np.sqrt(d2)
            value, slope = _look_up(tables.inner[species[i], species[j]], r, tables.first, tables.step)
            summed += 0.5 * value
            pull = slope / r
            fx += pull * x
            fy += pull * y
            fz += pull * z
            half = 0.5 * pull
            strain[i, 0] += half * x * x
            strain[i, 1] += half * y * y
            strain[i, 2] += half * z * z
            strain[i, 3] += half * y * z
            strain[i, 4] += half * x * z
            strain[i, 5] += half * x * y
        energies[i] = summed
        forces[i, 0], forces[i, 1], forces[i, 2] = fx, fy, fz
