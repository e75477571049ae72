"""Methods that a set states are those of the layout, or are refused in one line."""

import pytest
import xarray as xr

from foundational.errors import InputError
from foundational.labelling.theories import methods_of


@pytest.mark.parametrize("stated", [3, "dft", [3], [{"id": 3}], [{"id": "x", "colour": "red"}]])
def test_methods_that_are_none_are_refused(stated):
    with pytest.raises(InputError, match="the attribute methods") as caught:
        methods_of(None, xr.Dataset(attrs={"methods": stated}))
    assert "\n" not in str(caught.value)
