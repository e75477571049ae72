"""The card of a change counts each configuration once, and its page is drawn from its record."""

from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from foundational.card.comparison.build import _paired, _spread, build_change
from foundational.card.comparison.page import draw_change
from foundational.card.comparison.record import STATES, ChangeRecord
from foundational.card.writing import write_change
from foundational.data.batches import take
from foundational.data.store import open_store
from foundational.evaluation.materials.report import MaterialsReport, PropertyReport
from foundational.evaluation.physics_change import PhysicsChange, physics_change
from foundational.release.comparison.difference import ComparedDataset, difference
from tests.validation_reports import report


@pytest.fixture(scope="module")
def pool(tiny_project: Path) -> xr.Dataset:
    return open_store(tiny_project / "datasets" / "pools" / "ni-momt-32" / "data.zarr").load()


def changed(a: xr.Dataset, b: xr.Dataset, physics: PhysicsChange | None = None, name: str = "b") -> ChangeRecord:
    old, new = ComparedDataset("a", a), ComparedDataset(name, b)
    return build_change(old, new, difference(old, new), physics)


@pytest.fixture(scope="module")
def change(pool: xr.Dataset) -> ChangeRecord:
    """Ten configurations removed, twenty added, one relabelled."""
    new = take(pool, np.arange(10, 120)).copy(deep=True)
    new["energy"][5] += 1.0
    return changed(take(pool, np.arange(100)).load(), new, physics())


def physics() -> PhysicsChange:
    """BCC was right, and is wrong by 80 meV/atom after."""
    before = report(energies={"fcc": -4.0, "bcc": -4.001})
    after = report(energies={"fcc": -4.0, "bcc": -3.92}, passed=False, message="0 of 2 networks")
    return physics_change("a", "b", before, after)


def test_each_configuration_is_in_one_state(change: ChangeRecord) -> None:
    counts = {part.name: part.configurations for part in change.states}
    assert counts == {"equal": 89, "relabelled": 1, "moved": 0, "added": 20, "removed": 10}
    codes = change.map.columns["state"].codes
    assert codes is not None
    assert {STATES[code]: codes.count(code) for code in set(codes)} == {k: v for k, v in counts.items() if v}
    assert len(set(change.map.ids)) == change.map.total == 120


def test_histograms_lie_in_the_same_bins(change: ChangeRecord) -> None:
    assert change.histograms
    for one in change.histograms:
        assert (sum(one.a), sum(one.b)) == (100, 110)
        assert len(one.edges) == len(one.a) + 1 == len(one.b) + 1


def test_groups_are_counted_before_and_after(change: ChangeRecord, pool: xr.Dataset) -> None:
    states = xr.Dataset.assign(pool, order_parameter=("configuration", np.where(np.arange(120) < 60, 0.9, 0.1)))
    for variable in ("order_parameter",):
        states[variable].attrs = {"units": "1"}
    found = changed(take(states, np.arange(100)).load(), take(states, np.arange(10, 120)).load())
    assert found.groups_title == "phase"
    rows = {group.name: (group.before, group.after, group.added, group.removed) for group in found.groups}
    assert rows == {"crystal": (60, 50, 0, 10), "liquid or other crystal": (40, 60, 20, 0)}


def test_a_crystal_that_got_worse_is_named(change: ChangeRecord) -> None:
    assert change.physics is not None
    assert {c.name: c.direction for c in change.physics.crystals} == {
        "energy of FCC": "within the spread",
        "energy of BCC": "worse",
    }
    page = draw_change(change)
    assert "energy of BCC: 1 meV/atom → 80 meV/atom, worse" in page
    assert "energy of BCC: 1 meV/atom → 80 meV/atom, worse" in list(physics().lines())[2]
    assert any("rank: passed → failed" in line for line in physics().lines())


def test_a_crystal_without_a_minimum_is_worse_than_any(change: ChangeRecord) -> None:
    found = physics_change("a", "b", report(energies={"bcc": -4.1}), report(energies={"bcc": None}))
    assert [(c.after, c.direction) for c in found.crystals] == [(None, "worse")]


