from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import ase.io
import numpy as np
import pytest
import xarray as xr
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from ase.stress import full_3x3_to_voigt_6_stress

from foundational.data import extxyz
from foundational.data.configurations import Configurations, Labels
from foundational.data.conversion import from_atoms, to_configurations, to_dataset
from foundational.data.extxyz import fingerprint_of_text, read_extxyz, write_extxyz
from foundational.data.fingerprint import fingerprint
from foundational.data.store import open_store
from foundational.errors import InputError, NotFoundError
from foundational.interchange.importing import import_files
from foundational.interchange.proofs.received import Received, compare
from foundational.interchange.proofs.text import read_calculator, read_mace, read_nep, read_sevennet
from foundational.interchange.writing.parts import Part


def test_every_bit_survives_the_way_through_extended_xyz(store: Path, dataset: xr.Dataset, tmp_path: Path):
    full = dataset.assign_attrs(dataset.attrs)
    full["parent_id"] = full["id"].copy(data=full["id"].to_numpy()[::-1])
    full["parent_id"].attrs["description"] = "id of the configuration of the parent dataset"
    write_extxyz(full, tmp_path / "ni.xyz")
    back = read_extxyz(tmp_path / "ni.xyz")
    assert fingerprint(back) == fingerprint(open_store(store))
    assert back.identical(full.drop_attrs(deep=False).assign_attrs(layout=2, elements=["Al", "Ni", "Cu"]))


def test_a_text_is_compared_a_few_configurations_at_a_time(dataset: xr.Dataset, tmp_path: Path, monkeypatch):
    write_extxyz(dataset, tmp_path / "ni.xyz")
    monkeypatch.setattr(extxyz, "_TOGETHER", 2)
    sizes, own = [], extxyz.from_atoms
    monkeypatch.setattr(extxyz, "from_atoms", lambda frames: sizes.append(len(frames)) or own(frames))
    assert fingerprint_of_text(tmp_path / "ni.xyz") == fingerprint(dataset)
    assert max(sizes) == 2
    (tmp_path / "ni.xyz").write_text("2\nLattice\n")
    with pytest.raises(InputError, match="not readable as extended XYZ"):
        fingerprint_of_text(tmp_path / "ni.xyz")


def test_hard_floats_survive(tmp_path: Path):
    rng = np.random.default_rng(5)
    bits = rng.integers(0, 2**32, (2, 300), dtype=np.uint32)
    wild = bits.view(np.float32)
    wild = np.where(np.isfinite(wild) & (np.abs(wild) < 1e30), wild, np.float32(1e-42))
    batch = from_atoms([bulk("Ni", cubic=True) * (5, 5, 1)])
    forces = np.resize(wild[0], batch.positions.shape)
    stress = rng.normal(size=(1, 3, 3)) * 10.0 ** rng.integers(-300, 300, (1, 3, 3))
    energy = np.array([np.nextafter(-153.1, 0)])
    labelled = batch.with_labels(Labels(energy, forces, stress))
    write_extxyz(to_dataset(labelled), tmp_path / "hard.xyz")
    back = to_configurations(read_extxyz(tmp_path / "hard.xyz"))
    assert fingerprint(back) == fingerprint(labelled)


def test_ase_reads_the_labels_under_their_explicit_names(dataset: xr.Dataset, tmp_path: Path):
    write_extxyz(dataset, tmp_path / "ni.xyz")
    configurations = to_configurations(dataset)
    for i, atoms in enumerate(ase.io.read(tmp_path / "ni.xyz", ":")):
        one = configurations.take([i])
        assert atoms.info["REF_energy"] == one.labels.energy[0]
        assert np.array_equal(atoms.arrays["REF_forces"].astype(np.float32), one.labels.forces)
        assert np.array_equal(atoms.info["REF_stress"], full_3x3_to_voigt_6_stress(one.labels.stress[0]))
        assert np.array_equal(atoms.cell.array, one.cell[0])
        assert np.array_equal(atoms.numbers, one.atomic_numbers)
        assert atoms.info["split"] == dataset["split"].to_numpy()[i]


def test_an_id_is_never_taken_for_a_number(dataset: xr.Dataset, tmp_path: Path):
    parents = np.zeros((12, 16), np.uint8)
    parents[:, 0], parents[:, 1] = 0x12, 0xE5  # 12e5000…, a float to a careless reader
    tricky = dataset.assign(parent_id=(("configuration", "digest"), parents))
    write_extxyz(tricky, tmp_path / "ni.xyz")
    assert np.array_equal(read_extxyz(tmp_path / "ni.xyz")["parent_id"].to_numpy(), parents)


def test_a_file_of_another_program_is_read_with_its_labels(tmp_path: Path):
    atoms = bulk("Cu", cubic=True)
    atoms.rattle(0.05, seed=1)
    atoms.calc = EMT()
    energy, forces, stress = atoms.get_potential_energy(), atoms.get_forces(), atoms.get_stress(voigt=False)
    atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=forces, stress=stress)
    ase.io.write(tmp_path / "ase.xyz", [atoms, atoms], format="extxyz")
    labels = to_configurations(read_extxyz(tmp_path / "ase.xyz")).labels
    assert labels.energy == pytest.approx([energy] * 2)
    assert labels.forces == pytest.approx(np.concatenate([forces] * 2), abs=1e-7)
    assert labels.stress == pytest.approx(np.stack([stress] * 2), abs=1e-7)


