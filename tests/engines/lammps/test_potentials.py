import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest

from foundational.data.configurations import Configurations
from foundational.defaults import DEFAULTS
from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.engines.lammps.library import lammps_instance, lammps_potentials
from foundational.engines.lammps.potential_files import read_potential_file
from foundational.engines.lammps.potentials import potential_for, resolve_potential
from foundational.engines.momt.block import System
from foundational.engines.momt.window import advance_npt, start
from foundational.errors import ChecksumError, InputError, NotFoundError
from foundational.science.crystals import build_crystal
from foundational.specs.parsing import read_yaml
from foundational.specs.potentials import REGISTRY_FILE, REGISTRY_FOLDER, PotentialRegistry


def project(folder: Path, checkout: Path) -> Path:
    shutil.copytree(checkout / REGISTRY_FOLDER, folder / REGISTRY_FOLDER)
    return folder


def test_every_potential_of_the_registry_loads_for_all_its_elements(checkout: Path):
    for spec in PotentialRegistry.read(checkout).potentials:
        lammps = lammps_instance()
        box = ["units metal", "region r block 0 30 0 30 0 30", f"create_box {len(spec.elements)} r", "mass * 1.0"]
        lammps.commands_list([*box, *resolve_potential(spec.id, checkout).pair_commands(spec.elements)])
        lammps.create_atoms(2, [1, 2], [1, len(spec.elements)], [5.0, 5.0, 5.0, 7.5, 5.0, 5.0])
        lammps.command("run 0 post no")
        assert lammps.extract_global("nlocal") == 2
        assert lammps.get_thermo("pe") < -0.5, spec.id
        lammps.close()


def test_the_cutoff_of_the_registry_is_that_of_the_file(checkout: Path):
    for spec in PotentialRegistry.read(checkout).potentials:
        path = resolve_potential(spec.id, checkout).path
        numbers = path.read_text(errors="replace").splitlines()[2 if spec.pair_style == "eam" else 4].split()
        assert float(numbers[4]) == pytest.approx(spec.cutoff, rel=1e-12), spec.id


def test_a_changed_byte_is_a_checksum_error(tmp_path: Path, checkout: Path):
    root = project(tmp_path, checkout)
    path = root / REGISTRY_FOLDER / "NiNb.eam.fs"
    resolve_potential("NiNb", root)
    content = bytearray(path.read_bytes())
    content[5000] ^= 1
    path.write_bytes(content)
    with pytest.raises(ChecksumError, match=r"NiNb.eam.fs.*expected sha256 9db1b232f9fe…, got"):
        resolve_potential("NiNb", root)


def test_a_bundled_file_that_is_missing_comes_from_the_package(tmp_path: Path, checkout: Path):
    root = project(tmp_path, checkout)
    (root / REGISTRY_FOLDER / "NiNb.eam.fs").unlink()
    assert resolve_potential("NiNb", root).path == DEFAULTS / REGISTRY_FOLDER / "NiNb.eam.fs"


def test_a_missing_file_of_an_own_entry_is_answered_with_dvc_pull(tmp_path: Path, checkout: Path):
    root = project(tmp_path, checkout)
    registry = root / REGISTRY_FOLDER / "potentials.yaml"
    registry.write_text(registry.read_text(encoding="utf-8").replace("NiNb.eam.fs", "own.eam.fs"), encoding="utf-8")
    with pytest.raises(NotFoundError, match="dvc pull"):
        resolve_potential("NiNb", root)


def test_a_potential_without_the_element_is_refused_with_those_that_have_it(checkout: Path):
    with pytest.raises(InputError, match=r"'Al_mm' has no Cu \(it has Al\); use: Cu_mishin1, CuTa"):
        potential_for("Cu", checkout, "Al_mm")


def test_a_named_potential_goes_before_the_default(checkout: Path):
    assert potential_for("Cu", checkout).id == "Cu_mishin1"
    assert potential_for("Cu", checkout, "CuTa").id == "CuTa"


def test_a_file_of_style_eam_takes_no_element_list(checkout: Path):
    silver = potential_for("Ag", checkout)
    assert silver.pair_commands(["Ag"]) == ["pair_style eam", f'pair_coeff 1 1 "{lammps_potentials() / "Ag_u3.eam"}"']


def test_a_resolved_potential_survives_pickling(checkout: Path):
    potential = potential_for("Nb", checkout)
    assert pickle.loads(pickle.dumps(potential)) == potential


def test_two_instances_in_one_process_do_not_disturb_each_other():
    first, second = lammps_instance(), lammps_instance()
    first.command("units metal")
    second.command("units lj")
    assert first.extract_global("units") == "metal"
    assert second.extract_global("units") == "lj"
    first.close()
    assert second.extract_global("units") == "lj"
    second.close()


def test_potentials_are_read_from_a_folder_with_any_letters(tmp_path: Path, checkout: Path):
    """The potential in ``naïve-é`` gives the energy that it gives elsewhere, in labels and in dynamics."""
    root = project(tmp_path / "naïve-é", checkout)
    crystal = build_crystal("fcc", 10.868, (2, 2, 2))
    batch = Configurations.build([crystal.cell], [crystal.positions], [np.full(32, 28)])
    energies = [LammpsLabeller(potential_for("Ni", place)).label(batch).energy[0] for place in (root, checkout)]
    assert energies[0] == energies[1]
    system = System(potential_for("Ni", root), "Ni", "fcc", 2, 1.0, 2.0, 200.0, 300.0, "isotropic")
    state, frames = advance_npt(system, start(system, 600.0, 1), 300.0, 80.0, 1)
    assert np.isfinite(state.positions).all()
    assert len(frames) == 2


def test_elements_that_a_potential_lacks_a_missing_default_and_a_missing_file_are_said(tmp_path: Path, checkout: Path):
    with pytest.raises(InputError, match="potential 'NiNb' has Ni, Nb and not Al; choose another potential"):
        resolve_potential("NiNb", checkout).pair_commands(["Ni", "Al"])
    with pytest.raises(NotFoundError, match=r"no potential 'mine/Ni\.eam' in the registry and no such file"):
        resolve_potential("mine/Ni.eam", checkout)
    registry = project(tmp_path, checkout) / REGISTRY_FOLDER / REGISTRY_FILE
    content = read_yaml(registry)
    spec = read_potential_file(lammps_potentials() / "CoAl.eam.alloy").spec("mine", source="lammps")
    content["potentials"].append(spec.model_dump(mode="json"))
    registry.write_text(json.dumps(content))
    with pytest.raises(NotFoundError, match="no default potential for Co in the registry; name one of: mine"):
        potential_for("Co", tmp_path)
    assert potential_for("Co", tmp_path, "mine").id == "mine"
