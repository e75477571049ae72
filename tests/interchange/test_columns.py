import numpy as np
import pytest

from foundational.interchange import columns
from foundational.interchange.columns import Column, Narrowing


def test_rows_come_back_in_order_over_many_blocks():
    column = Column()
    for i in range(5000):
        column.append(np.array([[i, -i]]))
    assert column.joined().tolist() == [[i, -i] for i in range(5000)]


DIGITS = np.array([float(f"{x:.9g}") for x in np.float32([0.1, 2.7, -3.3]).tolist()])
SINGLE = np.float32([0.1, 2.7, -3.3]).astype(np.float64)


@pytest.mark.parametrize(
    ("blocks", "dtype"),
    [
        ([SINGLE, SINGLE * 2], "float32"),
        ([DIGITS, np.array([0.5, np.nan, 0.0])], "float32"),
        ([np.zeros(3), SINGLE], "float32"),
        ([SINGLE, DIGITS], "float64"),
        ([DIGITS, SINGLE], "float64"),
        ([SINGLE, SINGLE, np.array([0.1, 0.2, 0.3])], "float64"),
        ([np.zeros(3), DIGITS, np.array([0.1, 0.2, 0.3]), SINGLE], "float64"),
    ],
)
def test_rows_are_narrow_only_where_all_of_them_fit_and_no_number_changes(
    blocks: list[np.ndarray], dtype: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(columns, "_BLOCK", 1)
    column, whole = Column(Narrowing()), np.concatenate(blocks)
    for block in blocks:
        column.append(block)
    found = column.joined()
    assert found.dtype == dtype
    assert np.array_equal(found, whole.astype(np.float32) if dtype == "float32" else whole, equal_nan=True)
