"""The page of a card: one file, nothing fetched, nothing executed from a dataset's texts, readable without a script."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from ase.build import bulk, molecule

from foundational.card.build import build_card
from foundational.card.drawing.page import draw_card
from foundational.card.drawing.viewer import Library, viewer_of
from foundational.card.evidence import Evidence, Subject
from foundational.card.record import CardRecord
from foundational.card.sources import Card
from foundational.card.writing import write_card
from foundational.data.conversion import from_atoms, to_dataset
from foundational.defaults import DEFAULTS
from foundational.evaluation.alloys.report import AlloyReport, CompoundReport, FramesReport, MixingReport
from foundational.evaluation.materials.report import MaterialsReport, PropertyReport
from foundational.specs.potentials import PotentialRegistry
from tests.validation_reports import report

FORGED = '</title><script>alert("x")</script><img src=x onerror=alert(1)>'


class Elements(HTMLParser):
    """Tags with their attributes, and the text that a reader sees."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._hidden = 0
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._hidden += tag in {"script", "style"}

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in {"script", "style"}

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


@pytest.fixture(scope="module")
def card(distilled_card: Card) -> Card:
    return distilled_card


@pytest.fixture(scope="module")
def record(card: Card) -> CardRecord:
    return card.record


def test_texts_of_a_dataset_stay_texts(record: CardRecord) -> None:
    """Wherever the record holds a text, a script in it is shown and never becomes an element."""
    content = record.model_dump(mode="json")
    allowed = {tag for tag, _ in Elements(draw_card(record)).tags}

    def forged(value: object, key: str = "") -> object:
        if isinstance(value, dict):
            return {k: forged(v, k) for k, v in value.items()}
        if isinstance(value, list):
            return [forged(v, key) for v in value]
        typed = {"kind", "status", "of", "fingerprint", "id", "source", "target", "schema_version", "verdict", "date"}
        return FORGED if isinstance(value, str) and key not in typed else value

    content |= {"title": "t", "licence": "l", "limits": ["x"], "keywords": ["k"], "description": "d", "withdrawn": "w"}
    content |= {"version": "1.0.0", "creators": ["c"], "bibtex": "b", "doi": "10.1/x"}
    broken = CardRecord.model_validate(forged(content))
    page = draw_card(broken)
    found = Elements(page)
    assert {tag for tag, _ in found.tags} <= allowed | {"li", "ul", "p", "a", "small", "strong"}
    assert not any(name.startswith("on") for _, attributes in found.tags for name in attributes)
    assert page.count("<script") == 1
    assert FORGED in "".join(found.texts)


def test_no_other_file_and_no_address_is_fetched(card: Card) -> None:
    viewer = viewer_of(card.record, card.dataset, Library("/* a library */", "a licence"))
    for page in (draw_card(card.record), draw_card(card.record, viewer)):
        for tag, attributes in Elements(page).tags:
            assert tag not in {"link", "img", "iframe", "object", "embed", "source", "audio", "video", "base"}
            assert "src" not in attributes
            if (address := attributes.get("href")) is not None:
                assert tag == "a"
                assert address.startswith(("#", "https://doi.org/"))
        assert "default-src &#x27;none&#x27;" in page
        assert not re.search(r"url\(|@import", page)


def test_only_the_pages_own_scripts_may_run(card: Card) -> None:
    viewer = viewer_of(card.record, card.dataset, Library("/* a library */", "a licence"))
    still, interactive = draw_card(card.record), draw_card(card.record, viewer)
    assert "unsafe-eval" not in still
    assert still.count("sha256-") == 1
    assert interactive.count("sha256-") == 2
    assert "script-src &#x27;unsafe-inline&#x27;" not in interactive


def test_a_reader_finds_unit_method_version_licence_and_limits_first(record: CardRecord) -> None:
    """In the text before the sections, without a script."""
    known = record.model_copy(update={"version": "1.2.3", "licence": "CC-BY-4.0", "limits": ("Cells are small.",)})
    first = Elements(draw_card(known).partition("<nav")[0]).text
    for text in ("1.2.3", "DOI none", "CC-BY-4.0", "energy in eV", "forces in eV/Å", "lammps:NiNb", "Cells are small."):
        assert text in first, text
    assert f"sha256:{record.fingerprint}" in first
    unknown = record.model_copy(update={"version": None, "licence": None, "limits": ()})
    first = Elements(draw_card(unknown).partition("<nav")[0]).text
    for text in ("not released", "Licence not stated", "Limits None are stated."):
        assert text in first, text


