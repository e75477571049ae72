"""A pair potential fitted to labels: networks learn what it leaves.

Most of the energy between near atoms is that of pairs. A linear fit finds this part from few configurations, and its
remainder has a tenth of the spread of the labels: crystals at half their volume, where networks alone learn slowly and
spoil everything else, become ordinary configurations. The potential is a sum of exponentials of the distance, times
(1 − r²/c²)³, which ends smoothly at the cutoff c of the environments.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from foundational.data.batches import batch_slices
from foundational.data.configurations import Configurations, Labels, per_volume
from foundational.engines.ani.aev import Geometry, species_of
from foundational.engines.ani.kernels.aev_jacobian import STRAIN_ROWS
from foundational.engines.ani.kernels.short_range import Tables, add_short_range
from foundational.errors import InputError
from foundational.specs.ani import LossSpec

#: Å, of the tables.
FIRST, STEP = 0.1, 0.02
#: Decay of the exponentials over the cutoff: from 1.5 to 12 over the distance of neighbours in FCC.
_DECAYS = np.geomspace(3.6, 29.0, 6)
#: Where the exponentials are one, as a part of the cutoff.
_ORIGIN = 0.415
#: Of the least squares, in units of the columns' lengths: terms that data do not determine stay small.
_RIDGE = 1e-3
#: Of the constants, which only must be determined where all configurations are of one composition.
_RIDGE_OF_CONSTANTS = 1e-6
#: Of one part of the sums.
_ATOMS_AT_ONCE = 65_536


@dataclass(frozen=True, eq=False)
class PairPotential:
    """A function of the distance for each pair of elements, in the order of the ensemble's."""

    tables: Tables
    """The function is ``inner``; nothing else is in them."""

    def labels(self, configurations: Configurations, elements: Sequence[int]) -> Labels:
        """Energies (C,) eV, forces (A, 3) eV/Å and stresses (C, 3, 3) eV/Å³ of the pair potential alone."""
        geometry = Geometry.of(configurations, elements, self.tables.cutoff)
        n_atoms = len(geometry.species)
        energies, weight = np.zeros((1, n_atoms)), np.empty(n_atoms, dtype=np.float32)
        forces, strain = np.zeros((1, n_atoms, 3)), np.zeros((1, len(configurations), STRAIN_ROWS))
        add_short_range(*geometry.arrays(), self.tables, energies, weight, forces, strain)
        full = strain[0][:, [0, 5, 4, 5, 1, 3, 4, 3, 2]].reshape(-1, 3, 3)
        total = np.add.reduceat(energies[0], configurations.offsets[:-1])
        return Labels(total, forces[0], per_volume(full, configurations))

    def remainder(self, configurations: Configurations, elements: Sequence[int]) -> Configurations:
        """The same configurations, their labels less this potential's; what is not known stays unknown."""
        known = configurations.labels
        assert known is not None
        own = self.labels(configurations, elements)
        rest = (known.energy - own.energy, (known.forces - own.forces).astype(np.float32), known.stress - own.stress)
        return configurations.with_labels(Labels(*rest))

    def arrays(self) -> dict[str, NDArray[np.float64]]:
        """All numbers by name, as a model file stores them."""
        grid = np.array([self.tables.cutoff, self.tables.first, self.tables.step])
        return {"pair_potential.grid": grid, "pair_potential.values": self.tables.inner}

    @classmethod
    def of(cls, arrays: dict[str, NDArray[np.float64]], n_elements: int) -> Self:
        """From `arrays`, as a file has them.

        Raises
        ------
        InputError
            where an array has another shape or is not finite.
        """
        grid, values = arrays["pair_potential.grid"], arrays["pair_potential.values"]
        n = values.shape[2] if values.ndim == 4 else 0
        for name, array, shape in (("grid", grid, (3,)), ("values", values, (n_elements, n_elements, n, 2))):
            if array.shape != shape or not np.isfinite(array).all():
                raise InputError(f"expected finite numbers of shape {shape} as pair_potential.{name}")
        return cls(pair_tables(np.ascontiguousarray(values), *(float(x) for x in grid)))


