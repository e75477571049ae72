"""Cards that several files of tests look at, each read once."""

from pathlib import Path

import pytest

from foundational.card.sources import Card, read_card


@pytest.fixture(scope="session")
def distilled_card(distilled_project: Path) -> Card:
    """The card of the small distilled set; for reading."""
    return read_card("ni", distilled_project)


@pytest.fixture(scope="session")
def pool_card(tiny_project: Path) -> Card:
    """The card of a pool of 120 configurations; for reading."""
    return read_card("pools/ni-momt-32", tiny_project)
