"""Compiled kernels: the gradient of the loss of a whole ensemble over one batch, and a step of AdamW.

A batch is cut into chunks of whole configurations. A thread takes a chunk through everything — networks, forces through
the cached derivatives of the environment vectors, loss, gradient — for all members, so that these derivatives, the
largest thing there is, are read from memory once a step. Each chunk writes its own gradient and they are summed in
order: results do not depend on the number of threads.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import prange
from numpy.typing import NDArray

from foundational.engines.ani.kernels.aev_derivatives import dot
from foundational.engines.ani.kernels.aev_jacobian import STRAIN_ROWS
from foundational.engines.ani.kernels.network import backward, forward, matrix, scratch_size
from foundational.engines.ani.kernels.simd import LANES, load_from, splat, store_into
from foundational.engines.compilation import compiled

_F = np.float32
_ZERO, _ONE, _TWO = _F(0), _F(1), _F(2)


class Table(NamedTuple):
    """Training data of C configurations; energies in units of the ensemble's energy scale."""

    offsets: NDArray[np.int64]
    """(C+1,)"""
    species: NDArray[np.int64]
    """(A,)"""
    aevs: NDArray[np.float32]
    """(A, K)"""
    energy: NDArray[np.float32]
    """(M, C) less each member's self-energies."""
    forces: NDArray[np.float32]
    """(A, 3) per Å."""
    strain: NDArray[np.float32]
    """(C, 6) volume times stress."""
    known: NDArray[np.bool_]
    """(C, 3) whether the energy, the forces and the stress are known; an unknown one is no part of the loss."""
    weights: NDArray[np.float32]
    """(M, C) of each configuration in each member's loss; zero where it is held out."""
    rows: NDArray[np.float32]
    """(R, stride) derivatives, see aev_jacobian."""
    slots: NDArray[np.int64]
    """(S,)"""
    first_slot: NDArray[np.int64]
    """(A,) where an atom's slots begin."""
    first_row: NDArray[np.int64]
    """(A,) where its rows begin."""
    slot_count: NDArray[np.int64]
    """(A,) how many slots it has."""


class Model(NamedTuple):
    """An ensemble as the kernels want it."""

    widths: NDArray[np.int64]
    """(L+1,) K and the hidden widths."""
    activation: int
    parameters: NDArray[np.float32]
    """(M, elements, P)"""
    mean: NDArray[np.float32]
    """(M, elements, K) of the features."""
    inverse: NDArray[np.float32]
    """(M, elements, K) one over their deviation."""


class Loss(NamedTuple):
    """The numbers of a LossSpec."""

    energy: np.float32
    power: np.float32
    force: np.float32
    stress: np.float32


@compiled
def _forces(
    c: Any, first: Any, members: Any, height: Any, table: Any, gradients: Any, forces: Any, strain: Any
) -> None:
    """Forces (M, N, 3) and ∂E/∂ε (M, 6) of configuration c from ``gradients`` (M height, stride).

    Member m's rows begin at m ``height``, and those of the configuration's atoms ``first`` rows further.
    """
    forces[:] = _ZERO
    strain[:] = _ZERO
    begin = table.offsets[c]
    for i in range(forces.shape[1]):
        atom = begin + i
        row, slot, count = table.first_row[atom], table.first_slot[atom], table.slot_count[atom]
        for s in range(count):
            j = table.slots[slot + s]
            for a in range(3):
                for m in members:
                    forces[m, j, a] -= dot(table.rows, row + 3 * s + a, gradients, m * height + first + i)
        for a in range(STRAIN_ROWS):
            for m in members:
                strain[m, a] += dot(table.rows, row + 3 * count + a, gradients, m * height + first + i)