def test_pictures_and_tables_say_what_they_show(record: CardRecord) -> None:
    tags = Elements(draw_card(record)).tags
    for tag, attributes in tags:
        if tag == "svg" and attributes.get("aria-hidden") != "true":
            assert attributes["role"] == "img"
            assert len(attributes["aria-label"] or "") > 20
        if tag == "th":
            assert attributes.get("scope") in {"row", "col"}
    names = [tag for tag, _ in tags]
    assert names.count("table") == names.count("caption")
    assert names.count("h1") == 1
    assert ("html", {"lang": "en"}) in tags


def test_the_same_record_gives_the_same_page(card: Card, tmp_path: Path) -> None:
    pages = [write_card(card, tmp_path / f"{i}.html")[0].read_bytes() for i in range(2)]
    assert pages[0] == pages[1]
    stored = CardRecord.model_validate_json((tmp_path / "0.json").read_text())
    assert draw_card(stored) == draw_card(card.record)


def test_structures_beside_points_are_those_of_the_set(card: Card) -> None:
    viewer = viewer_of(card.record, card.dataset, Library("", ""))
    points = json.loads(viewer.points)
    assert points["packing"]["counts"] == card.dataset["n_atoms"].to_numpy()[list(card.record.map.rows)].tolist()
    assert points["packing"]["symbols"] == ["Ni"]
    assert {len(p["values"]) for p in points["properties"].values()} == {viewer.shown}


