"""What files of VASP say of the method: version, functional, potentials, cutoff, k-points and spin."""

import gzip
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final
from xml.etree import ElementTree

_GGA: Final = {"PE": "PBE", "PS": "PBEsol", "RP": "RPBE", "91": "PW91", "CA": "LDA", "AM": "AM05"}
#: What VASP prints in an OUTCAR at the start of each electronic step, and at the end of an ionic one.
_ITERATION: Final = re.compile(r"^-+ Iteration +\d+\(")
_STEP_END: Final = "FREE ENERGIE OF THE ION-ELECTRON SYSTEM"
#: Characters of an OUTCAR before the first ionic step in which everything stands.
_HEAD: Final = 2_000_000


@contextmanager
def opened(path: Path) -> Iterator[IO[str]]:
    """A text file, compressed or not, to read."""
    opener: Callable[..., Any] = gzip.open if path.suffix.lower() == ".gz" else open
    with opener(path, "rt", encoding="utf-8", errors="replace") as stream:
        yield stream


def last_step_is_cut(path: Path) -> bool:
    """Whether an OUTCAR or a vasprun.xml ends within an ionic step, as where VASP was killed; ASE drops that step.

    A step of a vasprun.xml is complete from its energy on, which stands beside its electronic steps.
    """
    cut = electronic = False
    with opened(path) as stream:
        for line in stream:
            if "<calculation>" in line or _ITERATION.search(line):
                cut, electronic = True, False
            elif "scstep>" in line:
                electronic = "</scstep>" not in line
            elif _STEP_END in line or ("</energy>" in line and not electronic):
                cut = False
    return cut


def vasprun_method(path: Path) -> dict[str, Any]:
    """By the fields of `MethodRecord`; what the file does not say is absent."""
    values: dict[str, str] = {}
    titles: list[str] = []
    k_points: str | None = None
    try:
        with opened(path) as stream:
            for _, element in ElementTree.iterparse(stream, events=("end",)):
                if element.tag == "i" and element.get("name") and element.text:
                    values.setdefault(str(element.get("name")), element.text.strip())
                elif element.tag == "v" and element.get("name") == "divisions" and element.text:
                    k_points = "x".join(element.text.split())
                elif element.tag == "array" and element.get("name") == "atomtypes":
                    titles = [" ".join((row[-1].text or "").split()) for row in element.iter("rc") if len(row)]
                elif element.tag == "calculation":
                    break
    except ElementTree.ParseError:
        return {}
    return _fields(values, titles) | ({"k_points": k_points} if k_points else {})


def outcar_method(path: Path) -> dict[str, Any]:
    """By the fields of `MethodRecord`; what the file does not say is absent."""
    with opened(path) as stream:
        head = stream.read(_HEAD)
    values = {
        name: match[1]
        for name, pattern in {
            "version": r"vasp\.(\S+)",
            "ENCUT": r"ENCUT\s*=\s*([\d.]+)",
            "ISPIN": r"ISPIN\s*=\s*(\d)",
            "GGA": r"^\s*GGA\s*=\s*(\S+)",
            "METAGGA": r"METAGGA\s*=\s*([A-Za-z0-9]+)",
            "LNONCOLLINEAR": r"LNONCOLLINEAR\s*=\s*(\S+)",
        }.items()
        if (match := re.search(pattern, head, re.MULTILINE))
    }
    titles = [" ".join(text.split()) for text in re.findall(r"TITEL\s*=\s*(.+)", head)]
    return _fields(values, titles)


def _fields(values: Mapping[str, str], titles: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if "version" in values:
        found["version"] = values["version"]
    gga = values.get("GGA", "").strip("-").upper()
    meta = values.get("METAGGA", "").strip("-")
    if meta and meta.upper() not in {"NONE", "F"}:
        found["functional"] = meta
    elif gga:
        found["functional"] = _GGA.get(gga, gga)
    elif any("PAW_PBE" in title for title in titles):
        found["functional"] = "PBE"  # GGA = -- : that of the potentials
    if titles:
        found["pseudopotentials"] = tuple(dict.fromkeys(titles))
    if cutoff := values.get("ENCUT") or values.get("ENMAX"):
        found["cutoff_eV"] = float(cutoff)
    if values.get("LNONCOLLINEAR", "").startswith("T"):
        found["spin"] = "non-collinear"
    elif "ISPIN" in values:
        found["spin"] = "collinear" if values["ISPIN"] == "2" else "none"
    return found | {"energy_kind": "free_energy"}
