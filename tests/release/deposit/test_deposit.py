import copy
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from foundational.cli.main import app
from foundational.errors import ChecksumError, ConflictError, InputError, NotFoundError
from foundational.release.deposit import client
from foundational.release.deposit.deposit import DepositState, Payload, _fault, _previous, plan_deposit
from foundational.release.registry.registry import read_registry, write_registry
from foundational.release.registry.version import Version, parse_dataset_version
from foundational.stages.deposit.command import DepositResult, deposit_release

TOKEN = "valid-token-4711"
Deposit = Callable[..., DepositResult]


@pytest.fixture
def deposit(project: Path, invenio, monkeypatch: pytest.MonkeyPatch) -> Deposit:
    monkeypatch.setattr(client, "_FIRST_WAIT", 0.01)

    def run(name: str = "al@1.0.0", to: str | None = None, token: str | None = TOKEN, **options: Any) -> DepositResult:
        reference = parse_dataset_version(name)
        bundles = project / "build" / "releases"
        return deposit_release(project, reference, to or invenio.url, bundles=bundles, token=token, **options)

    return run


def run_cli(*arguments: str, token: str | None = None) -> Any:
    return CliRunner().invoke(app, list(arguments), env={"FOUNDATIONAL_DEPOSIT_TOKEN": token})


def require_complete(server, bundle: Path, *, published: bool = True) -> None:
    """One record holds the zip and every document, byte for byte."""
    (record,) = server.records.values()
    assert record.published is published
    sent = {name: hashlib.sha256(file.content).hexdigest() for name, file in record.files.items() if file.completed}
    expected = [
        bundle.with_name(f"{bundle.name}.zip"),
        *(p for p in bundle.iterdir() if not p.name.startswith("data.")),
    ]
    assert sent == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in expected}


@pytest.fixture
def bundle(project: Path) -> Path:
    return project / "build" / "releases" / "al" / "al-1.0.0"


def test_dry_run_needs_no_token_and_asks_no_server(project: Path, invenio) -> None:
    done = run_cli("deposit", "al@1.0.0", "--to", invenio.url, "--root", str(project), "--json")
    assert done.exit_code == 0, done.output
    shown = json.loads(done.stdout)
    assert invenio.log == []
    assert shown["sent"] is False
    assert shown["new_version_of"] is None
    assert {"al-1.0.0.zip", "CITATION.cff", "manifest.json"} <= {file["name"] for file in shown["files"]}
    metadata = shown["record"]["metadata"]
    assert metadata["version"] == "1.0.0"
    assert metadata["publication_date"] == "2025-03-09"
    assert metadata["rights"] == [{"id": "cc-by-4.0"}]
    assert metadata["creators"] == [
        {"person_or_org": {"type": "organizational", "name": "The foundational developers"}}
    ]
    assert any("ni, version 1.0.0" in reference["reference"] for reference in metadata["references"])
    first, *files, last = run_cli(
        "deposit", "al@1.0.0", "--to", invenio.url, "--root", str(project)
    ).stdout.splitlines()
    assert first == f"al@1.0.0 would become a new record on {invenio.url}:"
    assert [line.split()[1] for line in files] == [file["name"] for file in shown["files"]]
    assert last == "nothing was sent; --send makes a draft, --publish publishes it (--json shows the metadata)"
    assert invenio.log == []


def test_sending_needs_a_token_from_the_environment(project: Path, invenio) -> None:
    done = run_cli("deposit", "al@1.0.0", "--to", invenio.url, "--send", "--root", str(project))
    assert isinstance(done.exception, InputError)
    assert "FOUNDATIONAL_DEPOSIT_TOKEN" in str(done.exception)
    odd = run_cli("deposit", "al@1.0.0", "--to", invenio.url, "--send", "--root", str(project), token="two words")
    assert "expected a token of printable ASCII characters" in str(odd.exception)
    assert "two words" not in str(odd.exception)
    assert invenio.log == []


def test_sending_makes_a_whole_draft_and_publishes_nothing(project: Path, invenio, bundle: Path) -> None:
    done = run_cli("deposit", "al@1.0.0", "--to", invenio.url, "--send", "--root", str(project), token=TOKEN)
    assert done.exit_code == 0, done.output
    require_complete(invenio, bundle, published=False)
    assert "10.5281/zenodo.00001" in done.stdout
    assert read_registry(project / "datasets" / "al").dois == {}
    texts = [done.output, *(p.read_text() for p in (project / "build").rglob("*.json"))]
    assert all(TOKEN not in text for text in texts)


