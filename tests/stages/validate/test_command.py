"""Limits that params.yaml states for a dataset hold for this dataset and for no other."""

from pathlib import Path

from foundational.specs.materials import PropertyLimit
from foundational.specs.params import read_params
from foundational.specs.validate import ValidatedSpec
from foundational.stages.validate.command import _of_dataset


def test_limits_of_a_dataset_replace_the_common_ones_for_it_alone() -> None:
    spec = read_params(Path(__file__).parents[3] / "params.yaml").validate_
    assert spec.materials is not None
    own = ValidatedSpec(holdout=None, mae=7.0, limits={"vacancy": PropertyLimit(absolute=99.0)})
    spec = spec.model_copy(update={"datasets": {**spec.datasets, "mine": own}})
    mine, other = _of_dataset(spec, "mine"), _of_dataset(spec, "local/other")
    assert mine.gates.mae == 7.0
    assert mine.materials is not None
    assert mine.materials.limits == {**spec.materials.limits, "vacancy": own.limits["vacancy"]}
    assert other == spec
