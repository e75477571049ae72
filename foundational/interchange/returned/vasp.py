"""Output of VASP: vasprun.xml, or OUTCAR where that is absent or cut."""

import re
from pathlib import Path
from typing import Any, ClassVar, Final
from xml.etree import ElementTree

import numpy as np

from foundational.interchange.reading.ase_files import frame_of
from foundational.interchange.reading.vasp import opened, outcar_method, vasprun_method
from foundational.interchange.returned.meshes import mesh_of
from foundational.interchange.returned.output import OutputReader, Parsed

_XML: Final = ("vasprun.xml", "vasprun.xml.gz")
_TEXT: Final = ("OUTCAR", "OUTCAR.gz")
_ELECTRONIC: Final = re.compile(r"^-+ Iteration\s+\d+\(\s*(\d+)\)", re.MULTILINE)
_NELM: Final = re.compile(r"\bNELM\s*=\s*(\d+)")
_K_POINTS: Final = re.compile(
    r"k-points in reciprocal lattice and weights:[^\n]*\n((?:\s*[-\d.]+ +[-\d.]+ +[-\d.]+ +[\d.]+\n)+)"
)
_TAGS: Final = {
    "KSPACING": re.compile(r"\bKSPACING\s*=\s*([\d.]+)"),
    "ISMEAR": re.compile(r"\bISMEAR\s*=\s*(-?\d+)"),
    "SIGMA": re.compile(r"\bSIGMA\s*=\s*([\d.]+)"),
}


class VaspOutput(OutputReader):
    """The reader of VASP."""

    program: ClassVar[str] = "VASP"

    def candidates(self, folder: Path) -> list[Path]:
        """One file a run: vasprun.xml, unless it is cut and an OUTCAR beside it may be whole."""
        xml = [folder / name for name in _XML if (folder / name).is_file()]
        text = [folder / name for name in _TEXT if (folder / name).is_file()]
        if xml and not (text and _cut(xml[0])):
            return xml[:1]
        return text[:1]

    def parse(self, path: Path) -> Parsed:
        """The configuration, its labels, and the settings."""
        return _vasprun(path) if path.name in _XML else _outcar(path)


def _cut(path: Path) -> bool:
    """Whether the end of an XML file is missing."""
    with opened(path) as stream:
        tail = ""
        while block := stream.read(1 << 20):
            tail = (tail + block)[-200:]
    return "</modeling>" not in tail


def _vasprun(path: Path) -> Parsed:
    from ase.io.vasp import read_vasp_xml  # noqa: PLC0415 - slow to import

    method = vasprun_method(path)
    version = method.get("version")
    if _cut(path):
        return Parsed(settings=_settings(method), version=version, problem="cut", detail="</modeling> is missing")
    values: dict[str, str] = {}
    steps = 0
    with opened(path) as stream:
        for _, element in ElementTree.iterparse(stream, events=("end",)):
            if element.tag == "i" and element.get("name") in {"NELM", *_TAGS} and element.text:
                values.setdefault(str(element.get("name")), element.text.strip())
            elif element.tag == "calculation":  # of several steps the one that took the most decides
                steps = max(steps, len(element.findall("scstep")))
    settings = _settings(method) | _further(values)
    if "k_points" in method and "k_spacing" not in settings:
        settings["k_points"] = method["k_points"]
    limit = int(values.get("NELM", "60"))
    if steps >= limit:
        detail = f"{steps} electronic steps, the limit NELM"
        return Parsed(settings=settings, version=version, scf_steps=steps, problem="unconverged", detail=detail)
    with opened(path) as stream:
        images = list(read_vasp_xml(stream, index=slice(None)))
    frames = tuple(frame_of(f"{path.name}, frame {index}", atoms) for index, atoms in enumerate(images))
    return Parsed(frames, settings, version, steps or None)


def _outcar(path: Path) -> Parsed:
    from ase.io.vasp import iread_vasp_out  # noqa: PLC0415 - slow to import

    method = outcar_method(path)
    version = method.get("version")
    with opened(path) as stream:
        text = stream.read()
    settings = _settings(method) | _further(
        {name: match[1] for name, pattern in _TAGS.items() if (match := pattern.search(text))}
    )
    steps = [int(number) for number in _ELECTRONIC.findall(text)]
    if "General timing and accounting" not in text:
        detail = "the timings at its end are missing"
        return Parsed(settings=settings, version=version, problem="cut", detail=detail)
    reached = "aborting loop because EDIFF is reached" in text or "aborting loop EDIFF was reached" in text
    limit = int(match[1]) if (match := _NELM.search(text)) else 60
    if "EDIFF was not reached" in text or max(steps, default=0) >= limit or not (reached or steps):
        detail = "EDIFF was not reached"
        return Parsed(settings=settings, version=version, problem="unconverged", detail=detail)
    with opened(path) as stream:
        images = list(iread_vasp_out(stream, index=slice(None)))
    frames = tuple(frame_of(f"{path.name}, frame {index}", atoms) for index, atoms in enumerate(images))
    if "k_spacing" not in settings and (mesh := _mesh(text)) is not None:
        settings["k_points"] = mesh
    return Parsed(frames, settings, version, max(steps, default=None))


def _settings(method: dict[str, Any]) -> dict[str, Any]:
    """Those of a method record, one by one."""
    found: dict[str, Any] = {name: method[name] for name in ("functional", "cutoff_eV", "spin") if name in method}
    for title in method.get("pseudopotentials", ()):
        words = title.split()
        element = words[1 if len(words) > 1 else 0].partition("_")[0]
        found[f"pseudopotential {element}"] = title
    return found


def _further(values: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if "KSPACING" in values:
        found["k_spacing"] = float(values["KSPACING"])
    if {"ISMEAR", "SIGMA"} <= values.keys():
        found["smearing"] = f"ISMEAR {int(values['ISMEAR'])}, {float(values['SIGMA']):.4g} eV"
    return found


def _mesh(text: str) -> str | None:
    """Of a list of k-points in reciprocal coordinates, where symmetry removed none."""
    symmetric = re.search(r"Found\s+(\d+) (?:space group|point group) operations", text) or re.search(
        r"NROTK\s*=\s*(\d+)", text
    )
    if symmetric is not None and int(symmetric[1]) > 2:
        return None
    match = _K_POINTS.search(text)
    if match is None:
        return None
    rows = [[float(word) for word in line.split()[:3]] for line in match[1].splitlines() if line.split()]
    return mesh_of(np.array(rows))
