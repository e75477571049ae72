"""Small correct inputs of every parser, and the calls that read them as commands do.

`prepare` writes the inputs, one folder an input, below ``folder/<parser>/``. `PARSERS` has the calls: each takes the
path of a folder, or of the one file in it, and raises what the parser raises.
"""

import gzip
import json
import os
import pickle
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.faults import kept
from benchmarks.faults.servers import served

ROOT = Path(__file__).resolve().parents[2]
Call = Callable[[Path], Any]


def prepare(folder: Path, *, quick: bool = False) -> None:
    """Write the inputs of all parsers into ``folder``, by this package and by the libraries of the formats.

    Those that need a release take some seconds; ``quick`` omits them.
    """
    import numpy as np
    from ase.build import bulk
    from ase.calculators.emt import EMT

    frames = []
    for number in range(3):
        atoms = bulk("Ni", "fcc", a=3.52 + 0.02 * number, cubic=True)
        if number == 1:
            atoms.symbols[0] = "Al"
        atoms.rattle(0.05, seed=number)
        atoms.calc = EMT()
        atoms.get_potential_energy(), atoms.get_forces(), atoms.get_stress()
        frames.append(atoms)
    _text_formats(folder, frames)
    _array_formats(folder, frames, np)
    _databases(folder, frames)
    _outputs_of_programs(folder)
    _documents(folder)
    _words(folder)
    kept.prepare_templates(folder)
    if not quick:
        _project_files(folder)


def _new(folder: Path, parser: str, name: str) -> Path:
    path = folder / parser / name
    path.mkdir(parents=True)
    return path


def _text_formats(folder: Path, frames: list[Any]) -> None:
    import ase.io

    from foundational.data.conversion import from_atoms, to_dataset
    from foundational.data.extxyz import write_extxyz

    ase.io.write(_new(folder, "extxyz", "ase") / "a.extxyz", frames, format="extxyz")
    dataset = to_dataset(from_atoms(frames), attrs={"element": "NiAl", "volume_per_atom": 11.0})
    write_extxyz(dataset, _new(folder, "extxyz", "own") / "a.xyz")
    (_new(folder, "extxyz", "plain") / "a.xyz").write_text("2\nwater? no\nNi 0 0 0\nNi 0 0 2.2\n")
    mixed = (
        '2\nLattice="4 0 0 0 4 0 0 0 4" Properties=species:S:1:pos:R:3:Z:I:1:fix:L:1:REF_forces:R:3 REF_energy=-1.5D+00'
    )
    mixed += (
        ' virial={1 2 3 4 5 6} _JSON_x="_JSON {\\"a\\": 1}" split=train\nNi 0 0 0 28 T 1 2 3\nNi 2 2 2 28 F -1 -2 -3\n'
    )
    (_new(folder, "extxyz", "mixed") / "a.extxyz").write_text(mixed * 2)
    for ending, compress in (("gz", gzip.compress), ("xz", _xz), ("bz2", _bz2)):
        content = (folder / "extxyz" / "ase" / "a.extxyz").read_bytes()
        (_new(folder, "compressed", ending) / f"a.xyz.{ending}").write_bytes(compress(content))
    ase.io.write(_new(folder, "traj", "ase") / "a.traj", frames)
    site = {"species": [{"element": "Mo", "occu": 1}], "abc": [0, 0, 0], "xyz": [0.0, 0.0, 0.0]}
    entry = {
        "structure": {
            "@class": "Structure",
            "lattice": {"matrix": [[4.0, 0, 0], [0, 4.0, 0], [0, 1.0, 4.0]]},
            "sites": [site],
        },
        "group": "Elastic",
        "params": {"pp": {"Mo": "Mo_pv"}, "e_cut": 520},
        "outputs": {"energy": -20.5, "forces": [[0.1, 0, 0]], "virial_stress": [10, 20, 30, 1, 2, 3]},
    }
    (_new(folder, "pymatgen", "list") / "a.json").write_text(json.dumps([entry, entry]))
    (_new(folder, "pymatgen", "packed") / "a.json.gz").write_bytes(gzip.compress(json.dumps({"1": entry}).encode()))


