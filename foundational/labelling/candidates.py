"""Configurations that are about to be labelled, and the dataset of those that passed the guards."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from foundational.data.batches import batch_slices, iterate_places, take
from foundational.data.configurations import Configurations, Labels
from foundational.data.conversion import to_dataset
from foundational.data.distances import shortest_distances
from foundational.data.fingerprint import hexadecimal
from foundational.data.layout import LAYOUT_VERSION
from foundational.data.store import open_store
from foundational.data.streaming.store_writer import StoreWriter
from foundational.elements import NUMBERS
from foundational.errors import EngineError
from foundational.labelling.session import LabellingSession

#: Variables that a configuration keeps when it is changed: where it came from, not what its labels were.
CARRIED: Final = ("order_parameter", "walker", "step", "selection_round", "split", "recipe")
#: Variables that it keeps, too, when only its labels change.
UNCHANGED: Final = ("volume", "selection_reason", "role", "decoration")


#: Atoms of candidates that are labelled in memory together, where a session has a place on disk for more.
_IN_MEMORY: Final = 4_000_000
#: Atoms of a batch that goes to disk.
_BATCH: Final = 1_048_576


@dataclass(frozen=True)
class Excluded:
    """One configuration that is not in the result."""

    parent_id: str
    """Id of the configuration that it came from, in hexadecimal."""
    reason: str


@dataclass(frozen=True, eq=False)
class Candidates:
    """Configurations to label, each from a row of a parent dataset."""

    parent: xr.Dataset
    configurations: Configurations
    rows: NDArray[np.int64]
    """(C,) the row of the parent that each came from."""
    carried: tuple[str, ...] = CARRIED
    """Variables whose values are those of the parent's row."""
    columns: dict[str, NDArray[Any]] = field(default_factory=dict)
    """Variables of the candidates themselves, (C,) each."""

    def take(self, indices: NDArray[np.int64]) -> "Candidates":
        """The candidates ``indices``, in that order."""
        columns = {name: column[indices] for name, column in self.columns.items()}
        return Candidates(self.parent, self.configurations.take(indices), self.rows[indices], self.carried, columns)


@dataclass(frozen=True)
class LabelledSet:
    """A labelled dataset, and which candidates are not in it."""

    dataset: xr.Dataset
    excluded: tuple[Excluded, ...]


def label_candidates(
    candidates: Candidates,
    element: str,
    session: LabellingSession,
    maximum_energy: float,
    *,
    minimum_distance: float | None = None,
    minimum_volume: float | None = None,
    maximum_force: float | None = None,
) -> LabelledSet:
    """Label ``candidates`` of ``element`` and exclude what no set should hold.

    Excluded are, in this order, candidates with atoms closer than ``minimum_distance`` and those denser than
    ``minimum_volume``, before any label; those on which the labeller fails; those with a force above ``maximum_force``;
    and those whose energy per atom is more than ``maximum_energy`` above the lowest. Of several compositions the
    energies are those above one energy for all atoms of an element, fitted to the set. Single atoms, which may be
    free, stay.

    Parameters
    ----------
    maximum_energy
        eV per atom above the lowest energy per atom of the set.
    minimum_distance
        Å; None: atoms may be as close as the labeller allows.
    minimum_volume
        Å³ an atom; None: any.
    maximum_force
        eV/Å; None: forces may be as large as the labeller gives.

    Raises
    ------
    EngineError
        If nothing is left.
    """
    limits = _Limits(maximum_energy, minimum_distance, minimum_volume, maximum_force)
    if session.spool is not None and len(candidates.configurations.atomic_numbers) > _IN_MEMORY:
        return _streamed(candidates, element, session, limits)
    found = _Filtered(candidates.parent)
    labelled, labels = _labelled(candidates, session, limits, found)
    found.require_some(len(labelled.configurations))
    passed = _low_enough(_Energies.of(labelled.configurations, labels), maximum_energy, labelled.rows, found)
    kept = np.flatnonzero(passed)
    taken = labelled.configurations.with_labels(labels).take(kept)
    return LabelledSet(_stored(labelled.take(kept), taken, element, session.id), found.excluded)


