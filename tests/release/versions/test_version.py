import shutil
from collections.abc import Callable

import pytest
import xarray as xr

from foundational.errors import ConflictError, InputError
from foundational.release.version import Version, parse_reference


def test_a_first_release_is_1_0_0(project):
    done = project.release()
    assert (done.record.version, done.new, done.record.bump) == ("1.0.0", True, None)
    assert str(done.record.date) == "2026-03-01"
    assert done.bundle.is_file()
