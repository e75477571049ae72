import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import bibtexparser
import pytest
from datacite import schema45
from jsonschema import Draft7Validator
from ruamel.yaml import YAML
from typer.testing import CliRunner

from foundational.cli.main import app
from foundational.errors import NotFoundError
from foundational.release.citation import datacite, ro_crate
from foundational.release.citation.bibtex import escape, to_bibtex
from foundational.release.citation.datacite import datacite_document
from foundational.release.citation.printed_reference import Work, parse_printed_reference
from foundational.release.citation.works import METHOD_DOI, METHOD_REFERENCE, Citable, printed, to_text, works_to_cite
from foundational.release.deposit import metadata
from foundational.release.registry.registry import Registry, read_registry, write_registry
from foundational.release.registry.version import Version
from foundational.specs.about import Creator, read_about
from foundational.specs.potentials import PotentialRegistry

STANDARDS = Path(__file__).parent / "standards"


def run(*arguments: str) -> Any:
    done = CliRunner().invoke(app, list(arguments))
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def test_dataset_paper_potentials_and_parents_are_owed_once_each(released) -> None:
    works = works_to_cite(released.subject, released.registry, released.parents)
    assert [work.doi for work in works] == [
        "10.5281/zenodo.1234567",
        "10.48550/arXiv.2311.05407",
        "10.1080/14786430802206482",
        "10.1063/1.4968212",
        None,
    ]
    assert (works[-1].name, works[-1].version, works[-1].title) == ("ni", "1.0.0", "Distilled nickel")
    assert not any("pools/" in (work.name or "") for work in works), "pools are never released"


def test_potentials_are_owed_even_where_about_yaml_forgets_them(released) -> None:
    about = released.record.about.model_copy(update={"citations": ()})
    subject = Citable("al", about, released.record.provenance)
    works = works_to_cite(subject, released.registry)
    assert {"10.1080/14786430802206482", "10.1063/1.4968212"} <= {work.doi for work in works}


def test_a_potential_without_a_paper_is_named_by_its_file(released) -> None:
    provenance = released.record.provenance
    labeller = provenance.labeller.model_copy(update={"id": "lammps:VFe_mm"})
    subject = Citable("v", None, provenance.model_copy(update={"labeller": labeller, "parents": ()}))
    nameless = released.registry.by_id("VFe_mm").model_copy(update={"citation": None, "doi": None})
    (_, work) = works_to_cite(subject, released.registry.model_copy(update={"potentials": (nameless,)}))
    assert work.text.startswith("VFe_mm.eam.fs, eam/fs, sha256:649caf")


def test_a_labeller_outside_the_registry_is_named(released) -> None:
    provenance = released.record.provenance
    labeller = provenance.labeller.model_copy(update={"id": "ase:EMT", "version": "ase 3.26", "sha256": None})
    subject = Citable("cu", None, provenance.model_copy(update={"labeller": labeller, "parents": ()}))
    assert works_to_cite(subject, released.registry)[1].text == "ase:EMT, ase 3.26"


def test_every_reference_of_the_project_is_taken_apart(checkout: Path) -> None:
    texts = [p.citation for p in PotentialRegistry.read(checkout).potentials if p.citation]
    for about in (checkout / "datasets").glob("*/about.yaml"):
        texts += [citation.text for citation in read_about(about.parent).citations]
    for text in set(texts):
        work = parse_printed_reference(text, why="")
        assert work.kind in {"article", "preprint"}, text
        assert work.authors, text
        names = ", ".join(author.full for author in work.authors)
        assert text.startswith(names), text


