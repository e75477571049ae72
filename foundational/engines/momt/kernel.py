"""The step of multiorder-multithermal sampling, compiled: called by LAMMPS's ``fix external`` after the pair forces.

It adds what the bias adds to the pair style's: forces (s−1) F_i − ∂ΔH/∂O ∂O/∂r_i, and the virial (s−1)(W − P0 V 1),
which makes the barostat see s (W/3V − P0); O lives on scaled coordinates and gives no virial. A flexible cell gets the
virial of its restraint too. The formulas are those of ``science.bias``, ``science.order_parameter`` and
``science.cell_shape``, which the tests hold this kernel to. Everything that the step reads or writes hangs on one
record, `CONTEXT`, whose address LAMMPS hands back; the LAMMPS functions are called by name through LLVM, so that the
compiled code can be cached.
"""

import math
from functools import cache
from typing import Any

import numpy as np
from numba import carray, types
from numba.extending import intrinsic

from foundational.engines.compilation import compiled, compiled_callback
from foundational.engines.momt.shape import add_shape_virial
from foundational.science.bias import HILL_CUT
from foundational.science.order_parameter import CRYSTAL_ABOVE, LIQUID_BELOW

#: LAMMPS's own constant (units metal), with which its pressure was made from the virial.
LAMMPS_EV_PER_A3_IN_BAR = 1.6021765e6
#: A stored frame is step, H, O, three lengths and three tilts of the box, then N positions from its corner.
FRAME_HEAD = 9

_POINTERS = ["lammps", "pe_id", "pair_id", "fix_id", "forces_name"]  # to LAMMPS, and to zero-terminated names
_BOX = ["lo", "hi", "xy", "xz", "yz"]  # LAMMPS's own box, which moves while the block runs
_ARRAYS = ["signs", "knots_h", "knots_t", "coefficients", "increments", "visits", "waves", "frames"]
#: What one block needs. Addresses (int64) point into arrays that `foundational.engines.momt.block.Block` keeps alive.
CONTEXT = np.dtype(
    [(name, np.int64) for name in [*_POINTERS, *_BOX, *_ARRAYS]]
    + [(name, np.int64) for name in ["n_waves", "repeats", "n_knots", "bins_h", "bins_o"]]
    + [(name, np.int64) for name in ["hill_stride", "frame_stride", "n_frames", "crossings", "side", "steps_inside"]]
    + [("temperature", np.float64), ("pressure", np.float64), ("height", np.float64)]  # K, eV/Å³, eV
    + [("width_h", np.float64), ("width_o", np.float64), ("kick", np.float64, (6,))]  # bins, bins, eV
    + [("shape_stiffness", np.float64)]  # eV
)


