"""What a pool sampled under a frozen bias says of the canonical ensembles inside its window of temperature.

A frame (H, O) of a run with weight W ∝ exp{−[H + ΔH(H, O) + U]/kT0}, U the restraint of a flexible cell's shape, counts
at temperature T with exp{[H + ΔH + U]/kT0 − H/kT}:
G. M. Torrie, J. P. Valleau, J. Comput. Phys. 23, 187 (1977). H is the potential enthalpy U + PV of the whole cell. Near
melting an average over everything is an average over neither phase, so averages are conditioned on a phase, any
function of the configuration alone. Errors are one standard deviation over bootstrap samples of whole stretches of each
walker's trajectory, within which frames remember each other. What too few frames carry is None, never extrapolated.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from foundational.errors import InputError
from foundational.science.bias import Bias
from foundational.seeds import generator
from foundational.units import BOLTZMANN

#: Stretches into which the trajectory of each walker is cut.
STRETCHES = 20
#: Least effective number of frames, and of stretches, that a number may rest on.
LEAST_FRAMES, LEAST_STRETCHES = 20.0, 4.0
#: Width of the strips of depth; the one at the border of a phase may carry half of the fullest one's weight at most.
_STRIP = 0.1
_SAMPLES = 400


@dataclass(frozen=True)
class Estimate:
    """A number and its standard error."""

    value: float
    error: float


@dataclass(frozen=True)
class Average:
    """Canonical averages of one phase at one temperature; extensive numbers are of the whole cell."""

    temperature: float
    """K"""
    enthalpy: Estimate
    """⟨H⟩, eV; the kinetic energy 3/2·N·kT is not in it."""
    volume: Estimate
    """Å³"""
    heat_capacity: Estimate
    """Of the potential enthalpy at constant pressure, (⟨H²⟩ − ⟨H⟩²)/kT², in k; the kinetic 3/2·N is not in it."""
    effective_frames: float


@dataclass(frozen=True, eq=False)
class Frames:
    """Frames of a pool and the bias under which they were recorded."""

    enthalpy: NDArray[np.float64]
    """(C,) eV, of the whole cell."""
    volume: NDArray[np.float64]
    """(C,) Å³"""
    order_parameter: NDArray[np.float64]
    """(C,)"""
    walker: NDArray[np.int64]
    """(C,)"""
    step: NDArray[np.int64]
    """(C,) ascending within a walker."""
    bias: Bias
    restraint: NDArray[np.float64] | float = 0.0
    """(C,) U, eV; see ``science.cell_shape``."""

    @cached_property
    def biased(self) -> NDArray[np.float64]:
        """(C,) (H + ΔH + U)/kT0, minus the log of the density under which each frame was sampled."""
        total = self.enthalpy + self.bias.value(self.enthalpy, self.order_parameter) + self.restraint
        return np.asarray(total / (BOLTZMANN * self.bias.temperature))

    @cached_property
    def stretch(self) -> NDArray[np.int64]:
        """(C,) the number of each frame's stretch: `STRETCHES` of equal length for each walker."""
        return stretches(self.walker, self.step)

    @property
    def temperatures(self) -> tuple[float, float]:
        """The window: the lowest and the highest temperature, K, to which the frames may be reweighted."""
        return float(self.bias.knots_t.min()), float(self.bias.knots_t.max())

    def log_weights(self, temperature: float) -> NDArray[np.float64]:
        """(C,) logarithms of the weights at ``temperature`` K, up to a constant.

        Raises
        ------
        InputError
            Outside the window of temperatures.
        """
        low, high = self.temperatures
        if not low <= temperature <= high:
            raise InputError(
                f"expected a temperature within the pool's window, {low:g} to {high:g} K, got {temperature:g}"
            )
        return self.biased - self.enthalpy / (BOLTZMANN * temperature)


