"""Validation passes a good set and refuses bad ones; every network here is trained, every label is LAMMPS's."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
import xarray as xr

from foundational.data.configurations import Configurations, Labels, concatenate
from foundational.data.conversion import to_dataset
from foundational.data.named import NamedDataset
from foundational.engines.crystals.references import reference_crystals
from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.engines.lammps.potentials import potential_for
from foundational.engines.lammps.test_frames import npt_frames
from foundational.errors import InputError
from foundational.evaluation.retraining import EvaluationPlan
from foundational.evaluation.validation_report import ValidationReport
from foundational.science.crystals import STRUCTURES, Structure, build_crystal
from foundational.specs.params import read_params
from foundational.specs.validate import GateSpec, ValidateSpec
from foundational.stages.validate.stage import validate

#: The gates of params.yaml but for the error on the holdout, which a short training does not reach; eV/atom.
GATES = GateSpec(rank=True, ground_state=True, mae=0.01, crystal_error=0.02)
#: Configurations of each phase to train on, and to test on.
COUNT, TESTED = 24, 6
KCAL_PER_MOL, HARTREE = 1 / 23.060548, 27.211386


@dataclass(frozen=True)
class Nickel:
    """Labelled phases of nickel, and how networks are trained on them."""

    phases: dict[str, Configurations]
    holdout: NamedDataset
    spec: ValidateSpec
    plan: EvaluationPlan

    def dataset(self, *phases: str, change: Callable[[Labels], Labels] = lambda labels: labels) -> NamedDataset:
        batch = concatenate([self.phases[name] for name in phases])
        assert batch.labels is not None
        return NamedDataset("local/ni", stored(batch.with_labels(change(batch.labels))))

    def validate(self, subject: NamedDataset, holdout: NamedDataset | None) -> ValidationReport:
        return validate(subject, holdout, self.spec, self.plan)


def stored(batch: Configurations) -> xr.Dataset:
    return to_dataset(batch, attrs={"element": "Ni", "labeller": "lammps:NiNb"})


@pytest.fixture(scope="module")
def nickel(checkout) -> Nickel:
    params = read_params(checkout / "params.yaml")
    potential = potential_for("Ni", checkout)
    labeller = LammpsLabeller(potential)
    reference = reference_crystals(labeller, "Ni")

    def rattled(structure: Structure, count: int, seed: int) -> Configurations:
        random = np.random.default_rng(seed)
        volume = reference.isotropic[structure].volume_per_atom
        crystals = [build_crystal(structure, volume * x**3, (2, 2, 2)) for x in random.uniform(0.96, 1.06, count)]
        noise = [
            random.normal(scale=s, size=(len(c), 3))
            for c, s in zip(crystals, random.uniform(0.02, 0.2, count), strict=True)
        ]
        positions = [c.positions + shift for c, shift in zip(crystals, noise, strict=True)]
        return Configurations.build([c.cell for c in crystals], positions, [np.full(len(c), 28) for c in crystals])

    def labelled(batch: Configurations) -> Configurations:
        return batch.with_labels(labeller.label(batch))

    spec = params.translate.metals.test.model_copy(
        update={"frames": COUNT + TESTED, "heating": 200.0, "equilibration": 600.0, "stride": 60.0}
    )
    cell = build_crystal("fcc", reference.ground_volume, (2, 2, 2))
    liquid = npt_frames(potential, "Ni", cell, reference.cohesive_energy("fcc"), spec, seed=1).liquid
    phases = {s: labelled(rattled(s, COUNT, k)) for k, s in enumerate(STRUCTURES)}
    tested = [rattled(s, TESTED, 10 + k) for k, s in enumerate(STRUCTURES)]
    phases["liquid"] = labelled(liquid.take(slice(0, COUNT)))
    tested.append(liquid.take(slice(COUNT, COUNT + TESTED)))
    network = params.ani.recipe.network.model_copy(update={"hidden": (32, 32)})
    training = params.ani.recipe.training.model_copy(update={"epochs": 1, "least_steps": 1000})
    settings = params.ani.recipe.model_copy(update={"network": network, "training": training})
    return Nickel(
        phases,
        NamedDataset("ni-holdout", stored(labelled(concatenate(tested)))),
        params.validate_.model_copy(update={"members": 1, "gates": GATES, "full_steps": 3}),
        EvaluationPlan(settings, reference, params.validate_.tie, params.seed),
    )


def failed(report: ValidationReport) -> set[str]:
    assert not report.passed
    return {gate.name for gate in report.failed}


def in_unit(size: float) -> Callable[[Labels], Labels]:
    """The labels as numbers of a unit of ``size`` eV."""
    return lambda labels: replace(
        labels,
        energy=labels.energy / size,
        forces=(labels.forces / size).astype(np.float32),
        stress=labels.stress / size,
    )


def scrambled(labels: Labels) -> Labels:
    """Every configuration with the energy of another one."""
    return replace(labels, energy=np.random.default_rng(0).permutation(labels.energy))


def test_a_good_set_passes(nickel):
    report = nickel.validate(nickel.dataset(*nickel.phases), nickel.holdout)
    assert report.passed, report.gates
    assert report.training_configurations == 4 * COUNT
    assert [member.member for member in report.members] == [0]


def test_scrambled_labels_are_refused(nickel):
    assert "mae" in failed(nickel.validate(nickel.dataset(*nickel.phases, change=scrambled), nickel.holdout))


@pytest.mark.parametrize("unit", [KCAL_PER_MOL, HARTREE], ids=["kcal/mol", "Hartree"])
def test_labels_in_another_unit_are_refused_even_without_a_holdout(nickel, unit):
    """The ranking does not depend on the unit; the energies of the crystals do."""
    report = nickel.validate(nickel.dataset(*nickel.phases, change=in_unit(unit)), None)
    assert "crystal_error" in failed(report)
    assert {gate.name: gate.ok for gate in report.gates}["mae"] is None


@pytest.mark.parametrize("phases", [("liquid",), ("fcc",)], ids=["only liquid", "only FCC"])
def test_a_set_without_other_phases_is_refused(nickel, phases):
    assert {"mae", "crystal_error"} & failed(nickel.validate(nickel.dataset(*phases), nickel.holdout))


def test_a_holdout_that_shares_configurations_is_refused(nickel):
    subject = nickel.dataset("fcc", "liquid")
    shared = NamedDataset("ni-holdout", stored(nickel.phases["fcc"].take(slice(0, 3))))
    with pytest.raises(InputError, match=r"without configurations of 'local/ni', got 'ni-holdout', which shares 3 ids"):
        nickel.validate(subject, shared)


def test_a_holdout_of_another_element_is_refused(nickel):
    other = NamedDataset("al-holdout", nickel.holdout.dataset.assign_attrs(element="Al"))
    with pytest.raises(InputError, match="expected a holdout of Ni, got one of Al"):
        nickel.validate(nickel.dataset("fcc"), other)
