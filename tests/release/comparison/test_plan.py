import numpy as np
import pytest

import foundational
from foundational.data.fingerprint import hexadecimal
from foundational.errors import ConflictError, DatasetError, InputError, NotFoundError
from foundational.inspection.blame import blame
from foundational.interchange.writing.exporting import ExportOptions
from foundational.release.bundle.bundle import read_kept
from foundational.release.registry.registry import read_registry
from foundational.release.registry.version import Version, largest, parse_dataset_version
from foundational.stages.export.command import export


@pytest.mark.parametrize("text", ["1.0", "1.0.0.0", "01.0.0", "1.0.x", "1.0.0-rc1", "", "１.0.0"])
def test_a_text_that_is_no_version_is_refused(text):
    with pytest.raises(InputError, match=r"such as 1\.0\.0"):
        Version.parse(text)


@pytest.mark.parametrize("text", ["../ni@1.0.0", "ni@", "ni@-rf", "datasets/ni", "ni@1.0.0/../x@"])
def test_a_reference_names_a_dataset_and_cannot_pass_an_option_to_git(text):
    if text == "ni@1.0.0/../x@":
        assert parse_dataset_version(text).revision == "1.0.0/../x@"  # git refuses it
    else:
        with pytest.raises(InputError):
            parse_dataset_version(text)


def test_the_largest_change_wins():
    assert largest(["patch", "minor", "patch"]) == "minor"
    assert largest([]) is None
    assert [str(Version(1, 4, 2).after(b)) for b in ("major", "minor", "patch")] == ["2.0.0", "1.5.0", "1.4.3"]


def test_a_first_release_is_1_0_0_and_a_repeated_one_is_the_same(project):
    first = project.released()
    assert (first.record.version, first.new, first.record.bump, first.record.previous) == ("1.0.0", True, None, None)
    again = project.release()
    assert (again.record.version, again.new, again.bundle) == ("1.0.0", False, first.bundle)
    assert len(read_registry(project.folder).releases) == 1


def test_versions_follow_from_what_changed(project, changed, nickel):
    project.write(changed(slice(0, 10)))
    project.commit()
    project.released()
    project.write(changed())
    project.commit()
    minor = project.released()
    assert (minor.record.version, minor.record.bump, minor.record.previous) == ("1.1.0", "minor", "1.0.0")
    assert minor.record.changes == ("2 configurations added",)
    (project.folder / "about.yaml").write_text((project.folder / "about.yaml").read_text() + "caveats: [Small.]\n")
    project.commit()
    patch = project.released()
    assert (patch.record.version, patch.record.changes) == ("1.1.1", ("about.yaml: caveats changed",))
    for asked, version in (("ni@1.1.0", "1.1.0"), ("ni@1.1.1", "1.1.1"), ("ni", "1.1.1")):  # of the same data
        dataset = foundational.open_dataset(asked, project.root)
        about = dataset.description.about
        assert about is not None
        assert (dataset.version, about.caveats) == (version, ("Small.",) if version == "1.1.1" else ())
        export(asked, "ase", project.out / f"ase-{version}", project.root, options=ExportOptions(replace=True))
        assert (project.out / f"ase-{version}" / "README.md").read_text().startswith(f"# ni@{version} for ")
    project.write(changed(slice(1, 12)))
    project.commit()
    with pytest.raises(InputError, match="--reason"):
        project.release()
    major = project.released(reason="The first cell was wrong.")
    assert (major.record.version, major.record.bump) == ("2.0.0", "major")
    removed = hexadecimal(nickel["id"].to_numpy()[:1])
    assert [(r.id, r.reason) for r in major.record.removed] == [(removed[0], "The first cell was wrong.")]
    changelog = (project.out / "ni" / "ni-2.0.0" / "CHANGELOG.md").read_text()
    assert removed[0] in changelog
    followed = blame("ni", removed[0][:10], project.root)
    assert (followed.id, followed.removed_in, followed.reason) == (removed[0], "2.0.0", "The first cell was wrong.")
    headings = [line for line in changelog.splitlines() if line.startswith("## ")]
    assert [heading.split()[1] for heading in headings] == ["2.0.0", "1.1.1", "1.1.0", "1.0.0"]


