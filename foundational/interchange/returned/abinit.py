"""Output of ABINIT: the main output file, usually ``.abo``."""

import re
from io import StringIO
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
from ase.data import chemical_symbols

from foundational.interchange.frame import Frame
from foundational.interchange.reading.ase_files import frame_of
from foundational.interchange.returned.output import OutputReader, Parsed, starts_with

_HARTREE: Final = 27.211386245988
_BOHR: Final = 0.529177210903
_VERSION: Final = re.compile(r"Version\s+(\S+)\s+of ABINIT")
_STEPS: Final = re.compile(r"At SCF step\s+(\d+).*?converged", re.DOTALL)
_NUMBER: Final = r"[-+\d.]+(?:[eEdD][-+]?\d+)?"
_PSEUDO: Final = re.compile(r"- pspini: atom type\s+(\d+)\s+psp file is\s+(\S+)")
#: Functionals by ABINIT's numbers; negative ones are of libxc.
_FUNCTIONALS: Final = {1: "LDA", 7: "LDA", 11: "PBE", 14: "revPBE", -1012: "LDA", -101130: "PBE", -116133: "PBEsol"}


class AbinitOutput(OutputReader):
    """The reader of ABINIT."""

    program: ClassVar[str] = "ABINIT"

    def candidates(self, folder: Path) -> list[Path]:
        """Main output files; the log, which says the same, is none."""
        files = [path for path in sorted(folder.iterdir()) if path.is_file() and path.suffix != ".log"]
        return [path for path in files if starts_with(path, b" of ABINIT", 2048)]

    def parse(self, path: Path) -> Parsed:
        """The configuration, its labels, and the settings."""
        from ase.io.abinit import read_abinit_out  # noqa: PLC0415 - slow to import

        text = path.read_text(encoding="utf-8", errors="replace")
        version = match[1] if (match := _VERSION.search(text)) else None
        settings = _settings(text)
        if "was not enough scf cycles to converge" in text.lower():
            detail = "nstep was not enough SCF cycles to converge"
            return Parsed(settings=settings, version=version, problem="unconverged", detail=detail)
        if "Calculation completed." not in text:
            detail = "Calculation completed is missing"
            return Parsed(settings=settings, version=version, problem="cut", detail=detail)
        atoms = read_abinit_out(StringIO(text))["atoms"]
        if (acell := _variable(text, "acell", 3)) is not None and (rprim := _variable(text, "rprim", 9)) is not None:
            # ASE takes rprim alone for the cell.
            atoms.set_cell(acell[:, None] * rprim.reshape(3, 3) * _BOHR, scale_atoms=False)
        frame: Frame = frame_of(f"{path.name}, frame 0", atoms)
        steps = _STEPS.findall(text)
        return Parsed((frame,), settings, version, int(steps[-1]) if steps else None)


def _settings(text: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if (ecut := _variable(text, "ecut", 1)) is not None:
        found["cutoff_eV"] = round(float(ecut[0]) * _HARTREE, 3)
    if (mesh := _variable(text, "ngkpt", 3)) is not None:
        found["k_points"] = "x".join(f"{n:g}" for n in mesh)
    elif (lattice := _variable(text, "kptrlatt", 9)) is not None:
        diagonal = np.abs(lattice[::4])
        if np.abs(lattice).sum() == diagonal.sum():
            found["k_points"] = "x".join(f"{n:g}" for n in diagonal)
    if (ixc := _variable(text, "ixc", 1)) is not None:
        found["functional"] = _FUNCTIONALS.get(int(ixc[0]), f"ixc {ixc[0]:g}")
    occupation, width = _variable(text, "occopt", 1), _variable(text, "tsmear", 1)
    if occupation is not None and width is not None:
        found["smearing"] = f"occopt {occupation[0]:g}, {width[0] * _HARTREE:.4g} eV"
    count = _variable(text, "ntypat", 1)
    znucl = None if count is None else _variable(text, "znucl", int(count[0]))
    for number, file in _PSEUDO.findall(text):
        if znucl is not None and int(number) <= len(znucl):
            found[f"pseudopotential {chemical_symbols[int(znucl[int(number) - 1])]}"] = Path(file).name
    return found


def _variable(text: str, name: str, count: int) -> "np.ndarray[Any, np.dtype[np.float64]] | None":
    """The echoed value of a variable, in atomic units; None where it is not echoed."""
    match = re.search(rf"^\s*-?P?\s*{name}\s+((?:{_NUMBER}\s+){{{count}}})", text + "\n", re.MULTILINE)
    if match is None:
        return None
    return np.array([float(re.sub("[dD]", "e", word)) for word in match[1].split()])
