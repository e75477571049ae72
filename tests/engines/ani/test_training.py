from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from foundational.data.configurations import Configurations, Labels, concatenate
from foundational.data.fingerprint import fingerprint
from foundational.engines.ani.aev import compute_aevs, species_of
from foundational.engines.ani.derivative_store import DerivativeStore
from foundational.engines.ani.ensemble import Ensemble
from foundational.engines.ani.gradients import training_table
from foundational.engines.ani.kernels.activation import ACTIVATIONS
from foundational.engines.ani.kernels.training import Loss, Model, Table, batch_gradient
from foundational.engines.ani.network import layer_widths
from foundational.engines.ani.training import loss_shares, train
from foundational.errors import EngineError, InputError
from foundational.evaluation.errors import evaluate
from foundational.science.picking import configuration_uncertainty
from foundational.specs.ani import LossSpec, Plateau
from foundational.specs.params import read_params
from tests.engines.ani.cases import ODD_AEV, alloyed, crystals, labelled, pair_labels, settings, untrained
from tests.engines.ani.reference import energies, torchani_aevs

ALL = [np.arange(16)]


def mixed() -> Configurations:
    """Cells of different sizes, of two elements, with labels."""
    cells = alloyed(concatenate([crystals(1, 1), *(crystals(1, seed, repeat=1) for seed in (2, 3, 4))]))
    return cells.with_labels(pair_labels(cells))


def with_unknown_labels(configurations: Configurations) -> Configurations:
    """Without the energy of configuration 0, the forces of 1, the stress of 2; the last has only a stress."""
    labels = configurations.labels
    energy, forces, stress = labels.energy.copy(), labels.forces.copy(), labels.stress.copy()
    energy[[0, -1]], stress[2] = np.nan, np.nan
    forces[configurations.atoms_of(np.array([1, len(configurations) - 1]))] = np.nan
    return configurations.with_labels(Labels(energy, forces, stress))


def tables(ensemble: Ensemble, configurations: Configurations, weights: np.ndarray) -> tuple[Table, Model]:
    elements = ensemble.elements
    species = species_of(configurations.atomic_numbers, elements)
    store = DerivativeStore(configurations, ensemble.aev, elements, 4, None)
    aevs = compute_aevs(configurations, ensemble.aev, elements)
    energy = np.stack([configurations.labels.energy] * ensemble.members)
    table = training_table(configurations, species, aevs, energy, ensemble.scale, weights, store)
    widths = layer_widths(aevs.shape[1], ensemble.network.hidden)
    kind = ACTIVATIONS[ensemble.network.activation]
    return table, Model(widths, kind, ensemble.parameters, ensemble.mean, 1 / ensemble.deviation)


def reference_gradient(
    ensemble: Ensemble, member: int, configurations: Configurations, weights: np.ndarray, loss: Loss
) -> tuple[float, np.ndarray]:
    """The loss as LossSpec states it, in units of the energy scale, and its gradient: torchani, autograd, float64."""
    labels, n = configurations.labels, torch.tensor(configurations.n_atoms).double()
    parameters = torch.tensor(ensemble.parameters[member], dtype=torch.float64, requires_grad=True)
    positions = torch.tensor(configurations.positions, dtype=torch.float64, requires_grad=True)
    strain = torch.zeros((len(configurations), 3, 3), dtype=torch.float64, requires_grad=True)
    aevs = torchani_aevs(configurations, ensemble.aev, list(ensemble.elements), positions, strain)
    found = energies(ensemble, member, configurations, aevs, parameters)
    by_position, by_strain = torch.autograd.grad(found.sum(), [positions, strain], create_graph=True)
    by_strain = (by_strain + by_strain.transpose(1, 2)) / 2
    owner, w = torch.tensor(configurations.configuration_of_atom), torch.tensor(weights[member]).double()
    de = found - torch.tensor(labels.energy) / ensemble.scale
    df = -by_position - torch.tensor(labels.forces).double() / ensemble.scale
    volume = configurations.volume[:, None, None]
    ds = by_strain - torch.tensor(labels.stress * volume) / ensemble.scale
    de, df, ds = (x.nan_to_num() * ~torch.isnan(x) for x in (de, df, ds))  # what is not known is no part of the loss
    squares = torch.zeros_like(de).index_add(0, owner, (df**2).sum(1))
    each = loss.energy * de**2 / n**loss.power + loss.force * squares / n + loss.stress * (ds**2).sum((1, 2)) / n**2
    total = (w * each).mean()
    total.backward()
    return total.item(), parameters.grad.numpy()


