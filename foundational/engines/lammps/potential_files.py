"""What a potential's file says of itself: its pair_style, elements, cutoff and citation.

Formats are those of LAMMPS (https://docs.lammps.org/pair_eam.html, pair_adp.html, pair_meam.html, pair_snap.html).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any, Final

from ase.data import chemical_symbols

from foundational.errors import InputError, NotFoundError
from foundational.specs.parsing import parse
from foundational.specs.potentials import PairStyle, PotentialSpec, SecondFile

#: Endings of EAM files and their pair_style; the numbers in a file are counted before it is registered.
_ENDINGS: Final[dict[str, PairStyle]] = {
    ".eam.alloy": "eam/alloy",
    ".eam.fs": "eam/fs",
    ".alloy": "eam/alloy",
    ".fs": "eam/fs",
    ".setfl": "eam/alloy",
    ".adp": "adp",
    ".eam": "eam",
}
_CITATION: Final = re.compile(r"CITATION:\s*(.*?)\s*(?:COMMENT:|$)")
#: An entry of a MEAM library: name, lattice, coordination number, atomic number.
_MEAM: Final = re.compile(
    r"^\s*['\"]?([A-Za-z]\w*)['\"]?\s+['\"]?(?:fcc|bcc|hcp|dim|dia3?|b1|b2|l12|c11|lin|zig|tri|sc|ch4)['\"]?"
    r"\s+[\d.]+\s+(\d+)\s",
    re.MULTILINE,
)
#: Å, of MEAM where its parameter file states none.
_MEAM_CUTOFF: Final = 4.0


@dataclass(frozen=True)
class PotentialFile:
    """A file as it describes itself; names are those of the elements in the file."""

    path: Path
    pair_style: PairStyle
    names: tuple[str, ...]
    numbers: tuple[int, ...]
    """Atomic numbers by name; 0 where the file states none that exists."""
    cutoff: float
    """Å."""
    citation: str | None
    parameters: Path | None = None
    """The second file of MEAM and SNAP."""

    def spec(self, potential_id: str, elements: Sequence[str] | None = None, **fields: str | None) -> PotentialSpec:
        """The entry of the registry for this file.

        Parameters
        ----------
        potential_id
            Its id.
        elements
            Which elements of the file, each ``Symbol`` or ``Symbol=name in the file``; None: all.
        fields
            Other fields of the entry: citation, doi, licence, notes, source.

        Raises
        ------
        InputError
            An element is not in the file, the file's names are not chemical symbols and none were given, or a number of
            the file is none that a potential can have.
        """
        pairs = [_pair(text, self) for text in elements] if elements else list(self._own_pairs())
        symbols, names = tuple(symbol for symbol, _ in pairs), tuple(name for _, name in pairs)
        second = (
            None if self.parameters is None else SecondFile(file=self.parameters.name, sha256=_digest(self.parameters))
        )
        entry: dict[str, Any] = {"doi": None, "openkim": None, "licence": None, "notes": None, "source": "bundled"}
        entry |= {
            "id": potential_id,
            "elements": symbols,
            "pair_style": self.pair_style,
            "file": self.path.name,
            "sha256": _digest(self.path),
            "cutoff": self.cutoff,
            "citation": self.citation,
            "parameters": second,
            "names": names if names != symbols and self.pair_style != "eam" else None,
        }
        return parse(PotentialSpec, entry | fields, self.path.name)

    def _own_pairs(self) -> Iterator[tuple[str, str]]:
        for name, number in zip(self.names, self.numbers, strict=True):
            symbol = name if name in chemical_symbols else None
            if self.pair_style == "eam" and 0 < number < len(chemical_symbols):
                symbol = chemical_symbols[number]
            if symbol is None:
                raise InputError(
                    f"{self.path.name}: {name!r} is not a chemical symbol; name the elements with --elements, "
                    f"such as {'Ni' if self.pair_style == 'eam' else f'{_symbol(number)}={name}'}"
                )
            yield symbol, name


def _symbol(number: int) -> str:
    """The symbol of an atomic number; Ni as an example where it is that of no element."""
    return chemical_symbols[number] if 0 < number < len(chemical_symbols) else "Ni"


def _pair(text: str, file: PotentialFile) -> tuple[str, str]:
    symbol, _, name = text.strip().partition("=")
    if symbol not in chemical_symbols:
        raise InputError(f"expected chemical symbols in --elements, such as Ni,Al, got {text!r}")
    if file.pair_style == "eam":
        return symbol, file.names[0]
    if (name or symbol) not in file.names:
        fit = [n for n, z in zip(file.names, file.numbers, strict=True) if z == chemical_symbols.index(symbol)]
        hint = f"; write {symbol}={fit[0]}" if fit else ""
        raise InputError(
            f"{file.path.name} has no element {name or symbol!r}; it has {', '.join(file.names[:30])}{hint}"
        )
    return symbol, name or symbol


def read_potential_file(path: Path, parameters: Path | None = None, *, whole: bool = True) -> PotentialFile:
    """What the potential in ``path`` says of itself.

    Parameters
    ----------
    parameters
        The second file of MEAM or SNAP; that of SNAP is found beside the first by its name.
    whole
        Count the numbers of an EAM file, which decide its pair_style; without it the ending of its name does.

    Raises
    ------
    NotFoundError
        There is no such file.
    InputError
        It is not a potential of one of these formats, or not complete.
    """
    if not path.is_file():
        raise NotFoundError(f"{path}: expected the file of a potential, found none")
    text = _text(path, whole)
    ending = next((style for suffix, style in _ENDINGS.items() if path.name.lower().endswith(suffix)), None)
    if path.suffix == ".snap" or path.name.endswith((".snapparam", ".snapcoeff")):
        return _snap(path, parameters)
    if ending is None and (path.suffix == ".meam" or (whole and _MEAM.search(text))):
        return _meam(path, parameters)
    if parameters is not None:
        raise InputError(f"{path.name} is one file with all of an EAM potential; omit --parameters")
    return _funcfl(path, text) if ending == "eam" or _is_funcfl(text) else _setfl(path, text, ending, whole)


def _text(path: Path, whole: bool) -> str:
    if whole:
        return path.read_text(encoding="utf-8-sig", errors="replace")
    with path.open(encoding="utf-8-sig", errors="replace") as stream:
        return "".join(islice(stream, 6))


def citation_in(text: str) -> str | None:
    """What the first line says after CITATION:, where it says anything."""
    found = _CITATION.search(text.partition("\n")[0])
    stated = found[1].strip(" .;") if found else ""
    return None if stated.lower() in {"", "unknown", "none"} else stated


def _digest(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()


def _broken(path: Path, expected: str, came: str) -> InputError:
    return InputError(
        f"{path.name}: expected a potential of the formats funcfl, setfl (alloy, fs, adp), MEAM or SNAP: {expected}; "
        f"got {came.strip()[:60]!r}"
    )


def _is_funcfl(text: str) -> bool:
    """Whether the second line is that of funcfl: atomic number, mass, lattice constant, lattice."""
    lines = text.splitlines()
    words = lines[1].split() if len(lines) > 1 else []
    return len(words) >= 3 and words[0].isdigit() and all(_is_number(word) for word in words[:3])


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _funcfl(path: Path, text: str) -> PotentialFile:
    lines = text.splitlines()
    try:
        number, cutoff = int(lines[1].split()[0]), float(lines[2].split()[4])
    except (IndexError, ValueError):
        raise _broken(path, "line 2 with the atomic number and line 3 with the cutoff", "\n".join(lines[1:3])) from None
    name = chemical_symbols[number] if 0 < number < len(chemical_symbols) else str(number)
    return PotentialFile(path, "eam", (name,), (number,), cutoff, citation_in(text))


def _setfl(path: Path, text: str, ending: PairStyle | None, whole: bool) -> PotentialFile:
    lines = text.splitlines()
    try:
        count, *words = lines[3].split()
        names = tuple(words[: int(count)])
        n_rho, _, n_r, _, cutoff, *_ = lines[4].split()
        n_energies, n_radii, radius, atoms = int(n_rho), int(n_r), float(cutoff), int(count)
    except (IndexError, ValueError):
        raise _broken(
            path, "line 4 with the elements and line 5 with numbers of points and cutoff", "\n".join(lines[3:5])
        ) from None
    if not names or len(names) != atoms or min(n_energies, n_radii) < 1:
        raise _broken(path, f"{count} elements in line 4", lines[3])
    style = ending
    if whole:
        numbers = sum(len(line.split()) for line in lines[5:])
        style = _style_by_size(path, numbers, (atoms, n_energies, n_radii), ending)
    symbols = tuple(chemical_symbols.index(name) if name in chemical_symbols else 0 for name in names)
    return PotentialFile(path, style or "eam/alloy", names, symbols, radius, citation_in(text))


def _style_by_size(path: Path, found: int, sizes: tuple[int, int, int], ending: PairStyle | None) -> PairStyle:
    """The pair_style whose tables are as many numbers as the file holds; the ending decides between equal ones."""
    n, n_rho, n_r = sizes
    pairs = n * (n + 1) // 2
    expected: dict[PairStyle, int] = {
        "eam/alloy": n * (4 + n_rho + n_r) + pairs * n_r,
        "eam/fs": n * (4 + n_rho + n * n_r) + pairs * n_r,
        "adp": n * (4 + n_rho + n_r) + 3 * pairs * n_r,
    }
    fitting = [style for style, size in expected.items() if abs(found - size) <= 4 * n]
    if ending in fitting:
        return ending
    if fitting:
        return fitting[0]
    if ending in expected and found > expected[ending]:
        return ending  # what follows the tables is not read
    known = ", ".join(f"{size:,} for {style}" for style, size in expected.items())
    raise InputError(f"{path.name}: its tables have {found:,} numbers, expected {known}; the file is not complete")


def _meam(path: Path, parameters: Path | None) -> PotentialFile:
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    entries = _MEAM.findall(text)
    if not entries:
        raise InputError(
            f"{path.name}: expected a library of MEAM, found no element in it; where it is the parameter file, "
            "write: foundational potentials add LIBRARY --parameters FILE --elements …"
        )
    cutoff = _MEAM_CUTOFF
    if parameters is not None:
        stated = re.search(r"^\s*rc\s*=\s*([\d.]+)", _existing(parameters), re.MULTILINE)
        cutoff = float(stated[1]) if stated else cutoff
    names, numbers = tuple(name for name, _ in entries), tuple(int(z) for _, z in entries)
    cited = citation_in(text) or (citation_in(_existing(parameters)) if parameters else None)
    return PotentialFile(path, "meam", names, numbers, cutoff, cited, parameters)


def _snap(path: Path, parameters: Path | None) -> PotentialFile:
    stem = path.with_suffix("")
    coefficients = path if path.suffix == ".snapcoeff" else stem.with_suffix(".snapcoeff")
    stem = Path(str(coefficients).removesuffix(".snapcoeff"))
    parameters = parameters or Path(f"{stem}.snapparam")
    definition = Path(f"{stem}.snap")
    if definition.is_file() and "hybrid" in definition.read_text(encoding="utf-8", errors="replace"):
        raise InputError(
            f"{definition.name} combines SNAP with another pair_style (hybrid), which the registry cannot hold; "
            "its labels would not be those of the potential"
        )
    lines = [line for line in _existing(coefficients).splitlines() if line.strip() and not line.startswith("#")]
    try:
        atoms, size = (int(word) for word in lines[0].split()[:2])
        heads = [lines[1 + k * (size + 1)].split() for k in range(atoms)]
        radius = max(float(head[1]) for head in heads)
        factor = re.search(r"^\s*rcutfac\s+([\d.]+)", _existing(parameters), re.MULTILINE)
    except (IndexError, ValueError):
        raise _broken(coefficients, "elements and coefficients of SNAP", "\n".join(lines[:2])) from None
    if factor is None:
        raise InputError(f"{parameters.name}: expected rcutfac, the cutoff of SNAP, found none")
    names = tuple(head[0] for head in heads)
    symbols = tuple(chemical_symbols.index(name) if name in chemical_symbols else 0 for name in names)
    cited = citation_in(_existing(coefficients))
    return PotentialFile(coefficients, "snap", names, symbols, 2 * radius * float(factor[1]), cited, parameters)


def _existing(path: Path) -> str:
    if not path.is_file():
        raise NotFoundError(f"{path}: expected the second file of a potential, found none; name it with --parameters")
    return path.read_text(encoding="utf-8-sig", errors="replace")
