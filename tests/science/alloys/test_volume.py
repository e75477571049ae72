import numpy as np
import pytest

from foundational.science.alloys.volume import AlloyVolume, fitted_volume, measured_compositions


def test_without_an_excess_the_volume_is_the_straight_line_between_the_pure_elements():
    shares = np.array([[1.0, 0], [0.5, 0.5], [0, 1]])
    assert AlloyVolume((10.0, 16.0)).per_atom(shares) == pytest.approx([10, 13, 16])


@pytest.mark.parametrize("n_elements", [2, 3, 4])
def test_the_fitted_volume_passes_through_what_was_measured(n_elements):
    compositions = measured_compositions(n_elements)
    excess = np.random.default_rng(n_elements).normal(scale=0.05, size=len(compositions))
    volume = fitted_volume(tuple(np.linspace(10, 20, n_elements)), excess)
    assert volume.excess(compositions) == pytest.approx(excess)
    straight = compositions @ np.linspace(10, 20, n_elements)
    assert volume.per_atom(compositions) == pytest.approx(straight * (1 + excess))
