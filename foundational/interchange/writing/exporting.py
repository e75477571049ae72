"""Write a dataset for a trainer, read it back by that trainer's rule, and keep the proof beside the data."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from foundational.data.atomic_write import temporary_folder, whole_folder
from foundational.data.configurations import Configurations, Labels
from foundational.errors import DatasetError, FoundationalError, InputError
from foundational.interchange.proofs.received import TOLERANCE, PartProof, compare
from foundational.interchange.writing.heads import by_head
from foundational.interchange.writing.parts import LABELS, AnyPart, Part
from foundational.interchange.writing.plan import Plan, plan_export
from foundational.interchange.writing.readme import readme
from foundational.interchange.writing.report import ExportProof, ExportReport, IsolatedAtomReport, Origin
from foundational.interchange.writing.stubs import stubs_of
from foundational.interchange.writing.targets import Target
from foundational.progress import Progress

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True)
class ExportOptions:
    """How an export is made."""

    labels: Sequence[str] = LABELS
    """Labels to write."""
    replace: bool = False
    """Whether a folder that exists is replaced."""
    heads: bool = False
    """Whether labels of each method go to files of their own, for a head each."""
    stated_isolated: dict[str, float] = field(default_factory=dict)
    """eV by element, for isolated atoms that are not in the dataset."""


def export_dataset(
    dataset: "xr.Dataset",
    origin: Origin,
    target: Target,
    out: Path,
    options: ExportOptions | None = None,
    progress: Progress | None = None,
) -> ExportReport:
    """Write ``dataset`` for ``target`` into the folder ``out``, which appears whole and proven or not at all.

    Parameters
    ----------
    origin
        What the dataset is and where it comes from.
    out
        A folder that does not exist, unless it may be replaced.

    Raises
    ------
    ConflictError
        The folder exists.
    DatasetError
        What the trainer's rule reads is not what the dataset holds; nothing is kept.
    InputError
        Nothing is left to write.
    MissingDependencyError
        A package of the extra ``formats`` is absent.
    """
    options = options or ExportOptions()
    heads = options.heads
    if heads and not target.demands.heads:
        raise InputError(f"--heads: expected a trainer with a head for each method, such as mace, got {target.name}")
    stated = {} if heads else origin.isolated | options.stated_isolated  # a record states those of one method
    plan = plan_export(dataset, target.demands, labels=options.labels, stated_isolated=stated)
    plan = replace(plan, parts=by_head(plan.parts)) if heads else plan
    total = 2 * len(plan.parts) + 1
    with whole_folder(out, replace=options.replace) as folder:
        _say(progress, 0, total, "testing sign and order")
        probed = _prove(_probe(), target)
        proofs: dict[str, PartProof] = {}
        files: dict[str, str] = {}
        for number, part in enumerate(plan.parts):
            _say(progress, 2 * number + 1, total, f"writing {part.name}")
            files[part.name] = target.file(part.name)
            written = _written(part, folder / files[part.name], plan, target)
            _say(progress, 2 * number + 2, total, f"reading {part.name} again")
            proofs[part.name] = _read_again(written, folder / files[part.name], target)
            with (folder / f"{part.name}.ids.txt").open("w", encoding="utf-8") as stream:
                stream.writelines(f"{name}\n" for name in written.each_id())
        proof = ExportProof(
            holds=not any(of.problems for of in [probed, *proofs.values()]),
            rule=target.rule,
            tolerance=TOLERANCE,
            compressed_and_sheared_crystal=probed,
            parts=proofs,
        )
        if not proof.holds:
            raise DatasetError(_failed(target, proof))
        report = _report(dataset, origin, target, plan, proof, files)
        _write_documents(folder, report, origin, plan, target)
        _say(progress, total, total, "done")
    return report.model_copy(update={"folder": str(out)})


def _written(part: AnyPart, path: Path, plan: Plan, target: Target) -> AnyPart:
    """Write a part; the part in the order of its file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    order = target.write(part, path, plan)
    if order is None:
        return part
    if not np.array_equal(np.sort(order), np.arange(len(part))):
        raise DatasetError(
            f"what {target.trainer} reads of {part.name} is not what the dataset holds: {len(np.unique(order)):,} of "
            f"{len(part):,} configurations were written; nothing was kept"
        )
    return part.take(order)


def _read_again(part: AnyPart, path: Path, target: Target) -> PartProof:
    """Compare a file with its part; a file that cannot be read is a problem like any other."""
    try:
        return compare(part, target.read(path))
    except FoundationalError:
        raise
    except ImportError:
        raise
    except Exception as error:  # a reader of any trainer may fail in its own way
        problem = f"it cannot be read: {type(error).__name__}: {' '.join(str(error).split())}"
        return PartProof(configurations=0, labels={}, largest_position_difference=0.0, problems=(problem,))


