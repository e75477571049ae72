"""``foundational adopt``: a local set becomes one that git and DVC keep, with what a release must say of it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from foundational.data.atomic_write import remove_leftovers, remove_whole
from foundational.data.fingerprint import fingerprint
from foundational.data.integrity.storing import exclusive, settle, store_together
from foundational.data.store import open_store
from foundational.errors import ConflictError, InputError, NotFoundError
from foundational.project import DATASETS, STORE, dataset_folder, find_dataset, refuse_case_twin
from foundational.provenance.record import PROVENANCE, ProvenanceRecord, read_record
from foundational.release.bundle.bundle import find_licence, write_about
from foundational.release.registry.git import git
from foundational.release.transfer.dvc_objects import tracked_hash
from foundational.specs.about import ORCID_PATTERN, About, read_about
from foundational.specs.parsing import parse
from foundational.workspace.dvc import dvc, require_dvc

#: What a release must say, by the option that gives it: the question that a user is asked.
QUESTIONS: Final = {
    "title": "Title (one line)",
    "licence": "Licence (SPDX identifier, such as CC-BY-4.0)",
    "creator": "Creators (Family, Given <ORCID iD>; several separated by ;)",
    "description": "Description (what it is, how it was made, what it is for)",
}
_CREATOR: Final = re.compile(r"\s*([^<>]*?)\s*(?:<\s*(?:https?://orcid\.org/)?([^<>]*?)\s*>)?\s*")


@dataclass(frozen=True)
class Adopted:
    """What `adopt_dataset` did."""

    record: ProvenanceRecord
    about: About
    files: tuple[str, ...]
    """What git was given, relative to the root."""


def known_answers(root: Path, name: str) -> dict[str, Any]:
    """What the about.yaml of the dataset ``name`` says already, by the names of `QUESTIONS`; empty without one."""
    try:
        about = read_about(dataset_folder(root, name))
    except NotFoundError:
        return {}
    return {
        "title": about.title,
        "licence": about.licence,
        "creator": [f"{c.name} <{c.orcid}>" if c.orcid else c.name for c in about.creators],
        "description": about.description,
    }


def missing_answers(answers: Mapping[str, Any]) -> list[str]:
    """The names of `QUESTIONS` that have no answer."""
    return [name for name in QUESTIONS if not answers.get(name)]


def about_from(answers: Mapping[str, Any], element: str, root: Path) -> About:
    """The about.yaml of a set of ``element`` with these answers.

    Raises
    ------
    InputError
        An answer is missing or not acceptable; all of them are named.
    NotFoundError
        Neither the project nor the package has the text of the licence.
    """
    if missing := missing_answers(answers):
        options = ", ".join(f"--{name}" for name in missing)
        raise InputError(f"a release must state {', '.join(missing)}; give {options}")
    content = {
        "title": " ".join(str(answers["title"]).split()),
        "element": element,
        "licence": _licence(str(answers["licence"])),
        "creators": [_creator(text) for text in answers["creator"]],
        "description": str(answers["description"]).strip(),
    }
    about = parse(About, content, "about.yaml")
    find_licence(root, about.licence)
    return about


def _creator(text: str) -> dict[str, str | None]:
    found = _CREATOR.fullmatch(text)
    if found is None or not found[1] or (found[2] is not None and not re.fullmatch(ORCID_PATTERN, found[2])):
        raise InputError(f"--creator: expected 'Family, Given' or 'Family, Given <0000-0000-0000-0000>', got {text!r}")
    return {"name": found[1], "orcid": found[2]}


def _licence(text: str) -> str:
    """The SPDX spelling of an identifier in any case; the text itself where it is none."""
    try:
        return str(canonicalize_license_expression(text.strip()))
    except InvalidLicenseExpression:
        return text.strip()


def adopt_dataset(root: Path, name: str, new_name: str, answers: Mapping[str, Any], *, force: bool = False) -> Adopted:
    """Move the local set ``name`` to ``datasets/<new_name>``, write its about.yaml, and give it to DVC and git.

    A run that was killed is completed when the command runs again.

    Parameters
    ----------
    answers
        By the names of `QUESTIONS`; ``creator`` is a list.
    force
        Replace the data of a set that is there, for its next version; its releases stay.

    Raises
    ------
    InputError
        A name or an answer is not acceptable.
    ConflictError
        There is a set of the new name, or a stage of dvc.yaml makes it, or DVC or git refuses.
    NotFoundError
        There is no such local set.
    """
    if not name.startswith("local/"):
        raise InputError(f"expected a set of your own, such as local/mine, got {name!r}")
    if "/" in new_name:
        raise InputError(f"expected a plain name for --as, such as {new_name.rpartition('/')[2]}, got {new_name!r}")
    target = dataset_folder(root, new_name)
    refuse_case_twin(root, new_name)
    require_dvc()
    git(root, "rev-parse", "--show-toplevel")
    remove_leftovers(dataset_folder(root, name))
    source = find_dataset(root, name)
    with exclusive(root, name), exclusive(root, new_name):
        settle(root, target)
        record = read_record(source)
        dataset = open_store(source / STORE)
        _require_free(root, new_name, target, record, force)
        about = about_from(answers, record.element, root)
        record = record.model_copy(update={"output": record.output.model_copy(update={"name": new_name})})
        content = record.model_dump(mode="json")
        store_together(root, target, dataset, content, replace=(target / STORE).exists())
        dataset.close()
        write_about(target, about)
        pointer = target / f"{STORE}.dvc"
        dvc(root, "add", "--quiet", f"{DATASETS}/{new_name}/{STORE}")
        ignore = [target / ".gitignore"] if (target / ".gitignore").is_file() else []
        paths = [target / "about.yaml", target / PROVENANCE, pointer, *ignore]
        files = tuple(path.relative_to(root).as_posix() for path in paths)
        git(root, "add", "--", *files)
        remove_whole(source)
    return Adopted(record, about, files)


def _require_free(root: Path, new_name: str, target: Path, record: ProvenanceRecord, force: bool) -> None:
    """Refuse a name whose data another stage makes, or that other data have."""
    if tracked_hash(root, new_name) is not None and not (target / f"{STORE}.dvc").is_file():
        raise ConflictError(f"{new_name!r} is made by a stage of dvc.yaml; choose another name")
    if not (target / STORE).exists() or force:
        return
    if fingerprint(open_store(target / STORE)) != record.output.fingerprint:
        raise ConflictError(
            f"the dataset {new_name!r} exists already; choose another name, or replace its data with --force"
        )
