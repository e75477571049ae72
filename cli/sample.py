"""Commands that sample: sample, holdout."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from foundational.cli.options import Force, Root, positive
from foundational.cli.output import say
from foundational.cli.progress import SamplingExecution, progress_on_stderr

if TYPE_CHECKING:
    from foundational.stages.sample.command import StoredSample


@dataclass(frozen=True)
class Window:
    """What decides a pool of any element; what is not given follows from the potential."""

    structure: Annotated[str | None, typer.Option("--structure", help="fcc or bcc; default: the ground state.")] = None
    supercell: Annotated[
        int | None, typer.Option("--supercell", min=1, help="Conventional cells per edge; default: the smallest valid.")
    ] = None
    potential: Annotated[
        str | None, typer.Option("--potential", help="Potential; default: that of the registry for the element.")
    ] = None
    cell: Annotated[str | None, typer.Option("--cell", help="isotropic (default), orthorhombic or triclinic.")] = None
    temperature_low: Annotated[
        float | None,
        typer.Option("--temperature-low", callback=positive, help="Of the solid at the lower edge, K."),
    ] = None
    temperature: Annotated[
        float | None, typer.Option("--temperature", callback=positive, help="Of the thermostat, K.")
    ] = None
    temperature_high: Annotated[
        float | None,
        typer.Option("--temperature-high", callback=positive, help="Of the liquid at the upper edge, K."),
    ] = None


@dataclass(frozen=True)
class SamplingRun:
    """How a pool is named, how long it is sampled, and with which bias."""

    name: Annotated[
        str | None, typer.Option("--name", help="Name of the pool; default: local-<element>-momt-<atoms>.")
    ] = None
    frames: Annotated[
        int | None, typer.Option("--frames", min=1, help="Frames in total; a larger number extends a stored pool.")
    ] = None
    bias_from: Annotated[str | None, typer.Option("--bias-from", help="Use the bias of this pool and learn none.")] = (
        None
    )


def sample(
    pool: Annotated[str | None, typer.Argument(help="Pool of params.yaml; or give --element.")] = None,
    element: Annotated[str | None, typer.Option("--element", help="Any metal of the registry, such as Cu.")] = None,
    *,
    window: Window,
    run: SamplingRun,
    execution: SamplingExecution,
    force: Force = False,
    root: Root = None,
) -> None:
    """Sample a pool by molecular dynamics (MOMT or NPT).

    MOMT is the multiorder-multithermal ensemble. An interrupted run continues where it stopped.

    A metal that params.yaml does not name needs only --element: heating its crystal until it melts gives the
    temperatures.
    """
    from foundational.errors import InputError
    from foundational.project import find_root
    from foundational.stages.sample.command import sample_element, sample_pool

    given = {key: value for key, value in asdict(window).items() if value is not None}
    if (pool is None) == (element is None):
        raise InputError("expected a pool of params.yaml or --element, one of the two")
    if element is None and (given or run.name):
        raise InputError(f"params.yaml decides the {', '.join(given) or 'name'} of {pool!r}; change it there")
    with progress_on_stderr(f"sampling {pool or element}") as progress:
        if pool is not None:
            sampled = sample_pool(
                find_root(root),
                pool,
                frames=run.frames,
                bias_from=run.bias_from,
                execution=execution.chosen,
                force=force,
                progress=progress,
            )
        else:
            assert element is not None
            given |= {} if run.frames is None else {"frames": run.frames}
            sampled = sample_element(
                find_root(root),
                element,
                given,
                name=run.name,
                bias_from=run.bias_from,
                execution=execution.chosen,
                force=force,
                progress=progress,
            )
    for line in _lines(sampled):
        say(line)


def _lines(sampled: "StoredSample") -> Iterator[str]:
    if sampled.resumed:
        yield "an interrupted run was resumed"
    if sampled.stored_frames:
        yield f"continued from the {sampled.stored_frames:,} frames of the stored pool"
    record = sampled.manifest.record
    spec, details = record.spec["pool"], record.details
    temperatures = [spec[key] for key in ("temperature_low", "temperature", "temperature_high") if key in spec]
    line = (
        f"datasets/pools/{sampled.name}: {record.output.n_configurations:,} configurations at "
        f"{', '.join(f'{t:g}' for t in temperatures)} K"
    )
    if spec["method"] == "momt":
        line += (
            f"; {details['crossings']:,} solid–liquid transitions of {details['walkers']} walkers, "
            f"{details['window_visited']:.0%} of the window visited"
        )
    yield line
    if details["rounds_learning"]:
        yield (
            f"The bias was learned in {details['rounds_learning']} rounds "
            f"({details['crossings_learning']:,} transitions) and then kept constant."
        )


def holdout(
    name: Annotated[str, typer.Argument(help="Holdout of params.yaml, such as ni-holdout.")],
    force: Force = False,
    root: Root = None,
) -> None:
    """Store a test set that nothing is trained on."""
    from foundational.project import find_root
    from foundational.stages.holdout.command import store_holdout

    record = store_holdout(find_root(root), name, force=force)
    say(f"datasets/{name}: {record.output.n_configurations:,} configurations")
