"""A card as the issue with which a dataset is submitted to the ColabFit Exchange.

The fields are those of the form ``submit_dataset.yml`` of github.com/colabfit/data-lake, in its order (read in 2026).
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from foundational.card.readme import plain
from foundational.card.record import CardRecord, Method

#: Kinds of energy of the form by the keys of the files: the forces are the derivatives of this energy.
_PROPERTIES: Final = {"energy": "Potential energy", "forces": "Atomic forces", "stress": "Cauchy stress"}
_DETAILS: Final = {
    "energy": "potential-energy: key energy, units=eV, per-atom=false",
    "forces": "atomic-forces: columns forces, units=eV/angstrom",
    "stress": "cauchy-stress: key stress, units=eV/angstrom^3, nine numbers of the matrix, positive under tension",
}
#: Programs that the form offers.
_PROGRAMS: Final = ("FHI-aims", "Gaussian 09", "Gaussian 16", "ORCA", "Psi4", "Quantum ESPRESSO", "VASP")
_EMPTY: Final = "_No response_"


def submission_name(card: CardRecord) -> str:
    """The name of a dataset and of its folder: letters, digits and underscores.

    >>> import types
    >>> submission_name(types.SimpleNamespace(name="ni-al", version="1.0.0"))
    'ni_al_1_0_0'
    """
    return re.sub(r"\W+", "_", f"{card.name}_{card.version}")


def submission_issue(card: CardRecord, files: Mapping[str, tuple[int, int]], address: str | None = None) -> str:
    """The text of the issue; what only the submitter can say is marked, what is not known is empty.

    Parameters
    ----------
    files
        Configurations and bytes of each file.
    address
        Where the release can be downloaded.
    """
    fields = dict(_fields(card, files, address))
    body = "\n".join(f"### {label}\n\n{value or _EMPTY}\n" for label, value in fields.items())
    return f"<!-- title: [Dataset submission] {submission_name(card)} -->\n\n{body}"


def _fields(
    card: CardRecord, files: Mapping[str, tuple[int, int]], address: str | None
) -> Iterator[tuple[str, str | None]]:
    inside = card.contents
    known = [label.name for label in inside.labels if label.name in _PROPERTIES and label.configurations]
    method, other = _theory(inside.methods)
    program, other_program, version = _program(inside.methods)
    papers = [f"https://doi.org/{work.doi}" for work in card.references if work.doi and work.doi != card.doi]
    yield "Name", "(your name)"
    yield "Email", "(your address)"
    yield "Dataset name", submission_name(card)
    yield "Authors", ", ".join(_given_first(creator) for creator in card.creators)
    yield "Publication link", papers[0] if papers else None
    yield "Data link", f"https://doi.org/{card.doi}" if card.doi else address
    yield "Additional links", "\n".join(papers[1:])
    yield "Dataset description", _description(card)
    yield (
        "File details",
        "\n".join(
            f"{name}: {count:,} configurations, extended XYZ as ASE reads it, {size / 1e6:.1f} MB"
            for name, (count, size) in files.items()
        ),
    )
    yield "Method", method
    yield "Method (other)", other
    yield "Software", program
    yield "Software (other)", other_program
    yield "Software version(s)", version
    yield (
        "Additional details",
        "\n".join(
            f"{one.id}: " + "; ".join(f"{key} {plain(value)}" for key, value in one.facts.items())
            for one in inside.methods
        ),
    )
    yield "Property types", ", ".join(_PROPERTIES[name] for name in known)
    yield "Energy field conjugate with forces", "energy" if {"energy", "forces"} <= set(known) else None
    yield "Other/additional property", None
    yield "Property details", "\n".join(_DETAILS[name] for name in known)
    yield "Elements", ", ".join(element.symbol for element in inside.elements)
    yield "Number of Configurations", str(sum(count for count, _ in files.values()))
    yield "Naming convention", "key id: 128-bit hash of species, cell and positions, hexadecimal after 0x"
    yield "Configuration sets", "config_type; IsolatedAtom; one atom in vacuum, where it is stated"
    yield "Configuration labels", None
    yield "Distribution license", card.licence
    yield "Permissions", "- [ ] I confirm that I have the necessary permissions to submit this dataset"


def _theory(methods: tuple[Method, ...]) -> tuple[str | None, str | None]:
    """The form's choice of theory, and the theory in words where it is another."""
    if not methods:
        return None, None
    others = [one.summary for one in methods if "functional" not in one.facts]
    chosen = ["DFT"] * (len(others) < len(methods)) + ["Other (provide method below)"] * bool(others)
    return ", ".join(chosen), "; ".join(others) or None


def _program(methods: tuple[Method, ...]) -> tuple[str | None, str | None, str | None]:
    """The form's choice of program, a program that it does not offer, and versions."""
    stated = [one.facts.get("program", one.id) for one in methods]
    if not stated:
        return None, None, None
    offered = [next((p for p in _PROGRAMS if text.lower().startswith(p.lower())), None) for text in stated]
    chosen = list(dict.fromkeys(p or "Other (provide software below)" for p in offered))
    others = [text for text, found in zip(stated, offered, strict=True) if found is None]
    return ", ".join(chosen), "; ".join(others) or None, "; ".join(text for text in stated if " " in text) or None


def _given_first(creator: str) -> str:
    """``Curie, Marie`` as ``Marie Curie``.

    >>> _given_first("Curie, Marie")
    'Marie Curie'
    """
    family, comma, given = creator.partition(", ")
    return f"{given} {family}" if comma else family


def _description(card: CardRecord) -> str:
    parts = [card.title or card.name, card.description or ""]
    parts += [f"Limits: {' '.join(card.limits)}"] if card.limits else []
    parts.append(f"Version {card.version}, fingerprint sha256:{card.fingerprint}.")
    return "\n\n".join(plain(part) for part in parts if part)
