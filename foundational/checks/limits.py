"""The limits that are used: the defaults, those of a project's params.yaml, and those of a user's options."""

import re
from collections.abc import Sequence
from pathlib import Path

from foundational.errors import InputError, did_you_mean
from foundational.specs.check import CheckLimits
from foundational.specs.parsing import parse, parse_yaml

__all__ = ["CheckLimits", "limits_of", "project_limits"]

#: The section ``check`` of params.yaml, up to the next key.
_SECTION = re.compile(rb"^check:.*?(?=^[^\s#]|\Z)", re.MULTILINE | re.DOTALL)


def project_limits(params: Path | None) -> CheckLimits:
    """The limits that a params.yaml states in its section ``check``, the others by default; None: all by default.

    Only this section is read, since the whole file takes longer than the check of a small set.

    Raises
    ------
    InputError
        If a key is unknown, or a number is not acceptable.
    """
    if params is None or not params.is_file():
        return CheckLimits()
    section = _SECTION.search(params.read_bytes())
    content = parse_yaml(section[0], str(params))["check"] if section else {}
    if not isinstance(content, dict):
        raise InputError(f"{params}: check: expected limits by their names, got {content!r}")
    return parse(CheckLimits, content, f"{params}: check")


def limits_of(settings: Sequence[str], base: CheckLimits | None = None) -> CheckLimits:
    """The limits with those that a user sets as ``name=number``; names may be written with hyphens.

    Raises
    ------
    InputError
        If a name is not a limit's, or a number is not acceptable.

    >>> limits_of(["net-force=0.05"]).net_force
    0.05
    """
    chosen = (base or CheckLimits()).model_dump()
    for setting in settings:
        name, equals, number = setting.partition("=")
        key = name.strip().replace("-", "_")
        if not equals or key not in chosen:
            hint = did_you_mean(key, chosen) if equals else f"limits are: {', '.join(chosen)}"
            raise InputError(f"--limit: expected NAME=NUMBER such as net-force=0.01, got {setting!r}; {hint}")
        try:
            chosen[key] = float(number)
        except ValueError:
            raise InputError(f"--limit: expected a number for {name}, got {number!r}") from None
    return parse(CheckLimits, chosen, "--limit")
