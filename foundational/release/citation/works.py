"""What somebody who uses a dataset owes citations to: itself, its paper, its potentials, the sets it comes from."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from foundational.elements import symbols_in
from foundational.errors import NotFoundError
from foundational.project import dataset_folder
from foundational.provenance.record import LabellerRecord, ProvenanceRecord, is_imported
from foundational.release.citation.printed_reference import Author, Work, parse_printed_reference
from foundational.release.record import ReleaseRecord
from foundational.specs.about import About, Creator, read_about
from foundational.specs.potentials import PotentialRegistry

#: What has a name of its own in a project but is never released, and so never cited as a dataset.
_NEVER_RELEASED = {"sample", "select"}


METHOD_DOI: Final = "10.48550/arXiv.2311.05407"
#: The paper of the method. Records of released sets, which never change, give its authors other initials.
METHOD_REFERENCE: Final = (
    "G. S. Jung, S. Lee, J. Y. Choi, Data Distillation for Neural Network Potentials toward Foundational Dataset, "
    "arXiv:2311.05407 (2023)"
)


@dataclass(frozen=True)
class Citable:
    """A dataset to cite, released or not."""

    name: str
    about: About | None
    """None for a set without about.yaml, such as one that a user translated."""
    provenance: ProvenanceRecord
    version: str | None = None
    """None before a release."""
    released: date | None = None
    doi: str | None = None
    previous: str | None = None
    """The version before."""

    @classmethod
    def of(cls, release: ReleaseRecord) -> "Citable":
        """A release."""
        return cls(
            release.name,
            release.about,
            release.provenance,
            release.version,
            release.date,
            release.doi,
            release.previous,
        )

    @property
    def title(self) -> str:
        """As about.yaml gives it."""
        return self.about.title if self.about else f"Configurations of {'-'.join(symbols_in(self.provenance.element))}"

    @property
    def label(self) -> str:
        """``ni@1.0.0``, or ``ni`` before a release."""
        return f"{self.name}@{self.version}" if self.version else self.name

    @property
    def authors(self) -> tuple[Author, ...]:
        """In the order of a citation."""
        return tuple(map(_author, self.about.creators)) if self.about else ()


def works_to_cite(
    subject: Citable,
    registry: PotentialRegistry,
    parents: Mapping[str, About] | None = None,
    dois: Mapping[str, str] | None = None,
) -> tuple[Work, ...]:
    """Everything one owes a citation to, each once, the dataset itself first.

    Parameters
    ----------
    registry
        Where the potentials' references stand.
    parents
        about.yaml of parent datasets by name, where known (``read_parents``); their titles, authors and the works they
        ask to cite come from it.
    dois
        Of parent datasets by name@version. A bundle holds none: they are learned later, and it never changes.
    """
    works: dict[str, Work] = {}
    for work in _all_works(subject, registry, parents or {}, dois or {}):
        works.setdefault(_identity(work), work)
    return tuple(works.values())


def read_parents(root: Path, provenance: ProvenanceRecord) -> dict[str, About]:
    """about.yaml of every dataset that a record embeds as a parent, by name, where the project has it."""
    found = {}
    for parent in ancestors(provenance):
        if parent.stage == "select":  # a choice of configurations has no folder
            continue
        try:
            found[parent.output.name] = read_about(dataset_folder(root, parent.output.name))
        except NotFoundError:
            continue
    return found


def is_pool(record: ProvenanceRecord) -> bool:
    """Whether a record is that of a raw pool, a selection or a file, which are never released."""
    return record.stage in _NEVER_RELEASED or (is_imported(record) and record.output.version is None)


def _all_works(
    subject: Citable, registry: PotentialRegistry, parents: Mapping[str, About], dois: Mapping[str, str]
) -> Iterator[Work]:
    yield _dataset_work(subject, "The dataset itself")
    yield from works_asked_for(subject.about)
    yield _labeller_work(subject.provenance.labeller, registry, "labelled the configurations")
    for record in ancestors(subject.provenance):
        name, about = record.output.name, parents.get(record.output.name)
        if not is_pool(record):
            version = record.output.version
            parent = Citable(name, about, record, version=version, doi=dois.get(f"{name}@{version}"))
            yield _dataset_work(parent, "A dataset that it was made from")
        yield from works_asked_for(about)
        yield _labeller_work(record.labeller, registry, f"labelled {name}, from which it was made")


def ancestors(record: ProvenanceRecord) -> Iterator[ProvenanceRecord]:
    """Every record that a record embeds, at any depth."""
    for parent in record.parents:
        yield parent
        yield from ancestors(parent)


def works_asked_for(about: About | None) -> Iterator[Work]:
    """The works that about.yaml asks to cite; the method's paper as CITATION.cff has it, however a set spells it."""
    for citation in about.citations if about else ():
        text = METHOD_REFERENCE if citation.doi == METHOD_DOI else citation.text
        yield parse_printed_reference(text, why=citation.why, doi=citation.doi)


