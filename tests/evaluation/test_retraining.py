import pytest

from foundational.data.conversion import to_dataset
from foundational.errors import InputError
from foundational.evaluation.retraining import volume_per_atom
from tests.engines.ani.cases import crystals


def test_a_set_without_lengths_is_refused_in_one_line() -> None:
    dataset = to_dataset(crystals(1))
    assert volume_per_atom(dataset.assign_attrs(volume_per_atom=11.5)) == 11.5
    with pytest.raises(InputError, match="expected configurations of two or more atoms"):
        volume_per_atom(dataset)