def _xz(content: bytes) -> bytes:
    import lzma

    return lzma.compress(content)


def _bz2(content: bytes) -> bytes:
    import bz2

    return bz2.compress(content)


def _array_formats(folder: Path, frames: list[Any], np: Any) -> None:
    import h5py
    import lmdb
    import msgpack
    import pyarrow as pa
    import pyarrow.parquet as pq

    positions = np.stack([a.positions for a in frames[::2]])
    arrays = {
        "coord": positions.reshape(2, -1),
        "box": np.stack([a.cell.array for a in frames[::2]]).reshape(2, 9),
        "energy": np.array([a.get_potential_energy() for a in frames[::2]]),
        "force": np.stack([a.get_forces() for a in frames[::2]]).reshape(2, -1),
        "virial": np.ones((2, 9)),
    }
    system = _new(folder, "deepmd", "folder")
    (system / "set.000").mkdir()
    for name, array in arrays.items():
        np.save(system / "set.000" / f"{name}.npy", array)
    (system / "type.raw").write_text("0\n0\n0\n0\n")
    (system / "type_map.raw").write_text("Ni\n")
    with h5py.File(_new(folder, "deepmd-hdf5", "file") / "a.hdf5", "w") as file:
        group = file.create_group("Ni4")
        group["type.raw"], group["type_map.raw"] = [0, 0, 0, 0], [b"Ni"]
        for name, array in arrays.items():
            group[f"set.000/{name}.npy"] = array
    with h5py.File(_new(folder, "torchani", "file") / "a.h5", "w") as file:
        group = file.create_group("Ni4")
        group["species"], group["coordinates"] = [b"Ni"] * 4, positions
        group["energies"], group["forces"] = arrays["energy"], arrays["force"].reshape(2, 4, 3)
        group["cell"] = arrays["box"].reshape(2, 3, 3)
    place = _new(folder, "deepmd-lmdb", "folder")
    with lmdb.open(str(place), map_size=2**20) as environment, environment.begin(write=True) as transaction:
        transaction.put(b"__metadata__", msgpack.packb({"nframes": 1, "type_map": ["Ni"]}))
        parts = {
            "atom_types": np.zeros(4, np.int64),
            "coords": positions[0],
            "cells": arrays["box"][0],
            "energies": arrays["energy"][:1],
        }
        packed = {k: {"type": v.dtype.str, "shape": list(v.shape), "data": v.tobytes()} for k, v in parts.items()}
        transaction.put(b"000000000000", msgpack.packb(packed))
    rows = [
        {
            "atomic_numbers": a.numbers.tolist(), "positions": a.positions.tolist(), "cell": a.cell.array.tolist(), "pbc": [True] * 3,
            "energy": a.get_potential_energy(), "atomic_forces": a.get_forces().tolist(), "cauchy_stress": a.get_stress(voigt=False).tolist(),
            "configuration_id": "CO_1", "software": "VASP", "method": "DFT-PBE", "names": '["x"]',
        }
        for a in frames
    ]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(rows), _new(folder, "parquet", "file") / "a.parquet")


def _databases(folder: Path, frames: list[Any]) -> None:
    import ase_db_backends  # noqa: F401
    from ase.db import connect

    for name, kind in (("a.db", "db"), ("a.json", "json"), ("a.aselmdb", "aselmdb")):
        parser = {"db": "ase-db", "json": "ase-json", "aselmdb": "aselmdb"}[kind]
        with connect(_new(folder, parser, "file") / name, type=kind, use_lock_file=False) as database:
            for atoms in frames:
                database.write(atoms, key=1.5, word="bulk", data={"nested": [1, 2, {"a": "b"}]})
    for path in folder.glob("*/file/*lock*"):
        path.unlink()


