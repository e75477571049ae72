"""The picture of a model's errors: predicted against reference labels, and the error by energy."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foundational.data.configurations import Configurations, Labels
from foundational.evaluation.errors import ModelErrors
from foundational.pictures.style import COLOURS, hide, picture
from foundational.units import MEV

#: Points of a panel; of more, as many are drawn, evenly spread.
_MOST = 20_000


@dataclass
class Seen:
    """What was compared: reference and predicted energies (eV/atom) and forces (eV/Å), batch after batch."""

    energies: list[NDArray[np.float64]] = field(default_factory=list)
    forces: list[NDArray[np.float64]] = field(default_factory=list)

    def __call__(self, configurations: Configurations, predicted: Labels) -> None:
        """Keep what both sides know of a batch."""
        reference = configurations.labels
        assert reference is not None
        energy = np.stack([reference.energy, predicted.energy]) / configurations.n_atoms
        self.energies.append(energy[:, np.isfinite(energy).all(axis=0)])
        forces = np.stack([np.ravel(reference.forces), np.ravel(predicted.forces)]).astype(np.float64)
        self.forces.append(forces[:, np.isfinite(forces).all(axis=0)])


def draw_errors(seen: Seen, errors: ModelErrors, title: str, path: Path) -> None:
    """Draw what `foundational.evaluation.errors.evaluate` compared."""
    energy, force = (np.concatenate(parts, axis=1) for parts in (seen.energies, seen.forces))
    with picture(path, 3, title) as (left, middle, right):
        if energy.size:
            _parity(left, energy, "energy, eV/atom")
            left.set_title(_mean(errors.mae_meV_per_atom, "meV/atom"), loc="left")
            few = _few(energy)
            middle.plot(few[0], (few[1] - few[0]) * MEV, ".", color=COLOURS[0], markersize=2, rasterized=True)
            middle.axhline(0, color="black", linewidth=0.8)
            middle.set(xlabel="reference energy, eV/atom", ylabel="error, meV/atom")
        else:
            hide(left)
            hide(middle)
        if force.size:
            _parity(right, force, "force component, eV/Å")
            right.set_title(_mean(errors.force_mae_meV_per_A, "meV/Å"), loc="left")
        else:
            hide(right)


def _mean(error: float | None, unit: str) -> str:
    return "" if error is None else f"mean error {error:.3g} {unit}"


def _few(pairs: NDArray[np.float64]) -> NDArray[np.float64]:
    return pairs[:, np.unique(np.linspace(0, pairs.shape[1] - 1, _MOST).round().astype(np.int64))]


def _parity(axes: Any, pairs: NDArray[np.float64], what: str) -> None:
    few = _few(pairs)
    ends = [few.min(), few.max()]
    axes.plot(ends, ends, color="black", linewidth=0.8, marker="")
    axes.plot(few[0], few[1], ".", color=COLOURS[0], markersize=2, rasterized=True)
    axes.set(xlabel=f"reference {what}", ylabel=f"model {what}")
