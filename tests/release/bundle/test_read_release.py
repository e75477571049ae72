"""Releases are read by a program of 80 lines that lies in them, and needs Python and numpy alone; for all time."""

import ast
import json
import re
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from foundational.data.batches import to_configurations
from foundational.data.store import open_store
from foundational.release.bundle import read_release
from foundational.release.bundle.bundle import READER
from foundational.release.bundle.verification import opened_bundle, verify_bundle
from foundational.release.registry.registry import read_registry

#: Two releases of twelve cells, as the code of ni@1.0.0 wrote them. Their bytes never change.
FILES = Path(__file__).parent / "files"
ARCHIVES = [FILES / "ni" / "ni-1.0.0.zip", FILES / "ni" / "ni-1.1.0.zip"]


@pytest.mark.parametrize("archive", ARCHIVES, ids=lambda path: path.stem)
def test_releases_of_version_1_open_and_verify_for_ever(archive):
    entry = next(r for r in read_registry(archive.parent).releases if archive.stem.endswith(r.version))
    found = verify_bundle(archive, release=entry)
    assert (found.version, found.problems) == (entry.version, ())
    files = read_release.files_of(archive)
    assert read_release.problems(files) == []
    frames = read_release.configurations(files)
    assert read_release.fingerprint(frames) == entry.fingerprint
    with opened_bundle(archive) as folder:
        cells = to_configurations(open_store(folder / "data.zarr.zip").load())
    assert len(frames) == len(cells) == {"1.0.0": 10, "1.1.0": 12}[entry.version]
    assert np.array_equal(np.concatenate([frame["forces"] for frame in frames]).astype("f4"), cells.labels.forces)
    assert [frame["energy"].item() for frame in frames] == cells.labels.energy.tolist()
    assert np.array_equal(np.stack([frame["stress"] for frame in frames]), cells.labels.stress)


def test_the_reader_lies_in_a_new_release_and_is_short(two):
    folder = two.out / "ni" / "ni-1.1.0"
    text = (folder / READER).read_text()
    assert len(text.splitlines()) <= 80
    imported = {node.module or "" for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom)}
    imported |= {name.name for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Import) for name in node.names}
    assert imported <= {*sys.stdlib_module_names, "numpy"}
    done = subprocess.run([sys.executable, folder / READER], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "intact: 12 configurations\n")


def test_the_reader_finds_a_flipped_bit_in_every_file():
    files = read_release.files_of(ARCHIVES[0])
    rng = np.random.default_rng(1)
    for name, content in files.items():
        changed = bytearray(content)
        changed[rng.integers(len(content))] ^= 1 << int(rng.integers(8))
        try:
            assert read_release.problems(files | {name: bytes(changed)}), name
        except ValueError:
            assert name == "manifest.json"  # it is JSON no more
    assert read_release.problems(files | {"other": b""}) == ["other does not belong to the release"]


def test_the_reader_finds_other_configurations_where_every_hash_is_right():
    files = read_release.files_of(ARCHIVES[0])
    text = files["data.extxyz"].decode()
    energy = re.search(r"energy=(\S+)", text)[1]
    files["data.extxyz"] = text.replace(f"energy={energy}", f"energy={float(energy) + 0.5!r}", 1).encode()
    manifest = json.loads(files["manifest.json"])
    manifest["files"]["data.extxyz"]["sha256"] = sha256(files["data.extxyz"]).hexdigest()
    unsealed = json.dumps(manifest | {"seal": ""}, indent=1, ensure_ascii=False) + "\n"
    manifest["seal"] = sha256(unsealed.encode()).hexdigest()
    files["manifest.json"] = json.dumps(manifest).encode()
    assert read_release.problems(files) == ["data.extxyz has another fingerprint than release.json"]
    del files["data.extxyz"]
    assert read_release.problems(files) == ["data.extxyz is missing or has other bytes than were released"]
