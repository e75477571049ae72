"""Plain arrays: the folders of DeePMD-kit and the memory-mapped folder of metatrain."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray

from foundational.interchange.writing.parts import AnyPart, Part

Rows = NDArray[np.int64]
#: eV, as torchani.units has it, so that its own conversion gives the stored numbers.
_HARTREE: Final = 27.211386024367243


def write_systems(part: AnyPart, folder: Path, elements: tuple[str, ...], *, mixed: bool) -> Rows:
    """DeePMD systems below ``folder``, one for each list of atoms, or for each number of atoms where they are mixed.

    Energies in eV, forces in eV/Å, virials −σV in eV. A system has the files of those labels that all of it knows.

    Returns
    -------
    Rows
        The configurations in the order of the files: systems by name, frames within.
    """
    systems: dict[Any, _System] = {}
    sizes = _system_sizes(part, mixed)
    row = 0
    for block in part.blocks():
        for key, rows in _systems(block, mixed).items():
            if key not in systems:
                place = folder / f"system.{len(systems):04d}"
                systems[key] = _System(place, sizes[key], elements, mixed=mixed)
            systems[key].add(block.take(rows))
            systems[key].rows.append(row + rows)
        row += len(block)
    return np.concatenate([rows for system in systems.values() for rows in system.rows])


def write_memmap(part: AnyPart, folder: Path) -> None:
    """The memory-mapped folder of metatrain: float32, NaN where a label is not known."""
    folder.mkdir(parents=True)
    known = part.known()
    np.save(folder / "ns.npy", len(part))
    np.save(folder / "na.npy", np.concatenate([[0], np.cumsum(part.n_atoms, dtype=np.int64)]))
    for block in part.blocks():
        c, labels = block.configurations, block.labels
        arrays: dict[str, NDArray[Any]] = {
            "a": c.atomic_numbers,
            "x": c.positions,
            "c": np.where(c.pbc[:, :, None], c.cell, 0.0),  # a vector of zeros says that it is not periodic
            "energy": labels.energy[:, None],
        }
        arrays |= {"forces": labels.forces[:, :, None]} if known["forces"].any() else {}
        arrays |= {"stress": labels.stress[:, :, :, None]} if known["stress"].any() else {}
        for name, array in arrays.items():
            with (folder / f"{name}.bin").open("ab") as stream:
                stream.write(np.ascontiguousarray(array, "<i4" if name == "a" else "<f4").data)


@dataclass(frozen=True)
class Types:
    """Elements as numbers from 0."""

    elements: tuple[str, ...]

    def of(self, numbers: NDArray[np.integer]) -> NDArray[np.int32]:
        """The type of each atomic number."""
        place = np.full(len(chemical_symbols), -1, np.int32)
        for code, element in enumerate(self.elements):
            place[chemical_symbols.index(element)] = code
        types: NDArray[np.int32] = place[numbers]
        return types


def _systems(part: Part, mixed: bool) -> dict[Any, Rows]:
    """Configurations that may stand in one system: the same atoms, the same labels, periodic or not."""
    c, known = part.configurations, part.known()
    groups: dict[Any, list[int]] = {}
    for i, n in enumerate(c.n_atoms.tolist()):
        atoms = n if mixed else c.atomic_numbers[c.offsets[i] : c.offsets[i + 1]].tobytes()
        labels = tuple(bool(of[i]) for of in known.values())
        groups.setdefault((atoms, labels, bool(c.pbc[i].all())), []).append(i)
    return {key: np.array(rows, dtype=np.int64) for key, rows in groups.items()}


def _system_sizes(part: AnyPart, mixed: bool) -> Counter[Any]:
    """Configurations of each system, which its files state before the first of them."""
    sizes: Counter[Any] = Counter()
    for block in part.blocks():
        sizes.update({key: len(rows) for key, rows in _systems(block, mixed).items()})
    return sizes


class _System:
    """One system, whose files grow; each is open only while it grows."""

    def __init__(self, folder: Path, count: int, elements: tuple[str, ...], *, mixed: bool) -> None:
        self.folder, self.count, self.elements, self.mixed = folder, count, elements, mixed
        self.rows: list[Rows] = []
        """Places in the part of what was added."""

    def add(self, part: Part) -> None:
        """Append configurations of one number of atoms with the same labels."""
        c, labels, known = part.configurations, part.labels, part.known()
        count, n = len(c), int(c.n_atoms[0])
        types = Types(self.elements).of(c.atomic_numbers).reshape(count, n)
        if not self.folder.exists():
            self._begin(np.zeros(n, np.int32) if self.mixed else types[0], periodic=bool(c.pbc.all()))
        self._append("coord", c.positions.reshape(count, 3 * n).astype(np.float64))
        self._append("box", c.complete_cell.reshape(count, 9))
        if self.mixed:
            self._append("real_atom_types", types)
        if known["energy"].all():
            self._append("energy", labels.energy)
        if known["forces"].all():
            self._append("force", labels.forces.reshape(count, 3 * n).astype(np.float64))
        if known["stress"].all():
            self._append("virial", (-labels.stress * c.volume[:, None, None]).reshape(count, 9))

    def _begin(self, types: NDArray[np.int32], *, periodic: bool) -> None:
        (self.folder / "set.000").mkdir(parents=True)
        (self.folder / "type.raw").write_text("".join(f"{code}\n" for code in types.tolist()), encoding="utf-8")
        names = "".join(f"{element}\n" for element in self.elements)
        (self.folder / "type_map.raw").write_text(names, encoding="utf-8")
        if not periodic:
            (self.folder / "nopbc").touch()

    def _append(self, name: str, values: NDArray[Any]) -> None:
        """Rows of an array in the format of `numpy.save`, whose header states the shape of the whole."""
        path = self.folder / "set.000" / f"{name}.npy"
        new = not path.exists()
        with path.open("ab") as stream:
            if new:
                header = np.lib.format.header_data_from_array_1_0(values)
                np.lib.format.write_array_header_1_0(stream, header | {"shape": (self.count, *values.shape[1:])})
            stream.write(np.ascontiguousarray(values).data)


def write_torchani(given: AnyPart, path: Path) -> Rows:
    """TorchANI's HDF5, grouped by number of atoms: Hartree, Å, Hartree/Å.

    It carries cell, pbc and _id along.

    Returns
    -------
    Rows
        The configurations in the order of the file: groups in the order of their names, conformers within.
    """
    import h5py  # noqa: PLC0415 - an extra

    part = given.whole()
    c, labels, known = part.configurations, part.labels, part.known()
    order = []
    with h5py.File(path, "w") as file:
        file.attrs["grouping"] = "by_num_atoms"
        for name in sorted(f"{n:03d}" for n in np.unique(c.n_atoms).tolist()):
            rows = np.flatnonzero(c.n_atoms == int(name))
            some = c.take(rows)
            count, n = len(rows), int(name)
            group = file.create_group(name)
            group["species"] = some.atomic_numbers.astype(np.int64).reshape(count, n)
            group["coordinates"] = some.positions.reshape(count, n, 3)
            group["energies"] = labels.energy[rows] / _HARTREE
            if known["forces"].any():
                group["forces"] = labels.forces[c.atoms_of(rows)].reshape(count, n, 3).astype(np.float64) / _HARTREE
            if known["stress"].any():
                group["stress"] = labels.stress[rows] / _HARTREE
            group["cell"] = some.cell
            group["pbc"] = some.pbc
            group["_id"] = np.array([part.ids[row].encode() for row in rows.tolist()], dtype="S32")
            order.append(rows)
    return np.concatenate(order)
