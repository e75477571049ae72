"""Zip files that can be written in one way only, so that every bit of one can be checked.

Members are stored without compression, sorted by name, with the same time (1980-01-01) and mode, without extra fields
or comments. What is not spelled so is refused before a byte of it is unpacked: absolute or ``..`` names, symbolic
links, bombs and overlapping members cannot be spelled so. Any unzip reads these files, and so does zarr.
"""

import re
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from foundational.data.atomic_write import write_whole
from foundational.errors import ChecksumError, InputError, NotFoundError

#: A part of a name is no longer than file systems allow.
_PART = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,254}")
_LOCAL: Final = struct.Struct("<4s5H3I2H")
_CENTRAL: Final = struct.Struct("<4s6H3I5H2I")
_END: Final = struct.Struct("<4s4H2IH")
#: Version 2.0 of the format, made on Unix; no flags, stored, at midnight of 1980-01-01.
_NEEDED, _MADE_BY, _FLAGS, _STORED, _TIME, _DATE = 20, 3 << 8 | 20, 0, 0, 0, 1 << 5 | 1
#: A regular file that all may read.
_MODE: Final = 0o100644 << 16
_LIMIT: Final = 2**32 - 1
_PIECE: Final = 1 << 20
#: Characters of a name; a directory is no longer than those of all its names.
_LONGEST: Final = 1024


@dataclass(frozen=True)
class Member:
    """One file in an archive."""

    name: str
    size: int
    crc: int
    offset: int
    """Where its header begins."""

    @property
    def start(self) -> int:
        """Where its content begins."""
        return self.offset + _LOCAL.size + len(self.name)


def write_archive(path: Path, files: Mapping[str, Path]) -> None:
    """Write the ``files``, by their names in the archive; it appears whole or not at all.

    Raises
    ------
    InputError
        A name is not plain, or the archive would pass 4 GiB or 65,535 files.
    """
    members = []
    offset = 0
    for name in sorted(files):
        require_plain(name)
        members.append(Member(name, files[name].stat().st_size, _crc(files[name]), offset))
        offset = members[-1].start + members[-1].size
    tail = _directory(members)
    if offset + len(tail) > _LIMIT or len(members) > 0xFFFF:
        raise InputError(f"{path}: expected at most 4 GiB in 65,535 files, got {offset:,} bytes in {len(members):,}")

    def pieces() -> Iterator[bytes]:
        for member in members:
            yield _header(member)
            with files[member.name].open("rb") as stream:
                yield from iter(lambda: stream.read(_PIECE), b"")
        yield tail

    write_whole(path, pieces())


def read_members(path: Path) -> list[Member]:
    """The members of an archive that is spelled as `write_archive` spells it; contents are not read.

    Raises
    ------
    NotFoundError
        There is no such file.
    ChecksumError
        It is another kind of zip, hostile or damaged; says where.
    """
    if not path.is_file():
        raise NotFoundError(f"{path}: expected a zip file, found nothing there")
    with path.open("rb") as stream:

        def part(start: int, length: int) -> bytes:
            stream.seek(start)
            return stream.read(length)

        members, end = _listed(str(path), path.stat().st_size, part)
        place = 0
        for member in members:
            if member.offset != place or part(member.offset, member.start - member.offset) != _header(member):
                raise ChecksumError(f"{path}: the header of {member.name} is not as this package writes it; {_AGAIN}")
            place = member.start + member.size
        if place != end:
            raise ChecksumError(f"{path}: the zip has {end - place:,} bytes that belong to no file; {_AGAIN}")
    return members


def listed_members(name: str, size: int, part: Callable[[int, int], bytes]) -> list[Member]:
    """The members of an archive of ``size`` bytes, of which ``part`` reads (start, length): by its directory alone.

    Raises
    ------
    ChecksumError
        The archive that messages call ``name`` is another kind of zip, hostile or damaged.
    """
    members, end = _listed(name, size, part)
    places = [0, *(member.start + member.size for member in members)]
    if [member.offset for member in members] + [end] != places:
        raise ChecksumError(f"{name}: the files of the zip do not follow one another; {_AGAIN}")
    return members


