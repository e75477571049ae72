"""Codes of ids compare as the ids do, also where half of an id is that of another."""

import numpy as np

from foundational.data.streaming.codes import all_differ, codes_of, first_of_each, paired


def test_codes_are_equal_and_ordered_as_the_bytes_of_the_ids():
    rng = np.random.default_rng(5)
    halves = rng.integers(0, 256, (3, 8), dtype=np.uint8)
    for count in (0, 1, 2, 60):
        ids = halves[rng.integers(0, 3, (count, 2))].reshape(count, 16)
        one, other = codes_of(ids[: count // 3], ids[count // 3 :])
        _, expected = np.unique(ids, axis=0, return_inverse=True)
        assert np.concatenate([one, other]).tolist() == expected.reshape(-1).tolist()
        (whole,) = codes_of(ids)
        firsts = [ids.tolist().index(row) for row in ids.tolist()]
        assert first_of_each(whole).tolist() == firsts


def test_pairs_are_equal_where_both_parts_are_and_stay_small():
    rng = np.random.default_rng(6)
    codes, other = rng.integers(0, 9, 200), rng.choice([-32_768, 3, 32_767], 200)
    pairs = paired(codes, other)
    same = (codes[:, None] == codes) & (other[:, None] == other)
    assert np.array_equal(pairs[:, None] == pairs, same)
    assert 0 <= pairs.min() <= pairs.max() < 27


def test_ids_of_which_two_are_equal_do_not_all_differ():
    ids = np.random.default_rng(7).integers(0, 256, (500, 16), dtype=np.uint8)
    assert all_differ(ids)
    assert all_differ(ids[::2])
    assert all_differ(ids[:0])
    ids[3] = ids[401]
    assert not all_differ(ids)
