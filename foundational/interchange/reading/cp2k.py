"""Output of CP2K (Quickstep): the configuration, energy, forces and stress tensor of each run in a log.

CP2K prints energies in Hartree, forces in Hartree/Bohr, and a stress tensor whose trace is three times the pressure:
compression positive, as ``ase.calculators.cp2k`` and dpdata (``virial = stress × volume``) read it too. Positions stand
in a log to six decimals or more, and only for the first configuration of a molecular dynamics or an optimisation.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
from ase.data import atomic_numbers
from numpy.typing import NDArray

from foundational.errors import InputError
from foundational.interchange.frame import Frame, FrameError, FrameReader
from foundational.interchange.label_choice import ENERGY_UNITS, STRESS_UNITS

_HARTREE: Final = ENERGY_UNITS["Hartree"]
_BOHR: Final = 0.529177210903
_NUMBER: Final = r"([-+]?\d+\.\d*(?:[EeDd][-+]?\d+)?)"
_THREE: Final = rf"\s+{_NUMBER}\s+{_NUMBER}\s+{_NUMBER}"
_START: Final = re.compile(r"PROGRAM STARTED AT")
_CELL: Final = re.compile(rf"^ CELL\| Vector ([abc]) \[angstrom\]:?{_THREE}")
_PERIODIC: Final = re.compile(r"^ CELL\| Periodicity\s+(\w+)")
_COORDINATES: Final = re.compile(r"ATOMIC COORDINATES IN ANGSTROM", re.IGNORECASE)
_ATOM: Final = re.compile(rf"^\s+\d+\s+\d+\s+([A-Z][a-z]?)\s+\d+{_THREE}")
_ENERGY: Final = re.compile(rf"^ ENERGY\| Total FORCE_EVAL .*?{_NUMBER}\s*$")
_FORCES: Final = re.compile(r"^ (?:FORCES\| )?\s*ATOMIC FORCES in|^ FORCES\| Atomic forces", re.IGNORECASE)
_FORCE: Final = re.compile(rf"^ (?:FORCES\|)?\s+\d+(?:\s+\d+\s+[A-Z][a-z]?)?{_THREE}")
_STRESS: Final = re.compile(r"STRESS(?:\|.*stress)? TENSOR \[([^\]]+)\]", re.IGNORECASE)
_STRESS_ROW: Final = re.compile(rf"^ (?:STRESS\|)?\s+([XYZ]){_THREE}", re.IGNORECASE)
_UNCONVERGED: Final = "SCF run NOT converged"


class Cp2kOutput(FrameReader):
    """The reader of logs of CP2K."""

    name: ClassVar[str] = "cp2k"
    description: ClassVar[str] = "output of CP2K"

    def accepts(self, path: Path) -> bool:
        """By the words with which CP2K introduces itself."""
        if not path.is_file():
            return False
        with path.open("rb") as stream:
            return b" CP2K| version string" in stream.read(1 << 16)

    def read(self, path: Path) -> Iterator[Frame | FrameError]:
        """One frame for each energy; an error in place of those without positions, or not converged."""
        run = _Run()
        index = 0
        with path.open(encoding="utf-8", errors="replace") as stream:
            for line in stream:
                if _START.search(line) or _ENERGY.match(line):
                    if run.energy is not None:
                        yield run.frame(f"{path.name}, frame {index}")
                        index += 1
                    run = _Run() if _START.search(line) else run.next()
                run.take(line)
        if run.energy is not None:
            yield run.frame(f"{path.name}, frame {index}")
        elif index == 0:
            raise InputError(f"{path.name}: expected an energy in the output of CP2K, found none; did the run end?")


class _Run:
    """What the lines so far say of one configuration."""

    def __init__(self) -> None:
        self.cell: dict[str, list[float]] = {}
        self.periodic = "XYZ"
        self.species: list[str] = []
        self.positions: list[list[float]] = []
        self.energy: float | None = None
        self.forces: list[list[float]] = []
        self.stress: dict[str, list[float]] = {}
        self.stress_unit = "GPa"
        self.converged = True
        self.later = False
        self.method: dict[str, Any] = {"code": "CP2K"}
        self._block = ""

    def next(self) -> "_Run":
        """The configuration after this one in the same run; its positions are not printed."""
        if self.energy is None:
            return self
        run = _Run()
        run.cell, run.periodic, run.species, run.positions = self.cell, self.periodic, self.species, self.positions
        run.method, run.later = self.method, True
        return run

    def take(self, line: str) -> None:
        """Take what one line says."""
        if match := _CELL.match(line):
            self.cell[match[1]] = [float(match[i]) for i in (2, 3, 4)]
        elif match := _PERIODIC.match(line):
            self.periodic = match[1].upper()
        elif match := _ENERGY.match(line):
            self.energy, self._block = _float(match[1]) * _HARTREE, ""
        elif match := _STRESS.search(line):
            # The table after it names its rows; one that was printed twice counts by its last.
            if "EIGENVECTORS" not in line.upper():
                self.stress_unit, self._block, self.stress = match[1], "stress", {}
        elif _FORCES.match(line):
            self._block, self.forces = "forces", []
        elif _COORDINATES.search(line):
            self._block = "" if self.positions else "coordinates"
        elif _UNCONVERGED in line:
            self.converged = False
        elif self._block:
            self._take_row(line)
        else:
            self._take_method(line)

    def _take_row(self, line: str) -> None:
        if self._block == "coordinates" and (match := _ATOM.match(line)):
            self.species.append(match[1])
            self.positions.append([_float(match[i]) for i in (2, 3, 4)])
        elif self._block == "forces" and len(self.forces) < len(self.positions) and (match := _FORCE.match(line)):
            self.forces.append([_float(match[i]) for i in (1, 2, 3)])
        elif self._block == "stress" and len(self.stress) < 3 and (match := _STRESS_ROW.match(line)):
            self.stress[match[1].lower()] = [_float(match[i]) for i in (2, 3, 4)]

    def _take_method(self, line: str) -> None:
        if line.startswith(" CP2K| version string"):
            self.method["version"] = line.rsplit("version", maxsplit=1)[-1].strip()
        elif match := re.match(r"^ FUNCTIONAL\| (\w+):", line):
            self.method.setdefault("functional", match[1])
        elif match := re.match(rf"^ QS\| Density cutoff \[a\.u\.\]:\s+{_NUMBER}", line):
            self.method["cutoff_eV"] = round(float(match[1]) * _HARTREE, 3)

    def frame(self, source: str) -> Frame | FrameError:
        """The configuration, or what is wrong with it."""
        if self.later:
            return FrameError(
                source,
                "the log has no positions of this step of a molecular dynamics or an optimisation; "
                "import the trajectory that CP2K wrote beside it, with energies and forces, as extended XYZ",
            )
        if not self.converged:
            return FrameError(source, "the SCF run is NOT converged")
        if not self.positions:
            return FrameError(source, "the positions of the atoms are not printed")
        if self.forces and len(self.forces) != len(self.positions):
            return FrameError(source, f"expected {len(self.positions)} rows of forces, got {len(self.forces)}")
        results: dict[str, Any] = {"energy": self.energy}
        if self.forces:
            results["forces"] = np.array(self.forces) * (_HARTREE / _BOHR)
        if len(self.stress) == 3:
            if self.stress_unit not in STRESS_UNITS:
                return FrameError(source, f"expected a stress in GPa, bar or kbar, got {self.stress_unit}")
            rows: NDArray[np.float64] = np.array([self.stress[axis] for axis in "xyz"])
            results["stress"] = -rows * STRESS_UNITS[self.stress_unit]
        periodic = np.array([axis in self.periodic for axis in "XYZ"])
        return Frame(
            source,
            np.array([atomic_numbers[symbol] for symbol in self.species], dtype=np.uint8),
            np.array(self.positions),
            np.array([self.cell.get(name, [0.0, 0.0, 0.0]) for name in "abc"]),
            periodic & (len(self.cell) == 3) & (self.periodic != "NONE"),
            results=results,
            method=self.method,
        )


def _float(text: str) -> float:
    return float(text.replace("D", "E").replace("d", "e"))
