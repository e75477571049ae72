"""What every trainer gets of an export is what the dataset holds; what is wrong in any way is refused."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import ase.io
import lmdb
import msgpack
import numpy as np
import pytest
import xarray as xr
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator
from ase.db import connect
from numpy.typing import NDArray

from foundational.data.batches import to_configurations
from foundational.data.configurations import Configurations, Labels
from foundational.data.conversion import to_dataset
from foundational.data.layout import VARIABLES
from foundational.data.store import open_store, write_dataset
from foundational.errors import ConflictError, DatasetError, InputError, NotFoundError
from foundational.interchange.importing import import_files
from foundational.interchange.proofs import arrays, databases, text
from foundational.interchange.proofs.received import Received, compare
from foundational.interchange.writing import parts
from foundational.interchange.writing import plan as plans
from foundational.interchange.writing.boxes import in_boxes
from foundational.interchange.writing.exporting import ExportOptions, export_dataset
from foundational.interchange.writing.parts import AnyPart, Part
from foundational.interchange.writing.plan import PARTS, plan_export
from foundational.interchange.writing.report import Origin
from foundational.interchange.writing.targets import TARGETS, target_named

ORIGIN = Origin("made", None, "0" * 64)
FCC = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
SHEAR = np.array([[0.0, 0.3, 0.1], [0.0, 0.0, 0.2], [0.05, 0.0, 0.0]])


def crystals(
    cells: list[NDArray[Any]],
    numbers: list[list[int]],
    pbc: list[tuple[bool, bool, bool]] | None = None,
    *,
    seed: int = 1,
    positions: type[Any] = np.float32,
) -> Configurations:
    """Rattled cells of four atoms, with labels that are numbers of no symmetry."""
    rng = np.random.default_rng(seed)
    count = len(cells)
    where = np.concatenate([FCC @ np.where(np.abs(cell).sum() > 0, cell, 4 * np.eye(3)) for cell in cells])
    stress = rng.normal(scale=0.02, size=(count, 3, 3))
    labels = Labels(
        rng.normal(-17, 1, count),
        rng.normal(size=(4 * count, 3)).astype(positions),
        stress + stress.transpose(0, 2, 1),
    )
    return Configurations(
        np.full(count, 4, np.int32),
        np.array(cells),
        np.array([(True, True, True)] * count if pbc is None else pbc),
        np.array(numbers, np.uint8).reshape(-1),
        (where + rng.normal(scale=0.05, size=where.shape)).astype(positions),
        labels,
    )


def without(configurations: Configurations, label: str, rows: list[int]) -> Configurations:
    labels = configurations.labels
    assert labels is not None
    values = getattr(labels, label).copy()
    values[configurations.atoms_of(np.array(rows)) if label == "forces" else rows] = np.nan
    return configurations.with_labels(replace(labels, **{label: values}))


NICKEL = [28, 28, 28, 28]
CUBIC = 3.5 * np.eye(3)


def compressed() -> Configurations:
    c = crystals([3.2 * np.eye(3)] * 3, [NICKEL] * 3)
    assert c.labels is not None
    return c.with_labels(replace(c.labels, stress=np.stack([-p * np.eye(3) for p in (0.01, 0.05, 0.2)])))


CASES: dict[str, Callable[[], Configurations]] = {
    "compressed": compressed,
    "sheared": lambda: crystals([CUBIC + SHEAR, CUBIC + SHEAR.T, CUBIC - SHEAR], [NICKEL] * 3),
    "several elements": lambda: crystals([CUBIC + SHEAR] * 3, [[28, 13, 28, 29], [13, 13, 28, 28], NICKEL]),
    "unknown stress": lambda: without(crystals([CUBIC + SHEAR] * 4, [NICKEL] * 4), "stress", [1, 3]),
    "no stress": lambda: without(crystals([CUBIC + SHEAR] * 4, [NICKEL] * 4), "stress", [0, 1, 2, 3]),
    "cluster": lambda: without(
        crystals([np.zeros((3, 3)), CUBIC], [[28, 13, 13, 28]] * 2, [(False,) * 3, (True,) * 3]), "stress", [0]
    ),
    "slab": lambda: crystals(
        [CUBIC + SHEAR + [[0, 0, 0], [0, 0, 0], [0, 0, 9]], CUBIC], [NICKEL] * 2, [(True, True, False), (True,) * 3]
    ),
    "float64": lambda: crystals([CUBIC + SHEAR] * 2, [NICKEL] * 2, positions=np.float64),
}


def export(dataset: xr.Dataset | Configurations, name: str, out: Path, origin: Origin = ORIGIN, **options: Any) -> Any:
    whole = dataset if isinstance(dataset, xr.Dataset) else to_dataset(dataset)
    return export_dataset(whole, origin, TARGETS[name], out, ExportOptions(**options))


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", TARGETS)
def test_every_trainer_gets_what_the_dataset_holds(name: str, case: str, tmp_path: Path):
    configurations = CASES[case]()
    report = export(configurations, name, tmp_path / "out")
    assert report.proof.holds
    assert configurations.labels is not None
    known = configurations.labels.known(configurations.offsets)
    written = sum(report.configurations.values())
    assert written + sum(report.excluded.values()) == len(configurations)
    for label, of in report.proof.parts["train"].labels.items():
        assert of.compared + of.unknown == written
        assert of.compared == report.labels.get(label, 0) <= int(known[label].sum())
        assert of.largest_relative_difference <= 1e-6
    assert json.loads((tmp_path / "out" / "proof.json").read_text()) == report.proof.model_dump(mode="json")
    if not report.excluded:
        assert report.labels["energy"] == len(configurations)


def wrong_stress(change: Callable[[NDArray[Any]], NDArray[Any]]) -> Callable[[AnyPart], AnyPart]:
    def changed(given: AnyPart) -> Part:
        part = given.whole()
        labels = replace(part.labels, stress=change(part.labels.stress.copy()))
        return replace(part, configurations=part.configurations.with_labels(labels))

    return changed


def swapped(stress: NDArray[Any]) -> NDArray[Any]:
    """The order of VASP in place of ASE's: yz, xz, xy ← xy, yz, xz."""
    out = stress.copy()
    for to, of in (((1, 2), (0, 1)), ((0, 2), (1, 2)), ((0, 1), (0, 2))):
        out[:, to[0], to[1]] = out[:, to[1], to[0]] = stress[:, of[0], of[1]]
    return out


