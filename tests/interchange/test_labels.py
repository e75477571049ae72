"""Which values are labels: each by its own names, in its own unit, with its own sign and order."""

import numpy as np
import pytest

from foundational.errors import InputError
from foundational.interchange.frame import Frame, FrameError
from foundational.interchange.label_choice import LabelChoice
from foundational.interchange.labels import recognise

CELL = np.diag([2.0, 3.0, 4.0])
FORCES = np.array([[0.1, 0.2, 0.3], [-0.1, -0.2, -0.3]])
#: xx yy zz yz xz xy, eV/Å³.
VOIGT = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
MATRIX = [[1, 6, 5], [6, 2, 4], [5, 4, 3]]
#: Nine numbers with yz in the place of xz, and xz in that of yz.
EXCHANGED = np.array([[1, 6, 4], [6, 2, 5], [4, 5, 3.0]])


def frame(info: dict, arrays: dict | None = None, results: dict | None = None, pbc: bool = True) -> Frame:
    return Frame(
        "a.xyz, frame 0",
        np.array([28, 28], np.uint8),
        np.array([[0.0, 0, 0], [1, 1, 1]]),
        CELL,
        np.array([pbc] * 3),
        info,
        arrays or {},
        results or {},
    )


@pytest.mark.parametrize("prefix", ["", "REF_", "DFT_", "dft_", "ref_"])
@pytest.mark.parametrize(("energy", "forces"), [("energy", "forces"), ("energy", "force"), ("total_energy", "forces")])
def test_labels_go_by_their_common_names(prefix: str, energy: str, forces: str):
    found = recognise(
        frame({prefix + energy: -4.5, prefix + "stress": VOIGT}, {prefix + forces: FORCES}), LabelChoice()
    )
    assert found.energy == -4.5
    assert np.array_equal(found.forces, FORCES)
    assert found.stress.tolist() == MATRIX
    assert (found.info, found.arrays) == ({}, {})
    assert found.taken == {"energy": prefix + energy, "forces": prefix + forces, "stress": prefix + "stress"}


def test_names_in_another_case_are_the_same():
    found = recognise(frame({"Energy": -1.0, "Virial": -np.eye(3).reshape(-1) * 24}), LabelChoice())
    assert found.energy == -1.0
    assert np.allclose(found.stress, np.eye(3))


def test_each_label_is_looked_for_by_itself():
    found = recognise(frame({"REF_energy": -1.0, "stress": VOIGT, "energy": -7.0}, {"forces": FORCES}), LabelChoice())
    assert (found.energy, found.stress.tolist()) == (-1.0, MATRIX)
    assert np.array_equal(found.forces, FORCES)
    assert found.info == {"energy": -7.0}  # a prediction beside the reference is kept as it is


def test_a_label_that_is_absent_is_unknown_and_not_zero():
    found = recognise(frame({"energy": 0.0}), LabelChoice())
    assert found.energy == 0.0
    assert (found.forces, found.stress, found.atomic_energies) == (None, None, None)


@pytest.mark.parametrize(
    ("free", "taken", "remark"),
    [(-10.02, -10.02, "free_energy taken, to which forces belong"), (-3.0, -10.0, "is not the free energy of energy")],
)
def test_the_free_energy_is_taken_where_it_can_be_one(free: float, taken: float, remark: str):
    found = recognise(frame({"energy": -10.0, "free_energy": free}), LabelChoice())
    assert found.energy == taken
    assert remark in found.remarks[0]


def test_a_free_energy_alone_is_the_energy():
    assert recognise(frame({"free_energy": -3.0}), LabelChoice()).energy == -3.0


def test_a_virial_is_minus_the_stress_times_the_volume():
    found = recognise(frame({"virial": -VOIGT * 24.0}), LabelChoice())
    assert np.allclose(found.stress, MATRIX)
    assert found.taken == {"stress": "virial"}


def test_the_virial_of_a_cluster_is_no_stress():
    found = recognise(frame({"virial": VOIGT}, pbc=False), LabelChoice())
    assert found.stress is None
    assert "virial" in found.info


@pytest.mark.parametrize(
    ("choice", "values"),
    [
        (LabelChoice(stress_unit="GPa"), VOIGT * 160.2176634),
        (LabelChoice(stress_unit="kbar", stress_sign="compression"), -VOIGT * 1602.176634),
        (LabelChoice(stress_order="vasp"), VOIGT[[0, 1, 2, 5, 3, 4]]),
        (LabelChoice(stress_order="xx,yy,zz,xz,yz,xy"), VOIGT[[0, 1, 2, 4, 3, 5]]),
        (LabelChoice(), np.array(MATRIX, float)),
        (LabelChoice(stress_order="vasp"), np.array(MATRIX, float)),
        (LabelChoice(stress_order="xx,yx,zx,xy,yy,zy,xz,yz,zz"), np.array(MATRIX, float).T),
        (LabelChoice(stress_order="xx,xy,yz,yx,yy,xz,zy,zx,zz"), EXCHANGED),
        (LabelChoice(), " ".join(str(float(x)) for row in MATRIX for x in row)),
    ],
)
def test_unit_sign_and_order_of_the_stress_are_what_the_user_says(choice: LabelChoice, values: object):
    assert np.allclose(recognise(frame({"stress": values}), choice).stress, MATRIX, rtol=1e-12)


