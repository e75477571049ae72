"""Plain arrays: the folders of DeePMD-kit and the memory-mapped folder of metatrain."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray

from foundational.interchange.writing.plan import Part

Rows = NDArray[np.int64]
#: eV, as torchani.units has it, so that its own conversion gives the stored numbers.
_HARTREE: Final = 27.211386024367243


def write_systems(part: Part, folder: Path, elements: tuple[str, ...], *, mixed: bool) -> Rows:
    """DeePMD systems below ``folder``, one for each list of atoms, or for each number of atoms where they are mixed.

    Energies in eV, forces in eV/Å, virials −σV in eV. A system has the files of those labels that all of it knows.

    Returns
    -------
    Rows
        The configurations in the order of the files: systems by name, frames within.
    """
    order = []
    for number, rows in enumerate(_systems(part, mixed)):
        system = folder / f"system.{number:04d}"
        _write_system(part.take(rows), system, elements, mixed=mixed)
        order.append(rows)
    return np.concatenate(order)


def write_memmap(part: Part, folder: Path) -> None:
    """The memory-mapped folder of metatrain: float32, NaN where a label is not known."""
    folder.mkdir(parents=True)
    c, labels, known = part.configurations, part.labels, part.known()
    np.save(folder / "ns.npy", len(c))
    np.save(folder / "na.npy", c.offsets)
    arrays: dict[str, NDArray[Any]] = {
        "x": c.positions,
        "c": np.where(c.pbc[:, :, None], c.cell, 0.0),  # a vector of zeros says that it is not periodic
        "energy": labels.energy[:, None],
    }
    arrays |= {"forces": labels.forces[:, :, None]} if known["forces"].any() else {}
    arrays |= {"stress": labels.stress[:, :, :, None]} if known["stress"].any() else {}
    for name, array in arrays.items():
        array.astype("<f4").tofile(folder / f"{name}.bin")
    c.atomic_numbers.astype("<i4").tofile(folder / "a.bin")


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


def _systems(part: Part, mixed: bool) -> Iterator[Rows]:
    """Configurations that may stand in one system: the same atoms, the same labels, periodic or not."""
    c, known = part.configurations, part.known()
    groups: dict[Any, list[int]] = {}
    for i, n in enumerate(c.n_atoms.tolist()):
        atoms = n if mixed else c.atomic_numbers[c.offsets[i] : c.offsets[i + 1]].tobytes()
        labels = tuple(bool(of[i]) for of in known.values())
        groups.setdefault((atoms, labels, bool(c.pbc[i].all())), []).append(i)
    return (np.array(rows, dtype=np.int64) for rows in groups.values())


def _write_system(part: Part, system: Path, elements: tuple[str, ...], *, mixed: bool) -> None:
    c, labels, known = part.configurations, part.labels, part.known()
    count, n = len(c), int(c.n_atoms[0])
    types = Types(elements).of(c.atomic_numbers).reshape(count, n)
    data = system / "set.000"
    data.mkdir(parents=True)
    first = np.zeros(n, np.int32) if mixed else types[0]
    (system / "type.raw").write_text("".join(f"{code}\n" for code in first.tolist()), encoding="utf-8")
    (system / "type_map.raw").write_text("".join(f"{element}\n" for element in elements), encoding="utf-8")
    if not c.pbc.all():
        (system / "nopbc").touch()
    np.save(data / "coord.npy", c.positions.reshape(count, 3 * n).astype(np.float64))
    np.save(data / "box.npy", c.complete_cell.reshape(count, 9))
    if mixed:
        np.save(data / "real_atom_types.npy", types)
    if known["energy"].all():
        np.save(data / "energy.npy", labels.energy)
    if known["forces"].all():
        np.save(data / "force.npy", labels.forces.reshape(count, 3 * n).astype(np.float64))
    if known["stress"].all():
        np.save(data / "virial.npy", (-labels.stress * c.volume[:, None, None]).reshape(count, 9))


def write_torchani(part: Part, path: Path) -> Rows:
    """TorchANI's HDF5, grouped by number of atoms: Hartree, Å, Hartree/Å.

    It carries cell, pbc and _id along.

    Returns
    -------
    Rows
        The configurations in the order of the file: groups in the order of their names, conformers within.
    """
    import h5py  # noqa: PLC0415 - an extra

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