def test_a_paper_is_taken_apart() -> None:
    work = parse_printed_reference(
        "G. Jung, S. Lee, Y. Choi, Data Distillation for Neural Network Potentials toward Foundational Dataset, "
        "arXiv:2311.05407 (2023)",
        why="",
    )
    assert [author.sorted for author in work.authors] == ["Jung, G.", "Lee, S.", "Choi, Y."]
    assert work.title == "Data Distillation for Neural Network Potentials toward Foundational Dataset"
    assert (work.arxiv, work.year, work.kind) == ("2311.05407", 2023, "preprint")
    titled = parse_printed_reference("A. de la Cruz, Iron, steel and more, Acta Mater. 49, 4005 (2001)", why="")
    assert (titled.title, titled.journal, titled.page) == ("Iron, steel and more", "Acta Mater.", "4005")


@pytest.mark.parametrize("text", ["", "some web page", "J. Doe, personal communication", "The WWW Team, page 3"])
def test_what_is_no_paper_stays_whole(text: str) -> None:
    work = parse_printed_reference(text, why="")
    assert work.kind == "other"
    assert printed(work) == text


def test_bibtex_is_read_back_entry_for_entry(released) -> None:
    works = works_to_cite(released.subject, released.registry, released.parents)
    library = bibtexparser.parse_string((released.folder / "citation.bib").read_text(encoding="utf-8"))
    assert library.failed_blocks == []
    entries = library.entries
    assert len(entries) == len({entry.key for entry in entries}) == len(works)
    assert [entry.key for entry in entries][:2] == ["al-1.0.0", "jung2023"]
    assert [entry.fields_dict["doi"].value for entry in entries if "doi" in entry.fields_dict] == [
        work.doi for work in works if work.doi
    ]
    article = next(entry for entry in entries if entry.entry_type == "article")
    assert article.fields_dict["author"].value.startswith("Mendelev, M. I. and Kramer, M. J.")


def test_bibtex_keys_of_one_author_and_year_differ() -> None:
    works = [parse_printed_reference(f"J. Döe, Acta Mater. {n}, 1 (2001)", why="") for n in (1, 2, 3)]
    keys = [entry.key for entry in bibtexparser.parse_string(to_bibtex(works)).entries]
    assert keys == ["doe2001", "doe2001-2", "doe2001-3"]


def test_bibtex_has_no_command_in_it() -> None:
    hostile = r"100 % \input{x} & #1 $y$ a_b ~ ^ }"
    text = to_bibtex([Work(kind="other", text=hostile, why=hostile)])
    assert bibtexparser.parse_string(text).failed_blocks == []
    assert r"\input{" not in text
    assert text.count("{") == text.count("}"), "BibTeX counts braces behind backslashes too"
    assert escape("plain text") == "plain text"


def test_people_and_groups_are_told_apart(released) -> None:
    creators = (
        Creator(name="Doe, Jane", orcid="0000-0002-1825-0097", affiliation="Somewhere"),
        Creator(name="The A and B group"),
    )
    about = released.record.about.model_copy(update={"creators": creators})
    subject = Citable("al", about, released.record.provenance)
    work = works_to_cite(subject, released.registry)[0]
    assert [author.full for author in work.authors] == ["Jane Doe", "The A and B group"]
    assert "author = {Doe, Jane and {The A and B group}}" in to_bibtex([work])
    assert to_text(subject, [work]).splitlines()[2].startswith(" 1. Jane Doe, The A and B group, ")


def test_cite_prints_a_released_dataset_with_its_version(project: Path) -> None:
    done = run("cite", "al@1.0.0", "--root", str(project))
    assert "version 1.0.0 (2025)" in done.stdout
    assert "arXiv:2311.05407" in done.stdout
    assert "https://doi.org/10.1063/1.4968212" in done.stdout
    assert "Distilled nickel, dataset ni, version 1.0.0" in done.stdout
    assert done.stderr == ""
    assert run("cite", "al", "--root", str(project)).stdout == done.stdout, "what lies in the project is that version"


def test_cite_says_that_a_dataset_is_not_released_and_cites_its_fingerprint(project: Path) -> None:
    done = run("cite", "local/nb", "--root", str(project))
    assert "local/nb is not released" in done.stderr
    assert "not released, sha256:" in done.stdout
    assert "arXiv:2311.05407" in done.stdout, "the paper, which the parents' about.yaml asks for"
    assert "10.1063/1.4968212" in done.stdout