@dataclass(frozen=True)
class _Limits:
    maximum_energy: float
    minimum_distance: float | None
    minimum_volume: float | None
    maximum_force: float | None


class _Filtered:
    """Candidates that are excluded, by the reason, in the order of the reasons."""

    def __init__(self, parent: xr.Dataset) -> None:
        self.ids = parent["id"].to_numpy()
        self._parts: tuple[list[Excluded], ...] = ([], [], [], [], [])
        self.labelled = 0
        """Candidates that reached the labeller."""

    def add(self, kind: int, row: int, reason: str) -> None:
        """One that came from ``row`` of the parent."""
        self._parts[kind].append(Excluded(hexadecimal(self.ids[row : row + 1])[0], reason))

    @property
    def excluded(self) -> tuple[Excluded, ...]:
        """All of them."""
        return tuple(entry for part in self._parts for entry in part)

    def require_some(self, count: int) -> None:
        """EngineError where nothing is left."""
        if not self.labelled:
            raise EngineError(
                f"all {len(self.ids)} configurations were filtered before labelling; the scale cannot be right"
            )
        if not count:
            reason = self.excluded[-1].reason
            raise EngineError(f"all {len(self.ids)} configurations were filtered after labelling: {reason}")


def _labelled(
    candidates: Candidates, session: LabellingSession, limits: _Limits, found: _Filtered
) -> tuple[Candidates, Labels]:
    """Those of ``candidates`` with atoms far enough apart and small enough forces, on which the labeller works."""
    if limits.minimum_distance is not None:
        distance = shortest_distances(candidates.configurations)
        for c in np.flatnonzero(distance < limits.minimum_distance).tolist():
            text = f"atoms {distance[c]:.3f} Å apart, less than {limits.minimum_distance:.3f} Å"
            found.add(0, int(candidates.rows[c]), text)
        candidates = candidates.take(np.flatnonzero(distance >= limits.minimum_distance))
    if limits.minimum_volume is not None:
        volume = candidates.configurations.volume / candidates.configurations.n_atoms
        dense = ~candidates.configurations.without_volume & (volume < limits.minimum_volume)
        for c in np.flatnonzero(dense).tolist():
            text = f"{volume[c]:.3f} Å³ an atom, less than {limits.minimum_volume:.3f} Å³"
            found.add(1, int(candidates.rows[c]), text)
        candidates = candidates.take(np.flatnonzero(~dense))
    if not len(candidates.configurations):
        return candidates, Labels(np.zeros(0), np.zeros((0, 3), np.float32), np.zeros((0, 3, 3)))
    found.labelled += len(candidates.configurations)
    survivors = session.label_survivors(candidates.configurations)
    for c, reason in survivors.failures.items():
        found.add(2, int(candidates.rows[c]), reason)
    labelled, labels = candidates.take(survivors.rows), survivors.labels
    if limits.maximum_force is not None:
        lengths = np.linalg.norm(labels.forces.astype(np.float64), axis=1)
        force = np.maximum.reduceat(lengths, labelled.configurations.offsets[:-1])
        weak = np.flatnonzero(force <= limits.maximum_force)
        for c in np.flatnonzero(force > limits.maximum_force).tolist():
            text = f"a force of {force[c]:.1f} eV/Å, more than {limits.maximum_force:g} eV/Å"
            found.add(3, int(labelled.rows[c]), text)
        kept_labels = labelled.configurations.with_labels(labels).take(weak).labels
        labelled, labels = labelled.take(weak), kept_labels or labels
    return labelled, labels


