"""The reader of each program for which inputs are written."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from foundational.interchange.returned.abinit import AbinitOutput
from foundational.interchange.returned.cp2k import Cp2kReturned
from foundational.interchange.returned.espresso import EspressoOutput
from foundational.interchange.returned.gpaw import GpawOutput
from foundational.interchange.returned.output import OutputReader
from foundational.interchange.returned.vasp import VaspOutput

#: By the names of `foundational.interchange.jobs.codes`.
READERS: Final[Mapping[str, OutputReader]] = {
    "vasp": VaspOutput(),
    "qe": EspressoOutput(),
    "gpaw": GpawOutput(),
    "cp2k": Cp2kReturned(),
    "abinit": AbinitOutput(),
}


def outputs_below(root: Path, reader: OutputReader, ids: frozenset[str]) -> Iterator[tuple[Path, str]]:
    """All outputs below ``root``, in a fixed order, each with the name of the folder of a configuration around it.

    Folders whose name begins with a dot are not looked into, nor are stores of this package.
    """
    waiting = [(root, "")]
    while waiting:
        folder, around = waiting.pop()
        for path in reader.candidates(folder):
            yield path, around
        inside = [path for path in folder.iterdir() if path.is_dir() and not path.is_symlink()]
        for path in sorted(inside, reverse=True):
            if not path.name.startswith(".") and path.suffix not in {".zarr", ".save"}:
                waiting.append((path, path.name if path.name in ids else around))
