import numpy as np
import pytest

from foundational.science.short_range import smooth_step, zbl


def test_zbl_approaches_coulomb_and_its_slope_is_the_derivative():
    energy, _ = zbl(np.array([1e-6]), 28, 41)
    assert energy[0] == pytest.approx(14.399645 * 28 * 41 / 1e-6, rel=1e-4)
    r = np.linspace(0.3, 4, 50)
    (below, _), (above, _) = zbl(r - 1e-6, 28, 13), zbl(r + 1e-6, 28, 13)
    assert zbl(r, 28, 13)[1] == pytest.approx((above - below) / 2e-6, rel=1e-6)


def test_the_step_has_no_slope_at_its_ends():
    value, slope = smooth_step(np.array([0.9, 1.0, 1.4, 1.8, 2.0]), 1.0, 1.8)
    assert value.tolist() == pytest.approx([1, 1, 0.5, 0, 0])
    assert slope[[0, 1, 3, 4]].tolist() == [0, 0, 0, 0]
    assert slope[2] == pytest.approx(-30 / 16 / 0.8)