@pytest.mark.parametrize(
    ("loss", "activation"),
    [
        (Loss(1.0, 2.0, 0.0, 0.0), "gelu"),
        (Loss(0.0, 2.0, 0.1, 0.0), "gelu"),
        (Loss(0.0, 2.0, 0.0, 0.1), "gelu"),
        (Loss(1.0, 0.5, 0.2, 0.3), "gelu"),
        (Loss(1.0, 0.5, 0.2, 0.3), "celu"),
    ],
)
@pytest.mark.parametrize("partial", [False, True], ids=["all labels", "some labels"])
def test_the_gradient_of_the_loss_is_that_of_autograd(loss: Loss, activation: str, partial: bool) -> None:
    loss = Loss(*(np.float32(x) for x in loss))
    configurations = with_unknown_labels(mixed()) if partial else mixed()
    ensemble = untrained(ODD_AEV, (28, 41), activation=activation)
    weights = np.array([[1, 1, 1, 1], [1.5, 0, 1.5, 1.5]], np.float32)  # member 1 holds the second one out
    table, model = tables(ensemble, configurations, weights)
    bounds = np.array([0, 2, 4])
    gradients = np.empty((2, *ensemble.parameters.shape), np.float32)
    losses = np.empty((2, 2), np.float32)
    batch_gradient(np.array([3, 1, 0, 2]), bounds, np.float32(0.25), table, model, loss, gradients, losses)
    for member in range(2):
        value, gradient = reference_gradient(ensemble, member, configurations, weights, loss)
        assert losses[:, member].sum() == pytest.approx(value, rel=2e-5)
        scale = np.abs(gradient).max()
        np.testing.assert_allclose(gradients[:, member].sum(axis=0) / scale, gradient / scale, atol=2e-5)


def test_training_learns_a_smooth_potential() -> None:
    configurations, unseen = labelled(60), labelled(10, seed=9)
    ensemble = train(settings(epochs=60), configurations, [np.arange(60)], 1)
    found = ensemble.predict(unseen)
    spread = np.std(unseen.labels.energy / 32)
    assert np.abs((found.energy[0] - unseen.labels.energy) / 32).mean() < 0.03 * spread
    assert np.abs(found.forces[0] - unseen.labels.forces).mean() < 0.1 * np.abs(unseen.labels.forces).mean()


def test_same_seed_same_numbers_whatever_the_threads_and_the_memory() -> None:
    configurations = labelled(16)
    spec = settings(members=2, epochs=2)
    indices = [np.arange(12), np.arange(4, 16)]
    first = train(spec, configurations, indices, 5, threads=1)
    second = train(spec, configurations, indices, 5, threads=2, memory=6_000_000)
    np.testing.assert_array_equal(first.parameters, second.parameters)
    assert first.id == second.id
    assert train(spec, configurations, indices, 6).id != first.id


@pytest.mark.parametrize("memory", [3_000_000, 5_000_000, 100_000_000])
def test_derivatives_keep_to_their_memory(memory: int) -> None:
    store = DerivativeStore(labelled(16), ODD_AEV, [28], 4, memory)
    assert store.rows.nbytes + store.slots.nbytes < memory
    assert (store.kept == 16) == (memory == 100_000_000)
    assert store.kept > 0


def test_slots_are_counted_by_the_cutoff_by_which_they_are_filled() -> None:
    """A cutoff scaled to a metal lies between two float32 numbers; counting and filling must take the same one."""
    radial = ODD_AEV.radial.model_copy(update={"cutoff": 6.000107470617861})
    spec = ODD_AEV.model_copy(update={"radial": radial})
    apart = [np.nextafter(np.float32(radial.cutoff), np.float32(x)) for x in (0, radial.cutoff, 9)]
    positions = [np.array([[0, 0, 0], [x, 0, 0], [0, 3, 0]]) for x in apart]
    cells = Configurations.build(np.tile(20 * np.eye(3), (3, 1, 1)), positions, [np.full(3, 28)] * 3)
    store = DerivativeStore(cells, spec, [28], 1, None)
    assert store.slot_count.tolist() == [3, 2, 2, *[2, 1, 2] * 2]


