"""Compiled kernels: energies of all members for many atoms, and their gradients by the features."""

from typing import Any

import numpy as np
from numba import prange

from foundational.engines.ani.kernels.network import energies_only, forward, matrix, scratch_size
from foundational.engines.compilation import compiled

#: Atoms that one thread takes at a time; a multiple of what makes matrix products efficient.
_BLOCK = 256


@compiled
def _select(species: Any, element: Any, begin: Any, end: Any) -> Any:
    """Which of the atoms begin…end are of an element."""
    places = np.empty(end - begin, np.int64)
    n = 0
    for atom in range(begin, end):
        if species[atom] == element:
            places[n] = atom
            n += 1
    return places[:n]


@compiled
def _standardised(aevs: Any, atoms: Any, mean: Any, inverse: Any, out: Any) -> None:
    for r in range(len(atoms)):
        for k in range(len(mean)):
            out[r, k] = (aevs[atoms[r], k] - mean[k]) * inverse[k]


@compiled(parallel=True)
def atomic_energies(aevs: Any, species: Any, model: Any, out: Any) -> None:
    """Energies (M, A) in units of the energy scale, without self-energies."""
    for block in prange((len(species) + _BLOCK - 1) // _BLOCK):
        begin, end = block * _BLOCK, min((block + 1) * _BLOCK, len(species))
        for e in range(model.parameters.shape[1]):
            atoms = _select(species, e, begin, end)
            if len(atoms) == 0:
                continue
            x, found = np.empty((len(atoms), aevs.shape[1]), np.float32), np.empty(len(atoms), np.float32)
            for m in range(model.parameters.shape[0]):
                _standardised(aevs, atoms, model.mean[m, e], model.inverse[m, e], x)
                energies_only(x, model.widths, model.activation, model.parameters[m, e], found)
                for r in range(len(atoms)):
                    out[m, atoms[r]] = found[r]


@compiled(parallel=True)
def energies_and_gradients(aevs: Any, species: Any, model: Any, energies: Any, gradients: Any) -> None:
    """Energies (M, A) and their derivatives by the vectors (M, A, stride ≥ K), in units of the energy scale."""
    gradients[:] = np.float32(0)
    n_features = aevs.shape[1]
    for block in prange((len(species) + _BLOCK - 1) // _BLOCK):
        begin, end = block * _BLOCK, min((block + 1) * _BLOCK, len(species))
        for e in range(model.parameters.shape[1]):
            atoms = _select(species, e, begin, end)
            n = len(atoms)
            if n == 0:
                continue
            found, by_feature = np.empty(n, np.float32), np.empty((n, n_features), np.float32)
            kept = np.empty(scratch_size(n, model.widths), np.float32)
            for m in range(model.parameters.shape[0]):
                inverse = model.inverse[m, e]
                _standardised(aevs, atoms, model.mean[m, e], inverse, matrix(kept, 0, n, n_features))
                forward(n, model.widths, model.activation, model.parameters[m, e], kept, found, by_feature)
                for r in range(n):
                    energies[m, atoms[r]] = found[r]
                    for k in range(n_features):
                        gradients[m, atoms[r], k] = by_feature[r, k] * inverse[k]