def _outputs_of_programs(folder: Path) -> None:
    from tests.interchange import dft_files, vasp_files

    texts = {
        "OUTCAR": vasp_files.OUTCAR,
        "vasprun.xml": vasp_files.VASPRUN,
        "pw.out": dft_files.PWSCF,
        "gpaw.txt": dft_files.GPAW,
    }
    for name, text in texts.items():
        parser = {"OUTCAR": "outcar", "vasprun.xml": "vasprun", "pw.out": "espresso", "gpaw.txt": "gpaw"}[name]
        (_new(folder, parser, "short") / name).write_text(text)
    files = ROOT / "tests" / "interchange" / "returned" / "files"
    shutil.copyfile(files / "cp2k.out", _new(folder, "cp2k", "real") / "cp2k.out")
    for code, name, source in (("qe", "pw.out", files / "pw.out"), ("gpaw", "gpaw.txt", files / "gpaw.txt"),
                               ("cp2k", "cp2k.out", files / "cp2k.out"), ("abinit", "run.abo", files / "run.abo")):  # fmt: skip
        shutil.copyfile(source, _new(folder, f"returned-{code}", "real") / name)
    (_new(folder, "returned-vasp", "xml") / "vasprun.xml").write_text(vasp_files.VASPRUN)
    (_new(folder, "returned-vasp", "text") / "OUTCAR").write_text(vasp_files.OUTCAR)


def small_release(root: Path, versions: int = 1) -> Any:
    """A project in git with ``ni@1.0.0``, test frames of a dozen cells, and its bundle in build/releases.

    With two versions the first one has ten of them, and ``ni@1.1.0`` all.
    """
    from foundational.maintenance.schemas import write_schemas
    from tests.release.conftest import Project, rattled_nickel, with_variables

    labelled = rattled_nickel(ROOT)
    potentials = root / "datasets" / "potentials"
    potentials.mkdir(parents=True)
    (root / "dvc.yaml").write_text("stages: {}\n")
    (root / ".gitignore").write_text("/build/\n/datasets/local/\n")
    shutil.copyfile(ROOT / "params.yaml", root / "params.yaml")
    shutil.copytree(ROOT / "LICENSES", root / "LICENSES")
    for name in ("potentials.yaml", "NiNb.eam.fs"):
        shutil.copyfile(ROOT / "datasets" / "potentials" / name, potentials / name)
    write_schemas(root / "schemas")
    (root / ".dvc").mkdir()
    (root / ".dvc" / "config").write_text(
        "[core]\n    analytics = false\n    remote = bundled\n['remote \"bundled\"']\n    url = ../datasets/.store\n"
    )
    os.environ |= {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER")
                   for key, value in (("NAME", "A tester"), ("EMAIL", "tester@example.org"))}  # fmt: skip
    subprocess.run(["git", "init", "-q", "-b", "main"], cwd=root, check=True)
    project = Project(root)
    for count in (10, 12)[-versions:]:
        project.write(with_variables(labelled.take(slice(0, count))))
        project.commit()
        project.released()
    return project


def _documents(folder: Path) -> None:
    """YAML and JSON of this repository."""
    dataset = ROOT / "datasets" / "ni"
    for name, source in (
        ("params", ROOT / "params.yaml"),
        ("about", dataset / "about.yaml"),
        ("registry", dataset / "releases.yaml"),
        ("potentials", ROOT / "datasets" / "potentials" / "potentials.yaml"),
    ):
        shutil.copyfile(source, _new(folder, "yaml", name) / source.name)
    text = (dataset / "releases.yaml").read_text().replace("yanked: {}", "yanked:\n  1.0.0: 'Wrong: stress.'")
    (_new(folder, "yaml", "yanked") / "releases.yaml").write_text(
        text.replace("dois: {}", "dois:\n  1.0.0: 10.5281/zenodo.1")
    )
    lock = (ROOT / "dvc.lock").read_text()
    stage = re.search(r"^  distill@ni:\n.*?(?=^  \S)", lock, re.MULTILINE | re.DOTALL)
    assert stage is not None
    (_new(folder, "yaml", "lock") / "dvc.lock").write_text(f"schema: '2.0'\nstages:\n{stage[0]}")
    for name, source in (
        ("provenance", dataset / "provenance.json"),
        ("lineage", ROOT / "datasets" / "al" / "provenance.json"),
        ("release", dataset / "releases" / "1.0.0" / "release.json"),
        ("manifest", dataset / "releases" / "1.0.0" / "manifest.json"),
        ("validation", ROOT / "metrics" / "validate" / "ni.json"),
    ):
        shutil.copyfile(source, _new(folder, "json", name) / source.name)


