"""Parsers of what projects, interrupted runs, servers and users' templates keep: their inputs and calls for `fuzz`."""

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.faults.servers import served

ROOT = Path(__file__).resolve().parents[2]
Call = Callable[[Path], Any]


def prepare_templates(folder: Path) -> None:
    """Inputs of programs, as a user gives them to `label write`."""
    from tests.interchange.jobs.test_codes import TEMPLATES

    for code, files in TEMPLATES.items():
        place = folder / "template" / code
        place.mkdir(parents=True)
        for name, text in files.items():
            (place / name).write_text(text)
        (place / "code.txt").write_text(code)


def prepare_kept(folder: Path, project: Any) -> None:
    """Files of a project that `inputs.small_release` made, and of runs that were interrupted."""
    from foundational.interchange.jobs.manifest import Job, JobManifest
    from foundational.provenance.record import read_record
    from foundational.release.deposit.deposit import DepositState
    from foundational.workspace.pools import write_manifest

    def new(parser: str, name: str) -> Path:
        place = folder / parser / name
        place.mkdir(parents=True)
        return place

    text = (ROOT / "params.yaml").read_text()
    section = re.search(r"^check:.*?(?=^[^\s#]|\Z)", text, re.MULTILINE | re.DOTALL)
    (new("limits", "check") / "params.yaml").write_text(section[0] if section else "check:\n  net_force: 0.01\n")
    jobs = (Job(id="0" * 32, atoms=4, formula="Ni4", settings={"cutoff_eV": 400.0}),)
    manifest = JobManifest(
        code="vasp", dataset="ni", fingerprint="0" * 64, template_sha256="0" * 64, main="INCAR", jobs=jobs
    )
    (new("jobs", "manifest") / "manifest.json").write_text(json.dumps(manifest.model_dump(mode="json")))
    state = DepositState(server="https://zenodo.org", manifest="0" * 64, record="1", doi="10.5281/zenodo.1")
    (new("deposit-state", "state") / "state.json").write_text(json.dumps(state.model_dump(mode="json")))
    shutil.copyfile(ROOT / "metrics" / "reference" / "al-pbe.json", new("reference", "stored") / "al-pbe.json")
    record = read_record(project.folder)
    place = new("mark", "folder") / "ni"
    shutil.copytree(project.folder / "data.zarr", place / "data.zarr")
    mark = {"record": record.model_dump(mode="json"), "work_files": ["relabel-ni.jsonl", "x.npz"]}
    (place / ".unfinished").write_text(json.dumps(mark))
    place = new("listing", "store") / "ni" / "1.0.0"
    (place / "data.zarr").mkdir(parents=True)
    shutil.copyfile(project.folder / "data.zarr" / "zarr.json", place / "data.zarr" / "zarr.json")
    shutil.copyfile(project.out / "ni" / "ni-1.0.0" / "release.json", place / "release.json")
    _runs(new)
    pool = new("pool", "folder") / "pools" / "ni-x"
    shutil.copytree(project.folder / "data.zarr", pool / "data.zarr")
    shutil.copyfile(folder / "run" / "folder" / "run.npz", pool / "run.npz")
    write_manifest(pool, record)
    remote = new("remote", "zip")
    shutil.copyfile(project.out / "ni" / "ni-1.0.0.zip", remote / "ni-1.0.0.zip")
    (remote / "head.txt").write_text(_HEAD)
    remote = new("remote", "folder")
    shutil.copytree(project.folder / "data.zarr", remote / "data.zarr")
    shutil.copyfile(project.folder / "provenance.json", remote / "provenance.json")
    (remote / "head.txt").write_text(_HEAD)
    signed = new("signature", "folder")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "key"], check=True)
    shutil.copyfile(project.out / "ni" / "ni-1.0.0" / "manifest.json", signed / "manifest.json")
    from foundational.release.bundle.signature import sign

    sign(signed / "manifest.json", folder / "key")
    kind, public, *_ = (folder / "key.pub").read_text().split()
    (signed / "signers").write_text(f'me@example.org valid-before="20990101" {kind} {public}\n')


def _runs(new: Callable[[str, str], Path]) -> None:
    """A checkpoint of a distillation, and the folder of a sampling run."""
    from benchmarks.faults.bits import interrupted

    place = new("run", "folder")
    interrupted(place)
    (place / "checkpoint.npz").rename(new("checkpoint", "file") / "checkpoint.npz")
    for path in (place / "run").iterdir():
        path.rename(place / path.name)
    (place / "run").rmdir()


#: What a server says of a part of a file.
_HEAD = "206 Partial Content\nETag: abc\nAccept-Ranges: bytes\nContent-Range: bytes 0-1/2\n"


def _template(path: Path) -> Any:
    import numpy as np

    from foundational.interchange.jobs.codes import code_named
    from foundational.interchange.jobs.structure import Structure
    from foundational.interchange.jobs.template import read_template
    from foundational.interchange.jobs.writing import JobPlan, write_jobs

    code = next((p for p in (path / "code.txt",) if p.is_file()), None)
    name = code.read_text(errors="replace") if code is not None else "qe"
    if code is not None:
        code.unlink()
    name = name if name in {"vasp", "qe", "gpaw", "cp2k", "abinit"} else "qe"
    numbers, cell = np.array([28, 13], np.uint8), np.diag([4.0, 4.0, 4.0])
    alloy = Structure(numbers, np.array([[0.0, 0, 0], [2.0, 2, 2]]), cell, np.ones(3, bool))
    plan = JobPlan(code_named(name), read_template(path), "ni", "0" * 64, ["0" * 32], [alloy])
    with tempfile.TemporaryDirectory() as folder:
        return write_jobs(Path(folder) / "jobs", plan)


