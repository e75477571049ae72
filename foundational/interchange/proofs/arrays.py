"""How trainers read folders of arrays and HDF5: metatrain's memmap, DeePMD-kit's systems, TorchANI's conformers."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from ase.data import atomic_numbers
from numpy.typing import NDArray

from foundational.interchange.proofs.received import Received

#: Frames of a system that are read at a time.
_FRAMES: Final = 16_384


def read_memmap(folder: Path) -> Iterator[Received]:
    """UPET and others in metatrain 2026.4, its page on dataset formats: arrays of float32, a file each.


    ``na.npy`` is cumulative; ``energy.bin`` (ns, 1) eV, ``forces.bin`` (A, 3, 1) eV/Å, ``stress.bin`` (ns, 3, 3, 1)
    eV/Å³ with tension positive (its strain gradient is stress × |det(cell)|); NaN is no label. A vector of zeros in
    ``c.bin`` is not periodic.
    """
    count, ends = int(np.load(folder / "ns.npy")), np.load(folder / "na.npy")

    def array(name: str, shape: tuple[int, ...], dtype: str = "float32") -> NDArray[Any] | None:
        path = folder / f"{name}.bin"
        return np.memmap(path, dtype=dtype, mode="r", shape=shape) if path.exists() else None

    total = int(ends[-1])
    numbers, positions = array("a", (total,), "int32"), array("x", (total, 3))
    cells, energy = array("c", (count, 3, 3)), array("energy", (count, 1))
    forces, stress = array("forces", (total, 3, 1)), array("stress", (count, 3, 3, 1))
    if numbers is None or positions is None or cells is None or energy is None:
        raise ValueError("a.bin, x.bin, c.bin or energy.bin is missing")
    for i in range(count):
        atoms = slice(int(ends[i]), int(ends[i + 1]))
        yield Received(
            numbers[atoms],
            positions[atoms],
            cells[i],
            cells[i].any(axis=1),
            float(energy[i, 0]),
            None if forces is None else forces[atoms, :, 0],
            None if stress is None else stress[i, :, :, 0],
        )


def read_systems(folder: Path) -> Iterator[Received]:
    """DeePMD-kit 3.2, doc/data/system.md: systems with ``type.raw``, ``type_map.raw`` and ``set.*/*.npy``.

    coord (F, 3N) Å, box (F, 9) Å, energy (F,) eV, force (F, 3N) eV/Å, virial (F, 9) −σV in eV. The file ``nopbc`` says
    that nothing is periodic; ``real_atom_types.npy`` (F, N) replaces the types where they differ from frame to frame.
    """
    for system in sorted(folder.iterdir()):
        names = (system / "type_map.raw").read_text(encoding="utf-8").split()
        types = np.loadtxt(system / "type.raw", dtype=int, ndmin=1)
        periodic = np.full(3, not (system / "nopbc").exists())
        for data in sorted(system.glob("set.*")):
            for arrays in _frames(data):
                count = len(arrays["coord"])
                real = arrays.get("real_atom_types", np.tile(types, (count, 1)))
                box = arrays["box"].reshape(count, 3, 3)
                volume = np.abs(np.linalg.det(box))
                for i in range(count):
                    yield Received(
                        np.array([atomic_numbers[names[code]] for code in real[i].tolist()]),
                        arrays["coord"][i].reshape(-1, 3),
                        box[i],
                        periodic,
                        float(arrays["energy"][i]) if "energy" in arrays else None,
                        arrays["force"][i].reshape(-1, 3) if "force" in arrays else None,
                        -arrays["virial"][i].reshape(3, 3) / volume[i] if "virial" in arrays else None,
                    )


def _frames(folder: Path) -> Iterator[dict[str, NDArray[Any]]]:
    """The arrays of a set by name, some frames at a time."""
    paths = sorted(folder.glob("*.npy"))
    count = len(np.load(folder / "coord.npy", mmap_mode="r"))
    for start in range(0, count, _FRAMES):
        # Each is mapped for as long as it is copied, so that no memory is held.
        yield {path.stem: np.array(np.load(path, mmap_mode="r")[start : start + _FRAMES]) for path in paths}


def read_torchani(path: Path) -> Iterator[Received]:
    """TorchANI 2.9, datasets/anidataset.py: groups of HDF5 in the order of their names, a conformer a row.

    species (F, N) atomic numbers, coordinates (F, N, 3) Å, energies (F,) Hartree, forces (F, N, 3) Hartree/Å. It
    knows no unit of a stress: in this file Hartree/Å³, tension positive, beside cell and pbc.
    """
    import h5py  # noqa: PLC0415 - an extra

    hartree = 27.211386024367243  # torchani/units.py
    with h5py.File(path, "r") as file:
        for name in file:
            group = {key: values[()] for key, values in file[name].items()}
            for i in range(len(group["energies"])):
                yield Received(
                    group["species"][i],
                    group["coordinates"][i],
                    group["cell"][i],
                    group["pbc"][i],
                    float(group["energies"][i]) * hartree,
                    group["forces"][i] * hartree if "forces" in group else None,
                    group["stress"][i] * hartree if "stress" in group else None,
                )
