"""Do forces belong to the positions beside them, or to those of another configuration.

The energies of exchanged labels may be equal, so energies alone do not show it. Forces of the pair potential that was
fitted to all forces go with the stored ones in each configuration, also at surfaces and defects; with those of another
configuration they do not.
"""

from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from foundational.checks.collection import Collection
from foundational.checks.consistency import PairModel
from foundational.checks.limits import CheckLimits
from foundational.checks.pairs import forces_of_pairs
from foundational.checks.report import Finding, found, not_applicable, passed, places
from foundational.data.batches import to_configurations

if TYPE_CHECKING:
    import xarray as xr

#: Atoms that are compared, about two seconds of CPU time, and how many of them at a time.
_ATOMS: Final = 200_000
_BATCH: Final = 20_000
#: Fewest atoms of a configuration: the forces of fewer correlate by chance.
_LEAST: Final = 4
#: Of the median: smaller forces are too small to be compared, as at equilibrium.
_SMALL: Final = 0.3
#: Correlation of forces in one configuration below which they belong to another one; public sets stay above 0.8.
_FOREIGN: Final = 0.5
_RULE: Final = "forces against positions"


def check_belonging(model: PairModel | None, dataset: "xr.Dataset", data: Collection, limits: CheckLimits) -> Finding:
    """Configurations whose forces do not go with those of the pair potential, where those of most others do."""
    if model is None:
        return not_applicable(_RULE, "too few periodic configurations with forces")
    large = data.mean_force > _SMALL * np.nanmedian(data.mean_force[model.rows])
    rows = np.flatnonzero(data.periodic & (data.n_atoms >= _LEAST) & large & ~data.built)
    total = int(data.n_atoms[rows].sum())
    if total > _ATOMS:
        rows = rows[np.unique(np.linspace(0, len(rows) - 1, int(len(rows) * _ATOMS / total)).astype(np.int64))]
    if not rows.size:
        return not_applicable(_RULE, "no configuration of several atoms has forces that are large enough")
    correlation = _correlations(model, dataset, data, rows)
    typical = float(np.median(correlation))
    if typical < limits.correlation:
        return not_applicable(_RULE, f"the comparison determines nothing (median correlation {typical:.2f})")
    foreign = rows[correlation < _FOREIGN]
    if foreign.size:
        return found(
            _RULE,
            "defect",
            f"the forces of {len(foreign)} configurations do not go with their positions ({places(foreign)}; "
            f"correlation {correlation.min():.2f}, {typical:.2f} in most)",
            "look for labels of another frame, or for atoms in another order; exclude or relabel these",
            foreign.tolist(),
        )
    part = "" if total <= _ATOMS else f" in {len(rows):,} configurations, evenly spread"
    return passed(_RULE, f"forces go with positions{part} (correlation {correlation.min():.2f} and more)")


def _correlations(
    model: PairModel, dataset: "xr.Dataset", data: Collection, rows: NDArray[np.int64]
) -> NDArray[np.float64]:
    """(R,) correlation of the stored forces with those of the pair potential in each configuration, about zero."""
    parts = []
    batch = np.cumsum(data.n_atoms[rows]) // _BATCH
    for members in np.split(rows, np.flatnonzero(np.diff(batch)) + 1):
        c = to_configurations(dataset, members)
        assert c.labels is not None
        expected = forces_of_pairs(c, data.basis, model.coefficients)
        stored = c.labels.forces.astype(np.float64)
        start = c.offsets[:-1]
        norm = np.sqrt(_product(expected, expected, start) * _product(stored, stored, start))
        parts.append(_product(expected, stored, start) / np.maximum(norm, 1e-300))
    return np.concatenate(parts)


def _product(a: NDArray[np.float64], b: NDArray[np.float64], start: NDArray[np.integer]) -> NDArray[np.float64]:
    """(C,) sums of a · b over the atoms of each configuration, which begin at ``start``."""
    total: NDArray[np.float64] = np.add.reduceat((a * b).sum(axis=1), start)
    return total
