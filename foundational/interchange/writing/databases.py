"""Databases with a row a configuration: ASE's SQLite for Orb, the LMDB of DeePMD-kit."""

import pickle
import sqlite3
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.data import atomic_masses
from ase.stress import full_3x3_to_voigt_6_stress
from numpy.typing import NDArray

from foundational.interchange.writing.arrays import Types
from foundational.interchange.writing.own_fields import as_one
from foundational.interchange.writing.parts import AnyPart, Part

_MAP: Final = 1 << 41


def atoms_of(part: Part, index: int) -> Atoms:
    """A configuration of a part as Atoms without labels."""
    c = part.configurations
    atoms = slice(int(c.offsets[index]), int(c.offsets[index + 1]))
    return Atoms(
        numbers=c.atomic_numbers[atoms],
        positions=c.positions[atoms].astype(np.float64),
        cell=c.cell[index],
        pbc=c.pbc[index],
    )


def labelled_atoms(part: Part, index: int) -> Atoms:
    """A configuration of a part as Atoms with a calculator that holds what is known."""
    c, labels, known = part.configurations, part.labels, part.known()
    atoms = atoms_of(part, index)
    results: dict[str, Any] = {}
    if known["energy"][index]:
        results["energy"] = results["free_energy"] = float(labels.energy[index])
    if known["forces"][index]:
        results["forces"] = labels.forces[c.offsets[index] : c.offsets[index + 1]].astype(np.float64)
    if known["stress"][index]:
        results["stress"] = full_3x3_to_voigt_6_stress(labels.stress[index])
    atoms.calc = SinglePointCalculator(atoms, **results)
    return atoms


def write_atoms(part: AnyPart, path: Path) -> None:
    """A pickled list of Atoms with calculators; ids stand in ``info``."""
    frames, whole = [], part.whole()
    for i in range(len(whole.ids)):
        atoms = labelled_atoms(whole, i)
        atoms.info["id"] = whole.ids[i]
        frames.append(atoms)
    with path.open("wb") as stream:
        pickle.dump(frames, stream, protocol=4)


def write_sqlite(part: AnyPart, path: Path) -> None:
    """ASE's SQLite database, its rows inserted at once; the id stands in ``data`` of each row."""
    from ase.db.sqlite import init_statements  # noqa: PLC0415 - slow to import

    connection = sqlite3.connect(path)
    try:
        with connection:
            for statement in init_statements:
                connection.execute(statement)
            names = connection.execute("SELECT * FROM systems").description
            places = ", ".join(f":{name[0]}" for name in names)
            insert, columns, done = f"INSERT INTO systems VALUES ({places})", [n[0] for n in names], 0
            for block in part.blocks():
                connection.executemany(insert, _sqlite_rows(block, columns, done))
                done += len(block)
            done = 0
            for block in part.blocks():
                connection.executemany("INSERT INTO species VALUES (?, ?, ?)", _species(block, done))
                done += len(block)
    finally:
        connection.close()


