"""A store that lies on a server: as a folder of files, or within a zip that is not compressed."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from foundational.data.remote.transport import Transport
from foundational.errors import NotFoundError

#: Bytes that are asked for at a time where all of a file is read.
_PIECE: Final = 1 << 24


@dataclass(frozen=True)
class Segment:
    """Bytes of a file on a server."""

    address: str
    start: int = 0
    size: int | None = None
    """None: to the end of the file."""


def _nowhere(name: str) -> Segment | None:  # noqa: ARG001 - as any place of a name
    """Nothing is beside the store."""
    return None


@dataclass(frozen=True, eq=False)
class RemoteStore:
    """Files of a store by their names, read over a network in parts.

    Attributes
    ----------
    label
        What messages call it.
    """

    label: str
    transport: Transport
    files: Mapping[str, Segment] | Callable[[str], Segment]
    """Where each file lies; a function where they are not listed."""
    neighbours: Callable[[str], Segment | None] = _nowhere
    """Where files beside the store would lie, such as provenance.json."""

    def __str__(self) -> str:
        return self.label

    @property
    def sizes(self) -> dict[str, int] | None:
        """Bytes of every file; None where only reading tells."""
        if not isinstance(self.files, Mapping):
            return None
        found = {name: segment.size for name, segment in self.files.items() if segment.size is not None}
        return found if len(found) == len(self.files) else None

    def beside(self, name: str) -> bytes | None:
        """A small file beside the store; None where there is none."""
        segment = self.neighbours(name)
        return None if segment is None else self._all_of(segment)

    def read(self, name: str) -> bytes:
        """A small file.

        Raises
        ------
        NotFoundError
            It is not there.
        """
        segment = self._segment(name)
        found = None if segment is None else self._all_of(segment)
        if found is None:
            raise NotFoundError(f"{self.label}: {name} is not there")
        return found

    def part(self, name: str, start: int, length: int) -> bytes:
        """Bytes of a file; NotFoundError where it is not there."""
        segment = self._segment(name)
        if segment is None:
            raise NotFoundError(f"{self.label}: {name} is not there")
        if segment.size is not None:
            length = min(length, segment.size - start)
        return self.transport.part(segment.address, segment.start + start, length)

    def sha256(self, name: str, size: int) -> str:
        """Of a file of ``size`` bytes, piece by piece; of other bytes where it is shorter or longer."""
        digest = hashlib.sha256()
        for start in range(0, size, _PIECE):
            digest.update(self.part(name, start, min(_PIECE, size - start)))
        segment = self._segment(name)
        if segment is not None and segment.size is None and self.transport.size(segment.address) != size:
            digest.update(b"of another size")
        return digest.hexdigest()

    def _all_of(self, segment: Segment) -> bytes | None:
        if segment.size is None:
            return self.transport.whole(segment.address)
        return self.transport.part(segment.address, segment.start, segment.size)

    def _segment(self, name: str) -> Segment | None:
        return self.files.get(name) if isinstance(self.files, Mapping) else self.files(name)


def folder_at(address: str, transport: Transport) -> RemoteStore:
    """The store whose root document lies directly below ``address``."""
    base = address.rstrip("/")
    above = base.rpartition("/")[0]
    return RemoteStore(base, transport, lambda name: Segment(f"{base}/{name}"), lambda name: Segment(f"{above}/{name}"))
