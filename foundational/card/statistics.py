"""Numbers of a dataset for its card, in one streaming pass; memory grows with configurations, not with atoms."""

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from foundational.card.record import Histogram
from foundational.data.batches import iterate_batches
from foundational.data.configurations import Configurations
from foundational.data.layout import LABELS
from foundational.progress import Progress
from foundational.units import GPA

if TYPE_CHECKING:
    import xarray as xr

#: Bins of a histogram.
_BINS: Final = 40
#: eV/Å; width of the bins in which forces are counted before these are joined.
_FORCE_STEP: Final = 0.01
#: Larger forces stand in the last bin.
_LARGEST_FORCE: Final = 1000.0
#: Digits that a number of a card has.
DIGITS: Final = 6


@dataclass(frozen=True, eq=False)
class Statistics:
    """Numbers of C configurations; unknown ones are NaN."""

    n_atoms: NDArray[np.int64]
    elements: NDArray[np.int64]
    """(E,) atomic numbers."""
    composition: NDArray[np.int64]
    """(C, E) atoms of each element."""
    periodic: NDArray[np.int64]
    """(C,) number of vectors along which it is periodic."""
    volume: NDArray[np.float64]
    """(C,) Å³ for each atom; NaN where a configuration is not periodic along all vectors."""
    energy: NDArray[np.float64]
    """(C,) eV for each atom."""
    pressure: NDArray[np.float64]
    """(C,) GPa, compression positive: −tr σ / 3."""
    largest_force: NDArray[np.float64]
    """(C,) eV/Å."""
    force_counts: Counter[int]
    """Atoms by the length of their force, in steps of `_FORCE_STEP`."""
    known: dict[str, int]
    """Configurations whose label is known, by label."""


def collect(dataset: "xr.Dataset", progress: Progress | None = None) -> Statistics:
    """Read a dataset once, batch by batch.

    Raises
    ------
    ChecksumError
        A damaged chunk was met.
    """
    total = int(dataset.sizes["configuration"])
    parts: list[dict[str, NDArray[Any]]] = []
    counted: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
    forces: Counter[int] = Counter()
    for rows, batch in iterate_batches(dataset):
        if progress is not None:
            progress(rows.start, total, "reading")
        parts.append(_numbers(batch))
        counted.append(_composition(batch))
        forces.update(_force_counts(batch))
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    elements, composition = _joined(counted)
    known = {name: int(joined.pop(f"knows {name}").sum()) for name in LABELS if name in dataset}
    for name in LABELS:
        joined.pop(f"knows {name}", None)
    return Statistics(
        elements=elements,
        composition=composition,
        force_counts=forces,
        known=known,
        **joined,
    )


