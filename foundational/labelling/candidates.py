"""Configurations that are about to be labelled, and the dataset of those that passed the guards."""

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from foundational.data.configurations import Configurations
from foundational.data.conversion import to_dataset
from foundational.data.distances import shortest_distances
from foundational.data.fingerprint import hexadecimal
from foundational.errors import EngineError
from foundational.labelling.session import LabellingSession

#: Variables that a configuration keeps when it is changed: where it came from, not what its labels were.
CARRIED: Final = ("order_parameter", "walker", "step", "selection_round", "split")
#: Variables that it keeps, too, when only its labels change.
UNCHANGED: Final = ("volume", "selection_reason", "role", "decoration")


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
    ids = hexadecimal(candidates.parent["id"].to_numpy())
    excluded: list[Excluded] = []
    if minimum_distance is not None:
        distance = shortest_distances(candidates.configurations)
        excluded += [
            Excluded(ids[candidates.rows[c]], f"atoms {distance[c]:.3f} Å apart, less than {minimum_distance:.3f} Å")
            for c in np.flatnonzero(distance < minimum_distance).tolist()
        ]
        candidates = candidates.take(np.flatnonzero(distance >= minimum_distance))
    if minimum_volume is not None:
        volume = candidates.configurations.volume / candidates.configurations.n_atoms
        dense = ~candidates.configurations.without_volume & (volume < minimum_volume)
        excluded += [
            Excluded(ids[candidates.rows[c]], f"{volume[c]:.3f} Å³ an atom, less than {minimum_volume:.3f} Å³")
            for c in np.flatnonzero(dense).tolist()
        ]
        candidates = candidates.take(np.flatnonzero(~dense))
    if not len(candidates.configurations):
        raise EngineError(f"all {len(ids)} configurations were filtered before labelling; the scale cannot be right")
    survivors = session.label_survivors(candidates.configurations)
    excluded += [Excluded(ids[candidates.rows[c]], reason) for c, reason in survivors.failures.items()]
    labelled, labels = candidates.take(survivors.rows), survivors.labels
    if maximum_force is not None:
        lengths = np.linalg.norm(labels.forces.astype(np.float64), axis=1)
        force = np.maximum.reduceat(lengths, labelled.configurations.offsets[:-1])
        weak = np.flatnonzero(force <= maximum_force)
        excluded += [
            Excluded(ids[labelled.rows[c]], f"a force of {force[c]:.1f} eV/Å, more than {maximum_force:g} eV/Å")
            for c in np.flatnonzero(force > maximum_force).tolist()
        ]
        kept_labels = labelled.configurations.with_labels(labels).take(weak).labels
        labelled, labels = labelled.take(weak), kept_labels or labels
    if not len(labelled.configurations):
        raise EngineError(f"all {len(ids)} configurations were filtered after labelling: {excluded[-1].reason}")
    energy = _comparable(labelled.configurations, labels.energy)
    passed = (energy <= energy.min() + maximum_energy) | (labelled.configurations.n_atoms == 1)
    excluded += [
        Excluded(
            ids[labelled.rows[c]],
            f"{energy[c] - energy.min():.3f} eV/atom above the lowest, more than {maximum_energy}",
        )
        for c in np.flatnonzero(~passed).tolist()
    ]
    kept = np.flatnonzero(passed)
    parent, rows = candidates.parent, labelled.rows[kept]
    variables = {name: parent[name].to_numpy()[rows] for name in candidates.carried if name in parent}
    variables |= {name: column[kept] for name, column in labelled.columns.items()}
    if survivors.labels.scf is not None:
        steps, residual = survivors.labels.scf[kept].T
        variables |= {"scf_steps": steps.astype(np.int32), "scf_residual": residual}
    dataset = to_dataset(
        labelled.configurations.with_labels(labels).take(kept),
        attrs={"element": element, "labeller": session.id},
        parent_id=parent["id"].to_numpy()[rows],
        **variables,
    )
    return LabelledSet(dataset, tuple(excluded))


def _comparable(configurations: Configurations, energy: NDArray[np.float64]) -> NDArray[np.float64]:
    """(C,) eV: energies per atom; of several elements less one energy for all atoms of each, by least squares."""
    per_atom = energy / configurations.n_atoms
    elements = np.unique(configurations.atomic_numbers)
    if len(elements) == 1:
        return per_atom
    owner, count = configurations.configuration_of_atom, len(configurations)
    counts = np.stack([np.bincount(owner, configurations.atomic_numbers == z, count) for z in elements], axis=1)
    shares = counts / configurations.n_atoms[:, None]
    rest: NDArray[np.float64] = per_atom - shares @ np.linalg.lstsq(shares, per_atom, rcond=None)[0]
    return rest
