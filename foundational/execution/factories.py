"""Functions of the user's own modules, by name."""

import importlib
from collections.abc import Callable
from typing import Any

from foundational.errors import InputError


def imported(module: str, factory: str) -> Callable[..., Any]:
    """The callable ``factory`` of ``module``.

    Raises
    ------
    InputError
        If there is none.
    """
    try:
        found = getattr(importlib.import_module(module), factory)
    except AttributeError:
        raise InputError(f"the module {module!r} has no {factory!r}; expected ase:<module>:<factory>") from None
    except Exception as error:  # a module may raise anything while it is imported
        reason = " ".join(str(error).split())[:300]
        raise InputError(f"cannot import {module!r}: {reason}; install it, or name its folder in PYTHONPATH") from error
    if not callable(found):
        raise InputError(f"{factory!r} of {module!r} is a {type(found).__name__}; expected a callable")
    return found  # type: ignore[no-any-return]
