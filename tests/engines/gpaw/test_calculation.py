"""Settings and meshes of a calculation by GPAW; none of it needs GPAW."""

import numpy as np
import pytest

from foundational.engines.gpaw.calculation import DEFAULTS, complete_settings, k_points, mesh
from foundational.errors import InputError


def test_what_is_not_chosen_has_its_default():
    assert complete_settings({"width": 1}) == DEFAULTS | {"width": 1.0}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"ecutt": 300}, "no setting 'ecutt'"),
        ({"ecut": "300"}, "expected a value such as 250.0"),
        ({"ecut": True}, "expected a value such as 250.0"),
        ({"ecut": -1}, "expected a positive number"),
        ({"point_group": 1}, "expected a value such as False"),
        ({"shift": 0.3}, "expected 0, 0.25 or 0.5 steps"),
    ],
)
def test_a_wrong_setting_is_refused(wrong, message):
    with pytest.raises(InputError, match=message):
        complete_settings(wrong)


def test_k_points_are_no_farther_apart_than_the_spacing():
    cell = np.array([[6.47, 0, 0], [0, 9.16, 0], [0, 0, 9.16]])
    assert mesh(cell, 0.42) == (3, 2, 2)
    assert mesh(np.diag([2 * np.pi / 0.21] * 3), 0.21) == (1, 1, 1)


@pytest.mark.parametrize("shift", [0.0, 0.25, 0.5])
@pytest.mark.parametrize("size", [(2, 2, 2), (3, 2, 4)])
def test_a_mesh_holds_the_mirror_image_of_each_point(size, shift):
    points = k_points(size, shift)
    assert len(points) == np.prod(size) * (2 if shift == 0.25 else 1)
    assert len(np.unique(np.round(points % 1, 9), axis=0)) == len(points)
    apart = points[:, None] + points[None]
    assert (np.abs(apart - np.round(apart)).max(axis=2).min(axis=1) < 1e-12).all()


def test_a_mesh_shifted_by_a_quarter_is_body_centred():
    distances = np.linalg.norm(k_points((2, 2, 2), 0.25) - np.array([0.125, 0.125, 0.125]), axis=1)
    assert np.sort(distances)[1] == pytest.approx(np.sqrt(3) / 4)
