import numpy as np
import pytest

from foundational.data.splits import TRAIN, VALIDATION, assign_split
from foundational.errors import InputError

WALKER = np.repeat(np.arange(4), 1000)
STEP = np.tile(np.arange(1000) * 100, 4)


def split(walker=WALKER, step=STEP, *, fraction=0.1, block_steps=1000, seed=1):
    return assign_split(walker, step, fraction=fraction, block_steps=block_steps, seed=seed)


def test_neighbouring_frames_of_a_walker_stay_together():
    parts = split().reshape(-1, 10)  # ten frames are a block of 1,000 steps
    assert (parts == parts[:, :1]).all()


def test_blocks_of_two_walkers_are_drawn_apart():
    parts = split().reshape(4, -1)
    assert (parts[0] != parts[1]).any()


def test_the_share_is_near_the_fraction():
    for fraction in (0.1, 0.5):
        assert split(fraction=fraction).mean() == pytest.approx(fraction, abs=0.05)
    assert not split(fraction=0).any()


def test_no_configuration_changes_its_part_when_others_come_go_or_move():
    order = np.random.default_rng(0).permutation(len(STEP))[:2000]
    assert np.array_equal(split(WALKER[order], STEP[order]), split()[order])
    more = np.concatenate([STEP, STEP + 10**6])
    assert np.array_equal(split(np.tile(WALKER, 2), more)[: len(STEP)], split())


def test_the_seed_decides():
    assert np.array_equal(split(seed=1), split(seed=1))
    assert not np.array_equal(split(seed=1), split(seed=2))


@pytest.mark.parametrize("fraction", [0.001, 0.999])
def test_neither_part_is_ever_empty(fraction: float):
    parts = split(np.zeros(2), np.array([0, 1000]), fraction=fraction)
    assert sorted(parts.tolist()) == [TRAIN, VALIDATION]


def test_one_block_cannot_be_split():
    with pytest.raises(InputError, match="take shorter blocks"):
        split(np.zeros(5), np.arange(5))


@pytest.mark.parametrize(("fraction", "block_steps"), [(1.0, 10), (-0.1, 10), (0.1, 0)])
def test_bad_numbers_are_refused(fraction: float, block_steps: int):
    with pytest.raises(InputError, match="expected a fraction"):
        split(fraction=fraction, block_steps=block_steps)
