"""Parameters of atomic networks: their layout in one flat array, their beginning, their data's standardisation."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from foundational.data.configurations import Configurations
from foundational.seeds import generator
from foundational.specs.ani import AevSpec

#: Atoms whose features are turned into float64 at one time.
_ATOMS_AT_ONCE = 65_536


def layer_widths(n_features: int, hidden: Sequence[int]) -> NDArray[np.int64]:
    """(L+1,) the number of features and the hidden widths."""
    return np.array([n_features, *hidden], dtype=np.int64)


def parameter_count(widths: NDArray[np.int64]) -> int:
    """P, the number of parameters of one network.

    >>> parameter_count(np.array([2, 16]))  # 2·16 weights, 16 biases, 16 weights and a bias to the energy
    65
    """
    return int((widths[:-1] * widths[1:] + widths[1:]).sum() + widths[-1] + 1)


def layers(
    parameters: NDArray[np.float32], widths: NDArray[np.int64]
) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Views (weights (in, out), bias (out,)) of each layer of a flat (P,) array; the last has one output."""
    views = []
    place = 0
    for before, width in zip(widths, [*widths[1:], 1], strict=True):
        weights = parameters[place : place + before * width].reshape(before, width)
        views.append((weights, parameters[place + before * width : place + (before + 1) * width]))
        place += (before + 1) * width
    return views


def initial_parameters(widths: NDArray[np.int64], n_elements: int, seeds: Sequence[int]) -> NDArray[np.float32]:
    """(M, elements, P) weights and biases uniform within ±1/√(inputs), torch's habit; one seed a member."""
    out = np.empty((len(seeds), n_elements, parameter_count(widths)), dtype=np.float32)
    for member, seed in enumerate(seeds):
        for element in range(n_elements):
            random = generator(seed, "network", element)
            for weights, bias in layers(out[member, element], widths):
                bound = 1 / np.sqrt(len(weights))
                weights[:] = random.uniform(-bound, bound, weights.shape)
                bias[:] = random.uniform(-bound, bound, bias.shape)
    return out


def decay_mask(widths: NDArray[np.int64]) -> NDArray[np.float32]:
    """(P,) 1 for weights, 0 for biases."""
    mask = np.ones(parameter_count(widths), dtype=np.float32)
    for _, bias in layers(mask, widths):
        bias[:] = 0
    return mask


def fit_self_energies(
    configurations: Configurations,
    species: NDArray[np.int64],
    n_elements: int,
    isolated: NDArray[np.bool_] | None = None,
) -> NDArray[np.float64]:
    """(elements,) eV: the constants an atom that leave the least squares of energy per atom.

    Configurations whose energy is not known do not count; without any energy the constants are zero. Compositions that
    cannot tell elements apart, as of one compound alone, give those constants of least squares that are nearest to the
    energies of isolated atoms; to zero, where an element has none.

    Parameters
    ----------
    isolated
        (C,) single atoms without neighbours: they do not count where there is anything else.
    """
    assert configurations.labels is not None
    counts = np.zeros((len(configurations), n_elements))
    np.add.at(counts, (configurations.configuration_of_atom, species), 1)
    per_atom = configurations.labels.energy / configurations.n_atoms
    known = np.isfinite(per_atom)
    nearest = np.zeros(n_elements)
    if isolated is not None and isolated.any():
        for row in np.flatnonzero(isolated & known):
            nearest[species[configurations.offsets[row]]] = per_atom[row]
        if (known & ~isolated).any():
            known &= ~isolated
    if not known.any():
        return nearest
    shares = counts / configurations.n_atoms[:, None]
    rest = per_atom - shares @ nearest
    solution: NDArray[np.floating] = np.linalg.lstsq(shares[known], rest[known], rcond=None)[0]
    return nearest + solution.astype(np.float64)


def far_energies(self_energies: NDArray[np.float64]) -> NDArray[np.float64]:
    """The multiples of 1,024 eV nearest to ``self_energies``: what can be taken from total energies without rounding.

    >>> far_energies(np.array([-4.45, -41310.0])).tolist()
    [0.0, -40960.0]
    """
    whole: NDArray[np.float64] = np.rint(self_energies / 1024.0) * 1024.0
    return whole + 0.0  # no negative zero


def feature_statistics(
    aevs: NDArray[np.float32], atoms: NDArray[np.int64], species: NDArray[np.int64], n_elements: int, floor: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and deviation (elements, K) of the features of the flat ``atoms``; the deviation is at least ``floor``."""
    mean, deviation = np.zeros((n_elements, aevs.shape[1])), np.ones((n_elements, aevs.shape[1]))
    for element in range(n_elements):
        own = atoms[species[atoms] == element]
        if not len(own):
            continue
        parts = [own[first : first + _ATOMS_AT_ONCE] for first in range(0, len(own), _ATOMS_AT_ONCE)]
        mean[element] = sum(aevs[part].sum(axis=0, dtype=np.float64) for part in parts) / len(own)
        squares = sum(((aevs[part] - mean[element]) ** 2).sum(axis=0) for part in parts) / len(own)
        deviation[element] = np.maximum(np.sqrt(squares), floor)
    return mean.astype(np.float32), deviation.astype(np.float32)


def replace_unseen(
    parameters: NDArray[np.float32],
    widths: NDArray[np.int64],
    deviation: NDArray[np.float32],
    aev: AevSpec,
    aevs: NDArray[np.float32],
    species: NDArray[np.int64],
) -> None:
    """Give features that are zero for all training atoms of an element weights that follow from the other ones.

    Networks that were trained on configurations of at most two elements have never seen two other elements beside an
    atom. The weights of such pairs are as random as at the start, and their features are divided by the smallest
    deviation, so configurations of three elements would get arbitrary energies.

    To first order in the difference of the elements, neighbours j and k of an atom of element e count as j and e, and
    as k and e, less twice e: w(j, k) = w(e, j) + w(e, k) − w(e, e), where w is the weight of the feature before it is
    standardised. Where one of these was not seen either, and for an element that was never a neighbour, it is zero.
    Features that were seen keep their weights, so a set in which all its elements were together changes nothing.

    Parameters
    ----------
    parameters
        (M, elements, P), trained; changed in place.
    widths
        Of the layers.
    deviation
        (M, elements, K) by which features are divided.
    aevs
        (A, K) of all training atoms.
    species
        (A,) places in the elements.
    """
    members, elements = parameters.shape[:2]
    if elements == 1:
        return
    radial, angular = aev.radial.shifts, aev.angular.shifts * aev.angular.sections
    pairs = [(j, k) for j in range(elements) for k in range(j, elements)]
    place = {
        pair: slice(elements * radial + angular * n, elements * radial + angular * (n + 1))
        for n, pair in enumerate(pairs)
    }
    alone = [slice(radial * n, radial * (n + 1)) for n in range(elements)]
    for element in range(elements):
        seen = aevs[species == element].any(axis=0)
        if not seen.any():
            continue
        for member in range(members):
            weights, _ = layers(parameters[member, element], widths)[0]
            scale = deviation[member, element][:, None]
            slopes = weights / scale
            for block in alone:
                if not seen[block].any():
                    weights[block] = 0
            for (j, k), block in place.items():
                if seen[block].any():
                    continue
                weights[block] = 0
                with_j, with_k = (place[min(n, element), max(n, element)] for n in (j, k))
                own = place[element, element]
                if all(seen[other].any() for other in (with_j, with_k, own)):
                    weights[block] = (slopes[with_j] + slopes[with_k] - slopes[own]) * scale[block]