def test_a_parent_that_was_deposited_is_cited_by_its_doi(project: Path) -> None:
    al = read_registry(project / "datasets" / "al").releases[0].model_dump()
    registry = Registry(name="ni").with_release(**al).with_doi(Version(1, 0, 0), "10.5281/zenodo.77")
    write_registry(project / "datasets" / "ni", registry)
    assert "dataset ni, version 1.0.0" in run("cite", "al", "--root", str(project)).stdout
    document = json.loads(run("cite", "al", "--format", "datacite", "--root", str(project)).stdout)
    related = {item["relatedIdentifier"]: item["relationType"] for item in document["relatedIdentifiers"]}
    assert related["10.5281/zenodo.77"] == "IsDerivedFrom"


def test_datacite_names_the_version_before(released) -> None:
    subject = replace(released.subject, version="1.1.0", previous="1.0.0")
    document = datacite_document(subject, works_to_cite(subject, released.registry), year=2025)
    schema45.validator.validate(document)
    assert [
        i["titles"][0]["title"][-10:] for i in document["relatedItems"] if i["relationType"] == "IsNewVersionOf"
    ] == ["(al@1.0.0)"]


@pytest.mark.parametrize("name", ["al", "al@1.0.0", "local/nb"])
def test_every_format_is_valid(project: Path, name: str) -> None:
    where = ("--root", str(project))
    schema = json.loads((STANDARDS / "cff-1.2.0-schema.json").read_text(encoding="utf-8"))
    cff = YAML(typ="safe", pure=True).load(run("cite", name, "--format", "cff", *where).stdout)
    assert [error.message for error in Draft7Validator(schema).iter_errors(cff)] == []
    schema45.validator.validate(json.loads(run("cite", name, "--format", "datacite", *where).stdout))
    library = bibtexparser.parse_string(run("cite", name, "--format", "bibtex", *where).stdout)
    assert library.failed_blocks == []
    assert len(library.entries) >= 4


def test_cite_warns_of_a_withdrawn_version(project: Path) -> None:
    folder = project / "datasets" / "al"
    write_registry(folder, read_registry(folder).with_yanked(Version(1, 0, 0), "wrong stress"))
    assert "withdrawn: wrong stress" in run("cite", "al@1.0.0", "--root", str(project)).stderr