def _project_files(folder: Path) -> None:
    """Everything that this package writes and reads again."""
    import numpy as np

    from foundational.data.configurations import Labels
    from foundational.data.query.index import stored_index
    from foundational.labelling.journal import LabelJournal

    root = folder / "project"
    project = small_release(root)
    bundle = project.out / "ni" / "ni-1.0.0"
    shutil.copyfile(bundle / "card.json", _new(folder, "json", "card") / "card.json")
    shutil.copytree(project.folder / "data.zarr", folder / "store" / "folder" / "data.zarr")
    shutil.copytree(project.folder / "data.zarr", folder / "sealed-store" / "folder" / "data.zarr")
    shutil.copyfile(bundle / "data.zarr.zip", _new(folder, "store-zip", "file") / "data.zarr.zip")
    shutil.make_archive(str(_new(folder, "store-zip", "deflated") / "data.zarr"), "zip", project.folder / "data.zarr")
    shutil.copyfile(bundle.with_suffix(".0.zip"), _new(folder, "bundle-zip", "file") / "ni-1.0.0.zip")
    shutil.copytree(bundle, folder / "bundle" / "folder" / "ni-1.0.0")
    shutil.copytree(bundle, folder / "sealed-bundle" / "folder" / "ni-1.0.0")
    for kind in ("mirror", "hub"):
        place = _new(folder, kind, "folder")
        shutil.copyfile(project.folder / "releases.yaml", place / "releases.yaml")
        if kind == "mirror":
            shutil.copyfile(bundle.with_suffix(".0.zip"), place / "ni-1.0.0.zip")
        else:
            shutil.copytree(bundle, place / "1.0.0")
    listing = next((root / "datasets" / ".store" / "files" / "md5").glob("*/*.dir"))
    place = _new(folder, "dvc", "listing")
    shutil.copyfile(listing, place / "listing.dir")
    shutil.copyfile(root / ".dvc" / "config", place / "config")
    journal = LabelJournal.open(_new(folder, "journal", "file") / "labels.jsonl", {"id": "lammps:NiNb", "version": "1"})
    for number in range(3):
        labels = Labels(np.array([-1.5]), np.ones((4, 3), np.float32), np.zeros((1, 3, 3)), np.ones(4, np.float32))
        journal.append(f"{number:032x}", labels if number else "failed: no reason")
    place = _new(folder, "index", "file")
    stored_index(project.folder / "data.zarr", place)
    (_new(folder, "potential", "eam") / "x.eam.fs").write_bytes(
        (ROOT / "datasets/potentials/NiNb.eam.fs").read_bytes()[:20_000]
    )
    _model(folder)
    kept.prepare_kept(folder, project)


def _model(folder: Path) -> None:
    """A model with small networks, trained on nothing."""
    import numpy as np

    from foundational.engines.ani.ensemble import Ensemble
    from foundational.engines.ani.model_file import save_model
    from foundational.engines.ani.network import layer_widths, parameter_count
    from foundational.specs.params import read_params

    spec = read_params(ROOT / "params.yaml").ani.recipe
    network = spec.network.model_copy(update={"hidden": (16, 16)})
    width = spec.aev.length(1)
    rng = np.random.default_rng(1)
    count = parameter_count(layer_widths(width, network.hidden))
    ensemble = Ensemble(
        aev=spec.aev, network=network, elements=(28,), scale=0.1, self_energies=np.full((2, 1), -4.4), mean=np.zeros((2, 1, width)),
        deviation=np.ones((2, 1, width)), parameters=rng.normal(size=(2, 1, count)).astype(np.float32) * 0.1,
        metadata={"dataset": "ni", "frames": "12"}, pair_potential=None, short_range=None, extrapolation=None,
    )  # fmt: skip
    place = _new(folder, "model", "file") / "ni.model"
    save_model(ensemble, place)
    from safetensors import safe_open

    with safe_open(place, framework="numpy") as file:
        header = json.loads(file.metadata()["foundational"])
    del header["seal"]
    (_new(folder, "sealed-model", "header") / "header.json").write_text(json.dumps(header))


