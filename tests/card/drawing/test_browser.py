"""The card in a real browser: nothing is fetched, the first screen has what decides, and the map works."""

import os
import shutil
from collections.abc import Iterator
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from foundational.card.comparison.build import build_change
from foundational.card.drawing.viewer import chemiscope_library
from foundational.card.site.catalogue import Catalogue, Entry
from foundational.card.site.page import draw_catalogue
from foundational.card.sources import Card
from foundational.card.writing import write_card, write_change
from foundational.release.comparison.difference import ComparedDataset, difference

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_FOUND = next((path for name in _BROWSERS if (path := shutil.which(name))), None)
if _FOUND is None:
    pytest.skip(f"no browser is installed ({', '.join(_BROWSERS)})", allow_module_level=True)
sync_api = pytest.importorskip("playwright.sync_api", reason="the extra dev is not installed")

FORGED = '<script>document.title="forged"</script><img src="https://example.org/x.png">'
SCREEN = {"width": 1280, "height": 900}


@pytest.fixture(scope="module")
def page_file(distilled_card: Card, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interactive card whose title is a script."""
    card = distilled_card
    known = {"title": FORGED, "version": "1.2.3", "licence": "CC-BY-4.0", "limits": ("Cells are small.",)}
    forged = type(card)(card.record.model_copy(update=known), card.dataset)
    return write_card(forged, tmp_path_factory.mktemp("card") / "card.html")[0]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    arguments = ["--no-sandbox", "--enable-unsafe-swiftshader", "--disable-background-networking"]
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_FOUND, args=arguments)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def opened(chromium: Any, page_file: Path) -> Iterator[tuple[Any, list[str], list[str]]]:
    """The page, every address that it asked for, and every error."""
    page = chromium.new_page(viewport=SCREEN)
    asked: list[str] = []
    errors: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.goto(page_file.as_uri())
    yield page, asked, errors
    page.close()


def violations(page: Any) -> list[str]:
    """Serious faults of accessibility (axe-core)."""
    axe = pytest.importorskip("axe_playwright_python", reason="the extra dev is not installed")
    script = Path(axe.__file__).with_name("axe.min.js").read_text(encoding="utf-8")
    session = page.context.new_cdp_session(page)
    session.send("Page.setBypassCSP", {"enabled": True})
    page.evaluate(script)
    found = page.evaluate("axe.run()")["violations"]
    return [f"{v['id']}: {v['nodes'][0]['html'][:200]}" for v in found if v["impact"] in {"serious", "critical"}]


#: What a reader with no knowledge of the project looks for in the first minute, and the text that answers.
CHECKLIST = {
    "version": "1.2.3",
    "DOI": "none",
    "licence": "CC-BY-4.0",
    "units": "energy in eV; forces in eV/Å",
    "method": "lammps:NiNb",
    "limits": "Cells are small.",
    "identity": "sha256:",
}
#: What one click shows: what is clicked, and the text.
ONE_CLICK = {
    "how it was made": ("Settings and software", "numpy"),
    "where it comes from": ("Lineage", "pools/ni-momt-32"),
}


def test_the_first_screen_answers_the_checklist(opened: tuple[Any, list[str], list[str]]) -> None:
    page, _, _ = opened
    for asked, text in CHECKLIST.items():
        box = page.get_by_text(text).first.bounding_box()
        assert box is not None, asked
        assert box["y"] + box["height"] <= SCREEN["height"], asked
    assert page.title() != "forged"
    assert FORGED in page.inner_text("h1")
    for asked, (clicked, text) in ONE_CLICK.items():
        page.get_by_text(clicked, exact=True).first.click()
        assert page.get_by_text(text).first.is_visible(), asked
    page.evaluate("scrollTo(0, 0)")


@pytest.mark.skipif(chemiscope_library() is None, reason="the extra cards is not installed")
def test_the_map_works_and_nothing_is_fetched(opened: tuple[Any, list[str], list[str]], page_file: Path) -> None:
    page, asked, errors = opened
    page.locator("#map").scroll_into_view_if_needed()
    page.wait_for_selector("#viewer[data-state]", state="attached", timeout=120_000)
    assert page.get_attribute("#viewer", "data-state") == "ready", page.inner_text("#viewer-status")
    assert page.locator("#viewer-map canvas").count() > 0
    assert page.locator("#viewer-note").is_visible(), "structures are drawn with the first chosen point"
    page.locator("#viewer-info input[type=range]").first.press("ArrowRight")
    page.wait_for_selector("#viewer[data-structure='1']", state="attached", timeout=120_000)
    assert page.locator("#viewer-structure canvas").count() > 0
    assert page.get_by_text("WebGL is not supported").count() == 0
    assert asked == [page_file.as_uri()]
    assert errors == []
    assert page_file.stat().st_size < 6e6
    assert violations(page) == []


@pytest.mark.parametrize("width", [1280, 420])
def test_without_javascript_everything_is_readable(chromium: Any, page_file: Path, width: int) -> None:
    page = chromium.new_page(java_script_enabled=False, viewport={"width": width, "height": 800})
    page.goto(page_file.as_uri())
    for title in (
        "What is inside",
        "Distributions",
        "Map of configurations",
        "Distillation",
        "Lineage",
        "What check found",
    ):
        assert page.locator("h2", has_text=title).is_visible(), title
    assert page.locator("figure svg").count() > 6
    assert not page.locator("#viewer").is_visible()
    assert not page.locator("button").first.is_visible()
    right = max(page.locator("body > *").nth(i).bounding_box()["width"] for i in range(3))
    assert right <= width
    page.close()


def entry(name: str, configurations: int) -> Entry:
    return Entry(
        name=name,
        version="1.0.0",
        newest=True,
        date=date(2026, 11, 27),
        doi="10.1/x" if name == "al" else None,
        withdrawn=None,
        title=f"The set {name}",
        description="",
        licence="CC-BY-4.0",
        creators=("A",),
        keywords=(),
        elements=(name.capitalize(),),
        configurations=configurations,
        atoms=configurations,
        labels={"energy": "eV"},
        methods=("PBE" if name == "al" else "a potential",),
        validated=None if name == "nb" else name == "al",
        fingerprint="0" * 64,
        page=None,
        data=None,
    )


def test_a_catalogue_sorts_and_filters_and_a_change_is_shown_for_all_readers(
    chromium: Any, distilled_card: Card, tmp_path: Path
) -> None:
    catalogue = Catalogue(title=FORGED, entries=(entry("al", 1_200), entry("nb", 90), entry("ni", 300)))
    (tmp_path / "catalogue.html").write_text(draw_catalogue(catalogue), encoding="utf-8")
    a = ComparedDataset("a", distilled_card.dataset)
    b = ComparedDataset("b", distilled_card.dataset.isel(configuration=slice(5, None)))
    write_change(build_change(a, b, difference(a, b), None), tmp_path / "change.html")
    page = chromium.new_page(viewport=SCREEN)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for name in ("change", "catalogue"):
        asked.clear()
        page.goto((tmp_path / f"{name}.html").as_uri())
        assert violations(page) == [], name
        assert asked == [page.url]
    assert page.title() != "forged"
    names = page.locator("tbody tr:visible th, tbody tr:visible td:first-child")
    for direction in (["nb", "ni", "al"], ["al", "ni", "nb"]):  # by number, not by letters
        page.get_by_role("button", name="configurations").click()
        assert names.all_inner_texts() == direction
    page.get_by_label("Show rows with").fill("pbe al")
    assert names.all_inner_texts() == ["al"]
    assert page.get_by_text("1 of 3 rows").is_visible()
    page.close()


def blurred(picture: bytes) -> NDArray[np.float64]:
    """A screenshot as 64 × 45 shades of grey, in which a letter more or less is not seen."""
    image = pytest.importorskip("PIL.Image", reason="the extra plots is not installed")
    small = image.open(BytesIO(picture)).convert("L").resize((64, 45), image.Resampling.BOX)
    return np.asarray(small, dtype=np.float64) / 255


def require_like(picture: bytes, name: str) -> None:
    """Compare with the stored screenshot; FOUNDATIONAL_SCREENS=write stores this one."""
    path = Path(__file__).with_name(f"{name}.png")
    found = blurred(picture)
    if os.environ.get("FOUNDATIONAL_SCREENS") == "write":
        pytest.importorskip("PIL.Image").fromarray((found * 255).round().astype(np.uint8)).save(path)
    difference = np.abs(found - blurred(path.read_bytes()))
    assert difference.mean() < 0.012, f"{name} differs from its stored picture: look at both"
    assert np.quantile(difference, 0.99) < 0.12, f"a part of {name} differs from its stored picture: look at both"


def test_a_print_has_all_sections(chromium: Any, page_file: Path) -> None:
    page = chromium.new_page(java_script_enabled=False, viewport=SCREEN)
    page.goto(page_file.as_uri())
    require_like(page.screenshot(), "first_screen")
    page.emulate_media(media="print")
    require_like(page.screenshot(), "first_print")
    assert page.locator("#distillation details table").is_visible(), "numbers behind a triangle are printed too"
    assert not page.locator("nav").is_visible()
    page.close()
