"""Addresses of servers to which a token is sent: encrypted, unless the server is this machine."""

from urllib.parse import urlsplit

from foundational.errors import InputError

_LOCAL = {"localhost", "127.0.0.1", "::1"}


def is_secure(address: str) -> bool:
    """Whether an address is encrypted, or this machine's.

    >>> is_secure("http://localhost:8000/x"), is_secure("http://zenodo.org/")
    (True, False)
    """
    parts = urlsplit(address)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOCAL)


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
    parts = urlsplit(server)
    if not is_secure(server) or not parts.hostname or parts.query or parts.fragment or "@" in parts.netloc:
        raise InputError(f"expected {expected}, got {server!r}")
    return server.rstrip("/")
