"""Commands about versions: diff, release, verify, pull."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from foundational.cli.options import Json, Networks, Plot, Root, Where
from foundational.cli.output import emit, say, warn
from foundational.cli.progress import progress_on_stderr
from foundational.errors import InputError

if TYPE_CHECKING:
    from foundational.release.bundle.verification import Verification
    from foundational.release.comparison.difference import Difference
    from foundational.release.transfer.retrieval import PullResult
    from foundational.stages.release.command import ReleaseResult

Signers = Annotated[Path | None, typer.Option("--signers", help="allowed_signers file; a signature is then required.")]


@dataclass(frozen=True)
class Terms:
    """What the new version is called, why it changes, and where and how its bundle is written."""

    version: Annotated[
        str | None, typer.Option("--version", help="Release as this version, higher than the one that follows.")
    ] = None
    reason: Annotated[
        str | None, typer.Option("--reason", help="Reason for a breaking change (required for a major version).")
    ] = None
    out: Annotated[Path | None, typer.Option("--out", help="Folder for bundles; default: build/releases.")] = None
    sign: Annotated[Path | None, typer.Option("--sign", help="Private OpenSSH key to sign with.")] = None
    seeds: Networks = None


@dataclass(frozen=True)
class Comparison:
    """How two datasets are compared, in addition to their content."""

    tolerance: Annotated[
        float | None,
        typer.Option(
            "--tolerance",
            metavar="Å",
            help="Pair frames that were rewritten, wrapped or permuted, and are equal within this, such as 1e-4.",
        ),
    ] = None
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Write the difference as one page that needs no network."),
    ] = None
    physics: Annotated[
        bool,
        typer.Option("--physics", help="Train networks on both, and compare gates, crystals and errors."),
    ] = False
    seeds: Networks = None
    where: Where = None
    plot: Plot = None


def diff(
    a: Annotated[str, typer.Argument(help="ni, ni@1.0.0, ni@HEAD~1, a folder, a .zip or an extended XYZ file.")],
    b: Annotated[str, typer.Argument(help="The newer one, in the same way.")],
    *,
    how: Comparison,
    as_json: Json = False,
    root: Root = None,
) -> None:
    """Compare two datasets; say which version follows.

    With --physics, networks are trained on both with the same settings: what they lost or gained is shown for each
    crystal and gate.
    """
    from foundational.data.streaming.allocation import reuse_freed_memory

    reuse_freed_memory()  # before numpy is imported
    from foundational.release.comparison.compared_dataset import open_compared
    from foundational.release.comparison.difference import difference

    physics = None
    plain = how.html is None and how.plot is None and not how.physics
    with open_compared(a, root, table=plain) as first, open_compared(b, root, table=plain) as second:
        old, new = first.where(how.where), second.where(how.where)
        found = difference(old, new, tolerance=how.tolerance)
        if how.physics:
            from foundational.stages.compare.command import compare_physics

            with progress_on_stderr(f"training on {a} and {b}") as progress:
                physics = compare_physics(old, new, root, members=how.seeds, progress=progress)
        if how.html is not None or how.plot is not None:
            from foundational.card.comparison.build import build_change

            change = build_change(old, new, found, physics)
        if how.html is not None:
            from foundational.card.writing import write_change

            write_change(change, how.html)
        if how.plot is not None:
            from foundational.pictures.change import draw_change

            draw_change(change, how.plot)
    document = found.model_dump(mode="json")
    if physics is not None:
        document["physics"] = physics.model_dump(mode="json")
    emit(document, as_json, lambda: chain(_difference(found), physics.lines() if physics else ()))


def _difference(found: "Difference") -> Iterator[str]:
    yield f"{found.a} → {found.b}: {found.configurations[0]:,} → {found.configurations[1]:,} configurations"
    yield (
        f"{found.equal:,} equal, {found.relabelled:,} relabelled, {found.moved:,} moved, {found.added:,} added, "
        f"{found.removed:,} removed"
    )
    for change in found.changes:
        yield f"{change.bump:<6} {change.message}"
    for name, moved in found.label_changes.items():
        if moved.largest is not None:
            rounding = f"; {moved.within_rounding:,} of {moved.configurations:,} within rounding"
            rounding += "" if moved.decimals is None else f" ({moved.decimals} decimals)"
            yield (
                f"       {name} by up to {moved.largest:.3g} {moved.unit}, {moved.rms:.3g} rms"
                f"{rounding if moved.within_rounding else ''}"
            )
    for spread in found.spreads:
        if spread.a is not None and spread.b is not None and spread.ks:
            yield (
                f"       {spread.quantity} median {spread.a.median:.4g} → {spread.b.median:.4g}, "
                f"5–95 % {spread.a.percentile_5:.4g}…{spread.a.percentile_95:.4g} → "
                f"{spread.b.percentile_5:.4g}…{spread.b.percentile_95:.4g} {spread.unit} (KS {spread.ks:.3f})"
            )
    yield from (f"note: {note}" for note in found.notes)
    yield f"bump: {found.bump or 'none, nothing differs'}"


def release(
    name: Annotated[str, typer.Argument(help="Dataset that git keeps, such as ni; local/<name> cannot be released.")],
    *,
    terms: Terms,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be released and write nothing.")] = False,
    tag: Annotated[bool, typer.Option("--tag", help="Only make the git tags of the committed releases.")] = False,
    as_json: Json = False,
    root: Root = None,
) -> None:
    """Release a dataset as an immutable version.

    The version follows from what changed. The dataset must pass its check and its validation; then an immutable bundle
    and an entry in the registry are written.
    """
    from foundational.project import find_root
    from foundational.release.registry.tags import tag_releases
    from foundational.release.registry.version import Version
    from foundational.stages.release.command import ReleaseRequest, release_dataset

    project = find_root(root)
    if tag:
        for line in tag_releases(project, name) or ["every release has its tag"]:
            say(line)
        return
    version = None if terms.version is None else Version.parse(terms.version)
    request = ReleaseRequest(version, terms.reason, terms.sign, dry_run, terms.seeds)
    with progress_on_stderr(f"releasing {name}") as progress:
        done = release_dataset(project, name, request, out=terms.out, progress=progress)
    record = done.record
    document = {
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
    emit(document, as_json, lambda: _released(done, name, dry_run))


def _released(done: "ReleaseResult", name: str, dry_run: bool) -> Iterator[str]:
    record = done.record
    if not done.new:
        yield f"{name}@{record.version} is released, and nothing changed since"
    else:
        yield f"{name}@{record.version}" + (" would be released" if dry_run else " is released")
        for change in record.changes:
            yield f"  {change}"
    if done.bundle is not None:
        yield f"bundle: {done.bundle}"
    if done.new and not dry_run:
        push = [] if done.stored else ["dvc push"]
        steps = [*push, f"git add datasets && git commit -m 'Release {name}@{record.version}'"]
        yield "next: " + "; ".join([*steps, f"foundational release {name} --tag"])


def verify(
    what: Annotated[str, typer.Argument(help="A release's folder or zip, ni@1.0.0, a dataset or its address.")],
    relabel: Annotated[
        int, typer.Option("--relabel", min=0, help="Number of configurations to label again and compare.")
    ] = 0,
    signers: Signers = None,
    as_json: Json = False,
    root: Root = None,
) -> None:
    """Verify every byte and rule of a release.

    The exit status is 1 where something is wrong.
    """
    from foundational.stages.verify.command import verify as examine

    with progress_on_stderr(f"verifying {Path(what).name}") as progress:
        found = examine(what, root, relabel=relabel, signers=signers, progress=progress)
    emit({"ok": found.ok} | found.model_dump(mode="json"), as_json, lambda: _verified(found))
    if found.yanked and not as_json:
        warn(f"withdrawn: {found.yanked}")
    if not found.ok:
        raise typer.Exit(1)


def _verified(found: "Verification") -> Iterator[str]:
    for problem in found.problems:
        yield f"FAIL  {problem}"
    for change in found.changes:
        yield f"note  {change}"
    label = f"{found.name}@{found.version}" if found.version else f"{found.name} (not released)"
    signed = f", signed by {found.signed_by}" if found.signed_by else ""
    count = len(found.problems)
    since = ", changed since the release" if found.changes else ""
    yield f"{label}: " + (f"{count} problem{'s' * (count > 1)}" if count else f"intact{signed}{since}")


def pull(
    what: Annotated[str, typer.Argument(help="ni@1.0.0, or ni for the newest.")],
    source: Annotated[
        str | None,
        typer.Option("--from", help="URL, folder or zip of a release, project or git URL."),
    ] = None,
    signers: Signers = None,
    bundle: Annotated[
        bool, typer.Option("--bundle", help="Also make the release's bundle again, in build/releases.")
    ] = False,
    where: Where = None,
    name: Annotated[str, typer.Option("--name", help="With --where: name of the selection.")] = "local/selected",
    root: Root = None,
) -> None:
    """Download a released version.

    Every byte is compared with the registry. Outside a project it is stored in the user's folder, from which
    foundational.open_dataset opens it. With --where only the chunks that are needed are read from a server.
    """
    import warnings

    if where is not None:
        if signers is not None or bundle:
            raise InputError("expected --where without --signers and --bundle, which need the whole release, got both")
        _pull_where(what, source, where, name, root)
        return

    from foundational.release.registry.registry import YankedWarning
    from foundational.release.registry.version import parse_dataset_version
    from foundational.release.transfer.retrieval import pull as fetch

    with warnings.catch_warnings(category=YankedWarning, action="ignore"):
        pulled = fetch(parse_dataset_version(what), source, root, signers=signers)
    withdrawn = f"{pulled.record.name}@{pulled.record.version} was withdrawn: {pulled.yanked}"
    for doubt in (*pulled.doubts, *([withdrawn] if pulled.yanked else [])):
        warn(f"warning: {doubt}")
    for line in _pulled(pulled):
        say(line)
    if bundle:
        from foundational.project import BUNDLES, find_root
        from foundational.release.registry.registry import read_registry
        from foundational.release.registry.version import Version
        from foundational.release.transfer.bundle_from_commit import bundle_of

        project, record = find_root(root), pulled.record
        registry = read_registry(project / "datasets" / record.name)
        say(f"bundle: {bundle_of(project, registry, Version.parse(record.version), project / BUNDLES)}.zip")


def _pull_where(what: str, source: str | None, where: str, name: str, root: Path | None) -> None:
    import warnings

    from foundational.release.registry.registry import YankedWarning
    from foundational.release.registry.version import parse_dataset_version
    from foundational.stages.select.command import pull_where

    with warnings.catch_warnings(record=True) as said, progress_on_stderr(f"reading {what}") as progress:
        warnings.simplefilter("always", YankedWarning)
        record = pull_where(parse_dataset_version(what), where, name, source=source, root=root, progress=progress)
    for one in said:
        warn(f"warning: {one.message}")
    whole = record.inputs[0].n_configurations
    say(f"{name}: {record.output.n_configurations:,} of {whole:,} configurations of {what}")


def _pulled(pulled: "PullResult") -> Iterator[str]:
    from foundational.release.citation.works import works_asked_for

    record = pulled.record
    label = f"{record.name}@{record.version}"
    if not pulled.fetched:
        yield f"{label} is on this machine already: {pulled.store}"
        return
    yield f"{label}: {record.n_configurations:,} configurations in {pulled.store}"
    if pulled.signed_by:
        yield f"signed by {pulled.signed_by}"
    yield f'open it with: foundational.open_dataset("{label}")'
    yield f"licence: {record.about.licence}"
    creators = "; ".join(creator.name for creator in record.about.creators)
    yield f"please cite: {creators}, {record.about.title}, version {record.version} ({record.date.year})"
    for work in works_asked_for(record.about):
        yield f"        and: {work.text}" + (f", doi {work.doi}" if work.doi else "")