class _Touch:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, ("touch CANARY",)


def _words(folder: Path) -> None:
    """Texts of languages, answers of servers, and files that would run code if they were unpickled."""
    queries = [
        "elements has Ni and pressure > 5 GPa", "not (split = train or atoms <= 4) and energy is known", "volume < 2 nm^3", "energy is known or atoms < 3",
        "max_force > 1 eV/Å and id = 00", "energy_per_atom >= -5 eV and energy_per_atom < -4 eV", "elements only Ni", "-2 GPa < pressure",
    ]  # fmt: skip
    for number, query in enumerate(queries):
        (_new(folder, "where", str(number)) / "query.txt").write_text(query)
    (_new(folder, "model", "pickle") / "evil.model").write_bytes(pickle.dumps(_Touch()))
    (_new(folder, "extxyz", "pickle") / "evil.xyz").write_bytes(pickle.dumps(_Touch()))
    answers = {
        "refs": {
            "branches": [{"name": "main", "targetCommit": "abc"}],
            "tags": [{"name": "1.0.0", "targetCommit": "abc"}],
        },
        "tree": [{"type": "file", "path": "a.json", "size": 3, "lfs": {"oid": "0" * 64}}],
        "preupload": {"files": [{"path": "a.json", "uploadMode": "lfs"}]},
        "batch": {
            "objects": [
                {"oid": "0" * 64, "actions": {"upload": {"href": "http://127.0.0.1:00000/x", "header": {"a": "b"}}}}
            ]
        },
        "commit": {"commitOid": "abc", "error": "no"},
        "other": {},
    }
    place = _new(folder, "hub-api", "answers")
    for name, answer in answers.items():
        (place / f"{name}.json").write_text(json.dumps(answer))
    draft = {
        "id": "abc-1", "pids": {"doi": {"identifier": "10.5281/zenodo.1"}}, "links": {}, "errors": [],
        "entries": [{"key": "a.json", "status": "completed", "checksum": "md5:" + "0" * 32, "size": 3}],
        "status": "completed", "checksum": "md5:0", "size": 3, "message": "no",
    }  # fmt: skip
    place = _new(folder, "zenodo", "answers")
    for name in ("GET", "POST", "PUT", "DELETE"):
        (place / f"{name}.json").write_text(json.dumps(draft))
    for name in ("hub-api", "zenodo"):
        (folder / name / "answers" / "status.txt").write_text(
            "200 OK\nContent-Type: application/json\nRetry-After: 1\n"
        )


# The calls.


def _import(path: Path) -> Any:
    from foundational.interchange.importing import import_files

    return import_files([path])


def _import_skipping(path: Path) -> Any:
    from foundational.interchange.importing import ImportChoice, import_files

    return import_files([path], ImportChoice(on_bad="skip"))


def _returned(code: str) -> Call:
    def read(path: Path) -> Any:
        from foundational.interchange.returned.readers import READERS

        return READERS[code].read(path, path.parent, "x")

    return read


def _yaml(path: Path) -> Any:
    from foundational.release.registry.registry import parse_registry
    from foundational.specs.about import read_about
    from foundational.specs.params import read_params
    from foundational.specs.parsing import read_yaml
    from foundational.specs.potentials import PotentialRegistry

    if path.name == "params.yaml":
        return read_params(path)
    if path.name == "about.yaml":
        return read_about(path.parent)
    if path.name == "releases.yaml":
        return parse_registry(path.read_bytes(), str(path), "ni")
    if path.name == "potentials.yaml":
        target = path.parent / "datasets" / "potentials"
        target.mkdir(parents=True)
        path.rename(target / path.name)
        return PotentialRegistry.read(path.parent)
    if path.name == "dvc.lock":
        from foundational.release.transfer.dvc_objects import tracked_hash

        return tracked_hash(path.parent, "ni")
    return read_yaml(path)


