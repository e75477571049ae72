"""Compiled kernels for molecular dynamics: energies, forces and virial of one configuration, with a list of neighbours.

Training needs all derivatives of the environment vectors; dynamics needs only their product with ∂E/∂AEV. That product
is taken in reverse here: the gradient of the network is contracted for each pair and each triple of atoms before
anything is stored. With E = Σ g 2 f_j f_k G(r̄) A(θ) over the features of a triple,
∂E/∂r_j = Σ g 2 G A (f_j' f_k − η d f_j f_k) at a fixed angle, and ∂E/∂cos θ = Σ g 2 f_j f_k G A'(θ).
"""

from typing import Any

import numpy as np
from numba import prange

from foundational.engines.ani.kernels.aev import (
    HALF,
    HALF_PI,
    LOG2E,
    SHRINK,
    TINY,
    TWO,
    ZERO,
    _angular,
    _pairs,
    _radial,
    near_scratch,
    select_close,
    triple_scratch,
)
from foundational.engines.ani.kernels.network import forward, matrix, scratch_size
from foundational.engines.ani.kernels.short_range import listed_vector
from foundational.engines.ani.kernels.simd import LANES, exp, exp2, larger, load, log2, splat, store, total
from foundational.engines.compilation import compiled

#: Atoms that pass through the networks together.
_BLOCK = 64


@compiled
def _listed(i: Any, positions: Any, cell: Any, starts: Any, index: Any, images: Any, cutoff: Any, near: Any) -> Any:
    """Those of the listed candidates of atom ``i`` that are within the cutoff; returns how many, and ``near``."""
    if starts[i + 1] - starts[i] > len(near.distance):
        near = near_scratch(2 * (starts[i + 1] - starts[i]), len(near.starts) - 1)
    n = 0
    for q in range(starts[i], starts[i + 1]):
        j = index[q]
        x, y, z = listed_vector(i, j, q, positions, cell, images)
        d2 = x * x + y * y + z * z
        if d2 < cutoff * cutoff:
            near.vectors[0, n], near.vectors[1, n], near.vectors[2, n] = x, y, z
            near.distance[n] = np.sqrt(d2)
            near.image_of[n] = j
            n += 1
    return n, near


@compiled(inline="always")
def _act(j: Any, i: Any, near: Any, k: Any, x: Any, y: Any, z: Any, forces: Any, virial: Any) -> None:
    """Add the slope (x, y, z) of the energy by the vector from ``i`` to its neighbour ``k``, an image of ``j``."""
    forces[j, 0] -= x
    forces[j, 1] -= y
    forces[j, 2] -= z
    forces[i, 0] += x
    forces[i, 1] += y
    forces[i, 2] += z
    virial[0] += x * near.vectors[0, k]
    virial[1] += y * near.vectors[1, k]
    virial[2] += z * near.vectors[2, k]
    virial[3] += y * near.vectors[2, k]
    virial[4] += x * near.vectors[2, k]
    virial[5] += x * near.vectors[1, k]


@compiled(error_model="numpy")
def _radial_slopes(
    i: Any, n: Any, species: Any, terms: Any, wide: Any, near: Any, gradient: Any, forces: Any, virial: Any
) -> None:
    """Contract the radial features of atom ``i`` with ``gradient`` (stride,)."""
    scale = HALF_PI / terms.radial_cutoff
    for k in range(n):
        j = near.image_of[k]
        r = near.distance[k]
        c, sine = np.cos(r * scale), np.sin(r * scale)
        cut, slope = c * c, -TWO * scale * c * sine
        summed = splat(ZERO)
        for b in range(0, len(wide.radial_shift), LANES):
            d = splat(r) - load(wide.radial_shift, b)
            g = exp(d * d * -terms.radial_eta) * load(wide.radial_scale, b)
            g = g * (d * (-TWO * terms.radial_eta * cut) + slope)
            summed = summed + g * load(gradient, species[j] * len(terms.radial_shifts) + b)
        s = total(summed) / r
        _act(j, i, near, k, s * near.vectors[0, k], s * near.vectors[1, k], s * near.vectors[2, k], forces, virial)


