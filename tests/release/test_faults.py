"""What disks, processes and people do to releases: nothing half-written or foreign is ever taken for whole."""

import json
import shutil
import stat
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from foundational.errors import ChecksumError, ConflictError, FoundationalError, NotFoundError
from foundational.project import user_store
from foundational.release.bundle.archive import archive_folder, read_members, unpack
from foundational.release.registry.registry import read_registry
from foundational.release.registry.version import parse_dataset_version
from foundational.release.transfer.retrieval import pull
from foundational.stages.verify.command import verify
from tests.disks import read_only, small_disk

KILLS = Path(__file__).with_name("kills.py")


@pytest.fixture
def outside(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def key(tmp_path_factory) -> Path | None:
    if shutil.which("ssh-keygen") is None:
        return None
    path = tmp_path_factory.mktemp("key") / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return path


def test_each_of_100_flipped_bits_anywhere_in_a_release_is_found(project, key, outside):
    """Without the project and its registry, in the folder and in the zip, data, documents, manifest and signature."""
    archive = project.released(key=key).bundle
    folder = archive.with_suffix("")
    files = [archive, *(p for p in sorted(folder.rglob("*")) if p.is_file())]
    assert verify(str(archive)).ok
    assert verify(str(folder)).ok
    rng = np.random.default_rng(20231109)
    # Half of the flips where they fall, which is mostly in the data; half in a file drawn first.
    sizes = np.array([path.stat().st_size for path in files])
    chosen = np.concatenate([rng.choice(len(files), 50, p=sizes / sizes.sum()), rng.choice(len(files), 50)])
    for number in chosen:
        path, bit = files[number], rng.integers(8 * sizes[number])
        content = path.read_bytes()
        path.write_bytes(content[: bit // 8] + bytes([content[bit // 8] ^ 1 << bit % 8]) + content[bit // 8 + 1 :])
        what = archive if path == archive else folder
        try:
            problems = verify(str(what)).problems
        except ChecksumError as error:
            problems = (str(error),)
        assert problems, f"bit {bit} of {path.name}"
        path.write_bytes(content)
    assert verify(str(archive)).ok
    assert verify(str(folder)).ok


@pytest.mark.parametrize(("action", "moments"), [("release", 8), ("pull", 10)])
def test_a_kill_at_any_moment_leaves_nothing_half_and_a_rerun_completes(request, action, moments, tmp_path):
    """18 kills in all, each at a drawn operation on files; kills.py says what must hold after each."""
    source = request.getfixturevalue("two" if action == "pull" else "project")
    command = [sys.executable, KILLS, action, source.root, tmp_path / "kills", str(moments)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert run.returncode == 0, run.stdout + run.stderr
    assert json.loads(run.stdout)["killed"] == moments


def test_of_two_releases_at_once_one_succeeds(project):
    code = """if True:
        import sys
        from pathlib import Path
        from foundational.errors import ConflictError
        from foundational.stages.release.command import release_dataset
        print("ready", flush=True)
        sys.stdin.readline()
        try:
            print(release_dataset(Path(sys.argv[1]), "ni", out=Path(sys.argv[1], "build", "releases")).new)
        except ConflictError as error:
            print(error)
    """
    command = [sys.executable, "-c", code, project.root]
    both = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    for process in both:
        assert process.stdout.readline() == "ready\n"
    for process in both:
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = sorted(process.communicate()[0] for process in both)
    # The second finds it released, where the first was done before it began.
    assert answers[0] == "True\n" or answers[1] == "True\n"
    assert ("another process is writing" in answers[0] + answers[1]) or "False\n" in answers
    assert len(read_registry(project.folder).releases) == 1
    assert verify("ni@1.0.0", project.root).ok


def test_of_two_pulls_at_once_both_end_with_the_release(two, tmp_path):
    code = (
        "import sys; from foundational.release.transfer.retrieval import pull\n"
        "from foundational.release.registry.version import parse_dataset_version\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "print(pull(parse_dataset_version('ni@1.0.0'), sys.argv[1]).record.version)"
    )
    command = [sys.executable, "-c", code, two.out]
    both = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=tmp_path)
        for _ in range(2)
    ]
    for process in both:
        assert process.stdout.readline() == "ready\n"
    for process in both:
        process.stdin.write("go\n")
        process.stdin.flush()
    assert [process.communicate()[0] for process in both] == ["1.0.0\n"] * 2


def test_a_full_disk_is_told_in_one_sentence_and_releases_nothing(project, tmp_path):
    expected = project.release(out=tmp_path / "enough").bundle.read_bytes()
    (project.folder / "releases.yaml").unlink()
    shutil.rmtree(project.folder / "releases")
    for kibibytes in (16, 256):  # not enough for the data, enough for the folder and not for the zip
        with small_disk(tmp_path / f"small-{kibibytes}", kibibytes) as disk:
            with pytest.raises(ConflictError, match=r"cannot write .*: No space left on device; fix this"):
                project.release(out=disk)
            assert not (disk / "ni" / "ni-1.0.0.zip").exists()
            whole = disk / "ni" / "ni-1.0.0"
            assert not whole.exists() or verify(str(whole), project.root).ok
    assert not read_registry(project.folder).releases
    assert project.release().bundle.read_bytes() == expected


def test_a_disk_that_fills_while_pulling_keeps_nothing(two, tmp_path, outside, monkeypatch):
    with small_disk(tmp_path / "small", 64) as disk:
        monkeypatch.setenv("XDG_DATA_HOME", str(disk))
        with pytest.raises((OSError, FoundationalError), match="No space left"):
            pull(parse_dataset_version("ni@1.0.0"), str(two.out))
        assert not list(user_store().rglob("data.zarr"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "user"))
    assert pull(parse_dataset_version("ni@1.0.0"), str(two.out)).fetched


def test_a_folder_that_may_not_be_written_is_told_in_one_sentence(project, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    with read_only(out), pytest.raises(ConflictError, match=r"cannot write .*; fix this"):
        project.release(out=out)
    with read_only(project.folder), pytest.raises(ConflictError, match=r"cannot write .*; fix this"):
        project.release()
    assert not read_registry(project.folder).releases
    assert project.release().new


def hostile(path: Path, entries: dict[str, bytes], **attributes: int) -> Path:
    """A zip made by the standard library, with any names."""
    with zipfile.ZipFile(path, "w", attributes.pop("method", zipfile.ZIP_STORED)) as archive:
        for name, content in entries.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = archive.compression
            info.external_attr = attributes.get("external_attr", 0o100644 << 16)
            archive.writestr(info, content)
    return path


@pytest.mark.parametrize(
    ("entries", "attributes"),
    [
        ({"../outside": b"x"}, {}),
        ({"ni-1.0.0/../../outside": b"x"}, {}),
        ({"/tmp/outside": b"x"}, {}),
        ({"C:\\outside": b"x"}, {}),
        ({"ni-1.0.0/link": b"/etc/passwd"}, {"external_attr": (stat.S_IFLNK | 0o777) << 16}),
        ({"ni-1.0.0/bomb": bytes(10_000_000)}, {"method": zipfile.ZIP_DEFLATED}),
        ({"ni-1.0.0/.hidden": b"x"}, {}),
        ({"ni-1.0.0/a": b"x", "ni-1.0.0/a/b": b"x"}, {}),
        ({"ni-1.0.0/b": b"x", "ni-1.0.0/a": b"x"}, {}),
    ],
)
def test_a_hostile_zip_is_refused_before_a_byte_is_unpacked(outside, entries, attributes):
    path = hostile(outside / "ni-1.0.0.zip", entries, **attributes)
    before = set(outside.rglob("*"))
    for work in (
        lambda: unpack(path, outside / "there"),
        lambda: verify(str(path)),
        lambda: pull(parse_dataset_version("ni@1.0.0"), str(path)),
    ):
        with pytest.raises(ChecksumError, match=r"ni-1\.0\.0\.zip"):
            work()
    assert set(outside.rglob("*")) == before


def test_overlapping_and_hidden_bytes_are_refused(outside):
    (outside / "files").mkdir()
    (outside / "files" / "a").write_bytes(bytes(1000))
    (outside / "files" / "b").write_bytes(bytes(1000))
    path = outside / "x.zip"
    archive_folder(path, outside / "files")
    content = path.read_bytes()
    start = read_members(path)[1].offset
    directory = content.index(b"PK\1\2")
    second = content.index(b"PK\1\2", directory + 1)
    overlapping = bytearray(content)
    overlapping[second + 42 : second + 46] = struct.pack("<I", 0)  # b begins where a begins
    hidden = content[:start] + b"hidden" + content[start:]
    for forged in (
        bytes(overlapping),
        hidden,
        b"MZ" + content,
        content + b"tail",
        content[:-4],
        b"",
        b"PK\5\6" + bytes(18)[:10],
    ):
        path.write_bytes(forged)
        with pytest.raises(ChecksumError):
            read_members(path)


def test_a_zip_within_a_zip_cannot_be_hostile_either(two, outside):
    """The store's zip is only ever read as a store, or unpacked by the same strict reader."""
    bundle = two.out / "ni" / "ni-1.0.0"
    hostile(bundle / "data.zarr.zip", {"../../outside": b"x"})
    problems = verify(str(bundle)).problems
    assert problems
    assert "data.zarr.zip" in problems[0]
    assert not (outside.parent / "outside").exists()


def test_a_git_url_cannot_carry_an_option_or_a_command(outside):
    for source in ("--upload-pack=touch made;.git", "ext::sh -c touch% made .git"):
        with pytest.raises((ConflictError, NotFoundError)):
            pull(parse_dataset_version("ni@1.0.0"), source)
    assert not (outside / "made").exists()
