"""What must hold for every configuration of a dataset, one function a rule.

A rule looks at one batch and gives, for each of its C configurations, how far it is from holding: a number that is
within or beyond a tolerance, NaN being beyond.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from foundational.data.configurations import Configurations
from foundational.data.distances import overlap_limits, shortest_distances
from foundational.data.fingerprint import configuration_ids
from foundational.data.layout import COMPOUND, VARIABLES


@dataclass(frozen=True)
class Tolerances:
    """Limits of the rules that compare real numbers."""

    net_force: float = 0.01
    """eV/Å for each atom: the sum of all forces over the number of atoms; beyond the share below as well."""
    net_force_share: float = 0.01
    """Of the mean length of the forces."""
    minimum_distance: float = 1.0
    """Å; atoms that are closer overlap. Metals near melting stay above 1.5 Å."""
    covalent_share: float = 0.4
    """Of the sum of two covalent radii; atoms that are farther apart than this do not overlap."""
    atomic_energy: float = 1e-5
    """eV for each atom; between the energy and the sum of the atomic energies."""
    asymmetry: float = 1e-6
    """eV/Å³; largest difference between the stress and its transpose."""


@dataclass(frozen=True)
class Batch:
    """Neighbouring configurations and the rows of all variables that belong to them."""

    configurations: Configurations
    arrays: Mapping[str, NDArray[Any]]
    tolerances: Tolerances
    distances: NDArray[np.float64] | None = None
    """(C,) Å: shortest distances, where they were computed with something else."""

    @cached_property
    def shortest(self) -> NDArray[np.float64]:
        """(C,) Å; see `shortest_distances`."""
        return shortest_distances(self.configurations) if self.distances is None else self.distances

    @cached_property
    def ids(self) -> NDArray[np.uint8]:
        """(C, 16) hashes of the content."""
        return configuration_ids(self.configurations)

    @cached_property
    def net_force(self) -> NDArray[np.float64]:
        """(C,) eV/Å: length of the sum of all forces."""
        forces = self.arrays["forces"].astype(np.float64)
        length: NDArray[np.float64] = np.linalg.norm(self.per_configuration("forces", forces, np.add), axis=1)
        return length

    @cached_property
    def force_lengths(self) -> NDArray[np.float64]:
        """(A,) eV/Å."""
        lengths: NDArray[np.float64] = np.linalg.norm(self.arrays["forces"].astype(np.float64), axis=1)
        return lengths

    @cached_property
    def mean_force(self) -> NDArray[np.float64]:
        """(C,) eV/Å: mean length of a force."""
        mean: NDArray[np.float64] = (
            self.per_configuration("forces", self.force_lengths, np.add) / self.configurations.n_atoms
        )
        return mean

    @cached_property
    def known(self) -> dict[str, NDArray[np.bool_]]:
        """For each label by its name, (C,) whether it is known."""
        labels = self.configurations.labels
        return {} if labels is None else labels.known(self.configurations.offsets)

    def per_configuration(self, name: str, values: NDArray[Any], by: np.ufunc) -> NDArray[Any]:
        """(C, …) ``values`` of the variable ``name``, reduced by ``by`` over the atoms of each configuration."""
        starts = self.configurations.offsets[:-1]
        return np.asarray(by.reduceat(values, starts)) if VARIABLES[name].per_atom else values


#: What is wrong with each configuration: (C,) bool, and (C,) numbers to show, larger being worse.
Verdict = tuple[NDArray[np.bool_], NDArray[np.float64] | None]


@dataclass(frozen=True)
class Rule:
    """A named property of one configuration."""

    name: str
    expected: str
    """Completes the sentence *expected …*; may name fields of `Tolerances`."""
    needs: tuple[str, ...]
    """Variables without which the rule does not apply."""
    judge: Callable[[Batch], Verdict]


def _any_of(batch: Batch, name: str, flags: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(C,) whether one of the ``flags`` of the variable ``name`` is set in a configuration."""
    if not flags.any():
        return np.zeros(len(batch.configurations), dtype=bool)
    rows: NDArray[np.bool_] = np.asarray(flags.reshape(len(flags), -1).any(axis=1))
    return batch.per_configuration(name, rows, np.logical_or)


def _not_finite(batch: Batch) -> Verdict:
    """NaN or infinity anywhere; NaN is allowed where the layout gives it a meaning."""
    bad = np.zeros(len(batch.configurations), dtype=bool)
    for name, values in batch.arrays.items():
        row = VARIABLES.get(name)
        if row is None or not np.issubdtype(values.dtype, np.floating):
            continue
        if np.isfinite(values).all():
            continue
        infinite = _any_of(batch, name, np.isinf(values))
        broken = infinite if row.may_be_nan else _any_of(batch, name, ~np.isfinite(values))
        if row.label:  # NaN in all of its numbers says that the label is not known
            broken = infinite | (broken & batch.known[name])
        bad |= broken
    return bad, None


