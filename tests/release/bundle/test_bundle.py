import json
import os
import runpy
import shutil
import sys
import zipfile
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from foundational.card.drawing.page import draw_card
from foundational.card.record import CardRecord
from foundational.cli.main import app
from foundational.data.extxyz import read_extxyz
from foundational.data.fingerprint import fingerprint
from foundational.data.integrity.hashes import sha256_of
from foundational.data.store import open_store
from foundational.errors import ChecksumError, ConflictError, GateError, InputError, NotFoundError
from foundational.evaluation.validation_report import ValidationReport
from foundational.provenance.record import LabellerRecord
from foundational.release.bundle import bundle as bundles
from foundational.release.bundle import verification
from foundational.release.bundle.bundle import READER, TEXT, read_manifest
from foundational.release.citation import table
from foundational.release.registry.git import git
from foundational.release.registry.registry import read_registry
from foundational.stages.verify.command import verify
from tests import validation_reports

EXPECTED = {
    "CHANGELOG.md",
    "CITATION.cff",
    "LICENSE.txt",
    "about.yaml",
    "card.html",
    "card.json",
    "citation.bib",
    "croissant.json",
    "data.extxyz",
    "data.zarr.zip",
    "datacite.json",
    "manifest.json",
    "prov.json",
    "provenance.json",
    "release.json",
    "ro-crate-metadata.json",
    "schemas/provenance.json",
    "schemas/release.json",
}


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture
def bundle(two) -> Path:
    return two.out / "ni" / "ni-1.1.0"


def test_a_large_set_is_released_without_text_and_a_few_lines_at_a_time(project, monkeypatch, capsys):
    """With a limit of 10 atoms for the text, and blocks of 5 lines of the table."""
    small = contents(project.release().bundle.with_suffix(""))
    shutil.rmtree(project.folder / "releases")
    (project.folder / "releases.yaml").unlink()
    monkeypatch.setattr(bundles, "TEXT_ATOMS", 10)
    monkeypatch.setattr(verification, "TEXT_ATOMS", 10)
    monkeypatch.setattr(table, "_LINES", 5)
    sizes, texts_of = [], table._texts
    monkeypatch.setattr(
        table, "_texts", lambda variable, values: sizes.append(len(values)) or texts_of(variable, values)
    )
    folder = project.release().bundle.with_suffix("")
    large = contents(folder)
    assert small.keys() - large.keys() == {TEXT}
    assert set(sizes) == {5, 2}
    assert large["configurations.csv"] == small["configurations.csv"]
    assert verify(str(folder), project.root).problems == ()
    monkeypatch.setattr(sys, "argv", [READER, str(folder)])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(folder / READER), run_name="__main__")
    assert (ended.value.code, capsys.readouterr().out) == (None, "intact: 12 configurations\n")
    monkeypatch.setattr(verification, "TEXT_ATOMS", 1000)
    assert verify(str(folder), project.root).problems == (f"{TEXT} is missing",)
    monkeypatch.setattr(bundles, "STORE_BYTES", 1000)
    with pytest.raises(InputError, match="release it in parts"):
        project.release()


def test_a_bundle_holds_all_that_was_promised(bundle, two):
    assert contents(bundle).keys() >= EXPECTED
    record = json.loads((bundle / "release.json").read_text())
    assert {f["path"] for f in record["files"]} >= {"data.zarr.zip", "data.extxyz", "provenance.json", "LICENSE.txt"}
    assert (
        "CC BY 4.0" in (bundle / "LICENSE.txt").read_text() or "Attribution 4.0" in (bundle / "LICENSE.txt").read_text()
    )
    assert YAML(typ="safe").load(bundle / "about.yaml")["title"] == "Nickel for tests"
    assert (bundle / "schemas" / "release.json").read_bytes() == (two.root / "schemas" / "release.json").read_bytes()


