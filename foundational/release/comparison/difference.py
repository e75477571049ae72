"""What differs between two datasets, and the size of the step from one version to the next that follows from it.

The rule, largest change first (docs/versions.md): **major**, a configuration removed, or a label, unit,
method or the split of an old configuration changed, or a variable removed, or a licence that requires more; **minor**,
configurations or variables added; **patch**, metadata, documentation or encoding.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from foundational.data.batches import batch_slices, take
from foundational.data.fingerprint import hexadecimal
from foundational.data.layout import ATOM, CONFIGURATION, LABELS, VARIABLES
from foundational.provenance.record import ProvenanceRecord
from foundational.release.comparison.content import Content, read_content
from foundational.release.comparison.distribution_shift import DistributionShift, distribution_shift
from foundational.release.comparison.metadata_changes import metadata_changes
from foundational.release.record import BumpName
from foundational.release.registry.version import largest
from foundational.specs.about import About
from foundational.specs.base import Spec

Kind = Literal["configurations", "labels", "split", "units", "method", "licence", "variables", "metadata", "encoding"]


class Change(Spec):
    """One difference, in a sentence."""

    kind: Kind
    bump: BumpName
    message: str


class LabelChange(Spec):
    """How far one label moved, over the configurations whose label differs."""

    configurations: int
    largest: float | None
    """Largest absolute difference; null where a label is not a finite number."""
    rms: float | None
    """Root mean square difference."""
    unit: str
    """Of both numbers; energies are compared per atom."""


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
    moved: int
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
    dataset: xr.Dataset
    about: About | None = None
    provenance: ProvenanceRecord | None = None
    encoding: str | None = None
    """sha256 of the store's root document, which holds that of every file; None where there is no store."""


def difference(a: ComparedDataset, b: ComparedDataset) -> Difference:
    """What a user of ``a`` finds changed in ``b``.

    Configurations are matched by their stored ids. Both datasets are streamed; memory grows with the number of
    configurations (some hundred bytes each), not with the atoms.

    Raises
    ------
    ChecksumError
        A damaged chunk was met.
    """
    old, new = read_content(a.dataset), read_content(b.dataset)
    _, in_a, in_b = np.intersect1d(old.ids, new.ids, return_indices=True)
    order = np.argsort(in_a)
    in_a, in_b = in_a[order], in_b[order]
    removed = np.flatnonzero(~np.isin(old.ids, new.ids))
    added = np.flatnonzero(~np.isin(new.ids, old.ids))
    differs = {
        name: (old.rows[name][in_a] != new.rows[name][in_b]).any(axis=1)
        for name in VARIABLES
        if name in old.rows and name in new.rows
    }
    nothing = np.zeros(len(in_a), dtype=bool)
    relabelled = np.logical_or.reduce([nothing, *(d for n, d in differs.items() if n in LABELS)])
    moved = differs.get("split", nothing)
    changes = [
        *_count(len(removed), "configurations", "major", "{} removed"),
        *_count(int(relabelled.sum()), "labels", "major", "{} relabelled"),
        *_count(int(moved.sum()), "split", "major", "{} moved between train and validation"),
        *_count(len(added), "configurations", "minor", "{} added"),
        *_count(int(differs.get("pbc", nothing).sum()), "configurations", "major", "{} periodic along other vectors"),
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
    changes += _repeats(old, a.title) + _repeats(new, b.title)
    if not changes and None not in {a.encoding, b.encoding} and a.encoding != b.encoding:
        changes.append(Change(kind="encoding", bump="patch", message="the same content is stored in other bytes"))
    changes.sort(key=lambda change: ("major", "minor", "patch").index(change.bump))
    return Difference(
        a=a.title,
        b=b.title,
        configurations=(a.dataset.sizes[CONFIGURATION], b.dataset.sizes[CONFIGURATION]),
        atoms=(a.dataset.sizes[ATOM], b.dataset.sizes[ATOM]),
        added=len(added),
        removed=len(removed),
        relabelled=int(relabelled.sum()),
        moved=int(moved.sum()),
        label_changes={
            name: _label_change(name, a.dataset, b.dataset, in_a[differs[name]], in_b[differs[name]])
            for name in LABELS
            if name in differs and differs[name].any()
        },
        changes=tuple(changes),
        bump=largest([change.bump for change in changes]),
        spreads=(
            distribution_shift("energy_per_atom", "eV/atom", old.energy_per_atom, new.energy_per_atom),
            distribution_shift("force_rms", "eV/Å", old.force_rms, new.force_rms),
        ),
        ids=Ids(
            added=tuple(hexadecimal(_as_bytes(new.ids[added]))),
            removed=tuple(hexadecimal(_as_bytes(old.ids[removed]))),
            relabelled=tuple(hexadecimal(_as_bytes(old.ids[in_a[relabelled]]))),
            moved=tuple(hexadecimal(_as_bytes(old.ids[in_a[moved]]))),
        ),
    )


def _as_bytes(items: NDArray[np.void]) -> NDArray[np.uint8]:
    return np.frombuffer(items.tobytes(), dtype=np.uint8).reshape(-1, 16)


def _count(count: int, kind: Kind, bump: BumpName, text: str) -> Iterator[Change]:
    if count:
        plural = "configuration" if count == 1 else "configurations"
        yield Change(kind=kind, bump=bump, message=text.format(f"{count:,} {plural}"))


def _variables(a: xr.Dataset, b: xr.Dataset) -> Iterator[Change]:
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


def _repeats(content: Content, title: str) -> list[Change]:
    """A dataset with a configuration twice is compared by its first copy, and says so."""
    repeats = len(content.ids) - len(np.unique(content.ids))
    message = f"{repeats} configurations stand in {title} more than once"
    return [Change(kind="configurations", bump="patch", message=message)] if repeats else []


def _label_change(
    name: str, a: xr.Dataset, b: xr.Dataset, in_a: NDArray[np.int64], in_b: NDArray[np.int64]
) -> LabelChange:
    """How far the label ``name`` of the configurations ``in_a`` of ``a`` lies from that of ``in_b`` of ``b``."""
    worst, squares, count = 0.0, 0.0, 0
    n_atoms = a["n_atoms"].to_numpy()[in_a]
    for rows in batch_slices(n_atoms):
        old, new = (
            take(d[["n_atoms", "atomic_numbers", name]], i[rows])[name].to_numpy() for d, i in ((a, in_a), (b, in_b))
        )
        change = new.astype(np.float64) - old
        if name == "energy":
            change /= n_atoms[rows]
        worst = max(worst, float(np.abs(change).max()))
        squares, count = squares + float(np.square(change).sum()), count + change.size
    rms = float(np.sqrt(squares / count))
    return LabelChange(
        configurations=len(in_a),
        largest=worst if np.isfinite(rms) else None,
        rms=rms if np.isfinite(rms) else None,
        unit="eV/atom" if name == "energy" else VARIABLES[name].unit,
    )
