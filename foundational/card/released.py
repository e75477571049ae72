"""The card of a released version of a project, older ones too, as it was released."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from foundational.card.build import build_card
from foundational.card.bundle import released_validation
from foundational.card.evidence import Evidence, Subject
from foundational.card.sources import Card, pool_test_of
from foundational.checks.run import check_all
from foundational.inspection.check import limits_for
from foundational.project import DATASETS
from foundational.release.bundle.bundle import read_kept
from foundational.release.citation.works import Citable, read_parents, works_to_cite
from foundational.release.comparison.compared_dataset import open_compared
from foundational.release.record import ReleaseRecord
from foundational.release.registry.registry import RELEASES, Registry
from foundational.release.registry.version import Version
from foundational.specs.potentials import PotentialRegistry


def released_record(root: Path, registry: Registry, version: str) -> ReleaseRecord:
    """The record of a released version, with the DOI that it got later."""
    entry = registry.find(Version.parse(version))
    kept = read_kept(root / DATASETS / registry.name / RELEASES / version, entry.manifest)
    return kept.model_copy(update={"doi": registry.dois.get(version)})


@contextmanager
def released_card(root: Path, registry: Registry, version: str) -> Iterator[Card]:
    """The card of a released version, its data from this machine or from the project's DVC store.

    Its validation is that of the release; the rules of `foundational check` are those that need the data alone.

    Raises
    ------
    NotFoundError
        The data cannot be fetched.
    """
    release = released_record(root, registry, version)
    potentials, parents = PotentialRegistry.read(root), read_parents(root, release.provenance)
    citable = Citable.of(release)
    with open_compared(f"{release.name}@{release.version}", root) as side:
        subject = Subject(
            name=release.name,
            fingerprint=release.fingerprint,
            citable=citable,
            works=works_to_cite(citable, potentials, parents),
            withdrawn=registry.yanked.get(version),
            about=release.about,
            record=release.provenance,
        )
        evidence = Evidence(
            potentials=potentials,
            parents=parents,
            validation=released_validation(release),
            pool_test=pool_test_of(release.name, release.fingerprint, root),
            history=[
                released_record(root, registry, other.version)
                for other in registry.releases
                if Version.parse(other.version) <= Version.parse(version)
            ],
            findings=check_all(side.dataset, limits_for(root)),
        )
        yield Card(build_card(side.dataset, subject, evidence), side.dataset)
