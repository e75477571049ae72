"""The table of docs/validation.md: properties by the networks of a validation beside the reference method.

foundational validate ni --write    # the same for al and nb
python benchmarks/properties.py ni al nb
"""

import sys

from foundational.evaluation.materials.report import MaterialsReport
from foundational.project import find_root
from foundational.workspace.validations import read_validation

MARK = "<!-- properties -->"


def rows(name: str, report: MaterialsReport) -> list[str]:
    """Lines of a Markdown table, and the environments below it."""
    lines = []
    for number in report.numbers:
        if number.verdict == "not applicable":
            lines.append(f"| `{name}` | {number.kind} | | | | | | not applicable: {number.message} |")
            continue
        values = [f"{value:.4g}" for value in (number.reference, number.allowed) if value is not None]
        errors = number.errors
        mean = f"{sum(errors) / len(errors):+.3g}" if errors else "–"
        worst = f"{max(map(abs, errors)):.3g}" if errors else "–"
        spread = "–" if number.spread is None else f"{number.spread:.2g}"
        unit = f" {number.unit}" if number.unit else ""
        limit = values[1] if len(values) > 1 else "–"
        title = f"{number.kind} {number.name}{unit}"
        lines.append(f"| `{name}` | {title} | {values[0]} | {mean} | {worst} | {spread} | {limit} | {number.verdict} |")
    return lines


def _materials(name: str) -> MaterialsReport | None:
    report = read_validation(find_root(None), name)
    return None if report is None else report.materials


def main() -> None:
    """Write the table between the marks of docs/validation.md."""
    root = find_root(None)
    reports = {name: materials for name in sys.argv[1:] if (materials := _materials(name)) is not None}
    head = "| set | property | reference | mean error | largest | spread | limit | verdict |\n" + "|---" * 8 + "|"
    table = "\n".join([head, *(line for name, report in reports.items() for line in rows(name, report))])
    found = [
        f"- `{name}`, {kind}: {', '.join(environments)}"
        for name, report in reports.items()
        for kind, environments in {n.kind: n.environments for n in report.failed if n.environments}.items()
    ]
    page = root / "docs" / "validation.md"
    before, _, rest = page.read_text(encoding="utf-8").partition(MARK)
    after = rest.partition(MARK)[2]
    note = "Environments that are farthest from the training data, with √q (about 1 in these data):"
    page.write_text(f"{before}{MARK}\n{table}\n\n{note}\n\n" + "\n".join(found) + f"\n{MARK}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
