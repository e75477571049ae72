"""Programs for which inputs are written, by the name that a user gives."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from foundational.errors import InputError, did_you_mean
from foundational.interchange.jobs import abinit, cp2k, espresso, gpaw, vasp
from foundational.interchange.jobs.structure import Structure

Files = Mapping[str, str]


def _nothing(name: str) -> bool:  # noqa: ARG001 - as `vasp.leave_out`
    return False


@dataclass(frozen=True)
class Code:
    """A program, and how its inputs are written."""

    name: str
    program: str
    """As records name it."""
    main: tuple[str, ...]
    """Names that the file with the structure, or with the settings, may have; the first is the usual one."""
    suffixes: tuple[str, ...]
    inputs: Callable[[Files, str, Structure], dict[str, str]]
    """Files of one folder that depend on the structure, out of those of the template and the name of the main one."""
    stated: Callable[[Files, str], dict[str, Any]]
    """What the inputs of a folder say of settings, by the names that `foundational.interchange.returned` uses."""
    command: str
    """How it is run in a folder; ``{main}`` is the main file."""
    periodic: bool = True
    """Whether it takes cells only that are periodic along three vectors."""
    leave_out: Callable[[str], bool] = _nothing
    """Whether a file of the template is an ingredient only."""


def _espresso_stated(files: Files, main: str) -> dict[str, Any]:
    return espresso.stated(files[main])


_ROWS: Final = (
    Code("vasp", "VASP", ("INCAR",), (), vasp.inputs, vasp.stated, "vasp_std > vasp.out", leave_out=vasp.leave_out),
    Code(
        "qe",
        "Quantum ESPRESSO",
        ("pw.in", "pw.pwi"),
        (".in", ".pwi"),
        espresso.inputs,
        _espresso_stated,
        "pw.x -in {main} > pw.out",
    ),
    Code("gpaw", "GPAW", ("run.py",), (".py",), gpaw.inputs, gpaw.stated, "gpaw python {main}", periodic=False),
    Code(
        "cp2k",
        "CP2K",
        ("cp2k.inp",),
        (".inp",),
        cp2k.inputs,
        cp2k.stated,
        "cp2k.psmp -i {main} -o cp2k.out",
        periodic=False,
    ),
    Code("abinit", "ABINIT", ("run.abi",), (".abi", ".in"), abinit.inputs, abinit.stated, "abinit {main} > run.log"),
)
#: Programs by name.
CODES: Final[Mapping[str, Code]] = {code.name: code for code in _ROWS}


def code_named(name: str) -> Code:
    """The program called ``name``.

    Raises
    ------
    InputError
        There is none.
    """
    if name not in CODES:
        raise InputError(f"--code: expected one of {', '.join(CODES)}, got {name!r}; {did_you_mean(name, CODES)}")
    return CODES[name]
