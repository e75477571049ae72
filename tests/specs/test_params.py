"""Params: every knob is read by code, and pools are still what their stored records say."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from pydantic import BaseModel

import foundational.specs
from foundational.specs.params import Params, read_params

PACKAGE = Path(foundational.specs.__file__).parents[1]
#: Read by a name that a user gives, see `AniSettings`.
BY_NAME = {"general", "recipe", "published"}


def models(annotation: object) -> Iterator[type[BaseModel]]:
    """The specifications within an annotation, and within their fields."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        for field in annotation.model_fields.values():
            yield from models(field.annotation)
    for part in get_args(annotation):
        yield from models(part)


def attributes_read() -> set[str]:
    """Names of all attributes that code outside the specifications, or a method of one, reads."""
    names = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
                names.add(node.attr)
    return names


def test_every_knob_of_params_yaml_is_read_by_code():
    read = attributes_read() | BY_NAME
    dead = {f"{model.__name__}.{name}" for model in models(Params) for name in model.model_fields if name not in read}
    assert not dead


def test_pools_of_params_yaml_are_those_of_the_stored_manifests(checkout: Path):
    """A key that is added to `sample.settings` or a pool would change the record of every pool that is stored."""
    sample = read_params(checkout / "params.yaml").sample
    settings = sample.settings.model_dump(mode="json")
    for name, pool in sample.pools.items():
        path = checkout / "datasets/pools" / name / "manifest.json"
        spec = json.loads(path.read_text(encoding="utf-8"))["record"]["spec"]
        assert spec == {"settings": settings, "pool": pool.model_dump(mode="json")}