@compiled
def _directions(
    c: Any, first: Any, members: Any, height: Any, table: Any, by_force: Any, by_strain: Any, strained: Any, out: Any
) -> None:
    """Where the loss pushes the vectors of configuration c: directions in feature space, in the rows of ``out``."""
    begin = table.offsets[c]
    rows = table.rows
    for i in range(by_force.shape[1]):
        atom = begin + i
        row, slot, count = table.first_row[atom], table.first_slot[atom], table.slot_count[atom]
        for m in members:
            for b in range(0, rows.shape[1], LANES):
                v = splat(_ZERO)
                for s in range(count):
                    j, r = table.slots[slot + s], row + 3 * s
                    v = v - load_from(rows, r, b) * by_force[m, j, 0]
                    v = v - load_from(rows, r + 1, b) * by_force[m, j, 1]
                    v = v - load_from(rows, r + 2, b) * by_force[m, j, 2]
                if strained:
                    for a in range(STRAIN_ROWS):
                        v = v + load_from(rows, row + 3 * count + a, b) * by_strain[m, a]
                store_into(out, m * height + first + i, b, v)


@compiled
def _residuals(c: Any, m: Any, share: Any, table: Any, loss: Any, energy: Any, forces: Any, strain: Any) -> Any:
    """Loss of a configuration and its derivative by energy; forces and strain are replaced by those by them."""
    n = _F(forces.shape[0])
    begin, weight = table.offsets[c], table.weights[m, c] * share
    error = energy - table.energy[m, c] if table.known[c, 0] else _ZERO
    scale = weight * loss.energy / n**loss.power
    value = scale * error * error
    factor = weight * loss.force / n if table.known[c, 1] else _ZERO
    for i in range(forces.shape[0]):
        for a in range(3):
            d = forces[i, a] - table.forces[begin + i, a]
            value += factor * d * d
            forces[i, a] = _TWO * factor * d
    factor = weight * loss.stress / (n * n) if table.known[c, 2] else _ZERO
    for a in range(STRAIN_ROWS):
        times = factor if a < 3 else _TWO * factor
        d = strain[a] - table.strain[c, a]
        value += times * d * d
        strain[a] = _TWO * times * d
    return value, _TWO * scale * error


@compiled
def _own_atoms(configurations: Any, m: Any, e: Any, table: Any) -> Any:
    """Atoms of element e in those of the configurations on which member m trains: flat, and counted in the chunk."""
    total = 0
    for c in configurations:
        total += table.offsets[c + 1] - table.offsets[c]
    atoms, places = np.empty(total, np.int64), np.empty(total, np.int64)
    found, first = 0, 0
    for c in configurations:
        begin, end = table.offsets[c], table.offsets[c + 1]
        if table.weights[m, c] > 0:
            for atom in range(begin, end):
                if table.species[atom] == e:
                    atoms[found], places[found] = atom, first + atom - begin
                    found += 1
        first += end - begin
    return atoms[:found], places[:found]


@compiled
def _networks(configurations: Any, m: Any, table: Any, model: Any, kept: Any, energies: Any, along: Any) -> None:
    """Energies and gradients by the vectors of all atoms of a chunk, of member m."""
    at = 0
    n_features = model.widths[0]
    for e in range(model.parameters.shape[1]):
        atoms, places = _own_atoms(configurations, m, e, table)
        n = len(atoms)
        if n == 0:
            continue
        own = kept[at : at + scratch_size(n, model.widths)]
        at += len(own)
        x, mean, inverse = matrix(own, 0, n, n_features), model.mean[m, e], model.inverse[m, e]
        for r in range(n):
            for k in range(n_features):
                x[r, k] = (table.aevs[atoms[r], k] - mean[k]) * inverse[k]
        found, by_feature = np.empty(n, np.float32), np.empty((n, n_features), np.float32)
        forward(n, model.widths, model.activation, model.parameters[m, e], own, found, by_feature)
        for r in range(n):
            energies[places[r]] = found[r]
            for k in range(n_features):
                along[places[r], k] = by_feature[r, k] * inverse[k]


@compiled
def _adjoints(
    configurations: Any, m: Any, table: Any, model: Any, kept: Any, slopes: Any, along: Any, out: Any
) -> None:
    """Add to ``out`` (elements, P) the gradient of member m, after :func:`_networks` with the same ``kept``."""
    at = 0
    n_features = model.widths[0]
    for e in range(model.parameters.shape[1]):
        _, places = _own_atoms(configurations, m, e, table)
        n = len(places)
        if n == 0:
            continue
        own = kept[at : at + scratch_size(n, model.widths)]
        at += len(own)
        tangent, inverse = matrix(own, n * n_features, n, n_features), model.inverse[m, e]
        for r in range(n):
            for k in range(n_features):
                tangent[r, k] = along[places[r], k] * inverse[k]
        backward(n, model.widths, model.parameters[m, e], own, slopes[places], out[e])


