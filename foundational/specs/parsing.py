"""Reading YAML at the border: one reader, one merger, and pydantic errors as one readable line."""

import json
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from foundational.errors import InputError, NotFoundError, did_you_mean

M = TypeVar("M", bound=BaseModel)


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML 1.2 file (``1e-3`` is a number, ``No`` a string); tags that build objects are refused."""
    try:
        return parse_yaml(path.read_bytes(), str(path))
    except FileNotFoundError:
        raise NotFoundError(f"{path}: no such file") from None


def parse_yaml(text: bytes, source: str) -> dict[str, Any]:
    """The mapping in the text of a YAML 1.2 file that ``source`` names; tags that build objects are refused."""
    try:
        content = YAML(typ="safe", pure=True).load(text.decode())
    except (YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{source}: not readable as YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise InputError(f"{source}: expected a mapping of keys to values, got {type(content).__name__}")
    return content


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
        raise InputError(f"{source}: not readable as JSON: {error}") from None


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
        for item in error.errors(include_url=False):
            where = ".".join(str(part) for part in item["loc"])
            if item["type"] == "extra_forbidden":
                hint = did_you_mean(str(item["loc"][-1]), _known_keys(model, item["loc"]))
                problems.append(f"{where}: unknown key, {hint}")
            elif item["type"] == "missing":
                problems.append(f"{where}: missing")
            else:
                message = item["msg"].removeprefix("Value error, ")
                got = "" if "got" in message else f", got {item['input']!r}"
                problems.append(f"{where}: {message}{got}" if where else f"{message}{got}")
        raise InputError(f"{source}: " + "; ".join(problems)) from None
