"""What is stored below metrics/ follows from the data and params.yaml alone: the same work writes the same bytes."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

CLOCK = {"seconds", "minutes", "elapsed", "duration", "wall", "started", "finished", "timestamp", "date", "host"}


def names_a_clock(key: str) -> bool:
    return not CLOCK.isdisjoint(key.lower().split("_"))


def keys(content: Any) -> Iterator[str]:
    """Every key of every object in ``content``."""
    if isinstance(content, dict):
        yield from content
        for value in content.values():
            yield from keys(value)
    elif isinstance(content, list):
        for value in content:
            yield from keys(value)


def test_no_metric_names_a_clock(checkout):
    files = sorted((checkout / "metrics").rglob("*.json"))
    assert files
    wrong = {path.name: sorted(filter(names_a_clock, keys(json.loads(path.read_text())))) for path in files}
    assert {name: found for name, found in wrong.items() if found} == {}


@pytest.mark.parametrize("key", ["selection_seconds", "training_seconds", "seconds", "started"])
def test_a_clock_would_be_found(key):
    assert names_a_clock(key)
