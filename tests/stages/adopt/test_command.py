"""A set of a user's own is adopted, released, pulled elsewhere, verified and cited, with real git and DVC."""

import os
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.io import write
from typer.testing import CliRunner

from foundational.cli import publish
from foundational.cli.main import app
from foundational.data.fingerprint import fingerprint
from foundational.data.store import open_store
from foundational.errors import ConflictError, InputError, NotFoundError
from foundational.interchange.importing import ImportChoice
from foundational.maintenance.new_project import init_project
from foundational.provenance.record import read_record
from foundational.release.citation.citation_target import find_citation_target
from foundational.release.citation.works import works_to_cite
from foundational.release.comparison.compared_dataset import open_compared
from foundational.release.comparison.difference import difference
from foundational.release.registry.registry import read_registry
from foundational.release.registry.version import parse_dataset_version
from foundational.release.transfer.retrieval import pull
from foundational.specs.about import read_about
from foundational.specs.potentials import PotentialRegistry
from foundational.stages.adopt.command import adopt_dataset
from foundational.stages.distill.command import distill_pool
from foundational.stages.importing.command import import_dataset
from foundational.stages.release.command import release_dataset
from foundational.stages.translate.command import translate_dataset
from foundational.stages.verify.command import verify
from foundational.testing.project import change_params, copy_project

ANSWERS: dict[str, Any] = {
    "title": "Copper by EMT",
    "licence": "cc-by-4.0",
    "creator": ["Curie, Marie <0000-0002-1825-0097>", "The group"],
    "description": "Rattled copper, labelled by effective medium theory.",
}
#: Networks that are trained in a second.
SMALL = {
    "validate": {"members": 1},
    "ani": {"recipe": {"network": {"hidden": [16]}, "training": {"epochs": 2, "least_steps": 300}}},
}


def git(root: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True).stdout


def extxyz(path: Path, count: int = 30, shift: float = 0.0) -> Path:
    """Copper in cells of 4 atoms with energies, forces and stresses by EMT; energies moved by ``shift`` eV."""
    random = np.random.default_rng(1)
    frames = []
    for number in range(count):
        atoms = bulk("Cu", cubic=True)
        atoms.set_cell(atoms.cell * (1 + 0.03 * random.standard_normal()), scale_atoms=True)
        atoms.rattle(0.08, seed=number)
        calculator = EMT()
        stress = calculator.get_stress(atoms)
        frames.append(atoms)
        atoms.info |= {"energy": calculator.get_potential_energy(atoms) + shift, "stress": stress}
        atoms.arrays["forces"] = calculator.get_forces(atoms)
    write(path, frames, columns=["symbols", "positions", "forces"])
    return path


