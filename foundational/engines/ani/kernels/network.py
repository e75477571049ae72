"""Compiled kernels: energies of one atomic network and their derivatives, for a few hundred atoms at a time.

A network of layers h_l = φ(h_{l−1} W_l + b_l), E = h_L · w + c is one flat array of parameters W_1 b_1 … W_L b_L w c.
Matrix products go to the BLAS that numba finds in scipy; everything else is a loop over vectors.

Energies and forces together need only first derivatives of a network. With p_L = w, q_l = φ'(z_l) p_l and
p_{l−1} = q_l W_lᵀ, the gradient by the features is g = p_0. The loss changes with the parameters as
Σ a E + g · v does, where a = ∂loss/∂E and v is the direction in feature space that ∂loss/∂forces gives (Jδ), both held
fixed; g · v is the derivative of E along v, and running that derivative forward (y_l = t_{l−1} W_l, t_l = φ' y_l) makes
its adjoints the p and q of before. So

    z̄_l = φ'(z_l) h̄_l + φ''(z_l) p_l y_l,   h̄_{l−1} = z̄_l W_lᵀ,   W̄_l = h_{l−1}ᵀ z̄_l + t_{l−1}ᵀ q_l.
"""

from typing import Any

import numpy as np

from foundational.engines.ani.kernels.activation import activate, activate_only
from foundational.engines.ani.kernels.simd import LANES, load, load_from, store, store_into
from foundational.engines.compilation import compiled

#: Arrays of (n, H) that one layer keeps: value and tangent, adjoints z̄ and q, φ', φ'' p, y.
KEPT = 7
_ZERO = np.float32(0)


@compiled
def scratch_size(n: Any, widths: Any) -> Any:
    """Numbers of scratch for n atoms: the features and their tangent, then ``KEPT`` arrays a layer."""
    size = 2 * n * widths[0] + LANES
    for width in widths[1:]:
        size += KEPT * n * width
    return size + LANES


@compiled(inline="always")
def matrix(flat: Any, at: Any, n: Any, width: Any) -> Any:
    """An (n, width) view of a flat array."""
    return flat[at : at + n * width].reshape(n, width)


@compiled
def _multiply(x: Any, y: Any, out: Any) -> None:
    for r in range(len(x)):
        for b in range(0, x.shape[1], LANES):
            store_into(out, r, b, load_from(x, r, b) * load_from(y, r, b))


@compiled
def _accumulate(x: Any, out: Any) -> None:
    for r in range(len(x)):
        for b in range(0, x.shape[1], LANES):
            store_into(out, r, b, load_from(out, r, b) + load_from(x, r, b))


@compiled
def forward(n: Any, widths: Any, kind: Any, parameters: Any, kept: Any, energies: Any, gradient: Any) -> None:
    """Energies (n,) and ∂E/∂features (n, K) of the features at the beginning of ``kept``; fills the rest of it."""
    layers = len(widths) - 1
    place, at, previous = 0, 2 * n * widths[0], 0
    for layer in range(1, layers + 1):
        before, width = widths[layer - 1], widths[layer]
        size = n * width
        h = matrix(kept, previous, n, before)
        w, b = (
            matrix(parameters, place, before, width),
            parameters[place + before * width : place + (before + 1) * width],
        )
        value = matrix(kept, at, n, width)
        first, second = matrix(kept, at + 4 * size, n, width), matrix(kept, at + 5 * size, n, width)
        np.dot(h, w, value)
        activate(kind, value, b, value, first, second)
        previous, at, place = at, at + KEPT * size, place + (before + 1) * width
    width = widths[layers]
    h, w = matrix(kept, previous, n, width), parameters[place : place + width]
    for r in range(n):
        summed = parameters[place + width]
        for k in range(width):
            summed += h[r, k] * w[k]
        energies[r] = summed
    at = previous
    for layer in range(layers, 0, -1):
        before, width = widths[layer - 1], widths[layer]
        size = n * width
        q = matrix(kept, at + 3 * size, n, width)
        first, second = matrix(kept, at + 4 * size, n, width), matrix(kept, at + 5 * size, n, width)
        if layer == layers:
            for r in range(n):
                for b in range(0, width, LANES):
                    store_into(q, r, b, load(w, b))
        _multiply(second, q, second)
        _multiply(first, q, q)
        place -= (before + 1) * width
        weights = matrix(parameters, place, before, width)
        if layer == 1:
            np.dot(q, weights.T, gradient)
        else:
            at -= KEPT * n * before
            np.dot(q, weights.T, matrix(kept, at + 3 * n * before, n, before))


@compiled
def backward(n: Any, widths: Any, parameters: Any, kept: Any, by_energy: Any, out: Any) -> None:
    """Add to ``out`` ∂(Σ a E + g·v)/∂parameters, with a = ``by_energy`` (n,) and v (n, K) behind the features."""
    layers = len(widths) - 1
    place, at, previous = 0, 2 * n * widths[0], 0
    for layer in range(1, layers + 1):
        before, width = widths[layer - 1], widths[layer]
        size = n * width
        tangent = matrix(kept, previous + n * before, n, before)
        y = matrix(kept, at + 6 * size, n, width)
        np.dot(tangent, matrix(parameters, place, before, width), y)
        _multiply(matrix(kept, at + 4 * size, n, width), y, matrix(kept, at + size, n, width))
        previous, at, place = at, at + KEPT * size, place + (before + 1) * width
    width = widths[layers]
    at = previous
    last = matrix(kept, at, n, width)
    tangent = matrix(kept, at + n * width, n, width)
    adjoint = matrix(kept, at + 2 * n * width, n, width)
    for r in range(n):
        a = by_energy[r]
        for k in range(width):
            out[place + k] += a * last[r, k] + tangent[r, k]
            adjoint[r, k] = a * parameters[place + k]
        out[place + width] += a
    for layer in range(layers, 0, -1):
        before, width = widths[layer - 1], widths[layer]
        size = n * width
        place -= (before + 1) * width
        adjoint = matrix(kept, at + 2 * size, n, width)
        first, bend = matrix(kept, at + 4 * size, n, width), matrix(kept, at + 5 * size, n, width)
        y = matrix(kept, at + 6 * size, n, width)
        bias = out[place + before * width : place + (before + 1) * width]
        for r in range(n):
            for b in range(0, width, LANES):
                z = load_from(first, r, b) * load_from(adjoint, r, b) + load_from(bend, r, b) * load_from(y, r, b)
                store_into(adjoint, r, b, z)
                store(bias, b, load(bias, b) + z)
        below = 0 if layer == 1 else at - KEPT * n * before
        both, adjoints = matrix(kept, below, 2 * n, before), matrix(kept, at + 2 * size, 2 * n, width)
        _accumulate(np.dot(both.T, adjoints), matrix(out, place, before, width))
        if layer > 1:
            np.dot(adjoint, matrix(parameters, place, before, width).T, matrix(kept, below + 2 * n * before, n, before))
            at = below


@compiled
def energies_only(x: Any, widths: Any, kind: Any, parameters: Any, out: Any) -> None:
    """Energies (n,) of standardised features (n, K)."""
    place = 0
    h = x
    for layer in range(1, len(widths)):
        before, width = widths[layer - 1], widths[layer]
        h = np.dot(h, matrix(parameters, place, before, width))
        activate_only(kind, h, parameters[place + before * width : place + (before + 1) * width])
        place += (before + 1) * width
    for r in range(len(x)):
        summed = parameters[place + h.shape[1]]
        for k in range(h.shape[1]):
            summed += h[r, k] * parameters[place + k]
        out[r] = summed
