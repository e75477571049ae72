"""DVC's own commands on a released project: a bare clone, another repository, S3, HTTP and a folder; all of it real."""

import functools
import hashlib
import http.server
import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import s3fs

import foundational
from foundational.data.fingerprint import fingerprint
from foundational.errors import ChecksumError, InputError, NotFoundError
from foundational.release.registry.git import git
from foundational.release.registry.registry import read_registry
from foundational.release.registry.version import parse_dataset_version
from foundational.release.transfer.dvc_objects import (
    directory_hash,
    fetch,
    is_stored,
    listed_objects,
    read_config,
    tracked_hash,
)
from foundational.stages.select.command import pull_where
from foundational.stages.verify.command import verify

#: Runs several DVC commands in one process; starting DVC takes longer than most of them.
SESSION = """if True:
    import json, os, sys, warnings
    warnings.simplefilter("ignore")
    from dvc.cli import main
    for folder, arguments in json.loads(sys.argv[1]):
        os.chdir(folder)
        status = main(arguments)
        if status:
            sys.exit(f"dvc {' '.join(arguments)} in {folder}: status {status}")
"""


def dvc(*commands: tuple[Path, str], **environment: str) -> str:
    """What DVC prints; each command as (folder, arguments)."""
    listed = json.dumps([(str(folder), arguments.split()) for folder, arguments in commands])
    command = [sys.executable, "-c", SESSION, listed]
    run = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def clone(project, target: Path) -> Path:
    git(target.parent, "clone", "-q", str(project.root), str(target))
    return target


