import pytest

from foundational.data.named import NamedDataset
from foundational.data.store import open_store
from foundational.engines.crystals.references import reference_crystals
from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.engines.lammps.potentials import potential_for
from foundational.errors import InputError
from foundational.evaluation.retraining import EvaluationPlan
from foundational.specs.params import read_params
from foundational.stages.validate.stage import validate


def test_a_holdout_of_another_element_is_refused(distilled_project):
    dataset = open_store(distilled_project / "datasets/ni/data.zarr")
    params = read_params(distilled_project / "params.yaml")
    reference = reference_crystals(LammpsLabeller(potential_for("Ni", distilled_project)), "Ni")
    plan = EvaluationPlan(params.ani.recipe, reference, params.validate_.tie, 1)
    other = NamedDataset("al-holdout", dataset.assign_attrs(element="Al"))
    with pytest.raises(InputError, match="expected a holdout of Ni, got one of Al"):
        validate(NamedDataset("ni", dataset), other, params.validate_, plan)
