"""Commands about distilled sets: distill, audit."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import typer

from foundational.cli.options import Force, Json, Name, Plot, Root, Where
from foundational.cli.output import emit, say
from foundational.cli.progress import Execution, progress_on_stderr


@dataclass(frozen=True)
class Selection:
    """What to change in the settings of a distillation; those of params.yaml where not given."""

    frames: Annotated[int | None, typer.Option("--frames", min=1, help="Configurations to select.")] = None
    heldout: Annotated[
        int | None,
        typer.Option("--heldout", min=0, help="Configurations never selected, for tests; default: at most a tenth."),
    ] = None
    rounds: Annotated[int | None, typer.Option("--rounds", min=1, help="Largest number of rounds.")] = None
    method: Annotated[
        str | None, typer.Option("--method", help="Selection method, such as active or farthest-point.")
    ] = None
    survivors: Annotated[
        int | None,
        typer.Option("--survivors", min=1, help="Candidates that a first pass over a large pool leaves; default: all."),
    ] = None
    target: Annotated[
        str | None, typer.Option("--target", help="Stop at this error on a test set, such as '0.5 meV/atom'.")
    ] = None


@dataclass(frozen=True)
class Stored:
    """What becomes of a set that is stored already."""

    extend: Annotated[
        bool, typer.Option("--extend", help="Continue from the stored set, which the longer one replaces.")
    ] = False
    force: Force = False


def distill(
    name: Annotated[str, typer.Argument(help="Set of params.yaml, such as ni; local/<name> with --from.")] = "",
    *,
    source: Annotated[str | None, typer.Option("--from", help="Dataset, or file with labels, to select from.")] = None,
    where: Where = None,
    other_name: Annotated[str | None, typer.Option("--name", hidden=True)] = None,
    selection: Selection,
    stored: Stored,
    execution: Execution,
    root: Root = None,
) -> None:
    """Select few configurations that train like the whole.

    They come from a pool of params.yaml, or with --from from a dataset or from a file in any format that can be
    imported. Ten configurations are enough. An interrupted run continues where it stopped.
    """
    from foundational.errors import InputError
    from foundational.project import find_root
    from foundational.stages.distill.command import distill_pool

    name = other_name or name
    if not name:
        raise InputError("expected the name of a set, such as ni, or local/<name> with --from")
    with progress_on_stderr(f"distilling {name}") as progress:
        record = distill_pool(
            find_root(root),
            name,
            source=source,
            where=where,
            changes=asdict(selection),
            existing="extend" if stored.extend else "replace" if stored.force else "refuse",
            execution=execution.chosen,
            progress=progress,
        )
    for line in record.details["rounds"]:
        say(_round(line))
    for sentence in record.details.get("notes", []):
        say(f"note: {sentence}")
    say(f"datasets/{record.output.name}: {record.output.n_configurations:,} configurations")


def _round(line: dict[str, Any]) -> str:
    before = line["frames"]
    text = (
        f"round {line['round']:>2}: {before:>5,} → {before + line['chosen']:>5,} configurations "
        f"({line['chosen']:,} of {line['candidates']:,} candidates)"
    )
    if line["max_uncertainty_meV"] is not None:
        text += f"; uncertainty median {line['median_uncertainty_meV']:.1f}, max {line['max_uncertainty_meV']:.1f} meV"
    if line["heldout_mae_meV"] is not None:
        text += f"; error {line['heldout_mae_meV']:.2f} meV/atom"
    return text


def audit(name: Name, plot: Plot = None, as_json: Json = False, root: Root = None) -> None:
    """Explain a distilled set: choices, coverage, errors.

    Says in which round and why each configuration was selected, how much of the pool the set covers, and where models
    that are trained on it have their errors.
    """
    from foundational.project import find_root
    from foundational.stages.audit.command import audit_dataset

    with progress_on_stderr(f"auditing {name}") as progress:
        report = audit_dataset(find_root(root), name, progress=progress)
    if plot is not None:
        from foundational.pictures.audit import draw_audit

        draw_audit(report, plot)
    emit(report, as_json, lambda: _audit_lines(report))


def _audit_lines(report: dict[str, Any]) -> Iterator[str]:
    yield f"{report['name']}: selected from {report['pool']} by the method {report['method']}"
    for line in report["rounds"]:
        reasons = ", ".join(line["because"])
        span = f"{line['least_meV']:.2f} … {line['largest_meV']:.2f} meV" if line["least_meV"] is not None else ""
        yield f"round {line['round']:>2}: {line['frames']:>5,} configurations, {reasons:<12} {span}".rstrip()
    yield _entropy(report["entropy"])
    errors = report["errors"]
    if errors is None:
        yield "errors: not computed (no test set of this metal and labeller is on this machine)"
        return
    yield f"errors on {errors['holdout']}: {errors['mae_meV']:.3f} meV/atom"
    for key, digits in (("by_energy_per_atom", 3), ("by_order_parameter", 3), ("by_phase", 0)):
        for part in errors[key] or []:
            where = part["phase"] if "phase" in part else f"{part['from']:.{digits}f} … {part['to']:.{digits}f}"
            yield (
                f"  {key[3:].replace('_', ' '):<16} {where:<18} {part['frames']:>4} configurations, "
                f"mean {part['mae_meV']:.3f}, largest {part['max_meV']:.2f} meV/atom"
            )


def _entropy(entropy: dict[str, Any] | None) -> str:
    if entropy is None:
        return "entropy: needs the pool on this machine and the library quests (pip install 'foundational[quests]')"
    return (
        f"entropy of {entropy['frames_of_each']} configurations: {entropy['entropy']:.2f} nats; of the same number "
        f"from the pool: {entropy['pool_entropy']:.2f}; {entropy['overlap']:.1%} of the pool's environments overlap "
        "with the set"
    )
