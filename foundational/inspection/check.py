"""Is a dataset or a file what it seems: its bytes, its layout, its physics, and the record beside it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from foundational.checks.collection import elements_in
from foundational.checks.limits import CheckLimits, project_limits
from foundational.checks.parts import Spread
from foundational.checks.report import CheckReport, Finding, found, passed
from foundational.checks.run import check_all
from foundational.data.fingerprint import fingerprint
from foundational.data.integrity.store_manifest import Place, check_fully, read_root
from foundational.data.integrity.stored_array import open_table
from foundational.data.remote.address import is_address
from foundational.data.streaming.sorted_rows import SortedRows
from foundational.elements import NUMBERS, SYMBOLS
from foundational.errors import ChecksumError, InputError
from foundational.inspection.show import imported_path, place_of, record_of
from foundational.progress import Progress
from foundational.project import STORE, project_or_none
from foundational.specs.about import read_about

if TYPE_CHECKING:
    from foundational.execution.tasks import Execution


def check(
    name: str,
    root: Path | None = None,
    *,
    limits: CheckLimits | None = None,
    execution: "Execution | None" = None,
    progress: Progress | None = None,
) -> CheckReport:
    """What every rule finds in the dataset ``name`` or in a file of another program.

    Parameters
    ----------
    execution
        Where parts of a stored dataset are checked; None: here. It changes no finding.

    Raises
    ------
    NotFoundError
        where there is no such dataset.
    ChecksumError, DatasetError
        where it cannot be opened at all.
    InputError
        where a file cannot be read.
    """
    used = limits or limits_for(root)
    if execution is not None and (is_address(name) or imported_path(name) is not None):
        raise InputError(f"expected a stored dataset with --executor or --workers, got {name}: import or pull it first")
    if not is_address(name) and (file := imported_path(name)) is not None:
        return _check_file(name, file, used, progress)
    path = place_of(name, root)
    dataset = open_table(path)
    findings: list[Finding] = []
    try:
        check_fully(path, read_root(path)[1])
        findings.append(passed("bytes", "every file of the store has its checksum"))
        with SortedRows() as hashes, _spread(path, name, root, execution) as spread:
            findings += check_all(dataset, used, progress, hashes, spread)
            record = record_of(name, root)
            if record is not None:
                whole = len(hashes) == dataset.sizes["configuration"]  # else there is damage, which is met again
                computed = hashes.hexdigest() if whole else fingerprint(dataset)
                findings.append(_against(record.output.fingerprint, computed))
        if isinstance(path, Path) and path.name == STORE and (path.parent / "about.yaml").is_file():
            findings.append(_about(path.parent, set(elements_in(dataset).tolist())))
    except ChecksumError as error:
        damaged = found("bytes", "defect", str(error), "pull or make the dataset again")
        findings = [f for f in findings if f.rule != "bytes"] + [damaged]
    n_configurations = dataset.sizes["configuration"]
    return CheckReport(name=name, n_configurations=n_configurations, findings=tuple(findings), limits=used)


@contextmanager
def _spread(path: Place, name: str, root: Path | None, execution: "Execution | None") -> Iterator[Spread | None]:
    """Where parts of the store ``path`` are checked; None: here."""
    if execution is None or not isinstance(path, Path):
        yield None
        return
    from foundational.data.atomic_write import temporary_folder  # noqa: PLC0415 - for a large set alone
    from foundational.source_files import digest_of, imported_modules  # noqa: PLC0415

    code = digest_of(imported_modules("foundational.checks.parts").values())
    project = project_or_none(root)
    with (
        nullcontext(project / "build") if project else temporary_folder() as build,
        execution.tasks(build, f"check-{Path(name).name}") as tasks,
    ):
        yield Spread(path.resolve(), tasks.kept_results, code)


def limits_for(root: Path | None) -> CheckLimits:
    """The limits of the project ``root``, by default that of the working directory; outside of one the defaults."""
    project = project_or_none(root)
    return project_limits(None if project is None else project / "params.yaml")


def write_page(report: CheckReport, path: Path) -> None:
    """Write the report as one page for a browser; an existing file is replaced."""
    from importlib.metadata import version  # noqa: PLC0415 - for the page alone

    from foundational.checks.page import page  # noqa: PLC0415
    from foundational.data.atomic_write import write_whole  # noqa: PLC0415

    write_whole(path, [page(report, version("foundational")).encode()])


def _check_file(name: str, file: Path, limits: CheckLimits, progress: Progress | None) -> CheckReport:
    from foundational.interchange.assembly import ZERO_STRESS  # noqa: PLC0415 - ASE, for files alone
    from foundational.interchange.importing import ImportChoice, import_files  # noqa: PLC0415

    imported = import_files([file], ImportChoice(on_bad="skip"), progress=progress)
    skipped = imported.report.skipped
    findings = [
        Finding(
            rule="frames",
            status="defect" if skipped else "passed",
            message="; ".join(skipped) if skipped else "every frame was read",
            action="correct these frames, or import with --on-bad skip" if skipped else "",
            count=imported.report.n_skipped,
        ),
        *check_all(imported.dataset, limits, progress),
    ]
    if (count := imported.report.remarks.get(ZERO_STRESS, 0)) and bool(imported.dataset["pbc"].to_numpy().any()):
        findings = [_zero_stress(count) if finding.rule == "zero stress" else finding for finding in findings]
    n_configurations = imported.dataset.sizes["configuration"]
    return CheckReport(name=name, n_configurations=n_configurations, findings=tuple(findings), limits=limits)


def _zero_stress(count: int) -> Finding:
    """Of a file whose stresses are all zero: the import takes them as unknown, other programs do not."""
    message = f"the stress is exactly zero in all of {count} configurations; zero is not unknown"
    action = "remove it from the file, or import the file: then it is unknown"
    return Finding(rule="zero stress", status="defect", message=message, action=action, count=count)


def _about(folder: Path, numbers: set[int]) -> Finding:
    """The element that about.yaml states against the elements of the atoms."""
    rule = "about.yaml"
    try:
        stated = read_about(folder).element
    except InputError as error:
        return found(rule, "defect", str(error), "correct the file")
    there = "".join(SYMBOLS[z] for z in sorted(numbers) if z < len(SYMBOLS))
    if {NUMBERS.get(symbol) for symbol in re.findall("[A-Z][a-z]?", stated)} == numbers:
        return passed(rule, f"it states {stated}, as found")
    return found(rule, "defect", f"it states {stated}, but the atoms are of {there}", f"state element: {there}")


def _against(recorded: str, computed: str) -> Finding:
    if recorded == computed:
        return passed("provenance", "provenance.json records the fingerprint of the data")
    message = "provenance.json records another fingerprint than the data have"
    return found("provenance", "defect", message, "make or pull the dataset again")
