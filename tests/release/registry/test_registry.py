import re

import pytest
from gto.api import show
from typer.testing import CliRunner

from foundational.cli.main import app
from foundational.errors import ConflictError, InputError, MissingDependencyError, NotFoundError
from foundational.release.registry.git import git, require_unlocked
from foundational.release.registry.registry import (
    doubts,
    history,
    learned,
    merged,
    parse_registry,
    read_registry,
    registry_text,
    write_registry,
)
from foundational.release.registry.tags import tag_releases
from foundational.release.registry.version import Version


def test_a_registry_is_read_as_it_was_written(two):
    registry = read_registry(two.folder)
    assert [release.version for release in registry.releases] == ["1.0.0", "1.1.0"]
    assert parse_registry(registry_text(registry).encode(), "it", "ni") == registry
    assert registry.released_as(registry.releases[0].fingerprint) == "1.0.0"
    assert registry.released_as("0" * 64) is None


@pytest.mark.parametrize("field", ["fingerprint", "manifest", "archive", "root", "date", "commit", "tracked", "bump"])
def test_an_edited_entry_is_found_without_git(two, field):
    path = two.folder / "releases.yaml"
    lines = path.read_text().splitlines(keepends=True)
    place = next(i for i, line in enumerate(lines) if line.strip().startswith(f"{field}:"))
    new = {"date": "'2020-01-01'", "bump": "patch", "tracked": "0" * 32 + ".dir", "commit": "'" + "0" * 40 + "'"}
    lines[place] = f"  {field}: {new.get(field, repr('0' * 64))}\n"
    path.write_text("".join(lines))
    with pytest.raises(InputError, match="edited after it was released"):
        two.release()


@pytest.mark.parametrize("command", ["release", "yank", "tag"])
def test_a_registry_edited_to_reuse_a_version_is_found_by_git(two, changed, command):
    """Someone drops 1.1.0, with all seals right, to release other data under that version."""
    registry = read_registry(two.folder)
    write_registry(two.folder, registry.model_copy(update={"releases": registry.releases[:1]}))
    two.write(changed(slice(0, 11)))
    two.commit("forge")
    arguments = {
        "release": ["release", "ni"],
        "yank": ["yank", "ni@1.0.0", "--reason", "x"],
        "tag": ["release", "ni", "--tag"],
    }[command]
    result = CliRunner().invoke(app, [*arguments, "--root", str(two.root)])
    assert isinstance(result.exception, ConflictError)
    assert "no longer says of 1.1.0 what it said" in str(result.exception)
    assert len(read_registry(two.folder).releases) == 1


def test_a_version_twice_is_refused(two):
    registry = read_registry(two.folder)
    text = registry_text(registry.model_copy(update={"releases": registry.releases * 2}))
    with pytest.raises(InputError, match="ascending versions, each once"):
        parse_registry(text.encode(), "releases.yaml", "ni")


def test_yaml_that_builds_objects_is_refused_and_builds_none(two, tmp_path):
    path = two.folder / "releases.yaml"
    for tag in (
        "!!python/object/apply:os.mkdir",
        "!!python/name:os.system",
        "!!python/object/new:os.system",
        "!custom",
    ):
        path.write_text(f"name: ni\nreleases: {tag} ['{tmp_path}/made']\n")
        with pytest.raises(InputError, match=r"releases\.yaml: not readable as YAML"):
            two.release()
    assert not (tmp_path / "made").exists()


def test_a_registry_of_another_dataset_is_refused(two):
    with pytest.raises(InputError, match="expected the registry of 'al'"):
        parse_registry((two.folder / "releases.yaml").read_bytes(), "it", "al")


def test_the_newest_that_was_not_withdrawn_is_found(two):
    registry = read_registry(two.folder)
    assert registry.find().version == "1.1.0"
    withdrawn = registry.with_yanked(Version(1, 1, 0), "The stress\nis wrong.")
    assert withdrawn.find().version == "1.0.0"
    assert withdrawn.find(Version(1, 1, 0)).version == "1.1.0"
    assert withdrawn.yanked == {"1.1.0": "The stress is wrong."}
    assert parse_registry(registry_text(withdrawn).encode(), "it", "ni") == withdrawn
    with pytest.raises(NotFoundError, match=r"no release ni@3\.0\.0; released: 1\.0\.0, 1\.1\.0"):
        registry.find(Version(3, 0, 0))
    none_left = withdrawn.with_yanked(Version(1, 0, 0), "Wrong too.")
    with pytest.raises(NotFoundError, match=r"no release ni; released: 1\.0\.0 \(withdrawn\), 1\.1\.0 \(withdrawn\)"):
        none_left.find()
    with pytest.raises(ConflictError, match="withdrawn already"):
        withdrawn.with_yanked(Version(1, 1, 0), "Another reason.")
    with pytest.raises(InputError, match="a reason"):
        registry.with_yanked(Version(1, 1, 0), " ")


def test_a_withdrawal_cannot_be_taken_back(two):
    registry = read_registry(two.folder)
    write_registry(two.folder, registry.with_yanked(Version(1, 0, 0), "Wrong."))
    two.commit("yank")
    write_registry(two.folder, registry)
    with pytest.raises(ConflictError, match=r"no longer says of 1\.0\.0"):
        two.release()


