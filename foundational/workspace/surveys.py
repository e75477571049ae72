"""Many reports, each a task that other processes or machines compute from the project's folder."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from foundational.evaluation.report import Report
from foundational.execution.tasks import Arrays, Tasks
from foundational.progress import Progress
from foundational.project import find_dataset
from foundational.provenance.record import read_record
from foundational.source_files import digest_of, imported_modules
from foundational.specs.params import read_params


def surveyed(
    tasks: Tasks,
    function: Callable[[Path, str], Arrays],
    root: Path,
    names: Sequence[str],
    progress: Progress | None = None,
) -> dict[str, str]:
    """The report of each of ``names`` as JSON; ``function(root, name)`` gives it by `as_arrays`.

    Each is kept as it comes, until all are there.
    """
    params = read_params(root / "params.yaml")
    parents = sorted({spec.parent for spec in (params.translate.metals, params.pairs) if spec is not None})
    inputs = {name: read_record(find_dataset(root, name)).output.fingerprint for name in parents}
    code = digest_of(imported_modules(function.__module__).values())
    identity = json.dumps([list(names), params.model_dump(mode="json"), inputs, code])
    reports = {}
    results = tasks.kept_results(function, ((root, name) for name in names), identity)
    for name, found in zip(names, results, strict=True):
        reports[name] = str(found["report"])
        if progress is not None:
            progress(len(reports), len(names), name)
    return reports


def as_arrays(report: Report) -> Arrays:
    """What a task of `surveyed` gives."""
    return {"report": np.array(report.model_dump_json())}
