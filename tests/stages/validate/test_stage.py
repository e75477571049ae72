import pytest

from foundational.data.store import open_store
from foundational.engines.crystals.references import reference_crystals
from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.engines.lammps.potentials import potential_for
from foundational.errors import InputError
from foundational.specs.params import read_params
from foundational.specs.validate import GateSpec
from foundational.stages.validate.stage import judge_gates, validate

GATES = GateSpec(rank=True, ground_state=True, mae=0.002, crystal_error=0.02)


def test_every_gate_passes_within_its_limit():
    reports = judge_gates(GATES, rank_ok=True, ground_state_ok=True, mae=1.9, crystal_error=19.9)
    assert [r.ok for r in reports] == [True] * 4


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("rank", {"rank_ok": False}),
        ("ground_state", {"ground_state_ok": False}),
        ("mae", {"mae": 2.1}),
        ("crystal_error", {"crystal_error": 20.1}),
        ("crystal_error", {"crystal_error": None}),
    ],
)
def test_one_failure_fails_its_own_gate_alone(name, values):
    sound = {"rank_ok": True, "ground_state_ok": True, "mae": 1.0, "crystal_error": 1.0}
    reports = judge_gates(GATES, **(sound | values))
    assert [r.name for r in reports if not r.ok] == [name]
    assert all(r.message for r in reports)


def test_without_a_holdout_the_error_is_not_judged():
    reports = {r.name: r for r in judge_gates(GATES, rank_ok=True, ground_state_ok=True, mae=None, crystal_error=1.0)}
    assert reports["mae"].ok is None


def test_a_gate_that_is_off_is_not_reported():
    off = GateSpec(rank=False, ground_state=False, mae=None, crystal_error=None)
    assert judge_gates(off, rank_ok=False, ground_state_ok=False, mae=99.0, crystal_error=99.0) == ()


def test_a_holdout_of_another_element_is_refused(distilled_project):
    dataset = open_store(distilled_project / "datasets/ni/data.zarr")
    params = read_params(distilled_project / "params.yaml")
    reference = reference_crystals(LammpsLabeller(potential_for("Ni", distilled_project)), "Ni")
    other = dataset.assign_attrs(element="Al")
    with pytest.raises(InputError, match="expected a holdout of Ni, got one of Al"):
        validate("ni", dataset, other, "al-holdout", reference, params.validate_, params.ani.recipe, 1)
