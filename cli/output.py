"""The one way in which commands print: one JSON object for scripts, or lines for people."""

import json
from collections.abc import Callable, Iterable
from math import isfinite
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from pydantic import BaseModel


def emit(result: "BaseModel | Any", as_json: bool, lines: Callable[[], Iterable[str]]) -> None:
    """Print ``result`` on stdout: as one JSON object, or by the ``lines`` that describe it.

    A number that is not finite is null in JSON, which knows neither NaN nor infinities.
    """
    if as_json:
        content = result.model_dump(mode="json") if hasattr(result, "model_dump") else result
        typer.echo(json.dumps(_finite(content), indent=2, ensure_ascii=False, allow_nan=False))
        return
    for line in lines():
        typer.echo(line)


def _finite(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_finite(value) for value in content]
    return None if isinstance(content, float) and not isfinite(content) else content


def say(line: str) -> None:
    """Print one line on stdout."""
    typer.echo(line)


def warn(line: str) -> None:
    """Print one line on stderr: a warning or a hint that is no result."""
    typer.echo(line, err=True)