def test_members_differ_and_do_not_disturb_each_other() -> None:
    configurations = labelled(16)
    indices = np.arange(16)
    pair = train(settings(members=2, epochs=2), configurations, [indices, indices], 5)
    assert not np.array_equal(pair.parameters[0], pair.parameters[1])
    alone = train(settings(members=1, epochs=2), configurations, [indices], 5)
    np.testing.assert_array_equal(pair.parameters[0], alone.parameters[0])


def test_what_a_member_holds_out_does_not_reach_it() -> None:
    configurations = labelled(16)
    spoiled = configurations.labels.energy.copy()
    spoiled[12:] += 100.0
    labels = type(configurations.labels)(spoiled, configurations.labels.forces, configurations.labels.stress)
    spec, indices = settings(members=2, epochs=2), [np.arange(12), np.arange(16)]
    clean = train(spec, configurations, indices, 5)
    dirty = train(spec, configurations.with_labels(labels), indices, 5)
    assert clean.self_energies[0] == pytest.approx(dirty.self_energies[0], abs=1e-12)
    assert abs(clean.self_energies[1] - dirty.self_energies[1]) > 0.1


def test_plateau_keeps_the_best_and_stops_when_the_rate_is_spent() -> None:
    epochs = []
    train(
        settings(schedule=Plateau(name="plateau", factor=0.1, patience=1, minimum=1e-3), epochs=500),
        labelled(20),
        [np.arange(16)],
        1,
        progress=lambda done, total, message: epochs.append(done),
    )
    assert 5 < len(epochs) < 500


def test_a_small_set_is_gone_through_more_often() -> None:
    seen = []
    spec = settings(epochs=2, batch=8, least_steps=9)
    train(spec, labelled(16), ALL, 1, progress=lambda done, total, message: seen.append((done, total)))
    assert seen[-1] == (5, 5)


@pytest.mark.parametrize("name", ["recipe", "published"])
def test_the_settings_of_params_yaml_train(name: str, checkout: Path) -> None:
    spec = getattr(read_params(checkout / "params.yaml").ani, name)
    changes = {"epochs": 20, "least_steps": None, "batch": 8}
    spec = spec.model_copy(update={"members": 1, "training": spec.training.model_copy(update=changes)})
    configurations, losses = labelled(24), []
    train(spec, configurations, [np.arange(20)], 1, progress=lambda done, total, message: losses.append(message))
    assert float(losses[-1].split()[1]) < 0.2 * float(losses[0].split()[1])


def test_stress_in_the_loss_improves_stresses() -> None:
    configurations, unseen = labelled(40), labelled(10, seed=9)
    errors = []
    for weight in (0.0, 1.0):
        loss = LossSpec(energy_weight=1.0, energy_power=2.0, force_weight=0.0, stress_weight=weight)
        found = train(settings(loss=loss, epochs=40), configurations, [np.arange(40)], 1).predict(unseen)
        errors.append(np.abs(found.stress[0] - unseen.labels.stress).mean())
    assert errors[1] < 0.5 * errors[0]


def test_elements_get_their_own_self_energies() -> None:
    cells = alloyed(crystals(24, 3))
    labels = pair_labels(cells, scale=0.01)
    added = np.bincount(cells.configuration_of_atom, np.where(cells.atomic_numbers == 28, -4.0, -7.0))
    labels = type(labels)(labels.energy + added, labels.forces, labels.stress)
    ensemble = train(settings(epochs=1), cells.with_labels(labels), [np.arange(24)], 1)
    assert ensemble.elements == (28, 41)
    assert ensemble.self_energies[0] == pytest.approx([-4.0, -7.0], abs=0.1)


