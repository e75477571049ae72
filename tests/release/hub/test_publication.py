"""A release at a hub comes back bit for bit, whatever the server does; nothing is sent without being asked for."""

import hashlib
import json
from dataclasses import replace

import pyarrow.parquet as pq
import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from foundational.cli.main import app
from foundational.errors import ChecksumError, ConflictError, FoundationalError, InputError, NotFoundError
from foundational.release.hub import client
from foundational.release.hub.publication import Publication, checked_repository
from foundational.release.hub.publication import publish as publish_files
from foundational.release.registry.version import parse_dataset_version
from foundational.release.transfer.retrieval import pull
from foundational.stages.publish.command import publish_release
from foundational.stages.release.command import yank_release
from tests.release.hub import hub_server

REPOSITORY = "metals/ni"
VERSION = parse_dataset_version("ni@1.1.0")


@pytest.fixture
def hub(monkeypatch):
    with hub_server.running() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.address)
        yield server


@pytest.fixture(scope="module")
def plan(released_template):
    """What a publication sends, without Parquet and README: the files of the bundle."""
    bundle = released_template.out / "ni" / "ni-1.1.0"
    files = {p.relative_to(bundle).as_posix(): p for p in bundle.rglob("*") if p.is_file()}
    return Publication("ni@1.1.0", REPOSITORY, "1.1.0", files)


@pytest.fixture(scope="module")
def listed(plan, released_template):
    """The same with the registry, so that it can be pulled."""
    return replace(plan, files=plan.files | {"releases.yaml": released_template.folder / "releases.yaml"})


def send(plan, hub, token=hub_server.TOKEN):
    return publish_files(plan, client.Hub(hub.address, token, sleep=lambda _: None))


def publish(project, reference=VERSION, **changes):
    return publish_release(project.root, reference, REPOSITORY, **{"token": hub_server.TOKEN} | changes)


@pytest.fixture(scope="module")
def published(released_template):
    """A server to which the whole command published ni@1.1.0."""
    with hub_server.running() as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_ENDPOINT", server.address)
        done = publish_release(released_template.root, VERSION, REPOSITORY, token=hub_server.TOKEN)
        assert (done.sent, done.new) == (True, True)
        yield server


def test_a_published_release_comes_back_bit_for_bit(published, released_template, tmp_path, monkeypatch):
    assert published.repositories[REPOSITORY].tags.keys() == {"1.1.0"}
    monkeypatch.setenv("HF_ENDPOINT", published.address)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "user"))
    monkeypatch.chdir(tmp_path)
    pulled = pull(VERSION, f"hf:{REPOSITORY}", None)
    assert pulled.record.version == "1.1.0"
    own = released_template.folder / "data.zarr"
    files = sorted(p.relative_to(own) for p in own.rglob("*") if p.is_file())
    assert files == sorted(p.relative_to(pulled.store) for p in pulled.store.rglob("*") if p.is_file())
    assert all((own / p).read_bytes() == (pulled.store / p).read_bytes() for p in files)
    assert published.leaks == []
    verified = CliRunner().invoke(app, ["verify", "ni@1.1.0"])
    assert (verified.exit_code, "intact" in verified.output) == (0, True), verified.output


def test_the_repository_has_what_people_and_catalogues_read(published, tmp_path):
    files = published.repositories[REPOSITORY].at("1.1.0")
    assert {"README.md", "card.html", "card.json", "croissant.json", "manifest.json", "data.zarr.zip"} <= files.keys()
    _, header, body = files["README.md"].decode().split("---\n", 2)
    metadata = YAML(typ="safe").load(header)
    assert (metadata["license"], metadata["version"], metadata["size_categories"]) == ("cc-by-4.0", "1.1.0", ["n<1K"])
    rows = 0
    for part in metadata["configs"][0]["data_files"]:
        (tmp_path / "part.parquet").write_bytes(files[part["path"]])
        table = pq.read_table(tmp_path / "part.parquet")
        assert {"configuration_id", "energy", "atomic_forces", "cauchy_stress"} <= set(table.column_names)
        rows += table.num_rows
    assert rows == 12
    for text in ("energy in eV", "sha256:", "CC-BY-4.0", "lammps:NiNb", "Limits", "hf:metals/ni"):
        assert text in body, text
    croissant = json.loads(files["croissant.json"])
    assert {item["contentUrl"] for item in croissant["distribution"]} <= files.keys()


