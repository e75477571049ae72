"""The page beside exported data: what it is, units, signs and orders, what is missing, and what to cite."""

from collections.abc import Iterator
from typing import Final

from foundational.interchange.writing.report import ExportReport, Origin
from foundational.interchange.writing.targets import Target

#: How a trainer that is configured by code opens the files.
_SNIPPETS: Final = {
    "ase": 'import ase.io\n\nframes = ase.io.read("{train}", ":")\nframes[0].get_potential_energy()',
    "torchani": 'from torchani.datasets import ANIDataset\n\nconformers = ANIDataset("{train}")',
    "chgnet": (
        "import json\n\nfrom chgnet.data.dataset import StructureData\nfrom pymatgen.core import Structure\n\n"
        'data = json.load(open("{train}"))\n'
        'structures = [Structure.from_dict(one) for one in data["structure"]]\n'
        'dataset = StructureData(structures, data["energy_per_atom"], data["force"], data.get("stress"))'
    ),
    "parquet": 'import pyarrow.parquet as pq\n\ntable = pq.read_table("{train}")',
}
_NAMES: Final = ("energy", "forces", "stress")


def readme(report: ExportReport, origin: Origin, target: Target, stubs: tuple[str, ...]) -> str:
    """The page as Markdown."""
    sections = (
        _files(report),
        _labels(report, target),
        _isolated(report),
        _proof(report, target),
        _use(report, stubs),
        _rights(origin),
    )
    return "\n\n".join("\n".join(section) for section in sections) + "\n"


def _files(report: ExportReport) -> Iterator[str]:
    label = report.name if report.version is None else f"{report.name}@{report.version}"
    yield f"# {label} for {report.trainer}"
    yield ""
    yield f"Written by `foundational export {label} --for {report.target}`. Fingerprint of the dataset:"
    yield f"`{report.fingerprint}`."
    yield ""
    yield "| part | file | configurations |"
    yield "|---|---|---|"
    for part, path in report.files.items():
        yield f"| {part} | `{path}` | {report.configurations[part]:,} |"
    yield ""
    yield f"{report.atoms:,} atoms of {', '.join(report.elements)}. Line *n* of `<part>.ids.txt` is the id of"
    yield "configuration *n* of that part. `provenance.json` says how the dataset was made."


def _labels(report: ExportReport, target: Target) -> Iterator[str]:
    yield "## Labels"
    yield ""
    yield "| label | known in | unit, sign and order in these files |"
    yield "|---|---|---|"
    for name, unit in zip(_NAMES, target.units, strict=True):
        yield f"| {name} | {report.labels.get(name, 0):,} | {unit} |"
    yield ""
    yield f"Lengths are in Å. Of a label that is not known: {target.unknown}. Unknown is never zero."
    if report.excluded:
        yield ""
        yield "Not written:"
        yield ""
        yield from (f"- {count:,} × {reason}" for reason, count in report.excluded.items())
    if report.remarks:
        yield ""
        yield from (f"- {remark[0].upper()}{remark[1:]}." for remark in report.remarks)


def _isolated(report: ExportReport) -> Iterator[str]:
    yield "## Isolated atoms"
    yield ""
    for element, atom in report.isolated_atoms.items():
        where = "a configuration of the dataset" if atom.source == "configuration" else "the record of the labeller"
        yield f"- {element}: {atom.energy_eV!r} eV, from {where}"
    if report.missing_isolated_atoms:
        yield f"- {', '.join(report.missing_isolated_atoms)}: not known"


def _proof(report: ExportReport, target: Target) -> Iterator[str]:
    yield "## Proof"
    yield ""
    yield "After writing, each file was read by this rule, and every number compared with the dataset (`proof.json`):"
    yield ""
    yield f"> {target.rule}"
    yield ""
    yield f"Energies, forces and stresses are equal to {report.proof.tolerance:g}, relative. A compressed and a sheared"
    yield "crystal passed the same way; they fix sign and order of the stress."


def _use(report: ExportReport, stubs: tuple[str, ...]) -> Iterator[str]:
    yield "## Use"
    yield ""
    if stubs:
        names = ", ".join(f"`{name}`" for name in stubs)
        yield f"{names}: a start. Paths, keys and energies are filled in; set the rest."
    elif report.target in _SNIPPETS:
        yield "```python"
        yield _SNIPPETS[report.target].replace("{train}", next(iter(report.files.values())))
        yield "```"


def _rights(origin: Origin) -> Iterator[str]:
    yield "## Licence and citation"
    yield ""
    yield f"Licence: {origin.licence or 'not stated'}."
    if origin.citation:
        yield ""
        yield origin.citation.rstrip()