def other_labels(**changes: Callable[[NDArray[Any]], NDArray[Any]]) -> Callable[[AnyPart], AnyPart]:
    def changed(given: AnyPart) -> Part:
        part = given.whole()
        values = {name: change(getattr(part.labels, name)) for name, change in changes.items()}
        return replace(part, configurations=part.configurations.with_labels(replace(part.labels, **values)))

    return changed


DEFECTS: dict[str, Callable[[AnyPart], AnyPart]] = {
    "another sign of the stress": wrong_stress(lambda stress: -stress),
    "another order of the stress": wrong_stress(swapped),
    "another unit of the stress": wrong_stress(lambda stress: 160.2 * stress),
    "gradients in place of forces": other_labels(forces=lambda forces: -forces),
    "energies per atom": other_labels(energy=lambda energy: energy / 4),
    "a small error of the forces": other_labels(forces=lambda forces: forces * np.float32(1 + 1e-5)),
    "configurations in another order": lambda part: part.take(np.arange(len(part))[::-1]),
    "a configuration too few": lambda part: part.take(np.arange(len(part) - 1)),
}


@pytest.mark.parametrize("defect", DEFECTS)
@pytest.mark.parametrize("name", TARGETS)
def test_a_wrong_writer_is_found_and_nothing_is_kept(name: str, defect: str, tmp_path: Path):
    target = TARGETS[name]
    broken = replace(target, write=lambda part, path, plan: target.write(DEFECTS[defect](part), path, plan))
    with pytest.raises(DatasetError, match="is not what the dataset holds"):
        export_dataset(to_dataset(CASES["sheared"]()), ORIGIN, broken, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", TARGETS)
def test_an_unknown_label_that_is_written_as_zero_is_found(name: str, tmp_path: Path):
    target = TARGETS[name]
    zeros = wrong_stress(np.nan_to_num)
    broken = replace(
        target,
        demands=replace(target.demands, uniform=False),
        write=lambda part, path, plan: target.write(zeros(part), path, plan),
    )
    with pytest.raises(DatasetError, match="stress is unknown, but a number was read"):
        export_dataset(to_dataset(CASES["unknown stress"]()), ORIGIN, broken, tmp_path / "out")


@pytest.mark.parametrize("name", [name for name, target in TARGETS.items() if target.demands.uniform])
def test_a_trainer_that_fills_with_zeros_gets_no_configuration_without_a_label(name: str, tmp_path: Path):
    configurations = CASES["unknown stress"]()
    report = export(configurations, name, tmp_path / "out")
    assert sum(report.excluded.values()) == 2
    assert all("stress unknown" in reason for reason in report.excluded)
    everything = export(configurations, name, tmp_path / "other", labels=("energy", "forces"))
    assert everything.excluded == {}
    assert "stress" not in everything.labels


@pytest.mark.parametrize("name", TARGETS)
def test_a_configuration_without_its_energy_or_its_forces_is_written_as_such_or_excluded(name: str, tmp_path: Path):
    """One lacks each; the proof compares what is known, and a label that is unknown is never a number."""
    whole = crystals([CUBIC + SHEAR] * 3, [NICKEL] * 3)
    report = export(without(without(whole, "energy", [0]), "forces", [1]), name, tmp_path / "out")
    written = sum(report.configurations.values())
    assert report.proof.holds
    assert written + sum(report.excluded.values()) == 3
    needs = {label for label in ("energy", "forces") if f"{label} unknown" in " ".join(report.excluded)}
    for label in ("energy", "forces"):
        proof = report.proof.parts["train"].labels[label]
        assert (proof.compared, proof.unknown) == (
            written - (label not in needs and written > 1),
            written - proof.compared,
        )
    assert report.labels["stress"] == written


@pytest.mark.parametrize("name", ["deepmd", "deepmd-mixed", "deepmd-lmdb", "torchani", "ase", "mace"])
def test_clusters_alone_are_written_without_a_cell(name: str, tmp_path: Path):
    cluster = crystals([np.zeros((3, 3))] * 2, [[28, 13, 13, 28]] * 2, [(False,) * 3] * 2)
    report = export(without(cluster, "stress", [0, 1]), name, tmp_path / "out")
    assert (report.proof.holds, report.excluded, report.labels["energy"]) == (True, {}, 2)
    assert "stress" not in report.labels


def test_parts_of_the_split_are_files_and_ids_follow_their_order(tmp_path: Path):
    configurations = crystals([CUBIC + SHEAR] * 6, [NICKEL, [13, 13, 28, 28], NICKEL, NICKEL, [13] * 4, NICKEL])
    dataset = to_dataset(configurations, split=np.array([0, 2, 1, 0, 0, 2], np.int8))
    ids = [bytes(row).hex() for row in dataset["id"].to_numpy()]
    for name in TARGETS:
        report = export(dataset, name, tmp_path / name)
        assert report.configurations == {"train": 3, "valid": 1, "test": 2}
        files = {part: (tmp_path / name / f"{part}.ids.txt").read_text().split() for part in report.configurations}
        assert {part: set(of) for part, of in files.items()} == {
            "train": {ids[0], ids[3], ids[4]},
            "valid": {ids[2]},
            "test": {ids[1], ids[5]},
        }
        assert all((tmp_path / name / path).exists() for path in report.files.values())
    assert (tmp_path / "nep" / "holdout.xyz").exists()


def isolated(configurations: Configurations) -> xr.Dataset:
    """The same set with an isolated aluminium atom at −1.5 eV behind it."""
    c, labels = configurations, configurations.labels
    assert labels is not None
    whole = Configurations(
        np.append(c.n_atoms, np.int32(1)),
        np.concatenate([c.cell, np.zeros((1, 3, 3))]),
        np.concatenate([c.pbc, np.zeros((1, 3), bool)]),
        np.append(c.atomic_numbers, np.uint8(13)),
        np.concatenate([c.positions, np.zeros((1, 3), np.float32)]),
        Labels(
            np.append(labels.energy, -1.5),
            np.concatenate([labels.forces, np.full((1, 3), np.nan, np.float32)]),
            np.concatenate([labels.stress, np.full((1, 3, 3), np.nan)]),
        ),
    )
    return to_dataset(whole, role=np.array([0] * len(c) + [1], np.int8), split=np.array([0] * len(c) + [1], np.int8))


@pytest.mark.parametrize("name", TARGETS)
def test_isolated_atoms_come_from_the_dataset_then_from_the_record_and_are_else_missing(name: str, tmp_path: Path):
    dataset = isolated(crystals([CUBIC + SHEAR] * 2, [[28, 13, 29, 28]] * 2))
    origin = replace(ORIGIN, isolated={"Ni": -0.25, "Al": 7.0, "Nb": 1.0})
    report = export(dataset, name, tmp_path / "out", origin)
    found = {element: (atom.energy_eV, atom.source) for element, atom in report.isolated_atoms.items()}
    assert found == {"Al": (-1.5, "configuration"), "Ni": (-0.25, "record")}
    assert report.missing_isolated_atoms == ("Cu",)
    document = json.loads((tmp_path / "out" / "isolated_atoms.json").read_text())
    assert document["unknown"] == ["Cu"]
    frames = TARGETS[name].demands.isolated
    assert report.configurations == {"train": 4 if frames else 2}
    assert sum(report.excluded.values()) == (0 if frames else 1)


def test_mace_finds_each_isolated_atom_by_its_config_type(tmp_path: Path):
    origin = replace(ORIGIN, isolated={"Ni": -0.25, "Cu": 0.5})
    export(isolated(crystals([CUBIC], [[28, 13, 29, 28]])), "mace", tmp_path / "out", origin)
    frames = ase.io.read(tmp_path / "out" / "train.xyz", ":")
    single = [atoms for atoms in frames if atoms.info.get("config_type") == "IsolatedAtom"]
    assert {a.symbols[0]: a.info["REF_energy"] for a in single} == {"Al": -1.5, "Ni": -0.25, "Cu": 0.5}
    assert "E0s: '{13: -1.5, 28: -0.25, 29: 0.5}'" in (tmp_path / "out" / "mace.yaml").read_text()


def test_an_existing_folder_is_refused_unless_it_may_be_replaced(tmp_path: Path):
    dataset = to_dataset(CASES["sheared"]())
    export(dataset, "ase", tmp_path / "out")
    with pytest.raises(ConflictError, match="exists already"):
        export(dataset, "mace", tmp_path / "out")
    assert export(dataset, "mace", tmp_path / "out", replace=True).target == "mace"
    assert "REF_energy" in (tmp_path / "out" / "train.xyz").read_text()


def test_a_set_of_which_nothing_can_be_written_is_refused_with_the_reasons(tmp_path: Path):
    cluster = CASES["cluster"]().take([0])
    with pytest.raises(InputError, match="nothing is left to export: 1 × the cell is not periodic"):
        export(cluster, "chgnet", tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InputError, match="expected some of energy, forces, stress, got virial"):
        export(CASES["sheared"](), "mace", tmp_path / "out", labels=("virial",))


def test_a_trainer_that_is_not_known_is_named_with_the_closest():
    with pytest.raises(NotFoundError, match="did you mean 'mattersim'"):
        target_named("matersim")


@pytest.mark.parametrize("case", ["cluster", "slab"])
def test_a_box_keeps_periods_stress_times_volume_and_the_distance_of_images(case: str):
    before = CASES[case]()
    after = in_boxes(before)
    assert after.pbc.all()
    assert before.labels is not None
    assert after.labels is not None
    for i in range(len(before)):
        assert np.array_equal(after.cell[i][before.pbc[i]], before.cell[i][before.pbc[i]])
        for axis in np.flatnonzero(~before.pbc[i]):
            height = 1 / np.linalg.norm(np.linalg.inv(after.cell[i])[:, axis])
            normal = np.cross(after.cell[i][(axis + 1) % 3], after.cell[i][(axis + 2) % 3])
            extent = np.ptp(before.positions[4 * i : 4 * i + 4] @ (normal / np.linalg.norm(normal)))
            assert height - extent > 20 - 1e-9
    product = [c.labels.stress * c.volume[:, None, None] for c in (before, after)]
    assert np.allclose(product[0], product[1], equal_nan=True)


def test_an_asymmetric_stress_is_counted_and_its_symmetric_part_written(tmp_path: Path):
    configurations = CASES["sheared"]()
    assert configurations.labels is not None
    stress = configurations.labels.stress.copy()
    stress[1, 0, 1] += 0.01
    changed = configurations.with_labels(replace(configurations.labels, stress=stress))
    report = export(changed, "nep", tmp_path / "out")
    assert any("1 configurations was not symmetric" in remark for remark in report.remarks)


def test_energies_of_all_electron_codes_in_single_precision_are_remarked(tmp_path: Path):
    configurations = CASES["sheared"]()
    assert configurations.labels is not None
    deep = configurations.with_labels(replace(configurations.labels, energy=configurations.labels.energy - 165_000.0))
    report = export(deep, "metatrain", tmp_path / "out")
    assert any("meV/atom off" in remark for remark in report.remarks)
    assert not any("off" in remark for remark in export(deep, "mace", tmp_path / "other").remarks)


def test_the_readme_says_units_signs_counts_licence_and_citation(tmp_path: Path):
    origin = replace(ORIGIN, licence="CC-BY-4.0", citation="A. Author, A set (2026)", record={"stage": "import"})
    for name, target in TARGETS.items():
        export(CASES["sheared"](), name, tmp_path / name, origin)
        page = (tmp_path / name / "README.md").read_text()
        for expected in (*target.units, target.trainer, target.unknown, "CC-BY-4.0", "A. Author, A set (2026)"):
            assert expected in page
        assert json.loads((tmp_path / name / "provenance.json").read_text()) == {"stage": "import"}


def test_the_rows_of_aselmdb_are_those_of_ase_db_backends(tmp_path: Path):
    pytest.importorskip("ase_db_backends")
    configurations = CASES["unknown stress"]()
    report = export(configurations, "fairchem", tmp_path / "out")
    assert report.configurations == {"train": 2}
    path = tmp_path / "out" / "train" / "data.0000.aselmdb"
    database = connect(str(path), type="aselmdb", readonly=True, use_lock_file=False)
    rows = list(database.select())
    assert [row.id for row in rows] == [1, 2]
    kept = configurations.take([0, 2])
    assert kept.labels is not None
    ids = (tmp_path / "out" / "train.ids.txt").read_text().split()
    for i, row in enumerate(rows):
        atoms = row.toatoms()
        assert row.data["sid"] == ids[i]
        assert np.array_equal(atoms.positions, kept.positions[4 * i : 4 * i + 4])
        assert atoms.get_potential_energy() == kept.labels.energy[i]
        assert np.array_equal(atoms.get_forces(), kept.labels.forces[4 * i : 4 * i + 4])
        assert np.allclose(atoms.get_stress(voigt=False), kept.labels.stress[i], rtol=1e-14)
        # Written by the library itself, a row has the same names and the same numbers.
        with connect(str(tmp_path / f"theirs{i}.aselmdb"), type="aselmdb") as other:
            other.write(atoms, data={"sid": ids[i]})
        again = connect(str(tmp_path / f"theirs{i}.aselmdb"), type="aselmdb", readonly=True).get(1)
        assert set(again.__dict__) == set(row.__dict__)
        assert np.array_equal(again.forces, row.forces)
        assert np.array_equal(again.cell, row.cell)


def test_the_rows_of_sqlite_are_read_by_ase_one_by_one(tmp_path: Path):
    configurations = CASES["several elements"]()
    export(configurations, "orb", tmp_path / "out")
    assert configurations.labels is not None
    with connect(str(tmp_path / "out" / "train.db"), serial=True, type="db") as database:
        assert len(database) == 3
        for i in range(3):
            row = database.get(i + 1)
            assert row.formula == row.toatoms().get_chemical_formula()
            assert row.energy == configurations.labels.energy[i]
            assert row.data["id"] in (tmp_path / "out" / "train.ids.txt").read_text()
        assert [row.id for row in database.select("Al>0")] == [1, 2]


def test_torchani_reads_its_conformers(tmp_path: Path):
    datasets = pytest.importorskip("torchani.datasets")
    configurations = CASES["several elements"]()
    export(configurations, "torchani", tmp_path / "out")
    assert configurations.labels is not None
    with datasets.ANIDataset(tmp_path / "out" / "train.h5", verbose=False).keep_open("r") as read:
        assert read.num_conformers == 3
        (group,) = read.values()
        assert np.allclose(group["energies"].numpy() * 27.211386024367243, configurations.labels.energy, rtol=1e-12)
        assert np.array_equal(group["species"].numpy().reshape(-1), configurations.atomic_numbers)


@pytest.mark.parametrize("name", ["mace", "fairchem", "metatrain", "deepmd", "deepmd-mixed", "deepmd-lmdb", "orb"])
def test_files_that_are_written_block_by_block_are_those_that_are_written_at_once(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    numbers = [NICKEL, [28, 13, 28, 29], NICKEL, [13, 13, 28, 28], *[NICKEL] * 3]
    whole = without(crystals([CUBIC + SHEAR] * 7, numbers), "stress", [1, 5])
    dataset = to_dataset(whole, split=np.array([0, 1, 0, 0, 1, 0, 0], np.int8), attrs={"labeller": "lammps:NiNb"})
    origin = replace(ORIGIN, isolated={"Ni": -0.5})
    once = export_dataset(dataset, origin, TARGETS[name], tmp_path / "once")
    write_dataset(dataset, tmp_path / "data.zarr")
    monkeypatch.setattr(plans, "_IN_MEMORY", 0)
    monkeypatch.setattr(parts, "BLOCK", 8)
    monkeypatch.setattr(arrays, "_FRAMES", 1)
    blocks = export_dataset(open_store(tmp_path / "data.zarr"), origin, TARGETS[name], tmp_path / "blocks")
    assert blocks == once.model_copy(update={"folder": str(tmp_path / "blocks")})
    one, other = (
        {p.relative_to(f): p for p in f.rglob("*") if p.is_file()} for f in (tmp_path / "once", tmp_path / "blocks")
    )
    assert one.keys() == other.keys()
    for file, path in one.items():
        if path.suffix in {".aselmdb", ".mdb"}:  # pages have unused bytes of any value
            continue
        assert other[file].read_bytes() == path.read_bytes(), file


def test_progress_ends_at_its_total(tmp_path: Path):
    steps = []
    dataset, say = to_dataset(CASES["sheared"]()), lambda *step: steps.append(step)
    export_dataset(dataset, ORIGIN, TARGETS["ase"], tmp_path / "out", progress=say)
    assert steps[-1][0] == steps[-1][1]
    assert [step[0] for step in steps] == sorted(step[0] for step in steps)


def test_a_label_that_was_not_asked_for_is_unknown():
    plan = plan_export(to_dataset(CASES["sheared"]()), TARGETS["mace"].demands, labels=("energy",))
    assert plan.labels == ("energy",)


@pytest.mark.parametrize(
    "name",
    [
        "mace",
        "ase",
        "nequip",
        "sevennet",
        "fairchem",
        "deepmd",
        "deepmd-mixed",
        "deepmd-lmdb",
        "orb",
        "nep",
        "torchani",
        "parquet",
    ],
)
def test_what_is_exported_is_imported_with_the_same_units_signs_and_orders(name: str, tmp_path: Path):
    """The readers of imports were written from other sources than the writers and the rules."""
    configurations = CASES["sheared"]()
    report = export(configurations, name, tmp_path / "out")
    path = tmp_path / "out" / report.files["train"]
    back = to_configurations(import_files([path / "data.0000.aselmdb" if name == "fairchem" else path]).dataset)
    assert configurations.labels is not None
    assert back.labels is not None
    assert np.array_equal(back.atomic_numbers, configurations.atomic_numbers)
    for label in ("energy", "forces", "stress"):
        got, expected = getattr(back.labels, label), getattr(configurations.labels, label)
        assert np.allclose(got, expected, rtol=2e-7, atol=1e-9), label


@pytest.mark.parametrize("name", ["mace", "ase", "nep", "deepmd"])
def test_a_stress_without_a_volume_is_not_written_and_counted(name: str, tmp_path: Path):
    cells, pbc = [np.zeros((3, 3)), CUBIC], [(False,) * 3, (True,) * 3]
    report = export(crystals(cells, [NICKEL] * 2, pbc), name, tmp_path / "out")
    assert report.labels["stress"] == 1
    assert any("1 configurations has no volume" in remark for remark in report.remarks)


@pytest.mark.parametrize("name", ["mace", "ase", "nep", "orb", "fairchem", "parquet"])
def test_fields_of_other_programs_go_with_their_configurations(name, tmp_path):
    frames = []
    for number, made in enumerate(["bulk", 'it\'s "hot"', None]):
        atoms = bulk("Ni", cubic=True)
        atoms.rattle(0.05, seed=number)
        atoms.calc = SinglePointCalculator(
            atoms, energy=-17.0 - number, forces=np.full((4, 3), 0.1), stress=np.full(6, 0.01)
        )
        atoms.info = {"config_weight": 0.5 + number, "charge": number, "dipole": np.array([0.1, 0.2, number])}
        atoms.info |= {} if made is None else {"origin": made, "config_type": made.split()[0]}
        atoms.arrays |= {"my_charges": np.arange(4) / 7 - number, "my_spin": np.arange(12.0).reshape(4, 3)}
        atoms.arrays |= {"tags": np.arange(4), "mobile": np.arange(4) > number, "site": np.array(["a", "b", "a", "c"])}
        frames.append(atoms)
    frames[0].info["my_energy"] = -1.0  # a reader could take it for a label
    frames[0].arrays["some"] = np.ones(4)  # of one configuration alone
    ase.io.write(tmp_path / "in.xyz", frames)
    source = import_files([tmp_path / "in.xyz"]).dataset
    report = export_dataset(source, ORIGIN, target_named(name), tmp_path / "out")
    again = import_files([tmp_path / "out" / report.files["train"]]).dataset
    for field in ("config_weight", "charge", "dipole", "my_charges", "my_spin", "tags", "mobile", "site", "some"):
        assert np.array_equal(again[field], source[field], equal_nan=field == "some"), field
        assert again[field].dtype == source[field].dtype
    assert again["site"].attrs["values"] == ["a", "b", "c"]
    written = [again["origin"].attrs["values"][code] for code in again["origin"].to_numpy() if code >= 0]
    assert [text.replace("'", "").replace('"', "") for text in written] == ["bulk", "its hot"]
    assert "config_type" in again
    assert "my_energy" not in again


def test_each_code_of_a_split_has_a_file():
    assert len(PARTS) == len(VARIABLES["split"].meanings)


def test_an_export_of_a_store_imports_neither_xarray_nor_pandas():
    """They take as long as many exports."""
    code = "import sys, foundational.stages.export.command as _; print({'xarray', 'pandas', 'scipy'} & {*sys.modules})"
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert run.stdout.strip() == "set()"


def test_a_mask_by_which_ase_fixes_atoms_changes_no_force(tmp_path: Path):
    """ASE's reader makes constraints of ``move_mask``, and gives no forces on fixed atoms."""
    comment = 'Lattice="4 0 0 0 4 0 0 0 4" Properties=species:S:1:pos:R:3:forces:R:3:move_mask:L:1 energy=-5'
    (tmp_path / "in.xyz").write_text(f"2\n{comment}\nNi 0 0 0 0.5 0 1 T\nNi 2 2 1 -0.5 0 -1 F\n")
    source = import_files([tmp_path / "in.xyz"]).dataset
    report = export_dataset(source, ORIGIN, target_named("ase"), tmp_path / "out")
    (read,) = ase.io.iread(tmp_path / "out" / report.files["train"])
    assert read.get_forces().tolist() == [[0.5, 0, 1], [-0.5, 0, -1]]
    assert read.arrays["imported_move_mask"].tolist() == [True, False]


def received(part: Part, i: int, **changes: Any) -> Received:
    c, labels = part.configurations, part.labels
    atoms = slice(int(c.offsets[i]), int(c.offsets[i + 1]))
    right = Received(
        c.atomic_numbers[atoms],
        c.positions[atoms],
        c.cell[i],
        c.pbc[i],
        float(labels.energy[i]),
        labels.forces[atoms],
        labels.stress[i],
    )
    return replace(right, **changes)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({}, None),
        ({"numbers": np.array([28, 28, 28, 13])}, "other species"),
        (
            {"periodic": np.array([True, True, False])},
            "periodic along [True, True, False], expected [True, True, True]",
        ),
        ({"positions": np.zeros((4, 3))}, "other positions"),
        ({"cell": np.eye(3)}, "another cell"),
        ({"energy": None}, "energy was not read"),
        ({"forces": np.full((4, 3), np.nan)}, "forces was not read"),
        ({"forces": np.zeros((3, 3))}, "forces of shape (3, 3) was read, expected (4, 3)"),
        ({"stress": np.zeros(6)}, "stress of shape (6,) was read, expected (3, 3)"),
    ],
)
def test_each_difference_of_what_a_trainer_reads_is_named_with_its_configuration(changes: dict, problem: str | None):
    part = plan_export(to_dataset(CASES["sheared"]()), TARGETS["mace"].demands).parts[0].whole()
    proof = compare(part, [received(part, 0), received(part, 1, **changes), received(part, 2)])
    expected = () if problem is None else (f"configuration 1 ({part.ids[1]}): {problem}",)
    assert proof.problems == expected
    assert proof.labels["energy"].compared == 3 - (changes.keys() >= {"energy"} or problem == "other species")