def test_nothing_is_sent_unless_asked_for(two, hub, monkeypatch):
    monkeypatch.delenv("HF_TOKEN", raising=False)
    arguments = ["publish", "hf", "ni@1.1.0", "--to", REPOSITORY, "--root", str(two.root)]
    outcome = CliRunner().invoke(app, arguments)
    assert outcome.exit_code == 0, outcome.output
    assert "nothing was sent" in outcome.output
    refused = CliRunner().invoke(app, [*arguments, "--send"])
    assert "HF_TOKEN" in str(refused.exception)
    assert hub.log == []
    monkeypatch.setenv("HF_TOKEN", hub_server.TOKEN)
    sent = CliRunner().invoke(app, [*arguments, "--send", "--json"])
    assert json.loads(sent.stdout)["new"]
    assert hub_server.TOKEN not in sent.output


def test_both_versions_stay_at_their_tags(listed, hub, released_template, tmp_path, monkeypatch):
    bundle = released_template.out / "ni" / "ni-1.0.0"
    files = {p.relative_to(bundle).as_posix(): p for p in bundle.rglob("*") if p.is_file()}
    older = Publication("ni@1.0.0", REPOSITORY, "1.0.0", files)
    assert send(older, hub)
    first = dict(hub.repositories[REPOSITORY].at("1.0.0"))
    assert send(listed, hub)
    assert hub.repositories[REPOSITORY].at("1.0.0") == first
    assert not send(older, hub), "nothing is to do"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "user"))
    for version, count in (("1.0.0", 10), ("1.1.0", 12)):
        pulled = pull(parse_dataset_version(f"ni@{version}"), f"hf:{REPOSITORY}", None)
        assert pulled.record.n_configurations == count


@pytest.mark.parametrize(
    ("kind", "pattern", "details"),
    [
        ("status", "POST /api/repos/create", {"status": 500}),
        ("status", "preupload", {"status": 429, "headers": {"Retry-After": "1"}}),
        ("status", "commit/main", {"status": 503, "times": 3}),
        ("drop", "objects/batch", {"times": 2}),
        ("drop", "PUT /lfs/", {"times": 2}),
        ("cut", "PUT /lfs/", {}),
        ("drop after", "PUT /lfs/", {}),
        ("drop after", "repos/create", {}),
        ("drop after", "commit/main", {}),
        ("drop after", "/tag/", {}),
        ("status", "PUT /lfs/", {"status": 500}),
    ],
)
def test_a_server_in_trouble_gets_all_of_it(plan, hub, kind, pattern, details):
    hub.fault(kind, pattern, **details)
    assert send(plan, hub)
    repository = hub.repositories[REPOSITORY]
    assert repository.tags.keys() == {"1.1.0"}
    kept = json.loads(repository.at("1.1.0")["manifest.json"])["files"]
    for name, entry in kept.items():
        assert hashlib.sha256(repository.at("1.1.0")[name]).hexdigest() == entry["sha256"]


