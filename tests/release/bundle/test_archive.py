"""A zip of this package is spelled in one way; any other is refused before a byte of it is unpacked."""

import zipfile
from pathlib import Path

import pytest

from foundational.errors import ChecksumError, InputError
from foundational.release.bundle import archive
from foundational.release.bundle.archive import archive_folder, listed_members, read_members, require_plain, unpack

#: Bytes of the headers, the directory and the end record of an archive with one file of one letter.
AROUND = 30 + 1 + 46 + 1 + 22


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    folder = tmp_path / "folder"
    for name, content in (("a.txt", b"one"), ("b/c.txt", b""), ("b/d.txt", bytes(range(256)))):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    archive_folder(tmp_path / "packed.zip", folder, "top/")
    return tmp_path / "packed.zip"


def listed(path: Path) -> list[archive.Member]:
    content = path.read_bytes()
    return listed_members(path.name, len(content), lambda start, length: content[start : start + length])


def test_any_program_reads_what_is_packed_and_this_one_unpacks_it(packed: Path, tmp_path: Path):
    expected = {"top/a.txt": b"one", "top/b/c.txt": b"", "top/b/d.txt": bytes(range(256))}
    with zipfile.ZipFile(packed) as other:
        assert other.testzip() is None
        assert {info.filename: other.read(info) for info in other.infolist()} == expected
        assert {info.external_attr >> 16 for info in other.infolist()} == {0o100644}
        assert {info.date_time for info in other.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    unpack(packed, tmp_path / "out")
    assert {p.relative_to(tmp_path / "out").as_posix(): p.read_bytes() for p in (tmp_path / "out").rglob("*.txt")} == (
        expected
    )
    assert [(m.name, m.size) for m in listed(packed)] == [(name, len(content)) for name, content in expected.items()]
    assert listed(packed) == read_members(packed)
    content = packed.read_bytes()
    assert [content[m.start : m.start + m.size] for m in listed(packed)] == list(expected.values())


def ended(content: bytes, **changes: int) -> bytes:
    """The archive with another end record."""
    fields = dict(zip(("sign", "d", "e", "here", "count", "size", "start", "comment"), end_of(content), strict=True))
    return content[: -archive._END.size] + archive._END.pack(*(fields | changes).values())


def end_of(content: bytes) -> tuple[int, ...]:
    return archive._END.unpack(content[-archive._END.size :])


def test_bytes_that_belong_to_no_file_are_refused(packed: Path):
    content = packed.read_bytes()
    start = end_of(content)[6]
    packed.write_bytes(ended(content[:start] + b"junk" + content[start:], start=start + 4))
    with pytest.raises(ChecksumError, match="as this package writes it"):
        read_members(packed)
    members = read_members_of(content, packed)
    inside = members[1].offset
    shifted = [m if m.offset < inside else archive.Member(m.name, m.size, m.crc, m.offset + 4) for m in members]
    tail = archive._directory(shifted)
    packed.write_bytes(content[:inside] + b"junk" + content[inside:start] + tail)
    with pytest.raises(ChecksumError, match="do not follow one another"):
        listed(packed)
    with pytest.raises(ChecksumError, match=r"the header of top/b/c\.txt"):
        read_members(packed)


def read_members_of(content: bytes, path: Path) -> list[archive.Member]:
    path.write_bytes(content)
    return read_members(path)


@pytest.mark.parametrize("changes", [{"count": 9}, {"count": 0}, {"count": 2}, {"count": 4}, {"size": 7}, {"start": 7}])
def test_a_directory_that_says_other_than_it_has_is_refused(packed: Path, changes: dict[str, int]):
    packed.write_bytes(ended(packed.read_bytes(), **changes))
    with pytest.raises(ChecksumError):
        read_members(packed)
    with pytest.raises(ChecksumError):
        listed(packed)


@pytest.mark.parametrize("size", [0, 1, 21])
def test_what_is_shorter_than_an_end_record_is_no_zip(packed: Path, size: int):
    packed.write_bytes(packed.read_bytes()[-size:] if size else b"")
    with pytest.raises(ChecksumError, match="whose end is missing"):
        read_members(packed)


def test_an_archive_has_at_most_its_largest_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(archive, "_LIMIT", 1023)
    (tmp_path / "a").write_bytes(bytes(1023 - AROUND))
    archive.write_archive(tmp_path / "a.zip", {"a": tmp_path / "a"})
    assert (tmp_path / "a.zip").stat().st_size == 1023
    (tmp_path / "a").write_bytes(bytes(1024 - AROUND))
    with pytest.raises(InputError, match="at most 4 GiB in 65,535 files"):
        archive.write_archive(tmp_path / "b.zip", {"a": tmp_path / "a"})
    assert not (tmp_path / "b.zip").exists()


@pytest.mark.parametrize("name", ["a", "a/b.c", "_-/A1", "a" * 255, "/".join(["a" * 100] * 10)])
def test_plain_names_are_taken(name: str):
    require_plain(name)


@pytest.mark.parametrize(
    "name", ["", "/a", "a/", "../a", ".a", "a//b", "a b", "ä", "a" * 256, "/".join(["a" * 113] * 9)]
)
def test_other_names_are_refused(name: str):
    with pytest.raises(InputError, match="expected a relative name"):
        require_plain(name)
