"""A card, or the card of a change, as files: the page, and its record beside it."""

from pathlib import Path

from foundational.card.comparison.page import draw_change
from foundational.card.comparison.record import ChangeRecord
from foundational.card.drawing.page import draw_card
from foundational.card.drawing.viewer import chemiscope_library, viewer_of
from foundational.card.record import CardRecord
from foundational.card.sources import Card
from foundational.data.atomic_write import write_whole
from foundational.provenance.record import write_json


def write_card(card: Card, page: Path, *, interactive: bool = True) -> tuple[Path, Path]:
    """Write the page, and its record under the same name with ``.json``; existing files are replaced.

    Parameters
    ----------
    interactive
        With the interactive map, where chemiscope is installed.

    Returns
    -------
    page, record
    """
    library = chemiscope_library() if interactive else None
    viewer = None if library is None else viewer_of(card.record, card.dataset, library)
    write_whole(page, [draw_card(card.record, viewer).encode()])
    return page, _write_record(card.record, page)


def write_change(record: ChangeRecord, page: Path) -> tuple[Path, Path]:
    """Write the page of a change, and its record under the same name with ``.json``; existing files are replaced."""
    write_whole(page, [draw_change(record).encode()])
    return page, _write_record(record, page)


def _write_record(record: CardRecord | ChangeRecord, page: Path) -> Path:
    path = page.with_suffix(".json")
    write_json(path, record.model_dump(mode="json"))
    return path
