"""A dataset's card as a record: a pure function of the dataset, its records and its metrics."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from foundational.card.evidence import Evidence, Subject
from foundational.card.lineage import lineage_of, settings_of
from foundational.card.points import configuration_map, groups
from foundational.card.record import (
    CardRecord,
    Change,
    Code,
    Contents,
    Distillation,
    ElementCount,
    EnergyErrors,
    LabelSummary,
    Method,
    Part,
    PoolTest,
    Reference,
    Round,
)
from foundational.card.statistics import Statistics, collect, histograms, number, numbers
from foundational.data.layout import LABELS, VARIABLES
from foundational.elements import SYMBOLS
from foundational.progress import Progress
from foundational.provenance.record import LabellerRecord, ProvenanceRecord
from foundational.release.citation.bibtex import to_bibtex
from foundational.release.citation.works import ancestors
from foundational.release.record import ReleaseRecord

if TYPE_CHECKING:
    import xarray as xr

#: Of a stated method, what is shown, and how.
_FACTS = {
    "code": "program",
    "version": "version",
    "functional": "functional",
    "pseudopotentials": "pseudopotentials",
    "cutoff_eV": "plane-wave cutoff, eV",
    "k_points": "k points",
    "spin": "spin",
    "energy_kind": "kind of energy",
}
_PERIODIC = ("not periodic", "periodic along one vector", "periodic along two vectors", "periodic along three vectors")


def build_card(
    dataset: "xr.Dataset", subject: Subject, evidence: Evidence, *, progress: Progress | None = None
) -> CardRecord:
    """The card of ``dataset``; the same input gives the same record.

    Raises
    ------
    ChecksumError
        A damaged chunk was met.
    """
    found = collect(dataset, progress)
    symbols = tuple(SYMBOLS[z] for z in found.elements)
    grouped = groups(dataset)
    citable, about, record = subject.citable, subject.about, subject.record
    abouts = dict(evidence.parents) | ({subject.name: about} if about else {})
    return CardRecord(
        name=subject.name,
        version=citable.version if citable else None,
        released=citable.released if citable else None,
        doi=citable.doi if citable else None,
        withdrawn=subject.withdrawn,
        fingerprint=subject.fingerprint,
        title=about.title if about else None,
        licence=about.licence if about else None,
        creators=tuple(creator.name for creator in about.creators) if about else (),
        description=about.description if about else None,
        limits=(*(about.caveats if about else ()), *subject.remarks),
        keywords=about.keywords if about else (),
        stage=record.stage if record else None,
        software=record.software if record else {},
        settings=settings_of(record) if record else {},
        bibtex=to_bibtex(subject.works) if subject.works else None,
        references=tuple(Reference(text=work.text, why=work.why, doi=work.doi) for work in subject.works),
        commands=tuple(_commands(subject)),
        contents=_contents(dataset, found, symbols, record),
        groups=grouped[0] if grouped else None,
        histograms=histograms(found, symbols),
        map=configuration_map(dataset, found, symbols, grouped),
        distillation=_distillation(record) if record else None,
        validation=evidence.validation,
        pool_test=_pool_test(evidence.pool_test) if evidence.pool_test else None,
        lineage=lineage_of(record, evidence.potentials, abouts) if record else None,
        changes=tuple(_change(release) for release in reversed(evidence.history)),
        findings=tuple(evidence.findings),
    )


def _commands(subject: Subject) -> list[Code]:
    """How to get and use the set, with its version where it has one."""
    citable = subject.citable
    label = subject.name if citable is None else citable.label
    commands = []
    if citable is not None and citable.version is not None:
        commands.append(Code(purpose="Download", code=f"foundational pull {label} --from URL"))
    if subject.record is not None:
        commands.append(Code(purpose="Open in Python", code=f'foundational.open_dataset("{label}")'))
    commands.append(Code(purpose="Write for a trainer", code=f"foundational export {label} --for mace -o FOLDER"))
    commands.append(Code(purpose="Check", code=f"foundational check {label}"))
    return commands


def _contents(
    dataset: "xr.Dataset", found: Statistics, symbols: tuple[str, ...], record: ProvenanceRecord | None
) -> Contents:
    periodic = np.bincount(found.periodic, minlength=4)
    splits: tuple[Part, ...] = ()
    if "split" in dataset:
        counts = np.bincount(dataset["split"].to_numpy(), minlength=3)
        meanings = VARIABLES["split"].meanings
        splits = tuple(Part(name=meanings[i], configurations=int(n)) for i, n in enumerate(counts) if n)
    return Contents(
        configurations=len(found.n_atoms),
        atoms=int(found.n_atoms.sum()),
        smallest=int(found.n_atoms.min()),
        largest=int(found.n_atoms.max()),
        elements=tuple(
            ElementCount(symbol=symbol, atoms=int(column.sum()), configurations=int((column > 0).sum()))
            for symbol, column in zip(symbols, found.composition.T, strict=True)
        ),
        periodicity=tuple(Part(name=_PERIODIC[i], configurations=int(n)) for i, n in enumerate(periodic) if n),
        labels=tuple(
            LabelSummary(
                name=name,
                unit=VARIABLES[name].unit,
                description=VARIABLES[name].description,
                configurations=found.known[name],
            )
            for name in LABELS
            if found.known.get(name)
        ),
        methods=_methods(dataset, record.labeller if record else None),
        splits=splits,
    )


def _methods(dataset: "xr.Dataset", labeller: LabellerRecord | None) -> tuple[Method, ...]:
    stated = list(dataset.attrs.get("methods", []))
    if not stated and labeller is not None:
        facts = {"program": labeller.version, **{k: _plain(v) for k, v in labeller.parameters.items()}}
        facts = {name: value for name, value in facts.items() if value and value != "unknown"}
        if labeller.sha256:
            facts["sha256 of the file"] = labeller.sha256
        summary = ", ".join([labeller.id, *([facts["program"]] if "program" in facts else [])])
        return (Method(id=labeller.id, summary=summary, facts=facts, configurations=None),)
    counts = np.bincount(dataset["method"].to_numpy(), minlength=len(stated)) if "method" in dataset else None
    methods = []
    for place, method in enumerate(stated):
        facts = {title: _plain(method[key]) for key, title in _FACTS.items() if method.get(key) is not None}
        facts |= {str(k): _plain(v) for k, v in (method.get("stated") or {}).items()}
        words = [facts[k] for k in ("program", "functional") if k in facts]
        identity = str(method.get("id"))
        count = None if counts is None else int(counts[place])
        methods.append(Method(id=identity, summary=", ".join(words) or identity, facts=facts, configurations=count))
    return tuple(methods)


def _plain(value: Any) -> str:
    """A value of a record as text."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {_plain(part)}" for key, part in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_plain(part) for part in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _distillation(record: ProvenanceRecord) -> Distillation | None:
    """The rounds of the nearest record that has some: of this set, or of one that it was made from."""
    for one in (record, *ancestors(record)):
        rows = one.details.get("rounds")
        if one.stage != "distill" or not rows:
            continue
        pool = one.inputs[0].name if one.inputs else None
        return Distillation(of=one.output.name, pool=pool, rounds=tuple(_round(row) for row in rows))
    return None


