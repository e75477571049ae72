"""Servers to which a token is sent: addresses are encrypted, unless it is this machine; answers may be of any kind."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar
from urllib.parse import urlsplit

from foundational.errors import ConflictError, FoundationalError, InputError

P = ParamSpec("P")
R = TypeVar("R")

_LOCAL = {"localhost", "127.0.0.1", "::1"}


def is_secure(address: str) -> bool:
    """Whether an address is encrypted, or this machine's.

    >>> is_secure("http://localhost:8000/x"), is_secure("http://zenodo.org/")
    (True, False)
    """
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port  # which raises where it is no number
    except ValueError:  # a bracket without its partner, a port that is none
        return False
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and host in _LOCAL))


def checked_server(server: str, expected: str) -> str:
    """The address of a server, without a slash at its end.

    Parameters
    ----------
    expected
        What it should be, for the message of an error.

    Raises
    ------
    InputError
        It is none, holds a password, or is not encrypted.

    >>> checked_server("https://zenodo.org/", "a server")
    'https://zenodo.org'
    """
    if not is_secure(server) or set(server) & set("@?#\\") or not server.isprintable() or " " in server:
        raise InputError(f"expected {expected}, got {server[:200]!r}")
    return server.rstrip("/")


def understood(function: Callable[P, R]) -> Callable[P, R]:
    """A function that reads answers of a server, ending with one sentence where they are of another kind."""

    @wraps(function)
    def read(*arguments: P.args, **options: P.kwargs) -> R:
        try:
            return function(*arguments, **options)
        except FoundationalError:
            raise
        except (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError) as error:
            said = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            raise ConflictError(
                f"the server answers in another way than its API states ({said}); try again later"
            ) from None

    return read