def test_bad_input_is_explained() -> None:
    configurations = labelled(16)
    with pytest.raises(InputError, match="expected labelled configurations"):
        train(settings(), configurations.with_labels(None), ALL, 1)
    with pytest.raises(InputError, match="indices for 2 members, got 1"):
        train(settings(members=2), configurations, ALL, 1)
    with pytest.raises(InputError, match="at least one training configuration for member 0"):
        train(settings(), configurations, [np.arange(0)], 1)
    with pytest.raises(InputError, match="distinct indices below 16"):
        train(settings(), configurations, [np.array([3, 3])], 1)
    with pytest.raises(InputError, match="allow more memory or take a smaller batch"):
        train(settings(), configurations, ALL, 1, memory=1_000_000)
    labels = configurations.labels
    broken = type(labels)(np.full(16, np.inf), labels.forces, labels.stress)
    with pytest.raises(InputError, match="energy with NaN or infinity"):
        train(settings(), configurations.with_labels(broken), ALL, 1)


def test_divergence_is_an_error_and_not_a_model() -> None:
    with pytest.raises(EngineError, match="lower the learning rate"):
        train(settings(learning_rate=1e30, epochs=5), labelled(16), ALL, 1)


def test_an_ensemble_says_on_which_data_it_was_trained() -> None:
    configurations, seen = labelled(12), []
    ensemble = train(
        settings(members=2, epochs=3),
        configurations,
        [np.arange(8), np.arange(4, 12)],
        1,
        progress=lambda done, total, message: seen.append((done, total)),
    )
    assert ensemble.members == 2
    assert ensemble.metadata["training_data"] == fingerprint(configurations)
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_a_set_without_stress_trains_to_the_bits_of_one_whose_stress_has_no_weight() -> None:
    configurations = labelled(8)
    unknown = np.full_like(configurations.labels.stress, np.nan)
    without = configurations.with_labels(replace(configurations.labels, stress=unknown))
    both = [train(settings(epochs=1), c, [np.arange(8)], 3) for c in (configurations, without)]
    np.testing.assert_array_equal(both[0].parameters, both[1].parameters)


def test_forces_without_any_energy_are_enough_to_train_on() -> None:
    configurations = labelled(12)
    unknown = np.full(12, np.nan)
    without = configurations.with_labels(replace(configurations.labels, energy=unknown))
    found = train(settings(epochs=30), without, [np.arange(12)], 3).predict(configurations).forces[0]
    assert np.abs(found - configurations.labels.forces).mean() < 0.6 * np.abs(configurations.labels.forces).mean()


def test_nothing_to_train_on_is_said() -> None:
    configurations = labelled(4)
    labels = replace(configurations.labels, energy=np.full(4, np.nan), forces=configurations.labels.forces * np.nan)
    with pytest.raises(InputError, match="expected energy or forces of at least one training configuration"):
        train(settings(), configurations.with_labels(labels), [np.arange(4)], 1)


ALL_ELECTRON = -41_310.28125  # eV, of nickel; a binary fraction, so that it can be added without rounding


@pytest.fixture(scope="module")
def alloys() -> Configurations:
    """Cells of two elements whose energies are multiples of 2⁻²⁰ eV."""
    cells = alloyed(labelled(16))
    labels = pair_labels(cells)
    return cells.with_labels(replace(labels, energy=np.round(labels.energy * 2**20) / 2**20 - 4.0 * cells.n_atoms))


def with_constants(configurations: Configurations, constants: dict[int, float]) -> Configurations:
    """The same labels with a constant for each atom of an element, eV."""
    of_atom = np.array([constants[int(z)] for z in configurations.atomic_numbers])
    added = np.bincount(configurations.configuration_of_atom, of_atom, len(configurations))
    return configurations.with_labels(replace(configurations.labels, energy=configurations.labels.energy + added))


def test_a_constant_an_atom_changes_no_error_no_uncertainty_and_no_network(alloys: Configurations) -> None:
    constants = {28: ALL_ELECTRON, 41: -104_000.0}
    shifted, spec = with_constants(alloys, constants), settings(members=2, epochs=3)
    indices = [np.arange(12), np.arange(4, 16)]
    plain, far = (train(spec, c, indices, 7) for c in (alloys, shifted))
    np.testing.assert_allclose(far.parameters, plain.parameters, rtol=0, atol=2e-5)
    np.testing.assert_allclose(far.self_energies - plain.self_energies, [[*constants.values()]] * 2, atol=1e-6)
    errors = [evaluate(m, c).as_dict() for m, c in ((plain, alloys), (far, shifted))]
    assert errors[1]["mae_meV_per_atom"] == pytest.approx(errors[0]["mae_meV_per_atom"], rel=1e-4)
    assert errors[1]["force_mae_meV_per_A"] == pytest.approx(errors[0]["force_mae_meV_per_A"], rel=1e-4)
    uncertainty = [configuration_uncertainty(m.atomic_energies(alloys), alloys.offsets) for m in (plain, far)]
    np.testing.assert_allclose(uncertainty[1], uncertainty[0], rtol=1e-4)
    assert np.argsort(uncertainty[0]).tolist() == np.argsort(uncertainty[1]).tolist()


