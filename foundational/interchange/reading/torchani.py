"""Data sets of TorchANI: HDF5 with a group for each formula or number of atoms, in Hartree and Å."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
from ase.data import atomic_numbers
from numpy.typing import NDArray

from foundational.errors import InputError
from foundational.interchange.frame import Frame, FrameError, FrameReader
from foundational.interchange.reading.isolated import opened_hdf5

_STRUCTURE: Final = frozenset({"species", "numbers", "atomic_numbers", "coordinates", "cell", "pbc"})
#: Names of datasets and those under which labels are looked for.
_RENAMED: Final = {"energies": "energy", "_id": "id"}


@dataclass(frozen=True)
class TorchAni(FrameReader):
    """The reader of one file."""

    species: Mapping[str, str] = field(default_factory=dict)
    name: ClassVar[str] = "torchani"
    description: ClassVar[str] = "data sets of TorchANI (.h5, Hartree)"
    defaults: ClassVar[Mapping[str, str]] = {"energy_unit": "Hartree", "stress_unit": "Hartree/A3"}

    def accepts(self, path: Path) -> bool:
        """An HDF5 file that has coordinates in a group."""
        if not path.is_file():
            return False
        with path.open("rb") as stream:
            if stream.read(8) != b"\x89HDF\r\n\x1a\n":
                return False
        import h5py  # noqa: PLC0415 - an extra

        with h5py.File(path) as file:
            return bool(_groups(file))

    def read(self, path: Path) -> Iterator[Frame | FrameError]:
        """Groups in the order of their names, then conformers in the order of the file.

        Raises
        ------
        InputError
            If a group has no species, or a name is no element.
        """
        with opened_hdf5(path) as file:
            for group in _groups(file):
                yield from self._group(f"{path.name}{group.name}", {name: group[name][()] for name in group})

    def _group(self, name: str, values: Mapping[str, Any]) -> Iterator[Frame]:
        coordinates = np.asarray(values["coordinates"], dtype=np.float64)
        count, n = coordinates.shape[:2]
        key = next((key for key in ("species", "numbers", "atomic_numbers") if key in values), None)
        if key is None:
            raise InputError(f"{name}: expected a dataset species, found {', '.join(sorted(values))}")
        numbers = self._numbers(name, np.asarray(values[key]))
        numbers = np.broadcast_to(numbers, (count, n))
        cells = np.broadcast_to(np.asarray(values.get("cell", np.zeros((3, 3))), dtype=np.float64), (count, 3, 3))
        periodic = np.broadcast_to(np.asarray(values.get("pbc", "cell" in values), dtype=bool), (count, 3))
        others = {
            _RENAMED.get(k, k): np.asarray(v)
            for k, v in values.items()
            if k not in _STRUCTURE and np.ndim(v) and len(v) == count
        }
        for i in range(count):
            there = numbers[i] > 0  # files may be filled up with −1
            info = {k: _plain(v[i]) for k, v in others.items() if not _of_atoms(v, n)}
            arrays = {k: np.asarray(v[i])[there] for k, v in others.items() if _of_atoms(v, n)}
            yield Frame(
                f"{name}, frame {i}",
                numbers[i][there].astype(np.uint8),
                coordinates[i][there],
                np.array(cells[i]),
                np.array(periodic[i]),
                info,
                arrays,
            )

    def _numbers(self, name: str, species: NDArray[Any]) -> NDArray[np.int64]:
        """Atomic numbers from numbers or symbols, as --species says."""
        renamed = {key: atomic_numbers[value] for key, value in self.species.items()}
        if species.dtype.kind in "iu":
            found = species.astype(np.int64)
            for key, value in renamed.items():
                found = np.where(species == (int(key) if key.isdigit() else atomic_numbers.get(key, -9)), value, found)
            return found
        words = [word.decode() if isinstance(word, bytes) else str(word) for word in species.reshape(-1).tolist()]
        if unknown := sorted({word for word in words if word not in renamed and word not in atomic_numbers}):
            raise InputError(f"{name}: {unknown[0]!r} is no element; say which it is with --species {unknown[0]}=Ni")
        return np.array([renamed.get(word) or atomic_numbers[word] for word in words]).reshape(species.shape)


def _groups(file: Any) -> list[Any]:
    """Groups with coordinates, in the order of their names."""
    found = [file] if "coordinates" in file else []

    def visit(name: str, item: Any) -> None:
        del name
        if hasattr(item, "keys") and "coordinates" in item:
            found.append(item)

    file.visititems(visit)
    return found


def _of_atoms(values: NDArray[Any], n_atoms: int) -> bool:
    """Whether ``values`` (conformers, …) has a row for each atom; a stress of three atoms has not."""
    return (values.ndim > 1 and values.shape[1] == n_atoms and values.shape[1:] not in {(3, 3), (6,), (9,)}) or (
        values.shape[1:] == (n_atoms, 3) and n_atoms != 3
    )


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return value.item() if isinstance(value, np.generic) else value
