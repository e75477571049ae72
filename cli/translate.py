"""Commands that label: translate, relabel, augment."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from foundational.cli.options import (
    AlloyTransfer,
    CrystalNames,
    Force,
    Json,
    Labelling,
    Overwrite,
    Root,
    Where,
    crystals_named,
    positive,
)
from foundational.cli.output import emit, say, warn
from foundational.cli.progress import progress_on_stderr
from foundational.elements import symbols_in
from foundational.errors import InputError

if TYPE_CHECKING:
    from foundational.labelling.comparison import LabelComparison
    from foundational.labelling.session import LabellingChoice
    from foundational.provenance.record import ProvenanceRecord


def translate(
    parent: Annotated[str, typer.Argument(help="Dataset to translate.")] = "ni",
    *,
    to: Annotated[str, typer.Option("--to", help="Target element, such as Nb, or several, such as Ni-Al.")],
    name: Annotated[
        str | None, typer.Option("--name", help="Name of the new dataset; default: local/<element>.")
    ] = None,
    potential: Annotated[
        str | None, typer.Option("--potential", help="Potential of the target; default: that of the registry.")
    ] = None,
    labelling: Labelling,
    transfer: AlloyTransfer,
    overwrite: Overwrite,
    root: Root = None,
) -> None:
    """Scale a dataset to another metal, or make an alloy.

    The labels come from a potential with all target elements, or from any labeller.
    """
    from foundational.project import find_root

    if "-" in to:
        common = (name, _choice(labelling, potential))
        _to_alloy(find_root(root), parent, to, common, transfer, overwrite)
        return
    if len(symbols := symbols_in(to)) > 1 and "".join(symbols) == to:
        raise InputError(f"--to: expected several elements joined by hyphens, {'-'.join(symbols)}, got {to}")
    if transfer.stated:
        raise InputError(
            f"{', '.join(transfer.stated)}: expected several target elements, such as --to Ni-Al, got {to}"
        )
    from foundational.stages.augment.command import recipes_spec
    from foundational.stages.translate.command import Transfer as TransferChoice
    from foundational.stages.translate.command import translate_dataset
    from foundational.workspace.parents import Permissions

    project = find_root(root)
    if potential is None and labelling.labeller is None:
        _print_potential_choice(project, to)
    with progress_on_stderr(f"translating {parent} to {to}") as progress:
        record = translate_dataset(
            project,
            parent,
            to,
            name=name,
            transfer=TransferChoice(
                transfer.rule,
                crystals_named(transfer.crystals),
                transfer.refine,
                transfer.refine_from,
                recipes_spec(transfer.recipe or []),
            ),
            labelling=_choice(labelling, potential),
            permissions=Permissions(overwrite.force, overwrite.force_parent),
            progress=progress,
        )
    output, details = record.output, record.details
    say(
        f"datasets/{output.name}: {output.n_configurations:,} configurations of {record.element}, scaled by "
        f"{details['scale']:.4f} ({details['rule']}), labelled by {record.labeller.id}"
        + _transformed(record)
        + (f"; {details['refined']} configurations added from {record.inputs[1].name}" if "refined" in details else "")
        + (f"; added {_counts(details['recipes']['added'])}" if "recipes" in details else "")
    )
    _print_excluded(record)


def _to_alloy(
    root: Path,
    parent: str,
    to: str,
    common: tuple[str | None, "LabellingChoice"],
    transfer: AlloyTransfer,
    overwrite: Overwrite,
) -> None:
    """Decorate a dataset with several elements and print what was made; ``common`` is the name and the labelling."""
    from foundational.stages.decorate.command import AlloyChoice, translate_to_alloy
    from foundational.workspace.parents import Permissions

    if transfer.refine or transfer.refine_from:
        raise InputError("--refine: expected one target element, got several; use --labels and --decorations")
    if transfer.recipe:
        raise InputError("--recipe: expected one target element, got several; use --compounds")
    with progress_on_stderr(f"translating {parent} to {to}") as progress:
        record = translate_to_alloy(
            root,
            parent,
            to,
            name=common[0],
            choice=AlloyChoice(
                rule=transfer.rule,
                compositions=tuple(text for given in transfer.composition or [] for text in given.split(",")),
                decorations=transfer.decorations,
                orders=transfer.weights,
                labels=transfer.labels,
                choice=transfer.select,
                most=transfer.most,
                compounds=transfer.compounds,
                crystals=crystals_named(transfer.crystals),
            ),
            labelling=common[1],
            permissions=Permissions(overwrite.force, overwrite.force_parent),
            progress=progress,
        )
    decorations, output = record.details["decorations"], record.output
    kinds = ", ".join(f"{count} {kind}" for kind, count in decorations.items() if kind != "none")
    say(
        f"datasets/{output.name}: {output.n_configurations:,} configurations of {to}, labelled by "
        f"{record.labeller.id}; {decorations.get('none', 0)} of one element, {kinds}"
    )
    for point in record.details["volume"].get("measured", []):
        say(f"  {point['composition']}: volume {point['excess']:+.1%} of that between the pure elements")
    _print_excluded(record)


def _choice(labelling: Labelling, potential: str | None = None) -> "LabellingChoice":
    from foundational.labelling.session import LabellingChoice

    how = labelling
    return LabellingChoice(how.labeller, potential, how.arguments, how.isolated_energy, how.executor, how.workers)


def _print_potential_choice(root: Path, element: str) -> None:
    """Where the registry has several potentials for an element, say which is used and how to use another."""
    from foundational.specs.potentials import PotentialRegistry

    registry = PotentialRegistry.read(root)
    candidates = [p.id for p in registry.potentials if element in p.elements]
    if len(candidates) > 1 and element in registry.defaults:
        default = registry.defaults[element]
        others = ", ".join(name for name in candidates if name != default)
        warn(f"labelling {element} with {default}; to use another, pass --potential: {others}")


def _transformed(record: "ProvenanceRecord") -> str:
    """How many transformed copies were added, to end a line with."""
    counts = {name: count for name, count in record.details["turned"].items() if count}
    if not counts:
        return ""
    return f"; {sum(counts.values())} transformed copies ({_counts(counts)})"


def _counts(numbers: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in numbers.items())


def _print_excluded(record: "ProvenanceRecord") -> None:
    """How many configurations were excluded, and which file says which and why."""
    excluded = len(record.details["filtered"]) + len(record.details.get("recipes", {}).get("filtered", []))
    if excluded:
        path = f"datasets/{record.output.name}/provenance.json"
        say(f"{excluded} configurations were excluded; ids and reasons: {path}")


@dataclass(frozen=True)
class Relabelling:
    """What is labelled again, and what becomes of the earlier labels."""

    where: Where = None
    crystals: CrystalNames = None
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the earlier labels beside the new ones, as another method.")
    ] = False
    check: Annotated[
        int, typer.Option("--check", min=0, help="Write nothing: label this many configurations again and compare.")
    ] = 0


def relabel(
    dataset: Annotated[str, typer.Argument(help="Dataset whose configurations are labelled, such as ni.")],
    name: Annotated[
        str | None, typer.Option("--name", help="Name of the new dataset, local/<name> or a set of params.yaml.")
    ] = None,
    *,
    labelling: Labelling,
    how: Relabelling,
    overwrite: Overwrite,
    as_json: Json = False,
    root: Root = None,
) -> None:
    """Label a dataset with another method, or recheck it.

    An interrupted run continues where it stopped.
    """
    from foundational.project import find_root

    if how.check:
        if name is not None:
            raise InputError("expected --check or --name, got both")
        _check(find_root(root), dataset, how.check, labelling, as_json)
        return
    from foundational.stages.relabel.command import RelabelChoice, relabel_dataset
    from foundational.workspace.parents import Permissions

    if labelling.labeller is None or name is None:
        raise InputError("expected --labeller and --name, or --check")
    with progress_on_stderr(f"relabelling {dataset}") as progress:
        record = relabel_dataset(
            find_root(root),
            dataset,
            name,
            _choice(labelling),
            chosen=RelabelChoice(how.where, crystals_named(how.crystals) or (), how.keep),
            permissions=Permissions(overwrite.force, overwrite.force_parent),
            progress=progress,
        )
    output = record.output
    document = {
        "name": output.name,
        "configurations": output.n_configurations,
        "labeller": record.labeller.model_dump(mode="json"),
        "filtered": record.details["filtered"],
        "turned": record.details["turned"],
    }
    line = f"datasets/{output.name}: {output.n_configurations:,} configurations, labelled by {record.labeller.id}"
    emit(document, as_json, lambda: [line + _transformed(record)])
    if not as_json:
        _print_excluded(record)


def _check(root: Path, name: str, count: int, labelling: Labelling, as_json: bool) -> None:
    from foundational.stages.relabel.command import check_labels

    found = check_labels(root, name, count, _choice(labelling))
    emit({"ok": found.ok} | found.model_dump(mode="json"), as_json, lambda: _comparison(name, found))
    if not found.ok:
        raise typer.Exit(1)


def _comparison(name: str, found: "LabelComparison") -> Iterator[str]:
    for problem in found.problems:
        yield f"FAIL  {problem}"
    yield (
        f"{name}: {found.configurations} configurations labelled again by {found.labeller}; largest differences "
        f"{found.energy_eV_per_atom * 1e3:.2g} meV/atom, {found.forces_eV_per_A * 1e3:.2g} meV/Å, "
        f"{found.stress_eV_per_A3 * 1e3:.2g} meV/Å³"
    )


def augment(
    name: Annotated[str, typer.Argument(help="Set of params.yaml, or local/<name>.")],
    parent: Annotated[str | None, typer.Option("--from", help="Set to which configurations are added.")] = None,
    recipe: Annotated[
        list[str] | None,
        typer.Option(
            "--recipe",
            help="name=count (repeatable), such as vacancies=40; docs/augmentation.md lists all. "
            "name=count@spacing: by GPAW with symmetric k-points, 1/Å apart; name=count@spacing+0.5: not with Γ.",
        ),
    ] = None,
    shortest: Annotated[
        float | None,
        typer.Option("--shortest", callback=positive, help="Shortest distance of atoms, Å; default 1."),
    ] = None,
    smallest: Annotated[
        bool, typer.Option("--smallest", help="Crystals without defects in cells of 4, 2 and 4 atoms, for DFT.")
    ] = False,
    *,
    labelling: Labelling,
    force: Force = False,
    root: Root = None,
) -> None:
    """Add strained and defective configurations to a dataset.

    Each recipe builds a number of configurations. The method that labelled the dataset labels them.
    """
    from foundational.project import find_root
    from foundational.stages.augment.command import AugmentChoice, augment_dataset, recipes_in

    counts, meshes = recipes_in(recipe or [])
    with progress_on_stderr(f"augmenting {parent or name}") as progress:
        record = augment_dataset(
            find_root(root),
            name,
            AugmentChoice(parent, counts or None, shortest, smallest, meshes or None),
            labelling=_choice(labelling),
            force=force,
            progress=progress,
        )
    added = _counts(record.details["added"])
    say(f"datasets/{record.output.name}: {record.output.n_configurations:,} configurations; added {added}")
    _print_excluded(record)
