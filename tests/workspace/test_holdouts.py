"""The set that tests networks is of the same element and method as the data of the networks."""

import pytest

from foundational.errors import ConflictError
from foundational.provenance.record import read_record
from foundational.workspace.holdouts import named_holdout


@pytest.mark.parametrize(("field", "value"), [("element", "Al"), ("labeller", "lammps:AlFit")])
def test_a_holdout_of_another_metal_or_method_is_refused(distilled_project, field, value):
    record = read_record(distilled_project / "datasets/ni")
    assert named_holdout(distilled_project, "ni", record).name == "ni"
    changed = value if field == "element" else record.labeller.model_copy(update={"id": value})
    other = record.model_copy(update={field: changed})
    with pytest.raises(
        ConflictError, match=f"expected a holdout of {other.element} labelled by {other.labeller.id}, got "
    ):
        named_holdout(distilled_project, "ni", other)