@intrinsic
def _pointer(_typing: Any, address: Any) -> Any:
    """An int64 address as a void pointer, as `carray` wants it."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.inttoptr(args[0], context.get_value_type(signature.return_type))

    return types.voidptr(address), codegen


_extract_compute = types.ExternalFunction(
    "lammps_extract_compute", types.voidptr(types.intp, types.intp, types.int32, types.int32)
)
_extract_atom = types.ExternalFunction("lammps_extract_atom", types.voidptr(types.intp, types.intp))
_set_virial = types.ExternalFunction(
    "lammps_fix_external_set_virial_global", types.void(types.intp, types.intp, types.intp)
)
_add_step = types.ExternalFunction("lammps_addstep_compute", types.void(types.intp, types.intp))


@compiled
def temperature_at(h: float, knots_h: Any, knots_t: Any) -> Any:
    """The guess T(H) of the base, K: linear between the knots, constant beyond."""
    if h <= knots_h[0]:
        return knots_t[0]
    for k in range(1, len(knots_h)):
        if h <= knots_h[k]:
            x = (h - knots_h[k - 1]) / (knots_h[k] - knots_h[k - 1])
            return knots_t[k - 1] + x * (knots_t[k] - knots_t[k - 1])
    return knots_t[-1]


@compiled
def spline_slopes(u: float, v: float, coefficients: Any) -> tuple[float, float]:
    """∂/∂u and ∂/∂v of the B-spline at (u, v), in bins; u outside the grid has no slope."""
    n_h, n_o = coefficients.shape[0] - 3, coefficients.shape[1] - 3
    inside = 0.0 <= u <= n_h
    u, v = min(max(u, 0.0), float(n_h)), min(max(v, 0.0), float(n_o))
    i, j = min(int(u), n_h - 1), min(int(v), n_o - 1)
    t, q = u - i, v - j
    r, p = 1 - t, 1 - q
    b = (r * r * r / 6, (3 * t * t * t - 6 * t * t + 4) / 6, (3 * r * r * r - 6 * r * r + 4) / 6, t * t * t / 6)
    c = (p * p * p / 6, (3 * q * q * q - 6 * q * q + 4) / 6, (3 * p * p * p - 6 * p * p + 4) / 6, q * q * q / 6)
    db = (-r * r / 2, (3 * t * t - 4 * t) / 2, (4 * r - 3 * r * r) / 2, t * t / 2)
    dc = (-p * p / 2, (3 * q * q - 4 * q) / 2, (4 * p - 3 * p * p) / 2, q * q / 2)
    by_u = by_v = 0.0
    for m in range(4):
        row = row_slope = 0.0
        for n in range(4):
            value = coefficients[i + m, j + n]
            row += value * c[n]
            row_slope += value * dc[n]
        by_u += db[m] * row
        by_v += b[m] * row_slope
    return (by_u if inside else 0.0), by_v


@compiled
def _axis(u: float, n: int, width: float, weights: Any) -> tuple[int, int]:
    """Weights of a hill on the coefficients of one axis, mirrored at the edges; the range that they fill."""
    reach = HILL_CUT * width
    first, last = max(-1, math.floor(u - reach) - 2), min(n + 1, math.ceil(u + reach) + 2)
    for k in range(first, last + 1):
        total = 0.0
        for image in (u, -u, 2 * n - u):
            x = (k - image) / width
            if abs(x) <= HILL_CUT:
                total += math.exp(-0.5 * x * x)
        weights[k - first] = total
    return first + 1, last + 2


@compiled
def deposit(u: float, v: float, height: float, width: tuple[float, float], coefficients: Any, increments: Any) -> None:
    """Add one hill at (u, v), in bins, to the spline and to the record of what was added."""
    n_h, n_o = coefficients.shape[0] - 3, coefficients.shape[1] - 3
    u, v = min(max(u, 0.0), float(n_h)), min(max(v, 0.0), float(n_o))
    a, b = np.empty(n_h + 3), np.empty(n_o + 3)
    i0, i1 = _axis(u, n_h, width[0], a)
    j0, j1 = _axis(v, n_o, width[1], b)
    for i in range(i0, i1):
        for j in range(j0, j1):
            increment = height * a[i - i0] * b[j - j0]
            coefficients[i, j] += increment
            increments[i, j] += increment


@compiled(fastmath=True)
def order_waves(x: Any, lo: Any, inverse: Any, repeats: int, signs: Any, waves: Any, total: Any) -> Any:
    """O of positions ``x``; fills ``waves`` (N, G, 2) with every exp(ig·r) and ``total`` (G, 2) with their sums.

    The waves are products of three sines and cosines per atom. ``inverse`` is the (upper triangular) inverse of the
    cell, scaled = (x − lo) @ inverse.
    """
    n_atoms, n_waves = x.shape[0], signs.shape[0]
    total[:] = 0.0
    for i in range(n_atoms):
        dx, dy, dz = x[i, 0] - lo[0], x[i, 1] - lo[1], x[i, 2] - lo[2]
        a = 2 * math.pi * repeats * (dx * inverse[0, 0] + dy * inverse[1, 0] + dz * inverse[2, 0])
        b = 2 * math.pi * repeats * (dy * inverse[1, 1] + dz * inverse[2, 1])
        c = 2 * math.pi * repeats * (dz * inverse[2, 2])
        ca, sa, cb, sb, cc, sc = math.cos(a), math.sin(a), math.cos(b), math.sin(b), math.cos(c), math.sin(c)
        for g in range(n_waves):
            re, im = (ca, signs[g, 0] * sa) if signs[g, 0] != 0 else (1.0, 0.0)
            if signs[g, 1] != 0:
                y = signs[g, 1] * sb
                re, im = re * cb - im * y, re * y + im * cb
            if signs[g, 2] != 0:
                z = signs[g, 2] * sc
                re, im = re * cc - im * z, re * z + im * cc
            waves[i, g, 0], waves[i, g, 1] = re, im
            total[g, 0] += re
            total[g, 1] += im
    power = 0.0
    for g in range(n_waves):
        power += total[g, 0] * total[g, 0] + total[g, 1] * total[g, 1]
    return power / (n_waves * n_atoms * n_atoms)


@compiled(fastmath=True)
def add_order_forces(slope: float, waves: Any, total: Any, inverse: Any, repeats: int, signs: Any, out: Any) -> None:
    """Add −slope · ∂O/∂r to ``out`` (N, 3), from the waves that `order_waves` left."""
    n_atoms, n_waves = waves.shape[0], waves.shape[1]
    scale = -slope * 2.0 / (n_waves * n_atoms * n_atoms) * 2 * math.pi * repeats
    for i in range(n_atoms):
        a = b = c = 0.0
        for g in range(n_waves):
            d = total[g, 1] * waves[i, g, 0] - total[g, 0] * waves[i, g, 1]
            a += d * signs[g, 0]
            b += d * signs[g, 1]
            c += d * signs[g, 2]
        a, b, c = a * scale, b * scale, c * scale
        out[i, 0] += a * inverse[0, 0]
        out[i, 1] += a * inverse[1, 0] + b * inverse[1, 1]
        out[i, 2] += a * inverse[2, 0] + b * inverse[2, 1] + c * inverse[2, 2]


@compiled
def _floats(address: int, n: int) -> Any:
    """The ``n`` doubles at an address."""
    return carray(_pointer(address), (n,), np.float64)


@compiled
def _box(context: Any, inverse: Any) -> Any:
    """Fill the inverse of LAMMPS's (lower triangular, rows are vectors) cell; the volume."""
    lo, hi = _floats(context.lo, 3), _floats(context.hi, 3)
    xy, xz, yz = _floats(context.xy, 1)[0], _floats(context.xz, 1)[0], _floats(context.yz, 1)[0]
    lx, ly, lz = hi[0] - lo[0], hi[1] - lo[1], hi[2] - lo[2]
    inverse[:] = 0.0
    inverse[0, 0], inverse[1, 1], inverse[2, 2] = 1 / lx, 1 / ly, 1 / lz
    inverse[1, 0], inverse[2, 1] = -xy / (lx * ly), -yz / (ly * lz)
    inverse[2, 0] = (xy * yz - ly * xz) / (lx * ly * lz)
    return lx * ly * lz


