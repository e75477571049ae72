"""Energies that fit neither composition nor structure: diverged SCF, labels of other frames, other units."""

import numpy as np
from numpy.typing import NDArray

from foundational.checks.collection import Collection
from foundational.checks.limits import CheckLimits
from foundational.checks.report import Finding, found, not_applicable, passed, places
from foundational.elements import SYMBOLS

#: Fewer configurations than this with an energy let no outlier be seen.
_LEAST = 8
#: Configurations from which the expected energies are learned.
_MOST = 20_000
#: Of the structure's own effect on the energy: so much of it the simple description may miss.
_MISSED = 0.35
#: Most similar configurations with which one is compared.
_ALIKE = 5
_RULE = "energies"


def check_energies(data: Collection, limits: CheckLimits) -> Finding:
    """Energies against those that composition, volume and numbers of pairs let expect.

    The expected energy is linear in the numbers of atoms of each element, of pairs by distance, and in powers of the
    volume. It is fitted robustly; each configuration is compared with the fit without it.
    """
    rows = np.flatnonzero(np.isfinite(data.energy) & ~data.isolated)
    if len(rows) < _LEAST:
        return not_applicable(_RULE, f"{len(rows)} configurations with energies; {_LEAST} are needed for a comparison")
    bad = []
    scale = 0.0
    for method in np.unique(data.method[rows]):
        members = rows[data.method[rows] == method]
        if len(members) < _LEAST:
            continue
        deviation, allowed, sigma = _deviations(data, members, limits)
        scale = max(scale, sigma)
        suspects = np.flatnonzero(np.abs(deviation) > allowed)
        structure = _structure(data, members)
        alike = _differ_from_their_like(structure, deviation, suspects, max(limits.energy_floor, 6 * sigma))
        bad.append(members[suspects[alike & ~_remote(structure, suspects)]])
    outliers = np.sort(np.concatenate(bad)) if bad else np.zeros(0, np.int64)
    if not outliers.size:
        return passed(_RULE, f"energies follow composition and structure within {1000 * scale:.0f} meV/atom (robust σ)")
    per_atom = data.energy_per_atom
    worst = int(outliers[np.argmax(np.abs(per_atom[outliers] - np.median(per_atom[rows])))])
    return found(
        _RULE,
        "defect",
        f"{len(outliers)} energies do not fit composition and structure ({places(outliers)}; "
        f"{per_atom[worst]:.4g} eV/atom in {worst}, median of all {np.median(per_atom[rows]):.4g})",
        "look for a diverged SCF cycle, for labels of another frame, or for another unit; exclude or relabel these",
        outliers.tolist(),
    )


