"""How much longer the lengths of the target are than those of the parent."""

from typing import Final

import numpy as np
import xarray as xr
from scipy.optimize import brentq

from foundational.data.batches import to_configurations
from foundational.data.configurations import Configurations, Labels
from foundational.data.labeller import Model
from foundational.engines.crystals.references import ReferenceCrystals
from foundational.errors import EngineError, InputError
from foundational.science.length_ratio import length_ratio
from foundational.specs.translate import Rule
from foundational.stages.translate.stage import scaled

#: Configurations whose virial is matched, spread evenly over the parent.
_SAMPLE: Final = 100
#: How far the length may be from the one that matches the volume.
_REACH: Final = 0.1


def length_scale(
    rule: Rule, parent: xr.Dataset, here: ReferenceCrystals, there: ReferenceCrystals, session: Model
) -> float:
    """Length of the target over that of the parent, dimensionless.

    Three rules compare relaxed crystals (`length_ratio`). The fourth, ``virial``, compares hot configurations: it takes
    the length at which tr σ V / 3N, in cohesive energies, has the mean over the parent's configurations that it had in
    the parent. Sampled at zero pressure, that mean is what balances the kinetic pressure; so the target would hold the
    scaled configurations without pressure, at the parent's temperature in cohesive energies.

    Raises
    ------
    InputError
        If a cohesive energy is needed and unknown.
    EngineError
        If no length within a tenth of the one that matches the volume will do.
    """
    ours, theirs = ({str(name): crystal for name, crystal in c.isotropic.items()} for c in (here, there))
    if rule != "virial":
        return length_ratio(rule, ours, theirs)
    energies = [c.cohesive_energy(c.ground_state) for c in (here, there)]
    rows = np.unique(np.linspace(0, parent.sizes["configuration"] - 1, _SAMPLE).astype(np.int64))
    sample = to_configurations(parent, rows)
    if sample.labels is None:
        raise InputError("the rule virial needs a labelled parent")
    wanted = _virial(sample, sample.labels) / energies[0]
    start = length_ratio("volume", ours, theirs)

    def excess(length: float) -> float:
        batch = scaled(sample, length, there.element)
        return _virial(batch, session.label(batch)) / energies[1] - wanted

    low, high = start * (1 - _REACH), start * (1 + _REACH)
    if not excess(low) < 0 < excess(high):  # compression below, tension above
        raise EngineError(f"no length matches the virial of {there.element}; choose another rule")
    return float(brentq(excess, low, high, xtol=1e-5))


def _virial(batch: Configurations, labels: Labels) -> float:
    """Mean of tr σ V / 3N over configurations, eV per atom; positive under tension."""
    trace = np.trace(labels.stress, axis1=1, axis2=2) / 3
    return float(np.mean(trace * batch.volume / batch.n_atoms))
