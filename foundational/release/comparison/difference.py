"""What differs between two datasets, and the size of the step from one version to the next that follows from it.

The rule, largest change first (docs/versions.md): **major**, a configuration removed, or a label, unit,
method or the split of an old configuration changed, or a variable removed, or a licence that requires more; **minor**,
configurations or variables added; **patch**, metadata, documentation, encoding, or labels within rounding.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray

from foundational.data.fingerprint import hexadecimal
from foundational.data.layout import ATOM, CONFIGURATION, LABELS, VARIABLES
from foundational.data.query.choosing import choose
from foundational.provenance.record import ProvenanceRecord
from foundational.release.comparison.content import read_content
from foundational.release.comparison.distribution_shift import DistributionShift, distribution_shift
from foundational.release.comparison.label_changes import ComparedLabel, LabelChange, compare_label
from foundational.release.comparison.matched import Matched, Rewritten, matched_rows
from foundational.release.comparison.metadata_changes import metadata_changes
from foundational.release.record import BumpName
from foundational.release.registry.version import largest
from foundational.specs.about import About
from foundational.specs.base import Spec

if TYPE_CHECKING:
    import xarray as xr

#: Rows that are compared at a time.
_ROWS: Final = 4_096

Kind = Literal["configurations", "labels", "split", "units", "method", "licence", "variables", "metadata", "encoding"]


class Change(Spec):
    """One difference, in a sentence."""

    kind: Kind
    bump: BumpName
    message: str


class Ids(Spec):
    """The configurations concerned, 32 hexadecimal digits each, in the order of their dataset."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    relabelled: tuple[str, ...]
    moved: tuple[str, ...]


class Difference(Spec):
    """What `difference` found."""

    a: str
    b: str
    configurations: tuple[int, int]
    atoms: tuple[int, int]
    added: int
    removed: int
    relabelled: int
    """Those with a label that differs by more than rounding (`label_changes`)."""
    moved: int
    equal: int
    """In both, with all labels the same but for rounding, and in the same part."""
    rounded: int
    """Of the equal ones: those with labels that differ within rounding."""
    rewritten: Rewritten | None
    """Pairs that a tolerance found; null where none was given."""
    labels_compared: tuple[str, ...]
    """Labels that both datasets have."""
    notes: tuple[str, ...]
    """What was not compared, and what helps."""
    label_changes: dict[str, LabelChange]
    changes: tuple[Change, ...]
    bump: BumpName | None
    """The largest of `changes`; null where nothing differs."""
    spreads: tuple[DistributionShift, ...]
    ids: Ids


@dataclass(frozen=True)
class ComparedDataset:
    """One of the two datasets, with its records, where these exist."""

    title: str
    dataset: "xr.Dataset"
    about: About | None = None
    provenance: ProvenanceRecord | None = None
    encoding: str | None = None
    """sha256 of the store's root document, which holds that of every file; None where there is no store."""
    keys: tuple[str, ...] = ()
    """All keys that the configurations of a file had."""
    store: tuple[Path, Path] | None = None
    """Where it is stored, and where its index is kept."""

    def where(self, condition: str | None) -> Self:
        """Its configurations that fulfil ``condition``; all of them for None."""
        return self if condition is None else replace(self, dataset=choose(self.dataset, condition, self.store))


