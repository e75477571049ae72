"""Extended XYZ of any origin, also compressed: frame by frame, nothing interpreted but the structure.

The grammar is that of https://github.com/libAtoms/extxyz and what files in the wild do beside it.
"""

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from math import isfinite
from pathlib import Path
from typing import IO, Any, ClassVar, Final

import numpy as np
from ase.data import atomic_numbers as numbers_of
from numpy.typing import NDArray

from foundational.errors import InputError
from foundational.interchange.frame import Frame, FrameError, FrameReader
from foundational.interchange.reading.comment_line import columns_of, entries_of, periodicity
from foundational.interchange.reading.text import interpreted, numbers

_OPENERS: Final[Mapping[str, Callable[..., IO[str]]]] = {".gz": gzip.open, ".xz": lzma.open, ".bz2": bz2.open}
#: Letters of a line, and of the same line again and again.
_LINE: Final = 10_000_000
_REPEATED: Final = 50_000_000
#: Endings of names.
SUFFIXES: Final = frozenset({".xyz", ".extxyz", ".exyz"})
#: Keys of the structure, by their names in lower case: NEP takes them in any case.
_STRUCTURE: Final = {"lattice": "Lattice", "properties": "Properties", "pbc": "pbc"}
_SPELLED: Final = frozenset(_STRUCTURE.values())


