"""The external sort behind fingerprints."""

from hashlib import sha256

import numpy as np
import pytest

from foundational.data.streaming.sorted_rows import SortedRows


@pytest.mark.parametrize("rows_in_memory", [1, 70, 10_000])
@pytest.mark.parametrize("count", [0, 1, 600])
def test_hash_is_that_of_the_sorted_rows_whatever_fits_in_memory(rows_in_memory: int, count: int) -> None:
    rng = np.random.default_rng(1)
    rows = rng.integers(0, 256, (count, 32), dtype=np.uint8)
    rows[: count // 3, :24] = rows[count // 3 : 2 * (count // 3), :24]  # ties in the first bytes
    expected = sha256(b"".join(sorted(row.tobytes() for row in rows))).hexdigest()
    with SortedRows(rows_in_memory) as taken:
        for start in range(0, count, 100):
            taken.add(rows[start : start + 100])
        assert taken.hexdigest() == expected
