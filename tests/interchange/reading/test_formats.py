"""The format of a file follows from its name and content; what is of no known format is said in one line."""

import bz2
import gzip
import lzma
from pathlib import Path

import pytest
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.db import connect
from ase.io import write

from foundational.data.fingerprint import fingerprint
from foundational.errors import InputError, NotFoundError
from foundational.interchange.importing import ImportChoice, import_files
from foundational.interchange.reading.formats import is_file_of_frames, reader_for, readers
from foundational.interchange.writing.exporting import export_dataset
from foundational.interchange.writing.report import Origin
from foundational.interchange.writing.targets import TARGETS
from tests.interchange.vasp_files import OUTCAR, VASPRUN


def test_what_no_format_reads_is_refused_with_the_list_of_formats(tmp_path: Path):
    (tmp_path / "notes.txt").write_text("hello\n")
    with pytest.raises(InputError, match=r"notes\.txt: expected a file of configurations") as caught:
        reader_for(tmp_path / "notes.txt")
    assert all(reader.name in str(caught.value) for reader in readers())
    with pytest.raises(InputError, match="--format: expected a format, got 'extxzy'; did you mean 'extxyz'"):
        reader_for(tmp_path / "notes.txt", "extxzy")
    with pytest.raises(NotFoundError, match=r"absent\.xyz: no such file"):
        reader_for(tmp_path / "absent.xyz")


def test_a_file_and_a_dataset_are_distinguished_by_what_lies_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "OUTCAR").write_text("vasp")
    (tmp_path / "ni.zarr.zip").write_bytes(b"PK")
    (tmp_path / "ni").mkdir()
    assert is_file_of_frames("OUTCAR")
    assert is_file_of_frames("absent.xyz")
    assert not any(map(is_file_of_frames, ["ni", "ni.zarr.zip", "ni@1.0.0", "local/ni", "pools/ni-momt-32"]))


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve frames as text, as a trajectory, and in the formats of some trainers."""
    folder = tmp_path_factory.mktemp("exports")
    frames = []
    for seed in range(12):
        atoms = bulk("Cu", cubic=True) * (2, 1, 1)
        atoms.rattle(0.05, seed=seed)
        atoms.calc = EMT()
        atoms.get_stress()
        frames.append(atoms)
    write(folder / "a.xyz", frames, format="extxyz")
    write(folder / "a.traj", frames)
    write(folder / "a.json", frames, format="json")
    dataset = import_files([folder / "a.xyz"]).dataset
    for name in ("fairchem", "deepmd", "deepmd-lmdb", "parquet", "torchani", "orb"):
        export_dataset(dataset, Origin("a", None, fingerprint(dataset)), TARGETS[name], folder / name)
    return folder


def shortened(source: Path, target: Path, share: float = 2 / 3) -> Path:
    content = source.read_bytes()
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content[: int(len(content) * share)])
    return target


def compressed(exports: Path, folder: Path, name: str) -> Path:
    pack = {"gz": gzip.compress, "xz": lzma.compress, "bz2": bz2.compress}[name.rpartition(".")[2]]
    (folder / "whole").write_bytes(pack((exports / "a.xyz").read_bytes()))
    return folder / "whole"


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("fairchem/train/data.0000.aselmdb", "a.aselmdb"),
        ("deepmd-lmdb/train.lmdb/data.mdb", "a/data.mdb"),
        ("deepmd/train/system.0000/set.000/force.npy", "force.npy"),
        ("parquet/train.parquet", "a.parquet"),
        ("torchani/train.h5", "a.h5"),
        ("orb/train.db", "a.db"),
        ("a.bz2", "a.xyz.bz2"),
    ],
)
def test_a_file_that_is_cut_short_is_named_in_one_line(exports: Path, tmp_path: Path, source: str, name: str):
    """Reading beyond the end of an LMDB file would kill the process."""
    if name == "force.npy":
        folder = tmp_path / "system"
        for file in (exports / source).parents[1].rglob("*"):
            if file.is_file():
                shortened(file, folder / file.relative_to((exports / source).parents[1]), 1.0)
        shortened(exports / source, folder / "set.000" / name)
        path = folder
    else:
        whole = compressed(exports, tmp_path, name) if source == "a.bz2" else exports / source
        file = shortened(whole, tmp_path / name)
        path = file.parent if file.name == "data.mdb" else file
    with pytest.raises(InputError) as caught:
        import_files([path])
    assert (name if name == "force.npy" else path.name) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["a.xyz", "a.xyz.gz", "a.xyz.xz", "a.traj"])
def test_the_frame_in_which_a_file_is_cut_short_is_named_and_may_be_skipped(exports: Path, tmp_path: Path, name: str):
    whole = compressed(exports, tmp_path, name) if name.endswith(("gz", "xz")) else exports / name
    path = shortened(whole, tmp_path / name, 0.8)
    with pytest.raises(InputError, match=rf"{name}, frame \d+: .*nothing after it can be read"):
        import_files([path])
    imported = import_files([path], ImportChoice(on_bad="skip"))
    count = imported.report.configurations
    assert 6 <= count < 12
    assert imported.report.n_skipped == 1
    assert f"{name}, frame {count}: " in imported.report.skipped[0]


@pytest.mark.parametrize("name", ["OUTCAR", "OUTCAR.gz", "vasprun.xml"])
def test_a_step_in_which_vasp_was_killed_is_named(tmp_path: Path, name: str):
    """ASE drops such a step of an OUTCAR, and gives what it has of that of a vasprun.xml."""
    text, step = (VASPRUN, " <calc") if name == "vasprun.xml" else (OUTCAR, f"{39 * '-'} Iteration")
    begin = text.index(step)
    end = text.index("</modeling>") if "</modeling>" in text else len(text)
    content = text[:end] + text[begin : begin + (end - begin) * 2 // 3]
    path = tmp_path / name
    path.write_bytes(gzip.compress(content.encode()) if name.endswith("gz") else content.encode())
    with pytest.raises(InputError, match=rf"{name}, frame 1: VASP stopped within this step"):
        import_files([path])
    assert import_files([path], ImportChoice(on_bad="skip")).dataset["energy"].to_numpy().tolist() == [-3.72]


def test_a_file_without_a_configuration_is_named(tmp_path: Path):
    with connect(tmp_path / "a.db") as database:
        database.delete([database.write(bulk("Cu"))])
    with pytest.raises(InputError, match=r"a\.db: expected at least one configuration, found none"):
        import_files([tmp_path / "a.db"])


def test_a_database_of_ase_in_json_is_read(exports: Path):
    imported = import_files([exports / "a.json"])
    assert imported.files[0].format == "ase-db"
    assert imported.report.configurations == 12


def test_a_format_by_name_is_taken_whatever_the_file_looks_like(tmp_path: Path):
    path = tmp_path / "frames.dat"
    path.write_text('1\nLattice="9 0 0 0 9 0 0 0 9" energy=-1.5\nNi 0 0 0\n')
    assert reader_for(path, "extxyz").name == "extxyz"
    dataset = import_files([path], ImportChoice(format="extxyz")).dataset
    assert dataset["energy"].item() == -1.5
