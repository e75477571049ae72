"""Compiled kernels over whole batches: derivatives of environment vectors, stored, or contracted on the spot."""

from typing import Any

import numpy as np
from numba import prange

from foundational.engines.ani.kernels.aev import ATOMS_IN_BLOCK, ZERO, all_neighbours, near_scratch
from foundational.engines.ani.kernels.aev_jacobian import STRAIN_ROWS, assign_slots, atom_block
from foundational.engines.ani.kernels.simd import LANES, load_from, splat, total
from foundational.engines.compilation import compiled


@compiled(inline="always")
def dot(rows: Any, row: Any, vectors: Any, vector: Any) -> Any:
    """The product of a row of ``rows`` (R, stride) and one of ``vectors`` (n, stride)."""
    summed = splat(ZERO)
    for b in range(0, rows.shape[1], LANES):
        summed = summed + load_from(rows, row, b) * load_from(vectors, vector, b)
    return total(summed)


@compiled(parallel=True)
def count_slots(
    positions: Any, fractional: Any, cell: Any, reach: Any, offsets: Any, owner: Any, cutoff: Any, out: Any
) -> None:
    """How many distinct atoms each atom's vector depends on, itself included, into ``out`` (A,)."""
    n_atoms = len(positions)
    for block in prange((n_atoms + ATOMS_IN_BLOCK - 1) // ATOMS_IN_BLOCK):
        near = near_scratch(128, 1)
        for atom in range(block * ATOMS_IN_BLOCK, min((block + 1) * ATOMS_IN_BLOCK, n_atoms)):
            c = owner[atom]
            begin, end = offsets[c], offsets[c + 1]
            slot_of, slots = np.empty(end - begin, np.int64), np.empty(end - begin, np.int64)
            where, scaled = positions[begin:end], fractional[begin:end]
            n, near = all_neighbours(atom - begin, where, scaled, cell[c], reach[c], cutoff, near)
            out[atom] = assign_slots(atom - begin, n, near.image_of, slot_of, slots)


@compiled(parallel=True)
def fill_blocks(
    positions: Any,
    fractional: Any,
    cell: Any,
    reach: Any,
    species: Any,
    offsets: Any,
    owner: Any,
    terms: Any,
    wide: Any,
    atoms: Any,
    slot_start: Any,
    rows: Any,
    slots: Any,
) -> None:
    """Blocks of the flat ``atoms``; number q has its slots at s = ``slot_start[q]`` and its rows at 3 s + 6 q."""
    cutoff = np.float64(terms.radial_cutoff)
    for task in prange((len(atoms) + ATOMS_IN_BLOCK - 1) // ATOMS_IN_BLOCK):
        near = near_scratch(128, terms.n_elements)
        gradient = np.empty((72, wide.gradient_width), np.float32)
        for q in range(task * ATOMS_IN_BLOCK, min((task + 1) * ATOMS_IN_BLOCK, len(atoms))):
            atom = atoms[q]
            c = owner[atom]
            begin, end = offsets[c], offsets[c + 1]
            where, scaled = positions[begin:end], fractional[begin:end]
            n, near = all_neighbours(atom - begin, where, scaled, cell[c], reach[c], cutoff, near)
            slot_of, own = np.empty(end - begin, np.int64), np.empty(end - begin, np.int64)
            count = assign_slots(atom - begin, n, near.image_of, slot_of, own)
            slots[slot_start[q] : slot_start[q] + count] = own[:count]
            row = 3 * slot_start[q] + STRAIN_ROWS * q
            block = rows[row : row + 3 * count + STRAIN_ROWS]
            gradient = atom_block(n, species[begin:end], terms, wide, near, slot_of, count, gradient, block)


@compiled(parallel=True)
def contract(
    positions: Any,
    fractional: Any,
    cell: Any,
    reach: Any,
    species: Any,
    offsets: Any,
    owner: Any,  # noqa: ARG001
    terms: Any,
    wide: Any,
    gradients: Any,
    forces: Any,
    strain: Any,
) -> None:
    """Forces (M, A, 3) and ∂E/∂ε (M, C, 6) from ``gradients`` ∂E/∂AEV (M, A, stride), configurations over threads."""
    cutoff = np.float64(terms.radial_cutoff)
    n_members = len(gradients)
    forces[:] = ZERO
    strain[:] = 0.0
    for c in prange(len(cell)):
        begin, end = offsets[c], offsets[c + 1]
        where, scaled = positions[begin:end], fractional[begin:end]
        near = near_scratch(128, terms.n_elements)
        gradient = np.empty((72, wide.gradient_width), np.float32)
        slot_of, slots = np.empty(end - begin, np.int64), np.empty(end - begin, np.int64)
        block = np.empty((3 * min(end - begin, 64) + STRAIN_ROWS, wide.stride), np.float32)
        for i in range(end - begin):
            n, near = all_neighbours(i, where, scaled, cell[c], reach[c], cutoff, near)
            count = assign_slots(i, n, near.image_of, slot_of, slots)
            used = 3 * count + STRAIN_ROWS
            if used > len(block):
                block = np.empty((used, wide.stride), np.float32)
            gradient = atom_block(n, species[begin:end], terms, wide, near, slot_of, count, gradient, block[:used])
            for m in range(n_members):
                by_feature = gradients[m]
                for s in range(count):
                    for a in range(3):
                        forces[m, begin + slots[s], a] -= dot(block, 3 * s + a, by_feature, begin + i)
                for a in range(STRAIN_ROWS):
                    strain[m, c, a] += dot(block, 3 * count + a, by_feature, begin + i)
