"""Validation passes a good set and refuses bad ones; every network here is trained, every label is LAMMPS's."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

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
from foundational.evaluation.materials import comparison
from foundational.evaluation.retraining import EvaluationPlan
from foundational.evaluation.validation_report import ValidationReport
from foundational.science.crystals import STRUCTURES, Structure, build_crystal
from foundational.specs.materials import MaterialsSpec, PropertyLimit
from foundational.specs.params import Params, read_params
from foundational.specs.validate import GateSpec, ValidateSpec
from foundational.stages.validate import stage
from foundational.stages.validate.stage import validate
from tests.exact_networks import BCC, FCC, HCP, Exact, Networks, exact_crystals

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


# ------------------------------------------------------ what the report says of networks whose errors are exactly known

#: eV/atom: the reference's crystals by their numbers of atoms, then networks with known errors.
TRUE = {FCC: -4.0, HCP: -3.97, BCC: -3.9}
CLOSE = {FCC: -4.001, HCP: -3.968, BCC: -3.897}
MISRANKED = {FCC: -4.0, HCP: -3.85, BCC: -3.9}
WRONG_GROUND = {FCC: -4.0, HCP: -4.05, BCC: -3.9}
UNHELD = TRUE | {BCC: None}


class FarAway:
    """The measure of environments, which needs networks that were trained."""

    def __init__(self, *_: object) -> None:
        pass

    def most_uncertain(self, *_: object) -> tuple[str, ...]:
        return ("FCC sheared (9)",)


@pytest.fixture(scope="module")
def params(checkout: Path) -> Params:
    return read_params(checkout / "params.yaml")


@pytest.fixture
def exactly(monkeypatch: pytest.MonkeyPatch, params: Params) -> Callable[..., ValidationReport]:
    """Validate networks with energies as given; the holdout has one FCC and three BCC crystals."""
    labeller = Exact(TRUE)
    reference = exact_crystals(labeller)

    def crystals(counts: dict[Structure, int]) -> Configurations:
        cells = [build_crystal(s, 11.0 + 0.1 * k) for s, count in counts.items() for k in range(count)]
        batch = Configurations.build(
            [c.cell for c in cells], [c.positions for c in cells], [np.full(len(c), 28) for c in cells]
        )
        return batch.with_labels(labeller.label(batch))

    subject = stored(crystals({"hcp": 5})).assign(split=("configuration", np.array([0, 1, 0, 0, 1], np.uint8)))
    holdout = NamedDataset("ni-holdout", stored(crystals({"fcc": 1, "bcc": 3})))

    def validated(*networks: Exact | dict, tested: bool = True, **changes: object) -> ValidationReport:
        found = Networks(tuple(n if isinstance(n, Exact) else Exact(n) for n in networks))
        monkeypatch.setattr(stage, "retrain", lambda *_, **__: found)
        monkeypatch.setattr(stage, "with_short_range", lambda ensemble, *_: ensemble)
        monkeypatch.setattr(comparison, "Environments", FarAway)
        gates = GateSpec(rank=True, ground_state=True, mae=0.002, crystal_error=0.02)
        spec = params.validate_.model_copy(
            update={"members": len(networks), "gates": gates, "full_steps": 0, "tie": 0.005, "materials": None}
            | changes
        )
        plan = EvaluationPlan(params.ani.recipe, reference, spec.tie, params.seed)
        return validate(NamedDataset("ni", subject), holdout if tested else None, spec, plan)

    return validated


def test_every_network_counts_in_each_gate_and_in_each_mean(exactly):
    report = exactly(TRUE, CLOSE, WRONG_GROUND, MISRANKED)
    assert [gate.message.partition(" networks")[0] for gate in report.gates[:2]] == ["2 of 4", "3 of 4"]
    assert [gate.ok for gate in report.gates] == [False, False, True, False]
    assert (report.rank_ok, report.ground_state_ok, report.passed) == (False, False, False)
    assert [m.rank_ok for m in report.members] == [True, True, False, False]
    assert [m.ground_state_ok for m in report.members] == [True, True, False, True]
    assert [m.kendall_tau for m in report.members] == pytest.approx([1, 1, 1 / 3, 1 / 3])
    assert report.kendall_tau == pytest.approx(2 / 3)
    assert report.largest_crystal_error_meV == pytest.approx(120, abs=1e-3)
    errors = (1 + 3 * 3) / 4  # of the second network, meV/atom; the others are exact on FCC and BCC
    assert [m.mae_meV_per_atom for m in report.members] == pytest.approx([0, errors, 0, 0], abs=1e-6)
    assert report.mae_meV_per_atom == pytest.approx(errors / 4)
    assert report.training_configurations == 3
    assert [m.member for m in report.members] == [0, 1, 2, 3]
    for member, energies in zip(report.members, (TRUE, CLOSE, WRONG_GROUND, MISRANKED), strict=True):
        for name, atoms in (("fcc", FCC), ("bcc", BCC), ("hcp", HCP)):
            crystal = member.structures[name]
            assert crystal.atoms == atoms
            assert crystal.error_meV == pytest.approx(1000 * (energies[atoms] - TRUE[atoms]), abs=1e-4)


def test_networks_within_all_limits_pass(exactly):
    report = exactly(TRUE, CLOSE)
    assert report.passed
    assert (report.rank_ok, report.ground_state_ok, report.kendall_tau) == (True, True, 1)
    assert report.largest_crystal_error_meV == pytest.approx(3, abs=1e-4)
    assert report.mae_meV_per_atom == pytest.approx(1.25)
    assert report.materials is None


def test_a_gate_is_that_of_the_settings(exactly):
    for limit, ok in ((0.00126, True), (0.00124, False)):
        gates = GateSpec(rank=False, ground_state=False, mae=limit, crystal_error=None)
        report = exactly(TRUE, CLOSE, gates=gates)
        assert [(gate.name, gate.ok) for gate in report.gates] == [("mae", ok)]
        assert report.passed is ok


def test_a_crystal_that_one_network_does_not_hold_is_no_error_of_zero(exactly):
    report = exactly(TRUE, UNHELD, tested=False)
    assert {gate.name: gate.ok for gate in report.gates} == {
        "rank": False,
        "ground_state": False,
        "mae": None,
        "crystal_error": False,
    }
    assert (report.largest_crystal_error_meV, report.mae_meV_per_atom, report.kendall_tau) == (None, None, 1)
    lost = report.members[1].structures["bcc"]
    assert (lost.energy_per_atom, lost.error_meV, lost.nearest_neighbour_distance) == (None, None, None)
    assert (report.members[1].kendall_tau, report.members[1].mae_meV_per_atom) == (None, None)
    assert report.holdout is None
    assert exactly(UNHELD, tested=False).kendall_tau is None


def test_properties_decide_only_where_they_are_a_gate(exactly):
    def materials(*, gate: bool, properties: tuple[str, ...] = ("lattice-constant",)) -> MaterialsSpec:
        limits = {name: PropertyLimit(absolute=0.01) for name in properties}
        return MaterialsSpec(properties=properties, limits=limits, dynamics_steps=8, gate=gate)

    larger = Exact(TRUE, volume=11.3)
    limits = GateSpec(rank=True, ground_state=True, mae=None, crystal_error=None)
    for networks, gate, passed in (
        ((TRUE, TRUE), True, True),
        ((TRUE, larger), True, False),
        ((TRUE, larger), False, True),
    ):
        report = exactly(*networks, tested=False, gates=limits, materials=materials(gate=gate))
        assert [g.name for g in report.gates] == ["rank", "ground_state", *["properties"] * gate]
        assert report.passed is passed
        (number,) = report.materials.numbers
        assert number.reference == pytest.approx(44 ** (1 / 3), abs=1e-5)
        assert number.verdict == ("passed" if networks[1] is TRUE else "not determined")
        assert number.environments == (() if networks[1] is TRUE else ("FCC sheared (9)",))
    report = exactly(TRUE, tested=False, materials=materials(gate=True, properties=()))
    assert (report.materials, "properties" in [g.name for g in report.gates]) == (None, False)


def test_full_relaxations_are_made_where_there_is_a_minimum_and_steps_are_asked_for(exactly):
    report = exactly(CLOSE, UNHELD, tested=False, full_steps=30, rattle=0.01)
    held, lost = (report.members[0].structures[name] for name in ("fcc", "bcc")), report.members[1].structures["bcc"]
    assert lost.full is None
    for crystal, name in zip(held, ("fcc", "bcc"), strict=True):
        assert crystal.full is not None
        assert (crystal.full.structure, crystal.full.reference_structure) == (name, name)
        assert crystal.full.converged
        assert crystal.full.energy_per_atom - crystal.full.reference_energy_per_atom == pytest.approx(
            crystal.error_meV / 1000, abs=1e-4
        )
    assert report.members[0].published_hcp.error_meV == pytest.approx(2, abs=1e-3)
    assert report.members[0].published_hcp.full is None
    assert exactly(CLOSE, tested=False).members[0].structures["fcc"].full is None
