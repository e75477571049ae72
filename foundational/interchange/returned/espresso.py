"""Output of pw.x of Quantum ESPRESSO."""

import re
from io import StringIO
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from foundational.interchange.frame import Frame
from foundational.interchange.label_choice import ENERGY_UNITS
from foundational.interchange.reading.ase_files import frame_of
from foundational.interchange.returned.meshes import mesh_of
from foundational.interchange.returned.output import OutputReader, Parsed, starts_with

_RY: Final = ENERGY_UNITS["Ry"]
_VERSION: Final = re.compile(r"Program PWSCF v\.?(\S+)")
_FUNCTIONAL: Final = re.compile(r"Exchange-correlation\s*=\s*(.+?)\s*(?:\(|$)", re.MULTILINE)
#: Usual words for parts of functionals.
_FUNCTIONALS: Final = {
    "SLA PZ NOGX NOGC": "LDA",
    "SLA PW NOGX NOGC": "LDA",
    "SLA PW PBX PBC": "PBE",
    "SLA PW PBE PBE": "PBE",
    "SLA PW PSX PSC": "PBEsol",
}
_CUTOFF: Final = re.compile(r"kinetic-energy cutoff\s*=\s*([\d.]+)\s*Ry")
_DENSITY: Final = re.compile(r"charge density cutoff\s*=\s*([\d.]+)\s*Ry")
_SMEARING: Final = re.compile(r"number of k points=\s*\d+\s+(.+?) smearing, width \(Ry\)=\s*([\d.]+)")
_PSEUDO: Final = re.compile(
    r"PseudoPot\. #\s*\d+ for\s+(\w+?)\d*\s+read from file:\s*\n?\s*(\S+)\s*\n\s*MD5 check sum:\s*(\w+)"
)
_STEPS: Final = re.compile(r"convergence has been achieved in\s+(\d+) iterations")
_ACCURACY: Final = re.compile(r"estimated scf accuracy\s*<\s*([\d.]+(?:[eEdD][-+]?\d+)?)\s*Ry")
_FAILED: Final = re.compile(r"Error in routine\s+(.+?)\s*(?:\n|$)")
_K_POINT: Final = re.compile(r"k\(\s*\d+\) = \(\s*([-\d.]+)\s*([-\d.]+)\s*([-\d.]+)\s*\), wk =")
_ALAT: Final = re.compile(r"celldm\(1\)=\s*([\d.]+)")
_SYMMETRY: Final = re.compile(r"(\d+) Sym\. Ops\.")


class EspressoOutput(OutputReader):
    """The reader of pw.x."""

    program: ClassVar[str] = "Quantum ESPRESSO"

    def candidates(self, folder: Path) -> list[Path]:
        """Files that begin as pw.x begins."""
        files = [path for path in sorted(folder.iterdir()) if path.is_file() and path.suffix != ".xml"]
        return [path for path in files if starts_with(path, b"Program PWSCF", 4096)]

    def parse(self, path: Path) -> Parsed:
        """The configuration, its labels, and the settings that pw.x prints."""
        from ase.io.espresso import read_espresso_out  # noqa: PLC0415 - slow to import

        text = path.read_text(encoding="utf-8", errors="replace")
        version = match[1] if (match := _VERSION.search(text)) else None
        settings = _settings(text)
        if (failed := _FAILED.search(text)) is not None:
            return Parsed(settings=settings, version=version, problem="cut", detail=f"pw.x: error in {failed[1]}")
        if "convergence NOT achieved" in text:
            return Parsed(settings=settings, version=version, problem="unconverged", detail="convergence NOT achieved")
        if "JOB DONE" not in text:
            return Parsed(settings=settings, version=version, problem="cut", detail="JOB DONE is missing")
        converged = _STEPS.findall(text)
        if not converged:
            return Parsed(settings=settings, version=version, problem="unconverged", detail="no line says convergence")
        accuracy = _ACCURACY.findall(text)
        frames = tuple(
            frame_of(f"{path.name}, frame {index}", atoms)
            for index, atoms in enumerate(read_espresso_out(StringIO(text), slice(None)))
        )
        return Parsed(
            frames,
            settings | _k_points(text, frames),
            version,
            int(converged[-1]),
            float(re.sub("[dD]", "e", accuracy[-1])) * _RY if accuracy else None,
        )


def _settings(text: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if match := _FUNCTIONAL.search(text):
        words = " ".join(match[1].split())
        found["functional"] = _FUNCTIONALS.get(words, words)
    if match := _CUTOFF.search(text):
        found["cutoff_eV"] = round(float(match[1]) * _RY, 3)
    if match := _DENSITY.search(text):
        found["density_cutoff_eV"] = round(float(match[1]) * _RY, 3)
    if match := _SMEARING.search(text):
        found["smearing"] = f"{match[1].strip()}, {float(match[2]) * _RY:.4g} eV"
    found["spin"] = "collinear" if "Starting magnetic structure" in text else "none"
    for element, file, digest in _PSEUDO.findall(text):
        found[f"pseudopotential {element}"] = Path(file).name
        found[f"md5 of pseudopotential {element}"] = digest
    return found


def _k_points(text: str, frames: tuple[Frame, ...]) -> dict[str, Any]:
    """The mesh, where pw.x prints all points and no symmetry hides some of them."""
    points = [[float(number) for number in match] for match in _K_POINT.findall(text)]
    symmetric = int(match[1]) if (match := _SYMMETRY.search(text)) else 1
    if not points or not frames or (alat := _ALAT.search(text)) is None or symmetric > 2:
        return {}
    cartesian: NDArray[np.float64] = np.array(points) / (float(alat[1]) * 0.529177210903)
    mesh = mesh_of(cartesian @ frames[0].cell.T)
    return {} if mesh is None else {"k_points": mesh}
