"""Extended XYZ without loss: enough digits that ids, labels and fingerprint survive the way out and back.

Each label stands twice, so that no common reader takes it wrongly (docs/decisions/0012): under ``REF_energy``,
``REF_forces`` and ``REF_stress`` (six numbers in ASE's order), which MACE reads, and under ``energy``, ``free_energy``,
``forces`` and ``stress`` (nine numbers), of which ASE makes a calculator and which NEP reads. A label that is not known
has no key. ``REF_atomic_energies`` and the other variables stand under their own names, ids in hexadecimal after ``0x``
so that no reader takes one for a number. float32 is written with 9 significant digits and float64 with the fewest that
read back the same (at most 17); ASE's own writer cuts to 8 decimals and changes most forces.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import xarray as xr
from ase import Atoms
from ase.data import chemical_symbols
from ase.stress import full_3x3_to_voigt_6_stress
from numpy.typing import NDArray

from foundational.data.atomic_write import write_whole
from foundational.data.batches import iterate_places, to_configurations
from foundational.data.configurations import Configurations
from foundational.data.conversion import from_atoms, to_dataset
from foundational.data.fingerprint import fingerprint_of, hashes_of
from foundational.data.layout import CONFIGURATION, LABELS, VARIABLES
from foundational.errors import InputError, NotFoundError

_SYMBOLS = np.array(chemical_symbols)
#: Recomputed or spelled otherwise in the file.
_STRUCTURE = {"id", "n_atoms", "cell", "pbc", "atomic_numbers", "positions"}
_SPELLED = _STRUCTURE | set(LABELS)
#: Configurations of a text that are in memory at a time.
_TOGETHER = 2_000
_ISOLATED = VARIABLES["role"].meanings.index("isolated_atom")


def _numbers(values: NDArray[Any]) -> str:
    return '"' + " ".join(map(repr, values.reshape(-1).tolist())) + '"'


def _text(values: NDArray[Any]) -> str:
    """One configuration's value of a variable, as the comment line spells it."""
    return "0x" + values.tobytes().hex() if values.dtype == np.uint8 else repr(values.item())


def _frames(dataset: xr.Dataset) -> Iterator[str]:
    """The text of each configuration of a dataset in memory."""
    batch = to_configurations(dataset)
    labels = batch.labels
    known = {} if labels is None else labels.known(batch.offsets)
    others = {
        str(name): values.to_numpy()
        for name, values in dataset.data_vars.items()
        if name in VARIABLES and name not in _SPELLED and values.dims[0] == CONFIGURATION
    }
    symbols = _SYMBOLS[batch.atomic_numbers].astype(object)
    for i, n in enumerate(batch.n_atoms.tolist()):
        atoms = slice(int(batch.offsets[i]), int(batch.offsets[i + 1]))
        tables = [("pos", batch.positions[atoms])]
        info = ""
        if labels is not None:
            if known["forces"][i]:
                tables += [("REF_forces", labels.forces[atoms]), ("forces", labels.forces[atoms])]
            if labels.atomic_energies is not None and known["atomic_energies"][i]:
                tables.append(("REF_atomic_energies", labels.atomic_energies[atoms, None]))
            if known["energy"][i]:
                energy = repr(labels.energy[i].item())
                info += f" REF_energy={energy} energy={energy} free_energy={energy}"
            if known["stress"][i]:
                info += _stress_entries(labels.stress[i])
        info += "".join(f" {name}={_text(values[i])}" for name, values in others.items())
        if "role" in others and others["role"][i] == _ISOLATED:
            info += " config_type=IsolatedAtom"
        columns = "".join(f":{name}:R:{table.shape[1]}" for name, table in tables)
        line = "%s" + "".join(_format(table) for _, table in tables) + "\n"
        rows = np.column_stack([symbols[atoms], *(table.astype(object) for _, table in tables)])
        pbc = " ".join("T" if periodic else "F" for periodic in batch.pbc[i])
        comment = f'{n}\nLattice={_numbers(batch.cell[i])} Properties=species:S:1{columns} pbc="{pbc}"{info}\n'
        yield comment + (line * n) % tuple(rows.reshape(-1))


def _stress_entries(stress: NDArray[np.float64]) -> str:
    """Six numbers for MACE, nine for ASE, and all nine again where they are more than six."""
    entries = f" REF_stress={_numbers(full_3x3_to_voigt_6_stress(stress))} stress={_numbers(stress)}"
    bits = np.ascontiguousarray(stress).view(np.uint64)
    return entries if np.array_equal(bits, bits.T) else f"{entries} full_stress={_numbers(stress)}"