@compiled(error_model="numpy")
def _triple_slopes(t: Any, terms: Any, triples: Any, gradient: Any, place: Any, slopes: Any) -> None:
    """Σ g 2 f f G A, Σ g 2 f f G A d and Σ g 2 f f G A' of each of t triples, into ``slopes`` (3, t)."""
    n_shifts, n_sections = len(terms.angular_shifts), len(terms.cos_sections)
    c, mean, weight, sine = triples.geometry[0], triples.geometry[1], triples.geometry[2], triples.geometry[3]
    for q in range(n_shifts):
        gauss, shift = triples.gauss[q], splat(terms.angular_shifts[q])
        for o in range(0, t, LANES):
            d = load(mean, o) - shift
            store(gauss, o, load(weight, o) * exp(d * d * -terms.angular_eta))
    for o in range(0, t, LANES):
        cosine, rise = load(c, o), load(sine, o)
        whole, along, bend = splat(ZERO), splat(ZERO), splat(ZERO)
        for a in range(n_sections):
            cos_section, sin_section = HALF * terms.cos_sections[a], HALF * terms.sin_sections[a]
            cos_rest, sin_rest = LOG2E * HALF * terms.cos_rests[a], LOG2E * HALF * terms.sin_rests[a]
            base = larger(cosine * cos_section + rise * sin_section + HALF, splat(TINY))
            rest = (cosine * cos_rest + rise * sin_rest) * (splat(TWO) - base)
            angle = exp2((log2(base) + rest) * terms.zeta)
            g, gd = splat(ZERO), splat(ZERO)
            for q in range(n_shifts):
                share = load(triples.gauss[q], o) * gradient[place + q * n_sections + a]
                g = g + share
                gd = gd + share * (load(mean, o) - terms.angular_shifts[q])
            whole = whole + g * angle
            along = along + gd * angle
            turn = splat(cos_section) - cosine / rise * sin_section
            bend = bend + g * (angle / base) * turn * (SHRINK * terms.zeta)
        store(slopes[0], o, whole)
        store(slopes[1], o, along)
        store(slopes[2], o, bend)


@compiled(error_model="numpy")
def _angular_slopes(
    i: Any, m: Any, terms: Any, near: Any, triples: Any, gradient: Any, scratch: Any, forces: Any, virial: Any
) -> None:
    """Contract the angular features of atom ``i`` with ``gradient``; ``scratch`` (6, …): slopes, then by neighbour."""
    close, by = near.close, scratch[3:]
    by[:, :m] = ZERO
    place = terms.n_elements * len(terms.radial_shifts)
    eta = terms.angular_eta
    for first in range(terms.n_elements):
        for second in range(first, terms.n_elements):
            t = _pairs(first, second, near, triples)
            _triple_slopes(t, terms, triples, gradient, place, scratch)
            place += len(terms.angular_shifts) * len(terms.cos_sections)
            t = 0
            begin = near.starts[first]
            for k in range(near.starts[second], near.starts[second + 1]):
                stop = k if first == second else near.starts[first + 1]
                xk, yk, zk, inverse_k = close[0, k], close[1, k], close[2, k], np.float32(1) / close[3, k]
                decay_k = close[5, k] / close[4, k]
                sx, sy, sz = ZERO, ZERO, ZERO
                for j in range(begin, stop):
                    xj, yj, zj, inverse_j = close[0, j], close[1, j], close[2, j], np.float32(1) / close[3, j]
                    cosine = xj * xk + yj * yk + zj * zk
                    whole, along, bend = scratch[0, t], eta * scratch[1, t], scratch[2, t]
                    bend_j, bend_k = bend * inverse_j, bend * inverse_k
                    own_j = whole * (close[5, j] / close[4, j]) - along - bend_j * cosine
                    own_k = whole * decay_k - along - bend_k * cosine
                    by[0, j] += own_j * xj + bend_j * xk
                    by[1, j] += own_j * yj + bend_j * yk
                    by[2, j] += own_j * zj + bend_j * zk
                    sx += own_k * xk + bend_k * xj
                    sy += own_k * yk + bend_k * yj
                    sz += own_k * zk + bend_k * zj
                    t += 1
                by[0, k] += sx
                by[1, k] += sy
                by[2, k] += sz
    for q in range(m):
        k = near.close_index[q]
        _act(near.image_of[k], i, near, k, by[0, q], by[1, q], by[2, q], forces, virial)