def _dataset_work(subject: Citable, why: str) -> Work:
    output = subject.provenance.output
    year = subject.released.year if subject.released else None
    stand = f"version {subject.version}" if subject.version else "not released"
    text = ", ".join(
        [
            *(author.full for author in subject.authors),
            subject.title,
            f"dataset {subject.name}",
            stand + (f" ({year})" if year else ""),
            f"sha256:{output.fingerprint}",
        ]
    )
    return Work(
        kind="dataset",
        text=text,
        why=why,
        authors=subject.authors,
        title=subject.title,
        year=year,
        doi=subject.doi,
        version=subject.version,
        name=subject.name,
        fingerprint=output.fingerprint,
        element=subject.provenance.element,
    )


def _labeller_work(labeller: LabellerRecord, registry: PotentialRegistry, did: str) -> Work:
    """What to cite for the method that gave labels; a potential without a known paper is named by its file."""
    kind, _, name = labeller.id.partition(":")
    if kind == "file":
        digest = f", sha256:{labeller.sha256}" if labeller.sha256 else ""
        return Work(kind="other", text=f"{name}{digest}", why="The file from which the labels come")
    spec = next((p for p in registry.potentials if kind == "lammps" and p.id == name), None)
    if spec is None:
        digest = f", sha256:{labeller.sha256}" if labeller.sha256 else ""
        if isinstance(stated := labeller.parameters.get("citation"), str):  # of a potential that LAMMPS ships
            found = re.search(r"10\.\d{4,9}/[^\s,;]+", stated)
            doi = found[0].rstrip(".") if found else None
            printed = re.sub(r"[\s.,;]*(https?://doi\.org/|doi:?\s*)?10\.\d{4,9}/[^\s,;]+", "", stated)
            why = f"The potential {name}{digest}, which {did}"
            return parse_printed_reference(printed, why=why, doi=doi)
        return Work(kind="other", text=f"{labeller.id}, {labeller.version}{digest}", why=f"It {did}")
    openkim = f" (OpenKIM {spec.openkim})" if spec.openkim else ""
    why = f"The potential {spec.id}{openkim}, which {did}"
    if spec.citation is None:
        return Work(kind="other", text=f"{spec.file}, {spec.pair_style}, sha256:{spec.sha256}", why=why, doi=spec.doi)
    return parse_printed_reference(spec.citation, why=why, doi=spec.doi)


def _author(creator: Creator) -> Author:
    """``Family, Given`` is a person; a name without a comma is a group."""
    family, _, given = (part.strip() for part in creator.name.partition(","))
    return Author(family, given or None, creator.orcid, creator.affiliation)


def _identity(work: Work) -> str:
    """Two works with the same identity are one: by DOI, or by what is printed without spaces, case and dots."""
    if work.kind == "dataset":
        return f"{work.name}@{work.version} {work.fingerprint}"
    return (work.doi or "".join(c for c in work.text if c.isalnum())).lower()


def to_text(subject: Citable, works: Sequence[Work]) -> str:
    """What to cite, for people: a numbered list that says why."""
    lines = [f"Please cite, if you use {subject.label}:", ""]
    for number, work in enumerate(works, 1):
        lines += [f"{number:>2}. {printed(work)}", f"    {work.why.rstrip('.')}."]
    return "\n".join(lines) + "\n"


def printed(work: Work) -> str:
    """A work's reference, with its DOI.

    >>> printed(Work(kind="other", text="J. Doe, Notes", why="", doi="10.1234/x"))
    'J. Doe, Notes, https://doi.org/10.1234/x'
    """
    return f"{work.text}, https://doi.org/{work.doi}" if work.doi else work.text
