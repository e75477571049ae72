"""Properties of the reference method are right, and verdicts follow the errors and the spread of the networks."""

from pathlib import Path

import numpy as np
import pytest

from foundational.engines.crystals.properties import fcc_properties
from foundational.engines.crystals.references import ReferenceCrystals, reference_crystals
from foundational.errors import InputError
from foundational.evaluation.materials import defects, elastic, energies, phonons
from foundational.evaluation.materials.comparison import _judged, compare_materials, compute_property
from foundational.evaluation.materials.dynamics import short_runs
from foundational.evaluation.materials.engine import Engine, Metal
from foundational.labelling.catalogue import labeller_named
from foundational.specs.materials import MaterialsSpec, PropertyLimit, properties_named
from foundational.units import GPA, MJ_PER_M2
from tests.engines.ani.cases import untrained


@pytest.fixture(scope="module")
def reference() -> ReferenceCrystals:
    root = Path(__file__).resolve().parents[3]
    return reference_crystals(labeller_named("lammps:NiNb", root, element="Ni"), "Ni")


@pytest.fixture(scope="module")
def nickel(reference: ReferenceCrystals) -> Metal:
    crystal = reference.isotropic["fcc"]
    return Metal("Ni", "fcc", crystal.volume_per_atom, crystal.energy_per_atom, crystal.volume_per_atom)


@pytest.fixture(scope="module")
def engine(reference: ReferenceCrystals) -> Engine:
    return Engine(reference.labeller)


def test_constants_vacancy_and_fault_are_those_of_another_implementation(engine, nickel, reference):
    expected = fcc_properties(reference.labeller, nickel.volume, "Ni")
    found = elastic.elastic_constants(engine, nickel)
    assert found["C11"] == pytest.approx(expected.c11 * GPA, rel=1e-3)
    assert found["C44"] == pytest.approx(expected.c44 * GPA, rel=1e-3)
    assert defects.vacancy_energy(engine, nickel) == pytest.approx(expected.vacancy_energy, abs=2e-3)
    fault = defects.stacking_fault_energy(engine, nickel)
    assert fault == pytest.approx(expected.stacking_fault_energy * MJ_PER_M2, abs=0.1)


def test_energies_at_rest_have_their_minima_where_the_crystal_is_relaxed(engine, nickel, reference):
    curves = energies.equation_of_state(engine, nickel)
    for structure, curve in curves.items():
        assert curve.min() >= reference.isotropic[structure].energy_per_atom - 1e-4
        assert curve[0] > curve.min()
        assert curve[-1] > curve.min()
    assert curves["fcc"][6] == pytest.approx(nickel.energy, abs=1e-5)
    path = energies.bain_path(engine, nickel)
    assert path[9] < path[2]  # FCC lies below BCC
    assert energies.ratio_of_hcp(engine, nickel) == pytest.approx(np.sqrt(8 / 3), rel=0.03)
    assert energies.free_atom(engine, nickel) == pytest.approx(reference.isolated_energy, abs=1e-8)
    distances, curve = energies.dimer(engine, nickel)
    assert curve[0] > curve[5] > 0
    assert not energies.attracts_at_short_range(curve)
    assert energies.attracts_at_short_range(np.array([-3.0, -2.0, -1.0, -2.0]))
    assert len(distances) == len(curve)


def test_surfaces_of_fcc_are_in_the_order_of_their_packing(engine, nickel):
    found = defects.surface_energies(engine, nickel)
    assert found["111"] < found["100"] < found["110"]


def test_phonons_are_real_and_degenerate_where_symmetry_says_so(engine, nickel):
    found = phonons.phonon_frequencies(engine, nickel)
    for name in ("X", "L"):
        low, middle, high = found[name]
        assert low == pytest.approx(middle, rel=1e-3)
        assert 3 < low < high < 12  # THz; nickel has 6.3 and 8.6 at X (doi:10.1103/PhysRev.136.A1359)
    assert found["path"].min() > 0


def test_a_run_of_the_reference_method_itself_has_no_error_and_stays_whole(engine, nickel, reference):
    for run in short_runs(engine, engine, nickel, reference.cohesive_energy("fcc"), 16):
        assert run.whole
        assert run.error == 0


def spec(*properties: str) -> MaterialsSpec:
    limits = {name: PropertyLimit(absolute=4, share=0.04) for name in properties}
    return MaterialsSpec(properties=properties, limits=limits, dynamics_steps=8, gate=False)


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        ([101.0, 99.0, 103.9], "passed"),
        ([101.0, 99.0, None], "failed"),
        ([110.0, 111.0, 112.0], "failed"),
        ([90.0, 112.0, 99.0], "not determined"),
    ],
)
def test_the_verdict_follows_errors_and_spread(found, verdict):
    report = _judged("elastic", "C11", 100.0, found, PropertyLimit(absolute=3, share=0.04))
    assert report.verdict == verdict
    assert ("--recipe strained" in report.message) == (verdict == "not determined")


def test_networks_without_sense_fail_and_what_does_not_apply_is_said(reference):
    report = compare_materials(untrained(), reference, spec("equation-of-state", "elastic"))
    assert {number.verdict for number in report.numbers} <= {"failed", "not determined"}
    assert any("meV/atom" in line for line in report.lines())
    niobium = reference_crystals(reference.labeller, "Nb")
    (fault,) = compare_materials(untrained(elements=(41,)), niobium, spec("stacking-fault")).numbers
    assert fault.verdict == "not applicable"
    assert "BCC" in fault.message


def test_an_unknown_property_is_refused_with_the_closest_name():
    with pytest.raises(InputError, match="did you mean 'elastic'"):
        properties_named(["elastik"])


def test_a_property_that_no_method_has_alone_is_refused(engine, nickel):
    with pytest.raises(InputError, match="to compute by one method, got 'dynamics'"):
        compute_property("dynamics", engine, nickel)
