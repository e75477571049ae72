"""Output of CP2K."""

import re
from pathlib import Path
from typing import Any, ClassVar, Final

from foundational.interchange.frame import FrameError
from foundational.interchange.reading.cp2k import Cp2kOutput
from foundational.interchange.returned.output import OutputReader, Parsed, starts_with

_HARTREE: Final = 27.211386245988
_MESH: Final = re.compile(r"BRILLOUIN\|\s*K-Point grid\s+(\d+)\s+(\d+)\s+(\d+)")
_STEPS: Final = re.compile(r"SCF run converged in\s+(\d+) steps")
_KIND: Final = re.compile(r"Atomic kind:\s+(\w+)\s+Number of atoms")
_BASIS: Final = re.compile(r"Orbital Basis Set\s+(\S+)")
_POTENTIAL: Final = re.compile(r"Potential information for\s+(\S+)")
_CUTOFF: Final = re.compile(r"QS\| Density cutoff \[a\.u\.\]:\s+([\d.]+)")
_FUNCTIONAL: Final = re.compile(r"^ FUNCTIONAL\| (\w+):", re.MULTILINE)


class Cp2kReturned(OutputReader):
    """The reader of logs of CP2K."""

    program: ClassVar[str] = "CP2K"

    def candidates(self, folder: Path) -> list[Path]:
        """Files in which CP2K introduces itself."""
        files = [path for path in sorted(folder.iterdir()) if path.is_file()]
        return [path for path in files if starts_with(path, b" CP2K| version string")]

    def parse(self, path: Path) -> Parsed:
        """The configuration, its labels, and the settings."""
        text = path.read_text(encoding="utf-8", errors="replace")
        settings = _settings(text)
        version = match[1].split()[-1] if (match := re.search(r"CP2K\| version string:\s+(.+)", text)) else None
        if "SCF run NOT converged" in text:
            return Parsed(settings=settings, version=version, problem="unconverged", detail="SCF run NOT converged")
        if "PROGRAM ENDED AT" not in text:
            return Parsed(settings=settings, version=version, problem="cut", detail="PROGRAM ENDED AT is missing")
        frames = []
        for frame in Cp2kOutput().read(path):
            if isinstance(frame, FrameError):
                return Parsed(settings=settings, version=version, problem="unreadable", detail=frame.problem)
            frames.append(frame)
        steps = _STEPS.findall(text)
        return Parsed(tuple(frames), settings, version, int(steps[-1]) if steps else None)


def _settings(text: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if names := list(dict.fromkeys(_FUNCTIONAL.findall(text))):
        found["functional"] = "+".join(names)
    if match := _CUTOFF.search(text):
        found["cutoff_eV"] = round(float(match[1]) * _HARTREE, 3)
    if match := _MESH.search(text):
        found["k_points"] = "x".join(match.groups())
    kinds = _KIND.split(text)
    for element, block in zip(kinds[1::2], kinds[2::2], strict=True):
        if match := _BASIS.search(block):
            found[f"basis {element}"] = match[1]
        if match := _POTENTIAL.search(block):
            found[f"pseudopotential {element}"] = match[1]
    return found