def test_the_energy_of_a_model_is_exact_whatever_its_self_energies(alloys: Configurations) -> None:
    plain = untrained(elements=(28, 41))
    plain = replace(plain, self_energies=np.array([[-4.5, -7.25]] * 2))
    far = replace(plain, self_energies=plain.self_energies + ALL_ELECTRON)
    difference = far.predict(alloys).energy - plain.predict(alloys).energy
    np.testing.assert_allclose(difference / alloys.n_atoms, ALL_ELECTRON, rtol=0, atol=3e-7)
    labels = far.label(alloys)
    assert labels.atomic_energies.dtype == np.float64
    assert plain.label(alloys).atomic_energies.dtype == np.float32


def isolated(number: int) -> Configurations:
    return Configurations(
        np.array([1], np.int32),
        np.zeros((1, 3, 3)),
        np.zeros((1, 3), dtype=bool),
        np.array([number], np.uint8),
        np.zeros((1, 3), np.float32),
        Labels(np.array([-100.0 * number]), np.zeros((1, 3), np.float32), np.full((1, 3, 3), np.nan)),
    )


def test_isolated_atoms_separate_elements_that_one_composition_cannot() -> None:
    """Of one compound alone only the sum of the self-energies is known; isolated atoms say how it is shared."""
    numbers = np.tile(np.array([28, 28, 28, 41], np.uint8), 4 * 8)
    cells = replace(crystals(4), atomic_numbers=numbers)
    compound = with_constants(cells.with_labels(pair_labels(cells, scale=0.1)), {28: -2800.0, 41: -4100.0})
    whole = concatenate([compound, isolated(28), isolated(41)])
    bulk = train(settings(epochs=1), compound, [np.arange(4)], 1).self_energies[0]
    apart = train(settings(epochs=1), whole, [np.arange(6)], 1).self_energies[0]
    shares = np.array([0.75, 0.25])
    assert apart @ shares == pytest.approx(bulk @ shares)
    assert apart == pytest.approx([-2800.0, -4100.0], abs=5)


def test_strong_forces_and_high_energies_weigh_less_in_the_loss():
    energy, forces = np.array([-4.0, -3.0, -2.0, np.nan]), np.zeros((4, 3))
    forces[:, 0] = [5.0, 5.0, 5.0, 30.0]
    cells = Configurations.build([9 * np.eye(3)] * 4, [np.zeros((1, 3))] * 4, [np.array([28])] * 4)
    batch = cells.with_labels(Labels(energy, forces, np.zeros((4, 3, 3))))
    loss = LossSpec(energy_weight=1, energy_power=2, force_weight=1, stress_weight=0)
    assert loss_shares(batch, loss).tolist() == [1, 1, 1, 1]
    weighted = loss.model_copy(update={"half_weight_energy": 2.0})  # of a median of 1 eV an atom
    assert loss_shares(batch, weighted).tolist() == pytest.approx([1, 0.8, 0.5, 1])
    weighted = loss.model_copy(update={"half_weight_force": 2.0})  # of a median of 5 eV/Å
    assert loss_shares(batch, weighted).tolist() == pytest.approx([0.8, 0.8, 0.8, 0.1])


def test_composition_alone_changes_no_weight():
    cells = alloyed(crystals(6))
    labels = pair_labels(cells)
    weighted = LossSpec(energy_weight=1, energy_power=2, force_weight=1, stress_weight=0, half_weight_energy=2.0)
    moved = labels.energy - 3.0 * np.add.reduceat(cells.atomic_numbers == 41, cells.offsets[:-1])
    other = Labels(moved, labels.forces, labels.stress)
    expected = loss_shares(cells.with_labels(labels), weighted)
    assert loss_shares(cells.with_labels(other), weighted).tolist() == pytest.approx(expected.tolist(), rel=1e-4)
