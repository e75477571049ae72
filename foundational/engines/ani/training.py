"""Training an ensemble on energies, forces and stresses."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from foundational.data.configurations import Configurations
from foundational.data.fingerprint import fingerprint
from foundational.engines.ani.aev import compute_aevs, species_of
from foundational.engines.ani.derivative_store import DerivativeStore
from foundational.engines.ani.ensemble import Ensemble
from foundational.engines.ani.gradients import KernelGradients, training_table
from foundational.engines.ani.network import (
    far_energies,
    feature_statistics,
    fit_self_energies,
    initial_parameters,
    layer_widths,
    replace_unseen,
)
from foundational.engines.ani.optimisation import Gradients, Validation, optimise
from foundational.engines.ani.terms.pair_potential import fit_pair_potential
from foundational.engines.ani.threads import kernel_threads
from foundational.errors import InputError
from foundational.progress import Progress
from foundational.seeds import derive
from foundational.specs.ani import AniSpec, LossSpec

#: Energies per atom are scaled by their spread, at least this; eV.
_LEAST_SCALE = 1e-3
#: Configurations of less weight do not count for the zero and the scales of energies and features.
TYPICAL = 0.5


def train(
    spec: AniSpec,
    configurations: Configurations,
    train_indices: Sequence[NDArray[np.integer]],
    seed: int,
    *,
    memory: int | None = None,
    threads: int | None = None,
    device: str = "cpu",
    progress: Progress | None = None,
) -> Ensemble:
    """Train an ensemble, all members at once.

    Parameters
    ----------
    configurations
        with labels; a label that is not known, NaN in all its numbers, is no part of the loss.
    train_indices
        for each of the ``spec.members`` members the configurations on which it trains; it is validated on the others.
    seed
        root of the members' first parameters, and of the order of configurations, which all members share.
    memory
        bytes that this may take, configurations apart; derivatives that do not fit are recomputed. Changes no result.
    threads
        default: all processors; changes no result.
    device
        ``cpu`` for the compiled kernels, or a device of torch's, such as ``cuda``.
    progress
        called with (epochs done, epochs in all, a message).

    Raises
    ------
    InputError
        where a member has no label to train on, labels are not finite, or the indices do not fit.
    """
    require_labels(spec, configurations, train_indices)
    with kernel_threads(threads):
        return finished(begun(spec, configurations, train_indices, seed), spec, seed, memory, device, progress)


@dataclass(frozen=True, eq=False)
class Beginning:
    """Networks before their first step, and all that their training looks at."""

    ensemble: Ensemble
    chosen: Configurations
    """Those on which any member trains."""
    aevs: NDArray[np.float32]
    """(A, K) of their atoms."""
    energies: NDArray[np.float64]
    """(M, C) eV, without self-energies and pair potential."""
    weights: NDArray[np.float32]
    """(M, C) in the loss."""
    validation: Validation | None

    def of(self, member: int) -> Self:
        """One member alone, to be trained as it is among the others."""
        only, v = slice(member, member + 1), self.validation
        alone = None if v is None else replace(v, energies=v.energies[only], held_out=v.held_out[only])
        ensemble = self.ensemble.member(member)
        return replace(
            self, ensemble=ensemble, energies=self.energies[only], weights=self.weights[only], validation=alone
        )


def begun(
    spec: AniSpec, configurations: Configurations, train_indices: Sequence[NDArray[np.integer]], seed: int
) -> Beginning:
    """Everything before the first step of `train`."""
    elements = tuple(int(z) for z in np.unique(configurations.atomic_numbers))
    used = np.unique(np.concatenate(train_indices)).astype(np.int64)
    local = [np.searchsorted(used, indices) for indices in train_indices]
    data = fingerprint(configurations)
    configurations, far = without_far_energies(configurations, elements)
    chosen = configurations.take(used)
    shares = loss_shares(chosen, spec.training.loss)
    pair_potential = None
    if spec.training.pair_potential:
        pair_potential = fit_pair_potential(chosen, elements, spec.aev.radial.cutoff, shares, spec.training.loss)
        configurations = pair_potential.remainder(configurations, elements)
        chosen = configurations.take(used)
    species = species_of(chosen.atomic_numbers, elements)
    aevs = compute_aevs(chosen, spec.aev, elements)
    isolated = (chosen.n_atoms == 1) & ~aevs[chosen.offsets[:-1]].any(axis=1)
    self_energies, mean, deviation, weights = [], [], [], np.zeros((len(local), len(used)), dtype=np.float32)
    for m, indices in enumerate(local):
        typical = indices[shares[indices] > TYPICAL]
        atoms = chosen.atoms_of(typical)
        part = chosen.take(typical)
        self_energies.append(fit_self_energies(part, species[atoms], len(elements), isolated[typical]))
        statistics = feature_statistics(aevs, atoms, species, len(elements), spec.training.feature_floor)
        mean.append(statistics[0])
        deviation.append(statistics[1])
        weights[m, indices] = len(used) / len(indices) * shares[indices]
    energies = interaction_energies(chosen, elements, np.array(self_energies))
    scale = _energy_scale(chosen, energies, (weights > 0) & (shares > TYPICAL))
    widths = layer_widths(aevs.shape[1], spec.network.hidden)
    seeds = [derive(seed, "member", m) for m in range(len(local))]
    validation = None
    if spec.training.schedule.name == "plateau":
        out = [np.setdiff1d(np.arange(len(configurations)), indices) for indices in train_indices]
        validation = _validation(spec, configurations, elements, np.array(self_energies), scale, out)
    ensemble = Ensemble(
        aev=spec.aev,
        network=spec.network,
        elements=elements,
        scale=scale,
        self_energies=np.array(self_energies) + far,
        mean=np.stack(mean),
        deviation=np.stack(deviation),
        parameters=initial_parameters(widths, len(elements), seeds),
        pair_potential=pair_potential,
        metadata={
            "training_data": data,
            "training_configurations": str([len(indices) for indices in train_indices]),
            "training": spec.training.model_dump_json(),
            "seed": str(seed),
        },
    )
    return Beginning(ensemble, chosen, aevs, energies, weights, validation)


def finished(
    beginning: Beginning,
    spec: AniSpec,
    seed: int,
    memory: int | None = None,
    device: str = "cpu",
    progress: Progress | None = None,
) -> Ensemble:
    """The networks after their last step; those of ``beginning`` become these."""
    ensemble, chosen = beginning.ensemble, beginning.chosen
    species = species_of(chosen.atomic_numbers, ensemble.elements)
    model = ensemble.kernel_model()
    numbers = (chosen, species, beginning.aevs, beginning.energies, ensemble.scale, beginning.weights)
    gradients: Gradients
    if device == "cpu":
        store = DerivativeStore(chosen, spec.aev, ensemble.elements, spec.training.batch, memory)
        gradients = KernelGradients(model, training_table(*numbers, store), store, spec.training.loss)
    else:
        from foundational.engines.ani.torch.gradients import TorchGradients  # noqa: PLC0415 - torch is slow to import

        bare = replace(ensemble, pair_potential=None)
        gradients = TorchGradients(bare, chosen, training_table(*numbers, None), spec.training.loss, device)
    optimise(spec.training, model, len(chosen), gradients, beginning.validation, seed, progress)
    if "started_from" not in ensemble.metadata:  # what these labels lack, those of the start may have had
        replace_unseen(model.parameters, model.widths, ensemble.deviation, spec.aev, beginning.aevs, species)
    return ensemble


def without_far_energies(
    configurations: Configurations, elements: Sequence[int]
) -> tuple[Configurations, NDArray[np.float64]]:
    """The same labels less `far_energies` (elements,) eV an atom, and these: zero for all but all-electron energies."""
    assert configurations.labels is not None
    species = species_of(configurations.atomic_numbers, elements)
    far = far_energies(fit_self_energies(configurations, species, len(elements)))
    if not far.any():
        return configurations, far
    total = np.bincount(configurations.configuration_of_atom, far[species], len(configurations))
    labels = replace(configurations.labels, energy=configurations.labels.energy - total)
    return configurations.with_labels(labels), far


def _energy_scale(configurations: Configurations, energies: NDArray[np.float64], trained: NDArray[np.bool_]) -> float:
    """The size of ``energies`` (M, C) per atom where ``trained``, eV; without any, the size of the forces times 1 Å."""
    assert configurations.labels is not None
    per_atom = (energies / configurations.n_atoms)[trained & np.isfinite(energies)]
    if not len(per_atom):
        per_atom = configurations.labels.forces[np.isfinite(configurations.labels.forces)].astype(np.float64)
    return max(float(np.sqrt(np.mean(per_atom**2))), _LEAST_SCALE) if len(per_atom) else 1.0


def loss_shares(configurations: Configurations, loss: LossSpec) -> NDArray[np.float32]:
    """(C,) weights 1/(1 + (E/E½)² + (F/F½)²) of configurations in the loss; 1 where it names neither.

    E is the energy per atom above the lowest, F the largest force, both in medians; of several elements, E is what
    composition alone does not give. Errors grow with energies and forces: without this, a pair of atoms at 1.5 Å (100
    eV/Å) or a crystal at half its volume decides the whole loss.
    """
    assert configurations.labels is not None
    strangeness = np.zeros(len(configurations))
    if loss.half_weight_energy is not None:
        energy = configurations.labels.energy / configurations.n_atoms
        elements = np.unique(configurations.atomic_numbers)
        if len(elements) > 1:
            species = species_of(configurations.atomic_numbers, elements.tolist())
            constants = fit_self_energies(configurations, species, len(elements))
            total = np.bincount(configurations.configuration_of_atom, constants[species], len(configurations))
            energy = energy - total / configurations.n_atoms
        strangeness += _in_medians(energy - np.nanmin(energy), loss.half_weight_energy) ** 2
    if loss.half_weight_force is not None:
        force = np.linalg.norm(configurations.labels.forces.astype(np.float64), axis=1)
        largest = np.maximum.reduceat(force, configurations.offsets[:-1])
        strangeness += _in_medians(largest, loss.half_weight_force) ** 2
    return np.asarray(1 / (1 + np.nan_to_num(strangeness)), dtype=np.float32)


def _in_medians(values: NDArray[np.float64], many: float) -> NDArray[np.float64]:
    """``values`` over ``many`` times their median; zero where none is known or the median is zero."""
    unit = many * float(np.nanmedian(values)) if np.isfinite(values).any() else 0.0
    return values / unit if unit > 0 else np.zeros_like(values)


def interaction_energies(
    configurations: Configurations, elements: Sequence[int], self_energies: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(M, C) eV: labelled energies less each member's self-energies (M, elements); NaN where they are not known."""
    assert configurations.labels is not None
    species = species_of(configurations.atomic_numbers, elements)
    owner, count = configurations.configuration_of_atom, len(configurations)
    return configurations.labels.energy - np.stack([np.bincount(owner, e[species], count) for e in self_energies])