def test_a_variable_that_only_some_configurations_have_is_left_out(tmp_path: Path):
    frames = [bulk("Cu"), bulk("Cu", a=3.7)]
    frames[0].info["walker"] = 3
    ase.io.write(tmp_path / "ase.xyz", frames, format="extxyz")
    assert "walker" not in read_extxyz(tmp_path / "ase.xyz")


def test_unknown_labels_are_nan_and_malformed_empty_and_absent_files_are_refused(tmp_path: Path):
    labelled, bare = bulk("Cu"), bulk("Cu", a=3.7)
    labelled.calc = SinglePointCalculator(labelled, energy=1.0, forces=np.zeros((1, 3)))
    ase.io.write(tmp_path / "half.xyz", [labelled, bare], format="extxyz")
    assert np.isnan(read_extxyz(tmp_path / "half.xyz")["energy"].to_numpy()).tolist() == [False, True]
    (tmp_path / "bad.xyz").write_text('2\nLattice="1 0 0 0 1 0 0 0 1" Properties=species:S:1:pos:R:3\nCu 0 0\n')
    with pytest.raises(InputError, match="not readable as extended XYZ"):
        read_extxyz(tmp_path / "bad.xyz")
    (tmp_path / "empty.xyz").write_text("")
    with pytest.raises(InputError):
        read_extxyz(tmp_path / "empty.xyz")
    with pytest.raises(NotFoundError, match="no such file"):
        read_extxyz(tmp_path / "absent.xyz")


def as_part(configurations: Configurations) -> Part:
    nothing = (None,) * len(configurations)
    return Part("train", configurations, tuple(f"{i:032x}" for i in range(len(configurations))), nothing, nothing)


def read_sevennet_key(path: Path) -> Iterator[Received]:
    """SevenNet with ``stress_key: REF_stress``, which takes six numbers in ASE's order and no others."""
    for atoms in ase.io.iread(path, ":"):
        xx, yy, zz, xy, yz, zx = atoms.info["REF_stress"][[0, 1, 2, 5, 3, 4]].tolist()
        stress = np.array([[xx, xy, zx], [xy, yy, yz], [zx, yz, zz]])
        forces = atoms.arrays["REF_forces"]
        yield Received(
            atoms.numbers, atoms.positions, atoms.cell.array, atoms.pbc, atoms.info["REF_energy"], forces, stress
        )


@pytest.mark.parametrize("read", [read_mace, read_calculator, read_sevennet, read_sevennet_key, read_nep])
def test_each_common_reader_takes_the_same_numbers_from_the_text(read, configurations: Configurations, tmp_path: Path):
    assert configurations.labels is not None
    shear = np.arange(9.0).reshape(3, 3) * 1e-3
    stress = configurations.labels.stress + shear + shear.T
    sheared = configurations.with_labels(replace(configurations.labels, stress=stress))
    write_extxyz(to_dataset(sheared), tmp_path / "all.xyz")
    proof = compare(as_part(sheared), read(tmp_path / "all.xyz"))
    assert proof.problems == ()
    assert {name: label.compared for name, label in proof.labels.items()} == {
        "energy": 12,
        "forces": 12,
        "stress": 12,
    }


@pytest.mark.parametrize("label", ["energy", "forces", "stress", "atomic_energies"])
def test_a_label_that_is_not_known_has_no_key_and_stays_unknown(label: str, configurations: Configurations, tmp_path):
    assert configurations.labels is not None
    values = getattr(configurations.labels, label).copy()
    values[configurations.atoms_of(np.array([2, 5])) if label in ("forces", "atomic_energies") else [2, 5]] = np.nan
    partly = configurations.with_labels(replace(configurations.labels, **{label: values}))
    write_extxyz(to_dataset(partly), tmp_path / "partly.xyz")
    assert "nan" not in (tmp_path / "partly.xyz").read_text()
    assert fingerprint(read_extxyz(tmp_path / "partly.xyz")) == fingerprint(partly)
    assert fingerprint(import_files([tmp_path / "partly.xyz"]).dataset) == fingerprint(partly)


def test_a_stress_that_is_not_symmetric_survives_and_its_readers_get_six_numbers(
    configurations: Configurations, tmp_path: Path
):
    assert configurations.labels is not None
    stress = configurations.labels.stress.copy()
    stress[3, 0, 1] += 1e-4
    odd = configurations.with_labels(replace(configurations.labels, stress=stress))
    write_extxyz(to_dataset(odd), tmp_path / "odd.xyz")
    assert {len(atoms.info["REF_stress"]) for atoms in ase.io.iread(tmp_path / "odd.xyz", ":")} == {6}
    assert fingerprint(read_extxyz(tmp_path / "odd.xyz")) == fingerprint(odd)
    imported = import_files([tmp_path / "odd.xyz"]).dataset
    assert fingerprint(imported) == fingerprint(odd)
    assert not [name for name in imported.data_vars if str(name).startswith("imported") or name == "full_stress"]


def test_an_isolated_atom_has_the_config_type_of_mace(configurations: Configurations, tmp_path: Path):
    role = np.zeros(12, np.int8)
    role[1] = 1
    write_extxyz(to_dataset(configurations, role=role), tmp_path / "role.xyz")
    types = [atoms.info.get("config_type") for atoms in ase.io.iread(tmp_path / "role.xyz", ":")]
    assert types == [None, "IsolatedAtom"] + [None] * 10
    assert np.array_equal(read_extxyz(tmp_path / "role.xyz")["role"], role)
