"""Write the catalogue of a project: cards of all releases, the table, and the documents for search engines."""

import shutil
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from foundational.card.drawing.page import draw_card
from foundational.card.drawing.viewer import chemiscope_library, viewer_of
from foundational.card.record import CardRecord
from foundational.card.released import released_card, released_record
from foundational.card.site.catalogue import Catalogue, Entry, dataset_jsonld, index_document
from foundational.card.site.page import draw_catalogue
from foundational.data.atomic_write import whole_folder, write_whole
from foundational.elements import symbols_in
from foundational.errors import ConflictError, FoundationalError, NotFoundError
from foundational.progress import Progress
from foundational.project import BUNDLES, DATASETS
from foundational.provenance.record import write_json
from foundational.release.record import ReleaseRecord
from foundational.release.registry.registry import Registry, read_registry
from foundational.release.registry.version import Version
from foundational.release.transfer.bundle_from_commit import bundle_of

#: The record of a catalogue; a folder with it may be replaced by a new one.
CATALOGUE: Final = "catalogue.json"


@dataclass(frozen=True)
class SiteOptions:
    """What a site has."""

    title: str = "Datasets"
    url: str | None = None
    """Address at which the site will be; with it documents for search engines have whole addresses."""
    data: bool = False
    """Also the files of every release, with their Croissant."""
    interactive: bool = True
    """Cards with the interactive map, where chemiscope is installed."""
    force: bool = False
    """Replace a site that exists."""


def write_site(root: Path, out: Path, options: SiteOptions, *, progress: Progress | None = None) -> Catalogue:
    """Write the catalogue of the project at ``root`` into the folder ``out``; it appears whole or not at all.

    Raises
    ------
    NotFoundError
        Nothing was released.
    ConflictError
        ``out`` exists and is no site, or may not be replaced.
    """
    if out.exists() and options.force and any(out.iterdir()) and not (out / CATALOGUE).is_file():
        raise ConflictError(f"{out} exists and is no site, which has {CATALOGUE}; choose another folder")
    registries = [read_registry(path.parent) for path in sorted((root / DATASETS).glob("*/releases.yaml"))]
    planned = [(registry, entry.version) for registry in registries for entry in reversed(registry.releases)]
    if not planned:
        raise NotFoundError("expected releases in datasets/*/releases.yaml, found none; foundational release makes one")
    entries = []
    with whole_folder(out, replace=options.force) as folder:
        for place, (registry, version) in enumerate(planned):
            if progress is not None:
                progress(place, len(planned), f"{registry.name}@{version}")
            entries.append(_release(root, registry, version, folder, options))
        catalogue = Catalogue(title=options.title, entries=tuple(entries))
        write_json(folder / CATALOGUE, catalogue.model_dump(mode="json"))
        write_json(folder / "index.json", index_document(catalogue))
        write_whole(folder / "index.html", [draw_catalogue(catalogue, options.url).encode()])
        # GitHub Pages would else leave names with an underscore aside.
        (folder / ".nojekyll").touch()
    return catalogue


def _release(root: Path, registry: Registry, version: str, folder: Path, options: SiteOptions) -> Entry:
    """Write the files of one release; its entry."""
    release = released_record(root, registry, version)
    standing = [r.version for r in registry.releases if r.version not in registry.yanked]
    place = f"{registry.name}/{version}"
    (folder / place).mkdir(parents=True)
    data = None
    files: list[str] = []
    if options.data:
        data = f"{place}/files"
        shutil.copytree(bundle_of(root, registry, Version.parse(version), root / BUNDLES), folder / data)
        files = sorted(f"{data}/{p.relative_to(folder / data)}" for p in (folder / data).rglob("*") if p.is_file())
    with ExitStack() as stack:
        try:
            card = stack.enter_context(released_card(root, registry, version))
        except FoundationalError:
            card = None  # the data are not here and cannot be fetched; the entry follows from the record alone
        described = _entry(
            release, registry, version, card.record if card else None, newest=bool(standing) and standing[-1] == version
        )
        described = described.model_copy(update={"page": f"{place}/index.html" if card else None, "data": data})
        if card is not None:
            library = chemiscope_library() if options.interactive else None
            viewer = None if library is None else viewer_of(card.record, card.dataset, library)
            document = dataset_jsonld(card.record, described, options.url, files)
            page = draw_card(card.record, viewer, described=document, home="../../index.html")
            write_whole(folder / place / "index.html", [page.encode()])
            write_json(folder / place / "card.json", card.record.model_dump(mode="json"))
    return described


def _entry(release: ReleaseRecord, registry: Registry, version: str, card: CardRecord | None, *, newest: bool) -> Entry:
    about, labeller = release.about, release.provenance.labeller
    return Entry(
        name=release.name,
        version=version,
        newest=newest,
        date=release.date,
        doi=release.doi,
        withdrawn=registry.yanked.get(version),
        title=about.title,
        description=about.description,
        licence=about.licence,
        creators=tuple(creator.name for creator in about.creators),
        keywords=about.keywords,
        elements=tuple(e.symbol for e in card.contents.elements) if card else tuple(symbols_in(about.element)),
        configurations=release.n_configurations,
        atoms=release.n_atoms,
        labels={label.name: label.unit for label in card.contents.labels} if card else {},
        methods=tuple(method.summary for method in card.contents.methods) if card else (labeller.id,),
        validated=None if release.validation is None else bool(release.validation["passed"]),
        fingerprint=release.fingerprint,
        page=None,
        data=None,
    )
