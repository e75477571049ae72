"""Commands that exchange data with other programs: import, export."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from foundational.cli.options import Force, Json, Root, Where
from foundational.cli.output import emit
from foundational.cli.progress import progress_on_stderr
from foundational.errors import InputError

if TYPE_CHECKING:
    from foundational.interchange.importing import Imported
    from foundational.interchange.writing.report import ExportReport


@dataclass(frozen=True)
class Labels:
    """Which values of a file are labels, and in which units."""

    energy_key: Annotated[str | None, typer.Option("--energy-key", help="Key of the energy; default: by name.")] = None
    forces_key: Annotated[str | None, typer.Option("--forces-key", help="Key of the forces.")] = None
    stress_key: Annotated[str | None, typer.Option("--stress-key", help="Key of the stress.")] = None
    virial_key: Annotated[
        str | None, typer.Option("--virial-key", help="Key of the virial −σV, in the unit of the energy.")
    ] = None
    energy_unit: Annotated[
        str | None,
        typer.Option("--energy-unit", help="eV, meV, Hartree, Ry, kcal/mol or kJ/mol; with Å also of forces."),
    ] = None
    forces_unit: Annotated[
        str | None, typer.Option("--forces-unit", help="Such as Hartree/Bohr; default: unit of the energy and Å.")
    ] = None
    stress_unit: Annotated[
        str | None, typer.Option("--stress-unit", help="eV/A3, GPa, kbar, bar, Hartree/Bohr3 or Ry/Bohr3.")
    ] = None
    stress_sign: Annotated[
        str | None, typer.Option("--stress-sign", help="What is positive: tension, or compression as VASP prints it.")
    ] = None
    stress_order: Annotated[
        str | None,
        typer.Option(
            "--stress-order", help="Of six numbers: ase, vasp, or names such as xx,yy,zz,yz,xz,xy; of nine: nine names."
        ),
    ] = None
    nan: Annotated[
        str | None, typer.Option("--nan", help="NaN in a label: refuse the frame (default), or unknown.")
    ] = None

    def stated(self) -> dict[str, str]:
        """What was said."""
        return {name: value for name, value in vars(self).items() if value is not None}


@dataclass(frozen=True)
class Method:
    """The method of the labels, as far as it is known."""

    code: Annotated[str | None, typer.Option("--code", help="Program that computed the labels, such as VASP.")] = None
    code_version: Annotated[str | None, typer.Option("--code-version", help="Its version.")] = None
    functional: Annotated[str | None, typer.Option("--functional", help="Such as PBE.")] = None
    pseudopotentials: Annotated[
        str | None, typer.Option("--pseudopotentials", help="Their names, separated by commas.")
    ] = None
    cutoff: Annotated[float | None, typer.Option("--cutoff", help="Cutoff of plane waves, eV.")] = None
    k_points: Annotated[str | None, typer.Option("--k-points", help="Such as 3x3x3 or a spacing.")] = None
    spin: Annotated[str | None, typer.Option("--spin", help="Such as none or collinear.")] = None
    energy_kind: Annotated[str | None, typer.Option("--energy-kind", help="free_energy, extrapolated or energy.")] = (
        None
    )

    def stated(self) -> dict[str, Any]:
        """What was said, by the fields of the record of a method."""
        names = self.pseudopotentials
        return {
            "code": self.code,
            "version": self.code_version,
            "functional": self.functional,
            "pseudopotentials": None if names is None else [name.strip() for name in names.split(",")],
            "cutoff_eV": self.cutoff,
            "k_points": self.k_points,
            "spin": self.spin,
            "energy_kind": self.energy_kind,
        }


@dataclass(frozen=True)
class Reading:
    """How files are read."""

    format: Annotated[str | None, typer.Option("--format", help="Format; default: by name and content.")] = None
    species: Annotated[
        list[str] | None, typer.Option("--species", help="Element of a name in the file, such as C=Ni (repeatable).")
    ] = None
    on_bad: Annotated[
        str, typer.Option("--on-bad", help="Frames that cannot be taken: refuse, or skip them and count.")
    ] = "refuse"

    def elements(self) -> dict[str, str]:
        """Elements by the names in the file."""
        pairs = {}
        for text in self.species or []:
            name, equals, element = text.partition("=")
            if not name or not equals or not element:
                raise InputError(f"--species: expected NAME=ELEMENT, such as C=Ni, got {text!r}")
            pairs[name] = element
        return pairs


def import_(
    sources: Annotated[list[Path], typer.Argument(metavar="SOURCES", help="Files or folders of configurations.")],
    name: Annotated[str, typer.Option("--name", help="Name of the new dataset, local/<name>.")],
    *,
    reading: Reading,
    labels: Labels,
    method: Method,
    force: Force = False,
    as_json: Json = False,
    root: Root = None,
) -> None:
    """Import files of other programs as a dataset.

    Several files become one set. It says what it took from where, in which units, and what it excluded.
    """
    from foundational.interchange.importing import choice_of
    from foundational.project import find_root
    from foundational.stages.importing.command import import_dataset

    choice = choice_of(labels.stated(), reading.format, reading.elements(), reading.on_bad, method.stated())
    with progress_on_stderr(f"importing {name}") as progress:
        record, imported = import_dataset(find_root(root), sources, name, choice, force=force, progress=progress)
    document = {
        "name": record.output.name,
        "fingerprint": record.output.fingerprint,
        "files": [file.model_dump(mode="json") for file in imported.files],
        "volume_per_atom": imported.dataset.attrs.get("volume_per_atom"),
        "methods": imported.dataset.attrs.get("methods", []),
        **imported.report.model_dump(mode="json"),
    }
    emit(document, as_json, lambda: _lines(name, imported))


def _lines(name: str, imported: "Imported") -> Iterator[str]:
    report = imported.report
    rows = [("file", "", "format", "configurations")]
    rows += [(file.file, "", file.format, f"{file.configurations:,}") for file in imported.files]
    yield from _aligned(rows)
    rows = [("taken as", "from", "unit in the file", "configurations")]
    rows += [(label.label, label.key, label.unit, f"{label.configurations:,}") for label in report.labels]
    rows += [(f"no {label}", "", "", f"{count:,}") for label, count in report.without.items()]
    rows += [("kept as it is", field, unit, f"{report.configurations:,}") for field, unit in report.fields.items()]
    if report.n_skipped:
        rows.append(("excluded", "", "", f"{report.n_skipped:,}"))
    yield from _aligned(rows)
    for sentence in report.skipped:
        yield f"excluded: {sentence}"
    for remark, count in report.remarks.items():
        yield f"note: {remark} ({count:,} configurations)"
    isolated = f", {report.isolated_atoms:,} of them isolated atoms" if report.isolated_atoms else ""
    volume = imported.dataset.attrs.get("volume_per_atom")
    size = "" if volume is None else f", {volume:.4g} Å³ per atom"
    yield (
        f"datasets/{name}: {report.configurations:,} configurations{isolated}, {report.atoms:,} atoms of "
        f"{', '.join(report.elements)}{size}"
    )


def _aligned(rows: list[tuple[str, str, str, str]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        yield "  ".join([*(row[i].ljust(widths[i]) for i in range(3)), row[3].rjust(widths[3])]).rstrip()


@dataclass(frozen=True)
class Written:
    """What of a dataset is written, and how."""

    labels: Annotated[
        str | None, typer.Option("--labels", help="Labels to write: some of energy,forces,stress; default: all.")
    ] = None
    heads: Annotated[bool, typer.Option("--heads", help="One head for each method of the labels (mace).")] = False
    force: Annotated[bool, typer.Option("--force", help="Replace an export that exists.")] = False


def export(
    name: Annotated[str, typer.Argument(help="Dataset, such as ni, ni@1.0.0 or local/nb, or a file.")],
    trainer: Annotated[str, typer.Option("--for", help="Trainer, such as mace; docs/export.md lists all.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder to write.")],
    *,
    chosen: Written,
    where: Where = None,
    as_json: Json = False,
    root: Root = None,
) -> None:
    """Write a dataset for a trainer, and prove it.

    Each file is read again by the rule of that trainer, and compared with the dataset. The folder also holds the proof,
    a README with units and signs, and the start of a configuration.
    """
    from foundational.interchange.writing.exporting import ExportOptions
    from foundational.stages.export.command import export as library

    options = ExportOptions(replace=chosen.force, heads=chosen.heads)
    if chosen.labels is not None:
        options = replace(options, labels=tuple(label.strip() for label in chosen.labels.split(",")))
    with progress_on_stderr(f"exporting {name}") as progress:
        report = library(name, trainer, output, root, options=options, where=where, progress=progress)
    emit(report, as_json, lambda: _exported(report))


def _exported(report: "ExportReport") -> Iterator[str]:
    rows = [("part", "file", "", "configurations")]
    rows += [(part, path, "", f"{report.configurations[part]:,}") for part, path in report.files.items()]
    yield from _aligned(rows)
    for reason, count in report.excluded.items():
        yield f"excluded: {count:,} × {reason}"
    for remark in report.remarks:
        yield f"note: {remark}"
    for element, atom in report.isolated_atoms.items():
        yield f"isolated {element}: {atom.energy_eV:.6g} eV, from the {atom.source}"
    if report.missing_isolated_atoms:
        yield f"isolated {', '.join(report.missing_isolated_atoms)}: energy not known"
    labels = ", ".join(f"{name} of {count:,}" for name, count in report.labels.items())
    yield (
        f"{report.folder}: {sum(report.configurations.values()):,} configurations for {report.trainer}; {labels} read "
        f"again by its rule and equal (proof.json)"
    )
