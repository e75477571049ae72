import gzip
from pathlib import Path

import numpy as np
import pytest

from foundational.data.extxyz import write_extxyz
from foundational.errors import InputError, NotFoundError
from foundational.inspection.check import check
from foundational.inspection.show import show
from foundational.release.comparison.compared_dataset import open_compared
from foundational.release.comparison.difference import difference
from foundational.workspace.pools import open_pool
from foundational.workspace.sources import open_configurations, open_source


def test_a_pool_a_dataset_and_a_file_are_opened_by_one_name(distilled_project, tmp_path):
    pool, record = open_pool(distilled_project, "ni-momt-32")
    assert open_source(distilled_project, "pools/ni-momt-32").record == record
    assert open_source(distilled_project, "ni").record.output.name == "ni"
    write_extxyz(pool, tmp_path / "few.xyz")
    imported = open_source(distilled_project, str(tmp_path / "few.xyz"))
    assert (imported.record.stage, imported.record.element) == ("import", "Ni")
    assert (imported.dataset["id"].to_numpy() == pool["id"].to_numpy()).all()
    assert open_configurations(str(tmp_path / "few.xyz")).sizes == imported.dataset.sizes


@pytest.mark.parametrize("source", ["pools/no", "no", "no.xyz"])
def test_a_source_that_does_not_exist_is_named(distilled_project, source):
    with pytest.raises(NotFoundError, match="no"):
        open_source(distilled_project, source)


LATTICE = 'Lattice="4 0 0 0 4 0 0 0 4"'
STRESS = "0.01 0 0 0 0.02 0 0 0 0.03"


def frame(
    keys: str, forces: str = "forces", *, values: tuple[str, str] = ("0.5", "-0.5"), lattice: str = LATTICE
) -> str:
    """Two atoms of nickel, with ``keys`` in the comment line and forces in a column of that name."""
    first, second = values
    comment = f"{lattice} Properties=species:S:1:pos:R:3:{forces}:R:3 {keys}"
    return f"2\n{comment}\nNi 0 0 0 {first} 0 0\nNi 2 2 1.9 {second} 0 0\n"


def written(tmp_path: Path, text: str, name: str = "a.xyz") -> str:
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return str(path)


@pytest.mark.parametrize(
    ("keys", "forces"),
    [
        (f'energy=-9.5 stress="{STRESS}"', "forces"),
        (f'REF_energy=-9.5 energy=-1 stress="{STRESS}"', "forces"),
        (f'DFT_energy=-9.5 DFT_stress="{STRESS}"', "DFT_forces"),
        (f'Energy=-0.95D+01 Stress="{STRESS}"', "force"),
        (f'energy=-9.49 free_energy=-9.5 stress="{STRESS}"', "forces"),
        ('free_energy=-9.5 virial="-0.64 0 0 0 -1.28 0 0 0 -1.92"', "forces"),
        (f'energy=-9.5 stress="{STRESS}" split=train parent_id=mp-1234 step=12.5 n_atoms=7', "forces"),
    ],
    ids=["plain", "REF beside plain", "DFT", "other case and exponent", "both energies", "virial", "keys of others"],
)
def test_labels_are_found_under_the_names_of_other_programs(tmp_path, keys, forces):
    dataset = open_configurations(written(tmp_path, frame(keys, forces)))
    assert dataset["energy"].item() == -9.5
    assert dataset["forces"].to_numpy()[:, 0].tolist() == [0.5, -0.5]
    assert np.allclose(dataset["stress"][0], np.diag([0.01, 0.02, 0.03]), atol=1e-15)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (frame("energy=nan"), "a.xyz, frame 1: energy holds nan"),
        (frame("energy=None"), "a.xyz, frame 1: energy: 'None' is no number"),
        (frame("energy=-1", values=("nan", "0")), "a.xyz, frame 1: forces holds nan"),
        (frame("energy=-1").replace("2 2 1.9", "2 nan 1.9"), "a.xyz, frame 1: the position of atom 1 is no finite"),
        (frame("energy=-1").replace("2 2 1.9", "0 0 0"), "a.xyz, frame 1: two atoms lie at the same place"),
        ("0\nenergy=0\n", "a.xyz, frame 1: a frame of no atoms"),
        (frame("energy=-1", lattice='pbc="T T T"'), "a.xyz, frame 1: it is periodic, but its Lattice is missing"),
    ],
)
def test_what_is_wrong_with_a_frame_is_said_in_one_line_with_file_and_frame(tmp_path, text, message):
    source = written(tmp_path, frame("energy=-1") + text)
    with pytest.raises(InputError, match=message) as caught:
        open_configurations(source)
    assert "\n" not in str(caught.value)
    report = check(source)
    assert [v for v in report.violations if message in v]


def test_where_no_label_is_found_the_keys_of_the_file_are_listed(tmp_path):
    source = written(tmp_path, frame("E_pbe=-1", "frc"))
    with pytest.raises(InputError, match=r"a\.xyz: no labels found under energy.*; the keys there are: E_pbe, frc"):
        open_configurations(source)


def test_a_cluster_without_a_lattice_beside_bulk_is_read(tmp_path):
    source = written(tmp_path, frame("energy=-1", lattice="") + frame(f'energy=-2 stress="{STRESS}"'))
    dataset = open_configurations(source)
    assert dataset["pbc"].to_numpy().any(axis=1).tolist() == [False, True]
    assert np.isnan(dataset["stress"].to_numpy()[0]).all()
    assert dataset.attrs["volume_per_atom"] == pytest.approx(32)


@pytest.mark.parametrize("name", ["a.xyz.gz", "a.XYZ", "train.txt"])
def test_a_file_of_any_usual_name_is_shown_and_compared(tmp_path, name):
    first = written(tmp_path, frame("energy=-1"), name)
    second = written(tmp_path, frame("energy=-1.5"), f"other-{name}")
    assert show(first)["n_configurations"] == 1
    with open_compared(first) as old, open_compared(second) as new:
        assert difference(old, new).bump == "major"


def test_labels_under_other_names_are_compared(tmp_path):
    first = written(tmp_path, frame("DFT_energy=-1", "force"))
    second = written(tmp_path, frame("DFT_energy=-1.5", "force"), "b.xyz")
    with open_compared(first) as old, open_compared(second) as new, open_compared(first) as same:
        assert difference(old, new).bump == "major"
        assert difference(old, same).bump is None


def test_a_label_that_is_nan_is_unknown_to_a_comparison(tmp_path):
    known, unknown = written(tmp_path, frame("energy=-1")), written(tmp_path, frame("energy=nan"), "b.xyz")
    with open_compared(known) as old, open_compared(unknown) as new, open_compared(unknown) as same:
        assert difference(old, new).bump == "major"
        assert difference(new, same).bump is None


def test_stresses_that_are_all_zero_are_a_defect_of_a_file(tmp_path):
    zero = " ".join(["0"] * 9)
    source = written(tmp_path, frame(f'energy=-1 stress="{zero}"') * 2)
    assert [v for v in check(source).violations if v.startswith("zero stress: the stress is exactly zero in all of 2")]