@pytest.mark.parametrize(
    ("kind", "pattern", "details", "error", "said"),
    [
        ("status", "preupload", {"status": 403}, InputError, "token"),
        ("status", "commit/main", {"status": 400}, InputError, "refuses it"),
        ("status", "commit/main", {"status": 500, "times": 99}, ConflictError, "run the command again"),
        ("status", "refs", {"status": 429, "headers": {"Retry-After": "900"}}, ConflictError, "900 s"),
        ("status", "objects/batch", {"status": 302}, ConflictError, "elsewhere"),
        ("corrupt", "commit/main", {}, ChecksumError, "nothing was tagged"),
        ("corrupt", "PUT /lfs/", {}, InputError, "refuses it"),
    ],
)
def test_a_server_that_fails_leaves_no_tag(plan, hub, kind, pattern, details, error, said):
    hub.fault(kind, pattern, **details)
    with pytest.raises(error, match=said) as raised:
        send(plan, hub)
    assert hub_server.TOKEN not in str(raised.value)
    assert not (hub.repositories.get(REPOSITORY) or hub_server.Repository()).tags
    hub.faults.clear()
    assert send(plan, hub), "the same command again completes it"


def test_a_wrong_token_or_an_existing_tag_with_other_files_is_refused(plan, hub):
    with pytest.raises(InputError, match="token"):
        send(plan, hub, token="hf_wrong")
    send(plan, hub)
    repository = hub.repositories[REPOSITORY]
    repository.commits[repository.tags["1.1.0"]]["data.extxyz"] += b"x"
    with pytest.raises(ConflictError, match="never change"):
        send(plan, hub)


def test_a_file_that_the_hub_changed_is_not_pulled(listed, hub, tmp_path, monkeypatch):
    send(listed, hub)
    repository = hub.repositories[REPOSITORY]
    files = repository.commits[repository.tags["1.1.0"]]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "user"))
    kept = files["data.zarr.zip"]
    files["data.zarr.zip"] = kept[:500] + bytes([kept[500] ^ 1]) + kept[501:]
    with pytest.raises(ChecksumError):
        pull(VERSION, f"hf:{REPOSITORY}", None)
    del files["data.zarr.zip"]
    with pytest.raises(NotFoundError):
        pull(VERSION, f"hf:{REPOSITORY}", None)


def test_a_manifest_cannot_write_outside_of_its_folder(listed, hub, tmp_path, monkeypatch):
    send(listed, hub)
    repository = hub.repositories[REPOSITORY]
    files = repository.commits[repository.tags["1.1.0"]]
    manifest = json.loads(files["manifest.json"])
    manifest["files"]["../../evil"] = manifest["files"]["about.yaml"]
    manifest["seal"] = ""
    text = json.dumps(manifest, indent=1, ensure_ascii=False) + "\n"
    manifest["seal"] = hashlib.sha256(text.encode()).hexdigest()
    files["manifest.json"] = (json.dumps(manifest, indent=1, ensure_ascii=False) + "\n").encode()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "user"))
    with pytest.raises(FoundationalError, match="expected a relative name"):
        pull(VERSION, f"hf:{REPOSITORY}", None)
    assert not list(tmp_path.rglob("evil"))


def test_a_withdrawn_version_or_no_version_is_not_published(two, hub):
    with pytest.raises(InputError, match="expected a version"):
        publish(two, parse_dataset_version("ni"))
    yank_release(two.root, VERSION, "the unit was wrong")
    with pytest.raises(ConflictError, match="withdrawn"):
        publish(two)
    assert hub.log == []


class Answers:
    """A hub that answers as it is told, file by file."""

    def __init__(self, files, tagged="before"):
        self.stored, self.tagged, self.sent = files, tagged, []

    def create(self, repository):
        self.sent.append(("create", repository))

    def refs(self, repository):
        there = self.tagged == "before" or (self.tagged == "later" and ("tag", "1.0.0") in self.sent)
        return {"main": "abc"} | ({"1.0.0": "abc"} if there else {})

    def modes(self, repository, files):
        return {name: "lfs" if name.endswith(".zip") else "regular" for name in files}

    def upload(self, repository, oid, path):
        self.sent.append(("upload", path.name))

    def commit(self, repository, message, lines):
        self.sent.append(("commit", len(lines)))

    def files(self, repository, revision):
        return self.stored

    def tag(self, repository, version, commit, message):
        self.sent.append(("tag", version))