def _no_energy(batch: Batch) -> Verdict:
    return batch.known["forces"] & ~batch.known["energy"], None


def _unknown_elements(batch: Batch) -> Verdict:
    numbers = batch.arrays["atomic_numbers"]
    return batch.per_configuration("atomic_numbers", (numbers < 1) | (numbers > 118), np.logical_or), None


def _no_volume(batch: Batch) -> Verdict:
    """Cells whose periodic vectors are zero or span no volume; other vectors may be anything."""
    volume = np.abs(np.linalg.det(batch.configurations.complete_cell))
    return ~(volume > 0), -volume


def _left_handed(batch: Batch) -> Verdict:
    volume = np.linalg.det(batch.configurations.cell)
    return batch.configurations.pbc.all(axis=1) & (volume < 0), -volume


def _overlapping(batch: Batch) -> Verdict:
    distance = batch.shortest
    suspects = np.flatnonzero(distance < batch.tolerances.minimum_distance)
    bad = np.zeros(len(distance), dtype=bool)
    if suspects.size:
        limits = overlap_limits(batch.tolerances.minimum_distance, batch.tolerances.covalent_share)
        few = batch.configurations.take(suspects)
        bad[suspects] = shortest_distances(few, limits) < 1
    return bad, -distance


def _other_id(batch: Batch) -> Verdict:
    return (batch.ids != batch.arrays["id"]).any(axis=1), None


def _net_force(batch: Batch) -> Verdict:
    net = batch.net_force / batch.configurations.n_atoms
    limits = batch.tolerances
    return (net > limits.net_force) & (net > limits.net_force_share * batch.mean_force), net


def _asymmetric(batch: Batch) -> Verdict:
    stress = batch.arrays["stress"]
    difference = np.abs(stress - stress.transpose(0, 2, 1)).max(axis=(1, 2))
    return difference > batch.tolerances.asymmetry, difference


def _other_sum(batch: Batch) -> Verdict:
    total = batch.per_configuration("atomic_energies", batch.arrays["atomic_energies"].astype(np.float64), np.add)
    difference = np.abs(total - batch.arrays["energy"]) / batch.configurations.n_atoms
    return difference > batch.tolerances.atomic_energy, difference


def _out_of_range(batch: Batch) -> Verdict:
    order = batch.arrays["order_parameter"]
    # The largest value, 1, is reached by a perfect crystal, up to rounding.
    return (order < 0) | (order > 1 + 1e-6), np.abs(order)


def _unknown_code(name: str) -> Callable[[Batch], Verdict]:
    def judge(batch: Batch) -> Verdict:
        codes = batch.arrays[name]
        return (codes < 0) | (codes >= len(VARIABLES[name].meanings)), np.abs(codes.astype(np.float64))

    return judge


def _no_parent(batch: Batch) -> Verdict:
    missing: NDArray[np.bool_] = np.logical_not(batch.arrays["parent_id"].any(axis=1))
    if (decoration := batch.arrays.get("decoration")) is not None:
        missing &= decoration != COMPOUND
    if (recipe := batch.arrays.get("recipe")) is not None:
        missing &= recipe == 0
    return missing, None


RULES: Final = (
    Rule("finite", "finite numbers, neither NaN nor infinite", (), _not_finite),
    Rule("labels", "an energy wherever forces are known", ("energy", "forces"), _no_energy),
    Rule("elements", "atomic numbers from 1 to 118", (), _unknown_elements),
    Rule("cell", "cells with a volume where they are periodic", (), _no_volume),
    Rule("handedness", "right-handed cells", (), _left_handed),
    Rule(
        "distance",
        "atoms at least {minimum_distance:g} Å or {covalent_share:g} of their covalent radii apart",
        (),
        _overlapping,
    ),
    Rule("id", "ids that are the hash of the content", (), _other_id),
    Rule(
        "net force",
        "forces that sum to zero within {net_force:g} eV/Å for each atom, or {net_force_share:g} of the mean force",
        ("forces",),
        _net_force,
    ),
    Rule("stress", "symmetric stresses within {asymmetry:g} eV/Å³", ("stress",), _asymmetric),
    Rule(
        "atomic energies",
        "atomic energies that sum to the energy within {atomic_energy:g} eV an atom",
        ("energy", "atomic_energies"),
        _other_sum,
    ),
    Rule("order parameter", "order parameters from 0 to 1", ("order_parameter",), _out_of_range),
    *(
        Rule(v.name, f"{v.name} among {', '.join(f'{i} ({m})' for i, m in enumerate(v.meanings))}", (v.name,), judge)
        for v in VARIABLES.values()
        if v.meanings
        for judge in (_unknown_code(v.name),)
    ),
    Rule("parent", "an id of a parent in parent_id", ("parent_id",), _no_parent),
)