def fit_pair_potential(
    configurations: Configurations,
    elements: Sequence[int],
    cutoff: float,
    weights: NDArray[np.floating],
    loss: LossSpec,
) -> PairPotential:
    """The pair potential of least ``loss`` on ``configurations``, whose weights in it are ``weights`` (C,).

    Labels that are not known do not count. Each element has a constant energy an atom in the fit, which is no part of
    the result.
    """
    kinds = [(a, b) for a in range(len(elements)) for b in range(a, len(elements))]
    functions = _functions(cutoff)
    terms = [(kind, function) for kind in kinds for function in functions]
    count = len(terms) + len(elements)
    gram, wanted = np.zeros((count, count)), np.zeros(count)
    for rows in batch_slices(configurations.n_atoms, _ATOMS_AT_ONCE):
        part, shares = configurations.take(rows), np.asarray(weights[rows], dtype=np.float64)
        matrix, values = _least_squares(part, elements, terms, cutoff, shares, loss)
        gram += matrix.T @ matrix
        wanted += matrix.T @ values
    size = np.sqrt(np.maximum(gram.diagonal(), np.finfo(np.float64).tiny))
    ridge = np.full(count, _RIDGE**2)
    ridge[-len(elements) :] = _RIDGE_OF_CONSTANTS**2
    solution = np.linalg.solve(gram / np.outer(size, size) + np.diag(ridge), wanted / size) / size
    found = np.zeros((len(elements), len(elements), functions.shape[1], 2))
    for k, (a, b) in enumerate(kinds):
        own = solution[k * len(functions) : (k + 1) * len(functions)]
        found[a, b] = found[b, a] = np.einsum("f,fnx->nx", own, functions)
    return PairPotential(pair_tables(found, cutoff))


def _least_squares(
    configurations: Configurations,
    elements: Sequence[int],
    terms: list[tuple[tuple[int, int], NDArray[np.float64]]],
    cutoff: float,
    weights: NDArray[np.float64],
    loss: LossSpec,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Matrix (n, terms + elements) and values (n,) of the known labels, both weighted as the loss weighs them."""
    labels = configurations.labels
    assert labels is not None
    n_atoms, owner, count = configurations.n_atoms, configurations.configuration_of_atom, len(elements)
    energy_weight = np.sqrt(weights * loss.energy_weight / n_atoms**loss.energy_power)
    force_weight = np.repeat(np.sqrt(weights * loss.force_weight / n_atoms)[owner], 3)
    atoms = np.zeros((len(configurations), count))
    np.add.at(atoms, (owner, species_of(configurations.atomic_numbers, elements)), 1.0)
    found = [PairPotential(_tables_of(f, a, b, count, cutoff)).labels(configurations, elements) for (a, b), f in terms]
    energies = np.stack([x.energy for x in found], axis=1)
    forces = np.stack([x.forces.ravel() for x in found], axis=1)
    rows = np.isfinite(labels.energy) & energies.any(axis=1)
    known = np.isfinite(labels.forces).ravel()
    constants = np.zeros((int(known.sum()), count))
    return np.concatenate(
        [
            np.hstack([energies, atoms])[rows] * energy_weight[rows, None],
            np.hstack([forces[known], constants]) * force_weight[known, None],
        ]
    ), np.concatenate(
        [
            labels.energy[rows] * energy_weight[rows],
            labels.forces.ravel().astype(np.float64)[known] * force_weight[known],
        ]
    )


def pair_tables(values: NDArray[np.float64], cutoff: float, first: float = FIRST, step: float = STEP) -> Tables:
    """Tables with the functions (E, E, n, 2) and nothing else."""
    count, empty = len(values), np.zeros_like(values)
    return Tables(cutoff, first, step, values, empty, empty, np.zeros(count), np.full((count, 2), -1.0))


def _functions(cutoff: float) -> NDArray[np.float64]:
    """(F, n, 2) values and slopes of the functions at the distances of the tables; the last value is zero."""
    r = FIRST + STEP * np.arange(round((cutoff - FIRST) / STEP) + 1)
    x = np.minimum(r / cutoff, 1.0)
    envelope, fall = (1 - x**2) ** 3, -6 * x * (1 - x**2) ** 2 / cutoff
    found = []
    for decay in _DECAYS:
        value = np.exp(-decay * (r / cutoff - _ORIGIN))
        found.append(np.stack([value * envelope, value * (fall - decay / cutoff * envelope)], axis=1))
    return np.stack(found)


def _tables_of(function: NDArray[np.float64], a: int, b: int, count: int, cutoff: float) -> Tables:
    values = np.zeros((count, count, *function.shape))
    values[a, b] = values[b, a] = function
    return pair_tables(values, cutoff)
