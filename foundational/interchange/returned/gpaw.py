"""Text output of GPAW: tables of GPAW 26 and later, or the older layout, which ASE reads."""

import re
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
from ase.data import atomic_numbers

from foundational.interchange.frame import Frame, FrameError
from foundational.interchange.reading.ase_files import AseFiles
from foundational.interchange.returned.output import OutputReader, Parsed, Problem, starts_with

_OLD: Final = b"  ___ ___ ___ _ _ _"
_NEW: Final = b" |__||  | ||/\\| - "
_VERSION: Final = re.compile(r"(?: - |\|__ \|  _\|___\|_____\|\s+)(\d+\.\d+\S*)")
_NUMBER: Final = r"\s*([-+]?\d+\.\d+)\s*"
_ATOM: Final = re.compile(rf"^\|\s*\d+\s*\|\s*([A-Z][a-z]?)\s*\|{_NUMBER}\|{_NUMBER}\|{_NUMBER}\|", re.MULTILINE)
_VECTOR: Final = re.compile(rf"^\|\s*(yes|no)\s*\|{_NUMBER}\|{_NUMBER}\|{_NUMBER}\|", re.MULTILINE)
_THREE: Final = re.compile(rf"^\|{_NUMBER}\|{_NUMBER}\|{_NUMBER}\|", re.MULTILINE)
_FREE: Final = re.compile(r"^\s*Free energy:\s+([-+]?\d+\.\d+)\s*$", re.MULTILINE)
_STEPS: Final = re.compile(r"Converged (?:in|after) (\d+) (?:steps|iterations)")
_MESH: Final = re.compile(
    r"Monkhorst-Pack size: \[(\d+), (\d+), (\d+)\]|(\d+) x (\d+) x (\d+) Monkhorst-Pack grid", re.MULTILINE
)
_XC: Final = re.compile(
    r"(?:^\s*xc=XC\(name='|xc: |^XC and Coulomb potentials.*?Exchange-Correlation Functional: )([\w+.-]+)", re.MULTILINE
)
_CUTOFF: Final = re.compile(r"^\s*(?:Cutoff|Cutoff energy|Plane wave cutoff):\s*([\d.]+) eV", re.MULTILINE)
_WIDTH: Final = re.compile(
    r"(Fermi-Dirac|Marzari-Vanderbilt|Methfessel-Paxton)[^\n]*:?\s*\n?\s*(?:[Ww]idth:?=?)\s*([\d.]+)"
)
_SETUP: Final = re.compile(r"^\s*([A-Z][a-z]?):?\s*\n\s*name\s*:\s*\S+\s*\n\s*id\s*:\s*([0-9a-f]{32})", re.MULTILINE)


class GpawOutput(OutputReader):
    """The reader of text files of GPAW."""

    program: ClassVar[str] = "GPAW"

    def candidates(self, folder: Path) -> list[Path]:
        """Files with GPAW's banner."""
        files = [path for path in sorted(folder.iterdir()) if path.is_file() and path.suffix != ".gpw"]
        return [path for path in files if starts_with(path, _NEW, 4096) or starts_with(path, _OLD, 4096)]

    def parse(self, path: Path) -> Parsed:
        """The configuration, its labels, and the settings."""
        text = path.read_text(encoding="utf-8", errors="replace")
        version = match[1] if (match := _VERSION.search(text)) else None
        settings = _settings(text)
        steps = _STEPS.findall(text)
        problem: Problem | None = None
        detail = ""
        if "Did not converge" in text or "not converged" in text.lower():
            problem, detail = "unconverged", "Did not converge"
        elif not steps or "Forces" not in text:
            problem, detail = "cut", "the forces are missing"
        if problem is not None:
            return Parsed(settings=settings, version=version, problem=problem, detail=detail)
        frames = _frames(path.name, text) if _NEW.decode() in text[:4096] else _old_frames(path)
        return Parsed(frames, settings, version, int(steps[-1]))


def _frames(name: str, text: str) -> tuple[Frame, ...]:
    """One for each table of atoms."""
    frames = []
    for index, block in enumerate(re.split(r"^Atoms  #", text, flags=re.MULTILINE)[1:]):
        atoms = _ATOM.findall(_table(block, ""))
        vectors = _VECTOR.findall(_table(block, "Unit cell  #"))
        forces = _THREE.findall(_table(block, "Forces  #"))
        stress = _THREE.findall(_table(block, "Stress tensor  #"))
        free = _FREE.findall(block)
        results: dict[str, Any] = {}
        if free:
            results["energy"] = results["free_energy"] = float(free[-1])
        if forces and len(forces) == len(atoms):
            results["forces"] = np.array(forces, dtype=np.float64)
        if len(stress) == 3:
            results["stress"] = np.array(stress, dtype=np.float64)
        frames.append(
            Frame(
                f"{name}, frame {index}",
                np.array([atomic_numbers[row[0]] for row in atoms], dtype=np.uint8),
                np.array([row[1:] for row in atoms], dtype=np.float64),
                np.array([row[1:] for row in vectors], dtype=np.float64),
                np.array([row[0] == "yes" for row in vectors]),
                results=results,
            )
        )
    return tuple(frames)


def _table(block: str, heading: str) -> str:
    """The lines from a heading to the next empty one."""
    return block.partition(heading)[2].partition("\n\n")[0] if heading else block.partition("\n\n")[0]


def _old_frames(path: Path) -> tuple[Frame, ...]:
    frames = []
    for frame in AseFiles().read(path):
        if isinstance(frame, FrameError):
            raise frame
        frames.append(frame)
    return tuple(frames)


def _settings(text: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if match := _XC.search(text):
        found["functional"] = match[1]
    if match := _CUTOFF.search(text):
        found["cutoff_eV"] = float(match[1])
    if match := _MESH.search(text):
        found["k_points"] = "x".join(number for number in match.groups() if number)
    if match := _WIDTH.search(text):
        found["smearing"] = f"{match[1]}, {float(match[2]):.4g} eV"
    for element, digest in dict.fromkeys(_SETUP.findall(text)):
        found[f"pseudopotential {element}"] = digest
    return found
