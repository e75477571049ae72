from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from foundational.execution.tasks import Execution
from foundational.labelling import session
from foundational.stages.survey.command import survey_metal


class ReachedError(Exception):
    """A task came to the executor."""


class Refusing(ThreadPoolExecutor):
    def submit(self, *args, **kwargs):
        raise ReachedError


def test_workers_label_the_translated_set(distilled_project, monkeypatch):
    """Without ``--refine`` too: the labels are tasks of the executor that ``--workers`` asks for."""
    asked = []

    @contextmanager
    def executor_named(name, workers, folder):
        asked.append((name, workers))
        with Refusing(1) as pool:
            yield pool if workers > 1 else None

    monkeypatch.setattr(session, "executor_named", executor_named)
    with pytest.raises(ReachedError):
        survey_metal(distilled_project, "Al", execution=Execution("local", 2))
    assert asked == [("local", 1), ("local", 2)]