def test_publishing_notes_the_doi_and_citations_carry_it(
    project: Path, deposit: Deposit, invenio, bundle: Path
) -> None:
    done = run_cli("deposit", "al@1.0.0", "--to", invenio.url, "--publish", "--root", str(project), token=TOKEN)
    require_complete(invenio, bundle)
    assert done.stdout.startswith("al@1.0.0 is published: https://doi.org/10.5281/zenodo.00001, ")
    assert read_registry(project / "datasets" / "al").dois == {"1.0.0": "10.5281/zenodo.00001"}
    assert "https://doi.org/10.5281/zenodo.00001" in run_cli("cite", "al", "--root", str(project)).stdout


def test_a_published_deposit_is_not_sent_twice(deposit: Deposit, invenio) -> None:
    deposit(publish=True)
    before = len(invenio.log)
    assert deposit(publish=True).state.published
    assert invenio.log[before:] == []


STEPS = (
    r"POST /api/records$",
    r"PUT .*/draft$",
    r"POST .*/pids/doi",
    r"POST .*/draft/files$",
    r"PUT .*/content",
    r"POST .*/commit",
    r"POST .*/publish",
)


@pytest.mark.parametrize(
    ("kind", "details"),
    [
        ("status", {"status": 429, "headers": {"Retry-After": "0"}}),
        ("status", {"status": 500}),
        ("drop", {}),
        ("drop after", {}),
    ],
    ids=["429", "500", "dropped", "answer-lost"],
)
def test_faults_at_every_step_are_survived(
    deposit: Deposit, invenio, bundle: Path, kind: str, details: dict[str, Any]
) -> None:
    for step in STEPS:
        invenio.fault(kind, step, times=2, **details)
    deposit(publish=True)
    assert all(fault.times < 2 for fault in invenio.faults), "every step met its fault"
    require_complete(invenio, bundle)


def test_a_connection_cut_in_the_middle_of_an_upload_is_survived(deposit: Deposit, invenio, bundle: Path) -> None:
    invenio.fault("cut", r"PUT .*al-1\.0\.0\.zip/content", times=2)
    deposit(publish=True)
    require_complete(invenio, bundle)
    assert len(invenio.requests(r"PUT .*al-1\.0\.0\.zip/content")) == 3


def test_a_checksum_that_comes_back_wrong_stops_the_deposit(deposit: Deposit, invenio, bundle: Path) -> None:
    invenio.fault("checksum", r"POST .*/croissant\.json/commit")
    with pytest.raises(ChecksumError, match=r"croissant\.json.*expected md5:"):
        deposit(publish=True)
    assert not any(record.published for record in invenio.records.values())
    deposit(publish=True)
    require_complete(invenio, bundle)


def test_an_expired_token_says_so_and_a_new_one_goes_on(deposit: Deposit, invenio, bundle: Path) -> None:
    invenio.fault("status", r"PUT .*/croissant\.json/content", status=403)
    with pytest.raises(InputError, match="FOUNDATIONAL_DEPOSIT_TOKEN"):
        deposit(publish=True)
    with pytest.raises(InputError) as refused:
        deposit(publish=True, token="old-token")
    assert "old-token" not in str(refused.value)
    sent = len(invenio.requests("zip/content"))
    deposit(publish=True)
    require_complete(invenio, bundle)
    assert len(invenio.requests("zip/content")) == sent == 1


def test_a_server_that_never_answers_is_given_up_and_taken_up_again(deposit: Deposit, invenio, bundle: Path) -> None:
    invenio.fault("status", r"/croissant\.json/content", status=503, times=6)
    with pytest.raises(ConflictError, match="no answer in 6 attempts"):
        deposit(publish=True)
    deposit(publish=True)
    require_complete(invenio, bundle)


