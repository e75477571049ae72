"""PROV-JSON (W3C member submission of 2013-04-24): which work made the dataset from what, with what and by whom.

Nothing has a time in it: the record knows none, so that the same work gives the same document.
"""

import json
from typing import Any

from foundational.provenance.record import LabellerRecord, ProvenanceRecord
from foundational.release.citation.printed_reference import Author
from foundational.release.citation.works import Citable, is_pool

#: Names in these documents are no addresses; ``x-`` marks a namespace that is registered nowhere.
_NAMESPACE = "urn:x-foundational:"
_KINDS = ("activity", "agent", "dataset", "labeller", "software", "terms")
_RELATIONS = ("used", "wasAssociatedWith", "wasAttributedTo", "wasDerivedFrom", "wasGeneratedBy")


def prov_document(subject: Citable) -> dict[str, Any]:
    """The provenance of a dataset and, as far as it is embedded, of what it was made from."""
    document: dict[str, Any] = {
        "prefix": {kind: f"{_NAMESPACE}{kind}:" for kind in _KINDS},
        "entity": {},
        "activity": {},
        "agent": {},
        **{relation: {} for relation in _RELATIONS},
    }
    _describe(document, subject.provenance)
    entity = _entity(subject.provenance)
    if subject.version:
        document["entity"][entity] |= {"prov:label": subject.label, "terms:version": subject.version}
    for author in subject.authors:
        name = _agent(document, author)
        _relate(document, "wasAttributedTo", {"prov:entity": entity, "prov:agent": name})
    return {key: value for key, value in document.items() if value}


def _describe(document: dict[str, Any], record: ProvenanceRecord) -> None:
    """Add a record's dataset, the activity that made it, and everything that it took."""
    output, entity = record.output, _entity(record)
    if entity in document["entity"]:
        return
    document["entity"][entity] = {
        "prov:type": {"$": "prov:Collection", "type": "xsd:QName"},
        "prov:label": f"{output.name}@{output.version}" if output.version else output.name,
        "terms:fingerprint": output.fingerprint,
        "terms:element": record.element,
        "terms:configurations": _integer(output.n_configurations),
        "terms:atoms": _integer(output.n_atoms),
        "terms:pool": is_pool(record),
    }
    activity = f"activity:{record.stage}-{output.fingerprint}"
    document["activity"][activity] = {
        "prov:label": record.stage,
        "terms:seed": _integer(record.seed),
        "terms:specification": _canonical(record.spec),
        "terms:details": _canonical(record.details),
    }
    _relate(document, "wasGeneratedBy", {"prov:entity": entity, "prov:activity": activity})
    labeller = _labeller(document, record.labeller)
    _relate(document, "used", {"prov:activity": activity, "prov:entity": labeller})
    for name, version in sorted(record.software.items()):
        software = f"software:{name}-{version}"
        document["agent"][software] = {
            "prov:type": {"$": "prov:SoftwareAgent", "type": "xsd:QName"},
            "prov:label": f"{name} {version}",
        }
        _relate(document, "wasAssociatedWith", {"prov:activity": activity, "prov:agent": software})
    embedded = {parent.output.fingerprint for parent in record.parents}
    for parent in record.parents:
        _describe(document, parent)
    for source in record.inputs:
        name = f"dataset:{source.fingerprint}"
        if source.fingerprint not in embedded:
            label = f"{source.name}@{source.version}" if source.version else source.name
            document["entity"][name] = {"prov:label": label, "terms:fingerprint": source.fingerprint}
        _relate(document, "used", {"prov:activity": activity, "prov:entity": name})
        derived = {"prov:generatedEntity": entity, "prov:usedEntity": name, "prov:activity": activity}
        _relate(document, "wasDerivedFrom", derived)


def _entity(record: ProvenanceRecord) -> str:
    return f"dataset:{record.output.fingerprint}"


def _labeller(document: dict[str, Any], labeller: LabellerRecord) -> str:
    name = f"labeller:{labeller.sha256 or labeller.id}"
    fields = {"prov:label": labeller.id, "terms:version": labeller.version, "terms:sha256": labeller.sha256}
    document["entity"][name] = {key: value for key, value in fields.items() if value is not None}
    return name


def _agent(document: dict[str, Any], author: Author) -> str:
    name = f"agent:{author.orcid or '-'.join(author.full.split())}"
    kind = "prov:Person" if author.given else "prov:Organization"
    document["agent"][name] = {
        "prov:type": {"$": kind, "type": "xsd:QName"},
        "prov:label": author.full,
        **({"terms:orcid": f"https://orcid.org/{author.orcid}"} if author.orcid else {}),
    }
    return name


def _relate(document: dict[str, Any], relation: str, members: dict[str, str]) -> None:
    """Add a relation under a name that counts."""
    document[relation][f"_:{relation}{len(document[relation]) + 1}"] = members


def _integer(number: int) -> dict[str, str]:
    # xsd:int ends at 2**31; seeds may be larger.
    return {"$": str(number), "type": "xsd:int" if abs(number) < 2**31 else "xsd:long"}


def _canonical(content: dict[str, Any]) -> str:
    return json.dumps(content, sort_keys=True, ensure_ascii=False, allow_nan=False)
