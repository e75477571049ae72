"""Parquet as ColabFit and others lay it out: lists, or JSON in text."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from foundational.errors import InputError
from foundational.interchange.importing import ImportChoice, import_files

CELL = [[4.0, 0.0, 0.0], [0.0, 4.0, 0.0], [0.0, 0.0, 4.0]]
ROWS = [
    {
        "atomic_numbers": [28, 13, 13],
        "positions": [[0.0, 0.0, 0.0], [2.0, 2.0, 2.0], [1.0, 1.0, 0.5]],
        "cell": CELL,
        "pbc": [True, True, True],
        "energy": -3.0 - i,
        "atomic_forces": [[0.5, 0.0, 0.0], [-0.5, 0.0, 0.0], [0.0, 0.0, 0.0]],
        "cauchy_stress": [[0.01, 0.001, 0.0], [0.001, 0.02, 0.0], [0.0, 0.0, 0.03]],
        "configuration_id": f"CO_{i}",
        "software": "VASP",
        "method": "DFT-PBE",
    }
    for i in range(2)
]


@pytest.mark.parametrize("as_text", [False, True])
def test_rows_are_configurations(tmp_path, as_text):
    rows = ROWS
    if as_text:
        rows = [{k: json.dumps(v) if isinstance(v, list) else v for k, v in row.items()} for row in ROWS]
    path = tmp_path / "train.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path)
    imported = import_files([path])
    dataset = imported.dataset
    assert dataset["energy"].to_numpy().tolist() == [-3.0, -4.0]
    assert dataset["forces"].to_numpy()[:3].tolist() == ROWS[0]["atomic_forces"]
    assert np.array_equal(dataset["stress"][1], ROWS[0]["cauchy_stress"])
    assert dataset["configuration_id"].attrs["values"] == ["CO_0", "CO_1"]
    assert dataset.attrs["methods"][0]["code"] == "VASP"


def test_a_table_of_something_else_is_refused(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"x": [1]}), path)
    with pytest.raises(InputError, match=r"expected a column of positions .*, found x"):
        import_files([path])


def test_a_stress_that_is_not_normalized_is_divided_by_the_volume(tmp_path):
    rows = [row | {"cauchy_stress_volume_normalized": i == 0} for i, row in enumerate(ROWS)]
    rows[1]["cauchy_stress"] = (64 * np.array(rows[1]["cauchy_stress"])).tolist()
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    stress = import_files([tmp_path / "a.parquet"]).dataset["stress"].to_numpy()
    assert np.allclose(stress[0], stress[1], rtol=1e-14)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"positions": None}, "frame 0: positions is null"),
        ({"atomic_numbers": ["Xx"] * 3}, "frame 0: 'Xx' is no element; say which it is with --species Xx=Ni"),
    ],
)
def test_a_row_that_is_no_configuration_is_named(tmp_path, change, message):
    pq.write_table(pa.Table.from_pylist([row | change for row in ROWS]), tmp_path / "a.parquet")
    with pytest.raises(InputError, match=message):
        import_files([tmp_path / "a.parquet"])


def test_names_of_elements_may_be_stated(tmp_path):
    pq.write_table(pa.Table.from_pylist([row | {"atomic_numbers": ["A", "B", "Al"]} for row in ROWS]), tmp_path / "a")
    imported = import_files([tmp_path / "a"], ImportChoice(species={"A": "Ni", "B": "Al"}))
    assert imported.dataset["atomic_numbers"].to_numpy().tolist() == [28, 13, 13] * 2
