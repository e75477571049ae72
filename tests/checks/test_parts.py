"""A stored set that is checked in parts has the findings and the fingerprint of one pass, also where it is damaged."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from foundational.checks import parts
from foundational.checks.limits import CheckLimits
from foundational.checks.parts import Spread
from foundational.checks.report import Finding
from foundational.checks.run import check_all
from foundational.data.conversion import from_atoms, to_dataset
from foundational.data.fingerprint import fingerprint
from foundational.data.integrity.stored_array import open_table
from foundational.data.store import open_store, write_dataset
from foundational.data.streaming.sorted_rows import SortedRows
from foundational.errors import InputError
from foundational.execution.tasks import Execution, Tasks
from foundational.inspection.check import check
from tests.checks.test_run import METAL

PART, COUNT = 7, 30


def whole(path: Path) -> None:
    assert path.is_dir()


def damaged(path: Path) -> None:
    """The last chunk of the forces."""
    chunk = path / "forces" / "c" / "0" / "0"
    content = bytearray(chunk.read_bytes())
    content[len(content) // 2] ^= 1
    chunk.write_bytes(content)


def stored(path: Path, **changes: tuple[list[int], float]) -> Path:
    """A set in which the first number of some rows is changed, by variable."""
    dataset = to_dataset(from_atoms(METAL[:COUNT]), attrs={"element": "Ni", "elements": ["Ni"]})
    for name, (rows, value) in changes.items():
        values = dataset[name].to_numpy().copy()
        values.reshape(len(values), -1)[rows, 0] += value
        dataset[name] = dataset[name].copy(data=values)
    write_dataset(dataset, path)
    return path


def findings(path: Path, spread: Spread | None) -> tuple[list[Finding], str]:
    with SortedRows() as hashes:
        found = check_all(open_table(path), CheckLimits(), hashes=hashes, spread=spread)
        return found, hashes.hexdigest()


@pytest.mark.parametrize(
    ("make", "change"),
    [
        (stored, whole),
        (partial(stored, forces=([3, 500, 901], 5.0), energy=([8, 29], 400.0)), whole),
        (partial(stored, positions=([700], np.nan)), whole),
        (stored, damaged),
    ],
    ids=["intact", "defects", "not finite", "damaged"],
)
def test_parts_together_say_what_one_pass_says(
    make: Callable[[Path], Path], change: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make(tmp_path / "data.zarr")
    change(path)
    monkeypatch.setattr(parts, "_PART", PART)
    tasks = Tasks(None, tmp_path / "kept")
    expected = findings(path, None)
    assert findings(path, Spread(path, tasks.kept_results, "code")) == expected
    kept = sorted((tmp_path / "kept").rglob("*.npz"))
    assert len(kept) == -(-COUNT // PART)
    kept[2].unlink()
    monkeypatch.setattr(parts, "_checked", counting := Counting(parts._checked))
    assert findings(path, Spread(path, tasks.kept_results, "code")) == expected
    assert counting.rows == [slice(2 * PART, 3 * PART)]  # a kill costs one part


class Counting:
    """Counts the rows of the parts that are computed."""

    def __init__(self, function: Callable[..., parts.Arrays]) -> None:
        self.function, self.rows = function, list[slice]()

    def __call__(self, store: Path, rows: slice, *others: object) -> parts.Arrays:
        self.rows.append(rows)
        return self.function(store, rows, *others)


def test_a_file_is_not_checked_in_parts(tmp_path: Path) -> None:
    file = tmp_path / "some.xyz"
    file.write_text("1\n\nNi 0 0 0\n")
    with pytest.raises(InputError, match="--executor"):
        check(str(file), execution=Execution("local", 2))


def test_outside_of_a_project_parts_are_kept_in_a_temporary_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = stored(tmp_path / "data.zarr")
    monkeypatch.chdir(tmp_path)
    found = check(str(path), execution=Execution())
    assert found == check(str(path))
    assert list(tmp_path.iterdir()) == [path]
    assert fingerprint(open_store(path)) == findings(path, None)[1]