def difference(a: ComparedDataset, b: ComparedDataset, *, tolerance: float | None = None) -> Difference:
    """What a user of ``a`` finds changed in ``b``.

    Configurations are matched by their stored ids. Both datasets are streamed; memory grows with the number of
    configurations (some hundred bytes each), not with the atoms.

    Parameters
    ----------
    tolerance
        Å. Configurations that no id matches are matched where they are equal within it: rewritten with fewer digits,
        wrapped, permuted, moved as a whole. Then labels that one side has to fewer decimals are rounding too.

    Raises
    ------
    ChecksumError
        A damaged chunk was met.
    InputError
        The tolerance is not one.
    """
    old, new = read_content(a.dataset), read_content(b.dataset)
    matched = matched_rows(a.dataset, b.dataset, (old, new), tolerance)
    rows = matched.rows
    by_tolerance = np.array([alignment is not None for alignment in rows.alignments], dtype=bool)
    differs = {
        name: _differ(old.rows[name], rows.a, new.rows[name], rows.b)
        for name in VARIABLES
        if name in old.rows and name in new.rows
    }
    labels = {
        name: _expanded(
            compare_label(name, a.dataset, b.dataset, rows.take(few), rewritten=tolerance is not None), few, len(rows)
        )
        for name in LABELS
        if name in differs
        for few in [np.flatnonzero(differs[name] | by_tolerance)]
        if few.size
    }
    nothing = np.zeros(len(rows), dtype=bool)
    relabelled = np.logical_or.reduce([nothing, *(label.beyond for label in labels.values())])
    rounded = np.logical_or.reduce([nothing, *(label.within for label in labels.values())]) & ~relabelled
    moved = differs.get("split", nothing)
    changes = [
        *_count(len(matched.removed), "configurations", "major", "{} removed"),
        *_count(int(relabelled.sum()), "labels", "major", "{} relabelled"),
        *_count(int(rounded.sum()), "labels", "patch", "{} relabelled within rounding"),
        *_count(int(moved.sum()), "split", "major", "{} moved between train and validation"),
        *_count(len(matched.added), "configurations", "minor", "{} added"),
        *_count(int(differs.get("pbc", nothing).sum()), "configurations", "major", "{} periodic along other vectors"),
        *_rewritten(matched.rewritten),
        *_variables(a.dataset, b.dataset),
        *(
            Change(kind="metadata", bump="patch", message=f"{name} differs in {int(d.sum())} old configurations")
            for name, d in differs.items()
            if name not in LABELS and name not in {"split", "pbc"} and d.any()
        ),
        *(
            Change(kind=kind, bump=bump, message=message)
            for kind, bump, message in metadata_changes(a.about, b.about, a.provenance, b.provenance)
        ),
        *_attributes(a, b),
    ]
    changes += [*_repeats(matched.repeats[0], a.title), *_repeats(matched.repeats[1], b.title)]
    if not changes and None not in {a.encoding, b.encoding} and a.encoding != b.encoding:
        changes.append(Change(kind="encoding", bump="patch", message="the same content is stored in other bytes"))
    changes.sort(key=lambda change: ("major", "minor", "patch").index(change.bump))
    return Difference(
        a=a.title,
        b=b.title,
        configurations=(a.dataset.sizes[CONFIGURATION], b.dataset.sizes[CONFIGURATION]),
        atoms=(a.dataset.sizes[ATOM], b.dataset.sizes[ATOM]),
        added=len(matched.added),
        removed=len(matched.removed),
        relabelled=int(relabelled.sum()),
        moved=int(moved.sum()),
        equal=int((~relabelled & ~moved).sum()),
        rounded=int((rounded & ~moved).sum()),
        rewritten=matched.rewritten,
        labels_compared=tuple(name for name in LABELS if name in differs),
        notes=tuple(_notes(a, b, matched)),
        label_changes={name: label.change for name, label in labels.items() if label.change is not None},
        changes=tuple(changes),
        bump=largest([change.bump for change in changes]),
        spreads=(
            distribution_shift("energy_per_atom", "eV/atom", old.energy_per_atom, new.energy_per_atom),
            distribution_shift("force_rms", "eV/Å", old.force_rms, new.force_rms),
        ),
        ids=Ids(
            added=tuple(hexadecimal(new.ids[matched.added])),
            removed=tuple(hexadecimal(old.ids[matched.removed])),
            relabelled=tuple(hexadecimal(old.ids[rows.a[relabelled]])),
            moved=tuple(hexadecimal(old.ids[rows.a[moved]])),
        ),
    )