def test_structures_of_a_large_set_are_thinned_to_fit(card: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("foundational.card.drawing.viewer._MOST_BYTES", 3_000)
    viewer = viewer_of(card.record, card.dataset, Library("", ""))
    assert len(viewer.atoms) <= 3_000
    assert f"{viewer.shown} of {card.record.map.total} configurations, evenly spread" in draw_card(card.record, viewer)


def alloy_report(errors: tuple[float | None, ...]) -> AlloyReport:
    """One compound that the second network does not hold."""
    compound = CompoundReport(
        formula="AlNi",
        prototype="B2",
        gated=True,
        formation_meV=-600.0,
        hull_meV=-100.0,
        volume_A3=11.7,
        formation_error_meV=errors,
        volume_error=(0.0, 0.0),
        collapsed=(False, True),
    )
    pairs = {"Al": (True, True), "Ni": (True, True)}
    return AlloyReport(
        elements=("Ni", "Al"),
        compounds=(compound,),
        without_minimum=("AlNi B_h",),
        vertices=("AlNi B2",),
        missing=((), ("AlNi B2",)),
        additional=((), ()),
        order_ok=(True, False),
        crystals={},
        rank_ok=pairs,
        ground_state_ok=pairs,
        mixing=(),
    )


def test_a_validation_of_an_alloy_is_shown_in_words(record: CardRecord) -> None:
    validation = report().model_copy(update={"alloy": alloy_report((4.0, -5.5))})
    text = Elements(draw_card(record.model_copy(update={"validation": validation}))).text
    for said in (
        "AlNi B2",
        "1 of 2 networks have these and no others",
        "Network 1: lacks AlNi B2",
        "The reference does not hold: AlNi B_h.",
        "−600",
        "5.5",
        "1 of 2 networks",
    ):
        assert said in text, said
    lost = report().model_copy(update={"alloy": alloy_report((4.0, None))})
    assert "a network has no minimum" in draw_card(record.model_copy(update={"validation": lost}))


def test_each_network_has_its_result_in_words(record: CardRecord) -> None:
    validation = report(energies={"fcc": -4.0, "bcc": -3.9, "hcp": None}, passed=False)
    text = Elements(draw_card(record.model_copy(update={"validation": validation}))).text
    for said in ("another than the reference", "no minimum", "Validation: failed", "1, BCC"):
        assert said in text, said


def test_a_set_of_which_nothing_is_known_has_a_page_without_empty_sections() -> None:
    """Structures alone: no labels, no lineage, no findings, nothing to cite; the map has one quantity and no axes."""
    dataset = to_dataset(from_atoms([molecule("CO"), molecule("N2")]))
    subject, evidence = Subject("mine", "0" * 64), Evidence(PotentialRegistry.read(DEFAULTS))
    page = draw_card(build_card(dataset, subject, evidence))
    text = Elements(page).text
    for said in ("No label is known.", "Method not stated", "Licence not stated", "2 not periodic", "not released"):
        assert said in text, said
    for section in ("lineage", "check", "references", "validation", "distillation", "changes", "errors"):
        assert f'id="{section}"' not in page, section
    assert "BibTeX" not in text
    assert "coloured by" not in page


def test_a_map_without_energies_shows_what_else_is_known(record: CardRecord) -> None:
    columns = {name: column for name, column in record.map.columns.items() if name in {"volume", "largest_force"}}
    shown = record.model_copy(update={"map": record.map.model_copy(update={"columns": columns})})
    page = draw_card(shown)
    assert "Volume per atom against largest force." in page
    assert "energy per atom against" not in page.lower()
    unknown = columns["largest_force"].model_copy(update={"values": (1.0, *[None] * (len(record.map.rows) - 1))})
    few = record.map.model_copy(update={"columns": record.map.columns | {"selection_round": unknown}})
    assert "coloured by largest force" not in draw_card(record.model_copy(update={"map": few}))


def test_random_alloys_and_test_frames_have_their_tables(record: CardRecord) -> None:
    frames = FramesReport(
        formula="AlNi", phase="random", frames=1234, temperature_K=None, mae_meV_per_atom=2.5, force_mae_meV_per_A=30.0
    )
    mixing = MixingReport(formula="Al3Ni", atoms=108, lattice="fcc", mixing_meV=-210.0, error_meV=(3.0, -7.25))
    several = {"compounds": (), "without_minimum": (), "vertices": (), "mixing": (mixing,), "frames": (frames,)}
    alloy = alloy_report((None, None)).model_copy(update=several)
    validation = report().model_copy(update={"alloy": alloy})
    text = Elements(draw_card(record.model_copy(update={"validation": validation}))).text
    for said in ("Vertices of the hull by the reference: none.", "Al3Ni fcc 108", "7.25", "AlNi random 1,234 – 2.5 30"):
        assert said in text, said
    assert "The reference does not hold" not in text
    lost = report().model_copy(update={"alloy": alloy_report((None, None)).model_copy(update={"missing": ((), ())})})
    page = draw_card(record.model_copy(update={"validation": lost}))
    assert "Formation energies, one point a compound" not in page
    assert "lacks" not in page


def test_a_property_shows_its_verdict_its_spread_and_the_networks_without_it(record: CardRecord) -> None:
    number = PropertyReport(
        kind="stacking-fault", name="energy", unit="mJ/m²", reference=120.0, networks=(118.0, None), allowed=25.0,
        verdict="not determined", message="m", spread=1.5,
    )  # fmt: skip
    unknown = number.model_copy(
        update={"reference": None, "networks": (None,), "allowed": None, "spread": None, "verdict": "not applicable"}
    )
    materials = MaterialsReport(numbers=(number, unknown))
    tested = {"materials": materials, "holdout": "ni-holdout", "mae_meV_per_atom": 0.5, "p99_meV_per_atom": 3.0}
    validation = report(energies={"fcc": -4.0}).model_copy(update=tested)
    text = Elements(draw_card(record.model_copy(update={"validation": validation}))).text
    assert "stacking fault energy not determined 120 118 ± 1.5 (1 without) 25 mJ/m²" in text
    assert "stacking fault energy not applicable – – – mJ/m²" in text
    assert "Errors on ni-holdout" in text
    assert "Energy, 99th percentile 3 meV/atom" in text
    assert "Forces, mean absolute error" not in text


def test_distances_of_a_viewer_are_shown_of_sets_of_molecules_too() -> None:
    """Without volumes there is no volume axis; chemiscope gets the first numbers, and no cell."""
    dataset = to_dataset(from_atoms([molecule("CO"), molecule("H2O"), molecule("N2")]))
    subject, evidence = Subject("mine", "0" * 64), Evidence(PotentialRegistry.read(DEFAULTS))
    made = build_card(dataset, subject, evidence)
    points = json.loads(viewer_of(made, dataset, Library("", "")).points)
    assert set(points["settings"]["map"]) >= {"x", "y"}
    assert points["packing"]["counts"] == [2, 3, 2]
    cells = to_dataset(from_atoms([bulk("Ni", a=a) for a in (3.4, 3.5)]))
    known = build_card(cells, subject, evidence)
    assert json.loads(viewer_of(known, cells, Library("", "")).points)["settings"]["map"]["x"]["property"] == (
        "volume per atom"
    )
