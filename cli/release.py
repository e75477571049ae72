"""Commands about versions: diff, release, verify, pull, yank."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from foundational.cli.progress import progress_on_stderr
from foundational.cli.types import Json, Root

if TYPE_CHECKING:
    from foundational.release.comparison.difference import Difference

Release = Annotated[str, typer.Argument(help="Dataset with its version, such as ni@1.0.0.")]


def register(app: typer.Typer) -> None:
    """Add this module's commands to ``app``."""
    for command in (diff, release, verify, pull, yank):
        app.command()(command)


def _print_json(content: Any) -> None:
    typer.echo(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False))


def diff(
    a: Annotated[str, typer.Argument(help="ni, ni@1.0.0, ni@HEAD~1, a folder, a .zip or an extended XYZ file.")],
    b: Annotated[str, typer.Argument(help="The same, newer.")],
    as_json: Json = False,
    root: Root = None,
) -> None:
    """Say what changed between two datasets, and which step in version follows."""
    from foundational.release.comparison.compared_dataset import open_compared
    from foundational.release.comparison.difference import difference

    with open_compared(a, root) as old, open_compared(b, root) as new:
        found = difference(old, new)
    if as_json:
        _print_json(found.model_dump(mode="json"))
    else:
        _print_difference(found)


def _print_difference(found: "Difference") -> None:
    typer.echo(f"{found.a} → {found.b}: {found.configurations[0]:,} → {found.configurations[1]:,} configurations")
    for change in found.changes:
        typer.echo(f"{change.bump:<6} {change.message}")
    for name, moved in found.label_changes.items():
        if moved.largest is not None:
            typer.echo(f"       {name} by up to {moved.largest:.3g} {moved.unit}, {moved.rms:.3g} rms")
    for spread in found.spreads:
        if spread.a is not None and spread.b is not None and spread.ks:
            typer.echo(
                f"       {spread.quantity} median {spread.a.median:.4g} → {spread.b.median:.4g}, "
                f"5–95 % {spread.a.percentile_5:.4g}…{spread.a.percentile_95:.4g} → "
                f"{spread.b.percentile_5:.4g}…{spread.b.percentile_95:.4g} {spread.unit} (KS {spread.ks:.3f})"
            )
    typer.echo(f"bump: {found.bump or 'none, nothing differs'}")


def release(
    name: Annotated[str, typer.Argument(help="Dataset that git keeps, such as ni; local/<name> cannot be released.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Do all but write.")] = False,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for bundles; default: build/releases.")] = None,
    version: Annotated[str | None, typer.Option("--version", help="A higher version than follows.")] = None,
    reason: Annotated[str | None, typer.Option("--reason", help="Why something released changes.")] = None,
    sign: Annotated[Path | None, typer.Option("--sign", help="Private OpenSSH key to sign with.")] = None,
    tag: Annotated[bool, typer.Option("--tag", help="Only make the git tags of the committed releases.")] = False,
    seeds: Annotated[
        int | None, typer.Option("--seeds", min=1, help="Networks of the gate; default: params.yaml.")
    ] = None,
    as_json: Json = False,
    root: Root = None,
) -> None:
    """Release a dataset: version from what changed, check, validation, an immutable bundle, the registry."""
    from foundational.project import find_root
    from foundational.release.registry.tags import tag_releases
    from foundational.release.registry.version import Version
    from foundational.stages.release.command import ReleaseRequest, release_dataset

    project = find_root(root)
    if tag:
        tags = tag_releases(project, name)
        typer.echo("\n".join(tags) if tags else "every release has its tag")
        return
    request = ReleaseRequest(None if version is None else Version.parse(version), reason, sign, dry_run, seeds)
    with progress_on_stderr(f"releasing {name}") as progress:
        done = release_dataset(project, name, request, out=out, progress=progress)
    record = done.record
    if as_json:
        shown = {
            "name": name,
            "version": record.version,
            "previous": record.previous,
            "bump": record.bump,
            "new": done.new,
            "dry_run": dry_run,
            "changes": list(record.changes),
            "fingerprint": record.fingerprint,
            "bundle": None if done.bundle is None else str(done.bundle),
        }
        _print_json(shown)
        return
    if not done.new:
        typer.echo(f"{name}@{record.version} is released, and nothing changed since")
    else:
        typer.echo(f"{name}@{record.version}" + (" would be released" if dry_run else " is released"))
        for change in record.changes:
            typer.echo(f"  {change}")
    if done.bundle is not None:
        typer.echo(f"bundle: {done.bundle}")
    if done.new and not dry_run:
        push = [] if done.stored else ["dvc push"]
        steps = [*push, f"git add datasets && git commit -m 'Release {name}@{record.version}'"]
        typer.echo("next: " + "; ".join([*steps, f"foundational release {name} --tag"]))