@compiled
def _record(context: Any, step: int, h: float, o: float, u: float, v: float, x: Any) -> None:
    """Count the crossing, deposit the hill and store the frame that are due in this step."""
    if o < LIQUID_BELOW or o > CRYSTAL_ABOVE:
        side = -1 if o < LIQUID_BELOW else 1
        if context.side == -side:
            context.crossings += 1
        context.side = side
    if step % context.hill_stride == 0:
        i, j = min(max(int(u), 0), context.bins_h - 1), min(int(v), context.bins_o - 1)
        carray(_pointer(context.visits), (context.bins_h, context.bins_o), np.int64)[i, j] += 1
        if context.height > 0:
            shape = (context.bins_h + 3, context.bins_o + 3)
            coefficients = carray(_pointer(context.coefficients), shape, np.float64)
            increments = carray(_pointer(context.increments), shape, np.float64)
            deposit(u, v, context.height, (context.width_h, context.width_o), coefficients, increments)
    if context.frame_stride > 0 and step % context.frame_stride == 0:
        n = x.shape[0]
        size = FRAME_HEAD + 3 * n
        frame = _floats(context.frames + 8 * size * context.n_frames, size)
        lo, hi = _floats(context.lo, 3), _floats(context.hi, 3)
        frame[0], frame[1], frame[2] = step, h, o
        for k in range(3):
            frame[3 + k] = hi[k] - lo[k]
            for i in range(n):
                frame[FRAME_HEAD + 3 * i + k] = x[i, k] - lo[k]
        frame[6], frame[7], frame[8] = _floats(context.xy, 1)[0], _floats(context.xz, 1)[0], _floats(context.yz, 1)[0]
        context.n_frames += 1