def _json(path: Path) -> Any:
    from foundational.provenance.record import read_record
    from foundational.release.bundle.bundle import read_manifest
    from foundational.release.record import read_release

    if path.name == "release.json":
        return read_release(path)
    if path.name == "manifest.json":
        return read_manifest(path.parent)
    if path.name == "provenance.json":
        return read_record(path.parent)
    if path.name == "card.json":
        from foundational.card.record import CardRecord
        from foundational.specs.parsing import parse, parse_json

        return parse(CardRecord, parse_json(path.read_bytes(), path.name), path.name)
    from foundational.evaluation.validation_report import ValidationReport
    from foundational.specs.parsing import parse, parse_json

    return parse(ValidationReport, parse_json(path.read_bytes(), path.name), path.name)


def _store(path: Path) -> Any:
    from foundational.data.checks import check_dataset
    from foundational.data.fingerprint import fingerprint
    from foundational.data.integrity.stored_array import open_table
    from foundational.data.store import open_store
    from foundational.release.bundle.damage import find_damages

    damages = find_damages(path)
    try:
        fingerprint(open_table(path))
    finally:
        dataset = open_store(path)
        check_dataset(dataset)
        dataset.load()
    return damages


def _sealed_store(path: Path) -> Any:
    from foundational.data.integrity.store_manifest import write_root

    root = path / "zarr.json"
    try:
        attributes = json.loads(root.read_bytes())["attributes"]
        attributes.pop("manifest", None)
        write_root(path, attributes)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    return _store(path)


def _bundle(path: Path) -> Any:
    from foundational.errors import ChecksumError
    from foundational.release.bundle.verification import verify_bundle

    found = verify_bundle(path)
    if not found.ok:
        raise ChecksumError(found.problems[0])


