"""The inputs that a user wants for every configuration: files that are copied, one of which gets the structure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from math import isfinite, nan
from pathlib import Path
from typing import Final

from foundational.errors import InputError, NotFoundError
from foundational.interchange.jobs.structure import Structure

#: ``{kmesh:0.25}``: divisions for at most that spacing of k-points, 1/Å.
_MESH: Final = re.compile(r"\{kmesh:\s*([\d.]+)\s*\}")


@dataclass(frozen=True)
class Template:
    """Files by name, as the user gave them."""

    files: Mapping[str, bytes]

    @property
    def sha256(self) -> str:
        """Of all names and contents."""
        whole = sha256()
        for name, content in sorted(self.files.items()):
            whole.update(f"{name}\0{sha256(content).hexdigest()}\n".encode())
        return whole.hexdigest()

    def text(self, name: str) -> str:
        """One file as text.

        Raises
        ------
        InputError
            It is not UTF-8.
        """
        try:
            return self.files[name].decode()
        except UnicodeDecodeError:
            raise InputError(f"--template: expected text in {name}, got other bytes") from None

    def main(self, names: tuple[str, ...], suffixes: tuple[str, ...]) -> str:
        """The file that gets the structure: that of the first of ``names``, else the only one with a suffix.

        Raises
        ------
        InputError
            There is no such file, or there are several.
        """
        if named := [name for name in names if name in self.files]:
            return named[0]
        found = [name for name in self.files if Path(name).suffix in suffixes]
        if len(found) == 1:
            return found[0]
        if len(self.files) == 1:
            return next(iter(self.files))
        raise InputError(
            f"--template: expected {names[0]} or one file with the ending {' or '.join(suffixes)}, "
            f"got {', '.join(sorted(self.files)) or 'an empty folder'}"
        )


def read_template(path: Path) -> Template:
    """A file, or all files of a folder.

    Raises
    ------
    NotFoundError
        There is no such file or folder.
    InputError
        The folder is empty or has folders inside.
    """
    if path.is_file():
        return Template({path.name: path.read_bytes()})
    if not path.is_dir():
        raise NotFoundError(f"--template: {path}: no such file or folder")
    entries = sorted(entry for entry in path.iterdir() if not entry.name.startswith("."))
    if folders := [entry.name for entry in entries if entry.is_dir()]:
        raise InputError(f"--template: expected files, got the folder {folders[0]} in {path}")
    if not entries:
        raise InputError(f"--template: expected input files in {path}, found none")
    return Template({entry.name: entry.read_bytes() for entry in entries})


def number(text: str, name: str) -> float:
    """The first word of what a file of the template sets the variable ``name`` to; 1.5d0 as Fortran writes it.

    Raises
    ------
    InputError
        It is no finite number.
    """
    try:
        value = float(text.split(maxsplit=1)[0].lower().replace("d", "e"))
    except (ValueError, IndexError):
        value = nan
    if not isfinite(value):
        raise InputError(f"--template: expected a number for {name}, got {text[:80]!r}")
    return value


def with_meshes(text: str, structure: Structure) -> str:
    """``text`` with the divisions of a mesh in place of each ``{kmesh:SPACING}``.

    Raises
    ------
    InputError
        A spacing is no positive number.
    """

    def divisions(match: re.Match[str]) -> str:
        try:
            spacing = float(match[1])
        except ValueError:
            spacing = 0.0
        if spacing <= 0:
            raise InputError(f"--template: expected a spacing in 1/Å, such as {{kmesh:0.25}}, got {match[0]}")
        return " ".join(map(str, structure.mesh(spacing)))

    return _MESH.sub(divisions, text)
