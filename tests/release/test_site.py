"""A catalogue lists every release as it was released, with a card behind each."""

import json
import re
import shutil
from html.parser import HTMLParser

import pytest
from typer.testing import CliRunner

from foundational.card.record import CardRecord
from foundational.card.site.build import SiteOptions, write_site
from foundational.card.site.catalogue import Catalogue
from foundational.card.site.page import draw_catalogue
from foundational.cli.main import app
from foundational.errors import ConflictError, NotFoundError
from foundational.release.registry.version import parse_dataset_version
from foundational.stages.release.command import yank_release
from tests.release.conftest import copy_of


@pytest.fixture(scope="module")
def site(released_template, tmp_path_factory):
    """The catalogue of a project with ni@1.0.0, whose data lie in DVC's store alone, and ni@1.1.0."""
    out = tmp_path_factory.mktemp("site") / "site"
    options = SiteOptions(title="Metals", url="https://example.org/metals", interactive=False)
    return out, write_site(released_template.root, out, options)


def described(page: str) -> dict:
    (text,) = re.findall(r'<script type="application/ld\+json">(.*?)</script>', page, re.S)
    return json.loads(text)


def test_every_release_has_an_entry_and_a_card(site, released_template):
    out, catalogue = site
    assert [(e.key, e.newest, e.configurations) for e in catalogue.entries] == [
        ("ni@1.1.0", True, 12),
        ("ni@1.0.0", False, 10),
    ]
    for entry in catalogue.entries:
        card = CardRecord.model_validate_json((out / f"ni/{entry.version}/card.json").read_text())
        assert (card.version, card.contents.configurations) == (entry.version, entry.configurations)
        assert card.changes[0].version == entry.version
        assert (out / entry.page).is_file()
    assert Catalogue.model_validate_json((out / "catalogue.json").read_text()) == catalogue


def test_search_engines_and_programs_read_the_same_as_people(site):
    out, catalogue = site
    index = json.loads((out / "index.json").read_text())
    assert [item["id"] for item in index["data"]] == [entry.key for entry in catalogue.entries]
    assert index["data"][0]["attributes"]["elements"] == ["Ni"]
    assert index["meta"]["data_returned"] == 2
    whole = described((out / "index.html").read_text())
    assert (whole["@type"], len(whole["dataset"])) == ("DataCatalog", 2)
    one = described((out / "ni/1.1.0/index.html").read_text())
    assert (one["@type"], one["version"], one["license"]) == (
        "Dataset", "1.1.0", "https://spdx.org/licenses/CC-BY-4.0",
    )  # fmt: skip
    assert one["url"] == "https://example.org/metals/ni/1.1.0/index.html"
    assert {v["name"]: v["unitText"] for v in one["variableMeasured"]}["forces"] == "eV/Å"


def test_addresses_of_the_catalogue_lead_to_files(site):
    out, _ = site
    for page in out.rglob("*.html"):
        for address in re.findall(r'href="([^"#]+)"', page.read_text()):
            assert address.startswith("https://doi.org/") or (page.parent / address).is_file(), address


def test_texts_of_releases_stay_texts(site):
    _, catalogue = site
    forged = "</script><script>alert(1)</script><img src=x>"
    entries = tuple(e.model_copy(update={"title": forged, "description": forged}) for e in catalogue.entries)
    page = draw_catalogue(Catalogue(title=forged, entries=entries))
    tags = []

    class Tags(HTMLParser):
        def handle_starttag(self, tag, attrs):
            tags.append(tag)

    Tags().feed(page)
    assert (tags.count("script"), tags.count("img")) == (2, 0)
    assert described(page)["name"] == forged


@pytest.fixture(scope="module")
def site_with_data(released_template, tmp_path_factory):
    """The same project with ni@1.1.0 withdrawn, by the command, with all files of the releases."""
    folder = tmp_path_factory.mktemp("site-with-data")
    own = copy_of(released_template, folder / "project")
    with pytest.MonkeyPatch.context() as patch:
        for role in ("AUTHOR", "COMMITTER"):
            patch.setenv(f"GIT_{role}_NAME", "A tester")
            patch.setenv(f"GIT_{role}_EMAIL", "tester@example.org")
        yank_release(own.root, parse_dataset_version("ni@1.1.0"), "the unit was wrong")
    out = folder / "site"
    outcome = CliRunner().invoke(app, ["site", "-o", str(out), "--data", "--still", "--root", str(own.root)])
    assert outcome.exit_code == 0, outcome.output
    return out, Catalogue.model_validate_json((out / "catalogue.json").read_text())


def test_a_withdrawn_release_says_why_and_is_not_offered_to_search_engines(site_with_data):
    out, catalogue = site_with_data
    assert [(e.version, e.newest, e.withdrawn) for e in catalogue.entries] == [
        ("1.1.0", False, "the unit was wrong"),
        ("1.0.0", True, None),
    ]
    page = (out / "index.html").read_text()
    assert "withdrawn: the unit was wrong" in page
    assert len(described(page)["dataset"]) == 1


def test_data_come_with_their_croissant(site_with_data):
    out, _ = site_with_data
    files = out / "ni" / "1.0.0" / "files"
    croissant = json.loads((files / "croissant.json").read_text())
    assert all((files / file["contentUrl"]).is_file() for file in croissant["distribution"])
    one = described((files.parent / "index.html").read_text())
    assert all((out / item["contentUrl"]).is_file() for item in one["distribution"])


def test_only_a_site_is_replaced(two, tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "thesis.tex").write_text("x")
    for force in (False, True):
        with pytest.raises(ConflictError):
            write_site(two.root, tmp_path / "own", SiteOptions(force=force))
    assert (tmp_path / "own" / "thesis.tex").read_text() == "x"


def test_a_project_without_releases_has_no_catalogue(project, tmp_path):
    with pytest.raises(NotFoundError, match="foundational release"):
        write_site(project.root, tmp_path / "site", SiteOptions())
    assert not (tmp_path / "site").exists()


def test_a_release_whose_data_are_nowhere_has_an_entry_and_no_card(two, tmp_path):
    shutil.rmtree(two.root / "datasets" / ".store")
    outcome = CliRunner().invoke(app, ["site", "-o", str(tmp_path / "site"), "--still", "--root", str(two.root)])
    assert outcome.exit_code == 0, outcome.output
    catalogue = Catalogue.model_validate_json((tmp_path / "site" / "catalogue.json").read_text())
    assert [(entry.version, entry.page is None) for entry in catalogue.entries] == [("1.1.0", False), ("1.0.0", True)]
    assert "without a card, since their data cannot be fetched: ni@1.0.0" in outcome.stdout
    assert not (tmp_path / "site" / "ni" / "1.0.0" / "index.html").exists()
