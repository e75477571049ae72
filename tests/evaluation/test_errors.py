from dataclasses import replace

import numpy as np
import pytest

from foundational.data.configurations import Configurations, Labels
from foundational.data.conversion import to_dataset
from foundational.errors import InputError
from foundational.evaluation.errors import ModelErrors, calibrate, evaluate, lines_of
from foundational.science.error_metrics import ForceErrors
from tests.engines.ani.cases import labelled, untrained


class Shifted:
    """A labeller wrong by 2 meV an atom (12 in the first cell), −1 meV/Å a component and 3 meV/Å³."""

    id = "shifted"

    def __init__(self, truth: Configurations) -> None:
        self._truth = iter(np.arange(len(truth)))
        self._labels = truth

    def label(self, configurations: Configurations) -> Labels:
        where = [next(self._truth) for _ in range(len(configurations))]
        labels = self._labels.take(where).labels
        wrong = np.where(np.array(where) == 0, 0.012, 0.002) * configurations.n_atoms
        return Labels(labels.energy + wrong, labels.forces - np.float32(1e-3), labels.stress + 3e-3)


@pytest.fixture(scope="module")
def truth() -> Configurations:
    return labelled(5)


@pytest.fixture(params=["memory", "dataset"])
def data(truth: Configurations, request: pytest.FixtureRequest) -> object:
    return truth if request.param == "memory" else to_dataset(truth)


def test_known_errors_are_found(truth: Configurations, data: object) -> None:
    errors = evaluate(Shifted(truth), data)
    assert errors.mae_meV_per_atom == pytest.approx(4.0)
    assert errors.mean_error_meV_per_atom == pytest.approx(4.0)
    assert errors.mae_shifted_meV_per_atom == pytest.approx(3.2)
    assert errors.max_meV_per_atom == pytest.approx(12.0)
    assert errors.p99_meV_per_atom == pytest.approx(12 - 0.04 * 10)
    assert errors.rmse_meV_per_atom == pytest.approx(np.sqrt((144 + 4 * 4) / 5))
    assert errors.force_mae_meV_per_A == pytest.approx(1.0, abs=1e-3)
    assert errors.force_rmse_meV_per_A == pytest.approx(1.0, abs=1e-3)
    assert errors.stress_mae_meV_per_A3 == pytest.approx(3.0)


def test_only_known_labels_are_compared_and_counted(truth: Configurations) -> None:
    labels = truth.labels
    energy, forces, stress = labels.energy.copy(), labels.forces.copy(), labels.stress.copy()
    energy[0], stress[1:] = np.nan, np.nan
    forces[truth.atoms_of(np.array([1, 2]))] = np.nan
    partial = truth.with_labels(Labels(energy, forces, stress))
    errors = evaluate(Shifted(truth), partial)
    assert (errors.configurations, errors.energies, errors.forces, errors.stresses) == (5, 4, 3, 1)
    assert errors.mae_meV_per_atom == pytest.approx(2.0)
    assert errors.force_mae_meV_per_A == pytest.approx(1.0, abs=1e-3)
    assert errors.stress_mae_meV_per_A3 == pytest.approx(3.0)


@pytest.mark.parametrize("unknown", ["energy", "forces", "stress"])
def test_a_label_that_no_configuration_has_is_no_error(truth: Configurations, unknown: str) -> None:
    labels = replace(truth.labels, **{unknown: np.full_like(getattr(truth.labels, unknown), np.nan)})
    found = evaluate(Shifted(truth), truth.with_labels(labels)).as_dict()
    key = {"energy": "mae_meV_per_atom", "forces": "force_mae_meV_per_A", "stress": "stress_mae_meV_per_A3"}
    assert [name for name, error in key.items() if error not in found] == [unknown]


def test_clusters_have_errors_of_energy_and_forces(truth: Configurations) -> None:
    cluster = replace(truth, cell=np.zeros_like(truth.cell), pbc=np.zeros_like(truth.pbc))
    model = untrained(members=1)
    labels = model.label(cluster)
    assert np.isnan(labels.stress).all()
    errors = evaluate(model, cluster.with_labels(labels))
    assert (errors.mae_meV_per_atom, errors.force_mae_meV_per_A, errors.stresses) == (0, 0, 0)


def test_errors_are_given_by_composition_and_by_element(truth: Configurations) -> None:
    numbers = truth.atomic_numbers.copy()
    numbers[truth.atoms_of(np.array([3, 4]))[::4]] = 13
    alloy = replace(truth, atomic_numbers=numbers)
    errors = evaluate(Shifted(alloy), alloy)
    assert {name: part.configurations for name, part in errors.by_composition.items()} == {"AlNi3": 2, "Ni": 3}
    assert errors.by_composition["AlNi3"].mae_meV_per_atom == pytest.approx(2.0)
    assert errors.by_composition["Ni"].max_meV_per_atom == pytest.approx(12.0)
    assert errors.by_element.keys() == {"Al", "Ni"}
    assert errors.by_element["Al"].force_mae_meV_per_A == pytest.approx(1.0, abs=1e-3)
    assert "by_element" not in evaluate(Shifted(truth), truth).as_dict()


