"""Whatever ase.io reads: trajectories, and output of VASP, Quantum ESPRESSO, GPAW and others."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from foundational.errors import InputError
from foundational.interchange.frame import Frame, FrameError, FrameReader
from foundational.interchange.reading.espresso import espresso_method
from foundational.interchange.reading.gpaw import free_energies
from foundational.interchange.reading.vasp import last_step_is_cut, outcar_method, vasprun_method

#: Formats of ASE that are databases or text files which other readers read, or hold no configurations.
_OTHERS: Final = frozenset({"db", "json", "extxyz", "xyz", "mysql", "postgresql", "aselmdb"})
_CODES: Final = {
    "vasp-out": "VASP",
    "vasp-xml": "VASP",
    "espresso-out": "Quantum ESPRESSO",
    "gpaw-out": "GPAW",
    "gpw": "GPAW",
    "aims-output": "FHI-aims",
    "castep-castep": "CASTEP",
}
_RESULTS: Final = {"energy": "energy", "free_energy": "free_energy", "energies": "atomic_energies"}
_OWN_ARRAYS: Final = frozenset({"numbers", "positions"})


class AseFiles(FrameReader):
    """The reader of everything else, by ASE."""

    name: ClassVar[str] = "ase"
    description: ClassVar[str] = (
        "what ASE reads: traj, OUTCAR, vasprun.xml, output of Quantum ESPRESSO, GPAW and others"
    )

    def accepts(self, path: Path) -> bool:
        """What ASE recognises by name or content."""
        return path.is_file() and _ase_format(path) is not None

    def read(self, path: Path) -> Iterator[Frame | FrameError]:
        """Frames as ASE reads them; of VASP also what the file says of the method.

        Raises
        ------
        InputError
            If ASE cannot read the file.
        """
        from ase.io import iread  # noqa: PLC0415 - slow to import

        kind = _ase_format(path)
        if kind is None:
            raise InputError(f"{path.name}: ASE does not know the format of this file")
        method = _method(path, kind)
        free = free_energies(path) if kind == "gpaw-out" else []
        cut = kind in {"vasp-out", "vasp-xml"} and last_step_is_cut(path)
        count = 0
        last: Frame | None = None
        try:
            for count, atoms in enumerate(iread(str(path.resolve()), index=":", format=kind), start=1):
                if last is not None:
                    yield last
                last = frame_of(f"{path.name}, frame {count - 1}", atoms, method)
                if count <= len(free) and (energy := free[count - 1]) is not None:
                    last.results["free_energy"] = energy
        except InputError:
            raise
        except Exception as error:  # ASE raises many kinds for a malformed file
            if last is not None:
                yield last
            said = " ".join(f"{type(error).__name__}: {error}".split())
            raise InputError(f"{path.name}: ASE cannot read it as {kind} from frame {count} on ({said})") from None
        if cut and count == 1 and last is not None and not last.results:
            count, last = 0, None  # the initial configuration, which ASE gives where no step is complete
        if last is not None:
            yield last
        if cut:
            yield FrameError(f"{path.name}, frame {count}", "VASP stopped within this step; the file is cut short")


def frame_of(source: str, atoms: Atoms, method: Mapping[str, Any] | None = None) -> Frame:
    """The frame of ASE's Atoms; results of its calculator have the meaning and the units of ASE."""
    results: dict[str, Any] = {}
    info = dict(atoms.info)
    arrays: dict[str, NDArray[Any]] = {k: v for k, v in atoms.arrays.items() if k not in _OWN_ARRAYS}
    found = {} if atoms.calc is None else dict(getattr(atoms.calc, "results", {}))
    for name, value in found.items():
        if value is None:
            continue
        if name in _RESULTS:
            results[_RESULTS[name]] = value
        elif name == "forces":
            results["forces"] = np.asarray(value, dtype=np.float64)
        elif name == "stress":
            results["stress"] = _full(np.asarray(value, dtype=np.float64))
        elif np.ndim(value) > 0 and len(value) == len(atoms):
            arrays.setdefault(name, np.asarray(value))
        else:
            info.setdefault(name, value)
    return Frame(
        source,
        atoms.numbers.astype(np.uint8),
        atoms.positions.astype(np.float64),
        np.array(atoms.cell.array, dtype=np.float64),
        np.array(atoms.pbc, dtype=bool),
        info,
        arrays,
        results,
        method or {},
    )


def _full(stress: NDArray[np.float64]) -> NDArray[np.float64]:
    """(3, 3) from ASE's six numbers."""
    return stress.reshape(6)[[[0, 5, 4], [5, 1, 3], [4, 3, 2]]] if stress.size == 6 else stress


def _ase_format(path: Path) -> str | None:
    from ase.io.formats import UnknownFileTypeError, filetype  # noqa: PLC0415 - slow to import

    try:
        kind: str = filetype(str(path.resolve()), guess=False)
    except (UnknownFileTypeError, OSError, ValueError, UnicodeDecodeError):
        return None
    return None if kind in _OTHERS else kind


def _method(path: Path, kind: str) -> dict[str, Any]:
    """What the file says of the method, as far as it is parsed here."""
    said = {"code": _CODES[kind]} if kind in _CODES else {}
    if kind == "vasp-xml":
        return said | vasprun_method(path)
    if kind == "vasp-out":
        return said | outcar_method(path)
    if kind == "espresso-out":
        return said | espresso_method(path)
    return said
