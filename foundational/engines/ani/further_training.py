"""Training the networks of a model further, on other labels."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from foundational.data.configurations import Configurations
from foundational.data.fingerprint import fingerprint
from foundational.engines.ani.aev import compute_aevs, species_of
from foundational.engines.ani.ensemble import Ensemble
from foundational.engines.ani.kernels.prediction import atomic_energies
from foundational.engines.ani.network import fit_self_energies
from foundational.engines.ani.threads import kernel_threads
from foundational.engines.ani.training import (
    TYPICAL,
    Beginning,
    finished,
    interaction_energies,
    loss_shares,
    require_labels,
    without_far_energies,
)
from foundational.errors import InputError
from foundational.progress import Progress
from foundational.specs.ani import AniSpec, OptimisationSpec


def train_further(
    start: Ensemble,
    training: OptimisationSpec,
    configurations: Configurations,
    train_indices: Sequence[NDArray[np.integer]],
    seed: int,
    *,
    memory: int | None = None,
    device: str = "cpu",
    progress: Progress | None = None,
) -> Ensemble:
    """Train the networks of ``start`` on other labels, from the weights that they have.

    The environments, the widths, the pair potential and the scales of features and energies are those of ``start``. One
    constant an atom is fitted, so that the labels may have another zero.

    Parameters
    ----------
    training
        How long, at which learning rate and with which loss; the first weights are not drawn.
    train_indices
        as in `train`, for each member of ``start``.

    Raises
    ------
    InputError
        where a member has no label to train on, labels are not finite, the indices do not fit, or ``start`` has no
        network for an element.
    """
    spec = AniSpec(members=start.members, aev=start.aev, network=start.network, training=training)
    require_labels(spec, configurations, train_indices)
    if missing := sorted({int(z) for z in np.unique(configurations.atomic_numbers)} - set(start.elements)):
        raise InputError(f"expected elements that the model to start from has, got atomic numbers {missing}")
    with kernel_threads(None):
        used = np.unique(np.concatenate(train_indices)).astype(np.int64)
        local = [np.searchsorted(used, indices) for indices in train_indices]
        data = fingerprint(configurations)
        configurations, far = without_far_energies(configurations.take(used), start.elements)
        shares = loss_shares(configurations, training.loss)
        if start.pair_potential is not None:
            configurations = start.pair_potential.remainder(configurations, start.elements)
        species = species_of(configurations.atomic_numbers, start.elements)
        aevs = compute_aevs(configurations, start.aev, start.elements)
        atomic = np.empty((start.members, len(species)), dtype=np.float32)
        atomic_energies(aevs, species, start.kernel_model(), atomic)
        said = start.scale * np.add.reduceat(atomic, configurations.offsets[:-1], axis=1, dtype=np.float64)
        self_energies = np.array(start.self_energies)
        weights = np.zeros((len(local), len(used)), dtype=np.float32)
        labels = configurations.labels
        assert labels is not None
        for m, indices in enumerate(local):
            typical = indices[shares[indices] > TYPICAL]
            rest = configurations.with_labels(replace(labels, energy=labels.energy - said[m])).take(typical)
            own = species[configurations.atoms_of(typical)]
            self_energies[m] = fit_self_energies(rest, own, len(start.elements))
            weights[m, indices] = len(used) / len(indices) * shares[indices]
        energies = interaction_energies(configurations, start.elements, self_energies)
        ensemble = replace(
            start,
            self_energies=self_energies + far,
            parameters=start.parameters.copy(),  # which training changes in place
            short_range=None,
            extrapolation=None,
            metadata={
                "training_data": data,
                "training_configurations": str([len(indices) for indices in train_indices]),
                "training": training.model_dump_json(),
                "seed": str(seed),
                "started_from": start.id,
            },
        )
        beginning = Beginning(ensemble, configurations, aevs, energies, weights, None)
        return finished(beginning, spec, seed, memory, device, progress)
