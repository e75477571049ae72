"""The sieve before a search for equal configurations."""

import numpy as np
import pytest

from foundational.matching.company import rows_in_company


@pytest.mark.parametrize("spread", [2.0, 30.0, 3000.0])
def test_no_row_with_a_close_one_is_missing(spread: float) -> None:
    rng = np.random.default_rng(2)
    numbers = rng.normal(scale=spread, size=(300, 7))
    numbers[100:140] = numbers[:40] + rng.uniform(-1, 1, (40, 7))
    kinds = rng.integers(0, 2, 300)
    kinds[100:140] = kinds[:40]
    close = np.abs(numbers[:, None] - numbers[None]).max(axis=2) <= 1
    close &= (kinds[:, None] == kinds[None]) & ~np.eye(300, dtype=bool)
    found = rows_in_company(numbers, kinds)
    assert set(np.flatnonzero(close.any(axis=1)).tolist()) <= set(found.tolist())
    if spread == 3000.0:
        assert len(found) == 80