def test_an_order_of_nine_numbers_holds_for_a_virial():
    choice = LabelChoice(stress_order="xx,xy,yz,yx,yy,xz,zy,zx,zz")
    found = recognise(frame({"virial": -24 * EXCHANGED}), choice)
    assert np.allclose(found.stress, MATRIX)


@pytest.mark.parametrize(
    ("order", "values"), [("xx,yy,zz,xz,yz,xy", np.array(MATRIX)), ("xx,xy,xz,yx,yy,yz,zx,zy,zz", VOIGT)]
)
def test_an_order_of_another_number_of_components_is_refused(order: str, values: object):
    with pytest.raises(FrameError, match="numbers, and --stress-order names"):
        recognise(frame({"stress": values}), LabelChoice(stress_order=order))


def test_the_unit_of_the_energy_holds_for_forces_and_virials():
    hartree = 27.211386245988
    found = recognise(frame({"energy": -1.0, "virial": -VOIGT}, {"forces": FORCES}), LabelChoice(energy_unit="Hartree"))
    assert found.energy == pytest.approx(-hartree)
    assert np.allclose(found.forces, FORCES * hartree)
    assert np.allclose(found.stress, np.array(MATRIX) * hartree / 24)


def test_results_of_a_format_that_fixes_units_are_taken_as_they_are():
    choice = LabelChoice(stress_unit="GPa", stress_sign="compression")
    found = recognise(frame({}, results={"energy": -1.0, "forces": FORCES, "stress": np.array(MATRIX)}), choice)
    assert found.stress.tolist() == MATRIX


def test_forces_may_have_a_unit_of_their_own_and_any_unit_may_be_a_number():
    values = {"energy": -1.0, "my_stress": VOIGT}, {"forces": FORCES}
    choice = LabelChoice(energy_unit="Hartree", forces_unit="Hartree/Bohr", stress_key="my_stress", stress_unit="160.2")
    choice.check()
    found = recognise(frame(*values), choice)
    assert found.energy == pytest.approx(-27.211386)
    assert found.forces == pytest.approx(FORCES * 51.422067)
    assert found.stress[0, 0] == pytest.approx(160.2 * VOIGT[0])
    assert choice.unit_of("forces", "forces") == "Hartree/Bohr"


@pytest.mark.parametrize(
    ("info", "arrays", "message"),
    [
        ({"energy": "None"}, {}, "a.xyz, frame 0: energy: 'None' is no number"),
        ({"REF_energy": None}, {}, "REF_energy: None is no number"),
        ({"energy": float("nan")}, {}, "energy holds nan, which is no finite number"),
        ({"stress": np.array([np.inf] * 9)}, {}, "stress holds inf"),
        ({"stress": np.zeros(5)}, {}, "stress: expected 6 or 9 numbers, got 5"),
        ({}, {"forces": FORCES[:, :2]}, "forces: expected 2 × 3 numbers, got 4"),
        ({}, {"forces": FORCES * np.nan}, "forces holds nan"),
    ],
)
def test_a_label_that_is_no_number_is_named_with_its_place(info: dict, arrays: dict, message: str):
    with pytest.raises(FrameError, match=message):
        recognise(frame(info, arrays), LabelChoice())


@pytest.mark.parametrize("text", ["-1.28D+02", " -128 ", "-1.28*^2"])
def test_numbers_of_fortran_and_mathematica_are_numbers(text: str):
    assert recognise(frame({"energy": text}), LabelChoice()).energy == -128.0


def test_a_key_that_was_named_is_taken_alone():
    assert recognise(frame({"energy": -1.0, "E_pbe": -2.0}), LabelChoice(energy_key="E_pbe")).energy == -2.0
    assert recognise(frame({"energy": -1.0}), LabelChoice(energy_key="E_pbe")).energy is None


def test_nan_in_a_label_may_mean_that_it_is_unknown():
    assert np.isnan(recognise(frame({"energy": np.nan}), LabelChoice(nan="unknown")).energy)
    with pytest.raises(FrameError, match="energy holds inf"):
        recognise(frame({"energy": np.inf}), LabelChoice(nan="unknown"))


def test_a_format_says_units_where_the_user_does_not():
    choice = LabelChoice(stress_unit="GPa").with_defaults({"stress_unit": "kbar", "stress_sign": "compression"})
    assert (choice.stress_unit, choice.stress_sign) == ("GPa", "compression")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stress_unit": "GPA3"}, "--stress-unit: expected one of eV/A3"),
        ({"energy_unit": "erg"}, "--energy-unit: expected one of eV"),
        ({"stress_order": "xx,yy"}, "--stress-order: expected ase, vasp"),
    ],
)
def test_an_unknown_unit_or_order_is_refused(options: dict, message: str):
    with pytest.raises(InputError, match=message):
        recognise(frame({"energy": 1.0, "stress": VOIGT}), LabelChoice(**options))


def test_a_reference_stress_of_zeros_was_not_computed_where_the_plain_one_belongs_to_the_energy():
    """As in files that MACE wrote: REF_stress is zero where it was not found."""
    values = {"energy": -1.0, "stress": VOIGT, "REF_stress": np.zeros(9)}
    found = recognise(frame(values, {"forces": FORCES}), LabelChoice())
    assert found.stress.tolist() == MATRIX
    assert "REF_stress is exactly zero" in found.remarks[0]
    kept = recognise(frame(values | {"REF_energy": -2.0}, {"REF_forces": FORCES}), LabelChoice())
    assert not kept.stress.any()
