from dataclasses import fields

import numpy as np
import pytest

from foundational.engines.momt.block import WalkerState
from foundational.engines.momt.run import Run
from foundational.engines.momt.saved_run import run_from_bytes, run_to_bytes, surplus_from_bytes
from foundational.science.bias import Bias
from tests.engines.momt.runs import drawn_run


def same(a: object, b: object) -> bool:
    """Whether two runs, or parts of them, are equal in every bit."""
    if isinstance(a, Run | WalkerState | Bias):
        return type(a) is type(b) and all(same(getattr(a, f.name), getattr(b, f.name)) for f in fields(a))
    if isinstance(a, tuple):
        return isinstance(b, tuple) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    return type(a) is type(b) and a == b


@pytest.mark.parametrize("stop", [None, 0, 7])
def test_every_bit_of_a_run_comes_back(stop):
    run = drawn_run(stop=stop)
    assert same(run_from_bytes(run_to_bytes(run)), run)
    assert not same(run_from_bytes(run_to_bytes(run)), drawn_run(2, stop=stop))  # the comparison can fail


def test_frames_that_did_not_fit_come_back_beside_the_run():
    run, surplus = drawn_run(), np.random.default_rng(3).normal(size=(5, 2 + 9 + 12))
    content = run_to_bytes(run, surplus)
    assert np.array_equal(surplus_from_bytes(content), surplus)
    assert same(run_from_bytes(content), run)
    assert surplus_from_bytes(run_to_bytes(run)) is None
    assert surplus_from_bytes(run_to_bytes(run, surplus[:0])) is None