def test_a_killed_deposit_goes_on_where_it_was(project: Path, invenio, bundle: Path, deposit: Deposit) -> None:
    invenio.fault("slow", r"PUT .*/ro-crate-metadata\.json/content")
    code = f"""
from pathlib import Path
from foundational.release.registry.version import parse_dataset_version
from foundational.stages.deposit.command import deposit_release
root = Path({str(project)!r})
deposit_release(root, parse_dataset_version("al@1.0.0"), {invenio.url!r}, bundles=root / "build" / "releases",
                token={TOKEN!r}, publish=True)
"""
    victim = subprocess.Popen([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": ""})
    while not (seen := invenio.trickled) and victim.poll() is None:
        time.sleep(0.005)
    victim.send_signal(signal.SIGKILL)
    assert victim.wait() == -signal.SIGKILL
    assert 0 < seen < (bundle / "ro-crate-metadata.json").stat().st_size, "killed in the middle of a file"
    (record,) = invenio.records.values()
    assert not record.published
    before = {name for name, file in record.files.items() if file.completed}
    assert before, "nothing was sent before the kill"
    mark = len(invenio.log)
    deposit(publish=True)
    require_complete(invenio, bundle)
    again = [line for line in invenio.log[mark:] if line.endswith("/content")]
    assert not [line for line in again if any(f"/{name}/content" in line for name in before)]


def test_a_draft_that_was_never_noted_is_found_again(
    deposit: Deposit, invenio, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run is killed between the server's answer and its own note of it; a like draft with files is not touched."""
    kept = sys.modules[DepositState.__module__]

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(kept, "_keep", killed)
        with pytest.raises(KeyboardInterrupt):
            deposit(publish=True)
    module = sys.modules[type(invenio).__module__]
    (empty,) = invenio.records.values()
    others = {
        "00000-files": module.Record(empty.body, "other", files={"notes.txt": module.File(b"x", True)}),
        "00000-older": module.Record({"metadata": empty.body["metadata"] | {"version": "0.9.0"}}, "other"),
    }
    before = copy.deepcopy(others)
    invenio.records |= others
    deposit(publish=True)
    assert {name: invenio.records.pop(name) for name in others} == before
    require_complete(invenio, bundle)


def test_a_draft_that_the_search_does_not_show_is_made_again(invenio) -> None:
    body = {"metadata": {"title": "t", "identifiers": [{"scheme": "other", "identifier": "sha256:0"}]}}
    records = client.Records(invenio.url, TOKEN)
    first = records.create(body)["id"]
    invenio.unindexed.add(first)
    second = records.create(body)["id"]
    assert second != first
    assert records.create(body)["id"] == second


def test_the_next_version_becomes_a_version_of_the_same_record(
    project: Path, deposit: Deposit, invenio, bundle: Path
) -> None:
    deposit(publish=True)
    release_again(project, bundle)
    dry = deposit("al@1.0.1", token=None)
    assert dry.plan.previous == "00001-abcde"
    deposit("al@1.0.1", publish=True)
    first, second = invenio.records.values()
    assert first.parent == second.parent
    assert second.published
    assert second.body["metadata"]["version"] == "1.0.1"
    assert "al-1.0.1.zip" in second.files
    assert set(read_registry(project / "datasets" / "al").dois) == {"1.0.0", "1.0.1"}


def release_again(project: Path, bundle: Path) -> None:
    """Release al@1.0.1, whose bundle differs in its record."""
    import shutil  # noqa: PLC0415

    from foundational.data.integrity.hashes import sha256_of  # noqa: PLC0415
    from foundational.release.bundle.archive import archive_folder  # noqa: PLC0415
    from foundational.release.bundle.bundle import MANIFEST, write_manifest  # noqa: PLC0415
    from foundational.release.record import RECORD, read_release  # noqa: PLC0415

    record = read_release(bundle / RECORD).model_copy(update={"version": "1.0.1", "previous": "1.0.0"})
    new = bundle.with_name("al-1.0.1")
    shutil.copytree(bundle, new)
    (new / MANIFEST).unlink()
    (new / RECORD).write_text(record.model_dump_json())
    manifest = write_manifest(new, record)
    archive_folder(new.with_name("al-1.0.1.zip"), new, "al-1.0.1/")
    kept = project / "datasets" / "al" / "releases" / "1.0.1"
    kept.mkdir()
    for name in (RECORD, MANIFEST):
        shutil.copyfile(new / name, kept / name)
    folder = project / "datasets" / "al"
    registry = read_registry(folder)
    archive = sha256_of(new.with_name("al-1.0.1.zip"))
    entry = registry.releases[0].model_dump() | {"version": "1.0.1", "manifest": manifest, "archive": archive}
    write_registry(folder, registry.with_release(**entry))


def test_a_damaged_bundle_is_refused_before_anything_is_sent(deposit: Deposit, invenio, bundle: Path) -> None:
    with (bundle / "CITATION.cff").open("a") as stream:
        stream.write("#")
    with pytest.raises(ChecksumError, match=r"CITATION\.cff"):
        deposit(publish=True)
    assert invenio.log == []


def test_another_zip_than_the_released_one_is_refused(deposit: Deposit, invenio, bundle: Path) -> None:
    with bundle.with_name("al-1.0.0.zip").open("ab") as stream:
        stream.write(b"\0")
    with pytest.raises(ChecksumError, match=r"al-1\.0\.0\.zip is not that of the registry"):
        deposit(publish=True)
    assert invenio.log == []


def test_a_withdrawn_version_is_refused(project: Path, deposit: Deposit, invenio) -> None:
    folder = project / "datasets" / "al"
    write_registry(folder, read_registry(folder).with_yanked(Version(1, 0, 0), "wrong stress"))
    with pytest.raises(ConflictError, match="wrong stress"):
        deposit(publish=True)
    assert invenio.log == []


def test_metadata_that_the_server_refuses_are_named(deposit: Deposit, invenio, monkeypatch) -> None:
    module = sys.modules[type(invenio).__module__]
    monkeypatch.setattr(module, "REQUIRED", (*module.REQUIRED, "funding"))
    with pytest.raises(InputError, match=r"metadata\.funding: Missing data"):
        deposit(publish=True)


def test_a_redirect_is_not_followed(deposit: Deposit, invenio) -> None:
    module = sys.modules[type(invenio).__module__]
    with module.running() as thief:
        headers = {"Location": f"{thief.url}/api/records"}
        invenio.fault("status", r"POST /api/records$", status=307, headers=headers)
        with pytest.raises(ConflictError, match="points elsewhere"):
            deposit(publish=True)
        assert thief.log == []


@pytest.mark.parametrize("to", ["http://zenodo.org", "ftp://127.0.0.1", "https://user:pw@zenodo.org", "zenodoo"])
def test_a_server_that_would_read_the_token_in_the_open_is_refused(deposit: Deposit, to: str) -> None:
    with pytest.raises(InputError, match="expected zenodo"):
        deposit(to=to, token=None)


def test_a_version_must_be_named(deposit: Deposit) -> None:
    with pytest.raises(InputError, match=r"al@1\.0\.0"):
        deposit("al", token=None)


def test_a_missing_bundle_that_cannot_be_made_again_says_what_is_missing(deposit: Deposit, bundle: Path) -> None:
    """The data of this release are in no DVC store."""
    bundle.rename(bundle.with_name("elsewhere"))
    with pytest.raises(NotFoundError, match="fetch them with: dvc fetch"):
        deposit(token=None)


def test_a_state_of_another_bundle_is_refused(deposit: Deposit, invenio, bundle: Path) -> None:
    done = deposit()
    path = done.plan.state_path
    state = DepositState.model_validate_json(path.read_text()).model_copy(update={"manifest": "f" * 64})
    path.write_text(state.model_dump_json())
    with pytest.raises(ConflictError, match="another deposit"):
        deposit(publish=True)
    path.write_text("{")
    with pytest.raises(ConflictError, match="not the state of a deposit"):
        deposit(publish=True)


def test_a_draft_that_was_deleted_on_the_server_is_made_anew(deposit: Deposit, invenio, bundle: Path) -> None:
    deposit()
    invenio.records.clear()
    deposit(publish=True)
    require_complete(invenio, bundle)


def waits(invenio, **details: Any) -> list[float]:
    """What a client waits before it is answered."""
    waited: list[float] = []
    invenio.fault("status", r"POST /api/records$", **details)
    client.Records(invenio.url, TOKEN, sleep=waited.append).create({"metadata": {}})
    return waited


def test_waits_double(invenio) -> None:
    assert waits(invenio, status=502, times=4) == [0.5, 1.0, 2.0, 4.0]


def test_retry_after_is_obeyed_in_seconds_and_as_a_date(invenio) -> None:
    assert waits(invenio, status=429, headers={"Retry-After": "7"}) == [7.0]
    from email.utils import formatdate  # noqa: PLC0415

    (wait,) = waits(invenio, status=429, headers={"Retry-After": formatdate(time.time() + 30, usegmt=True)})
    assert 25 < wait <= 30


def test_a_wait_of_an_hour_is_not_waited_for(invenio) -> None:
    assert waits(invenio, status=429, headers={"Retry-After": "120"}) == [120.0]
    with pytest.raises(ConflictError, match="3600 s"):
        waits(invenio, status=429, headers={"Retry-After": "3600"})


@pytest.mark.parametrize(
    ("status", "meaning"),
    [
        *((status, InputError) for status in (400, 401, 403, 413, 422)),
        *((status, ConflictError) for status in (402, 405, 409, 411, 414, 421, 423, 499)),
        (404, None),
        (410, None),
        *((status, None) for status in (429, 500, 599)),  # it is asked again, and has no such draft
    ],
)
def test_a_refusal_is_what_its_status_says(invenio, status: int, meaning: type[Exception] | None) -> None:
    """What is not there or was withdrawn is no failure; of the others some are the user's to correct."""
    invenio.fault("status", r"GET /api/records/00001-abcde/draft$", status=status)
    records = client.Records(invenio.url, TOKEN, sleep=lambda _: None)
    if meaning is None:
        assert records.draft("00001-abcde") is None
        return
    with pytest.raises(meaning, match="token" if status in (401, 403) else "the server refuses it"):
        records.draft("00001-abcde")


@pytest.mark.parametrize("record", ["", "../x", "a/b", "-a", "a?b", "ä"])
def test_an_id_from_a_server_cannot_lead_elsewhere(invenio, record: str) -> None:
    with pytest.raises(ConflictError, match="expected the id of a record"):
        client.Records(invenio.url, TOKEN).draft(record)
    assert invenio.log == []


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        (None, "nothing complete"),
        ({"status": "pending"}, "nothing complete"),
        ({"status": "completed", "checksum": "md5:1", "size": 3}, None),
        ({"status": "completed", "checksum": "md5:2", "size": 3}, "the checksum md5:2, expected md5:1"),
        ({"status": "completed", "checksum": "md5:1", "size": 4}, "4 bytes, expected 3"),
        ({"status": "completed", "checksum": "md5:1"}, "None bytes, expected 3"),
    ],
)
def test_a_file_at_the_server_is_the_one_that_was_sent(tmp_path: Path, entry, fault) -> None:
    assert _fault(entry, Payload("a", tmp_path / "a", 3, "1")) == fault


def test_files_of_a_draft_that_do_not_belong_to_the_release_are_removed(deposit: Deposit, invenio, bundle) -> None:
    deposit()
    (record,) = invenio.records.values()
    record.files["left.txt"] = sys.modules[type(invenio).__module__].File(b"x", True)
    deposit(publish=True)
    require_complete(invenio, bundle)


def test_a_record_that_was_published_before_its_note_is_noted(deposit: Deposit, invenio, bundle: Path) -> None:
    done = deposit(publish=True)
    path = done.plan.state_path
    path.write_text(done.state.model_copy(update={"published": False}).model_dump_json())
    before = len(invenio.requests("POST"))
    assert deposit(publish=True).state.published
    assert len(invenio.requests("POST")) == before
    assert DepositState.model_validate_json(path.read_text()).published


def test_the_version_before_is_found_by_a_doi_of_zenodo(project: Path, bundle: Path) -> None:
    registry = read_registry(project / "datasets" / "al")
    entry = registry.releases[0].model_copy(update={"version": "1.0.1"})
    later = registry.model_copy(
        update={"releases": (*registry.releases, entry), "dois": {"1.0.0": "10.5281/zenodo.17"}}
    )
    zenodo, other = "https://zenodo.org", "https://other.org"
    assert [_previous(bundle, later, entry, server) for server in (zenodo, other)] == ["17", None]
    for doi in ("10.5281/zenodo.17x", "10.1234/zenodo.17"):
        changed = later.model_copy(update={"dois": {"1.0.0": doi}})
        assert _previous(bundle, changed, entry, zenodo) is None
    assert _previous(bundle, later, later.releases[0], zenodo) is None


def test_a_bundle_without_its_zip_or_with_another_manifest_is_not_deposited(deposit: Deposit, invenio, bundle) -> None:
    archive = bundle.with_name("al-1.0.0.zip")
    archive.rename(bundle.with_name("away.zip"))
    registry = read_registry(bundle.parents[3] / "datasets" / "al")
    entry = registry.releases[0]
    with pytest.raises(NotFoundError, match="expected the release's zip beside its folder"):
        plan_deposit(bundle, registry, entry, invenio.url, {})
    bundle.with_name("away.zip").rename(archive)
    other = entry.model_copy(update={"manifest": "0" * 64})
    with pytest.raises(ChecksumError, match=r"not deposited, manifest\.json is not that of the registry; make"):
        plan_deposit(bundle, registry, other, invenio.url, {})
    plan = plan_deposit(bundle, registry, entry, invenio.url, {})
    assert plan.files[0].name == "al-1.0.0.zip"
    assert not any(file.name.startswith("data.") for file in plan.files)
