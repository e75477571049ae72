"""Reading YAML at the border: one reader, one merger, and pydantic errors as one readable line."""

import json
import re
import reprlib
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML

from foundational.errors import InputError, NotFoundError, did_you_mean

M = TypeVar("M", bound=BaseModel)
#: Limits of a YAML file: bytes, brackets within brackets, and values once every alias is replaced by what it names.
#: A few hundred bytes can stand for gigabytes otherwise, or take the parser minutes.
_LARGEST: Final = 16_000_000
_DEEPEST: Final = 50
_MOST: Final = 1_000_000
_BRACKET: Final = re.compile(rb"[\[\]{}]")
#: Violations of one document, and characters of each, that a message names.
_NAMED: Final = 20
_LONGEST: Final = 500
_SHORT: Final = reprlib.Repr()
_SHORT.maxlevel, _SHORT.maxstring, _SHORT.maxother = 3, 80, 80


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML 1.2 file (``1e-3`` is a number, ``No`` a string); tags that build objects are refused."""
    try:
        return parse_yaml(path.read_bytes(), str(path))
    except FileNotFoundError:
        raise NotFoundError(f"{path}: no such file") from None


def parse_yaml(text: bytes, source: str) -> dict[str, Any]:
    """The mapping in the text of a YAML 1.2 file that ``source`` names; tags that build objects are refused."""
    try:
        _require_shallow(text)
        content = YAML(typ="safe", pure=True).load(text.decode())
        _values_in(content, {})
    except Exception as error:  # ruamel raises many kinds for a malformed value: a 13th month, a number that is none
        raise InputError(f"{source}: not readable as YAML: {_shortened(error)}") from None
    if not isinstance(content, dict):
        raise InputError(f"{source}: expected a mapping of keys to values, got {type(content).__name__}")
    return content


def _require_shallow(text: bytes) -> None:
    """Refuse what would take the parser, whose time is quadratic in the depth, minutes."""
    if len(text) > _LARGEST:
        raise InputError(f"expected at most {_LARGEST:,} bytes, got {len(text):,}")
    depth = 0
    for mark in _BRACKET.findall(text):
        depth = depth + 1 if mark in b"[{" else max(0, depth - 1)
        if depth > _DEEPEST:
            raise InputError(f"expected at most {_DEEPEST} brackets within each other, got more")


def _values_in(content: Any, known: dict[int, int | None]) -> int:
    """How many values ``content`` has, each alias counted as what it names."""
    if not isinstance(content, dict | list):
        return 1
    if id(content) in known:
        count = known[id(content)]
        if count is None:
            raise InputError("expected aliases of other values, got one within what it names")
        return count
    known[id(content)] = None
    parts = [*content.values()] if isinstance(content, dict) else content
    total = 1 + sum(_values_in(part, known) for part in parts)
    if total > _MOST:
        raise InputError(f"expected at most {_MOST:,} values, got more")
    known[id(content)] = total
    return total


def _shortened(error: Exception) -> str:
    """What an error says, in one line of limited length."""
    said = " ".join((str(error) or type(error).__name__).split())
    return said if len(said) <= _LONGEST else said[:_LONGEST] + " …"


def parse_json(text: bytes, source: str) -> Any:
    """What the JSON ``text`` that ``source`` names says.

    Raises
    ------
    InputError
        It is not JSON in UTF-8.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        raise InputError(f"{source}: not readable as JSON: {_shortened(error)}") from None


def merge(base: dict[str, Any], overlay: dict[str, Any]) -> dict[str, Any]:
    """``base`` with the leaves of ``overlay`` in place of its own; mappings merge, everything else is replaced.

    >>> merge({"a": {"x": 1, "y": 2}}, {"a": {"y": 3}})
    {'a': {'x': 1, 'y': 3}}
    """
    merged = dict(base)
    for key, value in overlay.items():
        old = merged.get(key)
        merged[key] = merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _known_keys(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """The keys that were allowed where ``location`` points to an unknown one."""
    current: Any = model
    for part in location[:-1]:
        if isinstance(current, type) and issubclass(current, BaseModel) and part in current.model_fields:
            current = current.model_fields[str(part)].annotation
        else:  # inside a dict[str, Model] or a union: the model is among the annotation's arguments
            arguments = getattr(current, "__args__", ())
            current = next((a for a in arguments if isinstance(a, type) and issubclass(a, BaseModel)), None)
    if isinstance(current, type) and issubclass(current, BaseModel):
        return list(current.model_fields)
    return []


def parse(model: type[M], content: dict[str, Any], source: str) -> M:
    """``content`` as ``model``; every violation is collected into one InputError that names ``source``."""
    try:
        return model.model_validate(content)
    except ValidationError as error:
        problems = []
        found = error.errors(include_url=False)
        for item in found[:_NAMED]:
            where = ".".join(str(part)[:80] for part in item["loc"])
            if item["type"] == "extra_forbidden":
                hint = did_you_mean(str(item["loc"][-1]), _known_keys(model, item["loc"]))
                problems.append(f"{where}: unknown key, {hint}")
            elif item["type"] == "missing":
                problems.append(f"{where}: missing")
            else:
                message = item["msg"].removeprefix("Value error, ")[:_LONGEST]
                got = "" if "got" in message else f", got {_SHORT.repr(item['input'])}"
                problems.append(f"{where}: {message}{got}" if where else f"{message}{got}")
        if len(found) > _NAMED:
            problems.append(f"{len(found) - _NAMED} more")
        raise InputError(f"{source}: " + "; ".join(problems)) from None
