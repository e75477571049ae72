"""docs/paper.md: the numbers between its markers are written from metrics/paper, so that the page cannot drift."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foundational.data.atomic_write import write_whole
from foundational.errors import NotFoundError
from foundational.reports.markdown import filled
from foundational.reports.paper_figures import draw
from foundational.reports.paper_tables import (
    budgets_table,
    crystals_table,
    distilled_table,
    methods_table,
    properties_table,
    self_energies_table,
    sets_table,
)
from foundational.specs.paper import PaperSpec
from foundational.specs.params import read_params
from foundational.specs.parsing import parse_json

#: Settings with which the comparison is made.
COMPARED = ("recipe", "published")
PAGE = Path("docs/paper.md")
FIGURES = Path("docs/figures")
METRICS = Path("metrics/paper")


def write_page(root: Path) -> list[Path]:
    """Draw the figures and write the tables into the page; returns what was written."""
    numbers = read_numbers(root)
    settings = read_params(root / "params.yaml")
    pool = settings.distill[settings.comparison.settings].pool
    drawn = draw(root / FIGURES, _short(numbers.methods), numbers.sets.get("recipe"), pool)
    text = filled_page(root)
    write_whole(root / PAGE, [text.encode()])
    return [*drawn, root / PAGE]


@dataclass(frozen=True)
class Numbers:
    """What of metrics/paper is there."""

    methods: dict[str, dict[str, Any]]
    """By name, in the order of params.yaml."""
    sets: dict[str, dict[str, Any]]
    """By settings."""
    missing: tuple[str, ...]
    """Stages whose numbers are not there."""


def filled_page(root: Path) -> str:
    """The page with the tables of the present numbers; where some are missing it says what computes them.

    Raises
    ------
    NotFoundError
        where there is no page.
    InputError
        where the page has a marker without a table, or a table has no marker.
    """
    if not (root / PAGE).is_file():
        raise NotFoundError(f"no page {PAGE}, into which the tables go")
    page = (root / PAGE).read_text(encoding="utf-8")
    tables = page_tables(read_params(root / "params.yaml").comparison, read_numbers(root))
    return filled(page, tables, str(PAGE))


def page_tables(spec: PaperSpec, numbers: Numbers) -> dict[str, str]:
    """Every table of the page, by the name of its marker."""
    short, sets = _short(numbers.methods), numbers.sets
    brief = [method for method in spec.methods.values() if not method.full_training]
    budgets = sorted({b for method in brief for b in method.budgets})
    tables = {f"methods-{b}": methods_table(short, b) for b in budgets}
    tables |= {f"properties-{b}": properties_table(short, b) for b in spec.properties if b in budgets}
    for name, method in spec.methods.items():
        if method.full_training:
            found = numbers.methods.get(name)
            tables[name] = _absent(f"paper-method@{name}") if found is None else budgets_table(found)
    for settings in COMPARED:
        found = sets.get(settings)
        tables[f"sets-{settings}"] = _absent(f"paper-sets@{settings}") if found is None else sets_table(found)
        tables[f"crystals-{settings}"] = _absent(f"paper-sets@{settings}") if found is None else crystals_table(found)
    tables["self-energies"] = self_energies_table(sets)
    tables["distilled"] = distilled_table(sets)
    tables["missing"] = "\n".join(f"* {_absent(stage)}" for stage in numbers.missing) or "Every number is there."
    return tables


def read_numbers(root: Path) -> Numbers:
    """The numbers that are there."""
    spec = read_params(root / "params.yaml").comparison
    files = {("method", name): f"paper-method@{name}" for name in spec.methods}
    files |= {("sets", name): f"paper-sets@{name}" for name in COMPARED}
    found: dict[str, dict[str, dict[str, Any]]] = {"method": {}, "sets": {}}
    missing = []
    for (kind, name), stage in files.items():
        path = root / METRICS / f"{kind}-{name}.json"
        if path.exists():
            found[kind][name] = parse_json(path.read_bytes(), str(path))
        else:
            missing.append(stage)
    return Numbers(found["method"], found["sets"], tuple(missing))


def _short(methods: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {name: method for name, method in methods.items() if not method["full_training"]}


def _absent(stage: str) -> str:
    return f"Not computed yet; `dvc repro {stage}` does."