def _listed(name: str, size: int, part: Callable[[int, int], bytes]) -> tuple[list[Member], int]:
    """The members that the directory lists, and where it begins."""
    end = part(max(0, size - _END.size), _END.size)
    if len(end) < _END.size or not end.startswith(b"PK\5\6"):
        raise ChecksumError(f"{name}: expected a zip of this package, whose end is missing; {_AGAIN}")
    _, _, _, _, count, directory_size, start, _ = _END.unpack(end)
    if start + directory_size + _END.size != size:
        raise ChecksumError(f"{name}: the end of the zip is damaged, or it is no zip of this package; {_AGAIN}")
    if not count * _CENTRAL.size <= directory_size <= count * (_CENTRAL.size + _LONGEST):
        raise ChecksumError(f"{name}: the directory of the zip is damaged or hostile; {_AGAIN}")
    directory = part(start, directory_size)
    members = _parse(name, directory, count)
    if directory + end != _directory(members):
        raise ChecksumError(f"{name}: the directory of the zip is not as this package writes it; {_AGAIN}")
    names = [member.name for member in members]
    folders = {parent.as_posix() for each in names for parent in PurePosixPath(each).parents}
    if names != sorted(set(names)) or folders & set(names):
        raise ChecksumError(f"{name}: the names in the zip are not sorted and distinct; {_AGAIN}")
    return members, start


def unpack(path: Path, folder: Path) -> None:
    """Unpack an archive into ``folder``; contents are copied as they are, damaged or not.

    Raises
    ------
    ChecksumError
        See `read_members`; nothing was written.
    """
    members = read_members(path)
    with path.open("rb") as stream:
        for member in members:
            target = folder / member.name
            target.parent.mkdir(parents=True, exist_ok=True)
            stream.seek(member.start)
            left = member.size
            with target.open("wb") as out:
                while left:
                    piece = stream.read(min(left, _PIECE))
                    out.write(piece)
                    left -= len(piece)


def archive_folder(path: Path, folder: Path, prefix: str = "") -> None:
    """Write every file below ``folder``, each name behind ``prefix``."""
    files = {prefix + p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
    write_archive(path, files)


_AGAIN: Final = "pull or download it again"


def require_plain(name: str) -> None:
    """Refuse a name with anything but letters, digits, '.', '_' and '-' between slashes, such as ``../x``."""
    if len(name) > _LONGEST or not all(_PART.fullmatch(part) for part in name.split("/")):
        raise InputError(f"expected a relative name of letters, digits, '.', '_' and '-', got {name[:80]!r}")


def _parse(path: str, directory: bytes, count: int) -> list[Member]:
    """The members that a central directory lists, each name plain."""
    members, place = [], 0
    try:
        for _ in range(count):
            fields = _CENTRAL.unpack_from(directory, place)
            crc, size, length, offset = fields[7], fields[9], fields[10], fields[16]
            place += _CENTRAL.size
            name = directory[place : place + length].decode("ascii")
            require_plain(name)
            members.append(Member(name, size, crc, offset))
            place += length
    except (struct.error, UnicodeDecodeError, InputError) as error:
        raise ChecksumError(f"{path}: the directory of the zip is damaged or hostile ({error}); {_AGAIN}") from None
    return members


def _header(member: Member) -> bytes:
    fixed = (_NEEDED, _FLAGS, _STORED, _TIME, _DATE, member.crc, member.size, member.size, len(member.name), 0)
    return _LOCAL.pack(b"PK\3\4", *fixed) + member.name.encode()


def _directory(members: list[Member]) -> bytes:
    """The central directory and the end record."""
    records = b"".join(_record(member) + member.name.encode() for member in members)
    start = members[-1].start + members[-1].size if members else 0
    return records + _END.pack(b"PK\5\6", 0, 0, len(members), len(members), len(records), start & _LIMIT, 0)


def _record(member: Member) -> bytes:
    fixed = (_MADE_BY, _NEEDED, _FLAGS, _STORED, _TIME, _DATE, member.crc, member.size, member.size, len(member.name))
    return _CENTRAL.pack(b"PK\1\2", *fixed, 0, 0, 0, 0, _MODE, member.offset & _LIMIT)


def _crc(path: Path) -> int:
    crc = 0
    with path.open("rb") as stream:
        for piece in iter(lambda: stream.read(_PIECE), b""):
            crc = zlib.crc32(piece, crc)
    return crc
