"""The commands of the pipeline: sample, holdout, distill, translate, validate."""

import json
from typing import Annotated, Any

import typer

from foundational.cli.labelling import (
    CrystalNames,
    ExecutorName,
    ForceParent,
    IsolatedEnergy,
    LabellerArg,
    LabellerArgs,
    LabellerName,
    crystals_named,
    labeller_arguments,
    said_turned,
    say_choice_of_potential,
    say_filtered,
)
from foundational.cli.progress import progress_on_stderr
from foundational.cli.types import Force, Json, Name, Root, Workers


def register(app: typer.Typer) -> None:
    """Add this module's commands to ``app``."""
    for command in (sample, holdout, distill, translate, validate):
        app.command()(command)


def sample(
    pool: Annotated[str | None, typer.Argument(help="Pool of params.yaml; or give --element.")] = None,
    element: Annotated[str | None, typer.Option(help="Any metal of the registry, such as Cu.")] = None,
    structure: Annotated[str | None, typer.Option(help="fcc or bcc; default: the ground state.")] = None,
    supercell: Annotated[int | None, typer.Option(min=1, help="Cells an edge; default: the fewest.")] = None,
    potential: Annotated[str | None, typer.Option(help="Potential; default: the registry's for the element.")] = None,
    cell: Annotated[str | None, typer.Option(help="isotropic (the default), orthorhombic or triclinic.")] = None,
    temperature_low: Annotated[float | None, typer.Option(help="K, of the solid at the lower edge.")] = None,
    temperature: Annotated[float | None, typer.Option(help="K, of the thermostat.")] = None,
    temperature_high: Annotated[float | None, typer.Option(help="K, of the liquid at the upper edge.")] = None,
    name: Annotated[str | None, typer.Option(help="Default: local-<element>-momt-<atoms>.")] = None,
    frames: Annotated[int | None, typer.Option(min=1, help="More than a stored pool has: it is extended.")] = None,
    bias_from: Annotated[str | None, typer.Option(help="Use this pool's bias; nothing is learned.")] = None,
    workers: Workers = 2,
    force: Force = False,
    root: Root = None,
) -> None:
    """Sample a pool by multiorder-multithermal MD or plain NPT; an interrupted run goes on where it was.

    A metal that params.yaml does not name needs no more than --element: the window follows from its melting.
    """
    from foundational.errors import InputError
    from foundational.project import find_root
    from foundational.stages.sample.command import sample_pool
    from foundational.stages.sample.element import sample_element

    options = {
        "structure": structure,
        "supercell": supercell,
        "potential": potential,
        "cell": cell,
        "temperature_low": temperature_low,
        "temperature": temperature,
        "temperature_high": temperature_high,
    }
    given = {key: value for key, value in options.items() if value is not None}
    if (pool is None) == (element is None):
        raise InputError("expected a pool of params.yaml or --element, one of the two")
    if element is None and (given or name):
        raise InputError(f"params.yaml decides the {', '.join(given) or 'name'} of {pool!r}; change it there")
    shared = {"bias_from": bias_from, "workers": workers, "force": force}
    with progress_on_stderr(f"sampling {pool or element}") as progress:
        if pool is not None:
            made = sample_pool(find_root(root), pool, frames=frames, progress=progress, **shared)
        elif element is not None:
            given |= {} if frames is None else {"frames": frames}
            made = sample_element(find_root(root), element, given, name=name, progress=progress, **shared)
    if made.resumed:
        typer.echo("an interrupted run was resumed")
    if made.stored_frames:
        typer.echo(f"went on from the {made.stored_frames:,} frames that were there")
    record = made.manifest.record
    spec = record.spec["pool"]
    temperatures = [spec[key] for key in ("temperature_low", "temperature", "temperature_high") if key in spec]
    typer.echo(
        f"datasets/pools/{made.name}: {record.output.n_configurations:,} configurations at "
        f"{', '.join(f'{t:g}' for t in temperatures)} K, "
        + ", ".join(f"{key} {value}" for key, value in record.details.items() if isinstance(value, int | float | str))
    )


def holdout(
    name: Annotated[str, typer.Argument(help="Holdout of params.yaml, such as ni-holdout.")],
    force: Force = False,
    root: Root = None,
) -> None:
    """Store frames of a pool on which nothing is ever trained or selected."""
    from foundational.project import find_root
    from foundational.stages.holdout.command import store_holdout

    record = store_holdout(find_root(root), name, force=force)
    typer.echo(f"datasets/{name}: {record.output.n_configurations:,} configurations")


def distill(
    name: Annotated[str, typer.Argument(help="Set of params.yaml, such as ni; local/<name> with --from.")] = "",
    source: Annotated[
        str | None, typer.Option("--from", help="Dataset, or extended XYZ file with labels, to choose from.")
    ] = None,
    to: Annotated[str | None, typer.Option("--name", help="The same as the argument.")] = None,
    frames: Annotated[int | None, typer.Option(min=1, help="Configurations to keep.")] = None,
    rounds: Annotated[int | None, typer.Option(min=1, help="Rounds of choosing, at most.")] = None,
    method: Annotated[str | None, typer.Option(help="How to choose, such as active or farthest-point.")] = None,
    target: Annotated[
        str | None, typer.Option(help="Stop at this error on frames held out, such as '0.5 meV/atom'.")
    ] = None,
    extend: Annotated[bool, typer.Option("--extend", help="Go on from the stored set, which is replaced.")] = False,
    force: Force = False,
    root: Root = None,
) -> None:
    """Choose the few configurations of a pool, a dataset or a file that train as well as the many."""
    from foundational.errors import InputError
    from foundational.project import find_root
    from foundational.stages.distill.command import distill_pool

    name = to or name
    if not name:
        raise InputError("expected the name of a set, such as ni, or local/<name> with --from")
    changes = {"frames": frames, "rounds": rounds, "method": method, "target": target}
    with progress_on_stderr(f"distilling {name}") as progress:
        record = distill_pool(
            find_root(root), name, source=source, changes=changes, extend=extend, force=force, progress=progress
        )
    for line in record.details["rounds"]:
        typer.echo(_round(line))
    typer.echo(f"datasets/{record.output.name}: {record.output.n_configurations:,} configurations")


