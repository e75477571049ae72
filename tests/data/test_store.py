import json
import random
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import zarr

from foundational.data.configurations import Configurations
from foundational.data.conversion import to_dataset
from foundational.data.integrity import store_manifest
from foundational.data.integrity.store_manifest import read_root, write_root
from foundational.data.integrity.stored_array import open_table
from foundational.data.store import open_store, verify_store, write_dataset
from foundational.errors import ChecksumError, ConflictError, DatasetError, InputError, NotFoundError
from foundational.release.bundle.archive import archive_folder

FORCES = Path("forces") / "c" / "0" / "0"


def files(store: Path) -> dict[str, bytes]:
    return {p.relative_to(store).as_posix(): p.read_bytes() for p in store.rglob("*") if p.is_file()}


def reseal(store: Path) -> None:
    """Write the manifest of the files that are there, as a careless program would."""
    attributes, _ = read_root(store)
    write_root(store, attributes)


def test_a_dataset_survives_the_way_through_the_store(store: Path, dataset: xr.Dataset):
    stored = open_store(store)
    verify_store(store)
    assert stored.load().identical(dataset)
    assert {n: v.dtype for n, v in stored.variables.items()} == {n: v.dtype for n, v in dataset.variables.items()}


def test_four_thousand_configurations_are_one_data_file_a_variable(configurations: Configurations, tmp_path: Path):
    many = to_dataset(configurations.take(np.arange(4000) % 12))
    write_dataset(many, tmp_path / "data.zarr")
    names = files(tmp_path / "data.zarr")
    data = [n for n in names if not n.endswith("zarr.json")]
    assert len(data) == len(many.data_vars)
    assert len(names) == 2 * len(many.data_vars) + 1


def test_rewrites_are_byte_identical_in_another_process_and_from_a_lazy_dataset(store: Path, tmp_path: Path):
    again = tmp_path / "elsewhere" / "other-name.zarr"
    code = "import sys; from foundational.data.store import *; write_dataset(open_store(sys.argv[1]), sys.argv[2])"
    subprocess.run([sys.executable, "-c", code, store, again], check=True)
    assert files(again) == files(store)


def test_no_byte_tells_where_or_by_whom_it_was_written(store: Path, tmp_path: Path):
    content = b"".join(files(store).values())
    for secret in (str(tmp_path), str(Path.home()), sys.prefix):
        assert secret.encode() not in content


def test_a_plain_zarr_reader_gets_the_same_numbers_without_a_warning(store: Path, dataset: xr.Dataset):
    plain = xr.open_zarr(store, consolidated=False)
    for name in dataset.data_vars:
        assert np.array_equal(plain[name].to_numpy(), dataset[name].to_numpy(), equal_nan=name == "order_parameter")
        assert plain[name].attrs["units"] == dataset[name].attrs["units"]


def test_every_flipped_bit_is_found_and_none_is_read_as_a_number(store: Path):
    generator = random.Random(2)
    paths = sorted(p for p in store.rglob("*") if p.is_file())
    for _ in range(100):
        path = generator.choice(paths)
        content = path.read_bytes()
        damaged = bytearray(content)
        damaged[generator.randrange(len(content))] ^= 1 << generator.randrange(8)
        path.write_bytes(damaged)
        with pytest.raises(ChecksumError):
            verify_store(store)
        with pytest.raises(ChecksumError):
            open_store(store).load()
        path.write_bytes(content)
    verify_store(store)


def test_a_damaged_chunk_is_told_by_its_array_when_it_is_read(store: Path):
    content = bytearray((store / FORCES).read_bytes())
    content[10] ^= 1
    (store / FORCES).write_bytes(content)
    dataset = open_store(store)
    with pytest.raises(ChecksumError, match="bytes stored for forces do not match their checksum"):
        dataset["forces"].to_numpy()
    with pytest.raises(ChecksumError, match="forces: forces/c/0/0 has other bytes"):
        verify_store(store)


