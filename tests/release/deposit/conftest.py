"""A small released set of aluminium is the project of these tests."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.release.aluminium import project, project_template, released  # noqa: F401 - fixtures
from tests.release.deposit import invenio_server


@pytest.fixture
def invenio() -> Iterator[Any]:
    """A repository server; faults are added to ``invenio.faults`` with ``invenio.fault(…)``."""
    with invenio_server.running() as server:
        yield server
