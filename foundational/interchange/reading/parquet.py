"""Parquet of ColabFit and of others on Hugging Face: one configuration a row."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
from ase.data import atomic_numbers as numbers_of
from numpy.typing import NDArray

from foundational.errors import InputError
from foundational.interchange.frame import Frame, FrameError, FrameReader

#: Columns of the structure, in the order in which they are believed.
_COLUMNS: Final = {
    "positions": ("positions", "pos", "coordinates"),
    "numbers": ("atomic_numbers", "numbers", "species", "elements"),
    "cell": ("cell", "lattice", "lattice_vectors"),
    "pbc": ("pbc",),
}
_METHOD: Final = ("method", "software")
#: Lists of texts that belong to the configuration in ColabFit.
_OF_CONFIGURATION: Final = frozenset({"elements", "names", "labels"})
#: False where ColabFit's stress is one times the volume.
_NORMALIZED: Final = "cauchy_stress_volume_normalized"
#: Rows that are in memory at a time.
_ROWS: Final = 512


@dataclass(frozen=True)
class Parquet(FrameReader):
    """The reader of one file, a few hundred rows at a time."""

    species: Mapping[str, str] = field(default_factory=dict)
    name: ClassVar[str] = "parquet"
    description: ClassVar[str] = "Parquet of ColabFit and Hugging Face"

    def accepts(self, path: Path) -> bool:
        """By the first bytes."""
        if not path.is_file():
            return False
        with path.open("rb") as stream:
            return stream.read(4) == b"PAR1"

    def estimate(self, path: Path) -> int:
        """The number of rows."""
        import pyarrow.parquet as pq  # noqa: PLC0415 - an extra

        return int(pq.read_metadata(path).num_rows)

    def read(self, path: Path) -> Iterator[Frame | FrameError]:
        """Rows in the order of the file.

        Raises
        ------
        InputError
            If it has no columns of positions and elements.
        """
        import pyarrow as pa  # noqa: PLC0415 - an extra
        import pyarrow.parquet as pq  # noqa: PLC0415 - an extra

        try:
            file = pq.ParquetFile(path)
        except pa.ArrowException as error:
            raise InputError(f"{path.name}: expected Parquet ({error})") from None
        names = file.schema_arrow.names
        columns = {part: next((c for c in known if c in names), None) for part, known in _COLUMNS.items()}
        for part in ("positions", "numbers"):
            if columns[part] is None:
                raise InputError(
                    f"{path.name}: expected a column of {part} ({', '.join(_COLUMNS[part])}), found {', '.join(names)}"
                )
        index = 0
        for batch in file.iter_batches(batch_size=_ROWS):
            for row in batch.to_pylist():
                source = f"{path.name}, frame {index}"
                index += 1
                try:
                    yield _frame(source, row, columns, self.species)
                except FrameError as error:
                    yield error
                except (TypeError, ValueError, KeyError) as error:
                    yield FrameError(source, f"{type(error).__name__}: {error}")


def _number_of(source: str, element: Any, species: Mapping[str, str]) -> int:
    """The atomic number of a number or a symbol."""
    if not isinstance(element, str):
        return int(element)
    if (number := numbers_of.get(species.get(element, element))) is None:
        raise FrameError(source, f"{element!r} is no element; say which it is with --species {element}=Ni")
    return int(number)


def _frame(source: str, row: Mapping[str, Any], columns: Mapping[str, str | None], species: Mapping[str, str]) -> Frame:
    taken = {part: _value(row[column]) for part, column in columns.items() if column is not None}
    for part in ("numbers", "positions"):
        if taken[part] is None:
            raise FrameError(source, f"{columns[part]} is null")
    numbers = np.array([_number_of(source, z, species) for z in taken["numbers"]], dtype=np.uint8)
    cell = taken.get("cell")
    periodic = taken.get("pbc")
    info: dict[str, Any] = {}
    arrays: dict[str, Any] = {}
    for name, given in row.items():
        value = _value(given)
        if name in columns.values() or name in _METHOD or name == _NORMALIZED or value is None:
            continue
        array = _numbers(value)
        if name == "cauchy_stress" and array is not None and row.get(_NORMALIZED) is False:
            array = array / abs(float(np.linalg.det(np.array(cell, dtype=np.float64).reshape(3, 3))))
        if array is not None and _of_atoms(name, array, len(numbers)):
            arrays[name] = array
        elif name not in _OF_CONFIGURATION and _texts(value, len(numbers)):
            arrays[name] = np.array(value)
        else:
            info[name] = value if array is None or not array.ndim else array
    return Frame(
        source,
        numbers,
        np.array(taken["positions"], dtype=np.float64).reshape(-1, 3),
        np.zeros((3, 3)) if cell is None else np.array(cell, dtype=np.float64).reshape(3, 3),
        np.full(3, cell is not None) if periodic is None else np.broadcast_to(np.array(periodic, dtype=bool), 3).copy(),
        info,
        arrays,
        {},
        _method(row),
    )


def _of_atoms(name: str, array: NDArray[Any], n_atoms: int) -> bool:
    """Whether it has a row for each atom; a stress of as many numbers has not."""
    if not array.ndim or len(array) != n_atoms:
        return False
    return "force" in name or array.shape not in {(3, 3), (6,), (9,)}


def _texts(value: Any, n_atoms: int) -> bool:
    """Whether it is a text for each atom."""
    return isinstance(value, list) and len(value) == n_atoms and all(isinstance(part, str) for part in value)


def _value(given: Any) -> Any:
    """A value; ColabFit writes lists as JSON in text."""
    if isinstance(given, str) and given[:1] in {"[", "{"}:
        try:
            return json.loads(given)
        except json.JSONDecodeError:
            return given
    return given


def _numbers(value: Any) -> Any:
    """An array of numbers; None for anything else."""
    try:
        array = np.array(value)
    except ValueError:
        return None
    return array if array.dtype.kind in "iufb" else None


def _method(row: Mapping[str, Any]) -> dict[str, Any]:
    """ColabFit's columns ``software`` and ``method``."""
    found: dict[str, Any] = {}
    if row.get("software"):
        found["code"] = str(row["software"])
    if row.get("method"):
        found["stated"] = {"method": str(row["method"])}
    return found