def stretches(walker: NDArray[np.int64], step: NDArray[np.int64]) -> NDArray[np.int64]:
    """(C,) the number of each frame's stretch: `STRETCHES` of equal length for each walker."""
    result = np.zeros(len(walker), dtype=np.int64)
    for number, one in enumerate(np.unique(walker)):
        rows = np.flatnonzero(walker == one)
        rows = rows[np.argsort(step[rows], kind="stable")]
        result[rows] = number * STRETCHES + np.arange(len(rows)) * STRETCHES // len(rows)
    return result


def effective_number(weights: NDArray[np.float64]) -> float:
    """(Σw)²/Σw²: as many equal weights would be as uncertain (L. Kish, Survey Sampling, 1965); 0 for none.

    >>> effective_number(np.array([1.0, 1.0, 0.0])), effective_number(np.array([]))
    (2.0, 0.0)
    """
    square = float((weights**2).sum())
    return float(weights.sum()) ** 2 / square if square > 0 else 0.0


def average(
    frames: Frames, phase: NDArray[np.bool_], temperature: float, depth: NDArray[np.float64] | None = None
) -> Average | None:
    """Averages over the frames of ``phase`` at ``temperature`` K; None where too few carry the weight.

    None too where ``depth`` says that the weight gathers at the border of the phase: it does not last at that
    temperature, not even as a metastable one, and an average would be one over its remains.

    The heat capacity is the fluctuation formula of the isothermal-isobaric ensemble, σ²(H) = kT²·C (M. P. Allen,
    D. J. Tildesley, Computer Simulation of Liquids, 2nd ed., 2017, section 2.5).

    Parameters
    ----------
    phase
        (C,) which frames count.
    temperature
        K, within the window.
    depth
        (C,) how far within the phase a frame lies, 0 at its border.

    Raises
    ------
    InputError
        Outside the window of temperatures.
    """
    log_weights = frames.log_weights(temperature)[phase]
    if not len(log_weights):
        return None
    if depth is not None:
        strips = np.bincount((depth[phase] / _STRIP).astype(np.int64), np.exp(log_weights - log_weights.max()))
        if 2 * strips[0] > strips.max():
            return None
    return average_of(log_weights, frames.enthalpy[phase], frames.volume[phase], frames.stretch[phase], temperature)


def average_of(
    log_weights: NDArray[np.float64],
    h: NDArray[np.float64],
    v: NDArray[np.float64],
    stretch: NDArray[np.int64],
    temperature: float,
) -> Average | None:
    """Averages over frames with given weights; None where too few carry the weight.

    Parameters
    ----------
    log_weights
        (C,) logarithms of the weights, up to a constant.
    h, v
        (C,) potential enthalpy, eV, and volume, Å³, of the whole cell.
    stretch
        (C,) the number of each frame's stretch.
    temperature
        K, for the heat capacity.
    """
    if not len(log_weights):
        return None
    weights = np.exp(log_weights - log_weights.max())
    h0 = float(weights @ h / weights.sum())  # taken off before squaring
    sums = _by_stretch(stretch, weights[:, None] * np.stack([np.ones_like(h), h - h0, (h - h0) ** 2, v], axis=1))
    effective = effective_number(weights)
    if effective < LEAST_FRAMES or effective_number(sums[:, 0]) < LEAST_STRETCHES:
        return None
    total = np.concatenate([sums.sum(axis=0, keepdims=True), _resampled(sums)])
    mean, square, volume = (total[:, 1:] / total[:, :1]).T
    capacity = (square - mean**2) / (BOLTZMANN * temperature**2) / BOLTZMANN
    return Average(
        temperature, _estimate(h0 + mean), _estimate(volume), _estimate(capacity), effective_frames=effective
    )


def free_energy_difference(
    frames: Frames, a: NDArray[np.bool_], b: NDArray[np.bool_], temperatures: NDArray[np.float64]
) -> list[Estimate | None]:
    """G_a − G_b = −kT ln(W_a/W_b) in eV of two phases, from the sums W of their weights; None as in `average`."""
    if not len(temperatures):
        return []
    values, samples, known = _free_energies(frames, a, b, temperatures)
    return [
        Estimate(float(value), float(sample.std())) if enough else None
        for value, sample, enough in zip(values, samples.T, known, strict=True)
    ]


