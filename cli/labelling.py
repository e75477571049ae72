"""The command relabel, and the options that choose a labeller."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from foundational.cli.progress import progress_on_stderr
from foundational.cli.types import Force, Json, Root, Workers
from foundational.errors import InputError

if TYPE_CHECKING:
    from foundational.provenance.record import ProvenanceRecord
    from foundational.science.crystals import Structure

LabellerName = Annotated[
    str | None,
    typer.Option("--labeller", help="lammps:<potential id>, sevennet, chgnet or ase:<module>:<factory>."),
]
LabellerArgs = Annotated[
    str | None, typer.Option("--labeller-args", help="Keyword arguments of an ASE factory: one JSON object.")
]
LabellerArg = Annotated[
    list[str] | None, typer.Option("--labeller-arg", help="One of them, key=value; may be given more than once.")
]
IsolatedEnergy = Annotated[
    float | None,
    typer.Option("--isolated-energy", help="Energy of an atom alone by an ASE labeller, eV; unknown by default."),
]
CrystalNames = Annotated[
    str | None,
    typer.Option("--crystals", help="Into which crystals are turned besides, such as bcc,hcp; or none."),
]
ExecutorName = Annotated[
    str,
    typer.Option("--executor", help="local, parsl[:<module>:<factory>] or dask[:<address>]; changes no result."),
]
ForceParent = Annotated[bool, typer.Option("--force-parent", help="Use a parent that failed its own validation, too.")]


def register(app: typer.Typer) -> None:
    """Add this module's commands to ``app``."""
    app.command()(relabel)


def labeller_arguments(text: str | None, pairs: list[str] | None) -> dict[str, Any]:
    """Keyword arguments out of ``--labeller-args`` and ``--labeller-arg``; values are JSON, or else plain text."""
    try:
        found = {} if text is None else json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(f"--labeller-args: expected a JSON object, got {text!r} ({error})") from None
    if not isinstance(found, dict):
        raise InputError(f"--labeller-args: expected a JSON object, got {text!r}")
    for pair in pairs or []:
        key, equals, value = pair.partition("=")
        if not equals or not key.isidentifier():
            raise InputError(f"--labeller-arg: expected key=value, got {pair!r}")
        try:
            found[key] = json.loads(value)
        except json.JSONDecodeError:
            found[key] = value
    return found


def crystals_named(text: str | None) -> "list[Structure] | None":
    """Crystals out of ``--crystals``, separated by commas; none of them where it is ``none``."""
    if text is None:
        return None
    from foundational.science.crystals import STRUCTURES

    names = [] if text == "none" else text.split(",")
    found = [s for s in STRUCTURES if s in names]
    if len(found) != len(names):
        raise InputError(f"--crystals: expected some of {', '.join(STRUCTURES)}, each once, or none; got {text!r}")
    return found


def say_choice_of_potential(root: Path, element: str) -> None:
    """Where the registry has several potentials for an element, say which is taken and how to take another."""
    from foundational.specs.potentials import PotentialRegistry

    registry = PotentialRegistry.read(root)
    candidates = [p.id for p in registry.potentials if element in p.elements]
    if len(candidates) > 1 and element in registry.defaults:
        chosen = registry.defaults[element]
        others = ", ".join(name for name in candidates if name != chosen)
        typer.echo(f"labelling {element} with {chosen}; take another with --potential: {others}", err=True)


def said_turned(record: "ProvenanceRecord") -> str:
    """How many configurations were turned into each crystal, to end a line with."""
    return "".join(f"; {count} turned into {name.upper()}" for name, count in record.details["turned"].items())


def say_filtered(record: "ProvenanceRecord") -> None:
    """How many configurations were left out, and where it says which and why."""
    if record.details["filtered"]:
        where = f"datasets/{record.output.name}/provenance.json"
        typer.echo(f"{len(record.details['filtered'])} left out; ids and reasons in {where}")


def relabel(
    dataset: Annotated[str, typer.Argument(help="Dataset whose configurations are labelled, such as ni.")],
    labeller: LabellerName = None,
    labeller_args: LabellerArgs = None,
    labeller_arg: LabellerArg = None,
    isolated_energy: IsolatedEnergy = None,
    name: Annotated[str | None, typer.Option(help="Name of the new dataset, local/<name>.")] = None,
    crystals: CrystalNames = None,
    check: Annotated[
        int, typer.Option("--check", min=0, help="Write nothing: label so many stored configurations again, compare.")
    ] = 0,
    executor: ExecutorName = "local",
    workers: Workers = 2,
    force: Force = False,
    force_parent: ForceParent = False,
    as_json: Json = False,
    root: Root = None,
) -> None:
    """Label the configurations of a dataset with another method, or check stored labels. Goes on after a kill."""
    from foundational.project import find_root

    arguments = labeller_arguments(labeller_args, labeller_arg)
    if check:
        if name is not None:
            raise InputError("expected --check or --name, got both")
        _check(find_root(root), dataset, check, labeller, arguments, as_json)
        return
    from foundational.stages.relabel.command import relabel_dataset

    if labeller is None or name is None:
        raise InputError("expected --labeller and --name, or --check")
    with progress_on_stderr(f"relabelling {dataset}") as progress:
        record = relabel_dataset(
            find_root(root),
            dataset,
            labeller,
            name,
            arguments=arguments,
            isolated_energy=isolated_energy,
            crystals=crystals_named(crystals) or (),
            executor=executor,
            workers=workers,
            force=force,
            force_parent=force_parent,
            progress=progress,
        )
    if as_json:
        shown = {
            "name": record.output.name,
            "configurations": record.output.n_configurations,
            "labeller": record.labeller.model_dump(mode="json"),
            "filtered": record.details["filtered"],
            "turned": record.details["turned"],
        }
        typer.echo(json.dumps(shown, indent=2, ensure_ascii=False))
        return
    made = record.output
    typer.echo(
        f"datasets/{made.name}: {made.n_configurations:,} configurations, labelled by {record.labeller.id}"
        + said_turned(record)
    )
    say_filtered(record)


def _check(root: Path, name: str, count: int, labeller: str | None, arguments: dict[str, Any], as_json: bool) -> None:
    from foundational.stages.relabel.command import check_labels

    found = check_labels(root, name, count, labeller_name=labeller, arguments=arguments)
    if as_json:
        typer.echo(json.dumps({"ok": found.ok} | found.model_dump(mode="json"), indent=2, ensure_ascii=False))
    else:
        for problem in found.problems:
            typer.echo(f"FAIL  {problem}")
        typer.echo(
            f"{name}: {found.configurations} configurations labelled again by {found.labeller}; largest differences "
            f"{found.energy_eV_per_atom * 1e3:.2g} meV/atom, {found.forces_eV_per_A * 1e3:.2g} meV/Å, "
            f"{found.stress_eV_per_A3 * 1e3:.2g} meV/Å³"
        )
    if not found.ok:
        raise typer.Exit(1)