def _sqlite_rows(part: Part, names: list[str], before: int) -> Iterator[dict[str, Any]]:
    """The columns of each row as `ase.db.sqlite` fills them; a blob holds little-endian numbers."""
    from ase.db.core import object_to_bytes  # noqa: PLC0415 - slow to import

    c, labels, known = part.configurations, part.labels, part.known()
    empty = dict.fromkeys(names)
    voigt = full_3x3_to_voigt_6_stress(labels.stress)
    volume = c.volume
    for i, n in enumerate(c.n_atoms.tolist()):
        atoms = slice(int(c.offsets[i]), int(c.offsets[i + 1]))
        numbers = c.atomic_numbers[atoms]
        data = {"id": part.ids[i], "config_type": part.config_types[i], "method": part.methods[i]}
        row: dict[str, Any] = {
            "id": before + i + 1,
            "unique_id": sha256(f"{before + i}|{part.ids[i]}".encode()).hexdigest()[:32],
            "ctime": 0.0,
            "mtime": 0.0,
            "numbers": numbers.astype("<i4").tobytes(),
            "positions": c.positions[atoms].astype("<f8").tobytes(),
            "cell": c.cell[i].astype("<f8").tobytes(),
            "pbc": int(c.pbc[i] @ np.array([1, 2, 4])),
            "calculator": "unknown",
            "calculator_parameters": "{}",
            "key_value_pairs": "{}",
            "data": object_to_bytes(
                {key: value for key, value in data.items() if value is not None}
                | as_one(part.fields_of(i), part.atom_fields_of(i))
            ),
            "natoms": n,
            "volume": float(volume[i]),
            "mass": float(atomic_masses[numbers].sum()),
            "charge": 0.0,
        }
        if known["energy"][i]:
            row["energy"] = row["free_energy"] = float(labels.energy[i])
        if known["forces"][i]:
            forces = labels.forces[atoms].astype("<f8")
            row |= {"forces": forces.tobytes(), "fmax": float(np.linalg.norm(forces, axis=1).max())}
        if known["stress"][i]:
            row |= {"stress": voigt[i].astype("<f8").tobytes(), "smax": float(np.abs(voigt[i]).max())}
        yield empty | row


def _species(part: Part, before: int) -> Iterator[tuple[int, int, int]]:
    """(atomic number, atoms, row) of each element of each row."""
    c = part.configurations
    for i in range(len(c)):
        numbers, counts = np.unique(c.atomic_numbers[c.offsets[i] : c.offsets[i + 1]], return_counts=True)
        yield from ((z, n, before + i + 1) for z, n in zip(numbers.tolist(), counts.tolist(), strict=True))


def write_deepmd_lmdb(part: AnyPart, folder: Path, elements: tuple[str, ...]) -> None:
    """The LMDB of DeePMD-kit 3.2: MessagePack under a frame's number in twelve digits, and ``__metadata__``."""
    import lmdb  # noqa: PLC0415 - an extra
    import msgpack  # noqa: PLC0415 - an extra

    with lmdb.open(str(folder), map_size=_MAP, lock=False, meminit=False, sync=False) as environment:
        with environment.begin(write=True) as transaction:
            number = 0
            for block in part.blocks():
                for frame in _deepmd_frames(block, elements):
                    transaction.put(f"{number:012d}".encode(), msgpack.packb(frame, use_bin_type=True))
                    number += 1
            metadata = {
                "nframes": number,
                "frame_idx_fmt": "012d",
                "type_map": list(elements),
                "frame_nlocs": part.n_atoms.tolist(),
                "frame_system_ids": [0] * number,
            }
            transaction.put(b"__metadata__", msgpack.packb(metadata, use_bin_type=True))
        environment.sync(True)


def _deepmd_frames(part: Part, elements: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    c, labels, known = part.configurations, part.labels, part.known()
    types = Types(elements).of(c.atomic_numbers)
    volume = c.volume
    for i in range(len(c)):
        atoms = slice(int(c.offsets[i]), int(c.offsets[i + 1]))
        frame: dict[str, Any] = {
            "atom_numbs": np.bincount(types[atoms], minlength=len(elements)).tolist(),
            "atom_types": _encoded(types[atoms]),
            "coords": _encoded(c.positions[atoms].astype(np.float64)),
            "cells": _encoded(c.cell[i]),
        }
        if known["energy"][i]:
            frame["energies"] = _encoded(labels.energy[i])
        if known["forces"][i]:
            frame["forces"] = _encoded(labels.forces[atoms].astype(np.float64))
        if known["stress"][i]:
            frame["virials"] = _encoded(-labels.stress[i] * volume[i])
        yield frame


def _encoded(array: NDArray[Any]) -> dict[str, Any]:
    return {"type": str(array.dtype), "shape": list(array.shape), "data": np.ascontiguousarray(array).tobytes()}
