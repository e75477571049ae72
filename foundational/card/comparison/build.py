"""The record of a change from two open datasets and their difference."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from foundational.card.comparison.record import STATES, ChangeRecord, GroupChange, PairedHistogram
from foundational.card.points import MOST_POINTS, groups
from foundational.card.record import Column, ConfigurationMap, Part
from foundational.card.statistics import Statistics, collect, known_numbers, numbers
from foundational.data.fingerprint import hexadecimal
from foundational.evaluation.physics_change import PhysicsChange
from foundational.progress import Progress
from foundational.release.comparison.difference import ComparedDataset, Difference

_BINS = 40


def build_change(
    a: ComparedDataset,
    b: ComparedDataset,
    found: Difference,
    physics: PhysicsChange | None = None,
    *,
    progress: Progress | None = None,
) -> ChangeRecord:
    """The record of the change from ``a`` to ``b``; the same input gives the same record.

    Raises
    ------
    ChecksumError
        A damaged chunk was met.
    """
    old, new = collect(a.dataset, progress), collect(b.dataset, progress)
    old_ids, new_ids = (hexadecimal(side.dataset["id"].to_numpy()) for side in (a, b))
    marks = {
        state: set(ids)
        for state, ids in (
            ("relabelled", found.ids.relabelled),
            ("moved", found.ids.moved),
            ("added", found.ids.added),
            ("removed", found.ids.removed),
        )
    }
    title, changed = _groups(a, b, (old_ids, new_ids), marks)
    states = np.array([_state(key, marks, "added") for key in new_ids], dtype=np.int64)
    gone = np.flatnonzero([key in marks["removed"] for key in old_ids])
    return ChangeRecord(
        difference=found,
        fingerprints=tuple(None if side.provenance is None else side.provenance.output.fingerprint for side in (a, b)),
        groups_title=title,
        groups=changed,
        histograms=tuple(h for h in _histograms(old, new) if h is not None),
        states=tuple(
            Part(name=state, configurations=int((states == i).sum()) + (len(gone) if state == "removed" else 0))
            for i, state in enumerate(STATES)
        ),
        map=_map(old, new, gone, states, (old_ids, new_ids)),
        physics=physics,
    )


def _state(key: str, marks: dict[str, set[str]], new: str) -> int:
    """The place among `STATES` of a configuration of the second dataset."""
    for state in (new, "relabelled", "moved"):
        if key in marks[state]:
            return STATES.index(state)
    return 0


def _groups(
    a: ComparedDataset, b: ComparedDataset, ids: tuple[list[str], list[str]], marks: dict[str, set[str]]
) -> tuple[str | None, tuple[GroupChange, ...]]:
    """Groups of both datasets, where both are grouped in the same way."""
    both = groups(a.dataset), groups(b.dataset)
    known = [side for side in both if side is not None]
    if len({grouped.title for grouped, _ in known}) != 1:
        return None, ()
    names = list(dict.fromkeys(part.name for grouped, _ in known for part in grouped.parts))
    counts = {name: [0, 0, 0, 0] for name in names}
    for place, (side, keys, state) in enumerate(zip(both, ids, ("removed", "added"), strict=True)):
        if side is None:
            continue
        grouped, codes = side
        for code, key in zip(codes.tolist(), keys, strict=True):
            row = counts[grouped.parts[code].name]
            row[place] += 1
            row[3 - place] += key in marks[state]
    changes = [
        GroupChange(name=name, before=row[0], after=row[1], added=row[2], removed=row[3])
        for name, row in counts.items()
    ]
    return known[0][0].title, tuple(changes)


def _histograms(old: Statistics, new: Statistics) -> list[PairedHistogram | None]:
    return [
        _paired("energy per atom", "eV/atom", old.energy, new.energy),
        _paired("largest force", "eV/Å", old.largest_force, new.largest_force),
        _paired("pressure (compression positive)", "GPa", old.pressure, new.pressure),
        _paired("volume per atom", "Å³/atom", old.volume, new.volume),
        _paired("atoms of a configuration", "", old.n_atoms.astype(float), new.n_atoms.astype(float)),
    ]


def _paired(quantity: str, unit: str, a: NDArray[np.float64], b: NDArray[np.float64]) -> PairedHistogram | None:
    """Both in the bins of all numbers; None where nothing is known, or all numbers are the same."""
    sides = [side[np.isfinite(side)] for side in (a, b)]
    whole = np.concatenate(sides)
    if not whole.size or whole.min() == whole.max():
        return None
    low, high = (float(q) for q in np.quantile(whole, [0.001, 0.999]))
    if low == high:
        low, high = float(whole.min()), float(whole.max())
    edges = np.linspace(low, high, _BINS + 1)
    counts = [np.histogram(np.clip(side, low, high), edges)[0] for side in sides]
    return PairedHistogram(
        quantity=quantity,
        unit=unit,
        of="configurations",
        edges=numbers(edges),
        a=tuple(counts[0].tolist()),
        b=tuple(counts[1].tolist()),
    )


def _map(
    old: Statistics,
    new: Statistics,
    gone: NDArray[np.int64],
    states: NDArray[np.int64],
    ids: tuple[list[str], list[str]],
) -> ConfigurationMap:
    """Points of the second dataset and of what was removed; what changed is thinned last."""
    total = len(states) + len(gone)
    everything = np.concatenate([states, np.full(len(gone), STATES.index("removed"), dtype=np.int64)])
    changed, equal = np.flatnonzero(everything), np.flatnonzero(everything == 0)
    changed = changed[_spread(len(changed), MOST_POINTS)]
    equal = equal[_spread(len(equal), max(0, MOST_POINTS - len(changed)))]
    rows = np.concatenate([equal, changed])

    def joined(name: str) -> Any:
        return np.concatenate([getattr(new, name), getattr(old, name)[gone]])[rows]

    columns = {}
    for name, title, unit in (
        ("volume", "volume per atom", "Å³/atom"),
        ("energy", "energy per atom", "eV/atom"),
        ("pressure", "pressure", "GPa"),
        ("largest_force", "largest force", "eV/Å"),
    ):
        values = joined(name)
        if np.isfinite(values).any():
            columns[name] = Column(title=title, unit=unit, values=known_numbers(values))
    columns["state"] = Column(title="change", unit="", codes=tuple(everything[rows].tolist()), meanings=STATES)
    keys = [*ids[1], *(ids[0][i] for i in gone)]
    return ConfigurationMap(total=total, rows=tuple(rows.tolist()), ids=tuple(keys[i] for i in rows), columns=columns)


def _spread(total: int, count: int) -> Any:
    if total <= count:
        return np.arange(total)
    return np.unique(np.linspace(0, total - 1, count).round().astype(np.int64)) if count else np.arange(0)
