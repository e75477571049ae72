"""Methods that a set states are those of the layout, or are refused in one line."""

import numpy as np
import pytest
import xarray as xr

from foundational.data.conversion import to_dataset, with_foreign
from foundational.data.layout import foreign_attributes
from foundational.errors import InputError
from foundational.labelling import theories
from foundational.labelling.theories import beside, methods_of
from foundational.provenance.method import MethodRecord
from tests.engines.ani.cases import labelled


@pytest.mark.parametrize("stated", [3, "dft", [3], [{"id": 3}], [{"id": "x", "colour": "red"}]])
def test_methods_that_are_none_are_refused(stated):
    with pytest.raises(InputError, match="the attribute methods") as caught:
        methods_of(None, xr.Dataset(attrs={"methods": stated}))
    assert "\n" not in str(caught.value)


def test_two_sets_become_one_in_which_unknown_stays_unknown(tmp_path, monkeypatch):
    """Each has a field that the other lacks, and texts of one field with other codes; one has no labels.

    A large set is put together batch by batch.
    """
    cells = labelled(4)

    def field(numbers, **attributes):
        return xr.Variable("configuration", np.array(numbers), foreign_attributes(**attributes))

    first = with_foreign(
        to_dataset(cells.take([0, 1]), order_parameter=[0.5, 0.75]),
        {"kind": field([0, 1], values=["slab", "bulk"]), "charge": field([1.0, 2.0])},
    )
    second = with_foreign(
        to_dataset(cells.take([2, 3]).with_labels(None), split=[1, 0]),
        {"kind": field([0, -1], values=["bulk"]), "flag": field(np.array([1, 0], np.uint8))},
    )
    both = beside(first, second, ())
    assert both["order_parameter"].to_numpy().tolist()[:2] == [0.5, 0.75]
    assert np.isnan(both["order_parameter"].to_numpy()[2:]).all()
    assert np.isfinite(both["energy"].to_numpy()).tolist() == [True, True, False, False]
    assert np.array_equal(both["energy"].to_numpy()[:2], cells.labels.energy[:2])
    assert both["split"].to_numpy().tolist() == [0, 0, 1, 0]
    kind = both["imported_kind"] if "imported_kind" in both else both["kind"]
    assert [[*kind.attrs["values"], None][code] for code in kind.to_numpy()] == ["slab", "bulk", "bulk", None]
    assert "methods" not in both.attrs
    monkeypatch.setattr(theories, "IN_MEMORY", 1)
    monkeypatch.setattr("foundational.data.batches.BATCH_ATOMS", 1)
    batches, own = [], theories.to_configurations
    monkeypatch.setattr(
        theories, "to_configurations", lambda part: batches.append(part.sizes["configuration"]) or own(part)
    )
    assert beside(first, second, (), tmp_path).load().identical(both)
    assert max(batches) == 1
    neither = beside(first.drop_vars(["energy", "forces", "stress"]), second, ())
    assert not {"energy", "forces", "stress"} & set(neither.variables)


def test_methods_of_one_name_are_told_apart_and_codes_are_kept():
    cells = labelled(2)
    one = MethodRecord(id="pbe")
    twice = beside(to_dataset(cells), to_dataset(cells), (one, one))
    assert [method["id"] for method in twice.attrs["methods"]] == ["pbe", "pbe-2"]
    thrice = beside(twice, to_dataset(cells), (*map(MethodRecord.model_validate, twice.attrs["methods"]), one))
    assert [method["id"] for method in thrice.attrs["methods"]] == ["pbe", "pbe-2", "pbe-3"]
    assert thrice["method"].to_numpy().tolist() == [0, 0, 1, 1, 2, 2]
    more = beside(twice, thrice, ())
    assert more["method"].to_numpy().tolist() == [0, 0, 1, 1, 0, 0, 1, 1, 2, 2]
    with pytest.raises(InputError, match="--keep: expected earlier labels to keep, found none"):
        beside(to_dataset(cells.with_labels(None)), to_dataset(cells), (one, one))
