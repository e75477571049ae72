"""Addresses of files on servers; nothing that speaks to one is imported."""

from typing import Final

_SCHEMES: Final = ("http://", "https://", "s3://")


def is_address(text: object) -> bool:
    """Whether ``text`` is an address that can be read in parts.

    >>> is_address("s3://bucket/ni/data.zarr"), is_address("ni")
    (True, False)
    """
    return isinstance(text, str) and text.startswith(_SCHEMES)