@dataclass(frozen=True)
class ExtendedXyz(FrameReader):
    """The reader of extended XYZ."""

    name: ClassVar[str] = "extxyz"
    description: ClassVar[str] = "extended XYZ, also compressed (.gz, .xz, .bz2)"

    species: Mapping[str, str] | None = None
    """Names of species in the file and the elements that they stand for, such as ``{"1": "Ni"}``."""

    def accepts(self, path: Path) -> bool:
        """By the suffix, in any case; and a text whose first line is a number of atoms."""
        suffixes = [suffix.lower() for suffix in path.suffixes]
        if suffixes and suffixes[-1] in _OPENERS:
            suffixes.pop()
        if suffixes and suffixes[-1] in SUFFIXES:
            return True
        try:
            with _open(path) as stream:
                first, second = stream.readline(200), stream.readline(_LINE)
        except (OSError, UnicodeDecodeError, EOFError, lzma.LZMAError, zlib.error):
            return False
        return _count(first.strip()) is not None and ("=" in second)

    def estimate(self, path: Path) -> int:
        """From the size of the file and of its first frame; compressed ones are not opened for it."""
        if path.suffix.lower() in _OPENERS:
            return 0
        with path.open("rb") as stream:
            count = _count(stream.readline(100).decode("ascii", "replace").strip())
            for _ in range(0 if count is None else count + 1):
                if not stream.readline():
                    break
            return 0 if count is None else path.stat().st_size // max(stream.tell(), 1)

    def read(self, path: Path) -> Iterator[Frame | FrameError]:
        """Frames in order; memory does not grow with the file.

        Raises
        ------
        FrameError
            For the first place from which the file cannot be read.
        InputError
            If the file is no text.
        """
        try:
            with _open(path) as stream:
                packed = path.suffix.lower() in _OPENERS
                yield from self._frames(_lines(stream, path.name) if packed else stream, path.name)
        except UnicodeDecodeError as error:
            raise InputError(f"{path.name}: expected UTF-8 text, got other bytes ({error})") from None
        except (EOFError, lzma.LZMAError, gzip.BadGzipFile, zlib.error) as error:
            raise InputError(f"{path.name}: the compressed file is cut short or damaged ({error})") from None

    def _frames(self, lines: Iterator[str], name: str) -> Iterator[Frame | FrameError]:
        index = 0
        for line in lines:
            if not line.strip():
                continue
            source = f"{name}, frame {index}"
            head = line.strip().lstrip("\ufeff")
            n_atoms = _count(head)
            if n_atoms is None:
                if index == 0:
                    raise InputError(
                        f"{name}: expected extended XYZ, which begins with a number of atoms, got {head[:40]!r}"
                    )
                raise FrameError(
                    source, f"expected a number of atoms, got {head[:60]!r}; has the frame before it a row too many?"
                )
            comment = next(lines, "").rstrip("\r\n")
            if n_atoms == 0:
                yield FrameError(source, "a frame of no atoms")
                index += 1
                continue
            rows = list(islice(lines, n_atoms))
            if len(rows) < n_atoms or not rows[-1].strip():
                rows = [row for row in rows if row.strip()]
            if len(rows) < n_atoms:
                raise FrameError(source, f"expected {n_atoms} rows of atoms, got {len(rows)}; the file is cut short")
            try:
                yield self._frame(source, comment, rows)
            except FrameError as error:
                yield error
            index += 1
        if index == 0:
            raise InputError(f"{name}: expected at least one frame, found none")

    def _frame(self, source: str, comment: str, rows: list[str]) -> Frame:
        entries = entries_of(source, comment)
        for key in [key for key in entries if key not in _SPELLED and _STRUCTURE.get(key.lower(), key) not in entries]:
            entries[_STRUCTURE[key.lower()]] = entries.pop(key)
        columns = columns_of(str(entries.get("Properties", "species:S:1:pos:R:3")))
        if isinstance(columns, str):
            raise FrameError(source, columns)
        if odd := [f"{name}:{kind}" for name, kind, _ in columns if name in {"pos", "Z"} and kind not in {"R", "I"}]:
            raise FrameError(source, f"expected numbers in the columns pos:R:3 and Z:I:1, got {odd[0]}")
        values = _fast_values(columns, rows) or _slow_values(source, columns, rows)
        if "pos" not in values:
            raise FrameError(source, "expected a column pos in Properties")
        cell, pbc = _cell(source, entries)
        return Frame(
            source,
            self._numbers(source, values),
            values.pop("pos"),
            cell,
            pbc,
            {
                key: value if isinstance(value, bool) else interpreted(value)
                for key, value in entries.items()
                if key not in _SPELLED
            },
            values,
        )

    def _numbers(self, source: str, values: dict[str, Any]) -> NDArray[np.uint8]:
        species = values.pop("species", None)
        if species is None:
            if "Z" not in values:
                raise FrameError(source, "expected a column species or Z in Properties")
            found = np.asarray(values.pop("Z"), dtype=np.int64)
            if ((found < 1) | (found > 118)).any():
                raise FrameError(source, f"expected atomic numbers from 1 to 118, got {found.min()}…{found.max()}")
            return found.astype(np.uint8)
        values.pop("Z", None)
        try:
            return _elements(tuple(species), tuple((self.species or {}).items()))
        except KeyError as error:
            raise FrameError(
                source, f"{error.args[0]!r} is no element; say which it is with --species {error.args[0]}=Ni"
            ) from None


