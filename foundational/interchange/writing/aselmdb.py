"""ASE's LMDB database, which fairchem and MACE open: the rows of ase-db-backends 0.11, written in one transaction.

A row is zlib(JSON) under its number as text; ``nextid`` and ``metadata`` stand beside the rows. ase-db-backends
searches a list of all ids at each row, so its time grows as the square of the number of rows.
"""

import json
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np
from ase.stress import full_3x3_to_voigt_6_stress

from foundational.interchange.writing.own_fields import as_one
from foundational.interchange.writing.parts import AnyPart, Part

#: Bytes that a file may grow to; a sparse file takes what is in it.
_MAP: Final = 1 << 41
#: Rows that a thread compresses at a time; zlib works beside Python.
_CHUNK: Final = 256
#: A third faster than zlib's default, at two hundredths more of space.
_LEVEL: Final = 1


def write_aselmdb(part: AnyPart, folder: Path) -> None:
    """Write ``folder/data.0000.aselmdb`` and ``folder/metadata.npz`` with the number of atoms of each row."""
    import lmdb  # noqa: PLC0415 - an extra

    folder.mkdir()
    path = folder / "data.0000.aselmdb"
    with (
        lmdb.open(str(path), map_size=_MAP, subdir=False, lock=False, meminit=False, sync=False) as environment,
        ThreadPoolExecutor(2) as pool,
    ):
        with environment.begin(write=True) as transaction:
            number = 0
            for rows in _ahead(pool, _chunks(row for block in part.blocks() for row in _rows(block))):
                for row in rows:
                    number += 1
                    transaction.put(str(number).encode(), row)
            transaction.put(b"nextid", _compressed(str(number + 1).encode()))
            transaction.put(b"metadata", _compressed(json.dumps({"written_by": "foundational"}).encode()))
        environment.sync(True)
    np.savez(folder / "metadata.npz", natoms=part.n_atoms.astype(np.int64))


def _rows(part: Part) -> Iterator[bytes]:
    """The JSON of each row, with the names and values of `ase.io.jsonio.encode`."""
    import orjson  # noqa: PLC0415 - an extra

    c, labels, known = part.configurations, part.labels, part.known()
    numbers = c.atomic_numbers.astype(np.int64)
    positions, forces = (np.ascontiguousarray(array, np.float64).reshape(-1) for array in (c.positions, labels.forces))
    cells, voigt = c.cell.reshape(-1, 9), np.ascontiguousarray(full_3x3_to_voigt_6_stress(labels.stress))
    ends = c.offsets.tolist()
    for i, n in enumerate(c.n_atoms.tolist()):
        start, stop = ends[i], ends[i + 1]
        data = {"sid": part.ids[i], "config_type": part.config_types[i], "method": part.methods[i]}
        row: dict[str, Any] = {
            "numbers": {"__ndarray__": ([n], "int64", numbers[start:stop])},
            "positions": {"__ndarray__": ([n, 3], "float64", positions[3 * start : 3 * stop])},
            "unique_id": part.ids[i],
            "pbc": {"__ndarray__": ([3], "bool", c.pbc[i])},
            "cell": {"__ndarray__": ([3, 3], "float64", cells[i])},
            "calculator": "unknown",
            "calculator_parameters": {},
        }
        if known["energy"][i]:
            row["energy"] = labels.energy[i].item()
        if known["forces"][i]:
            row["forces"] = {"__ndarray__": ([n, 3], "float64", forces[3 * start : 3 * stop])}
        if known["stress"][i]:
            row["stress"] = {"__ndarray__": ([6], "float64", voigt[i])}
        row |= {"ctime": 0.0, "user": None, "mtime": 0.0}
        row["data"] = {key: value for key, value in data.items() if value is not None} | as_one(
            part.fields_of(i), part.atom_fields_of(i)
        )
        yield orjson.dumps(row, option=orjson.OPT_SERIALIZE_NUMPY)


def _compressed(row: bytes) -> bytes:
    return zlib.compress(row, _LEVEL)


def _chunks(rows: Iterator[bytes]) -> Iterator[list[bytes]]:
    while chunk := list(islice(rows, _CHUNK)):
        yield chunk


def _ahead(pool: ThreadPoolExecutor, chunks: Iterator[list[bytes]]) -> Iterator[list[bytes]]:
    """Compressed chunks in order; a few are compressed while the next are formatted."""
    waiting = []
    for chunk in chunks:
        waiting.append(pool.submit(lambda rows: [_compressed(row) for row in rows], chunk))
        if len(waiting) > 4:
            yield waiting.pop(0).result()
    for future in waiting:
        yield future.result()
