"""The table of docs/validation.md: properties by the networks of trained models beside the reference method.

foundational train ni -o ni.safetensors --short-range none    # the same for al and nb
python benchmarks/properties.py ni=ni.safetensors al=al.safetensors nb=nb.safetensors
"""

import sys
from pathlib import Path

from foundational.data.batches import to_configurations
from foundational.data.store import open_store
from foundational.engines.ani.model_file import load_model
from foundational.engines.crystals.references import reference_crystals
from foundational.evaluation.materials.comparison import compare_materials
from foundational.evaluation.materials.report import MaterialsReport
from foundational.evaluation.retraining import training_rows
from foundational.labelling.records import labeller_of
from foundational.project import STORE, find_dataset, find_root
from foundational.provenance.record import read_record
from foundational.specs.params import read_params

MARK = "<!-- properties -->"


def compared(root: Path, name: str, model: Path) -> MaterialsReport:
    """The properties by the networks of ``model``, which was trained on the dataset ``name``."""
    spec = read_params(root / "params.yaml").validate_.materials
    assert spec is not None
    folder = find_dataset(root, name)
    dataset, record = open_store(folder / STORE), read_record(folder)
    reference = reference_crystals(labeller_of(record.labeller, root), record.element)
    trained = to_configurations(dataset).take(training_rows(dataset))
    return compare_materials(load_model(model), reference, spec, trained=trained)


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


def main() -> None:
    """Write the table between the marks of docs/validation.md."""
    root = find_root(None)
    reports = {
        name: compared(root, name, Path(model)) for name, _, model in (word.partition("=") for word in sys.argv[1:])
    }
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