def _limits(path: Path) -> Any:
    from foundational.checks.limits import project_limits

    return project_limits(path)


def _jobs(path: Path) -> Any:
    from foundational.interchange.jobs.manifest import read_manifest

    return read_manifest(path.parent)


def _deposit_state(path: Path) -> Any:
    from foundational.release.deposit.deposit import _read_state

    return _read_state(path)


def _reference(path: Path) -> Any:
    from foundational.provenance.record import LabellerRecord
    from foundational.workspace.references import read_reference, reference_path

    target = reference_path(path.parent, "al-pbe")
    target.parent.mkdir(parents=True)
    shutil.copyfile(path, target)
    labeller = json.loads((ROOT / "metrics" / "reference" / "al-pbe.json").read_text())["labeller"]
    return read_reference(path.parent, "al-pbe", LabellerRecord(**labeller))


def _mark(path: Path) -> Any:
    from foundational.data.integrity.storing import settle

    return settle(path.parent, path)


def _listing(path: Path) -> Any:
    """What `foundational list` prints of a release in the user's store."""
    from foundational.cli.inspection import _table
    from foundational.inspection.listing import list_all

    before = os.environ.get("XDG_DATA_HOME")
    (path.parent / "listed").mkdir()
    shutil.copytree(path, path.parent / "listed" / "foundational" / path.name)
    os.environ["XDG_DATA_HOME"] = str(path.parent / "listed")
    here = Path.cwd()
    os.chdir(path.parent)
    try:
        return list(_table(list_all(None)))
    finally:
        os.chdir(here)
        os.environ.pop("XDG_DATA_HOME")
        if before is not None:
            os.environ["XDG_DATA_HOME"] = before


def _checkpoint(path: Path) -> Any:
    from foundational.stages.distill.checkpoint import from_bytes

    identity = {"distill": {"a": 1}, "ani": {"b": 2}, "seed": 1, "pool": "0" * 64}
    return from_bytes(path.read_bytes(), identity, "code", "checkpoint.npz")


def _run(path: Path) -> Any:
    from foundational.workspace.run_folder import RunFolder

    folder = RunFolder(path)
    folder.claim({"pool": {"a": 1}}, 0)
    return folder.load(), folder.frames()


def _pool(path: Path) -> Any:
    from foundational.workspace.pools import open_pool, read_run

    root = path.parent / "project"
    target = root / "datasets" / "pools"
    target.mkdir(parents=True)
    shutil.copytree(path / "ni-x" if path.name == "pools" else path / "pools" / "ni-x", target / "ni-x")
    try:
        open_pool(root, "ni-x")
    finally:
        read_run(root, "ni-x")


def _remote(path: Path) -> Any:
    from foundational.data.store import open_store
    from foundational.release.transfer.remote import record_beside, remote_store

    head = (path / "head.txt").read_bytes() if (path / "head.txt").is_file() else b""

    def answer(method: str, name: str, asked: bytes) -> bytes:
        file = path / name.lstrip("/")
        if not file.is_file():
            return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        content = file.read_bytes()
        part = re.search(rb"(?i)^range: *bytes=(\d+)-(\d+)", asked, re.MULTILINE)
        if part and method == "GET":
            content, first = content[int(part[1]) : int(part[2]) + 1], head.replace(b"\n", b"\r\n")
        else:
            first = b"200 OK\r\n"
        length = b"" if b"ontent-" in first and b"ength" in first else b"Content-Length: %d\r\n" % len(content)
        body = b"" if method == "HEAD" else content
        return b"HTTP/1.1 " + first + length + b"Connection: close\r\n\r\n" + body

    with served(answer) as url:
        store = remote_store(f"{url}/ni-1.0.0.zip" if (path / "ni-1.0.0.zip").is_file() else url)
        record_beside(store)
        return open_store(store).load()


def _signature(path: Path) -> Any:
    from foundational.release.bundle.signature import require_valid, signer

    if not (path / "manifest.json").is_file():  # its reader says so before
        return None
    require_valid(path / "manifest.json", path / "manifest.json.sig")
    return signer(path / "manifest.json", path / "manifest.json.sig", path / "signers")


#: The calls, and the share of cases that each parser gets.
KEPT: dict[str, tuple[Call, int]] = {
    "template": (_template, 4),
    "limits": (_limits, 2),
    "jobs": (_jobs, 2),
    "deposit-state": (_deposit_state, 2),
    "reference": (_reference, 2),
    "mark": (_mark, 2),
    "listing": (_listing, 2),
    "checkpoint": (_checkpoint, 2),
    "run": (_run, 2),
    "pool": (_pool, 1),
    "remote": (_remote, 2),
    "signature": (_signature, 1),
}
