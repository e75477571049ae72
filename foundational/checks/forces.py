"""Forces that do not sum to zero, and zeros in place of what is not known."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from foundational.checks.collection import Collection
from foundational.checks.limits import CheckLimits
from foundational.checks.pairs import pair_basis, pair_forces, pair_reach
from foundational.checks.report import Finding, found, not_applicable, passed, places
from foundational.data.batches import to_configurations

if TYPE_CHECKING:
    import xarray as xr

#: Length of a sum of unit vectors to neighbours at one distance that rounding of positions does not give.
_ASYMMETRY = 0.15
#: Å; half the smallest height of cells in which the nearest neighbours of metals can be seen.
_LEAST_REACH = 1.6
#: Atoms that are tested for symmetry at a time.
_ATOMS = 20_000


def check_net_force(data: Collection, limits: CheckLimits) -> Finding:
    """The sum of all forces of a configuration, for each atom and as a share of the forces.

    No force acts on a configuration as a whole. Both limits must be exceeded: codes leave some meV/Å of noise, and
    small forces have a large share of it (arXiv 2510.19774).
    """
    rule = "net force"
    known = np.isfinite(data.net_force)
    if not known.any():
        return not_applicable(rule, "no forces are known")
    per_atom = data.net_force / data.n_atoms
    share = per_atom / np.maximum(data.mean_force, 1e-12)
    rows = np.flatnonzero(known & (per_atom > limits.net_force) & (share > limits.net_force_share))
    largest = float(np.nanmax(np.where(known, per_atom, np.nan)))
    if not len(rows):
        return passed(rule, f"at most {1000 * largest:.3g} meV/Å for each atom")
    worst = int(rows[np.argmax(per_atom[rows])])
    return found(
        rule,
        "defect",
        f"the forces of {len(rows)} configurations do not sum to zero: worst {1000 * per_atom[worst]:.4g} meV/Å "
        f"for each atom, {100 * share[worst]:.0f} % of the mean force, in {worst} ({places(rows)})",
        "converge the calculations more tightly, remove external forces, or raise --limit net-force",
        rows.tolist(),
    )


def check_zero_forces(dataset: "xr.Dataset", data: Collection) -> Finding:
    """Forces that are exactly zero on atoms whose neighbours do not lie symmetrically.

    Perfect and homogeneously strained crystals have no forces by symmetry; a displaced atom has.
    """
    rule = "zero forces"
    known = np.isfinite(data.mean_force) & (data.n_atoms > 1)
    if not known.any():
        return not_applicable(rule, "no forces of several atoms are known")
    zero = np.flatnonzero(known & data.zero_forces)
    if not len(zero):
        return passed(rule, "no configuration has forces that are all exactly zero")
    rows = zero[_asymmetric(dataset, data, zero)]
    if not len(rows):
        return passed(rule, f"{len(zero)} configurations without any force are symmetric")
    return found(
        rule,
        "defect",
        f"all forces are exactly zero in {len(rows)} configurations that are not symmetric ({places(rows)}); "
        "zero is not unknown",
        "import the forces of these configurations as unknown, or compute them",
        rows.tolist(),
    )


def _asymmetric(dataset: "xr.Dataset", data: Collection, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(R,) whether some pair potential gives a force in the configuration: unit vectors to neighbours do not cancel."""
    asymmetric = np.zeros(len(rows), dtype=bool)
    groups = np.cumsum(data.n_atoms[rows]) // _ATOMS
    for members in np.split(np.arange(len(rows)), np.flatnonzero(np.diff(groups)) + 1):
        c = to_configurations(dataset, rows[members])
        reach = pair_reach(c)
        clear = np.flatnonzero(reach > _LEAST_REACH)  # smaller cells do not show which neighbours there are
        if not len(clear):
            continue
        c = c.take(clear)
        basis = pair_basis(data.elements, min(float(reach[clear].min()), data.basis.knots[-1]))
        vectors = np.abs(pair_forces(c, basis)[0]).max(axis=(1, 2))
        asymmetric[members[clear]] = np.maximum.reduceat(vectors, c.offsets[:-1]) > _ASYMMETRY
    return asymmetric


def check_zero_stress(data: Collection) -> Finding:
    """Stresses that are exactly zero in all components: not computed, and stored as zero."""
    rule = "zero stress"
    known = np.isfinite(data.stress).all(axis=(1, 2)) & ~data.isolated
    if not known.any():
        return not_applicable(rule, "no stress is known")
    rows = np.flatnonzero(known & np.logical_not(data.stress.any(axis=(1, 2))))
    if not len(rows):
        return passed(rule, "no stress is exactly zero")
    return found(
        rule,
        "defect",
        f"the stress is exactly zero in {len(rows)} configurations ({places(rows)}); zero is not unknown",
        "import the stress of these configurations as unknown",
        rows.tolist(),
    )


def check_stress_size(data: Collection, limits: CheckLimits) -> Finding:
    """Stress times volume for each atom is an energy of a few eV; of a stress in GPa or kbar it is hundreds of them."""
    rule = "stress size"
    largest = np.abs(data.stress).max(axis=(1, 2))
    rows = np.flatnonzero((largest > 0) & data.periodic & ~data.isolated)
    if not rows.size:
        return not_applicable(rule, "no stress of a periodic configuration is known")
    energy = float(np.median(largest[rows] * data.volume[rows] / data.n_atoms[rows]))
    said = f"the median of stress times volume is {energy:.3g} eV/atom"
    if energy <= limits.stress_energy:
        return passed(rule, said)
    action = "import the source again with the --stress-unit that it states"
    return found(rule, "defect", f"{said}: the stress is in GPa, in kbar or a virial", action, rows.tolist())
