"""The comment line of extended XYZ: keys and values, columns, and along which vectors the cell is periodic."""

import re
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from foundational.interchange.frame import FrameError

#: A key with a value: plain, or in quotes, braces or brackets (nested once); or a key alone.
_ENTRY: Final = re.compile(
    r"""(?P<key>"[^"]*"|[^\s="'{}\[\]]+)
        (?:\s*=\s*(?P<value>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|\{[^{}]*\}|\[(?:[^\[\]]|\[[^\[\]]*\])*\]|[^\s"'{}\[\]][^\s]*|))?
        (?=\s|$)""",
    re.VERBOSE,
)
#: Names that some programs give the columns of positions and of elements.
_OTHER_NAMES: Final = {
    "pos": ("positions", "position", "coordinates", "coords"),
    "species": ("element", "elements", "symbol", "symbols"),
}
#: Characters of quotes and brackets other than the double quote.
_UNUSUAL: Final = re.compile(r"[{}\[\]'\\]")


def entries_of(source: str, comment: str) -> dict[str, Any]:
    """Keys and their text; True for a key without a value. Of a key that stands twice, the last counts, as in ASE."""
    found: dict[str, Any] = {}
    if "=" not in comment:  # plain XYZ: a sentence of some program
        return found
    if (plain := _plain_entries(comment)) is not None:
        return plain
    position = 0
    for match in _ENTRY.finditer(comment):
        if comment[position : match.start()].strip():
            break
        position = match.end()
        key, value = match["key"].strip('"'), match["value"]
        if value is None:
            found[key] = True
        elif value[:1] in {'"', "'"}:
            found[key] = re.sub(r"\\(.)", r"\1", value[1:-1]) if "\\" in value else value[1:-1]
        elif value[:1] in {"{", "["}:
            found[key] = " ".join(re.sub(r"[\[\],]", " ", value[1:-1]).split())
        else:
            found[key] = value
    if rest := comment[position:].strip():
        raise FrameError(source, f"expected key=value in the comment line, got {rest[:50]!r}; is a quote not closed?")
    return found


def _plain_entries(comment: str) -> dict[str, Any] | None:
    """What `entries_of` gives, in a third of the time, where nothing but plain double quotes is used; else None."""
    if _UNUSUAL.search(comment):
        return None
    parts = comment.split('"')
    found: dict[str, Any] = {}
    for i in range(0, len(parts), 2):
        words = parts[i].split()
        key = ""
        if i + 1 < len(parts):
            if i + 2 >= len(parts) or not parts[i].endswith("=") or (parts[i + 2] and not parts[i + 2][0].isspace()):
                return None
            key = words.pop()[:-1]
            if not key or "=" in key:
                return None
        for word in words:
            name, equals, value = word.partition("=")
            if not name or (equals and not value):
                return None
            found[name] = value if equals else True
        if key:
            found[key] = parts[i + 1]
    return found


def _is_width(text: str) -> bool:
    """Whether it is a number of columns that a row of a file can have."""
    return text.isascii() and text.isdigit() and len(text) < 5 and int(text) > 0


@lru_cache(maxsize=1024)
def columns_of(properties: str) -> tuple[tuple[str, str, int], ...] | str:
    """(name, kind, width) of each column, or what is wrong with the text."""
    parts = properties.split(":")
    if len(parts) % 3 or not all(_is_width(width) for width in parts[2::3]):
        return f"expected Properties as name:kind:width, got {properties!r}"
    names = [name.lower() if name.lower() in {"pos", "species"} else name for name in parts[0::3]]
    for structure, others in _OTHER_NAMES.items():
        if structure not in names and (found := [k for k, name in enumerate(names) if name.lower() in others]):
            names[found[0]] = structure
    if unknown := sorted(set(parts[1::3]) - set("SRIL")):
        return f"expected kinds S, R, I or L in Properties, got {', '.join(unknown)}"
    return tuple(zip(names, parts[1::3], map(int, parts[2::3]), strict=True))


@lru_cache(maxsize=64)
def periodicity(text: str) -> NDArray[np.bool_] | None:
    """(3,) from three of T and F, or one for all; None where the text is another."""
    flags = text.replace(",", " ").split()
    if len(flags) == 1:
        flags *= 3
    if len(flags) != 3 or any(flag[:1].upper() not in {"T", "F", "1", "0"} for flag in flags):
        return None
    return np.array([flag[:1].upper() in {"T", "1"} for flag in flags])
