"""Volumes of an alloy: those at which hot decorated configurations have the virial that the parent's have."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.optimize import brentq

from foundational.data.batches import to_configurations
from foundational.data.configurations import Configurations
from foundational.engines.crystals.references import ReferenceCrystals
from foundational.errors import EngineError, InputError
from foundational.labelling.session import LabellingSession
from foundational.science.alloys.composition import formula
from foundational.science.alloys.decoration import Mixture
from foundational.science.alloys.volume import AlloyVolume, fitted_volume, measured_compositions
from foundational.specs.translate import VolumeRule
from foundational.stages.decorate.decorations import Source, decorated, shares_of
from foundational.stages.translate.length_scale import mean_virial

#: The measured volume is looked for within this share of that between the pure elements, in steps of the second.
_REACH: Final = 0.35
_STEP: Final = 0.1
_TOLERANCE: Final = 1e-4


@dataclass(frozen=True)
class AlloyReferences:
    """Relaxed crystals of the parent's element and of each element of the alloy, in the order of their numbers."""

    parent: ReferenceCrystals
    elements: tuple[ReferenceCrystals, ...]

    @property
    def volumes(self) -> tuple[float, ...]:
        """Å³ per atom of the pure elements' ground states."""
        return tuple(reference.ground_volume for reference in self.elements)

    def cohesive_energies(self) -> NDArray[np.float64]:
        """(E,) eV per atom of the pure elements' ground states.

        Raises
        ------
        InputError
            If the energy of an isolated atom is unknown.
        """
        if unknown := [r.element for r in self.elements if r.isolated_energy is None]:
            raise InputError(
                f"cohesive energies need energies of isolated atoms of {', '.join(unknown)}, which "
                f"{self.elements[0].labeller.id} does not state; use --rule vegard and --order without short-range"
            )
        return np.array([r.cohesive_energy(r.ground_state) for r in self.elements])


@dataclass(frozen=True)
class MeasuredVolume:
    """A volume by composition, and what was measured for it."""

    volume: AlloyVolume
    rule: VolumeRule
    points: tuple[dict[str, Any], ...] = ()
    """Each measured composition with its relative excess of volume and the virials that were compared."""
    target: float | None = None
    """Mean of −tr σ V / 3N over the parent's configurations, cohesive energies per atom."""

    def record(self) -> dict[str, Any]:
        """For provenance.json."""
        content: dict[str, Any] = {"rule": self.rule, "pure_A3": list(self.volume.pure)}
        return content | ({"parent_virial": self.target, "measured": list(self.points)} if self.points else {})


def alloy_volume(
    rule: VolumeRule,
    parent: xr.Dataset,
    source: Source,
    references: AlloyReferences,
    mixture: Mixture,
    sample: int,
    session: LabellingSession,
    seed: int,
) -> MeasuredVolume:
    """The volume per atom by composition.

    ``vegard`` is the straight line between the pure elements. ``virial`` compares hot configurations: at each measured
    composition it takes the volume at which the mean of tr σ V / 3N, in cohesive energies, is that of the parent. The
    parent was sampled at one pressure, and so the alloy's configurations are at the same one, in these units.

    Parameters
    ----------
    source
        The parent's own configurations.
    sample
        How many of them, spread evenly.

    Raises
    ------
    InputError
        If a cohesive energy is needed and unknown, or the parent has no stresses.
    EngineError
        If no volume within a third has that virial.
    """
    straight = AlloyVolume(references.volumes)
    if rule == "vegard":
        return MeasuredVolume(straight, rule)
    known = _with_stress(parent)
    if not len(known):
        raise InputError("the rule virial needs periodic configurations with stresses; use --rule vegard")
    rows = known[np.unique(np.linspace(0, len(known) - 1, sample).astype(np.int64))]
    labelled = to_configurations(parent, rows)
    assert labelled.labels is not None
    parent_energy = references.parent.cohesive_energy(references.parent.ground_state)
    target = mean_virial(labelled, labelled.labels) / parent_energy
    energies = references.cohesive_energies()
    symbols = [reference.element for reference in references.elements]
    few, once = source.take(rows), np.ones(len(rows), dtype=np.int64)
    compositions = measured_compositions(len(symbols))
    excess, points = np.empty(len(compositions)), []
    for number, shares in enumerate(compositions):
        at = replace(mixture, compositions=(tuple(shares.tolist()),))
        batch = decorated(few, at, symbols, once, seed, "volume").configurations
        found = shares_of(batch, symbols)

        def difference(relative: float, batch: Configurations = batch, found: NDArray[np.float64] = found) -> float:
            volume = straight.per_atom(found) * (1 + relative)
            scaled = at_volume(batch, volume, references.parent.ground_volume)
            return mean_virial(scaled, session.label(scaled)) / float((found @ energies).mean()) - target

        name = formula(shares, symbols)
        excess[number] = _root(difference, name)
        points.append({"composition": name, "excess": round(float(excess[number]), 6)})
    return MeasuredVolume(fitted_volume(references.volumes, excess), rule, tuple(points), target)


def _with_stress(parent: xr.Dataset) -> NDArray[np.int64]:
    """Rows of periodic configurations of several atoms whose stress is known."""
    if "stress" not in parent:
        return np.zeros(0, dtype=np.int64)
    stress = np.isfinite(parent["stress"].to_numpy()).all(axis=(1, 2))
    return np.flatnonzero(stress & parent["pbc"].to_numpy().all(axis=1) & (parent["n_atoms"].to_numpy() > 1))


def _root(difference: Callable[[float], float], name: str) -> float:
    """The relative excess at which ``difference`` vanishes; it is negative under compression."""
    low, high = -_STEP, _STEP
    below = difference(low)
    while below > 0 and low > -_REACH:
        low = max(low - _STEP, -_REACH)
        below = difference(low)
    above = difference(high)
    while above < 0 and high < _REACH:
        high = min(high + _STEP, _REACH)
        above = difference(high)
    if below > 0 or above < 0:
        raise EngineError(
            f"{name}: no volume within {_REACH:.0%} of that between the pure elements has the virial of the parent; "
            "use --rule vegard"
        )
    return float(brentq(difference, low, high, xtol=_TOLERANCE))


def at_volume(
    configurations: Configurations, volume_per_atom: NDArray[np.float64], parent_volume: float
) -> Configurations:
    """Cells and positions scaled by the cube root of ``volume_per_atom`` (C,) over that of the parent's metal."""
    factor = (volume_per_atom / parent_volume) ** (1 / 3)
    of_atoms = factor[configurations.configuration_of_atom]
    positions = (configurations.positions.astype(np.float64) * of_atoms[:, None]).astype(np.float32)
    return replace(configurations, cell=configurations.cell * factor[:, None, None], positions=positions)
