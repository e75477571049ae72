"""A potential is registered with what its file says and a proof by LAMMPS; what is there stays."""

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from foundational.cli.main import app
from foundational.cli.maintain import _added
from foundational.defaults import DEFAULTS
from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.engines.lammps.library import lammps_potentials
from foundational.engines.lammps.potentials import potential_for, resolve_potential
from foundational.errors import ConflictError, EngineError, InputError, NotFoundError
from foundational.maintenance.potentials import add_potential, available
from foundational.specs.potentials import REGISTRY_FOLDER, PotentialRegistry


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / REGISTRY_FOLDER).mkdir(parents=True)
    shutil.copyfile(DEFAULTS / "project" / "potentials.yaml", tmp_path / REGISTRY_FOLDER / "potentials.yaml")
    return tmp_path


def test_every_single_eam_of_lammps_is_listed_with_its_citation_or_without():
    listed = {entry["file"]: entry for entry in available()}
    assert listed["CoAl.eam.alloy"]["elements"] == ["Co", "Al"]
    assert {"NiAlH_jea.eam.fs", "AlCu.adp", "Ag_u3.eam"} <= listed.keys()
    assert listed["Al_mm.eam.fs"]["citation"] is None


def test_a_file_is_copied_proven_and_used_by_its_id(root: Path):
    source = root / "mine.adp"
    shutil.copyfile(lammps_potentials() / "AlCu.adp", source)
    done = add_potential(root, str(source), stated={"citation": "Somebody (2026)", "doi": None})
    assert (done.spec.pair_style, done.spec.elements, done.spec.cutoff) == ("adp", ("Al", "Cu"), 6.28721)
    assert done.default_for == (), "both elements have one in the package"
    assert done.isolated["Al"] == pytest.approx(0, abs=1e-6)
    assert {dimer.elements for dimer in done.dimers} == {("Al", "Al"), ("Al", "Cu"), ("Cu", "Cu")}
    assert all(dimer.distance and 1.5 < dimer.distance < 3.5 and dimer.energy < -1 for dimer in done.dimers)
    source.unlink()
    assert potential_for("Cu", root, "mine").spec == done.spec
    registry = root / REGISTRY_FOLDER / "potentials.yaml"
    assert registry.read_text(encoding="utf-8").startswith("# Potentials of this project.")
    with pytest.raises(ConflictError, match="a potential 'mine' already"):
        add_potential(root, str(root / REGISTRY_FOLDER / "mine.adp"))


def test_one_of_lammps_is_registered_without_a_copy_and_becomes_the_default_of_a_new_element(root: Path):
    (root / "dvc.yaml").touch()
    done = CliRunner().invoke(app, ["potentials", "add", "CoAl.eam.alloy", "--root", str(root), "--doi", "10.1/x"])
    assert done.exit_code == 0, done.exception
    entry, citation, *proof, following = done.stdout.splitlines()
    assert entry.split() == ["CoAl", "Co-Al", "eam/alloy", "cutoff", "5.60", "Å", "default", "for", "Co"]
    assert citation.endswith(", doi 10.1/x")
    assert [line.split()[:3] for line in proof[:2]] == [["Co", "alone", "0.0000"], ["Al", "alone", "0.0000"]]
    assert [line.split()[:3] for line in proof[2:]] == [[p, "bound", "by"] for p in ("Co-Co", "Co-Al", "Al-Al")]
    assert following == "next: git add datasets/potentials/potentials.yaml"
    assert potential_for("Co", root).id == "CoAl"
    assert PotentialRegistry.read(root).defaults["Al"] == "Al_mm"


def test_atoms_that_only_repel_are_said_to_and_have_no_distance():
    entry = {"id": "x", "elements": ["Co"], "pair_style": "eam", "cutoff": 5.0, "citation": None, "doi": None}
    dimer = {"elements": ("Co", "Co"), "distance": None, "energy": 0.1}
    document = {"potential": entry, "default_for": [], "isolated_atom_eV": {}, "dimers": [dimer], "files": ["a", "b"]}
    _, citation, pair, following = _added(document)
    assert citation.strip() == "citation unknown"
    assert pair.strip() == "Co-Co atoms only repel each other"
    assert following == "next: git add a b"


def test_meam_and_snap_keep_both_files(root: Path):
    folder = lammps_potentials()
    meam = add_potential(
        root, str(folder / "library.meam"), parameters=folder / "Ni.meam", elements=["Ni=Ni4"], potential_id="Ni_meam"
    )
    assert {Path(name).name for name in meam.files} == {"potentials.yaml", "library.meam", "Ni.meam"}
    snap = add_potential(root, str(folder / "Mo_Chen_PRM2017.snapcoeff"))
    for spec in (meam.spec, snap.spec):
        again = resolve_potential(spec.id, root)
        assert again.parameters is not None
        method = LammpsLabeller(again).method()
        assert method.parameters["parameters_sha256"] == spec.parameters.sha256


def test_a_cutoff_that_is_too_short_is_found_by_the_proof(root: Path, monkeypatch: pytest.MonkeyPatch):
    from foundational.maintenance import potentials as module  # noqa: PLC0415

    honest = module.read_potential_file

    def short(path: Path, parameters: Path | None = None):
        from dataclasses import replace  # noqa: PLC0415

        return replace(honest(path, parameters), cutoff=3.0)

    monkeypatch.setattr(module, "read_potential_file", short)
    with pytest.raises(EngineError, match=r"beyond the cutoff 3 Å"):
        add_potential(root, "CoAl.eam.alloy")
    assert "CoAl" not in (root / REGISTRY_FOLDER / "potentials.yaml").read_text(encoding="utf-8")


def test_what_is_no_potential_leaves_the_registry_as_it_was(root: Path):
    before = (root / REGISTRY_FOLDER / "potentials.yaml").read_bytes()
    (root / "text.eam").write_text("no potential\n", encoding="utf-8")
    for file, error in ((str(root / "text.eam"), InputError), ("nothing.eam", NotFoundError)):
        with pytest.raises(error):
            add_potential(root, file)
    with pytest.raises(InputError, match="chemical symbols"):
        add_potential(root, "CoAl.eam.alloy", elements=["Kobalt"])
    assert (root / REGISTRY_FOLDER / "potentials.yaml").read_bytes() == before
