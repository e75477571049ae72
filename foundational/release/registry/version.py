"""Versions of datasets, and how one names a version: ``ni@1.0.0``.

The three numbers say what a user of the previous version must fear (docs/versions.md): major, something
old is no longer as it was; minor, something was added; patch, only words or the encoding differ.
"""

import re
from dataclasses import dataclass
from typing import Self, get_args

from foundational.errors import InputError
from foundational.project import validate_name
from foundational.release.record import BumpName

_VERSION = re.compile(r"v?(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")
#: From the largest to the smallest.
BUMPS: tuple[BumpName, ...] = get_args(BumpName)


@dataclass(frozen=True, order=True)
class Version:
    """A released version; versions are ordered number by number."""

    major: int
    minor: int
    patch: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """The version that ``text`` spells, ``1.0.0`` or, as in a git tag, ``v1.0.0``.

        Raises
        ------
        InputError
            It is none.

        >>> Version.parse("1.10.0") > Version.parse("1.9.3")
        True
        """
        found = _VERSION.fullmatch(text)
        if found is None:
            raise InputError(f"expected a version such as 1.0.0, got {text!r}")
        return cls(*map(int, found.groups()))

    def after(self, bump: BumpName) -> "Version":
        """The next version for a change of that size.

        >>> str(Version(1, 4, 2).after("minor"))
        '1.5.0'
        """
        if bump == "major":
            return Version(self.major + 1, 0, 0)
        return (
            Version(self.major, self.minor + 1, 0)
            if bump == "minor"
            else Version(self.major, self.minor, self.patch + 1)
        )

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


FIRST = Version(1, 0, 0)


def largest(bumps: list[BumpName]) -> BumpName | None:
    """The largest of several changes; None where there is none.

    >>> largest(["patch", "major", "minor"])
    'major'
    """
    return min(bumps, key=BUMPS.index, default=None)


@dataclass(frozen=True)
class DatasetVersion:
    """What stands before and after the ``@`` of ``ni@1.0.0`` or ``ni@HEAD~1``."""

    name: str
    version: Version | None = None
    revision: str | None = None
    """A git revision, where what stands after the ``@`` is no version."""

    def __str__(self) -> str:
        after = self.version or self.revision
        return self.name if after is None else f"{self.name}@{after}"


def is_version(text: str) -> bool:
    """Whether ``text`` spells a version.

    >>> is_version("1.0.0"), is_version("HEAD")
    (True, False)
    """
    return _VERSION.fullmatch(text) is not None


def parse_dataset_version(text: str) -> DatasetVersion:
    """The dataset and, after ``@``, the version or git revision that ``text`` names.

    Raises
    ------
    InputError
        The name cannot be one of a dataset, or nothing stands after the ``@``.

    >>> parse_dataset_version("ni@1.0.0").version
    Version(major=1, minor=0, patch=0)
    >>> parse_dataset_version("ni@HEAD~1").revision
    'HEAD~1'
    """
    name, at, after = text.partition("@")
    validate_name(name)
    if not at:
        return DatasetVersion(name)
    if _VERSION.fullmatch(after):
        return DatasetVersion(name, version=Version.parse(after))
    if not after or after.startswith("-"):
        raise InputError(f"expected a version or a git revision after the @ of {text!r}, such as {name}@1.0.0")
    return DatasetVersion(name, revision=after)
