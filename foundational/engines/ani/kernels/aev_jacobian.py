"""Compiled kernels: derivatives of environment vectors by positions and strain.

The derivatives of one atom's vector are a block of rows, one row of K features for each coordinate it depends on: three
for each distinct atom within the cutoff (images merged, the atom itself first), then six for the strain components xx,
yy, zz, yz, xz, xy, where positions and cell become (1 + ε) times themselves. So ∂E/∂coordinate is a row times ∂E/∂AEV,
for forces and virials alike. Rows are ``stride`` numbers apart; those beyond K are zero.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from foundational.engines.ani.kernels.aev import (
    HALF,
    HALF_PI,
    ONE,
    SHRINK,
    TINY,
    TWO,
    ZERO,
    select_close,
)
from foundational.engines.ani.kernels.simd import LANES, exp, exp2, larger, load, load_from, log2, splat, store_into
from foundational.engines.compilation import compiled

#: Rows of a block that belong to the strain.
STRAIN_ROWS = 6


class Wide(NamedTuple):
    """The terms of an AEV with one number for each feature, padded to whole vectors; scales are 0 in the padding."""

    radial_shift: NDArray[np.float32]
    radial_scale: NDArray[np.float32]
    angular_shift: NDArray[np.float32]
    angular_scale: NDArray[np.float32]
    cos_section: NDArray[np.float32]
    sin_section: NDArray[np.float32]
    gradient_width: int
    stride: int


@compiled(inline="always")
def _add(block: Any, row: Any, at: Any, value: Any, factor: Any) -> None:
    store_into(block, row, at, load_from(block, row, at) + value * factor)


@compiled(error_model="numpy")
def _radial_rows(n: Any, species: Any, terms: Any, wide: Any, near: Any, slot_of: Any, block: Any, strain: Any) -> None:
    scale = HALF_PI / terms.radial_cutoff
    n_shifts = len(terms.radial_shifts)
    for k in range(n):
        j = near.image_of[k]
        r = near.distance[k]
        x, y, z = near.vectors[0, k], near.vectors[1, k], near.vectors[2, k]
        ux, uy, uz = x / r, y / r, z / r
        c, sine = np.cos(r * scale), np.sin(r * scale)
        cut, slope = c * c, -TWO * scale * c * sine
        row = 3 * slot_of[j]
        offset = species[j] * n_shifts
        for b in range(0, len(wide.radial_shift), LANES):
            at = offset + b
            d = splat(r) - load(wide.radial_shift, b)
            g = exp(d * d * -terms.radial_eta) * load(wide.radial_scale, b)
            g = g * (d * (-TWO * terms.radial_eta * cut) + slope)
            _add(block, row, at, g, ux)
            _add(block, row + 1, at, g, uy)
            _add(block, row + 2, at, g, uz)
            _add(block, strain, at, g, ux * x)
            _add(block, strain + 1, at, g, uy * y)
            _add(block, strain + 2, at, g, uz * z)
            _add(block, strain + 3, at, g, uy * z)
            _add(block, strain + 4, at, g, ux * z)
            _add(block, strain + 5, at, g, ux * y)


@compiled(error_model="numpy")
def _angular_gradients(terms: Any, wide: Any, near: Any, gradient: Any) -> None:
    """∂/∂r of each close neighbour into ``gradient`` (3 m, features).

    A term is 2 f_j f_k G(r̄) F(θ): along r_j it changes by f_j' f_k G F + f_j f_k G'/2 F, and cos θ by
    (u_k − cos θ u_j) / r_j.
    """
    close = near.close
    width = len(terms.angular_shifts) * len(terms.cos_sections)
    place = 0
    for first in range(terms.n_elements):
        for second in range(first, terms.n_elements):
            for k in range(near.starts[second], near.starts[second + 1]):
                stop = k if first == second else near.starts[first + 1]
                xk, yk, zk, rk, fk, dk = close[0, k], close[1, k], close[2, k], close[3, k], close[4, k], close[5, k]
                for b in range(0, len(wide.angular_shift), LANES):
                    at = place + b
                    shift, scale = load(wide.angular_shift, b), load(wide.angular_scale, b)
                    cos_section, sin_section = load(wide.cos_section, b), load(wide.sin_section, b)
                    gx, gy, gz = (
                        load_from(gradient, 3 * k, at),
                        load_from(gradient, 3 * k + 1, at),
                        load_from(gradient, 3 * k + 2, at),
                    )
                    for j in range(near.starts[first], stop):
                        xj, yj, zj, rj, fj = close[0, j], close[1, j], close[2, j], close[3, j], close[4, j]
                        cosine = xj * xk + yj * yk + zj * zk
                        c = SHRINK * cosine
                        sine = np.sqrt(ONE - c * c)
                        d = splat(HALF * (rj + rk)) - shift
                        base = larger((cos_section * c + sin_section * sine) * HALF + HALF, splat(TINY))
                        power = exp2(log2(base) * (terms.zeta - ONE))
                        core = exp(d * d * -terms.angular_eta) * power * scale
                        term = core * base
                        along = term * d * (-terms.angular_eta * fj * fk)
                        bend = core * (cos_section - sin_section * (c / sine))
                        bend = bend * (HALF * SHRINK * terms.zeta * fj * fk)
                        bend_j, bend_k = bend * (ONE / rj), bend * (ONE / rk)
                        along_j = along + term * (close[5, j] * fk) - bend_j * cosine
                        along_k = along + term * (fj * dk) - bend_k * cosine
                        gx = gx + along_k * xk + bend_k * xj
                        gy = gy + along_k * yk + bend_k * yj
                        gz = gz + along_k * zk + bend_k * zj
                        row = 3 * j
                        store_into(gradient, row, at, load_from(gradient, row, at) + along_j * xj + bend_j * xk)
                        row = 3 * j + 1
                        store_into(gradient, row, at, load_from(gradient, row, at) + along_j * yj + bend_j * yk)
                        row = 3 * j + 2
                        store_into(gradient, row, at, load_from(gradient, row, at) + along_j * zj + bend_j * zk)
                    store_into(gradient, 3 * k, at, gx)
                    store_into(gradient, 3 * k + 1, at, gy)
                    store_into(gradient, 3 * k + 2, at, gz)
            place += width


@compiled
def _angular_rows(m: Any, near: Any, gradient: Any, offset: Any, slot_of: Any, block: Any, strain: Any) -> None:
    """Add the gradients of the close neighbours to the rows of their atoms and of the strain."""
    for q in range(m):
        k = near.close_index[q]
        x, y, z = near.vectors[0, k], near.vectors[1, k], near.vectors[2, k]
        row = 3 * slot_of[near.image_of[k]]
        for b in range(0, gradient.shape[1] - LANES + 1, LANES):
            at = offset + b
            gx, gy, gz = (
                load_from(gradient, 3 * q, b),
                load_from(gradient, 3 * q + 1, b),
                load_from(gradient, 3 * q + 2, b),
            )
            store_into(block, row, at, load_from(block, row, at) + gx)
            store_into(block, row + 1, at, load_from(block, row + 1, at) + gy)
            store_into(block, row + 2, at, load_from(block, row + 2, at) + gz)
            _add(block, strain, at, gx, x)
            _add(block, strain + 1, at, gy, y)
            _add(block, strain + 2, at, gz, z)
            _add(block, strain + 3, at, gy, z)
            _add(block, strain + 4, at, gx, z)
            _add(block, strain + 5, at, gx, y)


@compiled
def assign_slots(i: Any, n: Any, index: Any, slot_of: Any, slots: Any) -> Any:
    """Number the distinct atoms among the neighbours, the atom itself first; returns how many."""
    slot_of[:] = -1
    slot_of[i] = 0
    slots[0] = i
    count = 1
    for k in range(n):
        j = index[k]
        if slot_of[j] < 0:
            slot_of[j] = count
            slots[count] = j
            count += 1
    return count


@compiled
def atom_block(
    n: Any, species: Any, terms: Any, wide: Any, near: Any, slot_of: Any, count: Any, gradient: Any, block: Any
) -> Any:
    """Fill ``block`` (3 count + 6, stride) of an atom with its n neighbours found and ``count`` slots assigned.

    ``gradient`` is scratch, returned larger where it had to grow.
    """
    block[:] = ZERO
    strain = 3 * count
    _radial_rows(n, species, terms, wide, near, slot_of, block, strain)
    m = select_close(n, species, terms, near)
    if 3 * m > len(gradient):
        gradient = np.empty((3 * m, gradient.shape[1]), np.float32)
    gradient[: 3 * m] = ZERO
    _angular_gradients(terms, wide, near, gradient)
    _angular_rows(m, near, gradient, terms.n_elements * len(terms.radial_shifts), slot_of, block, strain)
    for a in range(3):  # moving all atoms changes nothing: the atom's own rows are minus the sum of the others'
        for b in range(0, wide.stride, LANES):
            summed = splat(ZERO)
            for s in range(1, count):
                summed = summed - load_from(block, 3 * s + a, b)
            store_into(block, a, b, summed)
    return gradient
