"""Where a configuration came from: hand by hand, through the records, to the first pool or file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from foundational.data.fingerprint import hexadecimal
from foundational.data.layout import VARIABLES, is_foreign
from foundational.data.store import open_store
from foundational.errors import FoundationalError, InputError, NotFoundError
from foundational.inspection.show import record_of
from foundational.project import project_of, project_or_none
from foundational.provenance.record import DatasetRecord, ProvenanceRecord, read_record
from foundational.release.citation.citation_target import read_known_release
from foundational.release.registry.registry import known_registry
from foundational.release.transfer.location import locate
from foundational.specs.base import Spec

#: Digits of an id that a user must give at least.
_LEAST = 4
#: What a stage did, in words.
_DID = {
    "sample": "sampled",
    "holdout": "held out",
    "distill": "selected",
    "translate": "translated",
    "relabel": "relabelled",
    "select": "picked",
    "import": "imported",
    "augment": "taken over or built",
    "collect": "labelled elsewhere",
}
#: Variables that say how a configuration came into a set, and their units.
_FACTS = (
    "transformed_to",
    "recipe",
    "role",
    "selection_round",
    "selection_reason",
    "uncertainty",
    "split",
    "order_parameter",
    "walker",
    "step",
)


class Step(Spec):
    """One dataset in which the configuration is, or was."""

    dataset: str
    version: str | None
    fingerprint: str
    stage: str
    did: str
    """What this stage did with the configuration."""
    by: str
    """The method that gave its labels."""
    found: bool
    """Whether the configuration was looked up in the data; they may be absent from this machine."""
    id: str | None
    """Of the configuration there; null where it is not known."""
    row: int | None
    """Its place, from 0."""
    facts: dict[str, str | int | float]
    note: str | None = None
    """Why nothing more is known."""


class Blame(Spec):
    """The whole way, the newest first."""

    name: str
    id: str
    steps: tuple[Step, ...]
    removed_in: str | None = None
    """The version that removed it, where it is in the set no more."""
    reason: str | None = None
    """Why it was removed."""


def blame(name: str, identity: str, root: Path | None = None) -> Blame:
    """Follow a configuration back.

    Parameters
    ----------
    name
        Of the dataset, as `foundational show` takes it.
    identity
        Its id, 32 hexadecimal digits, with or without ``0x``; or the first of them.

    Raises
    ------
    NotFoundError
        There is no such dataset, or no such configuration in it.
    InputError
        The digits are those of several configurations.
    """
    digits = _digits(identity)
    store = locate(name, root)
    record = record_of(name, root)
    project = project_of(store) or project_or_none(root)
    dataset = open_store(store)
    row = _row(dataset, digits, name)
    if row is None:
        return _removed(name, digits, record, project)
    key = hexadecimal(dataset["id"].to_numpy()[[row]])[0]
    steps = list(_walk(name, record, dataset, key, row, project))
    return Blame(name=name, id=key, steps=tuple(steps))


def _digits(identity: str) -> str:
    digits = identity.lower().removeprefix("0x")
    if not _LEAST <= len(digits) <= 32 or set(digits) - set("0123456789abcdef"):
        raise InputError(
            f"expected the id of a configuration, {_LEAST} to 32 hexadecimal digits, got {identity!r}; "
            "diff --json and configurations.csv list ids"
        )
    return digits


def _row(dataset: xr.Dataset, digits: str, name: str) -> int | None:
    """The place of the configuration whose id begins with ``digits``."""
    ids = dataset["id"].to_numpy()
    whole = bytes.fromhex(digits[: len(digits) // 2 * 2])
    rows = np.flatnonzero((ids[:, : len(whole)] == np.frombuffer(whole, np.uint8)).all(axis=1))
    found = [int(row) for row in rows if hexadecimal(ids[[row]])[0].startswith(digits)]
    distinct = sorted({hexadecimal(ids[[row]])[0] for row in found})
    if len(distinct) > 1:
        raise InputError(
            f"{digits} begins {len(distinct):,} ids of {name}, such as {', '.join(distinct[:3])}; give more"
        )
    return found[0] if found else None


def _removed(name: str, digits: str, record: ProvenanceRecord | None, project: Path | None) -> Blame:
    """A configuration that a release removed, with the reason."""
    known = name.partition("@")[0] if record is None else record.output.name
    for entry in known_registry(known, project).releases if "/" not in known else ():
        try:
            release = read_known_release(known, entry.version, project)
        except FoundationalError:
            continue
        for removal in release.removed:
            if removal.id.startswith(digits):
                return Blame(name=name, id=removal.id, steps=(), removed_in=release.version, reason=removal.reason)
    raise NotFoundError(
        f"{name} has no configuration with the id {digits}, and no release of it removed one; "
        f"compare datasets with: foundational diff A B --json"
    )


def _walk(
    name: str,
    record: ProvenanceRecord | None,
    dataset: xr.Dataset,
    key: str,
    row: int,
    project: Path | None,
) -> Iterator[Step]:
    """The step of this dataset, then those of the parent in which the configuration is found."""
    if record is None:
        note = "no record lies beside these data"
        yield Step(
            dataset=name, version=None, fingerprint="", stage="unknown", did="came from elsewhere", by="not stated",
            found=True, id=key, row=row, facts=_facts(dataset, row), note=note,
        )  # fmt: skip
        return
    yield _step(record, dataset, key, row)
    wanted = [key]
    if "parent_id" in dataset:
        parent = hexadecimal(dataset["parent_id"].to_numpy()[[row]])[0]
        # A configuration that was built has no parent: its id there is zero.
        wanted = [parent] if int(parent, 16) else []
    if not wanted or not record.inputs:
        return
    absent = []
    for entry in record.inputs:
        embedded = next((p for p in record.parents if p.output.fingerprint == entry.fingerprint), None)
        opened = _open(entry, project)
        if opened is None:
            absent.append((entry, embedded))
            continue
        place = _row(opened, wanted[0], entry.name)
        if place is not None:
            yield from _walk(entry.name, embedded or record_of(entry.name, project), opened, wanted[0], place, project)
            return
    for entry, embedded in absent:
        yield from _unseen(entry, embedded, wanted[0])


def _unseen(entry: DatasetRecord, record: ProvenanceRecord | None, key: str) -> Iterator[Step]:
    """What the records say of parents whose data are not on this machine."""
    note = f"these data are not here; fetch them with: dvc pull, or foundational pull {entry.name}"
    if record is None:
        yield Step(
            dataset=entry.name, version=entry.version, fingerprint=entry.fingerprint, stage="unknown",
            did="was there", by="not stated", found=False, id=key, row=None, facts={}, note=note,
        )  # fmt: skip
        return
    yield _step(record, None, key, None, note)
    for parent in record.parents:
        yield from _unseen(parent.output, parent, key)


def _step(
    record: ProvenanceRecord, dataset: xr.Dataset | None, key: str, row: int | None, note: str | None = None
) -> Step:
    facts = {} if dataset is None or row is None else _facts(dataset, row)
    method = record.labeller.id
    if dataset is not None and row is not None and (stated := dataset.attrs.get("methods")):
        place = int(dataset["method"].to_numpy()[row]) if "method" in dataset else 0
        method = str(stated[place].get("id")) if place < len(stated) else method
    if record.stage == "import" and not record.inputs:
        files = [str(file.get("file")) for file in record.spec.get("files", [])]
        note = note or (f"imported from {', '.join(files)}" if files else None)
    return Step(
        dataset=record.output.name,
        version=record.output.version,
        fingerprint=record.output.fingerprint,
        stage=record.stage,
        did=_did(record, facts),
        by=method,
        found=row is not None,
        id=key,
        row=row,
        facts=facts,
        note=note,
    )


def _did(record: ProvenanceRecord, facts: dict[str, str | int | float]) -> str:
    """In a few words what happened to the configuration."""
    did = _DID[record.stage]
    if "recipe" in facts:
        return f"built by the recipe {facts['recipe']}"
    if record.stage == "translate":
        scale = record.details.get("scale")
        did += f" by the factor {scale:.4g}" if isinstance(scale, float) else ""
        did += f" and transformed to {str(facts['transformed_to']).upper()}" if "transformed_to" in facts else ""
    if record.stage == "distill" and "selection_round" in facts:
        did += f" in round {facts['selection_round']}"
        did += f" because of {facts['selection_reason']}" if "selection_reason" in facts else ""
    return did


def _facts(dataset: xr.Dataset, row: int) -> dict[str, str | int | float]:
    """What the set knows of one configuration; unknown values are absent."""
    facts: dict[str, str | int | float] = {}
    for name in _FACTS:
        if name not in dataset:
            continue
        value = dataset[name].to_numpy()[row]
        meanings = VARIABLES[name].meanings
        if meanings:
            if name in {"split", "selection_reason"} or int(value):
                facts[name] = meanings[int(value)]
        elif np.issubdtype(type(value), np.floating):
            if np.isfinite(value):
                facts[name] = float(value)
        elif int(value) >= 0:
            facts[name] = int(value)
    n_atoms = int(dataset["n_atoms"].to_numpy()[row])
    facts["n_atoms"] = n_atoms
    if "energy" in dataset and np.isfinite(energy := float(dataset["energy"].to_numpy()[row])):
        facts["energy_per_atom"] = energy / n_atoms
    for raw, stored in dataset.variables.items():
        if is_foreign(stored) and stored.dims == ("configuration",) and "values" in stored.attrs:
            code = int(dataset[raw].to_numpy()[row])
            if code >= 0:
                facts[str(raw)] = str(stored.attrs["values"][code])
    return facts


def _open(entry: DatasetRecord, project: Path | None) -> xr.Dataset | None:
    """The data of an input, where they are on this machine as they were used."""
    names: list[Any] = [entry.name, *([f"{entry.name}@{entry.version}"] if entry.version else [])]
    for name in names:
        try:
            store = locate(name, project)
            if read_record(store.parent).output.fingerprint == entry.fingerprint:
                return open_store(store)
        except FoundationalError:
            continue
    return None