def require_labels(spec: AniSpec, configurations: Configurations, train_indices: Sequence[NDArray[np.integer]]) -> None:
    """Refuse labels or indices on which no ensemble of ``spec`` can be trained.

    Raises
    ------
    InputError
        with what was expected and what came.
    """
    if configurations.labels is None:
        raise InputError("expected labelled configurations to train on, got none with labels; label them first")
    if len(train_indices) != spec.members:
        raise InputError(f"expected training indices for {spec.members} members, got {len(train_indices)}")
    for m, indices in enumerate(train_indices):
        if not len(indices):
            raise InputError(f"expected at least one training configuration for member {m}, got none")
        if len(np.unique(indices)) != len(indices) or min(indices) < 0 or max(indices) >= len(configurations):
            raise InputError(f"expected distinct indices below {len(configurations)} for member {m}, got others")
    loss = spec.training.loss
    weights = {"energy": loss.energy_weight, "forces": loss.force_weight, "stress": loss.stress_weight}
    known = configurations.labels.known(configurations.offsets)
    for name, weight in weights.items():
        rows = np.flatnonzero(known[name])
        rows = configurations.atoms_of(rows) if name == "forces" else rows
        if (weight or name != "stress") and not np.isfinite(getattr(configurations.labels, name)[rows]).all():
            raise InputError(f"expected finite labels to train on, got {name} with NaN or infinity; check the dataset")
    used = np.any([known[name] for name, weight in weights.items() if weight], axis=0)
    for m, indices in enumerate(train_indices):
        if not used[np.asarray(indices)].any():
            names = " or ".join(name for name, weight in weights.items() if weight)
            raise InputError(f"expected {names} of at least one training configuration for member {m}, got none")


def _validation(
    spec: AniSpec,
    configurations: Configurations,
    elements: Sequence[int],
    self_energies: NDArray[np.float64],
    scale: float,
    held_out: Sequence[NDArray[np.int64]],
) -> Validation | None:
    """What each member is tested on while it trains; None where no energy is held out."""
    assert configurations.labels is not None
    members = np.zeros((len(held_out), len(configurations)), dtype=bool)
    for m, indices in enumerate(held_out):
        members[m, indices] = True
    members &= np.isfinite(configurations.labels.energy)
    if not members.any(axis=1).all():
        return None
    return Validation(
        compute_aevs(configurations, spec.aev, elements),
        species_of(configurations.atomic_numbers, elements),
        configurations.offsets,
        np.nan_to_num(interaction_energies(configurations, elements, self_energies) / scale),
        members,
    )