@dataclass(frozen=True, eq=False)
class _Energies:
    """What decides whether a configuration is too high in energy."""

    energy: NDArray[np.float64]
    """(C,) eV."""
    n_atoms: NDArray[np.int32]
    counts: dict[int, NDArray[np.int64]]
    """(C,) atoms of each element, by atomic number."""

    @classmethod
    def of(cls, configurations: Configurations, labels: Labels) -> Self:
        owner, count = configurations.configuration_of_atom, len(configurations)
        numbers = configurations.atomic_numbers
        counts = {z: np.bincount(owner, numbers == z, count) for z in np.unique(numbers).tolist()}
        return cls(labels.energy, configurations.n_atoms, counts)

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        elements = sorted({z for part in parts for z in part.counts})
        none = [np.zeros(len(part.energy)) for part in parts]
        return cls(
            np.concatenate([part.energy for part in parts]),
            np.concatenate([part.n_atoms for part in parts]),
            {z: np.concatenate([p.counts.get(z, zero) for p, zero in zip(parts, none, strict=True)]) for z in elements},
        )

    @property
    def comparable(self) -> NDArray[np.float64]:
        """(C,) eV: energies per atom; of several elements less one energy for all atoms of each, by least squares."""
        per_atom = self.energy / self.n_atoms
        if len(self.counts) == 1:
            return per_atom
        shares = np.stack([self.counts[z] for z in sorted(self.counts)], axis=1) / self.n_atoms[:, None]
        rest: NDArray[np.float64] = per_atom - shares @ np.linalg.lstsq(shares, per_atom, rcond=None)[0]
        return rest


def _low_enough(energies: _Energies, maximum: float, rows: NDArray[np.int64], found: _Filtered) -> NDArray[np.bool_]:
    """(C,) whether the energy per atom is at most ``maximum`` above the lowest."""
    energy = energies.comparable
    passed: NDArray[np.bool_] = (energy <= energy.min() + maximum) | (energies.n_atoms == 1)
    for c in np.flatnonzero(~passed).tolist():
        found.add(4, int(rows[c]), f"{energy[c] - energy.min():.3f} eV/atom above the lowest, more than {maximum}")
    return passed


def _stored(candidates: Candidates, configurations: Configurations, element: str, labeller: str) -> xr.Dataset:
    """The dataset of labelled ``configurations``, those of ``candidates``."""
    parent, rows = candidates.parent, candidates.rows
    variables = {name: parent[name][rows].to_numpy() for name in candidates.carried if name in parent}
    variables |= candidates.columns
    if configurations.labels is not None and configurations.labels.scf is not None:
        steps, residual = configurations.labels.scf.T
        variables |= {"scf_steps": steps.astype(np.int32), "scf_residual": residual}
    return to_dataset(
        configurations,
        attrs={"element": element, "labeller": labeller},
        parent_id=parent["id"][rows].to_numpy(),
        **variables,
    )


def _streamed(candidates: Candidates, element: str, session: LabellingSession, limits: _Limits) -> LabelledSet:
    """As `label_candidates`, of many candidates: their labels go to disk batch by batch, and the dataset is lazy."""
    assert session.spool is not None
    found, energies, rows = _Filtered(candidates.parent), [], []
    writer = StoreWriter(session.spool / "labelled.zarr")
    elements: set[str] = set()
    for part in batch_slices(candidates.configurations.n_atoms, _BATCH):
        labelled, labels = _labelled(candidates.take(np.arange(part.start, part.stop)), session, limits, found)
        if not len(labelled.configurations):
            continue
        batch = _stored(labelled, labelled.configurations.with_labels(labels), element, session.id)
        writer.append(batch)
        elements |= set(batch.attrs["elements"])
        energies.append(_Energies.of(labelled.configurations, labels))
        rows.append(labelled.rows)
    found.require_some(writer.count)
    attrs = {"elements": sorted(elements, key=NUMBERS.__getitem__), "element": element, "labeller": session.id}
    writer.seal(attrs)
    dataset = open_store(session.spool / "labelled.zarr")
    passed = _low_enough(_Energies.joined(energies), limits.maximum_energy, np.concatenate(rows), found)
    if not passed.all():
        few = StoreWriter(session.spool / "kept.zarr")
        for place in iterate_places(dataset, _BATCH):
            batch = place.of(dataset).load()
            few.append(take(batch, np.flatnonzero(passed[place.rows])))
        few.seal(attrs)
        dataset = open_store(session.spool / "kept.zarr")
    return LabelledSet(dataset.assign_attrs(layout=LAYOUT_VERSION, elements=attrs["elements"]), found.excluded)