def _format(table: NDArray[Any]) -> str:
    width: int = table.shape[1]
    return (" %.9g" if table.dtype == np.float32 else " %r") * width


def write_extxyz(dataset: xr.Dataset, path: Path | str) -> None:
    """Write every variable of a dataset as extended XYZ; the file appears whole or not at all."""
    batches = (place.of(dataset).load() for place in iterate_places(dataset))
    write_whole(Path(path), (text.encode() for batch in batches for text in _frames(batch)))


def read_extxyz(path: Path | str) -> xr.Dataset:
    """A dataset from extended XYZ, of this package or from elsewhere (labels under ``REF_`` keys or ASE's own).

    Variables of the layout that stand in the file are kept where every configuration has them. A label that a
    configuration lacks is not known there.

    Raises
    ------
    NotFoundError
        There is no such file.
    InputError
        It is not extended XYZ.
    """
    path = Path(path)
    if not path.is_file():
        raise NotFoundError(f"{path}: no such file")
    try:
        frames: list[Atoms] = ase.io.read(path, index=":", format="extxyz")
    except Exception as error:  # ASE raises many kinds for a malformed file
        raise InputError(f"{path}: not readable as extended XYZ: {' '.join(str(error).split())}") from None
    if not frames:
        raise InputError(f"{path}: expected at least one configuration, found none")
    names = [n for n, v in VARIABLES.items() if n not in _STRUCTURE and not v.label and v.dims[0] == CONFIGURATION]
    kept: dict[str, Any] = {name: _column(name, frames) for name in names if all(name in a.info for a in frames)}
    return to_dataset(_as_written(from_atoms(frames)), **kept)


def fingerprint_of_text(path: Path) -> str:
    """The fingerprint of the configurations in an extended XYZ file of this package, some of them in memory at a time.

    Raises
    ------
    InputError
        It is not extended XYZ.
    """
    frames = ase.io.iread(path, index=":", format="extxyz")
    try:
        return fingerprint_of(
            hashes_of(_as_written(from_atoms(few))) for few in iter(lambda: list(islice(frames, _TOGETHER)), [])
        )
    except Exception as error:  # ASE raises many kinds for a malformed file
        raise InputError(f"{path}: not readable as extended XYZ: {' '.join(str(error).split())}") from None


def _as_written(batch: Configurations) -> Configurations:
    """``batch`` with those arrays in float32 that were float32 when they were written with nine digits."""
    labels = batch.labels
    if labels is not None:
        atomic = labels.atomic_energies
        atomic = None if atomic is None else nine_digits_narrowed(atomic)
        labels = replace(labels, forces=nine_digits_narrowed(labels.forces), atomic_energies=atomic)
    return replace(batch, positions=nine_digits_narrowed(batch.positions), labels=labels)


def nine_digits_narrowed(values: NDArray[Any]) -> NDArray[Any]:
    """``values`` as float32 where each is what nine digits of its float32 number say, else unchanged.

    Nine significant digits name one float32 number; read as float64 they are another number, close to it. Numbers
    that were never float32 do not pass this test, unless they are float32 numbers by themselves.

    >>> nine_digits_narrowed(np.array([0.100000001, 0.5])).dtype, nine_digits_narrowed(np.array([0.1, 0.5])).dtype
    (dtype('float32'), dtype('float64'))
    """
    with np.errstate(over="ignore"):
        narrow = values.astype(np.float32)
    flat, original = narrow.reshape(-1), values.reshape(-1)
    start, size = 0, 64  # most files of other programs fail at once
    while start < flat.size:
        part = slice(start, start + size)
        if not np.array_equal([float(f"{x:.9g}") for x in flat[part].tolist()], original[part], equal_nan=True):
            return values
        start, size = start + size, 65_536  # in parts: a Python float takes eight times the memory
    return narrow


def _column(name: str, frames: list[Atoms]) -> NDArray[Any]:
    """(C, …) a variable from the comment lines."""
    values = [a.info[name] for a in frames]
    if VARIABLES[name].dtype != "uint8":
        return np.array(values)
    try:
        return np.array([list(bytes.fromhex(str(value).removeprefix("0x"))) for value in values], dtype=np.uint8)
    except ValueError:
        raise InputError(f"{name}: expected 32 hexadecimal digits after 0x in every configuration") from None
