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
from numpy.typing import NDArray

from foundational.interchange.writing.plan import Part

#: Bytes that a file may grow to; a sparse file takes what is in it.
_MAP: Final = 1 << 41
#: Rows that a thread compresses at a time; zlib works beside Python.
_CHUNK: Final = 256
#: Faster than zlib's default by a factor of three, at a tenth more of space.
_LEVEL: Final = 1


def write_aselmdb(part: Part, folder: Path) -> None:
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
            for rows in _ahead(pool, _chunks(_rows(part))):
                for row in rows:
                    number += 1
                    transaction.put(str(number).encode(), row)
            transaction.put(b"nextid", _compressed(str(number + 1)))
            transaction.put(b"metadata", _compressed(json.dumps({"written_by": "foundational", "unit": "eV, Å"})))
        environment.sync(True)
    np.savez(folder / "metadata.npz", natoms=part.configurations.n_atoms.astype(np.int64))


def _rows(part: Part) -> Iterator[str]:
    """The JSON of each row, as `ase.io.jsonio.encode` spells it."""
    c, labels, known = part.configurations, part.labels, part.known()
    voigt = full_3x3_to_voigt_6_stress(labels.stress)
    for i, n in enumerate(c.n_atoms.tolist()):
        atoms = slice(int(c.offsets[i]), int(c.offsets[i + 1]))
        row = (
            f'{{"numbers": {_array([n], "int64", c.atomic_numbers[atoms])}, '
            f'"positions": {_array([n, 3], "float64", c.positions[atoms])}, '
            f'"unique_id": "{part.ids[i]}", "pbc": {_array([3], "bool", c.pbc[i]).lower()}, '
            f'"cell": {_array([3, 3], "float64", c.cell[i])}, "calculator": "unknown", "calculator_parameters": {{}}, '
        )
        if known["energy"][i]:
            row += f'"energy": {labels.energy[i].item()!r}, '
        if known["forces"][i]:
            row += f'"forces": {_array([n, 3], "float64", labels.forces[atoms])}, '
        if known["stress"][i]:
            row += f'"stress": {_array([6], "float64", voigt[i])}, '
        data = {"sid": part.ids[i], "config_type": part.config_types[i], "method": part.methods[i]}
        stated = json.dumps({key: value for key, value in data.items() if value is not None})
        yield row + f'"ctime": 0.0, "user": null, "mtime": 0.0, "data": {stated}}}'


def _array(shape: list[int], dtype: str, values: NDArray[Any]) -> str:
    """Python spells a list of finite numbers as JSON does."""
    return f'{{"__ndarray__": [{shape}, "{dtype}", {values.reshape(-1).tolist()}]}}'


def _compressed(text: str) -> bytes:
    return zlib.compress(text.encode(), _LEVEL)


def _chunks(rows: Iterator[str]) -> Iterator[list[str]]:
    while chunk := list(islice(rows, _CHUNK)):
        yield chunk


def _ahead(pool: ThreadPoolExecutor, chunks: Iterator[list[str]]) -> Iterator[list[bytes]]:
    """Compressed chunks in order; a few are compressed while the next are formatted."""
    waiting = []
    for chunk in chunks:
        waiting.append(pool.submit(lambda rows: [_compressed(row) for row in rows], chunk))
        if len(waiting) > 4:
            yield waiting.pop(0).result()
    for future in waiting:
        yield future.result()
