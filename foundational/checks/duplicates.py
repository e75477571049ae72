"""Configurations that occur more than once: exactly, rewritten, across splits, with other labels, by other methods."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from foundational.checks.collection import Collection
from foundational.checks.limits import CheckLimits
from foundational.checks.report import Finding, found, not_applicable, passed, places
from foundational.data.batches import to_configurations
from foundational.data.layout import VARIABLES
from foundational.data.streaming.codes import codes_of, first_of_each, paired
from foundational.matching.signatures import Signatures, rows_that_may_be_equal

if TYPE_CHECKING:
    import xarray as xr

#: Largest difference between two labels that are copies, as a share of the label.
_COPY: Final = 1e-7


@dataclass(frozen=True, eq=False)
class Groups:
    """For each of C configurations the first one that is the same, and the first of these by the same method."""

    exact: NDArray[np.int64]
    """(C,) to the last bit, by the same method."""
    near: NDArray[np.int64]
    """(C,) within the tolerance, by any method; exact ones among them."""
    of_method: NDArray[np.int64]
    """(C,) within the tolerance, by the same method."""

    @property
    def again(self) -> NDArray[np.int64]:
        """Configurations that are there again by the same method."""
        return np.flatnonzero(self.of_method != np.arange(len(self.near)))


def check_duplicates(dataset: "xr.Dataset", data: Collection, limits: CheckLimits) -> list[Finding]:
    """All rules about configurations that occur more than once; the work is near linear in their number."""
    groups = groups_of(dataset, data, limits.duplicate_distance)
    return [
        _exact(groups),
        _rewritten(groups, limits),
        _across_splits(data, groups),
        _contradictory(data, groups, limits),
        _copied(data, groups),
    ]


def groups_of(dataset: "xr.Dataset", data: Collection, tolerance: float) -> Groups:
    """Exact and near duplicates; with a tolerance of 0 the exact ones alone."""
    same_id = first_of_each(codes_of(dataset["id"].to_numpy())[0])
    near = same_id
    if tolerance > 0:
        signatures = data.signatures
        assert signatures is not None  # taken while the rules read the data, where there is a tolerance
        rows = np.flatnonzero((same_id == np.arange(len(same_id))) & signatures.valid)
        if rows_that_may_be_equal(signatures, rows, tolerance).size:
            near = _searched(dataset, signatures, tolerance)[same_id]
    return Groups(_first_pairs(same_id, data.method), near, _first_pairs(near, data.method))


def _searched(dataset: "xr.Dataset", signatures: Signatures, tolerance: float) -> NDArray[np.int64]:
    from foundational.matching.duplicates import groups_of_equal  # noqa: PLC0415 - scipy, which few sets need
    from foundational.matching.frames import Frames  # noqa: PLC0415

    return groups_of_equal(Frames(signatures, lambda rows: to_configurations(dataset, rows)), tolerance)


def _first_pairs(group: NDArray[np.int64], method: NDArray[np.int64]) -> NDArray[np.int64]:
    """(C,) the first of the same group and method."""
    return first_of_each(paired(group, method))


def _exact(groups: Groups) -> Finding:
    """The same configuration, to the last bit, by the same method."""
    rule = "duplicates"
    rows = np.flatnonzero(groups.exact != np.arange(len(groups.exact)))
    if not rows.size:
        return passed(rule, "each configuration is there once")
    return found(
        rule,
        "defect",
        f"expected each configuration once; {len(rows)} are there again ({places(rows)})",
        "exclude them: they count twice in training, and a test on them says nothing",
        rows.tolist(),
    )


def _rewritten(groups: Groups, limits: CheckLimits) -> Finding:
    """The same configuration, wrapped, permuted or with other digits, by the same method."""
    rule, within = "near duplicates", f"within {limits.duplicate_distance:g} Å"
    exact = groups.exact != np.arange(len(groups.exact))
    rows = np.setdiff1d(groups.again, np.flatnonzero(exact))
    if not rows.size:
        return passed(rule, f"none {within}, however it is wrapped, shifted or permuted")
    pairs = ", ".join(f"{row} is {groups.of_method[row]}" for row in rows[:3].tolist())
    return found(
        rule,
        "defect",
        f"{len(rows)} are {within} of an earlier one, wrapped, shifted, permuted or rewritten ({pairs}, …)",
        "keep one of each; --limit duplicate-distance=0 looks for exact copies alone",
        rows.tolist(),
    )


def _across_splits(data: Collection, groups: Groups) -> Finding:
    """Configurations of one part of the set that are in another part too."""
    rule = "splits"
    if data.split is None or len(np.unique(data.split)) < 2:
        return not_applicable(rule, "the set has one part")
    rows = np.flatnonzero(data.split != data.split[groups.near])
    if not rows.size:
        return passed(rule, "no configuration is in two parts of the set")
    names = dict(enumerate(VARIABLES["split"].meanings))
    row = int(rows[0])
    first = int(groups.near[row])
    example = f"{row} in {names.get(data.split[row])} is {first} in {names.get(data.split[first])}"
    return found(
        rule,
        "defect",
        f"{len(rows)} configurations are in another part of the set too ({places(rows)}; {example})",
        "keep all copies of a configuration in one part: errors on the test part are too small otherwise",
        rows.tolist(),
    )


def _contradictory(data: Collection, groups: Groups, limits: CheckLimits) -> Finding:
    """One configuration with two labels of one method."""
    rule, rows = "contradictory labels", groups.again
    if not rows.size:
        return not_applicable(rule, "no configuration is there twice by one method")
    first = groups.of_method[rows]
    energy = np.nan_to_num(np.abs(data.energy_per_atom[rows] - data.energy_per_atom[first]))
    force = np.nan_to_num(np.abs(data.mean_force[rows] - data.mean_force[first]))
    bad = rows[(energy > limits.equal_energy) | (force > limits.equal_force)]
    if not bad.size:
        return passed(rule, "copies of a configuration have equal labels")
    return found(
        rule,
        "defect",
        f"{len(bad)} copies have other labels than the first, by up to {energy.max():.3g} eV/atom and a mean force of "
        f"{force.max():.3g} eV/Å ({places(bad)})",
        "find out which label is right; where there are two methods, name them",
        bad.tolist(),
    )


def _copied(data: Collection, groups: Groups) -> Finding:
    """One configuration with equal labels under two methods: one of them was copied."""
    rule = "labels of two methods"
    if len(np.unique(data.method)) < 2:
        return not_applicable(rule, "the set has one method")
    rows = np.flatnonzero(data.method != data.method[groups.near])
    first = groups.near[rows]
    with np.errstate(invalid="ignore"):
        same = np.abs(data.energy[rows] - data.energy[first]) <= _COPY * np.abs(data.energy[first])
        moved = np.abs(data.mean_force[rows] - data.mean_force[first]) > 1e-5 * data.mean_force[first]
    copied = rows[same & ~moved]
    if not copied.size:
        return passed(rule, "methods differ in the labels of common configurations")
    return found(
        rule,
        "defect",
        f"{len(copied)} configurations have equal labels under two methods ({places(copied)})",
        "one of the methods is named wrongly, or its labels were copied",
        copied.tolist(),
    )
