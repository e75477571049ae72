"""Where a dataset comes from: its parents, the methods of its labels, and their papers, as a graph."""

from collections.abc import Mapping
from typing import Any

from foundational.card.record import Edge, Lineage, Node
from foundational.provenance.record import LabellerRecord, ProvenanceRecord, is_imported
from foundational.release.citation.works import is_pool
from foundational.specs.about import About
from foundational.specs.potentials import PotentialRegistry

#: What a stage did with its inputs.
_DID = {
    "sample": "sampled",
    "holdout": "held out",
    "distill": "distilled",
    "translate": "translated",
    "relabel": "relabelled",
    "select": "selected",
    "import": "imported",
    "augment": "augmented",
    "collect": "labelled elsewhere",
}


def lineage_of(record: ProvenanceRecord, registry: PotentialRegistry, abouts: Mapping[str, About]) -> Lineage:
    """The graph of a record and of all that it embeds.

    Parameters
    ----------
    registry
        Where the papers of potentials stand.
    abouts
        about.yaml by name of dataset, for the papers that a set asks to cite.
    """
    nodes: dict[str, Node] = {}
    edges: dict[tuple[str, str], Edge] = {}
    _add(record, nodes, edges, registry, abouts, this=True)
    return Lineage(nodes=tuple(nodes.values()), edges=tuple(edges.values()))


def _add(
    record: ProvenanceRecord,
    nodes: dict[str, Node],
    edges: dict[tuple[str, str], Edge],
    registry: PotentialRegistry,
    abouts: Mapping[str, About],
    *,
    this: bool = False,
) -> str:
    """Add a record with its parents; the id of its node."""
    output = record.output
    key = f"dataset {output.name} {output.fingerprint}"
    if key in nodes:
        return key
    version = f" {output.version}" if output.version else ""
    kind = "this" if this else "pool" if is_pool(record) else "dataset"
    detail = f"{_DID[record.stage]}, {output.n_configurations:,} configurations of {record.element}"
    nodes[key] = Node(id=key, kind=kind, title=f"{output.name}{version}", detail=detail)
    embedded = {parent.output.fingerprint for parent in record.parents}
    for parent in record.parents:
        source = _add(parent, nodes, edges, registry, abouts)
        edges[source, key] = Edge(source=source, target=key, how=_DID[record.stage])
    for entry in record.inputs:
        if entry.fingerprint not in embedded:
            source = f"dataset {entry.name} {entry.fingerprint}"
            nodes.setdefault(
                source,
                Node(id=source, kind="dataset", title=entry.name, detail=f"{entry.n_configurations:,} configurations"),
            )
            edges[source, key] = Edge(source=source, target=key, how=_DID[record.stage])
    if is_imported(record):
        for file in record.spec.get("files", []):
            source = f"file {file.get('sha256')}"
            nodes[source] = Node(id=source, kind="file", title=str(file.get("file")), detail=str(file.get("format")))
            edges[source, key] = Edge(source=source, target=key, how="imported")
    for source in _methods(record.labeller, nodes, edges, registry):
        edges[source, key] = Edge(source=source, target=key, how="labelled")
    about = abouts.get(output.name)
    for citation in about.citations if about else ():
        if citation.doi is None or not any(node.doi == citation.doi for node in nodes.values()):
            source = _paper(citation.text, citation.doi, nodes)
            edges[source, key] = Edge(source=source, target=key, how="cited")
    return key


def _methods(
    labeller: LabellerRecord,
    nodes: dict[str, Node],
    edges: dict[tuple[str, str], Edge],
    registry: PotentialRegistry,
) -> list[str]:
    """Add the method of a labeller, or those that an imported file states, with the paper of a potential."""
    kind, _, name = labeller.id.partition(":")
    if kind == "file":
        found = []
        for method in labeller.parameters.get("methods", []):
            facts = [str(method[key]) for key in ("code", "functional") if method.get(key)]
            key = f"method {method.get('id')}"
            if facts:
                nodes[key] = Node(id=key, kind="method", title=str(method.get("id")), detail=", ".join(facts))
                found.append(key)
        return found
    key = f"method {labeller.id} {labeller.sha256}"
    nodes[key] = Node(id=key, kind="method", title=labeller.id, detail=labeller.version)
    spec = next((p for p in registry.potentials if kind == "lammps" and p.id == name), None)
    if spec is not None and spec.citation is not None:
        source = _paper(spec.citation, spec.doi, nodes)
        edges[source, key] = Edge(source=source, target=key, how="published")
    return [key]


def _paper(text: str, doi: str | None, nodes: dict[str, Node]) -> str:
    key = f"paper {doi or text}"
    nodes.setdefault(key, Node(id=key, kind="paper", title=short_reference(text), detail=text, doi=doi))
    return key


def short_reference(text: str) -> str:
    """First author and year of a printed reference.

    >>> short_reference("Y. Zhang, R. Ashcraft, J. Chem. Phys. 145, 204505 (2016)")
    'Zhang 2016'
    """
    author = text.partition(",")[0].rpartition(" ")[2]
    year = text.rpartition("(")[2].rstrip(")")
    return f"{author} {year}" if year.isdigit() and author else text[:30]


def settings_of(record: ProvenanceRecord) -> dict[str, Any]:
    """The settings that decided the work; of an import the list of files is shown in the lineage."""
    return {name: value for name, value in record.spec.items() if name != "files"}
