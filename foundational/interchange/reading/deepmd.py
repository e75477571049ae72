"""Data of DeePMD-kit: folders of npy files, HDF5 of the same names, and LMDB.

Energies in eV, forces in eV/Å, virials −σV in eV; periodic unless a file ``nopbc`` lies there
(https://docs.deepmodeling.com/projects/deepmd/en/stable/data/system.html).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
from ase.data import atomic_numbers
from numpy.typing import NDArray

from foundational.errors import InputError
from foundational.interchange.frame import Frame, FrameError, FrameReader
from foundational.interchange.reading.databases import require_whole
from foundational.interchange.reading.isolated import opened_hdf5

_TYPES: Final = "type.raw"
#: Labels by their files: the key of a frame, and whether it has a row for each atom.
_LABELS: Final = {"energy": "energy", "force": "forces", "atom_ener": "atomic_energies"}


@dataclass(frozen=True)
class Deepmd(FrameReader):
    """The reader of folders and of HDF5 files, with one system or many."""

    species: Mapping[str, str] = field(default_factory=dict)
    name: ClassVar[str] = "deepmd"
    description: ClassVar[str] = "DeePMD-kit: a folder of npy files, also of mixed types, or HDF5"

    def accepts(self, path: Path) -> bool:
        """A folder in which a type.raw lies, at any depth; an HDF5 file with one."""
        if path.is_dir():
            return next(path.rglob(_TYPES), None) is not None
        if not _is_hdf5(path):
            return False
        import h5py  # noqa: PLC0415 - an extra

        with h5py.File(path) as file:
            return bool(_groups(file))

    def read(self, path: Path) -> Iterator[Frame | FrameError]:
        """Systems in the order of their names, then by set and frame.

        Raises
        ------
        InputError
            If a file lacks that every system has, or has a wrong number of rows.
        """
        if path.is_dir():
            for folder in sorted(file.parent for file in path.rglob(_TYPES)):
                name = path.name if folder == path else f"{path.name}/{folder.relative_to(path).as_posix()}"
                yield from self._system(name, _Folder(folder))
            return
        with opened_hdf5(path) as file:
            for group in _groups(file):
                yield from self._system(f"{path.name}{group.name}".rstrip("/"), _Group(group))

    def _system(self, name: str, system: "_System") -> Iterator[Frame]:
        types = np.asarray(system.numbers(_TYPES), dtype=np.int64).reshape(-1)
        elements = _elements(name, system.words("type_map.raw"), types, self.species)
        periodic = not system.has("nopbc")
        index = 0
        for part in system.sets():
            coordinates = system.array(f"{part}/coord.npy")
            if coordinates is None:
                raise InputError(f"{name}: expected {part}/coord.npy")
            count = len(coordinates)
            real = system.array(f"{part}/real_atom_types.npy")
            arrays = {key: system.array(f"{part}/{key}.npy") for key in ("box", "virial", *_LABELS)}
            for key, array in arrays.items():
                if array is not None and len(array) != count:
                    raise InputError(f"{name}: {part}/{key}.npy has {len(array)} rows, coord.npy {count}")
            for i in range(count):
                kinds = types if real is None else np.asarray(real[i], dtype=np.int64).reshape(-1)
                frame = {key: array[i] for key, array in arrays.items() if array is not None}
                yield _frame(f"{name}, frame {index}", coordinates[i], elements, kinds, frame, periodic)
                index += 1


@dataclass(frozen=True)
class DeepmdLmdb(FrameReader):
    """The reader of DeePMD-kit's LMDB: MessagePack under the number of each frame, and ``__metadata__``."""

    species: Mapping[str, str] = field(default_factory=dict)
    name: ClassVar[str] = "deepmd-lmdb"
    description: ClassVar[str] = "DeePMD-kit's LMDB"

    def accepts(self, path: Path) -> bool:
        """A folder with data.mdb whose name does not say that it is another program's."""
        return path.is_dir() and (path / "data.mdb").is_file()

    def read(self, path: Path) -> Iterator[Frame | FrameError]:
        """Frames in the order of their numbers.

        Raises
        ------
        InputError
            If it is no such database.
        """
        import lmdb  # noqa: PLC0415 - an extra
        import msgpack  # noqa: PLC0415 - an extra

        require_whole(path, path.name, subdir=True)
        with lmdb.open(str(path), readonly=True, lock=False) as environment, environment.begin() as transaction:
            raw = transaction.get(b"__metadata__")
            if raw is None:
                raise InputError(f"{path.name}: expected the key __metadata__ of a DeePMD LMDB, found none")
            metadata = msgpack.unpackb(raw, raw=False)
            names = list(metadata.get("type_map") or [])
            index = 0
            for key, value in transaction.cursor():
                if not bytes(key).isdigit():
                    continue
                frame = {k: _decoded(v) for k, v in msgpack.unpackb(value, raw=False).items()}
                source = f"{path.name}, frame {index}"
                kinds = np.asarray(frame["atom_types"], dtype=np.int64).reshape(-1)
                elements = _elements(source, names, kinds, self.species)
                wanted = {"box": "cells", "energy": "energies", "force": "forces", "virial": "virials"}
                values = {k: frame[v] for k, v in wanted.items() if v in frame}
                yield _frame(source, frame["coords"], elements, kinds, values, not frame.get("nopbc", False))
                index += 1