def test_a_lower_version_is_refused_and_a_higher_one_is_not(project, changed):
    with pytest.raises(InputError, match=r"at least 1\.0\.0"):
        project.release(version=Version(0, 1, 0))
    project.released()
    project.write(changed(energy=0.1))
    project.commit()
    with pytest.raises(InputError, match=r"at least 2\.0\.0, which a major change needs, got 1\.9\.0"):
        project.release(version=Version(1, 9, 0), reason="Mended.")
    assert project.release(version=Version(3, 0, 0), reason="Mended.").record.version == "3.0.0"


def test_a_filtered_configuration_brings_its_own_reason(project, changed, nickel):
    parents = np.arange(12 * 16, dtype=np.uint8).reshape(12, 16)
    project.write(changed(parent_id=parents))
    project.commit()
    project.released()
    fewer = changed(slice(0, 11), parent_id=parents[:11])
    filtered = [{"parent_id": parents[11].tobytes().hex(), "reason": "atoms 1.2 Å apart"}]
    project.write(fewer, record=project.record(fewer, details={"filtered": filtered}))
    project.commit()
    done = project.release()
    assert (done.record.version, [r.reason for r in done.record.removed]) == ("2.0.0", ["atoms 1.2 Å apart"])


def test_a_dry_run_writes_nothing(project):
    before = {path for path in project.root.rglob("*") if "build" not in path.parts and ".git" not in path.parts}
    done = project.release(dry_run=True)
    assert (done.record.version, done.bundle) == ("1.0.0", None)
    assert not project.out.exists()
    assert {p for p in project.root.rglob("*") if "build" not in p.parts and ".git" not in p.parts} == before


def test_what_is_not_committed_or_not_tracked_cannot_be_released(project, changed):
    about = project.folder / "about.yaml"
    about.write_text(about.read_text() + "keywords: [nickel]\n")
    with pytest.raises(ConflictError, match=r"commit datasets/ni/about\.yaml before"):
        project.release()
    project.commit()
    pointer = (project.folder / "data.zarr.dvc").read_text()
    project.write(changed(slice(0, 5)))
    (project.folder / "data.zarr.dvc").write_text(pointer)
    project.commit()
    with pytest.raises(InputError, match="other data than DVC tracks"):
        project.release()
    (project.folder / "data.zarr.dvc").unlink()
    project.commit()
    with pytest.raises(InputError, match="dvc add"):
        project.release()
    assert not read_registry(project.folder).releases


def test_unsound_data_cannot_be_released(project, nickel):
    forces = nickel["forces"].to_numpy().copy()
    forces[0] += 1
    project.write(nickel.assign(forces=nickel["forces"].copy(data=forces)))
    project.commit()
    with pytest.raises(DatasetError, match="net force"):
        project.release()


@pytest.mark.parametrize("name", ["local/ni", "pools/ni"])
def test_what_git_does_not_keep_cannot_be_released(project, name):
    with pytest.raises(InputError, match="that git keeps"):
        project.release(name)


def test_a_derived_set_names_the_released_version_of_its_parent(project, changed):
    parent = project.record(project.dataset())
    child = changed(slice(0, 6))
    record = project.record(child, "al", inputs=(parent.output,), parents=(parent,))
    project.write(child, "al", record)
    project.commit()
    with pytest.raises(ConflictError, match="release 'ni' first"):
        project.release("al")
    project.released()
    done = project.released("al")
    assert [source.version for source in done.record.provenance.inputs] == ["1.0.0"]
    assert [p.output.version for p in done.record.provenance.parents] == ["1.0.0"]
    assert done.record.provenance.output.version == "1.0.0"
    entry = read_registry(project.root / "datasets" / "al").find()
    assert read_kept(project.root / "datasets" / "al" / "releases" / "1.0.0", entry.manifest) == done.record


def test_an_unknown_dataset_is_not_found(project):
    with pytest.raises(NotFoundError, match="did you mean 'ni'"):
        project.release("nii")