@compiled
def biased_step(context: Any, step: int, x: Any, external: Any) -> None:
    """What ``fix external`` adds in one step; see the module's first lines."""
    n_atoms = x.shape[0]
    inverse = np.empty((3, 3))
    volume = _box(context, inverse)
    energy = carray(_extract_compute(context.lammps, context.pe_id, 0, 0), 1, np.float64)[0]
    pair = carray(_extract_compute(context.lammps, context.pair_id, 0, 1), 6, np.float64)
    rows = carray(_extract_atom(context.lammps, context.forces_name), 1, np.int64)
    forces = carray(_pointer(rows[0]), (n_atoms, 3), np.float64)
    following = np.empty(1, np.int64)
    following[0] = step + 1
    _add_step(context.lammps, following.ctypes.data)

    signs = carray(_pointer(context.signs), (context.n_waves, 3), np.int64)
    waves = carray(_pointer(context.waves), (n_atoms + 1, context.n_waves, 2), np.float64)
    coefficients = carray(_pointer(context.coefficients), (context.bins_h + 3, context.bins_o + 3), np.float64)
    knots_h, knots_t = _floats(context.knots_h, context.n_knots), _floats(context.knots_t, context.n_knots)

    h = energy + context.pressure * volume
    o = order_waves(x, _floats(context.lo, 3), inverse, context.repeats, signs, waves[:n_atoms], waves[n_atoms])
    per_ev = context.bins_h / (knots_h[-1] - knots_h[0])
    u, v = (h - knots_h[0]) * per_ev, o * context.bins_o
    by_u, by_v = spline_slopes(u, v, coefficients)
    excess = context.temperature / temperature_at(h, knots_h, knots_t) + by_u * per_ev - 1
    for i in range(n_atoms):
        for k in range(3):
            external[i, k] = excess * forces[i, k]
    add_order_forces(by_v * context.bins_o, waves[:n_atoms], waves[n_atoms], inverse, context.repeats, signs, external)

    virial = np.empty(6)
    for k in range(6):
        virial[k] = excess * pair[k] * volume / LAMMPS_EV_PER_A3_IN_BAR
        if k < 3:
            virial[k] -= excess * context.pressure * volume
        if step == 0:
            virial[k] += context.kick[k]
    if context.shape_stiffness > 0:
        add_shape_virial(context.shape_stiffness, inverse, virial)
    _set_virial(context.lammps, context.fix_id, virial.ctypes.data)
    if 0 <= u <= context.bins_h:
        context.steps_inside += 1
    if step > 0:
        _record(context, step, h, o, u, v, x)


@cache
def callback() -> Any:
    """The compiled callback of ``fix external``; LAMMPS must be loaded before, or its functions are not found.

    Returns
    -------
    numba cfunc
        ``address`` is what ``lammps_set_fix_external_callback`` wants, with the address of a `CONTEXT` as ``caller``.
    """

    @compiled_callback(types.void(types.voidptr, types.int64, types.int32, types.voidptr, types.voidptr, types.voidptr))
    def step(context: Any, timestep: Any, n_local: Any, _tags: Any, x: Any, external: Any) -> None:
        # LAMMPS's (N, 3) arrays are lists of rows in one contiguous piece: the first row's address is the piece's.
        positions = carray(_pointer(carray(x, 1, np.int64)[0]), (n_local, 3), np.float64)
        added = carray(_pointer(carray(external, 1, np.int64)[0]), (n_local, 3), np.float64)
        biased_step(carray(context, 1, CONTEXT)[0], timestep, positions, added)

    return step
