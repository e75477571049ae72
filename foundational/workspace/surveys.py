"""Many reports, each a task that other processes or machines compute from the project's folder."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

from foundational.evaluation.report import Report
from foundational.execution.tasks import Arrays, Execution
from foundational.progress import Progress
from foundational.project import find_dataset
from foundational.provenance.record import read_record, write_json
from foundational.source_files import digest_of, imported_modules
from foundational.specs.compounds import PairsSpec
from foundational.specs.params import read_params
from foundational.specs.translate import MetalsSpec

R = TypeVar("R", bound=Report)


def survey_all(
    function: Callable[[Path, str], Arrays],
    kind: type[R],
    root: Path,
    spec: MetalsSpec | PairsSpec,
    folder: Path,
    *,
    execution: Execution,
    write: bool,
    progress: Progress | None = None,
) -> dict[str, R]:
    """The report of each name of ``spec``; ``function(root, name)``, a task, gives it by `as_arrays`.

    Each is kept as it comes, until all are there. With ``write`` they are then stored in ``folder`` of the project.
    """
    params, names = read_params(root / "params.yaml"), list(spec.potentials)
    fingerprint = read_record(find_dataset(root, spec.parent)).output.fingerprint
    code = digest_of(imported_modules(function.__module__).values())
    identity = json.dumps([names, params.model_dump(mode="json"), fingerprint, code])
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
