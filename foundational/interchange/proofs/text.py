"""How readers of extended XYZ take it: MACE, whatever asks ASE's calculator, SevenNet, MatterSim, metatrain, NEP."""

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers
from numpy.typing import NDArray

from foundational.interchange.proofs.received import Received
from foundational.units import GPA

_VOIGT = [[0, 5, 4], [5, 1, 3], [4, 3, 2]]


def _structure(atoms: Atoms) -> Received:
    return Received(atoms.numbers, atoms.positions, atoms.cell.array, atoms.pbc)


def _frames(path: Path) -> Iterator[Atoms]:
    """As ASE reads them."""
    from ase.io import iread  # noqa: PLC0415 - slow to import

    yield from iread(path, ":", format="extxyz")


def read_mace(path: Path) -> Iterator[Received]:
    """MACE 0.3.16, mace/data/utils.py: ``ase.io.read``, then ``info[REF_energy]``, ``arrays[REF_forces]``.

    ``info[REF_stress]`` may have six numbers in ASE's order, nine, or 3 × 3 (mace/tools/torch_tools.py); a key that is
    absent gives that label the weight 0. The energy of a frame of one atom with ``config_type=IsolatedAtom`` is E0.
    """
    for atoms in _frames(path):
        got = _structure(atoms)
        got.energy, got.forces = atoms.info.get("REF_energy"), atoms.arrays.get("REF_forces")
        stress = atoms.info.get("REF_stress")
        if stress is not None:
            stress = np.asarray(stress, dtype=np.float64)
            got.stress = stress[_VOIGT] if stress.shape == (6,) else stress.reshape(3, 3)
        yield got


def read_calculator(path: Path) -> Iterator[Received]:
    """Whatever reads ASE's calculator: NequIP 0.19 (data/ase.py), GRACE, fairchem's script, ASE itself.

    Energy, forces and stress (six numbers, tension positive) are results of the calculator that ASE's reader attaches.
    """
    for atoms in _frames(path):
        got = _structure(atoms)
        results = {} if atoms.calc is None else atoms.calc.results
        got.energy, got.forces = results.get("energy"), results.get("forces")
        if "stress" in results:
            got.stress = atoms.get_stress(voigt=False)
        yield got


def read_sevennet(path: Path) -> Iterator[Received]:
    """SevenNet 0.13, sevenn/train/dataload.py: the force-consistent energy, forces, and −stress in xx yy zz xy yz zx.

    Its stress has the opposite sign; it is taken back here by the same order.
    """
    for atoms in _frames(path):
        got, results = _structure(atoms), atoms.calc.results
        # What get_potential_energy(force_consistent=True), get_forces(apply_constraint=False) and get_stress() give.
        got.energy, got.forces = results["free_energy"], results["forces"]
        if "stress" in results:
            theirs = -results["stress"][[0, 1, 2, 5, 3, 4]]
            xx, yy, zz, xy, yz, zx = (-theirs).tolist()
            got.stress = np.array([[xx, xy, zx], [xy, yy, yz], [zx, yz, zz]])
        yield got


def read_mattersim(path: Path) -> Iterator[Received]:
    """MatterSim 1.2.5, training/finetune_mattersim.py: a pickled list of Atoms, whose calculators are asked.

    The stress is in GPa, tension positive. A stress that is absent is an error where stresses are trained on.
    """
    from ase.units import GPa  # noqa: PLC0415 - as the trainer does

    with path.open("rb") as stream:
        frames: list[Atoms] = pickle.load(stream)
    for atoms in frames:
        got = _structure(atoms)
        got.energy, got.forces = atoms.get_potential_energy(), atoms.get_forces()
        if "stress" in atoms.calc.results:
            got.stress = atoms.get_stress(voigt=False) / GPa / GPA
        yield got


def read_nep(path: Path) -> Iterator[Received]:
    """NEP, GPUMD src/main_nep/structure.cu: its own reader, words in lower case, split at blanks.

    ``energy=`` and columns species, pos and forces must be there; all cells are periodic. ``virial="xx xy xz yx …"`` in
    eV is −σV: compression is positive; without it ``stress`` is read, nine numbers in eV/Å³, tension positive. Of two
    numbers for one component the last is taken. Numbers are float32 there.
    """
    reduced = (0, 3, 5, 3, 1, 4, 5, 4, 2)
    with path.open(encoding="utf-8") as stream:
        while first := stream.readline():
            line = stream.readline()
            tokens = line.replace(" =", "=").replace("= ", "=").split()
            words = [token.lower() for token in tokens]
            cell = _nine(words, "lattice=")
            if cell is None:
                raise ValueError("'lattice' is missing")
            (energy,) = (float(word.removeprefix("energy=")) for word in words if word.startswith("energy="))
            properties = next(word for word in words if word.startswith("properties=")).partition("=")[2].split(":")
            starts = np.cumsum([0, *map(int, properties[2::3])])
            place = dict(zip(properties[0::3], starts.tolist(), strict=False))
            force = place["force"] if "force" in place else place["forces"]
            rows = [stream.readline().split() for _ in range(int(first))]
            virial, direct = _nine(words, "virial="), _nine(words, "stress=")
            volume = abs(float(np.linalg.det(np.reshape(cell, (3, 3)))))
            nine = virial if virial is not None else direct and [-volume * number for number in direct]
            stress = None
            if nine:
                six: dict[int, float] = dict(zip(reduced, nine, strict=True))
                v = [six[k] for k in range(6)]
                stress = -np.array([[v[0], v[3], v[5]], [v[3], v[1], v[4]], [v[5], v[4], v[2]]]) / volume
            yield Received(
                np.array([atomic_numbers[row[place["species"]]] for row in rows]),
                _columns(rows, place["pos"]),
                np.reshape(cell, (3, 3)),
                np.ones(3, dtype=bool),
                energy,
                _columns(rows, force),
                stress,
            )


def _nine(words: list[str], key: str) -> list[float] | None:
    """Nine numbers in quotes after ``key``."""
    for k, word in enumerate(words):
        if word.startswith(key):
            return [float(part.strip('"')) for part in [word.removeprefix(key), *words[k + 1 : k + 9]]]
    return None


def _columns(rows: list[list[str]], start: int) -> NDArray[Any]:
    return np.array([row[start : start + 3] for row in rows], dtype=np.float64)