def _round(line: dict[str, Any]) -> str:
    text = (
        f"round {line['round']:>2}: chose {line['chosen']:>5,} of {line['candidates']:>6,} beside {line['frames']:>5,}"
    )
    if line["max_uncertainty_meV"] is not None:
        text += f"; uncertainty median {line['median_uncertainty_meV']:.1f}, max {line['max_uncertainty_meV']:.1f} meV"
    if line["heldout_mae_meV"] is not None:
        text += f"; error {line['heldout_mae_meV']:.2f} meV/atom"
    return text


def translate(
    parent: Annotated[str, typer.Argument(help="Dataset to translate.")] = "ni",
    to: Annotated[str, typer.Option("--to", help="Target element, such as Nb.")] = ...,  # type: ignore[assignment]
    name: Annotated[str | None, typer.Option(help="Name of the new dataset; default: local/<element>.")] = None,
    potential: Annotated[str | None, typer.Option(help="Potential of the target; default: the registry's.")] = None,
    labeller: LabellerName = None,
    labeller_args: LabellerArgs = None,
    labeller_arg: LabellerArg = None,
    isolated_energy: IsolatedEnergy = None,
    rule: Annotated[str | None, typer.Option(help="lattice, nearest-neighbour, volume or virial.")] = None,
    crystals: CrystalNames = None,
    refine: Annotated[
        int,
        typer.Option("--refine", min=0, help="Add at most so many frames of the target that networks know least of."),
    ] = 0,
    refine_from: Annotated[
        str | None, typer.Option("--refine-from", help="Pool that they come from; default: a short MOMT run.")
    ] = None,
    executor: ExecutorName = "local",
    workers: Workers = 2,
    force: Force = False,
    force_parent: ForceParent = False,
    root: Root = None,
) -> None:
    """Scale a dataset to another metal and label it with that metal's potential, or with any labeller."""
    from foundational.project import find_root
    from foundational.stages.translate.command import translate_dataset

    place = find_root(root)
    if potential is None and labeller is None:
        say_choice_of_potential(place, to)
    with progress_on_stderr(f"translating {parent} to {to}") as progress:
        record = translate_dataset(
            place,
            parent,
            to,
            name=name,
            potential_id=potential,
            labeller_name=labeller,
            arguments=labeller_arguments(labeller_args, labeller_arg),
            isolated_energy=isolated_energy,
            rule=rule,
            crystals=crystals_named(crystals),
            refine_by=refine,
            refine_from=refine_from,
            executor=executor,
            workers=workers,
            force=force,
            force_parent=force_parent,
            progress=progress,
        )
    made, details = record.output, record.details
    typer.echo(
        f"datasets/{made.name}: {made.n_configurations:,} configurations of {record.element}, scaled by "
        f"{details['scale']:.4f} ({details['rule']}), labelled by {record.labeller.id}"
        + said_turned(record)
        + (f"; {details['refined']} of them from {record.inputs[1].name}" if "refined" in details else "")
    )
    say_filtered(record)


def validate(
    name: Name,
    seeds: Annotated[int | None, typer.Option(min=1, help="Networks to train; default: params.yaml.")] = None,
    labeller: Annotated[
        str | None, typer.Option("--labeller", help="That of the dataset, where it is ase:<module>:<factory>.")
    ] = None,
    labeller_args: LabellerArgs = None,
    labeller_arg: LabellerArg = None,
    holdout: Annotated[
        str | None, typer.Option("--holdout", help="Dataset to test on; default: that of params.yaml.")
    ] = None,
    write: Annotated[bool, typer.Option("--write", help="Also write metrics/validate/NAME.json, as DVC does.")] = False,
    as_json: Json = False,
    root: Root = None,
) -> None:
    """Retrain on a dataset; do FCC, BCC and HCP come out as in the reference? Status 1 where a gate fails."""
    from foundational.cli.tables import validation_table
    from foundational.project import find_root
    from foundational.stages.validate.command import validate_dataset

    with progress_on_stderr(f"validating {name}") as progress:
        report = validate_dataset(
            find_root(root),
            name,
            seeds=seeds,
            labeller_name=labeller,
            arguments=labeller_arguments(labeller_args, labeller_arg),
            holdout_name=holdout,
            write=write,
            progress=progress,
        )
    if as_json:
        typer.echo(json.dumps(report.model_dump(mode="json"), indent=2, ensure_ascii=False, allow_nan=False))
    else:
        typer.echo(validation_table(report))
    if not report.passed:
        for gate in report.gates:
            if gate.ok is False:
                typer.echo(f"gate {gate.name} failed: {gate.message}", err=True)
        raise typer.Exit(1)
