"""The one way in which commands print: one JSON object for scripts, or lines for people."""

import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from math import isfinite
from typing import IO, TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from pydantic import BaseModel


#: Control characters other than tab and newline, and those that reverse the direction of text.
_COMMANDS = re.compile("[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u202a-\\u202e\\u2066-\\u2069\\u2028\\u2029]")
#: The real stdout, while everything else that is printed goes to stderr.
_RESULT: ContextVar[IO[str] | None] = ContextVar("result", default=None)


@contextmanager
def stdout_for_the_result() -> Iterator[None]:
    """Inside, only `emit` prints on stdout; what calculators print, also in C and in processes, goes to stderr."""
    python = sys.stdout
    try:
        real = python.fileno() == 1
    except (OSError, ValueError, AttributeError):  # a stream in memory, such as in a notebook
        real = False
    python.flush()
    kept = os.dup(1)
    token = _RESULT.set(os.fdopen(os.dup(1), "w", encoding="utf-8") if real else python)
    sys.stdout = sys.stderr
    try:
        os.dup2(2, 1)
        yield
    finally:
        stream = _RESULT.get()
        if real and stream is not None:
            stream.close()
        _RESULT.reset(token)
        sys.stdout.flush()
        sys.stdout = python
        os.dup2(kept, 1)
        os.close(kept)


def emit(result: "BaseModel | Any", as_json: bool, lines: Callable[[], Iterable[str]]) -> None:
    """Print ``result`` on stdout: as one JSON object, or by the ``lines`` that describe it.

    A number that is not finite is null in JSON, which knows neither NaN nor infinities.
    """
    if as_json:
        content = result.model_dump(mode="json") if hasattr(result, "model_dump") else result
        text = json.dumps(_finite(content), indent=2, ensure_ascii=False, allow_nan=False)
        typer.echo(text, file=_RESULT.get())
        return
    for line in lines():
        typer.echo(visible(line))


def _finite(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_finite(value) for value in content]
    return None if isinstance(content, float) and not isfinite(content) else content


def say(line: object) -> None:
    """Print one line on stdout: a text, or what has one, such as a path."""
    typer.echo(visible(str(line)))


def warn(line: str) -> None:
    """Print one line on stderr: a warning or a hint that is no result."""
    typer.echo(visible(line), err=True)


def visible(line: str) -> str:
    r"""A line in which nothing commands a terminal: names and titles of others may hold such characters.

    >>> visible("nickel" + chr(27) + "[2J")
    'nickel\\x1b[2J'
    """
    return _COMMANDS.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), line)
