"""The length factor of a translation: lengths of the target over those of the parent."""

from dataclasses import dataclass, replace
from typing import Final, cast, get_args

import numpy as np
import xarray as xr
from ase.data import atomic_numbers
from numpy.typing import NDArray
from scipy.optimize import brentq

from foundational.data.batches import to_configurations
from foundational.data.configurations import Configurations, Labels
from foundational.data.labeller import Model
from foundational.engines.crystals.references import ReferenceCrystals
from foundational.errors import EngineError, InputError
from foundational.science.length_ratio import length_ratio
from foundational.specs.translate import Rule

#: Configurations whose virial is matched, spread evenly over the parent. Their mean differs from that of all by 0.004
#: cohesive energies per atom for ni and 0.012 for ni-5pct. Both metals have the same rows, so both sides have it.
_SAMPLE: Final = 100
#: Atoms that are scaled at a time.
_ROWS: Final = 1_048_576
#: How far the length may be from the one that matches the volume; the root is bracketed within.
_REACH: Final = 0.1


@dataclass(frozen=True)
class References:
    """Relaxed crystals of the two metals, each by its own labeller."""

    parent: ReferenceCrystals
    target: ReferenceCrystals


def rule_named(name: str) -> Rule:
    """The length match called ``name``.

    Raises
    ------
    InputError
        If there is none.
    """
    if name not in get_args(Rule):
        raise InputError(f"expected a rule among {', '.join(get_args(Rule))}, got {name!r}")
    return cast(Rule, name)


def length_factor(rule: Rule, parent: xr.Dataset, references: References, model: Model) -> float:
    """Length of the target over that of the parent, dimensionless.

    Three rules compare relaxed crystals (`length_ratio`). The fourth, ``virial``, compares hot configurations: it takes
    the length at which tr σ V / 3N, in cohesive energies, has the mean over the parent's configurations that it had in
    the parent. Sampled at zero pressure, that mean balances the kinetic pressure. So the target has the scaled
    configurations at zero pressure, at the parent's temperature in cohesive energies.

    Parameters
    ----------
    model
        Labels configurations of the target, for ``virial``.

    Raises
    ------
    InputError
        If a cohesive energy is needed and unknown.
    EngineError
        If no length within a tenth of the one that matches the volume matches the virial.
    """
    parent_crystals, target_crystals = (
        {str(name): crystal for name, crystal in reference.isotropic.items()}
        for reference in (references.parent, references.target)
    )
    if rule != "virial":
        return length_ratio(rule, parent_crystals, target_crystals)
    parent_energy, target_energy = (
        reference.cohesive_energy(reference.ground_state) for reference in (references.parent, references.target)
    )
    rows = np.unique(np.linspace(0, parent.sizes["configuration"] - 1, _SAMPLE).astype(np.int64))
    sample = to_configurations(parent, rows)
    if sample.labels is None:
        raise InputError("the rule virial needs a labelled parent")
    expected = mean_virial(sample, sample.labels) / parent_energy
    start = length_ratio("volume", parent_crystals, target_crystals)

    def excess(length: float) -> float:
        batch = scale_configurations(sample, length, references.target.element)
        return mean_virial(batch, model.label(batch)) / target_energy - expected

    low, high = start * (1 - _REACH), start * (1 + _REACH)
    if not excess(low) < 0 < excess(high):  # compression below, tension above
        raise EngineError(f"no length matches the virial of {references.target.element}; choose another rule")
    return float(brentq(excess, low, high, xtol=1e-5))


def scale_configurations(configurations: Configurations, factor: float, element: str) -> Configurations:
    """The same fractional coordinates in cells ``factor`` times as long, all atoms ``element``, without labels."""
    return replace(
        configurations,
        cell=configurations.cell * factor,
        positions=_scaled(configurations.positions, factor),
        atomic_numbers=np.full_like(configurations.atomic_numbers, atomic_numbers[element]),
        labels=None,
    )


def _scaled(positions: NDArray[np.floating], factor: float) -> NDArray[np.float32]:
    """(A, 3) Å in float32; computed in float64, piece by piece."""
    out = np.empty(positions.shape, dtype=np.float32)
    for start in range(0, len(positions), _ROWS):
        rows = slice(start, start + _ROWS)
        out[rows] = positions[rows].astype(np.float64) * factor
    return out


def mean_virial(batch: Configurations, labels: Labels) -> float:
    """Mean of tr σ V / 3N over configurations, eV per atom; positive under tension."""
    trace = np.trace(labels.stress, axis1=1, axis2=2) / 3
    return float(np.mean(trace * batch.volume / batch.n_atoms))
