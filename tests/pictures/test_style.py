"""Pictures of commands: one style, panel letters, the same bytes each time, whatever is known of a report."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from foundational.card.comparison.build import build_change
from foundational.data.batches import take, to_configurations
from foundational.data.configurations import Configurations, Labels
from foundational.data.store import open_store
from foundational.errors import InputError
from foundational.evaluation.errors import evaluate
from foundational.evaluation.validation_report import ValidationReport
from foundational.pictures.audit import draw_audit
from foundational.pictures.change import draw_change
from foundational.pictures.errors import Seen, draw_errors
from foundational.pictures.style import COLOURS, require_format
from foundational.pictures.survey import draw_metal, draw_pair, draw_pool_test
from foundational.pictures.validation import draw_validation
from foundational.release.comparison.difference import ComparedDataset, difference
from foundational.stages.pairs.stage import PairReport
from foundational.stages.survey.pool_test import PoolTestReport
from foundational.stages.survey.stage import MetalReport
from tests.validation_reports import report

ROOT = Path(__file__).resolve().parents[2]


def stored(name: str) -> str:
    return (ROOT / "metrics" / name).read_text(encoding="utf-8")


def texts(path: Path) -> list[str]:
    """The words of a picture, in the order in which they are drawn."""
    drawn = ElementTree.fromstring(path.read_text(encoding="utf-8"))
    return ["".join(text.itertext()) for text in drawn.iter("{http://www.w3.org/2000/svg}text")]


class Shifted:
    """A model whose energies are 10 meV too high."""

    def label(self, batch: Configurations) -> Labels:
        assert batch.labels is not None
        return Labels(batch.labels.energy + 0.01, batch.labels.forces, batch.labels.stress)


def model_errors(path: Path, pool: Path) -> None:
    data = take(open_store(pool).load(), np.arange(20))
    seen = Seen()
    draw_errors(seen, evaluate(Shifted(), to_configurations(data), seen=seen), "a model on a pool", path)


def change(path: Path, pool: Path) -> None:
    data = open_store(pool).load()
    old = ComparedDataset("a", take(data, np.arange(30)).load())
    new = ComparedDataset("b", take(data, np.arange(10, 50)).load())
    draw_change(build_change(old, new, difference(old, new), None), path)


def audit(path: Path, pool: Path) -> None:
    part = {"from": -4.0, "to": -3.9, "frames": 5, "mae_meV": 0.5, "max_meV": 2.0}
    rounds = [{"round": 0, "frames": 20, "median_meV": None}, {"round": 1, "frames": 13, "median_meV": 5.0}]
    errors = {"mae_meV": 0.5, "by_energy_per_atom": [part, part], "by_order_parameter": None}
    draw_audit({"name": "ni", "pool": "pools/p", "rounds": rounds, "errors": errors}, path)


def validation(path: Path, _: Path) -> None:
    draw_validation(ValidationReport.model_validate_json(stored("validate/ni.json")), path, 20)


def metal(path: Path, _: Path) -> None:
    draw_metal("W", MetalReport.model_validate_json(stored("translate/W.json")), path)


def pool_test(path: Path, _: Path) -> None:
    draw_pool_test(PoolTestReport.model_validate_json(stored("parity/nb.json")), path)


#: Panels, and what draws them.
DRAWN = {
    "validation": (3, validation),
    "metal": (2, metal),
    "pool": (3, pool_test),
    "errors": (3, model_errors),
    "change": (3, change),
    "audit": (2, audit),
}


def without_crystals(path: Path, _: Path) -> None:
    draw_validation(report(), path)


def without_a_minimum(path: Path, _: Path) -> None:
    """One network finds no HCP; the largest error is near the limit, which is then drawn."""
    draw_validation(report(energies={"fcc": -4.0, "bcc": -3.985, "hcp": None}), path, 20)


def without_energies(path: Path, pool: Path) -> None:
    unknown_errors(path, pool, "energy")


def without_forces(path: Path, pool: Path) -> None:
    unknown_errors(path, pool, "forces")


def unknown_errors(path: Path, pool: Path, unknown: str) -> None:
    data = take(open_store(pool).load(), np.arange(5)).load().copy(deep=True)
    data[unknown][:] = np.nan
    seen = Seen()
    draw_errors(seen, evaluate(Shifted(), to_configurations(data), seen=seen), "a model on a pool", path)


def change_of_files(path: Path, pool: Path) -> None:
    """Without energies the map has no second axis: it counts the states instead, and one histogram is left."""
    data = open_store(pool).load().drop_vars(["energy", "forces", "stress", "atomic_energies"], errors="ignore")
    old, new = (ComparedDataset(name, take(data, rows).load()) for name, rows in (("a", range(9)), ("b", range(3, 12))))
    draw_change(build_change(old, new, difference(old, new), None), path)


def audit_without_a_test_set(path: Path, _: Path) -> None:
    rounds = [{"round": 0, "frames": 20, "median_meV": None}]
    draw_audit({"name": "ni", "pool": "pools/p", "rounds": rounds, "errors": None}, path)


def audit_with_order(path: Path, _: Path) -> None:
    part = {"from": -4.0, "to": -3.9, "frames": 5, "mae_meV": 0.5, "max_meV": 2.0}
    errors = {"mae_meV": 0.5, "by_energy_per_atom": [part, part], "by_order_parameter": [part]}
    draw_audit({"name": "ni", "pool": "pools/p", "rounds": [], "errors": errors}, path)


def pair_without_compounds(path: Path, _: Path) -> None:
    reports = sorted((ROOT / "metrics" / "pairs").glob("*.json"))
    one = next(found for path in reports if (found := PairReport.model_validate_json(path.read_text())).alloy)
    assert one.alloy is not None
    draw_pair("a pair", one.alloy.model_copy(update={"compounds": ()}), path)


#: Panels that are left where something is not known, a word that is drawn, and one that is not.
UNKNOWN = {
    "no crystals": (0, without_crystals, "validation passed", "relaxed crystals"),
    "no minimum": (2, without_a_minimum, "passes", "properties"),
    "no energies": (1, without_energies, "meV/Å", "reference energy"),
    "no forces": (2, without_forces, "meV/atom", "force component"),
    "no labels": (2, change_of_files, "configurations", "energy"),
    "no test set": (1, audit_without_a_test_set, "configurations selected", "order parameter"),
    "order parameter": (3, audit_with_order, "order parameter", "median uncertainty"),
    "no compounds": (0, pair_without_compounds, "0 compounds", "formation energy"),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_a_panel_without_numbers_is_absent_and_the_others_keep_their_letters(
    name: str, tiny_project: Path, tmp_path: Path
) -> None:
    panels, draw, shown, absent = UNKNOWN[name]
    draw(tmp_path / "picture.svg", tiny_project / "datasets" / "pools" / "ni-momt-32" / "data.zarr")
    words = texts(tmp_path / "picture.svg")
    assert sorted(word[:3] for word in words if re.match(r"\([a-j]\)", word)) == [f"({c})" for c in "abcdef"[:panels]]
    assert any(shown in word for word in words), words
    assert not any(absent in word for word in words), words


@pytest.mark.parametrize("name", DRAWN)
def test_every_panel_has_a_letter_and_text_stays_text(name: str, tiny_project: Path, tmp_path: Path) -> None:
    panels, draw = DRAWN[name]
    pool = tiny_project / "datasets" / "pools" / "ni-momt-32" / "data.zarr"
    draw(tmp_path / "picture.svg", pool)
    drawn = (tmp_path / "picture.svg").read_text(encoding="utf-8")
    words = texts(tmp_path / "picture.svg")
    letters = [word[:3] for word in words if re.match(r"\([a-j]\)", word)]
    assert sorted(letters) == [f"({letter})" for letter in "abcdef"[:panels]]
    assert set(re.findall(r"(?:fill|stroke): (#[0-9a-f]{6})", drawn)) & {colour.lower() for colour in COLOURS}
    assert "tab:" not in drawn
    assert not re.search(r"\bnan\b", drawn)


def test_the_same_numbers_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.svg", "b.svg"):
        DRAWN["metal"][1](tmp_path / name, tmp_path)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_a_pair_is_drawn_with_what_networks_do_not_hold(tmp_path: Path) -> None:
    reports = sorted((ROOT / "metrics" / "pairs").glob("*.json"))
    report = next(found for path in reports if (found := PairReport.model_validate(json.loads(path.read_text()))).alloy)
    assert report.alloy is not None
    draw_pair("a pair", report.alloy, tmp_path / "pair.png")
    assert (tmp_path / "pair.png").read_bytes()[:4] == b"\x89PNG"


def test_a_file_that_no_picture_can_be_is_refused_before_any_work() -> None:
    with pytest.raises(InputError, match=r"expected a file that ends in \.svg, \.png, \.pdf; got 'p\.docx'"):
        require_format(Path("p.docx"))