@pytest.mark.parametrize("damage", ["missing", "empty", "truncated"])
def test_a_lost_shard_is_told_at_opening_by_array_and_file(store: Path, damage: str):
    shard = store / FORCES
    size = shard.stat().st_size
    if damage == "missing":
        shard.unlink()
    else:
        shard.write_bytes(b"" if damage == "empty" else shard.read_bytes()[: size // 2])
    expected = "is missing" if damage == "missing" else f"has {0 if damage == 'empty' else size // 2} bytes, expected"
    with pytest.raises(ChecksumError, match=f"forces: forces/c/0/0 {expected}"):
        open_store(store)


def test_a_changed_unit_is_told_at_opening(store: Path):
    description = store / "energy" / "zarr.json"
    description.write_text(description.read_text().replace('"eV"', '"eW"'))
    with pytest.raises(ChecksumError, match=r"energy: energy/zarr\.json has other bytes"):
        open_store(store)


@pytest.mark.parametrize("change", ["not json {", '{"zarr_format": 3}', "spaces"])
def test_a_changed_root_document_is_told_at_opening(store: Path, change: str):
    root = store / "zarr.json"
    root.write_text(root.read_text() + " " if change == "spaces" else change)
    with pytest.raises(ChecksumError, match=r"zarr\.json"):
        open_store(store)


def test_a_foreign_file_is_told_by_verification(store: Path):
    (store / "forces" / "note.txt").write_text("mine")
    with pytest.raises(ChecksumError, match=r"forces/note\.txt does not belong to it"):
        verify_store(store)


def test_a_store_without_a_required_variable_is_refused_by_its_name(store: Path):
    shutil.rmtree(store / "positions")
    reseal(store)
    with pytest.raises(DatasetError, match="required variable 'positions' is missing"):
        open_store(store)


def test_a_store_without_a_unit_is_refused_by_the_name_of_the_variable(store: Path):
    description = store / "forces" / "zarr.json"
    content = json.loads(description.read_text())
    del content["attributes"]["units"]
    description.write_text(json.dumps(content))
    reseal(store)
    with pytest.raises(DatasetError, match=r"forces: its unit is missing.*eV/Å"):
        open_store(store)


def test_a_store_of_a_newer_layout_is_refused(store: Path):
    attributes, _ = read_root(store)
    write_root(store, attributes | {"layout": 99})
    with pytest.raises(DatasetError, match="expected layout 2, got 99; update foundational"):
        open_store(store)


def test_a_zarr_group_of_another_program_is_refused(tmp_path: Path):
    zarr.create_group(tmp_path / "other.zarr", zarr_format=3)
    with pytest.raises(DatasetError, match="expected a manifest"):
        open_store(tmp_path / "other.zarr")


@pytest.mark.parametrize("name", ["nothing.zarr", "folder"])
def test_what_is_no_store_is_refused(tmp_path: Path, name: str):
    (tmp_path / "folder").mkdir()
    with pytest.raises(NotFoundError, match="expected a dataset"):
        open_store(tmp_path / name)


def test_an_existing_store_is_not_replaced_silently(store: Path, dataset: xr.Dataset):
    before = files(store)
    other = dataset.isel(configuration=slice(0, 1), atom=slice(0, 32))
    with pytest.raises(ConflictError, match="exists already"):
        write_dataset(other, store)
    assert files(store) == before
    write_dataset(other, store, replace=True)
    assert open_store(store).load().identical(other)
    assert [p.name for p in store.parent.iterdir()] == ["data.zarr"]


@pytest.mark.parametrize("attrs", [{"a": float("nan")}, {"a": object()}])
def test_what_cannot_be_stored_leaves_nothing(dataset: xr.Dataset, tmp_path: Path, attrs: dict[str, object]):
    with pytest.raises(InputError, match="expected attributes of JSON's types"):
        write_dataset(dataset.assign_attrs(attrs), tmp_path / "data.zarr")
    with pytest.raises(DatasetError, match="'positions' is missing"):
        write_dataset(dataset.drop_vars("positions"), tmp_path / "data.zarr")
    assert list(tmp_path.iterdir()) == []


def test_a_zip_opens_like_the_folder_and_its_damage_is_found(store: Path, dataset: xr.Dataset, tmp_path: Path):
    packed = tmp_path / "ni.zarr.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files(store).items():
            archive.writestr(name, content)
    verify_store(packed)
    assert open_store(packed).load().identical(dataset)
    content = packed.read_bytes()
    inside = content.index((store / FORCES).read_bytes()) + 5
    packed.write_bytes(content[:inside] + bytes([content[inside] ^ 1]) + content[inside + 1 :])
    with pytest.raises(ChecksumError, match="forces"):
        open_store(packed)["forces"].to_numpy()
    with pytest.raises(ChecksumError, match="forces"):
        verify_store(packed)
    packed.write_bytes(content[: len(content) // 2])
    with pytest.raises(ChecksumError):
        open_store(packed)


def test_progress_counts_the_variables(dataset: xr.Dataset, tmp_path: Path):
    calls: list[tuple[int, int, str]] = []
    write_dataset(dataset, tmp_path / "data.zarr", progress=lambda *call: calls.append(call))
    count = len(dataset.data_vars)
    assert [done for done, _, _ in calls] == list(range(count + 1))
    assert {total for _, total, _ in calls} == {count}


@pytest.mark.parametrize("zipped", [False, True])
def test_old_and_new_numbers_of_a_replaced_store_are_never_mixed(
    store: Path, dataset: xr.Dataset, tmp_path: Path, zipped: bool
):
    """Also where some arrays were read before, and where the new store has other sizes or lies elsewhere by now."""
    other = dataset.isel(configuration=slice(None)).copy(deep=True)
    other["energy"] = other["energy"] + 1.0
    write_dataset(other, tmp_path / "new.zarr")
    current = tmp_path / "current.zarr"
    if zipped:
        archive_folder(tmp_path / "new.zarr.zip", tmp_path / "new.zarr")
        current = tmp_path / "current.zarr.zip"
        archive_folder(current, store)
    else:
        shutil.copytree(store, current)
    opened, unread = open_store(current), open_store(current)
    assert opened["energy"].load().size
    if zipped:
        (tmp_path / "new.zarr.zip").replace(current)
    else:
        write_dataset(other, current, replace=True)
    for late in (opened, unread):
        for name in ("forces", "energy", "positions"):
            if name == "energy" and late is opened:
                continue  # in memory
            with pytest.raises(ConflictError, match=r"was replaced or moved after it was opened; open it again"):
                late[name].load()
    np.testing.assert_array_equal(open_store(current)["energy"], other["energy"])
    current.rename(tmp_path / "elsewhere") if zipped else shutil.move(current, tmp_path / "elsewhere")
    with pytest.raises(ConflictError, match="moved"):
        unread["stress"].load()


@pytest.mark.parametrize(
    ("array", "change", "said"),
    [
        ("energy", lambda _: [], "expected energy to be an array with attributes"),
        ("energy", lambda text: text | {"attributes": None}, "expected energy to be an array with attributes"),
        ("energy", lambda text: text | {"dimension_names": None}, "expected energy to be an array with named dim"),
        ("energy", lambda text: text | {"data_type": "no type"}, "expected energy to be an array with named dim"),
        ("energy", lambda text: text | {"shape": [11]}, "does not follow the layout"),
    ],
)
def test_arrays_that_another_program_described_are_refused_by_each_reader(store: Path, array, change, said):
    path = store / array / "zarr.json"
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    reseal(store)
    for read in (open_store, open_table):
        with pytest.raises(DatasetError, match=said):
            read(store)


@pytest.mark.parametrize("change", [{"dimension_names": ["atom", "atom"]}, {"shape": [-1, 3]}, {"shape": [44, 3]}])
def test_a_table_has_one_length_along_each_dimension(store: Path, change: dict[str, object]):
    path = store / "forces" / "zarr.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    reseal(store)
    with pytest.raises(DatasetError, match="does not follow the layout: forces has the lengths"):
        open_table(store)


def test_a_description_that_is_no_json_is_refused(store: Path):
    (store / "energy" / "zarr.json").write_text("{")
    reseal(store)
    with pytest.raises(DatasetError, match="expected arrays described by JSON"):
        open_store(store)


def sealed(store: Path, files: object) -> None:
    """Write the root document with a manifest of ``files`` and a seal that is right."""
    document = json.loads((store / "zarr.json").read_text())
    document["attributes"]["manifest"] = {"files": files, "seal": ""}
    (store / "zarr.json").write_bytes(store_manifest._text(document, store_manifest._seal(document)))


@pytest.mark.parametrize(
    ("name", "entry"),
    [
        ("../outside", {}),
        ("/etc/passwd", {}),
        ("forces/\0", {}),
        ("forces/c/0", {"size": -1}),
        ("forces/c/0", {"size": 1.0}),
        ("forces/c/0", {"size": True}),
        ("forces/c/0", {"sha256": None}),
    ],
)
def test_a_manifest_that_leads_out_of_its_store_is_refused(store: Path, name: str, entry: dict[str, object]):
    sealed(store, {"energy/zarr.json": {"size": 0, "sha256": ""}, name: {"size": 1, "sha256": "0"} | entry})
    with pytest.raises(DatasetError, match="expected files of the store with their sizes"):
        read_root(store)


@pytest.mark.parametrize("files", [[], {"a": {"size": 1}}, {"a": None}])
def test_a_manifest_without_sizes_and_hashes_is_not_as_it_was_written(store: Path, files: object):
    sealed(store, files)
    with pytest.raises(ChecksumError, match=r"zarr\.json was changed after it was written"):
        read_root(store)


def test_documents_are_read_up_to_their_largest_size(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    packed = tmp_path / "ni.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files(store).items():
            archive.writestr(name, content)
    size = (store / "zarr.json").stat().st_size
    for place in (store, packed):
        monkeypatch.setattr(store_manifest, "_LARGEST", size)
        read_root(place)
        monkeypatch.setattr(store_manifest, "_LARGEST", size - 1)
        with pytest.raises(ChecksumError, match=rf"at most {size - 1:,} bytes as zarr\.json"):
            read_root(place)


def test_a_small_zip_that_stands_for_a_large_one_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    packed = tmp_path / "bomb.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zarr.json", "x")
        archive.writestr("zeros", bytes(99_999))
    largest = 100_000 - 50 * packed.stat().st_size
    monkeypatch.setattr(store_manifest, "_LARGEST", largest)
    with pytest.raises(ChecksumError, match="damaged"):
        read_root(packed)
    monkeypatch.setattr(store_manifest, "_LARGEST", largest - 1)
    with pytest.raises(ChecksumError, match="got 100,000 bytes of almost nothing"):
        read_root(packed)


def test_a_document_that_the_disk_does_not_give_is_named(store: Path, monkeypatch: pytest.MonkeyPatch):
    def broken(path: Path) -> bytes:
        raise OSError(5, "Input/output error", str(path))

    monkeypatch.setattr(Path, "read_bytes", broken)
    with pytest.raises(ChecksumError, match=r"zarr\.json cannot be read \(Input/output error\)"):
        read_root(store)
