import numpy as np

from foundational.interchange.fields import foreign_name, foreign_variable


def test_whole_numbers_stay_whole_and_a_missing_one_is_nan():
    assert foreign_variable("charge", "configuration", [1, -1]).dtype == np.int64
    assert np.array_equal(foreign_variable("charge", "configuration", [1, None]), [1.0, np.nan], equal_nan=True)


def test_texts_and_mixed_values_are_codes_of_their_texts():
    found = foreign_variable("note", "configuration", ["b", None, "a", 3, {"k": [1]}, [1, [2, 3]]])
    assert found.attrs["values"] == ["3", "[1, [2, 3]]", "a", "b", '{"k": [1]}']
    assert found.to_numpy().tolist() == [3, -1, 2, 0, 4, 1]


def test_vectors_keep_their_columns():
    found = foreign_variable("dipole", "configuration", [np.array([1.0, 2, 3]), None])
    assert found.dims == ("configuration", "dipole_0")
    assert found.attrs["units"] == "e·Å"
    assert np.isnan(found.to_numpy()[1]).all()


def test_a_name_of_the_layout_is_kept_beside_it():
    assert [foreign_name(name) for name in ("step", "mp_id", "a/b")] == ["imported_step", "mp_id", "a_b"]


def test_a_field_of_which_nothing_is_known_is_nan():
    found = foreign_variable("spin", "configuration", [None, None])
    assert (found.dims, found.dtype.kind) == (("configuration",), "f")
    assert np.isnan(found.to_numpy()).all()
