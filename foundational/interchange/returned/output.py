"""One output of a program that came back: its configurations and labels, or why they cannot be used."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final, Literal

from foundational.errors import FoundationalError
from foundational.interchange.frame import Frame

#: Why an output is refused, in the order in which it is tested.
Problem = Literal[
    "unreadable",
    "cut",
    "unconverged",
    "no forces",
    "other atoms",
    "other geometry",
    "other settings",
    "contradictory",
]
#: Problems in words, for tables.
PROBLEMS: Final[Mapping[Problem, str]] = {
    "unreadable": "cannot be read",
    "cut": "ends before the run is complete",
    "unconverged": "the SCF cycle is not converged",
    "no forces": "has no energy or no forces",
    "other atoms": "has other atoms than any configuration",
    "other geometry": "has the geometry of no configuration",
    "other settings": "was computed with other settings",
    "contradictory": "gives other labels than a second output of the same configuration",
}


@dataclass(frozen=True, eq=False)
class Output:
    """An output file; ``problem`` is None where it can be used as far as the file itself tells."""

    file: str
    """Its path below the folder of the jobs."""
    folder: str
    """Name of the folder of the configuration in which it lies; empty outside of these."""
    sha256: str
    frames: tuple[Frame, ...] = ()
    """Configurations with labels; one, unless the run moved the atoms."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What decides the labels, by names such as ``cutoff_eV``, ``functional`` and ``pseudopotential Al``."""
    version: str | None = None
    """Of the program."""
    scf_steps: int | None = None
    residual: float | None = None
    """eV; the error of the energy that the program estimates from its last SCF step, where it does."""
    problem: Problem | None = None
    detail: str = ""
    """Of the problem."""


class OutputReader(ABC):
    """Reads what one program writes."""

    program: ClassVar[str]
    """As records name it."""
    energy_kind: ClassVar[str] = "free_energy"
    """Which energy is taken, by the names of `MethodRecord`."""

    @abstractmethod
    def candidates(self, folder: Path) -> list[Path]:
        """The outputs in a folder, one a run, in a fixed order."""

    @abstractmethod
    def parse(self, path: Path) -> "Parsed":
        """What the output says; any error of a parser may be raised, and makes it unreadable."""

    def read(self, path: Path, root: Path, folder: str) -> Output:
        """The output at ``path``; no error of a parser gets out."""
        content = path.read_bytes()
        base = Output(path.relative_to(root).as_posix(), folder, hashlib.sha256(content).hexdigest())
        try:
            parsed = self.parse(path)
        except (FoundationalError, Exception) as error:
            said = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            return Output(base.file, folder, base.sha256, problem="unreadable", detail=said)
        problem, detail = parsed.problem, parsed.detail
        if problem is None and not all({"energy", "forces"} <= _known(frame) for frame in parsed.frames):
            problem, detail = "no forces", "expected an energy and a force on each atom"
        if problem is None and not parsed.frames:
            problem, detail = "unreadable", "expected one configuration with its labels, found none"
        return Output(
            base.file,
            folder,
            base.sha256,
            () if problem is not None else parsed.frames,
            parsed.settings,
            parsed.version,
            parsed.scf_steps,
            parsed.residual,
            problem,
            detail,
        )


@dataclass(frozen=True, eq=False)
class Parsed:
    """What a reader found in a file."""

    frames: tuple[Frame, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    version: str | None = None
    scf_steps: int | None = None
    residual: float | None = None
    problem: Problem | None = None
    detail: str = ""


def _known(frame: Frame) -> set[str]:
    found = set(frame.results)
    return found | {"energy"} if "free_energy" in found else found


def newest_last(paths: list[Path]) -> list[Path]:
    """By name, so that every run of a command meets files in the same order."""
    return sorted(paths)


def starts_with(path: Path, words: bytes, length: int = 65536) -> bool:
    """Whether ``words`` stand at the beginning of a file."""
    with path.open("rb") as stream:
        return words in stream.read(length)
