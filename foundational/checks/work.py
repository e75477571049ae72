"""Do energies, forces and stresses belong together: the work between neighbouring configurations.

For two configurations of the same atoms near one another, ΔE ≈ −½(F₁+F₂)·u + ½(V₁σ₁+V₂σ₂):ε, exact for a quadratic
energy. The slopes of both terms are 1; a sign or a unit of forces, stresses or energies gives −1, 160.2 and the like.
No network is needed, but pairs of near configurations are, as in molecular dynamics, phonons and strains.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from foundational.checks.collection import Collection
from foundational.checks.limits import CheckLimits
from foundational.checks.report import Finding, found, not_applicable, passed
from foundational.data.batches import to_configurations
from foundational.data.configurations import Configurations

if TYPE_CHECKING:
    import xarray as xr

#: Pairs that are looked at, and the fewest from which something follows.
_PAIRS: Final = 1200
_LEAST: Final = 8
#: Places between the two configurations of a pair, in the order of the set.
_STEPS: Final = (1, 2, 3, 5, 8)
#: Largest root mean square displacement, as a share of the shortest distance between two atoms.
_NEAR: Final = 0.18
#: Largest strain.
_STRAIN: Final = 0.08
#: Share of the sum of |ΔE| that must be explained, and that a term must have.
_EXPLAINED: Final = 0.7
_SHARE: Final = 0.15
#: Largest standard error of a slope, as a share of it, and the blocks of pairs from which it follows (jackknife).
_ERROR: Final = 0.15
_BLOCKS: Final = 8
_ROUNDS: Final = 20
#: Atoms of pairs that are compared together.
_TOGETHER: Final = 200_000

_FAR: Final = "configurations lie too far from one another"
_SAME: Final = "the unit is right"
#: Inverse slopes of the work of forces, and of stresses, and what they say.
_FORCES: Final = {
    _SAME: 1.0,
    "energies are in Hartree": 27.211386,
    "energies are in Ry": 13.605693,
    "energies are in kcal/mol": 1 / 23.060548,
    "energies are in kJ/mol": 1 / 96.485332,
    "energies are in meV": 1e-3,
    "forces are in Hartree/Bohr": 1 / 51.422067,
    "forces are in Ry/Bohr": 1 / 25.711034,
    "energies are in Hartree and forces in Hartree/Bohr": 1 / 1.8897261,
    "forces are in kcal/mol/Å": 23.060548,
    "forces are in kJ/mol/Å": 96.485332,
    "forces are in meV/Å": 1000.0,
}
_STRESSES: Final = {
    _SAME: 1.0,
    "the stress is in GPa": 160.21766,
    "the stress is in kbar": 1602.1766,
    "the stress is in bar": 1.6021766e6,
    "the stress is in Hartree/Bohr³": 1 / 183.63154,
    "the stress was divided by 160.2 although it was in eV/Å³": 1 / 160.21766,
    "the stress was divided by 1602 although it was in eV/Å³": 1 / 1602.1766,
    "the stress is in kbar, but was taken as GPa": 10.0,
    "the stress is in GPa, but was taken as kbar": 0.1,
    "energies are in Hartree": 27.211386,
}


@dataclass(frozen=True, eq=False)
class Work:
    """Of P pairs, eV."""

    energy: NDArray[np.float64]
    forces: NDArray[np.float64]
    stress: NDArray[np.float64]
    """NaN where a stress is not known."""


def check_work(dataset: "xr.Dataset", data: Collection, limits: CheckLimits) -> list[Finding]:
    """The rules *work of forces* and *work of stress*."""
    rules = ("work of forces", "work of stress")
    pairs = _pairs(data)
    if len(pairs) < _LEAST:
        return [not_applicable(rule, "few configurations of the same atoms have energies and forces") for rule in rules]
    rows, at = np.unique(pairs, return_inverse=True)
    work = _work(to_configurations(dataset, rows), at.reshape(-1, 2), data.shortest[rows])
    strained = np.isfinite(work.stress)
    use_stress = int(strained.sum()) >= _LEAST
    chosen = strained if use_stress else np.ones(len(work.energy), dtype=bool)
    if chosen.sum() < _LEAST:
        return [not_applicable(rule, _FAR) for rule in rules]
    terms = [work.forces[chosen], *([work.stress[chosen]] if use_stress else [])]
    slopes, explained, shares = _slopes(work.energy[chosen], terms)
    errors = _errors(work.energy[chosen], terms)
    findings = []
    for number, (rule, meanings) in enumerate(zip(rules, (_FORCES, _STRESSES), strict=True)):
        if number >= len(terms):
            findings.append(not_applicable(rule, "no stress of near configurations is known"))
        elif explained < _EXPLAINED:
            findings.append(not_applicable(rule, _FAR))
        elif shares[number] < _SHARE:
            findings.append(not_applicable(rule, "it is too small between near configurations"))
        else:
            measured = (slopes[number], errors[number])
            findings.append(_compared(rule, measured, meanings, f"over {chosen.sum()} pairs of configurations", limits))
    return findings


def _compared(
    rule: str, measured: tuple[float, float], meanings: dict[str, float], pairs: str, limits: CheckLimits
) -> Finding:
    slope, error = measured
    said = f"slope {slope:.3g} ± {error:.1g} of the energy on it {pairs}"
    if error > _ERROR * abs(slope):
        return not_applicable(rule, f"the comparison determines nothing ({said})")
    if 1 / limits.unit_factor <= slope <= limits.unit_factor:
        return passed(rule, said)
    sign = " and of opposite sign" if slope < 0 else ""
    unit = min(meanings, key=lambda name: abs(np.log(abs(slope) * meanings[name])))
    if abs(np.log(abs(slope) * meanings[unit])) > max(0.2, 3 * error / abs(slope)):
        return not_applicable(rule, f"the comparison determines nothing ({said}, which is no known unit)")
    what = f"{unit}{sign}" if unit != _SAME else "the sign is opposite"
    action = "import the source again with the units and signs that it states"
    return found(rule, "defect", f"{what} ({said}, where 1 is expected)", action)


def _pairs(data: Collection) -> NDArray[np.int64]:
    """(P, 2) configurations near one another in the set with equal composition, boundaries and method."""
    rows = np.flatnonzero(np.isfinite(data.energy) & np.isfinite(data.mean_force) & ~data.isolated)
    if len(rows) < 2:
        return np.zeros((0, 2), np.int64)
    kinds = np.column_stack([data.composition[rows], data.method[rows], data.periodic[rows]])
    kind = np.unique(kinds, axis=0, return_inverse=True)[1].reshape(-1)
    order = np.argsort(kind, kind="stable")
    steps = [np.column_stack([order[:-step], order[step:]]) for step in _STEPS if step < len(order)]
    pairs = np.concatenate(steps)
    pairs = rows[pairs[kind[pairs[:, 0]] == kind[pairs[:, 1]]]]
    chosen = np.unique(np.linspace(0, len(pairs) - 1, min(len(pairs), _PAIRS)).astype(np.int64))
    few: NDArray[np.int64] = pairs[chosen] if len(pairs) else pairs
    return few


def _work(batch: Configurations, pairs: NDArray[np.int64], nearest: NDArray[np.float64]) -> Work:
    """Of those ``pairs`` (P, 2) that are near one another; both of a pair have as many atoms.

    ``nearest`` (C,) Å are the shortest distances of the batch.
    """
    sizes = batch.n_atoms[pairs[:, 0]].astype(np.int64)
    found, near = np.full((len(pairs), 3), np.nan), np.zeros(len(pairs), dtype=bool)
    for n in np.unique(sizes).tolist():
        members = np.flatnonzero(sizes == n)
        per_block = max(1, _TOGETHER // n)
        for start in range(0, len(members), per_block):
            block = members[start : start + per_block]
            found[block], near[block] = _work_of(batch, pairs[block], nearest)
    return Work(*found[near].T)


def _work_of(
    batch: Configurations, pairs: NDArray[np.int64], nearest: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """(P, 3) ΔE and the work of forces and of stress, eV, and (P,) whether a pair is near; all of one size."""
    labels, cells, volume = batch.labels, batch.complete_cell, batch.volume
    assert labels is not None  # they have energies
    i, j = pairs.T
    one, other = (batch.atoms_of(rows).reshape(len(pairs), -1) for rows in (i, j))
    same = (batch.atomic_numbers[one] == batch.atomic_numbers[other]).all(axis=1)
    same &= (batch.pbc[i] == batch.pbc[j]).all(axis=1)
    mean = (cells[i] + cells[j]) / 2
    strain = np.linalg.solve(mean, cells[j] - cells[i])
    strain = (strain + strain.transpose(0, 2, 1)) / 2
    difference = batch.positions[other].astype(np.float64) @ np.linalg.inv(cells[j])
    difference -= batch.positions[one].astype(np.float64) @ np.linalg.inv(cells[i])
    difference -= np.where(batch.pbc[i][:, None], np.rint(difference), 0.0)
    moved = difference @ mean
    moved -= moved.mean(axis=1, keepdims=True)
    away = np.sqrt((moved**2).sum(axis=2).mean(axis=1))
    near = same & (away < _NEAR * np.minimum(nearest[i], nearest[j])) & (np.abs(strain).max(axis=(1, 2)) < _STRAIN)
    forces = (labels.forces[one].astype(np.float64) + labels.forces[other]) / 2
    pulled = (labels.stress[i] * volume[i, None, None] + labels.stress[j] * volume[j, None, None]) / 2
    stress = (pulled * strain).sum(axis=(1, 2))
    stress[~batch.pbc[i].all(axis=1)] = np.nan
    return np.column_stack([labels.energy[j] - labels.energy[i], -(forces * moved).sum(axis=(1, 2)), stress]), near


def _errors(energy: NDArray[np.float64], terms: list[NDArray[np.float64]]) -> list[float]:
    """Standard errors of the slopes, by leaving away one block of pairs after another."""
    count = min(_BLOCKS, len(energy))
    if len(energy) < _LEAST:
        return [np.inf] * len(terms)
    block = np.arange(len(energy)) % count
    found = np.array([_slopes(energy[block != b], [term[block != b] for term in terms])[0] for b in range(count)])
    return [float(e) for e in np.sqrt((count - 1) * found.var(axis=0))]


def _slopes(energy: NDArray[np.float64], terms: list[NDArray[np.float64]]) -> tuple[list[float], float, list[float]]:
    """Slopes, the explained share of the variance, and the share of each term in it (least absolute deviations)."""
    if len(energy) < _LEAST // 2 or not energy.any():
        return [0.0] * len(terms), 0.0, [0.0] * len(terms)
    scales = [float(np.abs(term).max()) or 1.0 for term in terms]
    design = np.column_stack([term / scale for term, scale in zip(terms, scales, strict=True)])
    solution = np.linalg.lstsq(design, energy, rcond=None)[0]
    floor = 1e-3 * float(np.median(np.abs(energy))) or 1e-12
    weights = np.ones(len(energy))
    for _ in range(_ROUNDS):
        weights = 1 / np.maximum(np.abs(energy - design @ solution), floor)
        root = np.sqrt(weights)
        solution = np.linalg.lstsq(design * root[:, None], energy * root, rcond=None)[0]
    total = float(np.abs(energy).sum())
    explained = 1 - float(np.abs(energy - design @ solution).sum()) / total
    shares = [float(np.abs(design[:, k] * solution[k]).sum()) / total for k in range(len(terms))]
    return [float(s / scale) for s, scale in zip(solution, scales, strict=True)], explained, shares
