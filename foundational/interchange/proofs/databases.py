"""How trainers read databases: fairchem's aselmdb, Orb's SQLite, DeePMD-kit's LMDB."""

import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from ase.data import atomic_numbers
from numpy.typing import NDArray

from foundational.interchange.proofs.received import Received

_VOIGT = [[0, 5, 4], [5, 1, 3], [4, 3, 2]]


def read_fairchem(folder: Path) -> Iterator[Received]:
    """UMA and others in fairchem 2.24: every ``*.aselmdb`` of a folder, rows 1 to nextid − 1.

    ``metadata.npz`` says how many atoms each row has.

    Rows are zlib(JSON) (ase-db-backends 0.11, aselmdb.py); energy, forces and the stress of six numbers in ASE's order
    become a calculator, from which ``AtomicData.from_ase`` takes them (core/datasets/atomic_data.py).
    """
    import lmdb  # noqa: PLC0415 - an extra

    natoms = np.load(folder / "metadata.npz")["natoms"]
    place = 0
    for path in sorted(folder.glob("*.aselmdb")):
        with lmdb.open(str(path), subdir=False, readonly=True, lock=False) as environment, environment.begin() as rows:
            for number in range(1, int(json.loads(zlib.decompress(rows.get(b"nextid") or b"")))):
                row = json.loads(zlib.decompress(rows.get(str(number).encode()) or b""), object_hook=_array)
                if len(row["numbers"]) != natoms[place]:
                    raise ValueError(f"metadata.npz: {natoms[place]} atoms in row {place}, found {len(row['numbers'])}")
                place += 1
                stress = row.get("stress")
                yield Received(
                    row["numbers"],
                    row["positions"],
                    row["cell"],
                    row["pbc"],
                    row.get("energy"),
                    row.get("forces"),
                    None if stress is None else stress[_VOIGT],
                )


def _array(document: dict[str, Any]) -> Any:
    if "__ndarray__" not in document:
        return document
    shape, dtype, values = document["__ndarray__"]
    return np.array(values, dtype=dtype).reshape(shape)


def read_orb(path: Path) -> Iterator[Received]:
    """Orb 0.7, common/dataset/ase_sqlite_dataset.py: ``ase.db.connect(type="db")``, rows 1 to n.

    ``row.energy``, ``row.forces``; ``row.stress`` has six numbers in ASE's order, eV/Å³, tension positive.
    """
    import ase.db  # noqa: PLC0415 - slow to import

    database = ase.db.connect(str(path), serial=True, type="db")
    for row in database.select(sort="id"):
        stress = row.get("stress")
        yield Received(
            row.numbers,
            row.positions,
            row.cell,
            row.pbc,
            row.get("energy"),
            row.get("forces"),
            None if stress is None else np.asarray(stress)[_VOIGT],
        )


def read_deepmd_lmdb(folder: Path) -> Iterator[Received]:
    """DeePMD-kit 3.2, dpmodel/utils/lmdb_data.py: frames under their numbers in the format of ``__metadata__``.

    ``coords`` Å, ``cells`` Å, ``energies`` eV, ``forces`` eV/Å, ``virials`` −σV in eV; types count in ``type_map``.
    """
    import lmdb  # noqa: PLC0415 - an extra
    import msgpack  # noqa: PLC0415 - an extra

    with lmdb.open(str(folder), readonly=True, lock=False) as environment, environment.begin() as rows:
        about = msgpack.unpackb(rows.get(b"__metadata__"), raw=False)
        types = np.array([atomic_numbers[name] for name in about["type_map"]])
        for i in range(about["nframes"]):
            packed = msgpack.unpackb(rows.get(format(i, about["frame_idx_fmt"]).encode()), raw=False)
            frame = {key: _decoded(value) for key, value in packed.items() if isinstance(value, dict)}
            if len(frame["atom_types"]) != about["frame_nlocs"][i]:
                raise ValueError(f"frame_nlocs is wrong for frame {i}")
            virial, volume = frame.get("virials"), abs(float(np.linalg.det(frame["cells"])))
            yield Received(
                types[frame["atom_types"]],
                frame["coords"],
                frame["cells"],
                np.ones(3, dtype=bool),
                float(frame["energies"]) if "energies" in frame else None,
                frame.get("forces"),
                None if virial is None else -virial / volume,
            )


def _decoded(value: dict[str, Any]) -> NDArray[Any]:
    return np.frombuffer(value["data"], dtype=np.dtype(value["type"])).reshape(value["shape"])
