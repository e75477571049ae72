"""Energies of many configurations by many ensembles, the environment vectors computed once for all."""

from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from foundational.data.batches import iterate_batches
from foundational.engines.ani.aev import compute_aevs, species_of
from foundational.engines.ani.ensemble import Ensemble
from foundational.engines.ani.kernels.prediction import atomic_energies

#: Atoms whose vectors are in memory at one time.
_ATOMS_AT_ONCE = 65_536


def energies_per_atom(ensembles: Sequence[Ensemble], dataset: xr.Dataset) -> list[NDArray[np.float64]]:
    """(M, C) eV of each ensemble, all of one kind of vector and elements; the dataset is read piece by piece."""
    first = ensembles[0]
    parts: list[list[NDArray[np.float64]]] = [[] for _ in ensembles]
    for _, batch in iterate_batches(dataset, _ATOMS_AT_ONCE):
        aevs = compute_aevs(batch, first.aev, first.elements)
        species = species_of(batch.atomic_numbers, first.elements)
        for ensemble, part in zip(ensembles, parts, strict=True):
            assert (ensemble.aev, ensemble.elements) == (first.aev, first.elements)
            atomic = np.empty((ensemble.members, len(species)), dtype=np.float32)
            atomic_energies(aevs, species, ensemble.kernel_model(), atomic)
            whole = ensemble.with_added_terms(batch, species, atomic)
            part.append(np.add.reduceat(whole, batch.offsets[:-1], axis=1, dtype=np.float64) / batch.n_atoms)
    return [np.concatenate(part, axis=1) for part in parts]