def test_a_doi_is_kept_beside_the_entry_and_never_replaced(two):
    registry = read_registry(two.folder).with_doi(Version(1, 0, 0), "10.5281/zenodo.1")
    assert parse_registry(registry_text(registry).encode(), "it", "ni").dois == {"1.0.0": "10.5281/zenodo.1"}
    with pytest.raises(ConflictError, match="has the DOI"):
        registry.with_doi(Version(1, 0, 0), "10.5281/zenodo.2")


def test_copies_of_a_registry_join_only_where_one_continues_the_other(two):
    registry = read_registry(two.folder)
    older = registry.model_copy(update={"releases": registry.releases[:1]}).with_yanked(Version(1, 0, 0), "Wrong.")
    assert merged(older, registry).releases == registry.releases
    assert merged(registry, older).yanked == {"1.0.0": "Wrong."}
    forged = older.with_release(**(registry.releases[1].model_dump() | {"fingerprint": "0" * 64}))
    with pytest.raises(ConflictError, match="different things"):
        merged(registry, forged)


def test_tags_follow_from_the_registry_as_gto_reads_them(two):
    command = ["release", "ni", "--tag", "--root", str(two.root)]
    assert CliRunner().invoke(app, command).stdout == "ni@v1.0.0\nni@v1.1.0\n"
    assert CliRunner().invoke(app, command).stdout == "every release has its tag\n"
    assert tag_releases(two.root, "ni") == []
    versions = {v["version"]: v["ref"] for v in show(str(two.root), "ni")}
    assert versions == {"v1.0.0": "ni@v1.0.0", "v1.1.0": "ni@v1.1.0"}
    git(two.root, "tag", "-f", "-a", "-m", "moved", "ni@v1.1.0", "HEAD~4")
    with pytest.raises(ConflictError, match=r"the tag ni@v1\.1\.0 stands at"):
        tag_releases(two.root, "ni")


def test_a_release_is_tagged_once_it_is_committed(project):
    project.release()
    with pytest.raises(NotFoundError, match="commit datasets/ni first"):
        tag_releases(project.root, "ni")


def test_what_is_learned_of_a_version_that_was_never_released_is_refused(two):
    registry = read_registry(two.folder)
    for name, known in (("dois", "10.5281/zenodo.1"), ("yanked", "Wrong.")):
        text = registry_text(registry.model_copy(update={name: {"3.0.0": known}}))
        with pytest.raises(InputError, match=r"DOIs and withdrawals of released versions, got 3\.0\.0"):
            parse_registry(text.encode(), "it", "ni")
    with pytest.raises(InputError, match="letters that can be printed"):
        registry.with_yanked(Version(1, 0, 0), "Wrong\x1b[2J.")


def test_a_server_that_forgets_or_invents_is_doubted_and_one_that_continues_is_not(two):
    known = read_registry(two.folder)
    older = known.model_copy(update={"releases": known.releases[:1]})
    assert doubts(known, known, "there") == doubts(older, known, "there") == []
    assert doubts(known.model_copy(update={"releases": ()}), known, "there") == []
    (rolled_back,) = doubts(known, older, "there")
    assert "ends with 1.0.0, the one on this machine with 1.1.0: it is old, or was rolled back" in rolled_back
    (empty,) = doubts(known, known.model_copy(update={"releases": ()}), "there")
    assert "ends with no release" in empty
    said = known.with_yanked(Version(1, 0, 0), "Wrong.").with_doi(Version(1, 1, 0), "10.5281/zenodo.1")
    assert len(doubts(known, said, "there")) == 2
    assert doubts(said, said, "there") == []
    assert (learned(known, said).yanked, learned(known, said).dois) == ({}, {})
    nothing = known.model_copy(update={"releases": ()})
    assert learned(nothing, said) == said


def test_text_that_cannot_be_read_again_is_not_written(two):
    registry = read_registry(two.folder)
    before = (two.folder / "releases.yaml").read_bytes()
    with pytest.raises(InputError, match=r"releases\.yaml"):
        write_registry(two.folder, registry.model_copy(update={"yanked": {"1.0.0": "\ud800"}}))
    assert (two.folder / "releases.yaml").read_bytes() == before


def test_a_commit_with_a_registry_that_cannot_be_read_released_nothing(two):
    path = two.folder / "releases.yaml"
    text = path.read_text()
    before = len(list(history(two.root, "ni")))
    path.write_text("{")
    two.commit("damaged")
    path.write_text(text)
    two.commit("as before")
    found = list(history(two.root, "ni"))
    assert len(found) == before + 1
    assert found[-1][1] == read_registry(two.folder)


def test_a_lock_that_another_git_left_is_named_by_every_command(two, monkeypatch, tmp_path):
    require_unlocked(two.root)
    lock = two.root / ".git" / "index.lock"
    lock.touch()
    with pytest.raises(ConflictError, match=f"remove {re.escape(str(lock))} and run the command again"):
        require_unlocked(two.root)
    with pytest.raises(ConflictError, match=f"git add failed: .*remove {re.escape(str(lock))}"):
        git(two.root, "add", ".")
    lock.unlink()
    with pytest.raises(ConflictError, match="git nonsense failed: "):
        git(two.root, "nonsense")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingDependencyError, match="expected git on the PATH"):
        git(two.root, "status")