def test_the_card_of_a_bundle_shows_its_record_alone(bundle):
    card = CardRecord.model_validate_json((bundle / "card.json").read_bytes())
    assert (bundle / "card.html").read_text() == draw_card(card)
    release = json.loads((bundle / "release.json").read_text())
    assert (card.version, card.fingerprint) == (release["version"], release["fingerprint"])
    assert [change.version for change in card.changes] == ["1.1.0", "1.0.0"]
    assert card.changes[0].sentences == tuple(release["changes"])
    graph = json.loads((bundle / "ro-crate-metadata.json").read_text())["@graph"]
    assert {"card.html", "card.json"} <= {entity["@id"] for entity in graph}


def test_both_forms_of_the_data_keep_the_fingerprint(bundle, nickel):
    expected = fingerprint(nickel)
    assert fingerprint(open_store(bundle / "data.zarr.zip")) == expected
    assert fingerprint(read_extxyz(bundle / "data.extxyz")) == expected
    forces = np.concatenate([a.arrays["REF_forces"] for a in ase.io.iread(bundle / "data.extxyz", ":")])
    assert np.array_equal(forces.astype(np.float32), nickel["forces"].to_numpy())


def test_the_manifest_lists_every_other_file_and_the_registry_the_manifest(bundle, two):
    manifest = read_manifest(bundle)
    assert manifest.files.keys() == contents(bundle).keys() - {"manifest.json"}
    assert all(sha256_of(bundle / path) == entry.sha256 for path, entry in manifest.files.items())
    entry = read_registry(two.folder).releases[-1]
    assert sha256_of(bundle / "manifest.json") == entry.manifest
    assert sha256_of(bundle.with_name("ni-1.1.0.zip")) == entry.archive
    assert sha256_of(two.folder / "data.zarr" / "zarr.json") == entry.root


