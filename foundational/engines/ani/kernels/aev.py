"""Compiled kernels: the neighbours of an atom in a periodic cell, and its environment vector.

The vector is torchani's (``ANIRadial``, ``ANIAngular`` with the cosine cutoff; Smith, Isayev, Roitberg, Chem. Sci. 8,
3192 (2017)). Its angle is acos(0.95 cos θ); with c = 0.95 cos θ, cos(acos(c) − θs) = c cos θs + √(1 − c²) sin θs, so no
inverse cosine is needed. Neighbours are found in float64; from there on everything is float32, sixteen at a time.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import prange
from numpy.typing import NDArray

from foundational.engines.ani.kernels.simd import LANES, cos, exp, exp2, larger, load, log2, splat, sqrt, store, total
from foundational.engines.compilation import compiled

_F = np.float32
#: Atoms that one thread takes at a time.
ATOMS_IN_BLOCK = 64
HALF, QUARTER, ONE, TWO, ZERO = _F(0.5), _F(0.25), _F(1), _F(2), _F(0)
HALF_PI = _F(np.pi / 2)
LOG2E = _F(np.log2(np.e))
#: torchani's factor on cos θ.
SHRINK = _F(0.95)
TINY = _F(1e-12)


class Terms(NamedTuple):
    """The numbers of an AEV as the kernels want them."""

    n_elements: int
    radial_cutoff: np.float32
    radial_eta: np.float32
    radial_shifts: NDArray[np.float32]
    angular_cutoff: np.float32
    angular_eta: np.float32
    zeta: np.float32
    angular_shifts: NDArray[np.float32]
    cos_sections: NDArray[np.float32]
    sin_sections: NDArray[np.float32]
    cos_rests: NDArray[np.float32]
    """What rounding to float32 took from ``cos_sections``; the power ζ would make it visible."""
    sin_rests: NDArray[np.float32]


class Near(NamedTuple):
    """Scratch of one thread: the neighbours of one atom."""

    vectors: NDArray[np.float32]
    """(3, n) Å, from the atom to its neighbour."""
    distance: NDArray[np.float32]
    """(n,) Å"""
    image_of: NDArray[np.int64]
    """(n,) which atom of the configuration it is an image of."""
    sorted: NDArray[np.float32]
    """(2, n) distance and weight of those of one element."""
    close: NDArray[np.float32]
    """(6, n) by element, those within the angular cutoff: unit vector, distance, fc, dfc/dr."""
    close_index: NDArray[np.int64]
    """(n,) their places in ``vectors``."""
    starts: NDArray[np.int64]
    """(n_elements + 1,) where each element begins in ``close``."""


class Triples(NamedTuple):
    """Scratch of one thread: the pairs of close neighbours of one atom."""

    geometry: NDArray[np.float32]
    """(4, t) 0.95 cos θ, mean distance, 2 fc fc, sine of the shrunk angle."""
    gauss: NDArray[np.float32]
    angle: NDArray[np.float32]


@compiled(inline="always")
def padded(n: Any) -> Any:
    """The next multiple of LANES."""
    return (n + LANES - 1) // LANES * LANES


@compiled
def near_scratch(capacity: Any, n_elements: Any) -> Any:
    """Scratch for ``capacity`` neighbours."""
    return Near(
        np.empty((3, capacity), np.float32),
        np.empty(capacity, np.float32),
        np.empty(capacity, np.int64),
        np.empty((2, capacity + LANES), np.float32),
        np.zeros((6, capacity + LANES), np.float32),
        np.empty(capacity, np.int64),
        np.empty(n_elements + 1, np.int64),
    )


@compiled
def triple_scratch(n_close: Any, terms: Any) -> Any:
    """Scratch for all pairs of ``n_close`` neighbours."""
    size = padded(n_close * n_close // 2 + LANES) + LANES
    return Triples(
        np.zeros((4, size), np.float32),
        np.empty((len(terms.angular_shifts), size), np.float32),
        np.empty((len(terms.cos_sections), size), np.float32),
    )


@compiled(inline="always")
def _images(shift: Any, reach: Any) -> Any:
    """First and last image n with |n − shift| ≤ reach; only the image 0 where ``reach`` is negative."""
    if reach < 0:
        return 0, 0
    return int(np.ceil(shift - reach)), int(np.floor(shift + reach))


@compiled
def find_neighbours(i: Any, positions: Any, fractional: Any, cell: Any, reach: Any, cutoff: Any, near: Any) -> Any:
    """All images within ``cutoff`` Å of atom ``i``, itself excepted; returns how many, or −1 if ``near`` is too small.

    ``positions`` and ``fractional`` (N, 3) need not be wrapped: atom j's images n along an axis are those with
    |Δs + n| ≤ ``reach`` = cutoff / height of the cell (negative where the axis is not periodic).
    """
    capacity = len(near.distance)
    squared = cutoff * cutoff
    n = 0
    for j in range(len(positions)):
        low0, high0 = _images(fractional[i, 0] - fractional[j, 0], reach[0])
        low1, high1 = _images(fractional[i, 1] - fractional[j, 1], reach[1])
        low2, high2 = _images(fractional[i, 2] - fractional[j, 2], reach[2])
        for u in range(low0, high0 + 1):
            for v in range(low1, high1 + 1):
                x = positions[j, 0] - positions[i, 0] + u * cell[0, 0] + v * cell[1, 0]
                y = positions[j, 1] - positions[i, 1] + u * cell[0, 1] + v * cell[1, 1]
                z = positions[j, 2] - positions[i, 2] + u * cell[0, 2] + v * cell[1, 2]
                for w in range(low2, high2 + 1):
                    dx, dy, dz = x + w * cell[2, 0], y + w * cell[2, 1], z + w * cell[2, 2]
                    d2 = dx * dx + dy * dy + dz * dz
                    if d2 < squared and not (i == j and u == 0 and v == 0 and w == 0):
                        if n == capacity:
                            return -1
                        near.vectors[0, n], near.vectors[1, n], near.vectors[2, n] = dx, dy, dz
                        near.distance[n] = np.sqrt(d2)
                        near.image_of[n] = j
                        n += 1
    return n


@compiled
def all_neighbours(i: Any, positions: Any, fractional: Any, cell: Any, reach: Any, cutoff: Any, near: Any) -> Any:
    """What :func:`find_neighbours` does, and ``near``, which is a larger one where it was too small."""
    n = find_neighbours(i, positions, fractional, cell, reach, cutoff, near)
    while n < 0:
        near = near_scratch(2 * len(near.distance), len(near.starts) - 1)
        n = find_neighbours(i, positions, fractional, cell, reach, cutoff, near)
    return n, near


@compiled(error_model="numpy")
def select_close(n: Any, species: Any, terms: Any, near: Any) -> Any:
    """Fill ``near.close`` with those of the n neighbours that are within the angular cutoff; returns how many."""
    scale = HALF_PI / terms.angular_cutoff
    m = 0
    for s in range(terms.n_elements):
        near.starts[s] = m
        for k in range(n):
            r = near.distance[k]
            if r < terms.angular_cutoff and species[near.image_of[k]] == s:
                for a in range(3):
                    near.close[a, m] = near.vectors[a, k] / r
                near.close[3, m] = r
                c, sine = np.cos(r * scale), np.sin(r * scale)
                near.close[4, m] = c * c
                near.close[5, m] = -TWO * scale * c * sine
                near.close_index[m] = k
                m += 1
    near.starts[terms.n_elements] = m
    return m


@compiled(error_model="numpy")
def _radial(n: Any, species: Any, terms: Any, near: Any, out: Any) -> None:
    scale = HALF_PI / terms.radial_cutoff
    r, weight = near.sorted[0], near.sorted[1]
    for s in range(terms.n_elements):
        m = 0
        for k in range(n):
            if species[near.image_of[k]] == s:
                r[m] = near.distance[k]
                m += 1
        r[m : padded(m)] = terms.radial_cutoff
        for b in range(0, m, LANES):
            c = cos(load(r, b) * scale)
            store(weight, b, c * c * QUARTER)
        weight[m : padded(m)] = ZERO
        for q in range(len(terms.radial_shifts)):
            shift = splat(terms.radial_shifts[q])
            summed = splat(ZERO)
            for b in range(0, m, LANES):
                d = load(r, b) - shift
                summed = summed + load(weight, b) * exp(d * d * -terms.radial_eta)
            out[s * len(terms.radial_shifts) + q] = total(summed)


@compiled
def _pairs(first: Any, second: Any, near: Any, triples: Any) -> Any:
    """Geometry of all pairs of close neighbours of two elements; returns how many."""
    close = near.close
    x, y, z, r, fc = close[0], close[1], close[2], close[3], close[4]
    c, mean, weight, sine = triples.geometry[0], triples.geometry[1], triples.geometry[2], triples.geometry[3]
    t = 0
    begin = near.starts[first]
    for k in range(near.starts[second], near.starts[second + 1]):
        count = (k if first == second else near.starts[first + 1]) - begin
        for b in range(0, count, LANES):
            j, o = begin + b, t + b  # what is written beyond ``count`` is overwritten by the next k
            store(c, o, (load(x, j) * x[k] + load(y, j) * y[k] + load(z, j) * z[k]) * SHRINK)
            store(mean, o, (load(r, j) + r[k]) * HALF)
            store(weight, o, load(fc, j) * (TWO * fc[k]))
        t += count
    c[t : padded(t)], mean[t : padded(t)], weight[t : padded(t)] = ZERO, ZERO, ZERO
    for o in range(0, t, LANES):
        cosine = load(c, o)
        store(sine, o, sqrt(splat(ONE) - cosine * cosine))
    return t


@compiled
def _angular(terms: Any, near: Any, triples: Any, out: Any) -> None:
    n_shifts, n_sections = len(terms.angular_shifts), len(terms.cos_sections)
    c, mean, weight, sine = triples.geometry[0], triples.geometry[1], triples.geometry[2], triples.geometry[3]
    place = 0
    for first in range(terms.n_elements):
        for second in range(first, terms.n_elements):
            t = _pairs(first, second, near, triples)
            for q in range(n_shifts):
                gauss, shift = triples.gauss[q], splat(terms.angular_shifts[q])
                for o in range(0, t, LANES):
                    d = load(mean, o) - shift
                    store(gauss, o, load(weight, o) * exp(d * d * -terms.angular_eta))
            for a in range(n_sections):
                angle = triples.angle[a]
                cos_section, sin_section = HALF * terms.cos_sections[a], HALF * terms.sin_sections[a]
                cos_rest, sin_rest = LOG2E * HALF * terms.cos_rests[a], LOG2E * HALF * terms.sin_rests[a]
                for o in range(0, t, LANES):
                    cosine, rise = load(c, o), load(sine, o)
                    base = larger(cosine * cos_section + rise * sin_section + HALF, splat(TINY))
                    rest = (cosine * cos_rest + rise * sin_rest) * (splat(TWO) - base)  # 2 − x is 1/x where it counts
                    store(angle, o, exp2((log2(base) + rest) * terms.zeta))
            for q in range(n_shifts):
                gauss = triples.gauss[q]
                for a in range(n_sections):
                    angle = triples.angle[a]
                    summed = splat(ZERO)
                    for o in range(0, t, LANES):
                        summed = summed + load(gauss, o) * load(angle, o)
                    out[place + q * n_sections + a] = total(summed)
            place += n_shifts * n_sections


@compiled(parallel=True)
def aevs(
    positions: Any, fractional: Any, cell: Any, reach: Any, species: Any, offsets: Any, owner: Any, terms: Any, out: Any
) -> None:
    """AEVs of a flat batch into ``out`` (A, K), blocks of atoms over threads; no result depends on their number.

    ``positions``, ``fractional`` (A, 3) float64; ``cell`` (C, 3, 3); ``reach`` (C, 3), see :func:`find_neighbours`;
    ``species`` (A,) in 0…n_elements−1; ``offsets`` (C+1,); ``owner`` (A,) the configuration of each atom.
    """
    n_atoms = len(positions)
    n_radial = terms.n_elements * len(terms.radial_shifts)
    for block in prange((n_atoms + ATOMS_IN_BLOCK - 1) // ATOMS_IN_BLOCK):
        n_close = 24
        near, triples = near_scratch(128, terms.n_elements), triple_scratch(n_close, terms)
        for atom in range(block * ATOMS_IN_BLOCK, min((block + 1) * ATOMS_IN_BLOCK, n_atoms)):
            c = owner[atom]
            begin, end = offsets[c], offsets[c + 1]
            own, where, scaled = species[begin:end], positions[begin:end], fractional[begin:end]
            cutoff = np.float64(terms.radial_cutoff)
            n, near = all_neighbours(atom - begin, where, scaled, cell[c], reach[c], cutoff, near)
            m = select_close(n, own, terms, near)
            if m > n_close:
                n_close = m
                triples = triple_scratch(n_close, terms)
            _radial(n, own, terms, near, out[atom, :n_radial])
            _angular(terms, near, triples, out[atom, n_radial:])
