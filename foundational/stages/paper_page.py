"""docs/paper.md: the numbers between its markers are written from metrics/paper, so that the page cannot drift."""

import json
import re
from pathlib import Path
from typing import Any

from foundational.data.atomic import write_whole
from foundational.errors import InputError, NotFoundError
from foundational.specs.params import read_params
from foundational.stages.paper_figures import draw
from foundational.stages.paper_tables import (
    budgets_table,
    crystals_table,
    distilled_table,
    methods_table,
    properties_table,
    self_energies_table,
    sets_table,
)

PAGE = Path("docs/paper.md")
FIGURES = Path("docs/figures")
METRICS = Path("metrics/paper")


def write_page(root: Path) -> list[Path]:
    """Draw the figures and write the tables into the page; returns what was written."""
    methods, recipe, _ = read_numbers(root)
    settings = read_params(root / "params.yaml")
    pool = settings.distill[settings.paper.settings].pool
    short = {name: method for name, method in methods.items() if not method["full_training"]}
    drawn = draw(root / FIGURES, short, recipe, pool)
    text = filled_page(root)
    write_whole(root / PAGE, [text.encode()])
    return [*drawn, root / PAGE]


def filled_page(root: Path) -> str:
    """The page with its tables as the numbers have them now.

    Raises
    ------
    InputError
        where the page has a marker without a table, or a table has no marker.
    """
    page = (root / PAGE).read_text(encoding="utf-8")
    tables = page_tables(*read_numbers(root))
    marked = re.findall(r"<!-- begin (\S+) -->", page)
    if sorted(marked) != sorted(tables):
        raise InputError(f"{PAGE}: expected the markers {sorted(tables)}, got {sorted(marked)}")
    for name, text in tables.items():
        begin, end = f"<!-- begin {name} -->\n", f"<!-- end {name} -->"
        before, _, rest = page.partition(begin)
        page = before + begin + text + "\n" + end + rest.partition(end)[2]
    return page


def page_tables(
    methods: dict[str, dict[str, Any]], recipe: dict[str, Any], published: dict[str, Any]
) -> dict[str, str]:
    """Every table of the page, by the name of its marker."""
    short = {name: method for name, method in methods.items() if not method["full_training"]}
    rows = [row for method in short.values() for row in method["rows"]]
    budgets = sorted({row["budget"] for row in rows})
    with_properties = sorted({row["budget"] for row in rows if "c11_GPa" in row})
    return {
        **{f"methods-{b}": methods_table(short, b) for b in budgets},
        **{f"properties-{b}": properties_table(short, b) for b in with_properties},
        **{name: budgets_table(method) for name, method in methods.items() if method["full_training"]},
        "sets-recipe": sets_table(recipe),
        "sets-published": sets_table(published),
        "crystals-recipe": crystals_table(recipe),
        "crystals-published": crystals_table(published),
        "self-energies": self_energies_table(recipe, published),
        "distilled": distilled_table(recipe, published),
    }


def read_numbers(root: Path) -> tuple[dict[str, dict[str, Any]], dict[str, Any], dict[str, Any]]:
    """The methods by name in the order of params.yaml, and the training sets with either settings.

    Raises
    ------
    NotFoundError
        where a file is missing; the message says what makes it.
    """
    spec = read_params(root / "params.yaml").paper
    methods = {name: _read(root, f"method-{name}", f"paper-method@{name}") for name in spec.methods}
    recipe, published = (_read(root, f"sets-{name}", f"paper-sets@{name}") for name in ("recipe", "published"))
    return methods, recipe, published


def _read(root: Path, name: str, stage: str) -> dict[str, Any]:
    path = root / METRICS / f"{name}.json"
    if not path.exists():
        raise NotFoundError(f"{path}: no such file; make it with: dvc repro {stage}")
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content
