"""What people and records say of a dataset, before and after."""

from collections.abc import Iterator
from typing import Any

from foundational.provenance.record import LabellerRecord, ProvenanceRecord
from foundational.release.record import BumpName
from foundational.specs.about import About

#: What a licence requires of users. Creative Commons spells it in the identifier (CC-BY-NC-SA-4.0).
_REQUIREMENTS = {"CC0-1.0": set[str](), "PDDL-1.0": set[str](), "ODC-By-1.0": {"BY"}, "ODbL-1.0": {"BY", "SA"}}
_CREATIVE_COMMONS = {"BY", "SA", "NC", "ND"}


def metadata_changes(
    about_a: About | None,
    about_b: About | None,
    provenance_a: ProvenanceRecord | None,
    provenance_b: ProvenanceRecord | None,
) -> Iterator[tuple[str, BumpName, str]]:
    """(kind, size, sentence) of every change; nothing is said where a side is not known."""
    if about_a is not None and about_b is not None:
        if about_a.licence != about_b.licence:
            stricter = requires_more(about_a.licence, about_b.licence)
            note = ", which may require more" if stricter else ""
            message = f"the licence is {about_b.licence}, was {about_a.licence}{note}"
            yield "licence", "major" if stricter else "patch", message
        for name in _differing(about_a.model_dump(exclude={"licence"}), about_b.model_dump(exclude={"licence"})):
            yield "metadata", "patch", f"about.yaml: {name} changed"
    if provenance_a is not None and provenance_b is not None:
        a, b = provenance_a.labeller, provenance_b.labeller
        if not same_method(a, b):
            yield (
                "method",
                "major",
                f"the labeller is {b.id}, was {a.id}"
                + (" with another file or other parameters" if a.id == b.id else ""),
            )
        else:
            if a.version != b.version:
                yield "metadata", "patch", f"the labeller ran in {b.version}, was {a.version}"
            if a.parameters != b.parameters:
                yield "metadata", "patch", "provenance.json: the labeller's record states other things"
        for name in _differing(_record(provenance_a), _record(provenance_b)):
            yield "metadata", "patch", f"provenance.json: {name} changed"


def same_method(a: LabellerRecord, b: LabellerRecord) -> bool:
    """Whether two records name one method: the same id and file, and no parameter that both state differently.

    A parameter that only one record states is unknown in the other, not different: records of sampled and distilled
    sets once stated the pair_style of a potential and nothing else. The energy of an isolated atom is compared for each
    element that both know. An argument that was not given has the default of the method, so arguments are compared
    whole.
    """
    if (a.id, a.sha256) != (b.id, b.sha256):
        return False
    stated_a, stated_b = _stated(a), _stated(b)
    return all(stated_a[name] == stated_b[name] for name in stated_a.keys() & stated_b.keys())


def _stated(labeller: LabellerRecord) -> dict[str, Any]:
    """The parameters of a record, the isolated atom of each element as one of them; null is not stated."""
    parameters = dict(labeller.parameters)
    atoms = parameters.pop("isolated_atom_eV", None) or {}
    parameters |= {f"isolated_atom_eV {element}": energy for element, energy in atoms.items()}
    return {name: value for name, value in parameters.items() if value is not None}


def requires_more(old: str, new: str) -> bool:
    """Whether the licence ``new`` may forbid what ``old`` allowed; a licence that is not in the table may.

    >>> requires_more("CC-BY-4.0", "CC-BY-NC-4.0"), requires_more("CC-BY-4.0", "CC0-1.0")
    (True, False)
    """
    before, after = _requirements(old), _requirements(new)
    return before is None or after is None or not after <= before


def _requirements(licence: str) -> set[str] | None:
    if licence in _REQUIREMENTS:
        return _REQUIREMENTS[licence]
    kind, *parts = licence.split("-")
    required, version = set(parts[:-1]), parts[-1:]
    is_standard = kind == "CC" and bool(required) and required <= _CREATIVE_COMMONS and version != []
    return required if is_standard else None


def _record(record: ProvenanceRecord) -> dict[str, Any]:
    """What a record says in addition to the labeller; versions are given at release, and follow from the rest."""
    content = record.model_dump(exclude={"labeller", "schema_version", "output", "parents"})
    content["inputs"] = [(i["name"], i["fingerprint"]) for i in content["inputs"]]
    return content


def _differing(a: dict[str, Any], b: dict[str, Any]) -> list[str]:
    return [name for name in a if a[name] != b[name]]
