"""Energies that fit neither composition nor structure: diverged SCF, labels of other frames, other units."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foundational.checks.collection import Collection
from foundational.checks.limits import CheckLimits
from foundational.checks.report import Finding, found, not_applicable, passed, places
from foundational.elements import SYMBOLS

#: Fewer configurations than this with an energy let no outlier be seen.
_LEAST = 8
#: Configurations from which the expected energies are learned, and among which similar ones are looked for.
_MOST = 20_000
#: Of the structure's own effect on the energy: so much of it the simple description may miss.
_MISSED = 0.35
#: Å; a displacement costs half its product with the force. Recipes displace atoms by up to 0.06 nearest-neighbour
#: distances along each axis, so crystals with large forces are above what composition and volume let expect.
_DISPLACED = 0.1
#: Most similar configurations with which one is compared.
_ALIKE = 5
_RULE = "energies"


def check_energies(data: Collection, limits: CheckLimits) -> Finding:
    """Energies against those that composition, volume and numbers of pairs let expect.

    The expected energy is linear in the numbers of atoms of each element, of pairs by distance, and in powers of the
    volume. It is fitted robustly for each method, sampled and built configurations apart; each
    configuration is compared with the fit without it.
    """
    rows = np.flatnonzero(np.isfinite(data.energy) & ~data.isolated)
    # What recipes built is compared with its like: sampled configurations let nothing be expected of a slab.
    group = 2 * data.method + data.built
    alike = [rows[group[rows] == number] for number in np.unique(group[rows])]
    groups = [members for members in alike if len(members) >= _LEAST]
    if not groups:
        most = max(map(len, alike), default=0)
        return not_applicable(_RULE, f"{most} configurations with energies; {_LEAST} are needed for a comparison")
    bad = []
    scale = 0.0
    for members in groups:
        structure = _Structure.fitted(data, members)
        deviation, allowed, sigma = _deviations(data, members, structure, limits)
        scale = max(scale, sigma)
        allowed += np.where(data.built[members], _DISPLACED * np.nan_to_num(data.mean_force[members]), 0.0)
        suspects = np.flatnonzero(np.abs(deviation) > allowed)
        others = _evenly(len(members), _MOST)
        near = _Near(structure.of(members[others]), others, structure.of(members[suspects]), suspects)
        differ = _differ_from_their_like(near, deviation, max(limits.energy_floor, 6 * sigma))
        bad.append(members[suspects[differ & ~_remote(near)]])
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
    data: Collection, rows: NDArray[np.int64], structure: "_Structure", limits: CheckLimits
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """(R,) eV/atom: energies minus the expected ones, what is allowed, and the robust standard deviation."""
    atoms = data.n_atoms[rows].astype(np.float64)
    target = data.energy[rows] / atoms
    # A description of fewer numbers for small sets: a fit must not follow single configurations.
    learn = _evenly(len(rows), _MOST)
    kept = min(structure.width, max(0, len(rows) // 6 - data.composition.shape[1]))
    components = _components(structure.of(rows[learn]), kept)

    def described(part: NDArray[np.int64]) -> NDArray[np.float64]:
        shares = data.composition[rows[part]] / atoms[part, None]
        return np.hstack([shares, structure.of(rows[part]) @ components])

    design = described(learn)
    weights = np.ones(len(learn))
    sigma = 0.0
    centre = np.median(target)
    for _ in range(20):
        weighted = design * weights[:, None]
        ridge = 1e-8 * max(1.0, float(np.trace(weighted.T @ weighted)) / design.shape[1])
        inverse = np.linalg.inv(weighted.T @ weighted + ridge * np.eye(design.shape[1]))
        coefficients = inverse @ (weighted.T @ ((target[learn] - centre) * weights))
        residual = target[learn] - centre - design @ coefficients
        sigma = 1.4826 * float(np.median(np.abs(residual))) + 1e-12
        # Tukey's biweight: what lies beyond 5 σ has no influence.
        weights = np.clip(1 - (residual / (5 * sigma)) ** 2, 0, 1)
        if not weights.any():
            weights = np.ones(len(learn))
    expected, leverage = np.empty(len(rows)), np.empty(len(rows))
    for start in range(0, len(rows), _MOST):
        part = np.arange(start, min(start + _MOST, len(rows)))
        design = described(part)
        expected[part] = design @ coefficients
        leverage[part] = np.clip(((design @ inverse) * design).sum(axis=1), 0, 0.95)
    deviation = (target - centre - expected) / (1 - np.where(np.isin(np.arange(len(rows)), learn), leverage, 0) * 0.5)
    own_effect = np.abs(expected - np.median(expected))
    allowed = np.maximum(limits.energy_floor, limits.energy_outlier * sigma * (1 + 2 * leverage))
    return deviation, np.maximum(allowed, _MISSED * own_effect), sigma


@dataclass(frozen=True, eq=False)
class _Near:
    """Suspects and the configurations with which they are compared, by their places and descriptions."""

    known: NDArray[np.float64]
    others: NDArray[np.int64]
    suspected: NDArray[np.float64]
    suspects: NDArray[np.int64]

    def squares(self, suspect: int) -> NDArray[np.float64]:
        """(R,) squared distance of a suspect to each of the others, infinite to itself."""
        return _squares(self.known, self.others, self.suspected[suspect], int(self.suspects[suspect]))


def _squares(
    known: NDArray[np.float64], others: NDArray[np.int64], description: NDArray[np.float64], row: int
) -> NDArray[np.float64]:
    square: NDArray[np.float64] = ((known - description) ** 2).sum(axis=1)
    square[others == row] = np.inf
    return square


def _remote(near: _Near) -> NDArray[np.bool_]:
    """(S,) whether the nearest other configuration is much farther away than is usual: nothing is expected of it then.

    Descriptions have columns of unit variance.
    """
    width = near.known.shape[1]
    if not near.suspects.size or width == 0:
        return np.zeros(len(near.suspects), dtype=bool)
    sample = _evenly(len(near.others), 300)
    distances = [np.sqrt(_squares(near.known, near.others, near.known[k], int(near.others[k])).min()) for k in sample]
    least = 1.5 * max(float(np.quantile(distances, 0.9)), 0.05 * np.sqrt(width))
    return np.array([np.sqrt(near.squares(i).min()) > least for i in range(len(near.suspects))], dtype=bool)


def _evenly(count: int, most: int) -> NDArray[np.int64]:
    """At most ``most`` rows of ``count``, spread evenly."""
    return np.linspace(0, count - 1, min(most, count)).astype(np.int64)


def _differ_from_their_like(near: _Near, deviation: NDArray[np.float64], allowed: float) -> NDArray[np.bool_]:
    """(S,) whether the deviation is not shared by the most similar configurations, as that of all surfaces would be."""
    differs = np.zeros(len(near.suspects), dtype=bool)
    for i, row in enumerate(near.suspects.tolist()):
        alike = deviation[near.others[np.argsort(near.squares(i))[:_ALIKE]]]
        spread = float(np.sort(np.abs(alike - np.median(alike)))[-2])  # one of them may be wrong itself
        differs[i] = abs(deviation[row] - np.median(alike)) > max(allowed, 3 * spread)
    return differs


@dataclass(frozen=True, eq=False)
class _Structure:
    """Numbers of pairs for each atom and powers of the volume for each atom, scaled to unit variance."""

    data: Collection
    typical: float
    """Å³: the median volume for each atom."""
    mean: NDArray[np.float64]
    spread: NDArray[np.float64]

    @classmethod
    def fitted(cls, data: Collection, rows: NDArray[np.int64]) -> "_Structure":
        """Scaled over ``rows``, or over `_MOST` of them."""
        volume = np.where(data.periodic[rows], data.volume[rows] / data.n_atoms[rows], 0.0)
        typical = float(np.median(volume[volume > 0])) if (volume > 0).any() else 1.0
        columns = _columns(data, rows[_evenly(len(rows), _MOST)], typical)
        return cls(data, typical, columns.mean(axis=0), columns.std(axis=0))

    @property
    def width(self) -> int:
        """Columns of the description: those that vary."""
        return int((self.spread > 1e-12).sum())

    def of(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """(R, K) the description of some configurations."""
        kept = self.spread > 1e-12
        columns = _columns(self.data, rows, self.typical)
        scaled: NDArray[np.float64] = (columns - self.mean)[:, kept] / self.spread[kept]
        return scaled


def _columns(data: Collection, rows: NDArray[np.int64], typical: float) -> NDArray[np.float64]:
    atoms = data.n_atoms[rows].astype(np.float64)
    relative = np.clip(np.where(data.periodic[rows], data.volume[rows] / atoms, 0.0) / typical, 0, 3)
    powers = np.column_stack([relative, relative**2, np.where(relative > 0, 1 / np.maximum(relative, 0.2), 0)])
    return np.hstack([data.pairs[rows] / atoms[:, None], powers, data.periodic[rows, None].astype(np.float64)])


def _components(columns: NDArray[np.float64], kept: int) -> NDArray[np.float64]:
    """(K, kept) directions of the first principal components of ``columns`` (R, K)."""
    if kept == 0 or columns.shape[1] == 0:
        return np.zeros((columns.shape[1], 0))
    values, vectors = np.linalg.eigh(columns.T @ columns / len(columns))
    order = np.argsort(values)[::-1][:kept]
    directions: NDArray[np.float64] = vectors[:, order[values[order] > 1e-10]]
    return directions


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
