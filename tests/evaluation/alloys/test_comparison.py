"""Compounds of Ni and Al by networks that were trained on these compounds; every label is LAMMPS's."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from foundational.data.configurations import Configurations
from foundational.engines.ani.ensemble import Ensemble
from foundational.engines.crystals.compounds import compound_configurations
from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.engines.lammps.potentials import ResolvedPotential, potential_for
from foundational.evaluation.alloys.comparison import compare_alloy
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
from foundational.science.compounds.building import build_compound
from foundational.specs.compounds import AlloyTestSpec
from foundational.specs.params import Params, read_params

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