def _count(text: str) -> int | None:
    """A number of atoms, or None: text in digits that a file can have rows for."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _lines(stream: IO[str], name: str) -> Iterator[str]:
    """Lines of a compressed file, of which a few bytes can stand for text that fills the memory."""
    letters, last = 0, ""
    for line in iter(lambda: stream.readline(_LINE), ""):
        letters = letters + len(line) if line == last else 0
        last = line
        if len(line) >= _LINE or letters > _REPEATED:
            raise InputError(f"{name}: expected configurations, got {_REPEATED:,} letters of the same line")
        yield line


def _open(path: Path) -> IO[str]:
    opener = _OPENERS.get(path.suffix.lower())
    return path.open(encoding="utf-8") if opener is None else opener(path, "rt", encoding="utf-8")


@lru_cache(maxsize=256)
def _elements(species: tuple[str, ...], renamed: tuple[tuple[str, str], ...]) -> NDArray[np.uint8]:
    return np.array([_element(name, renamed) for name in species], dtype=np.uint8)


@lru_cache(maxsize=1024)
def _element(name: str, renamed: tuple[tuple[str, str], ...]) -> int:
    symbol = dict(renamed).get(name, name)
    found = numbers_of.get(symbol[:1].upper() + symbol[1:].lower(), 0)
    if not found:
        raise KeyError(name)
    return int(found)


def _fast_values(columns: tuple[tuple[str, str, int], ...], rows: list[str]) -> dict[str, Any] | None:
    """Values of a frame whose first column is the species and whose others are real numbers; None for any other."""
    name, kind, width = columns[0]
    if (name, kind, width) != ("species", "S", 1) or any(column[1] != "R" for column in columns[1:]):
        return None
    try:
        species, texts = zip(*[row.split(None, 1) for row in rows], strict=True)
        # An infinity ends each row, so that rows of a wrong length are seen.
        flat = np.fromstring(f"{' inf '.join(texts)} inf", dtype=np.float64, sep=" ")
    except (ValueError, DeprecationWarning):
        return None
    total = sum(column[2] for column in columns[1:])
    if flat.size != len(rows) * (total + 1):
        return None
    table = flat.reshape(len(rows), total + 1)
    # Equal infinities in the last column; a finite sum says that there are no others.
    if np.minimum.reduce(table[:, -1]) != np.inf or not _has_no_infinity(table[:, :-1]):
        return None
    values: dict[str, Any] = {"species": species}
    start = 0
    for name, _, width in columns[1:]:
        part = table[:, start : start + width]
        values[name] = np.ascontiguousarray(part[:, 0] if width == 1 else part)
        start += width
    return values


def _has_no_infinity(table: NDArray[np.float64]) -> bool:
    """Whether all numbers are finite or NaN."""
    return isfinite(np.add.reduce(table, axis=None)) or not np.isinf(table).any()


def _slow_values(source: str, columns: tuple[tuple[str, str, int], ...], rows: list[str]) -> dict[str, Any]:
    """Values of any frame; a row of another length and a value that is no number are named."""
    total = sum(column[2] for column in columns)
    table = [row.split() for row in rows]
    for i, row in enumerate(table):
        if len(row) != total:
            raise FrameError(source, f"expected {total} values in the row of atom {i}, got {len(row)}")
    values: dict[str, Any] = {}
    start = 0
    for name, kind, width in columns:
        part = [row[start : start + width] for row in table]
        start += width
        try:
            values[name] = _column(kind, width, part)
        except ValueError as error:
            raise FrameError(source, f"column {name}: {error}") from None
    return values


def _column(kind: str, width: int, part: list[list[str]]) -> Any:
    if kind == "S":
        return [row[0] if width == 1 else " ".join(row) for row in part]
    if kind == "L":
        truth = np.array([[text[:1].upper() == "T" for text in row] for row in part])
        return truth[:, 0] if width == 1 else truth
    array = numbers(part)
    if kind == "I":
        whole = array.astype(np.int64)
        if not np.array_equal(whole, array):
            raise ValueError("expected whole numbers")
        return whole[:, 0] if width == 1 else whole
    return array[:, 0] if width == 1 else array


def _cell(source: str, entries: Mapping[str, Any]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Lattice vectors in rows, zero where there are none, and along which of them the cell is periodic."""
    given = entries.get("Lattice")
    try:
        cell = np.zeros((3, 3)) if given is None else numbers(given)
        if cell.size not in {3, 9}:
            raise ValueError(f"expected 9 numbers, got {cell.size}")
    except ValueError as error:
        raise FrameError(source, f"Lattice: {error}") from None
    cell = np.diag(cell) if cell.size == 3 else cell.reshape(3, 3)
    along = ["F" if given is None or not any(vector) else "T" for vector in cell.tolist()]
    pbc = periodicity(str(entries.get("pbc", " ".join(along))))
    if pbc is None:
        raise FrameError(source, f"expected three of T and F for pbc, got {entries['pbc']!r}")
    if any(along and not any(vector) for along, vector in zip(pbc.tolist(), cell.tolist(), strict=True)):
        raise FrameError(source, "it is periodic, but its Lattice is missing")
    return cell, pbc