@pytest.fixture(scope="module")
def started(made_once: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new project with ``local/cu``, imported from a file; for reading."""

    def make(root: Path) -> Path:
        made = init_project(root)
        change_params(made.root, SMALL)
        git(made.root, "add", "params.yaml")
        source = extxyz(tmp_path_factory.mktemp("source") / "train.xyz")
        import_dataset(made.root, [source], "local/cu", ImportChoice())
        return made.root

    return made_once("own", make)


@pytest.fixture
def own(started: Path, tmp_path: Path) -> Path:
    return copy_project(started, tmp_path / "own")


def test_the_whole_way_from_a_file_to_a_citation(own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    before = fingerprint(open_store(own / "datasets" / "local" / "cu" / "data.zarr"))
    adopted = adopt_dataset(own, "local/cu", "cu", ANSWERS)
    assert not (own / "datasets" / "local" / "cu").exists()
    assert read_record(own / "datasets" / "cu").output.fingerprint == before
    assert (adopted.about.licence, adopted.about.element) == ("CC-BY-4.0", "Cu")
    assert adopted.about.creators[0].orcid == "0000-0002-1825-0097"
    assert set(adopted.files) <= set(git(own, "diff", "--cached", "--name-only").split())
    git(own, "commit", "--quiet", "-m", "Add cu")

    released = release_dataset(own, "cu")
    assert released.new
    assert released.bundle is not None
    validation = released.record.validation
    assert validation is not None
    gates = {gate["name"]: gate["ok"] for gate in validation["gates"]}
    assert gates == {"rank": None, "ground_state": None, "crystal_error": None, "training": True}
    with zipfile.ZipFile(released.bundle) as bundle:
        names = {Path(name).relative_to("cu-1.0.0").as_posix() for name in bundle.namelist()}
    assert {"LICENSE.txt", "schemas/release.json", "CITATION.cff"} <= names
    git(own, "add", "-A", "datasets")
    git(own, "commit", "--quiet", "-m", "Release cu@1.0.0")

    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "user"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    pulled = pull(parse_dataset_version("cu"), str(own))
    assert fingerprint(open_store(pulled.store)) == before
    assert verify("cu@1.0.0").ok
    target = find_citation_target(parse_dataset_version("cu"), None)
    works = [work.text for work in works_to_cite(target.citable, PotentialRegistry.read(own))]
    assert "Copper by EMT" in works[0]
    assert works[1].startswith("train.xyz, sha256:")
    with open_compared("cu@1.0.0", own) as old, open_compared("cu", own) as new:
        assert difference(old, new).bump is None


def test_the_next_version_takes_what_the_first_said(own: Path, tmp_path: Path):
    adopt_dataset(own, "local/cu", "cu", ANSWERS)
    import_dataset(own, [extxyz(tmp_path / "more.xyz", 36)], "local/more", ImportChoice())
    with pytest.raises(ConflictError, match=r"'cu' exists already.*--force"):
        adopt_dataset(own, "local/more", "cu", ANSWERS)
    assert (own / "datasets" / "local" / "more").exists()
    adopt_dataset(own, "local/more", "cu", ANSWERS, force=True)
    assert read_record(own / "datasets" / "cu").output.n_configurations == 36


def test_a_set_distilled_from_a_file_needs_no_other_release(own: Path, tmp_path: Path):
    source = extxyz(tmp_path / "good.xyz", 40)
    changes = {"frames": 12, "initial": 6, "heldout": 4, "method": "random", "rounds": 1}
    distill_pool(own, "local/few", source=str(source), changes=changes)
    adopt_dataset(own, "local/few", "few", ANSWERS)
    git(own, "add", "-A")
    git(own, "commit", "--quiet", "-m", "Add few")
    released = release_dataset(own, "few")
    (parent,) = released.record.provenance.inputs
    assert (parent.name, parent.version) == ("good.xyz", None)
    assert read_registry(own / "datasets" / "few").releases[0].version == "1.0.0"


def test_a_local_set_that_nobody_released_still_keeps_its_children_from_a_release(own: Path):
    changes = {"frames": 12, "initial": 6, "heldout": 4, "method": "random", "rounds": 1}
    distill_pool(own, "local/few", source="local/cu", changes=changes)
    distill_pool(own, "local/fewer", source="local/few", changes=changes | {"frames": 4, "initial": 2, "heldout": 2})
    adopt_dataset(own, "local/fewer", "fewer", ANSWERS)
    git(own, "add", "-A")
    git(own, "commit", "--quiet", "-m", "Add fewer")
    with pytest.raises(ConflictError, match=r"'local/few' .* was never released"):
        release_dataset(own, "fewer")


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"title": ""}, "a release must state title; give --title"),
        ({"title": None, "creator": []}, "a release must state title, creator; give --title, --creator"),
        ({"title": "   "}, "title"),
        ({"licence": "free for all"}, "SPDX licence identifier"),
        ({"licence": "CC-BY-5.0"}, "SPDX licence identifier"),
        ({"creator": ["Curie <12>"]}, "--creator: expected 'Family, Given'"),
        ({"creator": ["<0000-0002-1825-0097>"]}, "--creator: expected"),
        ({"creator": ["Curie <0000-0002-1825-0098>"]}, "ORCID iD that ends with 7"),
    ],
)
def test_an_answer_that_no_release_may_have_is_one_line_and_nothing_moves(started, changed, complaint):
    with pytest.raises(InputError, match=complaint) as refused:
        adopt_dataset(started, "local/cu", "cu", ANSWERS | changed)
    assert "\n" not in str(refused.value)
    assert (started / "datasets" / "local" / "cu" / "data.zarr").exists()
    assert not (started / "datasets" / "cu" / "data.zarr").exists()


def test_names_that_cannot_be_adopted_are_refused(started: Path):
    for name, new_name, error in (
        ("cu", "cu", InputError),
        ("local/cu", "local/cu", InputError),
        ("local/cu", "pools", InputError),
        ("local/nothing", "cu", NotFoundError),
    ):
        with pytest.raises(error):
            adopt_dataset(started, name, new_name, ANSWERS)


def test_a_licence_whose_text_is_nowhere_is_asked_for(started: Path):
    with pytest.raises(NotFoundError, match=r"text of the licence MIT in LICENSES/MIT.txt"):
        adopt_dataset(started, "local/cu", "cu", ANSWERS | {"licence": "MIT"})


def test_a_translation_of_labels_from_a_file_says_what_it_needs(started: Path):
    with pytest.raises(InputError, match="foundational relabel local/cu local/NAME --labeller"):
        translate_dataset(started, "local/cu", "Ag")


def test_about_is_what_was_answered(own: Path):
    adopt_dataset(own, "local/cu", "cu", ANSWERS)
    about = read_about(own / "datasets" / "cu")
    assert [creator.name for creator in about.creators] == ["Curie, Marie", "The group"]
    assert os.path.lexists(own / "datasets" / "cu" / "data.zarr.dvc")


def test_what_no_option_gives_is_asked_for_and_what_then_lacks_is_named(own: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(publish, "sys", SimpleNamespace(stdin=SimpleNamespace(isatty=lambda: True)))
    options = ["adopt", "local/cu", "--as", "cu-emt", "--root", str(own), "--title", "Copper by EMT"]
    said = CliRunner().invoke(app, options, input="cc-by-4.0\n ; \nRattled copper.\n")
    assert isinstance(said.exception, InputError)
    for asked in ("Licence (SPDX", "Creators (Family", "Description (what"):
        assert asked in said.stderr
    assert "Title (one line)" not in said.stderr
    assert "--creator" in str(said.exception)
    assert "--licence" not in str(said.exception)
    assert not (own / "datasets/cu-emt").exists()