def bare(project, target: Path, **remotes: str) -> Path:
    """A clone whose bundled store is gone, with other remotes."""
    root = clone(project, target)
    for path in sorted((root / "datasets" / ".store").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    with (root / ".dvc" / "config.local").open("w") as stream:
        for name, url in remotes.items():
            stream.write(f"['remote \"{name}\"']\n    url = {url}\n")
            if url.startswith("s3://"):
                stream.write(f"    endpointurl = {os.environ['S3_ENDPOINT']}\n")
    return root


def intact(root: Path, expected: str) -> bool:
    return foundational.open_dataset("ni", root).fingerprint == expected and verify("ni@1.1.0", root).ok


@pytest.fixture
def expected(two) -> str:
    return read_registry(two.folder).releases[-1].fingerprint


def test_dvc_and_this_package_name_data_alike(template):
    """The template was tracked and pushed by DVC itself."""
    tracked = tracked_hash(template.root, "ni")
    assert tracked == directory_hash(template.folder / "data.zarr")
    assert tracked == tracked_hash(template.root, "ni", "HEAD")
    assert is_stored(template.root, tracked)
    assert not is_stored(template.root, "0" * 32 + ".dir")


def test_a_remote_whose_name_no_file_system_has_is_one_without_the_data(tmp_path: Path) -> None:
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc" / "config").write_text(f"['remote \"long\"']\n    url = ../{'0' * 300}\n")
    assert not is_stored(tmp_path, "0" * 32 + ".dir")
    with pytest.raises(NotFoundError, match="neither in the cache nor in a remote"):
        fetch(tmp_path, "0" * 32 + ".dir", tmp_path / "out")


def test_a_bare_clone_pulls_plainly_and_by_target_and_another_repository_gets_and_imports(two, tmp_path, expected):
    one, other, consumer = clone(two, tmp_path / "one"), clone(two, tmp_path / "two"), tmp_path / "consumer"
    consumer.mkdir()
    git(consumer, "init", "-q")
    target = "datasets/ni/data.zarr"
    status = dvc(
        (one, "pull -q"),
        (one, "status"),
        (other, f"pull -q {target}"),
        (consumer, "init -q"),
        (consumer, f"get -q {two.root} {target} -o got.zarr"),
        (consumer, f"get -q {two.root} {target} --rev HEAD~2 -o old.zarr"),
        (consumer, f"import -q {two.root} {target} -o imported.zarr"),
    )
    assert "up to date" in status
    for root in (one, other):
        assert intact(root, expected)
        assert git(root, "status", "--porcelain") == ""
    for name in ("got.zarr", "imported.zarr"):
        assert foundational.open_dataset(consumer / name).fingerprint == expected
    assert (
        foundational.open_dataset(consumer / "old.zarr").fingerprint
        == read_registry(two.folder).releases[0].fingerprint
    )


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def web(tmp_path) -> Iterator[str]:
    """The URL of a web server for ``served``."""
    folder = tmp_path / "served"
    folder.mkdir()
    handler = functools.partial(Quiet, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def s3(monkeypatch, tmp_path) -> Iterator[str]:
    """The URL of a bucket on an S3 server, a process of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    endpoint = f"http://127.0.0.1:{port}"
    for key, value in (("ID", "testing"), ("SECRET", "testing")):
        monkeypatch.setenv("AWS_ACCESS_KEY_ID" if key == "ID" else "AWS_SECRET_ACCESS_KEY", value)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("S3_ENDPOINT", endpoint)
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    command = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with (tmp_path / "s3.log").open("w") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        for _ in range(1200):
            try:
                urllib.request.urlopen(urllib.request.Request(f"{endpoint}/bucket", method="PUT"), timeout=5).close()
                break
            except OSError:
                time.sleep(0.1)
        yield "s3://bucket/foundational"
    finally:
        server.terminate()
        server.wait()


def test_s3_http_and_a_folder_serve_as_remotes(two, tmp_path, expected, web, s3):
    pusher = clone(two, tmp_path / "pusher")
    served = tmp_path / "served"
    (pusher / ".dvc" / "config.local").write_text(
        f"['remote \"s3\"']\n    url = {s3}\n    endpointurl = {os.environ['S3_ENDPOINT']}\n"
        f"['remote \"disk\"']\n    url = {served}\n"
    )
    from_s3 = bare(two, tmp_path / "from-s3", s3=s3)
    from_web = bare(two, tmp_path / "from-web", web=web)
    from_disk = bare(two, tmp_path / "from-disk", disk=str(served))
    dvc(
        (pusher, "pull -q"),
        (pusher, "push -q -r s3"),
        (pusher, "push -q -r disk"),
        (from_s3, "pull -q -r s3"),
        (from_web, "pull -q -r web"),
        (from_disk, "pull -q -r disk"),
    )
    for root in (from_s3, from_web, from_disk):
        assert intact(root, expected), root
    assert is_stored(from_disk, tracked_hash(from_disk, "ni") or "")
    s3fs.S3FileSystem(endpoint_url=os.environ["S3_ENDPOINT"]).put(str(two.folder), "bucket/plain/ni", recursive=True)
    at_s3 = foundational.open_dataset("s3://bucket/plain/ni")
    assert fingerprint(at_s3.xarray) == expected
    assert len(at_s3.where("atoms = 32")) == 6
    assert verify("s3://bucket/plain/ni", two.root).ok
    with pytest.raises(NotFoundError, match="expected a dataset"):
        foundational.open_dataset("s3://bucket/nowhere")
    again = bare(two, tmp_path / "again", s3=s3)
    few = pull_where(parse_dataset_version("ni@1.1.0"), "atoms = 32", "local/few", root=again)
    assert (few.output.n_configurations, few.inputs[0].version) == (6, "1.1.0")


@pytest.mark.parametrize(
    "names", [["../up"], ["/root"], ["a" * 300], [""], ["a/"], ["a", "a/b"], ["a/b/c", "a/b"], ["a\0b"], [3]]
)
def test_a_listing_that_names_no_files_of_the_folder_is_refused(names: list[object]) -> None:
    listing = json.dumps([{"relpath": name, "md5": "0" * 32} for name in names]).encode()
    with pytest.raises(ChecksumError, match="the list of files"):
        listed_objects(listing, hashlib.md5(listing, usedforsecurity=False).hexdigest() + ".dir")


def test_a_dvc_remote_of_other_bytes_is_found_by_verify(two, tmp_path):
    """DVC compares with md5 what it downloads; a file that somebody made to collide would still be found."""
    root = clone(two, tmp_path / "clone")
    dvc((root, "pull -q"))
    path = root / "datasets" / "ni" / "data.zarr" / "energy" / "c" / "0"
    content = bytearray(path.read_bytes())
    content[10] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)
    assert any("energy" in problem for problem in verify("ni", root).problems)


@pytest.mark.parametrize(
    ("lock", "tracked"),
    [
        ("stages: {a: {outs: [{path: x, md5: 1}, {path: datasets/ni/data.zarr, md5: abc.dir}]}}", "abc.dir"),
        ("stages: {a: {outs: [{path: datasets/ni/data.zarr}]}}", None),
        ("stages: {a: [], b: {outs: 7}, c: {outs: [7]}}", None),
        ("stages: [7]", None),
        ("schema: '2.0'", None),
    ],
)
def test_what_dvc_tracks_is_read_from_its_lock(tmp_path: Path, lock: str, tracked: str | None) -> None:
    (tmp_path / "dvc.lock").write_text(lock)
    assert tracked_hash(tmp_path, "ni") == tracked
    pointer = tmp_path / "datasets" / "ni" / "data.zarr.dvc"
    pointer.parent.mkdir(parents=True)
    pointer.write_text("outs: [{md5: other.dir, path: data.zarr}]")
    assert tracked_hash(tmp_path, "ni") == (tracked or "other.dir")


def test_settings_of_dvc_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    (tmp_path / ".dvc").mkdir()
    for content in (b"no section", b"[core]\nurl = \xff\n"):
        (tmp_path / ".dvc" / "config").write_bytes(content)
        with pytest.raises(InputError, match="config: not readable"):
            read_config(tmp_path)


@pytest.mark.parametrize("entries", [[{"relpath": "a", "md5": "0" * 31}], [{"relpath": 7, "md5": "0" * 32}], {"a": 1}])
def test_a_damaged_list_of_files_is_refused(entries: object) -> None:
    listing = json.dumps(entries).encode()
    tracked = hashlib.md5(listing, usedforsecurity=False).hexdigest() + ".dir"
    with pytest.raises(ChecksumError, match="is damaged; fetch it again"):
        listed_objects(listing, tracked)
    good = json.dumps([{"relpath": "a/b", "md5": "0" * 32}]).encode()
    with pytest.raises(ChecksumError, match="is damaged"):
        listed_objects(good, tracked)
    own = hashlib.md5(good, usedforsecurity=False).hexdigest() + ".dir"
    assert listed_objects(good, own) == {"a/b": "0" * 32}
    both = json.dumps([{"relpath": "a", "md5": "0" * 32}, {"relpath": "a/b", "md5": "0" * 32}]).encode()
    with pytest.raises(ChecksumError, match="is damaged"):
        listed_objects(both, hashlib.md5(both, usedforsecurity=False).hexdigest() + ".dir")