def test_a_constant_error_is_seen_by_the_plain_mae_alone(truth: Configurations) -> None:
    model = untrained()
    shifted = replace(model, self_energies=model.self_energies + 1.0)
    before, after = evaluate(model, truth), evaluate(shifted, truth)
    assert after.mae_meV_per_atom != pytest.approx(before.mae_meV_per_atom, abs=100)
    assert after.mae_shifted_meV_per_atom == pytest.approx(before.mae_shifted_meV_per_atom, rel=1e-4)


def test_progress_covers_everything_once(truth: Configurations) -> None:
    seen = []
    evaluate(untrained(), truth, progress=lambda done, total, message: seen.append((done, total)))
    assert seen[-1] == (5, 5)


def test_nothing_to_compare_with_is_an_error(truth: Configurations) -> None:
    with pytest.raises(InputError, match="expected labelled configurations"):
        evaluate(untrained(), truth.with_labels(None))
    with pytest.raises(InputError, match="at least one configuration"):
        evaluate(untrained(), truth.take([]))


def test_calibration_needs_more_than_one_opinion(truth: Configurations) -> None:
    with pytest.raises(InputError, match="at least two members"):
        calibrate(untrained(members=1), truth)


def test_calibration_undoes_a_wrong_scale_of_the_errors(truth: Configurations) -> None:
    model = untrained(members=4)
    found = model.predict(truth)
    deviation = found.energy.std(axis=0, ddof=1)
    signs = np.array([1, -1, 1, -1, 1])
    labels = Labels(found.energy.mean(axis=0) + 3 * signs * deviation, truth.labels.forces, truth.labels.stress)
    energy = calibrate(model, truth.with_labels(labels))["energy"]
    assert energy["scale"] == pytest.approx(3.0, rel=1e-4)
    assert energy["correlation"] == pytest.approx(1.0)


def test_the_table_shows_what_is_known_the_most_frequent_compositions_and_every_element() -> None:
    part = ModelErrors(mae_meV_per_atom=0.25, stress_mae_meV_per_A3=0.0, configurations=3)
    errors = ModelErrors(
        mae_meV_per_atom=1.23456,
        configurations=31,
        by_composition={f"AlNi{n}": replace(part, configurations=n) for n in range(2, 16)},
        by_element={"Al": ForceErrors(force_mae_meV_per_A=12.5, force_rmse_meV_per_A=20.0)},
    )
    lines = list(lines_of(errors))
    assert lines[:2] == [f"{'mae_meV_per_atom':<28} 1.235", f"{'configurations':<28} 31"]
    assert not any(line.startswith("rmse") for line in lines)
    shown = [line for line in lines if line.startswith("AlNi")]
    assert [line.split()[0] for line in shown] == [f"AlNi{n}" for n in range(15, 3, -1)]
    assert shown[0].split()[1:] == ["15", "0.25", "–", "0"]
    assert "… and 2 more compositions; --json has all" in lines
    assert lines[-1].split() == ["Al", "12.5"]
    assert "\n" not in "".join(lines_of(replace(errors, by_composition={}, by_element={})))


def test_nothing_is_evaluated_or_calibrated_on_labels_that_are_unknown(truth: Configurations) -> None:
    labels = truth.labels
    unknown = Labels(*(np.full_like(getattr(labels, name), np.nan) for name in ("energy", "forces", "stress")))
    with pytest.raises(InputError, match="got none with a known label"):
        evaluate(untrained(), truth.with_labels(unknown))
    with pytest.raises(InputError, match="expected labelled configurations to calibrate on, got some without labels"):
        calibrate(untrained(), truth.with_labels(None))
    for name, said in (("energy", "energies"), ("forces", "forces")):
        one = replace(labels, **{name: np.full_like(getattr(labels, name), np.nan)})
        with pytest.raises(InputError, match=f"with energies and forces to calibrate on, got no {said}"):
            calibrate(untrained(), truth.with_labels(one))


def test_few_compositions_are_all_shown() -> None:
    part = ModelErrors(mae_meV_per_atom=0.25, configurations=3)
    errors = ModelErrors(mae_meV_per_atom=1.0, by_composition={"AlNi": part, "Ni": part})
    assert not any("more compositions" in line for line in lines_of(errors))