def _prove(plan: Plan, target: Target) -> PartProof:
    """Write a plan of one part elsewhere, and compare what comes back."""
    with temporary_folder() as folder:
        path = folder / target.file("train")
        return _read_again(_written(plan.parts[0], path, plan, target), path, target)


def _probe() -> Plan:
    """A compressed crystal, whose pressure is positive, and a sheared one, whose six stresses are six numbers.

    Any sign or order that is wrong changes one of them by a part that no tolerance allows.
    """
    rng = np.random.default_rng(0)
    cell = np.stack([3.4 * np.eye(3), 3.5 * np.eye(3) + [[0.0, 0.3, 0.1], [0.0, 0.0, 0.2], [0.05, 0.0, 0.0]]])
    lattice = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    positions = (lattice @ cell).reshape(-1, 3) + rng.normal(scale=0.02, size=(8, 3))
    sheared = np.array([[0.031, 0.004, 0.005], [0.004, -0.012, 0.006], [0.005, 0.006, 0.023]])
    labels = Labels(np.array([-17.25, -16.5]), rng.normal(size=(8, 3)), np.stack([-0.05 * np.eye(3), sheared]))
    atoms = Configurations(
        np.full(2, 4, np.int32),
        cell,
        np.ones((2, 3), bool),
        np.array([28, 13, 28, 28] * 2, np.uint8),
        positions,
        labels,
    )
    part = Part("train", atoms, ("0" * 32, "1" * 32), (None, None), (None, None))
    return Plan((part,), ("Al", "Ni"), LABELS, {}, {}, 0, 0)


def _failed(target: Target, proof: ExportProof) -> str:
    proofs = {"the test crystals": proof.compressed_and_sheared_crystal, **proof.parts}
    name, problem = next((name, part.problems[0]) for name, part in proofs.items() if part.problems)
    return f"what {target.trainer} reads of {name} is not what the dataset holds: {problem}; nothing was kept"


def _report(
    dataset: "xr.Dataset", origin: Origin, target: Target, plan: Plan, proof: ExportProof, files: dict[str, str]
) -> ExportReport:
    remarks = []
    if plan.boxed:
        remarks.append(
            f"{plan.boxed:,} configurations are not periodic along three vectors: they stand in boxes of vacuum"
        )
    if plan.asymmetric:
        remarks.append(
            f"the stress of {plan.asymmetric:,} configurations was not symmetric: its symmetric part is written"
        )
    if plan.without_volume:
        remarks.append(f"the cell of {plan.without_volume:,} configurations has no volume: their stress is not written")
    if len(plan.parts) == 1 and "split" not in dataset:
        remarks.append("the dataset has no split: all of it is in the training part")
    worst = max((part.labels["energy"].largest_difference for part in proof.parts.values()), default=0.0)
    if target.single and worst > 1e-5:
        remarks.append(f"the trainer's files hold float32: energies are up to {1000 * worst:.2g} meV/atom off")
    if any(len(set(part.methods)) > 1 for part in plan.parts):
        remarks.append("several methods gave the labels: their energies may have different zeros")
    return ExportReport(
        target=target.name,
        trainer=target.trainer,
        name=origin.name,
        version=origin.version,
        fingerprint=origin.fingerprint,
        folder="",
        files=files,
        configurations={part.name: len(part) for part in plan.parts},
        atoms=sum(int(part.n_atoms.sum()) for part in plan.parts),
        elements=plan.elements,
        labels={name: sum(int(part.known()[name].sum()) for part in plan.parts) for name in plan.labels},
        excluded=dict(plan.excluded),
        isolated_atoms={
            element: IsolatedAtomReport(energy_eV=atom.energy, source=atom.source)
            for element, atom in plan.isolated.items()
        },
        missing_isolated_atoms=plan.missing_isolated,
        remarks=tuple(remarks),
        proof=proof,
    )


def _write_documents(folder: Path, report: ExportReport, origin: Origin, plan: Plan, target: Target) -> None:
    """Proof, isolated atoms, provenance, the trainer's configuration and a page for people."""
    _write_json(folder / "proof.json", report.proof.model_dump(mode="json"))
    isolated = {element: atom.model_dump(mode="json") for element, atom in report.isolated_atoms.items()}
    _write_json(folder / "isolated_atoms.json", {"known": isolated, "unknown": list(report.missing_isolated_atoms)})
    if origin.record is not None:
        _write_json(folder / "provenance.json", origin.record)
    stubs = stubs_of(target.name, plan, report.files)
    for name, text in stubs.items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "README.md").write_text(readme(report, origin, target, tuple(stubs)), encoding="utf-8")


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


def _say(progress: Progress | None, done: int, total: int, message: str) -> None:
    if progress is not None:
        progress(done, total, message)