def test_cite_works_outside_of_a_project_on_what_was_pulled(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tmp_path / "share" / "foundational" / "al"
    (store / "1.0.0").mkdir(parents=True)
    shutil.copyfile(project / "datasets" / "al" / "releases.yaml", store / "releases.yaml")
    shutil.copyfile(project / "datasets/al/releases/1.0.0/release.json", store / "1.0.0" / "release.json")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    monkeypatch.chdir(tmp_path)
    assert "version 1.0.0 (2025)" in run("cite", "al").stdout


@pytest.mark.parametrize(("name", "offer"), [("alu", "did you mean 'al'"), ("al@9.9.9", r"released: 1\.0\.0")])
def test_an_unknown_dataset_or_version_is_an_error(project: Path, name: str, offer: str) -> None:
    with pytest.raises(NotFoundError, match=offer):
        run("cite", name, "--root", str(project))


def test_the_authors_of_the_method_are_those_of_citation_cff(checkout: Path, released) -> None:
    """Whatever initials a released about.yaml gives them."""
    references = YAML(typ="safe", pure=True).load(checkout / "CITATION.cff")["references"]
    [method] = [r for r in references if {"type": "other", "value": "arXiv:2311.05407"} in r.get("identifiers", [])]
    work = parse_printed_reference(METHOD_REFERENCE, why="method", doi=METHOD_DOI)
    assert [(a.name, a.given) for a in work.authors] == [
        (a["family-names"], a["given-names"]) for a in method["authors"]
    ]
    assert (work.title, work.year) == (method["title"], method["year"])
    for citable in (released.subject, replace(released.subject, about=released.parents["ni"])):
        texts = [w.text for w in works_to_cite(citable, released.registry, released.parents) if w.doi == METHOD_DOI]
        assert texts == [METHOD_REFERENCE]


@pytest.mark.parametrize(
    ("stated", "doi", "title"),
    [
        ("A. Author, A title, J. Phys. 12, 34 (2001), https://doi.org/10.1234/abc.5.", "10.1234/abc.5", "A title"),
        ("A. Author, A title, J. Phys. 12, 34 (2001); doi: 10.1234/abc", "10.1234/abc", "A title"),
        ("A. Author, A title, J. Phys. 12, 34 (2001)", None, "A title"),
        (7, None, None),
    ],
)
def test_a_potential_that_lammps_ships_is_cited_as_its_file_says(released, stated, doi, title) -> None:
    provenance = released.record.provenance
    changes = {"id": "lammps:Al.alloy", "version": "29 Aug 2024", "sha256": "a" * 64}
    labeller = provenance.labeller.model_copy(update=changes | {"parameters": {"citation": stated}})
    subject = Citable("al", None, provenance.model_copy(update={"labeller": labeller, "parents": ()}))
    work = works_to_cite(subject, released.registry.model_copy(update={"potentials": ()}))[1]
    assert (work.doi, work.title) == (doi, title)
    assert "10.1234" not in work.text
    if title is None:
        assert work.text == f"lammps:Al.alloy, 29 Aug 2024, sha256:{'a' * 64}"
    else:
        assert (work.authors[0].full, work.year) == ("A. Author", 2001)
        assert work.why.startswith(f"The potential Al.alloy, sha256:{'a' * 64}, which ")


def test_labels_from_a_file_are_owed_to_the_file(released) -> None:
    provenance = released.record.provenance
    for sha256, text in (("b" * 64, f"mine.xyz, sha256:{'b' * 64}"), (None, "mine.xyz")):
        labeller = provenance.labeller.model_copy(update={"id": "file:mine.xyz", "sha256": sha256})
        subject = Citable("al", None, provenance.model_copy(update={"labeller": labeller, "parents": ()}))
        assert works_to_cite(subject, released.registry)[1].text == text


def test_authors_keep_their_place_and_number_in_every_document(released) -> None:
    creators = (
        Creator(name="Doe, Jane", orcid="0000-0002-1825-0097", affiliation="Somewhere"),
        Creator(name="Roe, Ann"),
        Creator(name="The A and B group", affiliation="Elsewhere"),
    )
    about = released.record.about.model_copy(update={"creators": creators})
    subject = replace(released.subject, about=about)
    jane, ann, group = (datacite._person(author) for author in subject.authors)
    assert jane["affiliation"] == [{"name": "Somewhere"}]
    assert jane["nameIdentifiers"][0]["nameIdentifier"] == "https://orcid.org/0000-0002-1825-0097"
    assert "affiliation" not in ann
    assert [person["nameType"] for person in (jane, ann, group)] == ["Personal", "Personal", "Organizational"]
    agents = [list(ro_crate._agent(author)) for author in subject.authors]
    assert [len(entities) for entities in agents] == [2, 1, 1]
    assert agents[0][1] == {"@id": agents[0][0]["affiliation"]["@id"], "@type": "Organization", "name": "Somewhere"}
    sent = [metadata._creator(author) for author in subject.authors]
    assert sent[0] == {
        "person_or_org": {
            "type": "personal",
            "family_name": "Doe",
            "given_name": "Jane",
            "identifiers": [{"scheme": "orcid", "identifier": "0000-0002-1825-0097"}],
        },
        "affiliations": [{"name": "Somewhere"}],
    }
    assert sent[1] == {"person_or_org": {"type": "personal", "family_name": "Roe", "given_name": "Ann"}}
    assert sent[2] == {"person_or_org": {"type": "organizational", "name": "The A and B group"}}