def _deviations(
    data: Collection, rows: NDArray[np.int64], limits: CheckLimits
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """(R,) eV/atom: energies minus the expected ones, what is allowed, and the robust standard deviation."""
    atoms = data.n_atoms[rows].astype(np.float64)
    target = data.energy[rows] / atoms
    shares = data.composition[rows] / atoms[:, None]
    structure = _structure(data, rows)
    # A description of fewer numbers for small sets: a fit must not follow single configurations.
    kept = min(structure.shape[1], max(0, len(rows) // 6 - shares.shape[1]))
    design = np.hstack([shares, _principal(structure, kept)])
    learn = np.linspace(0, len(rows) - 1, min(len(rows), _MOST)).astype(np.int64)
    weights = np.ones(len(learn))
    sigma = 0.0
    centre = np.median(target)
    for _ in range(20):
        weighted = design[learn] * weights[:, None]
        ridge = 1e-8 * max(1.0, float(np.trace(weighted.T @ weighted)) / design.shape[1])
        inverse = np.linalg.inv(weighted.T @ weighted + ridge * np.eye(design.shape[1]))
        coefficients = inverse @ (weighted.T @ ((target[learn] - centre) * weights))
        residual = target[learn] - centre - design[learn] @ coefficients
        sigma = 1.4826 * float(np.median(np.abs(residual))) + 1e-12
        # Tukey's biweight: what lies beyond 5 σ has no influence.
        weights = np.clip(1 - (residual / (5 * sigma)) ** 2, 0, 1)
        if not weights.any():
            weights = np.ones(len(learn))
    expected = design @ coefficients
    leverage = np.clip(np.einsum("rk,kl,rl->r", design, inverse, design), 0, 0.95)
    deviation = (target - centre - expected) / (1 - np.where(np.isin(np.arange(len(rows)), learn), leverage, 0) * 0.5)
    own_effect = np.abs(expected - np.median(expected))
    allowed = np.maximum(limits.energy_floor, limits.energy_outlier * sigma * (1 + 2 * leverage))
    return deviation, np.maximum(allowed, _MISSED * own_effect), sigma


def _remote(structure: NDArray[np.float64], suspects: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(S,) whether the nearest other configuration is much farther away than is usual: nothing is expected of it then.

    ``structure`` (R, K) has columns of unit variance.
    """
    if not suspects.size or structure.shape[1] == 0:
        return np.zeros(len(suspects), dtype=bool)
    sample = np.linspace(0, len(structure) - 1, min(300, len(structure))).astype(np.int64)
    usual = float(np.quantile(_nearest(structure, sample), 0.9))
    remote: NDArray[np.bool_] = _nearest(structure, suspects) > 1.5 * max(usual, 0.05 * np.sqrt(structure.shape[1]))
    return remote


def _differ_from_their_like(
    structure: NDArray[np.float64], deviation: NDArray[np.float64], suspects: NDArray[np.int64], allowed: float
) -> NDArray[np.bool_]:
    """(S,) whether the deviation is not shared by the most similar configurations, as that of all surfaces would be."""
    differs = np.zeros(len(suspects), dtype=bool)
    for i, row in enumerate(suspects):
        square = ((structure - structure[row]) ** 2).sum(axis=1)
        square[row] = np.inf
        alike = deviation[np.argsort(square)[:_ALIKE]]
        spread = float(np.sort(np.abs(alike - np.median(alike)))[-2])  # one of them may be wrong itself
        differs[i] = abs(deviation[row] - np.median(alike)) > max(allowed, 3 * spread)
    return differs


def _nearest(structure: NDArray[np.float64], rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """(S,) distance of each of ``rows`` to the nearest other row of ``structure``."""
    nearest = np.empty(len(rows))
    for i, row in enumerate(rows):
        square = ((structure - structure[row]) ** 2).sum(axis=1)
        square[row] = np.inf
        nearest[i] = np.sqrt(square.min())
    return nearest


def _structure(data: Collection, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """(R, K) numbers of pairs for each atom and powers of the volume for each atom, of unit variance."""
    atoms = data.n_atoms[rows].astype(np.float64)
    pairs = data.pairs[rows] / atoms[:, None]
    volume = np.where(data.periodic[rows], data.volume[rows] / atoms, 0.0)
    typical = np.median(volume[volume > 0]) if (volume > 0).any() else 1.0
    relative = np.clip(volume / typical, 0, 3)
    powers = np.column_stack([relative, relative**2, np.where(relative > 0, 1 / np.maximum(relative, 0.2), 0)])
    columns = np.hstack([pairs, powers, data.periodic[rows, None].astype(np.float64)])
    spread = columns.std(axis=0)
    scaled: NDArray[np.float64] = (columns - columns.mean(axis=0))[:, spread > 1e-12] / spread[spread > 1e-12]
    return scaled


def _principal(columns: NDArray[np.float64], kept: int) -> NDArray[np.float64]:
    """(R, kept) scores on the first principal components."""
    if kept == 0 or columns.shape[1] == 0:
        return np.zeros((len(columns), 0))
    values, vectors = np.linalg.eigh(columns.T @ columns / len(columns))
    order = np.argsort(values)[::-1][:kept]
    scores: NDArray[np.float64] = columns @ vectors[:, order[values[order] > 1e-10]]
    return scores


def check_isolated_atoms(data: Collection, limits: CheckLimits) -> Finding:
    """Isolated atoms: one energy for each element and method, none missing, bound more weakly than in the rest."""
    rule = "isolated atoms"
    rows = np.flatnonzero(data.isolated & np.isfinite(data.energy))
    if not len(rows):
        return not_applicable(rule, "there is no isolated atom with an energy")
    others = np.flatnonzero(~data.isolated & np.isfinite(data.energy))
    element = data.elements[data.composition[rows].argmax(axis=1)]
    for code in np.unique(element):
        for method in np.unique(data.method[rows]):
            same = rows[(element == code) & (data.method[rows] == method)]
            spread = float(np.ptp(data.energy[same])) if len(same) > 1 else 0.0
            if spread > limits.isolated_energy:
                return found(
                    rule,
                    "defect",
                    f"isolated atoms of {SYMBOLS[code]} have energies that differ by {spread:.4g} eV ({places(same)})",
                    "keep the one that was computed with the method of the other labels",
                    same.tolist(),
                )
    energies = {int(code): float(data.energy[rows[element == code]].mean()) for code in np.unique(element)}
    missing = [SYMBOLS[z] for z in data.elements if int(z) not in energies]
    if missing and len(others):
        return found(
            rule,
            "defect",
            f"isolated atoms of {', '.join(SYMBOLS[z] for z in energies)} are there, "
            f"of {', '.join(missing)} they are missing",
            "add them, or leave all out and let self-energies be fitted",
            rows.tolist(),
        )
    return _against_the_rest(data, rows, others, energies, limits)


def _against_the_rest(
    data: Collection,
    rows: NDArray[np.int64],
    others: NDArray[np.int64],
    energies: dict[int, float],
    limits: CheckLimits,
) -> Finding:
    """Whether configurations of several atoms are bound, and not more strongly than any matter."""
    rule = "isolated atoms"
    if not len(others):
        return passed(rule, "one energy for each element")
    zero = data.composition[others] @ np.array([energies[int(z)] for z in data.elements])
    cohesive = (zero - data.energy[others]) / data.n_atoms[others]
    typical = float(np.median(cohesive))
    if not -0.5 < typical < limits.cohesive_energy:
        return found(
            rule,
            "defect",
            f"against the isolated atoms the other configurations have a cohesive energy of {typical:.4g} eV/atom; "
            f"expected 0 to {limits.cohesive_energy:g}",
            "compute isolated atoms and configurations with one method, one zero of energy and one unit",
            rows.tolist(),
        )
    return passed(rule, f"one energy for each element; the median cohesive energy is {typical:.3g} eV/atom")