def test_configurations_too_many_or_too_few_are_said_first():
    part = plan_export(to_dataset(CASES["sheared"]()), TARGETS["mace"].demands).parts[0].whole()
    three = [received(part, i) for i in range(3)]
    assert compare(part, [*three, three[0]]).problems == ("expected 3 configurations, read 4",)
    assert compare(part, three[:2]).problems == ("expected 3 configurations, read 2",)


def test_files_of_a_trainer_that_do_not_fit_together_are_named(tmp_path: Path):
    reports = {name: export(CASES["sheared"](), name, tmp_path / name) for name in ("fairchem", "deepmd-lmdb", "nep")}
    paths = {name: tmp_path / name / report.files["train"] for name, report in reports.items()}
    np.savez(paths["fairchem"] / "metadata.npz", natoms=np.array([4, 5, 4]))
    with pytest.raises(ValueError, match=r"metadata\.npz: 5 atoms in row 1, found 4"):
        list(databases.read_fairchem(paths["fairchem"]))
    with lmdb.open(str(paths["deepmd-lmdb"])) as environment, environment.begin(write=True) as rows:
        about = msgpack.unpackb(rows.get(b"__metadata__"), raw=False)
        rows.put(b"__metadata__", msgpack.packb(about | {"frame_nlocs": [4, 4, 5]}))
    with pytest.raises(ValueError, match="frame_nlocs is wrong for frame 2"):
        list(databases.read_deepmd_lmdb(paths["deepmd-lmdb"]))
    paths["nep"].write_text(paths["nep"].read_text().replace("attice=", "ast=", 1))
    with pytest.raises(ValueError, match="'lattice' is missing"):
        list(text.read_nep(paths["nep"]))
    np.save(tmp_path / "ns.npy", 1)
    np.save(tmp_path / "na.npy", np.array([0, 2]))
    with pytest.raises(ValueError, match=r"a\.bin, x\.bin, c\.bin or energy\.bin is missing"):
        list(arrays.read_memmap(tmp_path))
