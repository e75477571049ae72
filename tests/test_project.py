from pathlib import Path

import pytest

from foundational.errors import ConflictError, InputError, NotFoundError
from foundational.project import (
    dataset_folder,
    find_dataset,
    find_root,
    list_datasets,
    locate_dataset,
    refuse_case_twin,
    user_store,
    validate_name,
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("ni", "al", "local/nb", "pools/ni-momt-32"):
        (tmp_path / "datasets" / name / "data.zarr").mkdir(parents=True)
    (tmp_path / "datasets" / "nb").mkdir()
    (tmp_path / "datasets" / "nb" / "about.yaml").write_text("title: Nb\n")
    (tmp_path / "datasets" / "potentials").mkdir()
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    return tmp_path


def test_the_root_is_the_nearest_folder_above_with_dvc_yaml(project: Path, monkeypatch: pytest.MonkeyPatch):
    inner = project / "build" / "quick"
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)
    assert find_root() == project.resolve()
    (inner / "dvc.yaml").touch()
    assert find_root() == inner.resolve()
    assert find_root(project / "datasets" / "ni") == project.resolve()


def test_no_project_is_said_with_where_it_was_looked_for(tmp_path: Path):
    with pytest.raises(NotFoundError, match=r"a folder with dvc\.yaml, at or above .*give --root"):
        find_root(tmp_path)


def test_datasets_are_listed_by_name_and_only_where_their_data_are(project: Path):
    assert list_datasets(project) == ["al", "local/nb", "ni", "pools/ni-momt-32"]
    assert list_datasets(project / "nowhere") == []


@pytest.mark.parametrize("name", ["ni", "local/nb", "pools/ni-momt-32", "ni-5pct", "Al_2.1"])
def test_names_are_folders_below_datasets(name: str):
    assert dataset_folder(Path("p"), name) == Path("p/datasets") / name


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../ni",
        "local/../ni",
        "/etc",
        "local/",
        "local",
        "pools",
        "potentials",
        "Potentials",
        "a/b",
        "local/a/b",
        "-rf",
        ".hidden",
        "ni/",
        "ni\n",
        "n i",
        "ni\x00",
        "local//nb",
        "C:\\x",
        "ni.",
    ],
)
def test_a_name_that_leaves_its_folder_or_is_none_is_refused(name: str):
    with pytest.raises(InputError, match="expected a dataset's name"):
        validate_name(name)


def test_an_unknown_name_offers_the_closest(project: Path):
    with pytest.raises(NotFoundError, match="did you mean 'ni'"):
        find_dataset(project, "nii")
    with pytest.raises(NotFoundError, match="did you mean 'pools/ni-momt-32'"):
        find_dataset(project, "pools/ni-momt-23")


def test_a_dataset_whose_data_are_not_here_says_how_to_pull_them(project: Path):
    with pytest.raises(NotFoundError, match=r"dvc pull datasets/nb/data\.zarr"):
        find_dataset(project, "nb")


def test_a_name_means_the_project_and_a_path_the_disk(project: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(project / "datasets")
    assert locate_dataset("ni") == project.resolve() / "datasets" / "ni" / "data.zarr"
    assert locate_dataset("./ni") == Path("ni/data.zarr")
    assert locate_dataset(Path("ni")) == Path("ni/data.zarr")
    assert locate_dataset("ni/data.zarr") == Path("ni/data.zarr")
    assert locate_dataset("local/nb", project) == project / "datasets" / "local" / "nb" / "data.zarr"
    with pytest.raises(NotFoundError, match="found nothing there"):
        locate_dataset("./nothing")


def test_outside_of_a_project_a_folder_of_that_name_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "ni" / "data.zarr").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert locate_dataset("ni") == Path("ni/data.zarr")
    with pytest.raises(NotFoundError, match=r"dvc\.yaml"):
        locate_dataset("al")


def test_a_name_that_differs_in_case_alone_is_refused(project: Path):
    """A disk of macOS or Windows holds only one of the two."""
    for name in ("ni", "new", "local/nb", "local/new", "pools/new"):
        refuse_case_twin(project, name)
    for name, twin in (("Ni", "ni"), ("local/NB", "local/nb")):
        with pytest.raises(ConflictError, match=f"'{name}' and '{twin}' differ in case alone"):
            refuse_case_twin(project, name)


def test_a_user_without_a_home_finds_nothing_and_learns_what_to_set(monkeypatch: pytest.MonkeyPatch):
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", no_home)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    assert list(user_store().glob("*/*")) == []
    with pytest.raises(OSError, match="set HOME or XDG_DATA_HOME"):
        (user_store() / "ni").mkdir(parents=True)