def _expanded(label: ComparedLabel, rows: NDArray[np.int64], count: int) -> ComparedLabel:
    """What was found of some ``rows`` as flags of all ``count`` of them."""
    beyond, within = np.zeros(count, dtype=bool), np.zeros(count, dtype=bool)
    beyond[rows], within[rows] = label.beyond, label.within
    return ComparedLabel(label.change, beyond, within)


def _rewritten(found: Rewritten | None) -> Iterator[Change]:
    if found is not None and found.total:
        kinds = {k: v for k, v in found.model_dump().items() if k not in {"tolerance", "largest_displacement"} and v}
        how = ", ".join(f"{count:,} {kind}" for kind, count in kinds.items())
        plural = "configuration" if found.total == 1 else "configurations"
        message = f"{found.total:,} {plural} equal within {found.tolerance:g} Å, other bits ({how})"
        yield Change(kind="configurations", bump="patch", message=message)


def _notes(a: ComparedDataset, b: ComparedDataset, matched: Matched) -> Iterator[str]:
    """Why labels were not compared, and what pairs frames that were rewritten."""
    unlabelled = [side for side in (a, b) if not any(name in side.dataset for name in LABELS)]
    if unlabelled:
        keys = sorted({key for side in unlabelled for key in side.keys})
        seen = f"; its keys are {', '.join(keys)}" if len(unlabelled) == 1 else f"; the keys are {', '.join(keys)}"
        titles = " and ".join(side.title for side in unlabelled)
        yield f"only structures were compared: no label is known in {titles}{seen if keys else ''}"
    elif not any(name in a.dataset and name in b.dataset for name in LABELS):
        yield "only structures were compared: no label is known in both"
    if matched.rewritten is None and len(matched.removed) and len(matched.added):
        yield "--tolerance 1e-4 pairs frames that were rewritten, wrapped or permuted"


def _count(count: int, kind: Kind, bump: BumpName, text: str) -> Iterator[Change]:
    if count:
        plural = "configuration" if count == 1 else "configurations"
        yield Change(kind=kind, bump=bump, message=text.format(f"{count:,} {plural}"))


def _variables(a: "xr.Dataset", b: "xr.Dataset") -> Iterator[Change]:
    """Variables that came or went, and units that changed."""
    for name in sorted(map(str, a.variables.keys() - b.variables.keys())):
        yield Change(kind="variables", bump="major", message=f"the variable {name} was removed")
    for name in sorted(map(str, b.variables.keys() - a.variables.keys())):
        yield Change(kind="variables", bump="minor", message=f"the variable {name} was added")
    for name in sorted(map(str, a.variables.keys() & b.variables.keys())):
        old, new = a[name].attrs.get("units"), b[name].attrs.get("units")
        if old != new:
            yield Change(kind="units", bump="major", message=f"{name} is in {new}, was in {old}")


def _attributes(a: ComparedDataset, b: ComparedDataset) -> Iterator[Change]:
    """Attributes of two stores; a file in a text format has none to compare."""
    if a.encoding is None or b.encoding is None:
        return
    old, new = a.dataset.attrs, b.dataset.attrs
    for name in sorted(map(str, old.keys() | new.keys())):
        if old.get(name) != new.get(name):
            message = f"the attribute {name} is {new.get(name)!r}, was {old.get(name)!r}"
            yield Change(kind="metadata", bump="patch", message=message)


def _differ(
    old: NDArray[np.uint8], rows_a: NDArray[np.int64], new: NDArray[np.uint8], rows_b: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """(R,) whether rows of bytes differ, a block at a time, which stays in the processor's cache."""
    found = np.zeros(len(rows_a), dtype=bool)
    for start in range(0, len(found), _ROWS):
        block = slice(start, start + _ROWS)
        found[block] = (old.take(rows_a[block], axis=0) != new.take(rows_b[block], axis=0)).any(axis=1)
    return found


def _repeats(repeats: int, title: str) -> Iterator[Change]:
    """A dataset with a configuration twice is compared by its first copy, and says so."""
    if repeats:
        message = f"{repeats} configurations stand in {title} more than once"
        yield Change(kind="configurations", bump="patch", message=message)
