"""Compounds of Ni and Al by networks that were trained on these compounds; every label is LAMMPS's."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from foundational.data.configurations import Configurations, Labels
from foundational.engines.ani.ensemble import Ensemble
from foundational.engines.crystals.compounds import RelaxedCompound, compound_configurations, relax_compound
from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.engines.lammps.potentials import ResolvedPotential, potential_for
from foundational.evaluation.alloys import comparison
from foundational.evaluation.alloys.comparison import _found, compare_alloy
from foundational.evaluation.alloys.frames import (
    LabelledRun,
    compositions,
    random_alloy,
    relaxed_mixtures,
    sample_alloy_frames,
    supercell,
)
from foundational.evaluation.alloys.reference import AlloyReference, alloy_reference
from foundational.evaluation.retraining import retrain
from foundational.science.compounds.building import Compound, build_compound
from foundational.specs.compounds import AlloyTestSpec
from foundational.specs.params import Params, read_params
from tests.exact_networks import BCC, FCC, HCP, Exact, Networks, exact_crystals

TIE = 0.005


@dataclass(frozen=True)
class Alloy:
    potential: ResolvedPotential
    reference: AlloyReference
    params: Params
    ensemble: Ensemble
    run: LabelledRun


@pytest.fixture(scope="module")
def alloy(checkout) -> Alloy:
    params = read_params(checkout / "params.yaml")
    potential = potential_for("AlNi", checkout, "NiAlH_jea.eam.alloy")
    labeller = LammpsLabeller(potential)
    reference = alloy_reference(labeller, ["Ni", "Al"], prototypes=["A1", "A2", "A3", "L1_2", "B2", "L1_0", "B_h"])
    random = np.random.default_rng(0)

    def rattled(count: int) -> Configurations:
        cells, positions, numbers = [], [], []
        for relaxed in reference.compounds:
            for _ in range(count):
                whole = compound_configurations([relaxed.compound.repeated((2, 2, 2))])
                length = random.uniform(0.97, 1.04)
                cells.append(whole.cell[0] * length)
                positions.append(whole.positions * length + random.normal(scale=0.05, size=(len(whole.positions), 3)))
                numbers.append(whole.atomic_numbers)
        batch = Configurations.build(cells, positions, numbers)
        return batch.with_labels(labeller.label(batch))

    network = params.ani.recipe.network.model_copy(update={"hidden": (32, 32)})
    training = params.ani.recipe.training.model_copy(update={"epochs": 1, "least_steps": 1500})
    settings = params.ani.recipe.model_copy(update={"network": network, "training": training})
    trained = rattled(16)
    ensemble = retrain(trained, settings, 1, seed=3)
    return Alloy(potential, reference, params, ensemble, LabelledRun("ordered", rattled(1), None))


def test_networks_that_saw_the_compounds_have_their_energies_and_hull(alloy):
    mixtures = relaxed_mixtures(alloy.reference, [], alloy.params.translate.metals.test, seed=1)
    report = compare_alloy(
        alloy.ensemble, alloy.reference, [alloy.run], alloy.params.compounds, TIE, mixtures, progress=None
    )
    assert report.elements == ("Ni", "Al")
    assert set(report.vertices) == {"AlNi B2", "AlNi3 L1_2", "Al3Ni L1_2"}
    assert report.hull_ok == report.order_ok == (True,)
    assert {c.title: c for c in report.compounds}["AlNi3 L1_2"].worst < 10
    assert report.formation_error < 60
    gated = {c.title for c in report.compounds if c.gated}
    assert gated == {"AlNi B2", "AlNi L1_0", "AlNi3 L1_2", "Al3Ni L1_2"}
    assert {f.formula for f in report.frames} == {"Ni", "Al", "AlNi", "AlNi3", "Al3Ni"}
    assert report.solid_mae > 0
    assert report.liquid_mae is None
    assert any("vertices of the hull: AlNi3 L1_2" in line for line in report.lines())


def test_a_network_without_a_compound_has_the_wrong_hull(alloy):
    """Energies of AlNi are shifted up by more than its depth below the hull."""

    class Shifted:
        members = 1

        def member(self, _):
            return self

        def __getattr__(self, name):
            return getattr(alloy.ensemble.member(0), name)

        def label(self, configurations):
            labels = alloy.ensemble.member(0).label(configurations)
            owner = configurations.configuration_of_atom
            nickel = np.bincount(owner, configurations.atomic_numbers == 28) / configurations.n_atoms
            return replace(labels, energy=labels.energy + 0.5 * (nickel == 0.5) * configurations.n_atoms)

    report = compare_alloy(Shifted(), alloy.reference, [], alloy.params.compounds, TIE)
    assert report.missing == (("AlNi B2",),)
    assert report.hull_ok == (False,)
    assert report.formation_error > 400


def test_the_reference_drops_a_compound_that_became_another(alloy):
    """L1_0 with the axial ratio of BCC is B2; of two equal crystals only the first counts."""
    titles = list(alloy.reference.titles)
    assert titles.count("AlNi B2") == titles.count("AlNi L1_0") == 1
    assert alloy.reference.grounds == (titles.index("Ni A1"), titles.index("Al A1"))


def test_random_alloys_have_the_composition_and_lattice_that_are_asked_for(alloy):
    cells = alloy.params.translate.metals.test
    one, same, other = (
        random_alloy(alloy.reference, {"Ni": 0.75, "Al": 0.25}, cells, seed, lattice)
        for seed, lattice in ((1, "fcc"), (1, "none"), (2, "bcc"))
    )
    assert one.symbols == same.symbols
    assert (len(one), one.formula, one.name) == (108, "AlNi3", "fcc")
    assert (len(other), other.name) == (128, "bcc")
    assert compositions(["Ni", "Al", "Co"], [0.5])[0] == dict.fromkeys(["Ni", "Al", "Co"], 1 / 3)


def test_supercells_are_nearly_cubes():
    large = supercell(build_compound("D0_22", ["Al", "Ni"], 13.0))
    edges = np.linalg.norm(large.cell, axis=1)
    assert len(large) == 144
    assert edges.max() / edges.min() < 1.6


def test_frames_of_an_alloy_are_ordered_random_and_liquid(alloy):
    runs = alloy.params.translate.metals.test
    cells = {"fcc": (2, 2, 2), "bcc": (2, 2, 2), "hcp": (2, 2, 2)}
    short = runs.model_copy(update={"heating": 200.0, "equilibration": 300.0, "stride": 20.0, "cells": cells})
    spec = AlloyTestSpec(shares=(0.25,), frames=4)
    found = sample_alloy_frames(alloy.potential, alloy.reference, spec, short, seed=1)
    assert [(run.phase, len(run.configurations)) for run in found] == [("ordered", 2), ("random", 2), ("liquid", 4)]
    ordered, random, liquid = (run.configurations for run in found)
    energies = [float((b.labels.energy / b.n_atoms).mean()) for b in (ordered, random, liquid)]
    assert energies == sorted(energies)
    for batch in (ordered, random, liquid):
        assert {
            float(x) for x in np.bincount(batch.configuration_of_atom, batch.atomic_numbers == 13) / batch.n_atoms
        } == {0.25}


# ------------------------------------------------------------------------ networks whose errors are exactly known

#: eV/atom by the number of atoms; compounds are repeated until no two have equally many.
PURE = {FCC: -4.0, BCC: -3.9, HCP: -3.97, 2: -4.0, 3: -4.0}
TRUE = PURE | {4: -4.3, 8: -4.24, 6: -4.5, 10: -4.45, 12: -4.2}
NAMES = ("Ni A1", "Al A1", "AlNi3 L1_2", "Al3Ni L1_2", "AlNi B2", "AlNi L1_0")


@pytest.fixture(scope="module")
def exact() -> AlloyReference:
    def cells(name: str, elements: list[str], atoms: int) -> Compound:
        one = build_compound(name, elements, 11.0)
        return one.repeated((atoms // len(one), 1, 1))

    shapes = [("A1", ["Ni"], 2), ("A1", ["Al"], 3), ("L1_2", ["Ni", "Al"], 4), ("L1_2", ["Al", "Ni"], 8)]
    shapes += [("B2", ["Ni", "Al"], 6), ("L1_0", ["Ni", "Al"], 10)]
    compounds = tuple(RelaxedCompound(cells(*shape), TRUE[shape[2]], True) for shape in shapes)
    labeller = Exact(TRUE)
    crystals = {"Ni": exact_crystals(labeller, "Ni"), "Al": exact_crystals(labeller, "Al")}
    return AlloyReference(labeller, ("Ni", "Al"), crystals, compounds, ("AlNi B_h",))


def test_compounds_hull_and_order_are_those_of_each_network(exact, checkout):
    assert exact.titles == NAMES
    spec = read_params(checkout / "params.yaml").compounds.model_copy(update={"gated": ("L1_2", "B2"), "window": 0.06})
    other_hull = Exact(TRUE | {4: -4.24, 8: -4.26, 6: -4.506}, volume=11.055)
    other_order = Exact(TRUE | {6: -4.44})
    lost = Exact({n: e for n, e in TRUE.items() if n != 10} | {HCP: -4.1, BCC: -4.15})
    networks = Networks((exact.labeller, other_hull, other_order, lost))
    mixture = RelaxedCompound(exact.compounds[4].compound.repeated((2, 1, 1)), -4.2, True)
    off, without = Exact(TRUE | {12: -4.197, 2: -4.002}, volume=11.5), Exact({n: e for n, e in TRUE.items() if n != 12})
    found = compare_alloy(networks, exact, [], spec, TIE, [mixture])

    by_title = {c.title: c for c in found.compounds}
    assert tuple(by_title) == NAMES
    assert [c.formation_meV for c in found.compounds] == pytest.approx([0, 0, -300, -240, -500, -450])
    assert [c.volume_A3 for c in found.compounds] == pytest.approx([11.0] * 6)
    assert by_title["AlNi3 L1_2"].hull_meV == pytest.approx(-50)
    assert by_title["Al3Ni L1_2"].hull_meV == pytest.approx(10)
    assert by_title["Ni A1"].hull_meV is None
    assert {c.title: c.gated for c in found.compounds} == {n: n.split()[1] in ("L1_2", "B2") for n in NAMES}
    errors = {title: c.formation_error_meV for title, c in by_title.items()}
    assert errors["AlNi3 L1_2"] == pytest.approx((0, 60, 0, 0), abs=0.3)
    assert errors["AlNi B2"] == pytest.approx((0, -6, 60, 0), abs=0.3)
    assert errors["AlNi L1_0"][3] is None
    assert by_title["AlNi L1_0"].volume_error[3] is None
    assert by_title["AlNi B2"].volume_error == pytest.approx((0, 0.005, 0, 0), abs=1e-4)
    assert [c.collapsed for c in found.compounds] == [(False,) * 4] * 5 + [(False, False, False, True)]
    assert found.vertices == ("AlNi3 L1_2", "AlNi B2")
    assert found.without_minimum == ("AlNi B_h",)
    assert found.missing == ((), ("AlNi3 L1_2",), ("AlNi B2",), ())
    assert found.additional == ((), ("Al3Ni L1_2",), ("Al3Ni L1_2", "AlNi L1_0"), ())
    assert found.hull_ok == (True, False, False, True)
    assert found.order_ok == (True, True, False, False)
    assert found.rank_ok == dict.fromkeys(("Ni", "Al"), (True, True, True, False))
    assert found.ground_state_ok == dict.fromkeys(("Ni", "Al"), (True, True, True, False))
    (mixing,) = found.mixing
    assert (mixing.formula, mixing.atoms, mixing.lattice) == ("AlNi", 12, "B2")
    assert mixing.mixing_meV == pytest.approx(-200)
    assert mixing.error_meV == pytest.approx((0, 0, 0, 0), abs=0.3)
    (shifted,) = compare_alloy(Networks((off, without)), exact, [], spec, TIE, [mixture]).mixing
    assert shifted.error_meV == (pytest.approx(3 + 0.5 * 2, abs=0.1), None)


def test_errors_of_frames_are_means_over_networks_and_frames_of_a_composition(exact, checkout):
    spec = read_params(checkout / "params.yaml").compounds
    compounds = [exact.compounds[k].compound for k in (4, 2, 4)]
    batch = compound_configurations([compounds[0], compounds[1], compounds[2].scaled(11.5)])
    labels = exact.labeller.label(batch)
    labels.forces[:6, 0] = 0.3
    runs = [LabelledRun("liquid", batch.with_labels(labels), 1800.0)]
    networks = Networks((exact.labeller, Exact(TRUE | {6: -4.504, 4: -4.301})))
    found = compare_alloy(networks, exact, runs, spec, TIE).frames
    assert [(f.formula, f.phase, f.frames, f.temperature_K) for f in found] == [
        ("AlNi", "liquid", 2, 1800.0),
        ("AlNi3", "liquid", 1, 1800.0),
    ]
    assert [f.mae_meV_per_atom for f in found] == pytest.approx([2.0, 0.5])
    assert [f.force_mae_meV_per_A for f in found] == pytest.approx([50.0, 0.0])  # one of three components in one frame


@dataclass(frozen=True)
class Stretched:
    """A method whose lowest energy, 0, is at a cubic cell that is longer along x than along y by exp(``strain``)."""

    strain: float
    id: str = "stretched"

    def label(self, configurations: Configurations) -> Labels:
        x, y = configurations.cell[:, 0, 0], configurations.cell[:, 1, 1]
        off = np.log(x / y) - self.strain
        size = configurations.volume / configurations.n_atoms / 11.0 - 1
        stress = np.zeros((len(configurations), 3, 3))
        density = configurations.n_atoms / configurations.volume
        stress[:, 0, 0], stress[:, 1, 1] = 20 * off * density, -20 * off * density
        for axis in range(3):
            stress[:, axis, axis] += 20 * size * (1 + size) * density
        energy = 10 * (off**2 + size**2) * configurations.n_atoms
        return Labels(energy, np.zeros((len(configurations.positions), 3), np.float32), stress)


@pytest.mark.parametrize(("strain", "held"), [(0.07, True), (0.09, False)])
def test_a_compound_that_changes_its_shape_by_more_than_four_percent_is_not_held(exact, strain, held):
    found = _found(Stretched(strain), exact.compounds[2].compound)
    assert found.collapsed is not held
    assert found.energy == pytest.approx(0 if held else 10 * strain**2, abs=1e-4)
    assert found.volume == pytest.approx(11.0, abs=1e-2)


def test_a_compound_or_a_random_alloy_whose_atoms_do_not_come_to_rest_is_not_held(exact, checkout, monkeypatch):
    def restless(*options: object, **limits: float) -> RelaxedCompound:
        return replace(relax_compound(*options, **limits), converged=False)

    monkeypatch.setattr(comparison, "relax_compound", restless)
    spec = read_params(checkout / "params.yaml").compounds
    mixture = RelaxedCompound(exact.compounds[4].compound.repeated((2, 1, 1)), -4.2, True)
    found = compare_alloy(Networks((exact.labeller,)), exact, [], spec, TIE, [mixture])
    assert [c.collapsed for c in found.compounds] == [(True,)] * 6
    assert [c.formation_error_meV for c in found.compounds] == [pytest.approx((0,), abs=1e-6)] * 6
    assert found.mixing[0].error_meV == (None,)
