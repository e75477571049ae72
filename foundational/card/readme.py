"""A card as the README of a repository at a hub: YAML that catalogues read, and Markdown for people."""

import re
from collections.abc import Iterator, Mapping, Sequence
from io import StringIO
from typing import Final

from ruamel.yaml import YAML

from foundational.card.record import CardRecord

#: Columns of the Parquet files: ColabFit's names, with unit and meaning.
COLUMNS: Final = {
    "configuration_id": ("", "128-bit content hash of species, cell and positions, in hexadecimal"),
    "energy": ("eV", "potential energy of the cell"),
    "atomic_forces": ("eV/Å", "−∂E/∂r, a row an atom"),
    "cauchy_stress": ("eV/Å³", "stress, tension positive, 3×3"),
    "cell": ("Å", "lattice vectors, in rows"),
    "positions": ("Å", "Cartesian positions, a row an atom"),
    "pbc": ("", "periodic along each lattice vector"),
    "atomic_numbers": ("", "atomic numbers"),
    "method": ("", "the method that gave the labels, where the set states it"),
}
_SIZES: Final = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~])")


def hub_readme(card: CardRecord, splits: Mapping[str, str], pull: str) -> str:
    """The README of a release.

    Parameters
    ----------
    splits
        The Parquet file of each part, by the part's name.
    pull
        The command that downloads the release with its record.
    """
    return "\n".join([*_header(card, splits), "", *_body(card, splits, pull), ""])


def _header(card: CardRecord, splits: Mapping[str, str]) -> Iterator[str]:
    count = card.contents.configurations
    size = next((word for most, word in _SIZES if count < most), "n>1M")
    elements = [element.symbol for element in card.contents.elements]
    content = {
        "license": (card.licence or "unknown").lower(),
        "pretty_name": card.title or card.name,
        "size_categories": [size],
        "tags": ["atomistic", "interatomic-potentials", "molecular-dynamics", "chemistry", *card.keywords, *elements],
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": name, "path": path} for name, path in splits.items()],
            }
        ],
        "version": card.version,
    }
    if card.doi:
        content["doi"] = card.doi
    stream = StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.allow_unicode = True
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # ruamel declares it None
    yaml.dump(content, stream)
    yield "---"
    yield stream.getvalue().rstrip()
    yield "---"


def _body(card: CardRecord, splits: Mapping[str, str], pull: str) -> Iterator[str]:
    inside = card.contents
    yield f"# {plain(card.title or card.name)}"
    if card.description:
        yield f"\n{plain(card.description)}"
    yield "\n## Facts\n"
    labels = "; ".join(f"{label.name.replace('_', ' ')} in {label.unit}" for label in inside.labels)
    yield from _table(
        ("fact", "value"),
        [
            ("name, version", f"{card.name} {card.version or 'not released'}"),
            ("DOI", card.doi or "none"),
            ("licence", card.licence or "not stated"),
            ("elements", ", ".join(element.symbol for element in inside.elements)),
            ("configurations, atoms", f"{inside.configurations:,}, {inside.atoms:,}"),
            ("labels, units", labels or "none"),
            ("method", "; ".join(method.summary for method in inside.methods) or "not stated"),
            *([("validation", "passed" if card.validation.passed else "failed")] if card.validation else []),
            ("fingerprint", f"sha256:{card.fingerprint}"),
        ],
    )
    yield "\n## Limits\n"
    yield from (f"- {plain(limit)}" for limit in card.limits)
    if not card.limits:
        yield "None are stated."
    yield "\n## Files\n"
    rows = [(path, f"the part {name}, columns below") for name, path in splits.items()]
    rows += [
        ("card.html", "the dataset on one page, for a browser"),
        ("data.zarr.zip", "all configurations and labels, zarr 3"),
        ("data.extxyz", "the same as extended XYZ"),
        ("croissant.json", "metadata for machine learning"),
        ("manifest.json", "sha256 of every file of the release"),
    ]
    yield from _table(("file", "content"), rows)
    yield "\nColumns of the Parquet files; a label that is not known is null:\n"
    yield from _table(("column", "unit", "meaning"), [(name, *row) for name, row in COLUMNS.items()])
    yield f"\nThe tag of a version never moves. To download and verify every byte:\n\n    {pull}"
    if card.bibtex:
        yield "\n## Citation\n\n```bibtex"
        yield card.bibtex.replace("```", "'''").rstrip()
        yield "```"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" * len(head)
    yield from ("| " + " | ".join(plain(cell) for cell in row) + " |" for row in rows)


def plain(text: str) -> str:
    r"""Text in which Markdown sees neither markup nor HTML, on one line.

    >>> plain("<b>a|b</b>")
    '\\<b\\>a\\|b\\</b\\>'
    """
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))
