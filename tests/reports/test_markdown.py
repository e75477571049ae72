"""Numbers and sections of pages: unknown is a dash, and a page whose markers are broken is not written."""

import pytest

from foundational.errors import InputError
from foundational.reports.markdown import filled, mean_and_deviation


def test_a_mean_of_nothing_is_a_dash():
    assert mean_and_deviation([None, None], 2) == "–"
    assert mean_and_deviation([1.0, None], 2) == "1.00 ± 0.00 (1 without)"


def test_a_section_without_an_end_is_named():
    page = "<!-- begin: a -->\nold\n<!-- begin: b -->\nold\n<!-- end: b -->\n"
    with pytest.raises(InputError, match="docs/x: expected a line <!-- end: a --> after <!-- begin: a -->"):
        filled(page, {"a": "new", "b": "new"}, "docs/x")