def _round(row: Mapping[str, Any]) -> Round:
    def known(name: str) -> float | None:
        value = row.get(name)
        return None if value is None else number(value)

    return Round(
        round=row["round"],
        frames=row["frames"],
        heldout_mae=known("heldout_mae_meV"),
        median_uncertainty=known("median_uncertainty_meV"),
        largest_uncertainty=known("max_uncertainty_meV"),
    )


def _pool_test(report: Mapping[str, Any]) -> PoolTest:
    return PoolTest(
        pool=report["pool"],
        frames=report["frames"],
        mae=numbers(report["mae_meV_per_atom"]),
        p99=numbers(report["p99_meV_per_atom"]),
        largest=numbers(report["max_meV_per_atom"]),
        parts=tuple(
            EnergyErrors(
                lowest=number(part["from_eV_per_atom"]),
                highest=number(part["to_eV_per_atom"]),
                mae=numbers(part["mae_meV_per_atom"]),
            )
            for part in report["parts"]
        ),
        reference=tuple(report["reference_eV_per_atom"]),
        predicted=tuple(report["predicted_eV_per_atom"]),
    )


def _change(release: ReleaseRecord) -> Change:
    return Change(
        version=release.version,
        date=release.date,
        step=release.bump,
        previous=release.previous,
        sentences=release.changes,
        removed=len(release.removed),
        configurations=release.n_configurations,
    )