def test_the_zip_is_the_folder_with_fixed_times(bundle):
    with zipfile.ZipFile(bundle.with_name("ni-1.1.0.zip")) as archive:
        assert archive.testzip() is None
        assert {i.filename: archive.read(i) for i in archive.infolist()} == {
            f"ni-1.1.0/{name}": content for name, content in contents(bundle).items()
        }
        assert {i.date_time for i in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_the_same_commit_gives_the_same_bytes(project, template, tmp_path, monkeypatch):
    """In another folder, at another time, under another umask, by another user, in another order of the files."""
    first = project.release()
    other = type(project)(Path(shutil.copytree(template.root, tmp_path / "else" / "where")))
    for path in sorted((other.folder / "data.zarr").rglob("*"), reverse=True):
        os.utime(path, (1, 1))
    monkeypatch.setenv("USER", "somebody")
    mask = os.umask(0o077)
    try:
        second = other.release()
    finally:
        os.umask(mask)
    assert first.bundle.read_bytes() == second.bundle.read_bytes()
    assert contents(project.folder / "releases") == contents(other.folder / "releases")
    assert (project.folder / "releases.yaml").read_bytes() == (other.folder / "releases.yaml").read_bytes()


def test_a_lost_bundle_is_made_again_to_the_last_bit(two):
    expected = (two.out / "ni" / "ni-1.1.0.zip").read_bytes()
    shutil.rmtree(two.out)
    assert two.release().bundle.read_bytes() == expected
    assert (two.out / "ni" / "releases.yaml").read_bytes() == (two.folder / "releases.yaml").read_bytes()


def test_a_bundle_that_newer_texts_would_change_is_made_again_from_its_commit(two):
    """Of the newest version by `release`, and of an older one, to the last bit; nothing of the checkout is left."""
    expected = {v: (two.out / "ni" / f"ni-{v}.zip").read_bytes() for v in ("1.0.0", "1.1.0")}
    shutil.rmtree(two.out)
    (two.root / "LICENSES" / "CC-BY-4.0.txt").write_text("Another text.\n")
    two.commit()
    assert two.release().bundle.read_bytes() == expected["1.1.0"]
    assert verify("ni@1.0.0", two.root).ok  # whose data are not on this machine
    assert (two.out / "ni" / "ni-1.0.0.zip").read_bytes() == expected["1.0.0"]
    assert len(git(two.root, "worktree", "list").splitlines()) == 1


def test_pull_and_deposit_make_the_bundle_that_is_missing(two):
    """Through the command line: of an older version after pulling it, of the newest before showing its deposit."""
    expected = {v: (two.out / "ni" / f"ni-{v}.zip").read_bytes() for v in ("1.0.0", "1.1.0")}
    shutil.rmtree(two.out)
    pulled = CliRunner().invoke(app, ["pull", "ni@1.0.0", "--bundle", "--root", str(two.root)])
    assert pulled.exit_code == 0, pulled.exception
    assert (two.root / "datasets/local/ni-1.0.0/data.zarr").is_dir()
    assert (two.out / "ni" / "ni-1.0.0.zip").read_bytes() == expected["1.0.0"]
    command = ["deposit", "ni@1.1.0", "--to", "zenodo-sandbox", "--json", "--root", str(two.root)]
    shown = CliRunner().invoke(app, command)
    assert shown.exit_code == 0, shown.exception
    assert (two.out / "ni" / "ni-1.1.0.zip").read_bytes() == expected["1.1.0"]
    answer = json.loads(shown.stdout)
    assert not answer["sent"]
    assert "ni-1.1.0.zip" in {file["name"] for file in answer["files"]}


def test_a_licence_without_a_text_is_refused(project):
    about = project.folder / "about.yaml"
    about.write_text(about.read_text().replace("CC-BY-4.0", "CC0-1.0"))
    project.commit()
    with pytest.raises(NotFoundError, match=r"LICENSES/CC0-1\.0\.txt"):
        project.release()


def test_nothing_of_the_machine_is_in_a_bundle(bundle, two):
    for name, content in contents(bundle).items():
        assert str(two.root).encode() not in content, name
        assert os.uname().nodename.encode() not in content or len(os.uname().nodename) < 4, name


def report(dataset, *, passed: bool) -> ValidationReport:
    """A validation report with one gate."""
    message = "FCC < HCP < BCC in 5 of 5 networks" if passed else "BCC < FCC"
    return validation_reports.report(fingerprint(dataset), passed=passed, message=message)


def test_a_training_set_that_fails_a_gate_is_not_released(project, nickel):
    project.write(nickel, record=project.record(nickel, stage="distill"))
    project.commit()
    with pytest.raises(GateError, match="rank: BCC < FCC"):
        project.release(gate=lambda: report(nickel, passed=False))
    assert not (project.folder / "releases.yaml").exists()
    project.release(gate=lambda: report(nickel, passed=True))
    written = json.loads((project.out / "ni" / "ni-1.0.0" / "validation.json").read_text())
    assert written == report(nickel, passed=True).model_dump(mode="json")


def test_a_report_of_other_data_does_not_open_the_gate(project, nickel, changed):
    project.write(nickel, record=project.record(nickel, stage="distill"))
    project.commit()
    with pytest.raises(ChecksumError, match="report of other data"):
        project.release(gate=lambda: report(changed(slice(0, 3)), passed=True))
    assert not (project.folder / "releases.yaml").exists()
    assert not (project.out / "ni" / "ni-1.0.0").exists()


def test_the_command_runs_the_real_gate(project, nickel):
    """It tests on the holdout that params.yaml names, and nothing is released where that is missing."""
    unknown = LabellerRecord(id="lammps:Unknown", version="lammps 2025.7.22", sha256="0" * 64)
    project.write(nickel, record=project.record(nickel, stage="distill", labeller=unknown))
    project.commit()
    refused = CliRunner().invoke(app, ["release", "ni", "--root", str(project.root)])
    assert isinstance(refused.exception, ConflictError)
    assert "'ni' is tested on 'ni-holdout', which is not in this project" in str(refused.exception)
    assert not (project.folder / "releases.yaml").exists()
