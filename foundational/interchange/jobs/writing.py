"""Write the folders of jobs: whole or not at all, those that are missing only."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from foundational.data.atomic_write import write_whole
from foundational.errors import ConflictError, InputError
from foundational.interchange.jobs.codes import Code
from foundational.interchange.jobs.manifest import MANIFEST, Job, JobManifest, read_manifest
from foundational.interchange.jobs.slurm import LIST, SCRIPT, job_array
from foundational.interchange.jobs.structure import Structure
from foundational.interchange.jobs.template import Template
from foundational.progress import Progress

#: The configurations of the jobs, as a dataset with all that their dataset knows of them.
STORE: Final = "configurations.zarr"


@dataclass(frozen=True, eq=False)
class JobPlan:
    """What a folder of jobs is written from."""

    code: Code
    template: Template
    dataset: str
    fingerprint: str
    ids: Sequence[str]
    """(C,) in hexadecimal."""
    structures: Sequence[Structure]
    """(C,)"""


@dataclass(frozen=True)
class WrittenJobs:
    """What was written."""

    manifest: JobManifest
    new: int
    """Folders that were not there before."""


def write_jobs(folder: Path, plan: JobPlan, progress: Progress | None = None) -> WrittenJobs:
    """Write what is missing in ``folder``: a folder a configuration, the manifest, the list and the job array.

    Nothing that lies in the folder of a configuration is touched. A run that is killed is completed by the next one.

    Raises
    ------
    ConflictError
        ``folder`` holds jobs of another code, template or dataset, or other files.
    InputError
        The template does not suit a configuration.
    """
    main = plan.template.main(plan.code.main, plan.code.suffixes)
    before = _before(folder, plan, main)
    known = {job.id for job in before}
    texts = {name: plan.template.text(name) for name in plan.template.files if _is_text(plan, name, main)}
    contents = [_contents(plan, texts, main, structure) for structure in plan.structures]
    jobs = list(before)
    for name, structure, files in zip(plan.ids, plan.structures, contents, strict=True):
        if name not in known:
            settings = plan.code.stated({**texts, **files}, main)
            jobs.append(Job(id=name, atoms=len(structure.numbers), formula=_formula(structure), settings=settings))
    manifest = JobManifest(
        code=plan.code.name,
        dataset=plan.dataset,
        fingerprint=plan.fingerprint,
        template_sha256=plan.template.sha256,
        main=main,
        jobs=tuple(jobs),
    )
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / MANIFEST, [_json(manifest)])
    new = 0
    for number, (name, files) in enumerate(zip(plan.ids, contents, strict=True)):
        if progress is not None:
            progress(number, len(plan.ids), "writing inputs")
        if not (folder / name).exists():
            _write_folder(folder / name, plan, files)
            new += 1
    write_whole(folder / LIST, [f"{job.id}\n".encode() for job in jobs])
    write_whole(folder / SCRIPT, [job_array(plan.code, main, len(jobs)).encode()])
    (folder / SCRIPT).chmod(0o755)
    if progress is not None:
        progress(len(plan.ids), len(plan.ids), "written")
    return WrittenJobs(manifest, new)


def _before(folder: Path, plan: JobPlan, main: str) -> tuple[Job, ...]:
    """The jobs that ``folder`` has already."""
    if not folder.exists() or not any(folder.iterdir()):
        return ()
    if not folder.is_dir() or not (folder / MANIFEST).is_file():
        raise ConflictError(f"{folder} holds files, but no jobs ({MANIFEST} is missing); choose another folder")
    manifest = read_manifest(folder)
    expected = {
        "code": plan.code.name,
        "dataset": plan.dataset,
        "template_sha256": plan.template.sha256,
        "main": main,
    }
    for field, value in expected.items():
        if (got := getattr(manifest, field)) != value:
            raise ConflictError(
                f"{folder} holds jobs with another {field.removesuffix('_sha256')} ({got[:16]}, not {value[:16]}); "
                "choose another folder"
            )
    return manifest.jobs


def _is_text(plan: JobPlan, name: str, main: str) -> bool:
    """Whether a file of the template is read here; the others are copied as they are."""
    return name == main or name in {"KPOINTS", "POTCAR"} or plan.code.leave_out(name)


def _contents(plan: JobPlan, texts: dict[str, str], main: str, structure: Structure) -> dict[str, str]:
    try:
        return plan.code.inputs(texts, main, structure)
    except KeyError as error:
        raise InputError(f"--template: expected the file {error.args[0]}, it is missing") from None


def _write_folder(path: Path, plan: JobPlan, files: dict[str, str]) -> None:
    """Write one folder, which appears whole or not at all; what a killed run left of it is removed first."""
    partial = path.parent / f".{path.name}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    for name, content in plan.template.files.items():
        if name not in files and not plan.code.leave_out(name):
            (partial / name).write_bytes(content)
    for name, text in files.items():
        (partial / name).write_text(text, encoding="utf-8")
    partial.rename(path)


def _formula(structure: Structure) -> str:
    symbols = structure.symbols
    return "".join(
        f"{element}{count if (count := symbols.count(element)) > 1 else ''}" for element in sorted(set(symbols))
    )


def _json(manifest: JobManifest) -> bytes:
    return (json.dumps(manifest.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n").encode()
