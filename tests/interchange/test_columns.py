import numpy as np

from foundational.interchange.columns import Column


def test_rows_come_back_in_order_over_many_blocks():
    column = Column()
    for i in range(5000):
        column.append(np.array([[i, -i]]))
    assert column.joined().tolist() == [[i, -i] for i in range(5000)]
