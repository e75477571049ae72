"""Properties of the reference method are right, and verdicts follow the errors and the spread of the networks."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from foundational.engines.crystals.properties import fcc_properties
from foundational.engines.crystals.references import KnownProperties, ReferenceCrystals, reference_crystals
from foundational.errors import InputError
from foundational.evaluation.materials import defects, elastic, energies, phonons
from foundational.evaluation.materials.comparison import (
    _curve,
    _judged,
    _not_applicable,
    compare_materials,
    compute_property,
)
from foundational.evaluation.materials.dynamics import short_runs
from foundational.evaluation.materials.engine import Engine, Metal
from foundational.evaluation.materials.report import MaterialsReport, PropertyReport
from foundational.labelling.catalogue import labeller_named
from foundational.specs.materials import MaterialsSpec, PropertyLimit, PropertyName, properties_named
from foundational.units import GPA, MJ_PER_M2
from tests.engines.ani.cases import untrained
from tests.exact_networks import BCC, FCC, HCP, Exact, Networks, exact_crystals


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
    ("found", "verdict", "spread"),
    [
        ([101.0, 99.0, 103.9], "passed", 2.464),
        ([104.0, 96.0], "passed", 5.657),
        ([101.0, 99.0, None], "failed", 1.414),
        ([None, None], "failed", None),
        ([110.0, 111.0, 112.0], "failed", 1.0),
        ([90.0, 89.0, 88.0], "failed", 1.0),
        ([90.0, 112.0, 99.0], "not determined", 11.06),
        ([100.0, 120.0], "not determined", 14.14),
        ([100.0, 120.0, 110.0], "failed", 10.0),
        ([104.1], "failed", None),
        ([96.1], "passed", None),
    ],
)
def test_the_verdict_follows_errors_and_spread(found, verdict, spread):
    report = _judged("elastic", "C11", 100.0, found, PropertyLimit(absolute=3, share=0.04))
    assert report.verdict == verdict
    assert report.spread == (None if spread is None else pytest.approx(spread, rel=1e-3))
    assert ("--recipe strained" in report.message) == (verdict == "not determined")
    assert report.recipe == (None if verdict == "passed" else "strained")
    assert (report.networks, report.allowed, report.unit) == (tuple(found), 4, "GPa")


def test_the_message_has_the_error_of_each_network_the_reference_and_the_limit():
    assert _judged("elastic", "C11", 100.0, [101.0, None], PropertyLimit(absolute=3)).message == "+1 none GPa (100, 3)"
    assert _judged("hcp-ratio", "c/a", 1.6, [1.61], None).message == "+0.01 (1.6, no limit)"
    curve = _judged("bain-path", "bct, worst", 0.0, [-2.5], PropertyLimit(absolute=3))
    assert curve.message == "-2.5 meV/atom (3)"
    assert (curve.verdict, _judged("hcp-ratio", "c/a", 1.6, [None], None).verdict) == ("passed", "reported")


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


def test_a_report_has_the_errors_that_ml_peg_calls_good_and_bad():
    scales = {name: _judged(name, "n", 1.0, [1.0], None).public_scale for name in get_args(PropertyName)}
    assert {name: scale for name, scale in scales.items() if scale is not None} == {
        "equation-of-state": (0, 200),
        "bain-path": (0, 50),
        "elastic": (5, 50),
        "vacancy": (50, 500),
        "surfaces": (60, 150),
        "stacking-fault": (12, 25),
        "phonons": (0, 1.04),
    }


def test_frequencies_are_compared_in_thz():
    (number,) = [_curve("phonons", "X", [5.0, 6.0], [np.array([5.25, 5.5]), None], spec("phonons"))]
    assert (number.networks, number.unit, number.verdict) == ((-0.5, None), "THz", "failed")


# ------------------------------------------------------------------------ networks whose errors are exactly known

VOLUME, STIFFNESS = 11.0, 4.0
#: Cells of the equation of state have 32 atoms of FCC and HCP, and 16 of BCC.
NEAR = Exact({FCC: -4.0, BCC: -3.9, HCP: -3.97, 16: -3.9, 31: -3.95, 108: -4.0, 1: -3.0}, VOLUME, STIFFNESS)
CONSTANT = (4 * VOLUME) ** (1 / 3)


def compared(reference: ReferenceCrystals, *networks: Exact, **limits: PropertyLimit) -> list[PropertyReport]:
    named = {name.replace("_", "-"): limit for name, limit in limits.items()}
    spec = MaterialsSpec(properties=tuple(named), limits=named, dynamics_steps=8, gate=False)
    return list(compare_materials(Networks(networks), reference, spec).numbers)


def with_energy(atoms: int, energy: float | None) -> Exact:
    return replace(NEAR, energies={**NEAR.energies, atoms: energy})


def test_the_numbers_of_each_network_stand_beside_those_of_the_reference():
    stiff, large = replace(NEAR, stiffness=1.1 * STIFFNESS), replace(NEAR, volume=VOLUME * 1.1)
    networks = (NEAR, stiff, large, with_energy(FCC, None))
    limit = PropertyLimit(share=0.04)
    constant, modulus = compared(exact_crystals(NEAR), *networks, lattice_constant=limit, bulk_modulus=limit)
    assert (constant.kind, constant.name, constant.unit) == ("lattice-constant", "a", "Å")
    assert constant.reference == pytest.approx(CONSTANT, rel=1e-5)
    assert constant.errors == pytest.approx([0, 0, CONSTANT * (1.1 ** (1 / 3) - 1)], abs=1e-4)
    assert constant.allowed == pytest.approx(0.04 * CONSTANT, rel=1e-5)
    expected = 2 * STIFFNESS / VOLUME * GPA  # V d²E/dV²
    assert modulus.reference == pytest.approx(expected, rel=0.03)
    assert modulus.errors == pytest.approx([0, 0.1 * modulus.reference, (1 / 1.1 - 1) * modulus.reference], abs=0.1)
    for number in (constant, modulus):
        assert (number.verdict, number.networks[3], len(number.networks)) == ("failed", None, 4)
    assert [n.verdict for n in compared(exact_crystals(NEAR), NEAR, large, lattice_constant=limit)] == ["passed"]


@pytest.mark.parametrize(("allowed", "verdict"), [(4.01, "passed"), (3.99, "failed")])
def test_the_worst_point_of_each_curve_counts_with_its_sign(allowed, verdict):
    found = compared(exact_crystals(NEAR), with_energy(16, -3.904), equation_of_state=PropertyLimit(absolute=allowed))
    assert [(n.name, n.reference, n.verdict) for n in found] == [
        ("fcc, worst", 0, "passed"),
        ("bcc, worst", 0, verdict),
        ("hcp, worst", 0, "passed"),
    ]
    assert [n.networks[0] for n in found] == pytest.approx([0, -4, 0], abs=1e-6)
    stiff = replace(NEAR, stiffness=1.01 * STIFFNESS)  # most where the volume is 1.25 of the reference's
    (curve, *_) = compared(exact_crystals(NEAR), stiff, NEAR, equation_of_state=PropertyLimit(absolute=allowed))
    assert curve.networks == pytest.approx((0.01 * STIFFNESS * 0.25**2 * 1000, 0), rel=1e-3)


def test_energies_of_defects_are_in_millielectronvolts():
    with_hole = 31 * (-3.95 + STIFFNESS * (32 / 31 - 1) ** 2 + 4.0)
    reference = exact_crystals(NEAR, known=KnownProperties({"vacancy": {"formation": 1.5}}, vacancy_cells=2))
    (vacancy,) = compared(reference, NEAR, with_energy(31, -3.94), vacancy=PropertyLimit(absolute=1000))
    assert (vacancy.reference, vacancy.unit, vacancy.verdict) == (1500, "meV", "passed")
    assert vacancy.networks == pytest.approx((1000 * with_hole, 1000 * (with_hole + 31 * 0.01)), abs=0.01)


def test_stored_numbers_are_those_of_the_reference_and_others_do_not_apply():
    reference = exact_crystals(NEAR, known=KnownProperties({"lattice-constant": {"a": 3.5}}, vacancy_cells=2))
    limit = PropertyLimit(absolute=0.1)
    constant, modulus = compared(reference, NEAR, lattice_constant=limit, bulk_modulus=limit)
    assert constant.reference == 3.5
    assert constant.errors == pytest.approx([CONSTANT - 3.5], abs=1e-4)
    assert (modulus.verdict, modulus.reference, modulus.networks) == ("not applicable", None, ())
    assert "no such number" in modulus.message


def test_a_reference_or_a_network_that_fails_gives_no_number():
    known = PropertyLimit(absolute=0.1)
    reference = exact_crystals(NEAR, isolated_energy=-3.0)
    (atom,) = compared(reference, NEAR, with_energy(1, -2.95), free_atom=known)
    assert (atom.verdict, atom.reference, atom.networks) == ("passed", -3.0, pytest.approx((-3.0, -2.95)))
    without = replace(NEAR, energies={n: e for n, e in NEAR.energies.items() if n != 1})
    (lost,) = compared(reference, NEAR, without, free_atom=known)
    assert (lost.verdict, lost.networks) == ("failed", (-3.0, None))
    (failing,) = compared(replace(reference, labeller=without), NEAR, free_atom=known)
    assert (failing.verdict, failing.allowed, failing.networks) == ("not applicable", None, ())
    assert failing.message == "the reference method fails: exact: no energy of [1] atoms"


def test_short_runs_have_the_error_of_each_network_at_each_temperature():
    reference = exact_crystals(NEAR, isolated_energy=-3.0)
    lost, off = with_energy(FCC, None), with_energy(108, -3.997)
    found = compared(reference, lost, off, dynamics=PropertyLimit(absolute=3.1))
    assert [n.name for n in found] == [f"{share / 8.617333e-5:.0f} K" for share in (0.006, 0.018, 0.03)]
    assert [n.networks for n in found] == [(None, pytest.approx(3, abs=1e-5))] * 3
    assert {(n.verdict, n.unit, n.reference, n.allowed) for n in found} == {("failed", "meV/atom", 0, 3.1)}
    torn = replace(NEAR, force=50.0)
    assert {n.networks for n in compared(reference, torn, dynamics=PropertyLimit(absolute=3.1))} == {(None,)}


@pytest.mark.parametrize(
    ("name", "lowest", "isolated", "why"),
    [
        ("elastic", HCP, -3.0, "cubic crystals only"),
        ("surfaces", HCP, -3.0, "cubic crystals only"),
        ("stacking-fault", HCP, -3.0, "a fault of FCC; the ground state is HCP"),
        ("stacking-fault", BCC, -3.0, "a fault of FCC; the ground state is BCC"),
        ("free-atom", FCC, None, "does not state the energy of an isolated atom"),
        ("dynamics", FCC, None, "the energy of an isolated atom is not known"),
        ("lattice-constant", HCP, None, None),
        ("elastic", FCC, None, None),
        ("surfaces", BCC, None, None),
        ("stacking-fault", FCC, None, None),
        ("free-atom", HCP, -3.0, None),
        ("dynamics", HCP, -3.0, None),
    ],
)
def test_what_a_property_needs_decides_whether_it_applies(name, lowest, isolated, why):
    reference = exact_crystals(with_energy(lowest, -5.0), isolated_energy=isolated)
    structure = reference.ground_state
    found = _not_applicable(name, Metal("Ni", structure, VOLUME, -5.0, VOLUME), reference)
    assert (found is None) if why is None else (why in found)


def test_the_table_marks_what_failed_and_names_what_to_add():
    judged = partial(_judged, "elastic")
    limit = PropertyLimit(absolute=3)
    good, bad = judged("C11", 100.0, [101.0, 99.0], limit), judged("C12", 100.0, [110.0, 111.0], limit)
    open_, plain = judged("C44", 100.0, [90.0, 112.0], limit), _judged("hcp-ratio", "c/a", 1.6, [1.5], None)
    named = [number.naming(("FCC sheared (9)",)) for number in (good, bad, open_, plain)]
    assert [number.environments for number in named] == [(), ("FCC sheared (9)",), ("FCC sheared (9)",), ()]
    report = MaterialsReport(numbers=tuple(named))
    assert [number.name for number in report.failed] == ["C12", "C44"]
    lines = list(report.lines())
    assert [line.split()[0] for line in lines[1:4]] == ["ok", "FAIL", "?"]
    assert lines[1].split()[1:5] == ["elastic", "C11", "1.41", "5/50"]
    assert lines[4].split()[:2] == ["hcp-ratio", "c/a"]
    assert lines[-2] == "elastic: farthest from the training data (1 is usual): FCC sheared (9)"
    assert lines[-1].endswith("--from NAME --recipe strained=50")
    assert len(list(MaterialsReport(numbers=(good, plain)).lines())) == 4


def test_a_dimer_is_compared_at_one_and_a_half_angstroms_of_nickel(engine, nickel):
    distances, curve = energies.dimer(engine, nickel)
    number, attracts = compute_property("dimer", engine, nickel).items()
    assert number == (f"at {distances[5]:.2f} Å", pytest.approx(curve[5]))
    assert attracts == ("attracts", 0.0)
