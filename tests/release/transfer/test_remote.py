"""Datasets on a web server are opened, queried, verified and selected from where they lie, in parts."""

import functools
import http.server
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import foundational
from benchmarks.faults.servers import served
from foundational.cli.main import app
from foundational.data.fingerprint import fingerprint
from foundational.data.remote import transport
from foundational.errors import ChecksumError, ConflictError, InputError, NotFoundError
from foundational.inspection.check import check
from foundational.inspection.show import show
from foundational.provenance.record import read_record
from foundational.release.bundle.archive import archive_folder, unpack
from foundational.release.registry.git import git
from foundational.release.registry.registry import read_registry, write_registry
from foundational.release.registry.version import Version, parse_dataset_version
from foundational.release.transfer.remote import remote_store
from foundational.stages.select.command import pull_where
from foundational.stages.verify.command import verify


class Parts(http.server.SimpleHTTPRequestHandler):
    """Answers requests for parts of files, as most web servers do, and notes what was asked for."""

    asked: list[tuple[str, int]]

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            self.send_error(404)
            return
        content, wanted = path.read_bytes(), self.headers.get("Range")
        if wanted:
            first, last = (int(number) for number in wanted.removeprefix("bytes=").split("-"))
            content = content[first : last + 1]
        type(self).asked.append((path.name, len(content)))
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", f'"{path.stat().st_mtime_ns}"')
        self.end_headers()
        self.wfile.write(content)


@pytest.fixture
def server(two, tmp_path: Path) -> Iterator[str]:
    """The address of a web server with the released bundles, and the newest release's data as a folder."""
    folder = tmp_path / "served"
    shutil.copytree(two.root / "build" / "releases", folder)
    shutil.copytree(two.folder, folder / "plain")
    Parts.asked = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Parts, directory=folder)) as web:
        thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{web.server_port}"
        web.shutdown()
        thread.join()


@pytest.mark.parametrize("place", ["plain", "plain/data.zarr", "ni/ni-1.1.0.zip"])
def test_a_dataset_at_an_address_is_read_there_in_parts(two, server: str, place: str) -> None:
    released = read_registry(two.folder).releases[-1]
    dataset = foundational.open_dataset(f"{server}/{place}")
    few = dataset.where("atoms = 32 and max_force > 0.1 eV/Å")
    assert 0 < len(few) < len(dataset) == 12
    assert fingerprint(dataset.xarray) == released.fingerprint
    assert max(size for name, size in Parts.asked if name.endswith(".zip")) < 100_000 if place.endswith("zip") else True
    shown = show(f"{server}/{place}", where="atoms = 32")
    assert (shown["fingerprint"], shown["n_selected"]) == (released.fingerprint, 6)
    assert not check(f"{server}/{place}", two.root).defects
    found = verify(f"{server}/{place}", two.root)
    assert (found.ok, found.name, found.version) == (True, "ni", "1.1.0")


def test_a_selection_is_pulled_without_the_rest(two, server: str, tmp_path: Path) -> None:
    root = tmp_path / "clone"
    git(tmp_path, "clone", "-q", str(two.root), str(root))
    command = ["pull", "ni@1.1.0", "--from", server, "--where", "split = validation", "--root", str(root)]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    dataset = foundational.open_dataset("local/selected", root)
    record = read_record(root / "datasets/local/selected")
    whole = foundational.open_dataset(f"{server}/plain")
    rows = np.flatnonzero(whole["split"].to_numpy() == 1)
    assert dataset.fingerprint == fingerprint(whole[rows].xarray)
    assert (record.stage, record.spec, record.inputs[0].version) == ("select", {"where": "split = validation"}, "1.1.0")
    for where, words in (("energy = 7 eV", "no configuration of 12 fulfils it"), ("colour = red", "colour")):
        with pytest.raises(InputError, match=words):
            pull_where(parse_dataset_version("ni"), where, "local/none", source=server, root=root)


def test_options_that_a_part_of_a_release_cannot_obey_are_refused(two, server: str) -> None:
    for options in ({"relabel": 1}, {"signers": two.root / "signers"}):
        with pytest.raises(InputError, match="expected a release on this machine with --signers or --relabel"):
            verify(f"{server}/plain", two.root, **options)
    command = ["pull", "ni@1.1.0", "--from", server, "--where", "split = validation", "--root", str(two.root)]
    done = CliRunner().invoke(app, [*command, "--bundle"])
    assert isinstance(done.exception, InputError)
    assert "need the whole release" in str(done.exception)