@compiled
def _networks(begin: Any, aevs: Any, species: Any, model: Any, energies: Any, gradients: Any) -> None:
    """Energies (M, A) of the block of atoms from ``begin`` on, and ∂(mean energy)/∂AEV (block, stride)."""
    n_features = aevs.shape[1]
    gradients[:] = ZERO
    share = np.float32(1) / np.float32(len(model.parameters))
    for e in range(model.parameters.shape[1]):
        atoms = np.flatnonzero(species[begin : begin + len(aevs)] == e)
        n = len(atoms)
        if n == 0:
            continue
        found, by_feature = np.empty(n, np.float32), np.empty((n, n_features), np.float32)
        kept = np.empty(scratch_size(n, model.widths), np.float32)
        for m in range(len(model.parameters)):
            mean, inverse = model.mean[m, e], model.inverse[m, e]
            x = matrix(kept, 0, n, n_features)
            for r in range(n):
                for k in range(n_features):
                    x[r, k] = (aevs[atoms[r], k] - mean[k]) * inverse[k]
            forward(n, model.widths, model.activation, model.parameters[m, e], kept, found, by_feature)
            for r in range(n):
                energies[m, begin + atoms[r]] = found[r]
                for k in range(n_features):
                    gradients[atoms[r], k] += by_feature[r, k] * inverse[k] * share


@compiled(parallel=True)
def energies_and_forces(
    positions: Any,
    cell: Any,
    species: Any,
    starts: Any,
    index: Any,
    images: Any,
    terms: Any,
    wide: Any,
    model: Any,
    energies: Any,
    forces: Any,
    virials: Any,
) -> None:
    """Energies (M, A) and, for T parts of the atoms over threads, forces (T, A, 3) and ∂E/∂ε (T, 6) of the mean.

    The candidates of atom i are ``index`` and ``images`` (L, 3) from ``starts[i]`` to ``starts[i + 1]``. All results
    are in units of the energy scale, without self-energies; those of the T parts must be added.
    """
    n_atoms, n_parts = len(positions), len(forces)
    n_features = model.mean.shape[2]
    n_radial = terms.n_elements * len(terms.radial_shifts)
    cutoff = np.float64(terms.radial_cutoff)
    for part in prange(n_parts):
        force, virial = forces[part], virials[part]
        force[:] = 0.0
        virial[:] = 0.0
        n_close = 24
        near, triples = near_scratch(128, terms.n_elements), triple_scratch(n_close, terms)
        scratch = np.empty((6, triples.geometry.shape[1]), np.float32)
        end = (part + 1) * n_atoms // n_parts
        for begin in range(part * n_atoms // n_parts, end, _BLOCK):
            size = min(_BLOCK, end - begin)
            aevs = np.empty((size, n_features), np.float32)
            gradients = np.empty((size, wide.stride), np.float32)
            for a in range(size):
                n, near = _listed(begin + a, positions, cell, starts, index, images, cutoff, near)
                m = select_close(n, species, terms, near)
                if m > n_close:
                    n_close = m
                    triples = triple_scratch(n_close, terms)
                    scratch = np.empty((6, triples.geometry.shape[1]), np.float32)
                _radial(n, species, terms, near, aevs[a, :n_radial])
                _angular(terms, near, triples, aevs[a, n_radial:])
            _networks(begin, aevs, species, model, energies, gradients)
            for a in range(size):
                i = begin + a
                n, near = _listed(i, positions, cell, starts, index, images, cutoff, near)
                m = select_close(n, species, terms, near)
                _radial_slopes(i, n, species, terms, wide, near, gradients[a], force, virial)
                _angular_slopes(i, m, terms, near, triples, gradients[a], scratch, force, virial)
