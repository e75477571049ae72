"""Pairs of rows that lie close together."""

import numpy as np
import pytest

from foundational.matching import candidates


def test_few_rows_are_compared_as_many_are(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = np.random.default_rng(3).uniform(0, 9, (400, 5))
    few = candidates._near_pairs(keys)
    monkeypatch.setattr(candidates, "_FEW", 0)
    many = candidates._near_pairs(keys)
    assert few is not None
    assert many is not None
    assert len(few) > 10
    assert (few[:, 0] < few[:, 1]).all()
    assert {tuple(pair) for pair in few.tolist()} == {tuple(pair) for pair in many.tolist()}


@pytest.mark.parametrize("few", [0, 10_000])
def test_too_many_close_rows_are_left_to_a_search_of_another_kind(few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = np.random.default_rng(3).uniform(0, 0.5, (100, 5))
    monkeypatch.setattr(candidates, "_FEW", few)
    pairs = candidates._near_pairs(keys)
    assert pairs is not None
    assert len(pairs) == 4950
    monkeypatch.setattr(candidates, "_MOST_PAIRS", 2000)
    assert candidates._near_pairs(keys) is None
