import functools
import http.server
import json
import shutil
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

import pytest
from typer.testing import CliRunner

import foundational
from foundational.cli.main import app
from foundational.data.store import write_dataset
from foundational.errors import ChecksumError, ConflictError, FoundationalError, InputError, NotFoundError
from foundational.inspection.check import check
from foundational.inspection.show import show
from foundational.project import user_store
from foundational.provenance.record import write_json
from foundational.release.bundle.archive import archive_folder
from foundational.release.bundle.bundle import write_manifest
from foundational.release.record import read_release
from foundational.release.registry.git import git
from foundational.release.registry.registry import YankedWarning, read_registry, write_registry
from foundational.release.registry.version import Version, parse_dataset_version
from foundational.release.transfer.location import _is_release
from foundational.release.transfer.retrieval import pull
from foundational.stages.verify.command import verify


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The URL of a web server for a folder."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def elsewhere(tmp_path, monkeypatch) -> Path:
    """A working directory outside of any project."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def clone(project, target: Path) -> Path:
    git(target.parent, "clone", "-q", str(project.root), str(target))
    return target


def release(two, version):
    return next(r for r in read_registry(two.folder).releases if r.version == version)


def test_a_bare_clone_pulls_the_version_it_holds_into_its_place(two, tmp_path):
    root = clone(two, tmp_path / "clone")
    with pytest.raises(NotFoundError, match=r"fetch it with: foundational pull ni@1\.1\.0$"):
        foundational.open_dataset("ni@1.1.0", root)
    pulled = pull(parse_dataset_version("ni"), root=root)
    assert (pulled.store, pulled.record.version, pulled.fetched) == (root / "datasets/ni/data.zarr", "1.1.0", True)
    assert foundational.open_dataset("ni@1.1.0", root).fingerprint == release(two, "1.1.0").fingerprint
    assert git(root, "status", "--porcelain") == ""
    assert not pull(parse_dataset_version("ni@1.1.0"), root=root).fetched


def test_another_version_lies_beside_the_projects_own(two, tmp_path):
    root = clone(two, tmp_path / "clone")
    pulled = pull(parse_dataset_version("ni@1.0.0"), root=root)
    assert pulled.store == root / "datasets" / "local" / "ni-1.0.0" / "data.zarr"
    dataset = foundational.open_dataset("ni@1.0.0", root)
    assert (len(dataset), dataset.version) == (10, "1.0.0")
    assert dataset.fingerprint == release(two, "1.0.0").fingerprint
    assert json.loads((pulled.store.parent / "provenance.json").read_text())["output"]["version"] == "1.0.0"
    assert not (root / "datasets" / "ni" / "data.zarr").exists()
    assert git(root, "status", "--porcelain") == ""


@pytest.mark.parametrize("kind", ["zip", "folder", "several", "project", "git"])
def test_versions_are_pulled_from_all_kinds_of_places(two, elsewhere, tmp_path, kind):
    if kind == "git":
        git(tmp_path, "clone", "-q", "--bare", str(two.root), str(tmp_path / "ni.git"))
    sources = {
        "zip": two.out / "ni" / "ni-1.0.0.zip",
        "folder": two.out / "ni" / "ni-1.0.0",
        "several": two.out,
        "project": two.root,
        "git": tmp_path / "ni.git",
    }
    with pytest.raises(NotFoundError, match=r"foundational pull ni@1\.0\.0 --from"):
        foundational.open_dataset("ni@1.0.0")
    pulled = pull(parse_dataset_version("ni@1.0.0"), str(sources[kind]))
    assert pulled.store == user_store() / "ni" / "1.0.0" / "data.zarr"
    assert foundational.open_dataset("ni@1.0.0").fingerprint == release(two, "1.0.0").fingerprint
    assert not pull(parse_dataset_version("ni@1.0.0"), str(sources[kind])).fetched


def test_versions_are_pulled_from_a_web_server(two, elsewhere):
    with served(two.out) as url:
        newest = pull(parse_dataset_version("ni"), url)
        assert newest.record.version == "1.1.0"
        direct = pull(parse_dataset_version("ni@1.0.0"), f"{url}/ni/ni-1.0.0.zip")
        assert direct.record.n_configurations == 10
        with pytest.raises(NotFoundError, match=r"no release ni@9\.0\.0; released: 1\.0\.0, 1\.1\.0"):
            pull(parse_dataset_version("ni@9.0.0"), url)
        with pytest.raises(NotFoundError, match="404"):
            pull(parse_dataset_version("al"), url)
    with pytest.raises(NotFoundError, match="cannot be downloaded"):
        pull(parse_dataset_version("ni"), url)
    assert read_registry(user_store() / "ni") == read_registry(two.folder)


@pytest.mark.parametrize("what", ["other release", "flipped", "cut", "longer", "forged"])
def test_a_server_of_other_bytes_is_refused_and_nothing_is_kept(two, elsewhere, changed, what):
    archive = two.out / "ni" / "ni-1.1.0.zip"
    content = archive.read_bytes()
    if what == "other release":
        archive.write_bytes((two.out / "ni" / "ni-1.0.0.zip").read_bytes())
    elif what == "flipped":
        archive.write_bytes(content[:5000] + bytes([content[5000] ^ 1]) + content[5001:])
    elif what == "cut":
        archive.write_bytes(content[:-1000])
    elif what == "longer":
        archive.write_bytes(content + b"x")
    else:  # another release of the same version, sound in itself
        (two.folder / "releases.yaml").unlink()
        shutil.rmtree(two.root / ".git")
        git(two.root, "init", "-q")
        two.write(changed(slice(0, 11)))
        two.commit()
        forged = two.release(version=Version(1, 1, 0), out=two.root / "build" / "forged")
        archive.write_bytes(forged.bundle.read_bytes())
    with served(two.out) as url, pytest.raises((ChecksumError, InputError)):
        pull(parse_dataset_version("ni@1.1.0"), url)
    assert not list(user_store().rglob("data.zarr"))
    with pytest.raises(NotFoundError):
        foundational.open_dataset("ni@1.1.0")


def test_data_of_another_fingerprint_than_their_record_are_refused_where_no_registry_is_known(
    two, elsewhere, changed, tmp_path
):
    bundle = Path(shutil.copytree(two.out / "ni" / "ni-1.1.0", tmp_path / "bundle"))
    write_dataset(changed(energy=0.25), tmp_path / "other.zarr")
    archive_folder(bundle / "data.zarr.zip", tmp_path / "other.zarr")
    path = bundle / "release.json"
    record = json.loads(path.read_text())
    for file in record["files"]:
        content = (bundle / file["path"]).read_bytes()
        file |= {"size": len(content), "sha256": sha256(content).hexdigest()}
    write_json(path, record)
    write_manifest(bundle, read_release(path))  # every checksum is right
    with pytest.raises(ChecksumError, match="another fingerprint"):
        pull(parse_dataset_version("ni@1.1.0"), str(bundle))
    assert not list(user_store().rglob("data.zarr"))
    with pytest.raises(InputError, match="a URL, folder or zip after --from, got nothing"):
        pull(parse_dataset_version("ni@1.1.0"), " ")


def test_a_server_with_another_history_is_refused(two, elsewhere, changed, tmp_path):
    pull(parse_dataset_version("ni@1.0.0"), str(two.out))
    registry = read_registry(two.folder)
    first = registry.releases[0].model_dump() | {"fingerprint": "0" * 64}
    write_registry(two.out / "ni", registry.model_copy(update={"releases": ()}).with_release(**first))
    with pytest.raises(ConflictError, match=r"different things of 1\.0\.0"):
        pull(parse_dataset_version("ni@1.0.0"), str(two.out))


def test_data_that_are_no_release_are_never_replaced(two, changed):
    two.write(changed(slice(0, 3)))
    git(two.root, "checkout", "-q", "datasets/ni/data.zarr.dvc")
    with pytest.raises(ConflictError, match="holds other data, which are not replaced"):
        pull(parse_dataset_version("ni@1.1.0"), root=two.root)
    assert len(foundational.open_dataset("ni", two.root)) == 3


def test_a_damaged_copy_is_mended_by_pulling_again(two, elsewhere):
    store = pull(parse_dataset_version("ni@1.0.0"), str(two.out)).store
    (store / "forces" / "c" / "0" / "0").write_bytes(b"")
    with pytest.raises(ChecksumError, match="forces"):
        foundational.open_dataset("ni@1.0.0")
    assert pull(parse_dataset_version("ni@1.0.0"), str(two.out)).fetched
    assert foundational.open_dataset("ni@1.0.0")["forces"].to_numpy().any()


def test_a_changed_bit_of_the_kept_record_is_found(two, elsewhere):
    pulled = pull(parse_dataset_version("ni@1.1.0"), source=str(two.root))
    record = pulled.store.parent / "release.json"
    content = record.read_bytes()
    assert verify("ni@1.1.0").ok
    for at in (len(content) // 3, content.index(b"title") + 12, len(content) - 2):
        changed = bytearray(content)
        changed[at] ^= 1
        record.chmod(0o644)
        record.write_bytes(changed)
        with suppress(FoundationalError):
            assert not verify("ni@1.1.0").ok, at


def test_a_withdrawn_release_warns_wherever_it_is_used(two, elsewhere):
    registry = read_registry(two.folder).with_yanked(Version(1, 1, 0), "Stress sign.")
    write_registry(two.folder, registry)
    shutil.copyfile(two.folder / "releases.yaml", two.out / "ni" / "releases.yaml")
    said = CliRunner().invoke(app, ["pull", "ni@1.1.0", "--from", str(two.out)]).stderr
    assert said.splitlines()[-1] == "warning: ni@1.1.0 was withdrawn: Stress sign."
    with pytest.warns(YankedWarning, match=r"ni@1\.1\.0 was withdrawn: Stress sign\.; take ni@1\.0\.0"):
        assert pull(parse_dataset_version("ni@1.1.0"), str(two.out)).yanked == "Stress sign."
    with pytest.warns(YankedWarning, match="Stress sign"):
        assert len(foundational.open_dataset("ni@1.1.0")) == 12
    with pytest.warns(YankedWarning, match="Stress sign"):
        foundational.open_dataset("ni@1.1.0", two.root)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert pull(parse_dataset_version("ni"), str(two.out)).record.version == "1.0.0"
        foundational.open_dataset("ni@1.0.0")


def test_the_licence_and_what_to_cite_are_printed_once(two, elsewhere):
    arguments = ["pull", "ni@1.0.0", "--from", str(two.out)]
    first, second = (CliRunner().invoke(app, arguments) for _ in range(2))
    assert first.exit_code == second.exit_code == 0, first.output
    assert "licence: CC-BY-4.0" in first.stdout
    assert "please cite: Tester, Anna, Nickel for tests, version 1.0.0 (2026)" in first.stdout
    assert second.stdout.startswith("ni@1.0.0 is on this machine already")
    assert "cite" not in second.stdout


def test_pulling_without_a_project_or_source_says_what_is_missing(elsewhere):
    with pytest.raises(NotFoundError, match="expected a project, or --from"):
        pull(parse_dataset_version("ni@1.0.0"))


def test_a_source_without_a_release_is_told(two, elsewhere, tmp_path):
    for source in (tmp_path, tmp_path / "none.zip"):
        with pytest.raises(NotFoundError):
            pull(parse_dataset_version("ni@1.0.0"), str(source))
    with pytest.raises(InputError, match=r"expected al@1\.0\.0, got ni@1\.0\.0"):
        pull(parse_dataset_version("al@1.0.0"), str(two.out / "ni" / "ni-1.0.0.zip"))


def test_a_name_without_a_version_stays_what_it_was(two):
    assert foundational.open_dataset("ni", two.root).fingerprint == release(two, "1.1.0").fingerprint
    with pytest.raises(NotFoundError, match="expected a version after the @"):
        foundational.open_dataset("ni@HEAD", two.root)


def test_outside_of_a_project_a_name_is_the_newest_pulled_release(two, elsewhere):
    with pytest.raises(NotFoundError, match=r"no dataset 'ni' was pulled.*foundational pull ni --from"):
        foundational.open_dataset("ni")
    for version in ("1.0.0", "1.1.0"):
        pull(parse_dataset_version(f"ni@{version}"), str(two.out))
    assert foundational.open_dataset("ni").version == "1.1.0"
    with pytest.raises(NotFoundError, match="did you mean 'ni'"):
        foundational.open_dataset("nni")
    assert (show("ni")["version"], check("ni").violations) == ("1.1.0", ())


def test_outside_of_a_project_a_withdrawn_release_is_not_opened_unasked(two, elsewhere):
    for version in ("1.0.0", "1.1.0"):
        pull(parse_dataset_version(f"ni@{version}"), str(two.out))
    registry = read_registry(user_store() / "ni")
    write_registry(user_store() / "ni", registry.with_yanked(Version(1, 1, 0), "Stress sign."))
    assert foundational.open_dataset("ni").version == "1.0.0"
    registry = read_registry(user_store() / "ni")
    write_registry(user_store() / "ni", registry.with_yanked(Version(1, 0, 0), "Stress sign too."))
    with pytest.raises(NotFoundError, match="every version of 'ni' on this machine was withdrawn"):
        foundational.open_dataset("ni")


def test_a_pulled_release_prints_its_licence_and_what_to_cite(two, elsewhere):
    pull(parse_dataset_version("ni@1.0.0"), str(two.out))
    dataset = foundational.open_dataset("ni")
    card = str(dataset)
    assert card.startswith("ni 1.0.0: Nickel for tests\n")
    assert "CC-BY-4.0" in card
    assert "Nickel for tests, version 1.0.0 (2026)" in card
    assert dataset.citation.startswith("Please cite, if you use ni@1.0.0:")


def test_show_and_check_know_versions(two, elsewhere):
    assert show("ni", two.root)["version"] == show("ni@1.1.0", two.root)["version"] == "1.1.0"
    pull(parse_dataset_version("ni@1.0.0"), str(two.out))
    shown = show("ni@1.0.0")
    assert (shown["version"], shown["fingerprint"]) == ("1.0.0", release(two, "1.0.0").fingerprint)
    assert check("ni@1.0.0").violations == ()


def test_show_gives_no_version_before_a_release(project):
    assert show("ni", project.root)["version"] is None


def test_a_store_is_a_release_by_its_root_document_or_by_its_record(two):
    registry = read_registry(two.folder)
    bundle = two.out / "ni" / "ni-1.1.0"
    wanted = parse_dataset_version("ni@1.1.0")
    newest, before = registry.releases[1], registry.releases[0]
    assert _is_release(two.folder / "data.zarr", wanted, newest)
    assert not _is_release(two.folder / "data.zarr", wanted, before)
    assert not _is_release(two.folder / "none.zarr", wanted, newest)
    assert not _is_release(two.folder / "data.zarr", wanted, None), "there is no record beside it"
    shutil.copyfile(bundle / "release.json", two.folder / "release.json")
    assert _is_release(two.folder / "data.zarr", wanted, None)
    for other in ("ni@1.0.0", "al@1.1.0"):
        assert not _is_release(two.folder / "data.zarr", parse_dataset_version(other), None)
