"""Networks on both sides have the same settings and seeds, so only the data can change a result."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from foundational.errors import InputError
from foundational.progress import stage_of
from foundational.release.comparison.compared_dataset import open_compared
from foundational.stages.compare.command import compare_physics


def test_equal_data_give_equal_networks(distilled_project: Path) -> None:
    with open_compared("ni", distilled_project) as a, open_compared("ni", distilled_project) as b:
        said: list[str] = []
        again = replace(b, title="again")
        found = compare_physics(
            a, again, distilled_project, members=1, progress=lambda done, total, message: said.append(stage_of(message))
        )
    stages = ("training", "errors on the holdout", "crystals")
    assert list(dict.fromkeys(said)) == [f"{side}, {stage}" for side in ("ni", "again") for stage in stages]
    assert found.members == 1
    assert found.holdouts == ("ni-holdout", "ni-holdout")
    for change in (*found.crystals, *found.errors):
        assert change.before == change.after
        assert change.direction in {"within the spread", "not known"}
    assert not any(test.changed for test in found.gates)
    assert {change.name for change in found.crystals} == {"energy of FCC", "energy of BCC", "energy of HCP"}
    assert json.loads(found.model_dump_json())["a"] == "ni"


def test_data_without_a_record_cannot_be_compared(distilled_project: Path) -> None:
    with open_compared("ni", distilled_project) as a:
        with pytest.raises(InputError, match="ni has none"):
            compare_physics(a, replace(a, provenance=None), distilled_project)
        other = a.provenance.model_copy(update={"element": "Al"})
        with pytest.raises(InputError, match="one element"):
            compare_physics(a, replace(a, provenance=other), distilled_project)