def test_the_page_is_drawn_from_its_record_and_fetches_nothing(pool: xr.Dataset, tmp_path: Path) -> None:
    forged = "<script src=https://example.org/x.js></script>"
    record = changed(take(pool, np.arange(8)).load(), take(pool, np.arange(4, 12)).load(), name=forged)
    page, path = write_change(record, tmp_path / "change.html")
    stored = ChangeRecord.model_validate_json(path.read_text())
    assert draw_change(stored) == page.read_text()
    tags: list[tuple[str, list[str]]] = []

    class Tags(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            tags.append((tag, [name for name, _ in attrs]))

    Tags().feed(page.read_text())
    assert [tag for tag, _ in tags].count("script") == 1
    assert not any("src" in names for _, names in tags)


def test_the_same_set_twice_differs_in_nothing(pool: xr.Dataset) -> None:
    record = changed(pool, pool)
    assert {part.name for part in record.states if part.configurations} == {"equal"}
    assert "Nothing differs." in draw_change(record)


def test_sets_without_labels_have_no_map_and_say_so(pool: xr.Dataset) -> None:
    bare = pool.drop_vars([name for name in ("energy", "forces", "stress", "atomic_energies") if name in pool])
    record = changed(take(bare, np.arange(9)).load(), take(bare, np.arange(3, 12)).load())
    page = draw_change(record)
    assert "6 equal, 3 added, 3 removed. 12 of 12 configurations of both are shown." in page
    assert "against" not in page
    molecules = record.model_copy(update={"histograms": ()})
    assert "No quantity is known in both." in draw_change(molecules)


def test_groups_of_one_side_alone_are_counted_there(pool: xr.Dataset) -> None:
    states = pool.assign(order_parameter=("configuration", np.where(np.arange(120) < 60, 0.9, 0.1), {"units": "1"}))
    found = changed(take(states, np.arange(100)).load(), take(pool, np.arange(10, 120)).load())
    rows = {group.name: (group.before, group.after, group.added, group.removed) for group in found.groups}
    assert rows == {"crystal": (60, 0, 0, 10), "liquid or other crystal": (40, 0, 0, 0)}


def test_a_number_that_differs_in_few_configurations_is_seen() -> None:
    many, few = np.ones(5000), np.array([1.0, 2.0])
    paired = _paired("energy", "eV", many, few)
    assert paired is not None
    assert (sum(paired.a), sum(paired.b), paired.b[-1]) == (5000, 2, 1)
    assert _paired("energy", "eV", many, many) is None
    assert (_spread(10, 0).size, _spread(10, 3).tolist()) == (0, [0, 4, 9])


def test_properties_and_another_holdout_are_part_of_a_change(change: ChangeRecord) -> None:
    number = PropertyReport(
        kind="vacancy", name="energy", unit="eV", reference=1.5, networks=(1.5,), allowed=0.1, verdict="passed",
        message="m",
    )  # fmt: skip
    other = number.model_copy(update={"verdict": "failed", "message": "error 0.3 eV"})
    before, after = (
        report().model_copy(update={"holdout": name, "mae_meV_per_atom": error, "materials": materials})
        for name, error, materials in (
            ("a-holdout", None, MaterialsReport(numbers=(number,))),
            ("b-holdout", 1.0, MaterialsReport(numbers=(other, number.model_copy(update={"name": "relaxed"})))),
        )
    )
    found = physics_change("a", "b", before, after)
    assert [(p.name, p.before, p.after) for p in found.properties] == [
        ("vacancy energy", "passed", "failed"),
        ("vacancy relaxed", "not applicable", "passed"),
    ]
    assert found.crystals == ()
    lines = list(found.lines())
    assert "       vacancy energy: passed → failed; error 0.3 eV" in lines
    assert lines[-1].startswith("note: errors are those of different configurations")
    page = draw_change(change.model_copy(update={"physics": found, "fingerprints": ("0" * 64, None)}))
    assert "Fingerprint of a" in page
    assert "Fingerprint of b" not in page
    assert "errors are those of different configurations" in page
