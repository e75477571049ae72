"""Commands that publish: cite, deposit."""

import os
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from foundational.cli.options import Json, Root
from foundational.cli.output import emit, warn
from foundational.cli.progress import progress_on_stderr

if TYPE_CHECKING:
    from foundational.stages.deposit.command import DepositResult


class Format(StrEnum):
    """How a citation is printed."""

    TEXT = "text"
    BIBTEX = "bibtex"
    CFF = "cff"
    DATACITE = "datacite"


def cite(
    name: Annotated[str, typer.Argument(help="Dataset, such as ni, ni@1.0.0 or local/nb.")],
    style: Annotated[Format, typer.Option("--format", help="How to print it.")] = Format.TEXT,
    root: Root = None,
) -> None:
    """Print what to cite for a dataset.

    The dataset, its paper, the potentials of its labels, and the datasets from which it was made.
    """
    from foundational.release.citation.citation_target import find_citation_target
    from foundational.release.citation.formats import CitationFormat, format_citation
    from foundational.release.registry.version import parse_dataset_version

    target = find_citation_target(parse_dataset_version(name), root)
    citable = target.citable
    if citable.version is None:
        warn(
            f"{citable.name} is not released, so this cites its content by fingerprint; foundational release makes a "
            "permanent version"
        )
    if target.yanked:
        warn(f"warning: {citable.label} was withdrawn: {target.yanked}")
    typer.echo(format_citation(target, CitationFormat(style.value)), nl=False)


def deposit(
    release: Annotated[str, typer.Argument(help="Dataset with its version, such as ni@1.0.0.")],
    to: Annotated[str, typer.Option("--to", help="zenodo-sandbox, zenodo, or the URL of an InvenioRDM server.")],
    send: Annotated[bool, typer.Option("--send", help="Send a draft; only you can see it.")] = False,
    publish: Annotated[bool, typer.Option("--publish", help="Send and publish; this cannot be undone.")] = False,
    bundle: Annotated[
        Path | None, typer.Option("--bundle", help="Folder with the release's folder and zip; default: build/releases.")
    ] = None,
    as_json: Json = False,
    root: Root = None,
) -> None:
    """Deposit a release, at Zenodo for example, for a DOI.

    Without --send or --publish it only shows what would be sent. The access token is read from
    FOUNDATIONAL_DEPOSIT_TOKEN. An interrupted deposit continues where it stopped.
    """
    from foundational.errors import InputError
    from foundational.project import find_root
    from foundational.release.deposit.deposit import TOKEN
    from foundational.release.registry.version import parse_dataset_version
    from foundational.stages.deposit.command import deposit_release

    token = os.environ.get(TOKEN, "").strip() or None if send or publish else None
    if (send or publish) and token is None:
        raise InputError(f"expected the server's access token in the environment variable {TOKEN}, found none")
    project = find_root(root)
    with progress_on_stderr(f"depositing {release}") as progress:
        done = deposit_release(
            project,
            parse_dataset_version(release),
            to,
            bundles=bundle or project / "build" / "releases",
            token=token,
            publish=publish,
            progress=progress,
        )
    plan, state = done.plan, done.state
    document = plan.as_json() | {
        "sent": state is not None,
        "published": state is not None and state.published,
        "id": None if state is None else state.record,
        "doi": None if state is None else state.doi,
    }
    emit(document, as_json, lambda: _deposited(done))


def _deposited(done: "DepositResult") -> Iterator[str]:
    plan, state = done.plan, done.state
    if state is None:
        what = "a new record" if plan.previous is None else f"the next version of the record {plan.previous}"
        yield f"{plan.label} would become {what} on {plan.server}:"
        for file in plan.files:
            yield f"  {file.size:>12,}  {file.name}"
        yield "nothing was sent; --send makes a draft, --publish publishes it (--json shows the metadata)"
    elif state.published:
        yield f"{plan.label} is published: https://doi.org/{state.doi}, {plan.server}/records/{state.record}"
    else:
        yield f"{plan.label} is a draft: {plan.server}/uploads/{state.record}; its DOI will be {state.doi}"