def verify(
    what: Annotated[str, typer.Argument(help="A release's folder or zip, ni@1.0.0, or a dataset.")],
    relabel: Annotated[int, typer.Option("--relabel", min=0, help="Configurations to label again.")] = 0,
    signers: Annotated[Path | None, typer.Option("--signers", help="Allowed signers, as of ssh-keygen.")] = None,
    as_json: Json = False,
    root: Root = None,
) -> None:
    """Verify a release or a dataset, every byte and every rule; status 1 where something is wrong."""
    from foundational.stages.verify.command import verify as examine

    with progress_on_stderr(f"verifying {Path(what).name}") as progress:
        found = examine(what, root, relabel=relabel, signers=signers, progress=progress)
    if as_json:
        _print_json({"ok": found.ok} | found.model_dump(mode="json"))
    else:
        for problem in found.problems:
            typer.echo(f"FAIL  {problem}")
        label = f"{found.name}@{found.version}" if found.version else f"{found.name} (not released)"
        signed = f", signed by {found.signed_by}" if found.signed_by else ""
        typer.echo(f"{label}: " + (f"{len(found.problems)} problems" if found.problems else f"intact{signed}"))
        if found.yanked:
            typer.echo(f"withdrawn: {found.yanked}", err=True)
    if not found.ok:
        raise typer.Exit(1)


def pull(
    what: Annotated[str, typer.Argument(help="ni@1.0.0, or ni for the newest.")],
    source: Annotated[
        str | None,
        typer.Option("--from", help="URL, folder or zip of a release, another project, or its git URL."),
    ] = None,
    root: Root = None,
) -> None:
    """Bring a released version to this machine, compared with the registry to the last byte."""
    import warnings

    from foundational.release.registry.registry import YankedWarning
    from foundational.release.registry.version import parse_dataset_version
    from foundational.release.transfer.retrieval import pull as fetch

    with warnings.catch_warnings(category=YankedWarning, action="ignore"):
        pulled = fetch(parse_dataset_version(what), source, root)
    record = pulled.record
    label = f"{record.name}@{record.version}"
    if pulled.yanked:
        typer.echo(f"warning: {label} was withdrawn: {pulled.yanked}", err=True)
    if not pulled.fetched:
        typer.echo(f"{label} is here already: {pulled.store}")
        return
    typer.echo(f"{label}: {record.n_configurations:,} configurations in {pulled.store}")
    typer.echo(f'open it with: foundational.open_dataset("{label}")')
    creators = "; ".join(creator.name for creator in record.about.creators)
    typer.echo(f"licence: {record.about.licence}")
    typer.echo(f"please cite: {creators}, {record.about.title}, version {record.version} ({record.date.year})")
    for citation in record.about.citations:
        typer.echo(f"        and: {citation.text}" + (f", doi {citation.doi}" if citation.doi else ""))


def yank(
    what: Release,
    reason: Annotated[str, typer.Option("--reason", help="What is wrong with it, for those who use it.")],
    root: Root = None,
) -> None:
    """Withdraw a release: whoever opens, pulls or verifies it is told why; the data stay."""
    from foundational.project import find_root
    from foundational.release.registry.version import parse_dataset_version
    from foundational.stages.release.command import yank_release

    reference = parse_dataset_version(what)
    yank_release(find_root(root), reference, reason)
    typer.echo(f"{reference} is withdrawn; commit datasets/{reference.name}/releases.yaml")
