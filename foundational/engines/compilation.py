"""Machine code of numba, kept on disk and compiled again when any source changes that went into it.

numba keeps the machine code of a function and drops it when the file of that function changes. It does not notice a
change in another file whose functions or constants were compiled in. Here machine code is kept in a folder that is
named by the digest of the module and of all modules that it imports. Old folders stay until somebody removes them.
"""

import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

import numba
from numba.core.sigutils import normalize_signature

from foundational.source_files import digest_of, imported_modules, module_file

_LOCK = Lock()
#: The variable of the environment that a process has which only compiles.
_CHILD = "FOUNDATIONAL_COMPILES_ONLY"
#: What such a process does.
_COMPILE = """
import importlib, pickle, sys
path, module, name, signature = pickle.loads(sys.stdin.buffer.read())
sys.path[:] = path
getattr(importlib.import_module(module), name).compile(signature)
"""


def compiled(function: Any = None, **options: Any) -> Any:
    """Compile a function by ``numba.njit``, and keep its machine code.

    Parameters
    ----------
    function
        The function; or None where the decorator is used with options.
    options
        Options of ``numba.njit``, such as ``parallel`` and ``error_model``.
    """
    if function is None:
        return lambda f: compiled(f, **options)
    with _code_kept_for(function.__module__) as kept:
        dispatcher = numba.njit(cache=kept, **options)(function)
    return _run_from_disk(dispatcher) if kept else dispatcher


def compiled_callback(signature: Any) -> Callable[[Any], Any]:
    """Compile a function by ``numba.cfunc`` for callers outside of Python, and keep its machine code."""

    def decorate(function: Any) -> Any:
        with _code_kept_for(function.__module__) as kept:
            return numba.cfunc(signature, cache=kept)(function)

    return decorate


@cache
def code_folder(module: str) -> Path | None:
    """The folder for the machine code of ``module``: beside its source, else in the user's cache folder.

    None if neither can be written: then the machine code is not kept. ``NUMBA_CACHE_DIR`` comes first where it is set.
    """
    name = f"compiled-{digest_of(imported_modules(module).values())[:16]}"
    source = module_file(module)
    beside = [source.parent / "__pycache__"] if source is not None else []
    home = []
    with suppress(RuntimeError):  # a user without a home
        home = [Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "foundational"]
    chosen = [Path(numba.config.CACHE_DIR)] if numba.config.CACHE_DIR else [*beside, *home]
    return next((parent / name for parent in chosen if _writable(parent / name)), None)


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".probe-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError:
        return False
    return True


def _run_from_disk(dispatcher: Any) -> Any:
    """Let another process compile what is not on disk yet, so that this one runs what later ones will run.

    A process that compiles a function and what it calls runs other machine code than one that loads the result: where
    one symbol stands in several objects, the first one counts, and the last bits of a sum differ. Training makes
    another network of them (docs/decisions/0004).
    """
    load_or_compile = dispatcher.compile

    def compile_elsewhere_first(signature: Any) -> Any:
        if _CHILD not in os.environ and not _is_known(dispatcher, signature):
            _compile_in_child(dispatcher.py_func, signature)
        return load_or_compile(signature)

    dispatcher.compile = compile_elsewhere_first
    return dispatcher


def _is_known(dispatcher: Any, signature: Any) -> bool:
    """Whether machine code for ``signature`` is in this process or on disk."""
    arguments, _ = normalize_signature(signature)
    if tuple(arguments) in dispatcher.overloads:
        return True
    kept = dispatcher._cache
    return kept._index_key(signature, dispatcher.targetctx.codegen()) in kept._cache_file._load_index()


def _compile_in_child(function: Any, signature: Any) -> None:
    """Compile ``function`` in a process of its own; if that fails, the caller compiles it."""
    try:
        task = pickle.dumps((sys.path, function.__module__, function.__qualname__, signature))
    except (pickle.PicklingError, AttributeError, TypeError):
        return
    environment = os.environ | {_CHILD: "1"}
    subprocess.run([sys.executable, "-c", _COMPILE], input=task, env=environment, check=False, capture_output=True)


@contextmanager
def _code_kept_for(module: str) -> Iterator[bool]:
    """Let numba keep the machine code of functions decorated meanwhile; yields whether it can."""
    with _LOCK:
        folder = code_folder(module)
        before = numba.config.CACHE_DIR
        numba.config.CACHE_DIR = before if folder is None else str(folder)
        try:
            yield folder is not None
        finally:
            numba.config.CACHE_DIR = before