def melting_temperature(frames: Frames, crystal: NDArray[np.bool_], liquid: NDArray[np.bool_]) -> Estimate | None:
    """Where crystal and liquid have equal weights, K; None where the window or the frames do not show it.

    It is the melting temperature of the cell that was sampled, without an interface and with its own few modes.
    """
    low, high = frames.temperatures
    grid = np.linspace(low, high, 200)
    values, samples, known = _free_energies(frames, crystal, liquid, grid)
    if known.sum() < 2:
        return None
    found = _root(grid[known], values[known])
    if found is None:
        return None
    roots = [_root(grid[known], sample[known]) for sample in samples]
    return Estimate(found, float(np.std([root for root in roots if root is not None])))


def density_of_states(frames: Frames, phase: NDArray[np.bool_], edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """(len(edges) − 1,) ln g(H) of a phase in bins of H, up to a constant that all phases share; −inf if empty.

    g(H) exp(−H/kT) is the density of H at T.
    """
    h, logs = frames.enthalpy[phase], frames.biased[phase]
    bins = np.searchsorted(edges, h, side="right") - 1
    result = np.full(len(edges) - 1, -np.inf)
    inside = (bins >= 0) & (bins < len(result))
    np.logaddexp.at(result, bins[inside], logs[inside])
    return np.asarray(result - np.log(np.diff(edges)))


def _free_energies(
    frames: Frames, a: NDArray[np.bool_], b: NDArray[np.bool_], temperatures: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """G_a − G_b in eV at (T,) temperatures, in (S, T) bootstrap samples, and where enough frames carry both."""
    values, samples, known = [], [], []
    for temperature in temperatures:
        log_weights = frames.log_weights(float(temperature))
        sums, enough = [], True
        for phase in (a, b):
            # Each phase with a constant of its own: the weights of one may vanish beside the other's.
            logs = log_weights[phase]
            top = logs.max() if len(logs) else 0.0
            weights = np.exp(logs - top)
            stretches = _by_stretch(frames.stretch[phase], weights[:, None], frames.stretch.max() + 1)
            enough &= effective_number(weights) >= LEAST_FRAMES
            enough &= effective_number(stretches[:, 0]) >= LEAST_STRETCHES
            sums.append((top, stretches))
        totals = np.concatenate([sums[0][1], sums[1][1]], axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            logs = np.log(np.concatenate([totals.sum(axis=0, keepdims=True), _resampled(totals)]))
            difference = -BOLTZMANN * temperature * (logs[:, 0] + sums[0][0] - logs[:, 1] - sums[1][0])
        values.append(difference[0])
        samples.append(difference[1:])
        known.append(enough and bool(np.isfinite(difference).all()))
    return np.array(values), np.array(samples).T, np.array(known)


def _root(x: NDArray[np.float64], y: NDArray[np.float64]) -> float | None:
    """Where ``y`` first rises through zero, on straight lines between the points."""
    crossing = np.flatnonzero((y[:-1] < 0) & (y[1:] >= 0))
    if not len(crossing):
        return None
    k = crossing[0]
    return float(x[k] - y[k] * (x[k + 1] - x[k]) / (y[k + 1] - y[k]))


def _by_stretch(stretch: NDArray[np.int64], rows: NDArray[np.float64], count: int | None = None) -> NDArray[np.float64]:
    """(B, K) sums of ``rows`` (C, K) over each stretch."""
    if count is None:
        count = int(stretch.max()) + 1
    return np.stack([np.bincount(stretch, column, count) for column in rows.T], axis=1)


def _resampled(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """(S, K) totals of as many stretches drawn with replacement, always the same draws for the same number of them."""
    count = len(sums)
    draws = generator(0, "bootstrap").multinomial(count, np.full(count, 1 / count), size=_SAMPLES)
    return np.asarray(draws @ sums)


def _estimate(samples: NDArray[np.float64]) -> Estimate:
    """The first is the value, the others tell its error."""
    return Estimate(float(samples[0]), float(np.nanstd(samples[1:])))