def _decoded(value: Any) -> Any:
    """An array from its type, shape and bytes; anything else as it is."""
    if not isinstance(value, dict) or "data" not in value:
        return value
    array = np.frombuffer(value["data"], dtype=np.dtype(value["type"]))
    return array.reshape(value["shape"]) if "shape" in value else array


def _elements(name: str, words: Sequence[str], types: NDArray[np.int64], species: Mapping[str, str]) -> list[int]:
    """The atomic number of each type."""
    names = list(words) or [str(number) for number in range(int(types.max(initial=0)) + 1)]
    symbols = [species.get(word, word) for word in names]
    used = set(np.unique(types[types >= 0]).tolist())
    for number in sorted(used):
        if number >= len(symbols) or symbols[number] not in atomic_numbers:
            word = names[number] if number < len(names) else str(number)
            raise InputError(f"{name}: {word!r} is no element; say which it is with --species {word}=Ni")
    return [atomic_numbers.get(symbol, 0) for symbol in symbols]


def _frame(
    source: str,
    coordinates: NDArray[Any],
    elements: Sequence[int],
    types: NDArray[np.int64],
    values: Mapping[str, NDArray[Any]],
    periodic: bool,
) -> Frame:
    there = types >= 0  # mixed types are filled up with −1
    n = len(types)
    cell = np.zeros((3, 3))
    if periodic and "box" in values:
        cell = np.asarray(values["box"], dtype=np.float64).reshape(3, 3)
    results: dict[str, Any] = {}
    if "energy" in values:
        results["energy"] = float(np.asarray(values["energy"]).reshape(-1)[0])
    if "force" in values:
        results["forces"] = np.asarray(values["force"], dtype=np.float64).reshape(n, 3)[there]
    if "atom_ener" in values:
        results["atomic_energies"] = np.asarray(values["atom_ener"], dtype=np.float64).reshape(n)[there]
    volume = abs(float(np.linalg.det(cell)))
    if "virial" in values and volume > 0:
        results["stress"] = -np.asarray(values["virial"], dtype=np.float64).reshape(3, 3) / volume
    return Frame(
        source,
        np.array(elements, dtype=np.uint8)[types[there]],
        np.asarray(coordinates, dtype=np.float64).reshape(n, 3)[there],
        cell,
        np.full(3, periodic),
        results=results,
    )


def _is_hdf5(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        return stream.read(8) == b"\x89HDF\r\n\x1a\n"


def _groups(file: Any) -> list[Any]:
    """All groups of an HDF5 file that hold a system, in the order of their names."""
    found = [file] if _TYPES in file else []

    def visit(name: str, item: Any) -> None:
        del name
        if hasattr(item, "keys") and _TYPES in item:
            found.append(item)

    file.visititems(visit)
    return found


class _System:
    """A system of DeePMD-kit: named arrays, in a folder or in a group of an HDF5 file."""

    has: Callable[[str], bool]
    numbers: Callable[[str], NDArray[Any]]
    words: Callable[[str], list[str]]
    array: Callable[[str], NDArray[Any] | None]
    sets: Callable[[], list[str]]


class _Folder(_System):
    def __init__(self, folder: Path) -> None:
        self.has = lambda name: (folder / name).exists()
        self.numbers = lambda name: np.loadtxt(folder / name, ndmin=1)
        self.words = lambda name: (folder / name).read_text().split() if (folder / name).is_file() else []
        self.array = lambda name: _loaded(folder / name) if (folder / name).is_file() else None
        self.sets = lambda: sorted(path.name for path in folder.glob("set.*"))


def _loaded(path: Path) -> NDArray[Any]:
    """The numbers of a npy file, read when they are asked for.

    Raises
    ------
    InputError
        If it is cut short, or no npy file.
    """
    try:
        array: NDArray[Any] = np.load(path, mmap_mode="r")
    except (ValueError, EOFError, OSError) as error:
        name = "/".join(path.parts[-3:])
        raise InputError(f"{name}: expected a whole file of numpy ({error}); is it cut short?") from None
    return array


class _Group(_System):
    def __init__(self, group: Any) -> None:
        self.has = lambda name: name in group
        self.numbers = lambda name: group[name][()]
        self.words = lambda name: [_text(word) for word in np.ravel(group[name][()])] if name in group else []
        self.array = lambda name: group[name][()] if name in group else None
        self.sets = lambda: sorted(name for name in group if name.startswith("set."))


def _text(word: Any) -> str:
    return word.decode() if isinstance(word, bytes) else str(word)
