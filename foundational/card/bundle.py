"""The card of a release, in its bundle: a function of the bundle's files and of records that git keeps."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from foundational.card.build import build_card
from foundational.card.drawing.page import draw_card
from foundational.card.evidence import Evidence, Subject
from foundational.card.record import PAGE, RECORD
from foundational.data.atomic_write import write_whole
from foundational.data.store import open_store
from foundational.evaluation.validation_report import ValidationReport
from foundational.provenance.record import write_json
from foundational.release.bundle.bundle import DATA
from foundational.release.citation.works import Citable, works_to_cite
from foundational.release.record import ReleaseRecord
from foundational.specs.parsing import parse

#: What `write_bundle_card` writes, and of which media type each is.
FILES: Final = {PAGE: "text/html", RECORD: "application/json"}


def write_bundle_card(folder: Path, release: ReleaseRecord, evidence: Evidence) -> Mapping[str, str]:
    """Write ``card.html`` and ``card.json`` beside the data of a release; the same release gives the same bytes.

    The map of this page is still: chemiscope's version, which would decide its bytes, is no part of a release.

    Returns
    -------
    `FILES`
    """
    citable = Citable.of(release)
    subject = Subject(
        name=release.name,
        fingerprint=release.fingerprint,
        citable=citable,
        works=works_to_cite(citable, evidence.potentials, evidence.parents),
        about=release.about,
        record=release.provenance,
    )
    with open_store(folder / DATA) as dataset:
        card = build_card(dataset, subject, evidence)
    write_json(folder / RECORD, card.model_dump(mode="json"))
    write_whole(folder / PAGE, [draw_card(card).encode()])
    return FILES


def released_validation(release: ReleaseRecord) -> ValidationReport | None:
    """The validation with which a version was released; None for a holdout."""
    if release.validation is None:
        return None
    return parse(ValidationReport, release.validation, f"the validation of {release.name}@{release.version}")