def _sealed_bundle(path: Path) -> Any:
    import hashlib

    from foundational.release.bundle.bundle import BundleManifest, ManifestEntry

    files = {
        p.relative_to(path).as_posix(): p.read_bytes()
        for p in path.rglob("*")
        if p.is_file() and p != path / "manifest.json"
    }
    entries = {
        name: ManifestEntry(size=len(c), sha256=hashlib.sha256(c).hexdigest()) for name, c in sorted(files.items())
    }

    def text(seal: str) -> bytes:
        manifest = BundleManifest(name="ni", version="1.0.0", files=entries, seal=seal)
        return (json.dumps(manifest.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n").encode()

    (path / "manifest.json").write_bytes(text(hashlib.sha256(text("")).hexdigest()))
    return _bundle(path)


def _model_file(path: Path) -> Any:
    from foundational.engines.ani.model_file import load_model

    ensemble = load_model(path)
    return repr(ensemble.metadata)


def _sealed_model(path: Path) -> Any:
    """The model with a header that was changed by somebody who can compute seals."""
    from safetensors import safe_open
    from safetensors.numpy import save

    from foundational.engines.ani.model_file import seal_of

    with safe_open(Path(os.environ["FAULTS_SEEDS"]) / "model" / "file" / "ni.model", framework="numpy") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    text = path.read_bytes().decode(errors="replace")
    try:
        header = json.loads(text)
        text = json.dumps(header | {"seal": seal_of(header, tensors)})
    except (ValueError, TypeError, AttributeError, RecursionError):
        pass
    target = path.with_name("sealed.model")
    target.write_bytes(save(tensors, {"foundational": text}))
    return _model_file(target)


def _mirror(path: Path) -> Any:
    from foundational.release.registry.version import parse_dataset_version
    from foundational.release.transfer.retrieval import pull

    with served(lambda _method, name, _asked: _file(path, name.removeprefix("/ni/"))) as url, _user_store(path):
        return pull(parse_dataset_version("ni"), url)


def _hub(path: Path) -> Any:
    from foundational.release.registry.version import parse_dataset_version
    from foundational.release.transfer.retrieval import pull

    def answer(_method: str, name: str, _asked: bytes) -> bytes:
        revision, _, file = name.partition("/resolve/")[2].partition("/")
        return _file(path, file if revision == "main" else f"{revision}/{file}")

    with served(answer) as url, _user_store(path):
        os.environ["HF_ENDPOINT"] = url
        return pull(parse_dataset_version("ni"), "hf:metals/ni")


@contextmanager
def _user_store(path: Path) -> Iterator[None]:
    before = os.environ.get("XDG_DATA_HOME")
    os.environ["XDG_DATA_HOME"] = str(path / "scratch")
    try:
        yield
    finally:
        shutil.rmtree(path / "scratch", ignore_errors=True)
        del os.environ["XDG_DATA_HOME"]
        if before is not None:
            os.environ["XDG_DATA_HOME"] = before


def _file(folder: Path, name: str) -> bytes:
    try:
        content = (folder / name).read_bytes()
    except OSError:
        return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(content) + content


def _api_answer(folder: Path, name: str) -> bytes:
    content = (folder / name).read_bytes() if (folder / name).is_file() else b""
    head = (folder / "status.txt").read_bytes() if (folder / "status.txt").is_file() else b""
    length = b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(content)
    return b"HTTP/1.1 " + head.replace(b"\n", b"\r\n") + length + content


def _sample(path: Path) -> Path:
    """A file that is sent to a server."""
    sample = path / "sample.json"
    sample.write_bytes(b"{}")
    return sample


def _hub_api(path: Path) -> Any:
    from foundational.release.hub.client import Hub

    def answer(_method: str, name: str, asked: bytes) -> bytes:
        kinds = ("refs", "tree", "preupload", "batch", "commit")
        found = _api_answer(path, f"{next((kind for kind in kinds if kind in name), 'other')}.json")
        host = re.search(rb"(?i)^host: *(\S+)", asked, re.MULTILINE)
        return found if host is None else found.replace(b"127.0.0.1:00000/", host[1] + b"/")  # of the same length

    sample = _sample(path)
    with served(answer) as url:
        hub = Hub(url, "token", sleep=lambda _: None)
        calls: list[Callable[[], Any]] = [
            lambda: hub.refs("metals/ni"), lambda: hub.files("metals/ni", "main"), lambda: hub.modes("metals/ni", {"a.json": sample}),
            lambda: hub.upload("metals/ni", "0" * 64, sample), lambda: hub.commit("metals/ni", "x", []),
            lambda: hub.tag("metals/ni", "1.0.0", "abc", "x"), lambda: hub.create("metals/ni"),
        ]  # fmt: skip
        return _all(calls)


def _zenodo(path: Path) -> Any:
    from foundational.release.deposit.client import Records

    sample = _sample(path)
    with served(lambda method, _name, _asked: _api_answer(path, f"{method}.json")) as url:
        records = Records(url, "token", sleep=lambda _: None)
        calls: list[Callable[[], Any]] = [
            lambda: records.create({}), lambda: records.new_version("abc"), lambda: records.draft("abc"), lambda: records.published("abc"),
            lambda: records.update("abc", {}), lambda: records.reserve_doi("abc"), lambda: records.files("abc"),
            lambda: records.upload("abc", "a.json", sample), lambda: records.publish("abc"),
        ]  # fmt: skip
        return _all(calls)


def _all(calls: list[Callable[[], Any]]) -> Any:
    """Every call; an error that is one of the package's does not end the others."""
    from foundational.errors import FoundationalError

    last: FoundationalError | None = None
    for call in calls:
        try:
            call()
        except FoundationalError as error:
            last = error
    if last is not None:
        raise last
    return None


def _dvc(path: Path) -> Any:
    import hashlib

    from foundational.release.transfer.dvc_objects import fetch, is_stored

    root = path / "project"
    (root / ".dvc" / "cache" / "files").mkdir(parents=True)
    source = path.parents[1] / "seeds" / "project" / "datasets" / ".store" / "files" / "md5"
    if not source.is_dir():
        source = Path(os.environ["FAULTS_SEEDS"]) / "project" / "datasets" / ".store" / "files" / "md5"
    objects = root / ".dvc" / "cache" / "files" / "md5"
    shutil.copytree(source, objects, symlinks=True)
    if (path / "config").is_file():
        shutil.copyfile(path / "config", root / ".dvc" / "config")
    content = (path / "listing.dir").read_bytes() if (path / "listing.dir").is_file() else b""
    digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
    (objects / digest[:2]).mkdir(exist_ok=True)
    (objects / digest[:2] / f"{digest[2:]}.dir").write_bytes(content)
    try:
        is_stored(root, f"{digest}.dir")
        fetch(root, f"{digest}.dir", root / "target")
        outside = [p for p in path.rglob("*") if p.is_file() and not p.is_relative_to(root) and p.parent != path]
        if outside:
            raise AssertionError(f"written outside of the target: {outside[0]}")
    finally:
        shutil.rmtree(root)


def _journal(path: Path) -> Any:
    from foundational.labelling.journal import LabelJournal

    return LabelJournal.open(path, {"id": "lammps:NiNb", "version": "1"}).outcomes


def _index(path: Path) -> Any:
    from foundational.data.query.index import ParquetIndex

    return list(ParquetIndex(path, {}).blocks(["id", "atoms", "energy", "elements", "split", "phase"]))


def _where(path: Path) -> Any:
    from foundational.data.query.selection import rows_where

    return rows_where(path.read_text(errors="surrogateescape"), _table())


@cache
def _table() -> Any:
    from foundational.data.integrity.stored_array import open_table
    from foundational.data.query.index import DatasetIndex

    return DatasetIndex(open_table(Path(os.environ["FAULTS_SEEDS"]) / "store" / "folder" / "data.zarr"))


def _potential(path: Path) -> Any:
    from foundational.engines.lammps.potential_files import read_potential_file

    return read_potential_file(path, whole=False).spec("x")


#: The calls, and the share of cases that each parser gets.
PARSERS: dict[str, tuple[Call, int]] = {
    "extxyz": (_import, 12),
    "compressed": (_import, 3),
    "traj": (_import, 3),
    "pymatgen": (_import_skipping, 4),
    "outcar": (_import, 4),
    "vasprun": (_import, 4),
    "espresso": (_import, 4),
    "cp2k": (_import, 3),
    "gpaw": (_import, 3),
    **{f"returned-{code}": (_returned(code), 2) for code in ("vasp", "qe", "gpaw", "cp2k", "abinit")},
    "deepmd": (_import, 4),
    "deepmd-hdf5": (_import, 1),  # few: a process is started in each case
    "deepmd-lmdb": (_import, 1),
    "torchani": (_import, 1),
    "ase-db": (_import, 3),
    "ase-json": (_import_skipping, 3),
    "aselmdb": (_import, 1),
    "parquet": (_import, 3),
    "yaml": (_yaml, 10),
    "json": (_json, 10),
    "store": (_store, 2),
    "sealed-store": (_sealed_store, 4),
    "store-zip": (_store, 3),
    "bundle-zip": (_bundle, 2),
    "bundle": (_bundle, 1),
    "sealed-bundle": (_sealed_bundle, 2),
    "mirror": (_mirror, 2),
    "hub": (_hub, 1),
    "hub-api": (_hub_api, 2),
    "zenodo": (_zenodo, 2),
    "dvc": (_dvc, 2),
    "model": (_model_file, 3),
    "sealed-model": (_sealed_model, 3),
    "journal": (_journal, 3),
    "index": (_index, 2),
    "where": (_where, 5),
    "potential": (_potential, 3),
    **kept.KEPT,
}

if __name__ == "__main__":
    prepare(Path(sys.argv[1]))
