"""Runs without dynamics: any numbers of the right shapes."""

import numpy as np

from foundational.engines.momt.block import WalkerState
from foundational.engines.momt.run import Run
from foundational.science.bias import Bias


def drawn_run(seed: int = 1, *, atoms: int = 4, **counts: int | None) -> Run:
    """A run of two walkers, its numbers drawn at random; ``counts`` are fields of `Run`."""
    rng = np.random.default_rng(seed)
    walkers = tuple(
        WalkerState(
            rng.normal(size=(atoms, 3)), rng.normal(size=(atoms, 3)), np.tril(rng.normal(size=(3, 3))), side=side
        )
        for side in (-1, 1)
    )
    bias = Bias.flat(1800.0, np.array([-17.0, -15.5, -14.0]), np.array([1200.0, 1700.0, 2600.0]), (3, 4))
    bias = bias.with_coefficients(rng.normal(size=bias.coefficients.shape))
    fields: dict[str, int | None] = {"stop": 7, "learned": 7, "recorded": 2, "crossings_learning": 3, "outside": 1}
    return Run(bias, walkers, rng.integers(0, 9, (3, 4)), **(fields | counts))