def test_what_changed_or_is_missing_on_the_server_is_refused(two, server: str, tmp_path: Path) -> None:
    folder = tmp_path / "served" / "plain" / "data.zarr"
    with pytest.raises(NotFoundError, match=r"expected a dataset, found no zarr\.json"):
        remote_store(f"{server}/nowhere")
    dataset = foundational.open_dataset(f"{server}/plain").xarray
    dataset["forces"][:1].load()
    path = next((folder / "forces").rglob("c/0*"))
    path = path if path.is_file() else next(p for p in path.rglob("*") if p.is_file())
    content = bytearray(path.read_bytes())
    content[20] ^= 1
    path.write_bytes(content)
    with pytest.raises(ConflictError, match="was replaced after it was opened"):
        dataset["forces"].load()
    with pytest.raises(ChecksumError, match="forces do not match their checksum"):
        foundational.open_dataset(f"{server}/plain")["forces"].to_numpy()
    assert any("forces" in problem for problem in verify(f"{server}/plain", two.root).problems)
    (folder / "energy" / "c" / "0").unlink()
    with pytest.raises(NotFoundError, match="energy/c/0 is not there"):
        foundational.open_dataset(f"{server}/plain")["energy"].to_numpy()


@pytest.mark.parametrize(
    ("header", "body", "message"),
    [("Content-Length: a", "", "does not state the size"), ("Content-Length: 4", "[1 ]", "at most 3 bytes, got more")],
)
def test_what_a_server_says_of_a_size_is_not_believed(monkeypatch, header: str, body: str, message: str) -> None:
    monkeypatch.setattr(transport.Web._answer, "__defaults__", (3,))
    with (
        served(lambda *_: f"HTTP/1.1 200 OK\r\n{header}\r\nConnection: close\r\n\r\n{body}".encode()) as url,
        pytest.raises(NotFoundError, match=message),
    ):
        (transport.Web().whole if body else transport.Web().size)(f"{url}/a")


@pytest.mark.parametrize(
    ("case", "error", "message"),
    [
        ("another version", NotFoundError, r"expected ni@1\.1\.0, got ni@1\.0\.0"),
        ("other data", ChecksumError, r"is not what was released as ni@1\.1\.0"),
        ("no zip", NotFoundError, "expected a zip, found nothing there"),
        ("no list", NotFoundError, "expected the list of releases, found nothing there"),
        ("no dataset", NotFoundError, r"expected a dataset, found no zarr\.json in the zip"),
        ("no record", NotFoundError, r"expected a release, found no release\.json"),
    ],
)
def test_what_is_not_the_release_at_a_server_is_refused_and_nothing_is_kept(
    two, server, tmp_path, case, error, message
):
    folder = tmp_path / "served" / "ni"
    newest, older = folder / "ni-1.1.0.zip", folder / "ni-1.0.0.zip"
    if case == "no list":
        (folder / "releases.yaml").unlink()
    elif case == "another version":
        shutil.copyfile(older, newest)
    elif case == "no zip":
        newest.unlink()
    else:
        unpack(older if case == "other data" else newest, tmp_path / "unpacked")
        (root,) = (tmp_path / "unpacked").iterdir()
        if case == "other data":  # of the older version under the newer one's record
            unpack(newest, tmp_path / "record")
            shutil.copyfile(next((tmp_path / "record").glob("*/release.json")), root / "release.json")
        elif case == "no record":
            (root / "release.json").unlink()
        else:
            (root / "data.zarr.zip").unlink()
        archive_folder(newest, tmp_path / "unpacked")
    with pytest.raises(error, match=message):
        pull_where(parse_dataset_version("ni@1.1.0"), "atoms = 32", "local/none", source=server, root=two.root)
    assert not (two.root / "datasets" / "local" / "none").exists()


def test_a_choice_of_a_withdrawn_release_and_a_name_of_no_own_set_are_said(two) -> None:
    write_registry(two.folder, read_registry(two.folder).with_yanked(Version(1, 1, 0), "Stress sign."))
    command = ["pull", "ni@1.1.0", "--where", "split = validation", "--root", str(two.root)]
    done = CliRunner().invoke(app, [*command, "--name", "local/few"])
    assert done.exit_code == 0, done.output
    assert "warning: ni@1.1.0 was withdrawn: Stress sign.; take ni@1.0.0" in done.stderr
    assert "of 12 configurations of ni@1.1.0" in done.stdout
    refused = CliRunner().invoke(app, [*command, "--name", "few"])
    assert isinstance(refused.exception, InputError)
    assert "expected a name that begins with local/ for a selection, got 'few'" in str(refused.exception)