@pytest.fixture
def small(tmp_path):
    """A publication of two small files, and what a hub that has them says of these."""
    for name in ("a.md", "b.zip"):
        (tmp_path / name).write_text(name)
    files = {name: tmp_path / name for name in ("a.md", "b.zip")}
    said = {"a.md": (4, None), "b.zip": (5, hashlib.sha256(b"b.zip").hexdigest())}
    return Publication("ni@1.0.0", "metals/ni", "1.0.0", files), said


def test_a_plan_lists_what_would_be_sent(small):
    files = [{"name": "a.md", "size": 4}, {"name": "b.zip", "size": 5}]
    assert small[0].as_json() == {"dataset": "ni@1.0.0", "repository": "metals/ni", "tag": "1.0.0", "files": files}


def test_files_are_sent_once_and_counted_and_a_tag_is_made_last(small):
    plan, said = small
    calls = []
    fresh = Answers(said, tagged="later")
    assert publish_files(plan, fresh, progress=lambda *call: calls.append(call)) is True
    assert fresh.sent == [("create", "metals/ni"), ("upload", "b.zip"), ("commit", 2), ("tag", "1.0.0")]
    assert calls == [(0, 9, "a.md"), (4, 9, "b.zip")]
    done = Answers(said)
    assert publish_files(plan, done) is False
    assert done.sent == [("create", "metals/ni")]
    with pytest.raises(ConflictError, match=r"the server made no tag 1\.0\.0"):
        publish_files(plan, Answers(said, tagged="never"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"a.md": (5, None)}, "a.md has 5 bytes, expected 4"),
        ({"b.zip": (5, "0" * 64)}, "b.zip has the sha256 000000000000…, expected "),
        ({"a.md": None}, "a.md is absent"),
    ],
)
def test_other_files_under_a_tag_or_after_a_commit_are_named(small, change, message):
    plan, said = small
    stored = {name: entry for name, entry in (said | change).items() if entry is not None}
    with pytest.raises(ConflictError, match=rf"with other files \({message}"):
        publish_files(plan, Answers(stored))
    fresh = Answers(stored, tagged="later")
    with pytest.raises(ChecksumError, match=message):
        publish_files(plan, fresh)
    assert ("tag", "1.0.0") not in fresh.sent


@pytest.mark.parametrize("name", ["ni", "a/b/c", "a/..b", "-a/b", "a/-b", "a/b.git", "a/b c", f"a/{'b' * 97}", ""])
def test_what_is_no_repository_is_refused(name):
    with pytest.raises(InputError, match="expected a repository, OWNER/NAME"):
        checked_repository(name)
    assert checked_repository(f"a.b_c-d/{'b' * 96}")


class Said:
    """What a server answered."""

    def __init__(self, status, content=b""):
        self.status_code, self.content = status, content

    def json(self):
        return json.loads(self.content)


@pytest.mark.parametrize(
    ("status", "content", "kind", "said"),
    [
        (300, b"", ConflictError, r"points elsewhere \(status 300\)"),
        (399, b"", ConflictError, "points elsewhere"),
        (400, b'{"error": "no such field"}', InputError, "refuses it: no such field"),
        (401, b"", InputError, "refuses the token"),
        (403, b"", InputError, "refuses the token"),
        (404, b"", NotFoundError, "knows no such thing"),
        (409, b'{"message": "taken"}', ConflictError, "refuses it: taken"),
        (410, b"", NotFoundError, "knows no such thing"),
        (411, b"[7]", ConflictError, "refuses it: status 411"),
        (413, b"no json", InputError, "refuses it: status 413"),
        (422, b"", InputError, "refuses it: status 422"),
        (423, b"", ConflictError, "refuses it: status 423"),
    ],
)
def test_an_answer_of_the_hub_is_what_its_status_says(status, content, kind, said):
    with pytest.raises(kind, match=rf"{said}"):
        client._accepted(Said(status, content), "PUT x")
    assert client._accepted(Said(299), "PUT x").status_code == 299
