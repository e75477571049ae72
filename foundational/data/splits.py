"""A train/validation split that is recorded, keeps neighbours of a trajectory together, and never moves."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from foundational.errors import InputError
from foundational.seeds import derive

TRAIN, VALIDATION = 0, 1


def assign_split(
    walker: ArrayLike, step: ArrayLike, *, fraction: float, block_steps: int, seed: int
) -> NDArray[np.int8]:
    """(C,) the part of each configuration: 0 train, 1 validation.

    Neighbouring frames of a trajectory are nearly the same, so a frame beside a training frame validates nothing:
    the split is by blocks of ``block_steps`` time steps of one walker. A block validates where a number in [0, 1)
    that hangs on the seed, the walker and the block alone is below ``fraction``. So the split of a configuration does
    not change when others are added, removed or reordered. Where no block was drawn the one with the smallest number
    validates, and where every block was drawn the one with the largest trains.

    Parameters
    ----------
    walker, step
        (C,) where each configuration was sampled.
    fraction
        Share of the blocks that validate, in [0, 1); 0 gives none.
    block_steps
        Length of a block in time steps, a few correlation times.
    seed
        Root seed; the stream is called ``split``.

    Raises
    ------
    InputError
        The fraction is not in [0, 1), the block not positive, or there is only one block to split.
    """
    walkers, steps = np.asarray(walker, dtype=np.int64), np.asarray(step, dtype=np.int64)
    if not 0 <= fraction < 1 or block_steps < 1:
        raise InputError(f"expected a fraction in [0, 1) and blocks of ≥ 1 step, got {fraction} and {block_steps}")
    blocks, block_of = np.unique(np.stack([walkers, steps // block_steps], axis=1), axis=0, return_inverse=True)
    if fraction == 0 or len(steps) == 0:
        return np.full(len(steps), TRAIN, dtype=np.int8)
    if len(blocks) < 2:
        raise InputError(f"expected at least two blocks of {block_steps} steps to split, got one; take shorter blocks")
    draws = np.array([derive(seed, "split", int(w), int(b)) for w, b in blocks]) / 2**63
    validates = draws < fraction
    validates[draws.argmin()] = True
    validates[draws.argmax()] = False
    return np.where(validates[block_of.reshape(-1)], VALIDATION, TRAIN).astype(np.int8)
