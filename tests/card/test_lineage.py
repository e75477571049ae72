"""The graph of a lineage: every stage, parents that are only named, imported files, methods and papers."""

from pathlib import Path
from typing import Any, get_args

import pytest

from foundational.card.lineage import _DID, lineage_of
from foundational.defaults import DEFAULTS
from foundational.provenance.record import ProvenanceRecord, read_record
from foundational.specs.about import About
from foundational.specs.potentials import PotentialRegistry


@pytest.fixture(scope="module")
def record(distilled_project: Path) -> ProvenanceRecord:
    return read_record(distilled_project / "datasets" / "ni")


def drawn(record: ProvenanceRecord, abouts: dict[str, About] | None = None) -> tuple[list[Any], set[tuple[str, ...]]]:
    """Nodes, and (title of the source, how, title of the target) of the edges."""
    found = lineage_of(record, PotentialRegistry.read(DEFAULTS), abouts or {})
    titles = {node.id: node.title for node in found.nodes}
    return list(found.nodes), {(titles[e.source], e.how, titles[e.target]) for e in found.edges}


def test_every_stage_of_a_record_has_its_word() -> None:
    assert _DID.keys() == set(get_args(ProvenanceRecord.model_fields["stage"].annotation))


def test_a_set_labelled_elsewhere_says_so(record: ProvenanceRecord) -> None:
    nodes, edges = drawn(record.model_copy(update={"stage": "collect"}))
    assert nodes[0].detail == "labelled elsewhere, 40 configurations of Ni"
    assert ("pools/ni-momt-32", "labelled elsewhere", "ni") in edges


def test_a_parent_is_one_node_also_where_it_is_named_twice_or_not_embedded(record: ProvenanceRecord) -> None:
    twice = record.model_copy(update={"parents": record.parents * 2})
    assert drawn(twice) == drawn(record)
    nodes, edges = drawn(record.model_copy(update={"parents": ()}))
    parent = next(node for node in nodes if node.title == "pools/ni-momt-32")
    assert (parent.kind, parent.detail) == ("dataset", "120 configurations")
    assert ("pools/ni-momt-32", "distilled", "ni") in edges


def test_files_and_their_methods_are_sources_of_an_import(record: ProvenanceRecord) -> None:
    methods = [{"id": "pbe", "code": "VASP", "functional": "PBE"}, {"id": "unknown"}]
    imported = record.model_copy(
        update={
            "stage": "import",
            "inputs": (),
            "parents": (),
            "spec": {"files": [{"file": "a.xyz", "sha256": "0" * 64, "format": "extxyz"}]},
            "labeller": record.labeller.model_copy(update={"id": "file:a.xyz", "parameters": {"methods": methods}}),
        }
    )
    nodes, edges = drawn(imported)
    assert {(node.kind, node.title, node.detail) for node in nodes[1:]} == {
        ("file", "a.xyz", "extxyz"),
        ("method", "pbe", "VASP, PBE"),
    }
    assert edges == {("a.xyz", "imported", "ni"), ("pbe", "labelled", "ni")}


def test_a_paper_that_a_set_asks_to_cite_stands_once(record: ProvenanceRecord) -> None:
    """One that has the DOI of a potential's paper is that paper; one without a DOI is its own."""
    citations = [
        {"text": "Y. Zhang, J. Chem. Phys. 145, 204505 (2016)", "doi": "10.1063/1.4968212", "why": "the potential"},
        {"text": "A thesis without a year", "why": "the method"},
    ]
    content = {"title": "t", "element": "Ni", "licence": "CC0-1.0", "creators": [{"name": "A"}], "description": "d"}
    about = About.model_validate(content | {"citations": citations})
    papers = [node.title for node in drawn(record, {"ni": about})[0] if node.kind == "paper"]
    assert papers == ["Zhang 2016", "A thesis without a year"]
    assert ("A thesis without a year", "cited", "ni") in drawn(record, {"ni": about})[1]