def _composition(c: Configurations) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(E,) elements of a batch, those above 118 as 118, and (B, E) how many atoms of each a configuration has."""
    elements, kind = np.unique(np.minimum(c.atomic_numbers, 118), return_inverse=True)
    place = c.configuration_of_atom * len(elements) + kind
    counts = np.bincount(place, minlength=len(c) * len(elements))
    return elements.astype(np.int64), counts.reshape(len(c), len(elements)).astype(np.int64)


def _joined(
    parts: list[tuple[NDArray[np.int64], NDArray[np.int64]]],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """As `_composition`, of all batches together; columns are of the elements that occur alone."""
    elements = np.unique(np.concatenate([of for of, _ in parts]))
    composition = np.zeros((sum(len(counts) for _, counts in parts), len(elements)), dtype=np.int64)
    start = 0
    for of, counts in parts:
        composition[start : start + len(counts), np.searchsorted(elements, of)] = counts
        start += len(counts)
    return elements, composition


def _numbers(c: Configurations) -> dict[str, NDArray[Any]]:
    count, start = len(c), c.offsets[:-1]
    periodic = c.pbc.sum(axis=1)
    volume = np.where(periodic == 3, c.volume, np.nan) / c.n_atoms
    energy, pressure, largest = (np.full(count, np.nan) for _ in range(3))
    knows = {f"knows {name}": np.zeros(count, dtype=bool) for name in LABELS}
    if c.labels is not None:
        energy = c.labels.energy / c.n_atoms
        pressure = -np.trace(c.labels.stress, axis1=1, axis2=2) / 3 * GPA
        length = np.linalg.norm(c.labels.forces.astype(np.float64), axis=1)
        largest = np.maximum.reduceat(length, start)
        knows["knows energy"] = ~np.isnan(energy)
        knows["knows forces"] = ~np.isnan(largest)
        knows["knows stress"] = ~np.isnan(pressure)
        if c.labels.atomic_energies is not None:
            shares = np.add.reduceat(c.labels.atomic_energies.astype(np.float64), start)
            knows["knows atomic_energies"] = ~np.isnan(shares)
    return {
        "n_atoms": c.n_atoms.astype(np.int64),
        "periodic": periodic.astype(np.int64),
        "volume": volume,
        "energy": energy,
        "pressure": pressure,
        "largest_force": largest,
        **knows,
    }


def _force_counts(c: Configurations) -> dict[int, int]:
    if c.labels is None:
        return {}
    length = np.linalg.norm(c.labels.forces.astype(np.float64), axis=1)
    steps = np.minimum(length[~np.isnan(length)], _LARGEST_FORCE) / _FORCE_STEP
    places, counts = np.unique(steps.astype(np.int64), return_counts=True)
    return dict(zip(places.tolist(), counts.tolist(), strict=True))


def histograms(found: Statistics, symbols: tuple[str, ...]) -> tuple[Histogram, ...]:
    """Histograms of every quantity that is known and not the same in all configurations.

    Parameters
    ----------
    symbols
        Of the elements; the share of each is shown where there are several.
    """
    drawn = [
        _histogram("energy per atom", "eV/atom", found.energy),
        _force_histogram(found.force_counts),
        _histogram("pressure (compression positive)", "GPa", found.pressure),
        _histogram("volume per atom", "Å³/atom", found.volume),
        _histogram("atoms of a configuration", "", found.n_atoms.astype(np.float64)),
    ]
    if len(symbols) > 1:
        shares = found.composition / found.n_atoms[:, None]
        drawn += [_histogram(f"share of {symbol}", "", shares[:, e]) for e, symbol in enumerate(symbols)]
    return tuple(histogram for histogram in drawn if histogram is not None)


def _histogram(quantity: str, unit: str, values: NDArray[np.float64]) -> Histogram | None:
    known = values[np.isfinite(values)]
    if not known.size or known.min() == known.max():
        return None
    # One far outlier would leave the rest in a single bin.
    low, high = _range(known)
    edges = np.linspace(low, high, _BINS + 1)
    counts, _ = np.histogram(np.clip(known, low, high), edges)
    return Histogram(
        quantity=quantity,
        unit=unit,
        of="configurations",
        known=int(known.size),
        edges=numbers(edges),
        counts=tuple(counts.tolist()),
        minimum=number(known.min()),
        median=number(np.median(known)),
        maximum=number(known.max()),
    )


def _range(known: NDArray[np.float64]) -> tuple[float, float]:
    """The range that bins cover: all numbers, except a few far beyond the middle 99 %."""
    low, high = float(known.min()), float(known.max())
    first, last = (float(q) for q in np.quantile(known, [0.005, 0.995]))
    wide = 1.5 * (last - first)
    return (max(low, first - wide), min(high, last + wide)) if wide > 0 else (low, high)


def _force_histogram(counts: Counter[int]) -> Histogram | None:
    total = sum(counts.values())
    if not total or max(counts) == min(counts):
        return None
    places = np.array(sorted(counts))
    sums = np.cumsum([counts[int(place)] for place in places])
    # Bins join whole steps, so that each force is counted in one bin; the last holds the largest 0.5 %.
    last = int(places[np.searchsorted(sums, 0.995 * total)])
    join = max(1, -(-(last + 1) // _BINS))
    bins = np.zeros(_BINS, dtype=np.int64)
    np.add.at(bins, np.minimum(places // join, _BINS - 1), [counts[int(place)] for place in places])
    middle = int(places[np.searchsorted(sums, total / 2)])
    return Histogram(
        quantity="force on an atom",
        unit="eV/Å",
        of="atoms",
        known=total,
        edges=numbers(np.arange(_BINS + 1) * join * _FORCE_STEP),
        counts=tuple(bins.tolist()),
        minimum=number(int(places[0]) * _FORCE_STEP),
        median=number(middle * _FORCE_STEP),
        maximum=number((int(places[-1]) + 1) * _FORCE_STEP),
    )


def number(value: float) -> float:
    """A number with the digits of a card; so its text depends on no last bit.

    >>> number(1.23456789), number(-0.0)
    (1.23457, 0.0)
    """
    return float(f"{float(value):.{DIGITS}g}") + 0.0


def numbers(values: Any) -> tuple[float, ...]:
    """Numbers of an array with the digits of a card."""
    return tuple(number(value) for value in np.asarray(values, dtype=np.float64).ravel().tolist())


def known_numbers(values: NDArray[np.float64]) -> tuple[float | None, ...]:
    """Numbers of an array with the digits of a card; None where one is not known."""
    return tuple(number(value) if np.isfinite(value) else None for value in values.tolist())
