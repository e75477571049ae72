"""Many reports, each a task that other processes or machines compute from the project's folder."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from foundational.evaluation.report import Report
from foundational.execution.tasks import Arrays, Execution
from foundational.progress import Progress
from foundational.project import find_dataset
from foundational.provenance.record import read_record, write_json
from foundational.source_files import digest_of, imported_modules
from foundational.specs.params import read_params

R = TypeVar("R", bound=Report)


def survey_all(
    function: Callable[[Path, str], Arrays],
    kind: type[R],
    root: Path,
    names: Sequence[str],
    folder: Path,
    *,
    execution: Execution,
    write: bool,
    progress: Progress | None = None,
) -> dict[str, R]:
    """The report of each of ``names``; ``function(root, name)``, a task, gives it by `as_arrays`.

    Each is kept as it comes, until all are there. With ``write`` they are then stored in ``folder`` of the project.
    """
    params = read_params(root / "params.yaml")
    parents = sorted({spec.parent for spec in (params.translate.metals, params.pairs) if spec is not None})
    inputs = {name: read_record(find_dataset(root, name)).output.fingerprint for name in parents}
    code = digest_of(imported_modules(function.__module__).values())
    identity = json.dumps([list(names), params.model_dump(mode="json"), inputs, code])
    reports = {}
    with execution.tasks(root / "build", f"survey-{folder.name}") as tasks:
        results = tasks.kept_results(function, ((root, name) for name in names), identity)
        for name, found in zip(names, results, strict=True):
            reports[name] = kind.model_validate_json(str(found["report"]))
            if progress is not None:
                progress(len(reports), len(names), name)
        if write:
            for name, report in reports.items():
                write_json(root / folder / f"{name}.json", report.model_dump(mode="json"))
    return reports


def as_arrays(report: Report) -> Arrays:
    """What a task of `survey_all` gives."""
    return {"report": np.array(report.model_dump_json())}
