"""The order in which neighbours are joined."""

import numpy as np
import pytest

from foundational.matching.duplicates import _ascending


@pytest.mark.parametrize("values", [2, 5, 10**6])
def test_ties_are_ordered_by_the_columns_that_follow(values: int) -> None:
    rng = np.random.default_rng(values)
    columns = [rng.integers(0, 3, 500), rng.integers(0, values, 500), *rng.integers(0, 2, (6, 500))]
    assert (_ascending(columns) == np.lexsort(columns[::-1])).all()