@compiled
def _chunk(configurations: Any, share: Any, table: Any, model: Any, loss: Any, gradient: Any, losses: Any) -> None:
    """Gradient (M, elements, P) and losses (M,) of a few configurations."""
    n_members, n_elements = model.parameters.shape[0], model.parameters.shape[1]
    total = 0
    for c in configurations:
        total += table.offsets[c + 1] - table.offsets[c]
    room = scratch_size(total, model.widths) + n_elements * scratch_size(0, model.widths)
    kept = np.empty((n_members, room), np.float32)
    energies, slopes = np.empty((n_members, total), np.float32), np.empty((n_members, total), np.float32)
    along = np.zeros((n_members * total, table.rows.shape[1]), np.float32)
    for m in range(n_members):
        _networks(configurations, m, table, model, kept[m], energies[m], along[m * total : (m + 1) * total])
    first = 0
    for c in configurations:
        n = table.offsets[c + 1] - table.offsets[c]
        active = np.flatnonzero(table.weights[:, c])
        forces, strain = np.empty((n_members, n, 3), np.float32), np.empty((n_members, STRAIN_ROWS), np.float32)
        _forces(c, first, active, total, table, along, forces, strain)
        for k in active:
            energy = energies[k, first : first + n].sum()
            value, slope = _residuals(c, k, share, table, loss, energy, forces[k], strain[k])
            losses[k] += value
            slopes[k, first : first + n] = slope
        _directions(c, first, active, total, table, forces, strain, loss.stress > 0, along)
        first += n
    for m in range(n_members):
        _adjoints(configurations, m, table, model, kept[m], slopes[m], along[m * total : (m + 1) * total], gradient[m])


@compiled(parallel=True)
def batch_gradient(
    batch: Any, bounds: Any, share: Any, table: Any, model: Any, loss: Any, gradients: Any, losses: Any
) -> None:
    """Gradients (chunks, M, elements, P) and losses (chunks, M) of the chunks batch[bounds[k]:bounds[k+1]].

    ``share`` is one over the size of the batch: the loss is a mean over its configurations.
    """
    for k in prange(len(bounds) - 1):
        gradients[k] = _ZERO
        losses[k] = _ZERO
        _chunk(batch[bounds[k] : bounds[k + 1]], share, table, model, loss, gradients[k], losses[k])


@compiled(parallel=True, error_model="numpy")
def adamw(parameters: Any, gradients: Any, first: Any, second: Any, decay: Any, rates: Any, step: Any) -> None:
    """One step of AdamW (Loshchilov and Hutter, 2019; β 0.9, 0.999, ε 1e-8) with one rate a member.

    ``parameters``, ``first``, ``second`` (M, elements, P), ``gradients`` (chunks, M, elements, P), ``decay`` (P,).
    """
    beta1, beta2, epsilon = _F(0.9), _F(0.999), _F(1e-8)
    scale1, scale2 = _F(1 / (1 - 0.9**step)), _F(1 / (1 - 0.999**step))
    n_elements = parameters.shape[1]
    for task in prange(parameters.shape[0] * n_elements):
        m, e = task // n_elements, task % n_elements
        rate = rates[m]
        p, one, two = parameters[m, e], first[m, e], second[m, e]
        total = gradients[0, m, e]
        for k in range(1, len(gradients)):
            other = gradients[k, m, e]
            for q in range(len(total)):
                total[q] += other[q]
        for q in range(len(p)):
            g = total[q]
            one[q] = beta1 * one[q] + (_ONE - beta1) * g
            two[q] = beta2 * two[q] + (_ONE - beta2) * g * g
            update = one[q] * scale1 / (np.sqrt(two[q] * scale2) + epsilon)
            p[q] -= rate * (update + decay[q] * p[q])
