"""Commands about the world outside: cite, deposit."""

import json
import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from foundational.cli.progress import progress_on_stderr
from foundational.cli.types import Json, Root


class Format(StrEnum):
    """How a citation is printed."""

    TEXT = "text"
    BIBTEX = "bibtex"
    CFF = "cff"
    DATACITE = "datacite"


def register(app: typer.Typer) -> None:
    """Add this module's commands to ``app``."""
    app.command()(cite)
    app.command()(deposit)


def cite(
    name: Annotated[str, typer.Argument(help="Dataset, such as ni, ni@1.0.0 or local/nb.")],
    style: Annotated[Format, typer.Option("--format", help="How to print it.")] = Format.TEXT,
    root: Root = None,
) -> None:
    """Print all that one owes a citation to: the dataset, its paper, its potentials, the sets it comes from."""
    from datetime import UTC, datetime

    from foundational.release.citation.bibtex import to_bibtex
    from foundational.release.citation.cff import to_cff
    from foundational.release.citation.citation_target import find_citation_target
    from foundational.release.citation.datacite import datacite_document
    from foundational.release.citation.works import to_text
    from foundational.release.registry.version import parse_dataset_version

    subject = find_citation_target(parse_dataset_version(name), root)
    citable, works = subject.citable, subject.works
    if citable.version is None:
        typer.echo(
            f"{citable.name} is not released: this cites its content by fingerprint; a version that stays is made "
            "with foundational release",
            err=True,
        )
    if subject.yanked:
        typer.echo(f"warning: {citable.label} was withdrawn: {subject.yanked}", err=True)
    if style is Format.BIBTEX:
        text = to_bibtex(works)
    elif style is Format.CFF:
        text = to_cff(citable, works)
    elif style is Format.DATACITE:
        year = (citable.released or datetime.now(UTC)).year
        text = json.dumps(datacite_document(citable, works, year=year), indent=2, ensure_ascii=False) + "\n"
    else:
        text = to_text(citable, works)
    typer.echo(text, nl=False)


def deposit(
    release: Annotated[str, typer.Argument(help="Dataset with its version, such as ni@1.0.0.")],
    to: Annotated[str, typer.Option("--to", help="zenodo-sandbox, zenodo, or the URL of an InvenioRDM server.")],
    send: Annotated[bool, typer.Option("--send", help="Send a draft, to look at; nobody else sees it.")] = False,
    publish: Annotated[bool, typer.Option("--publish", help="Send and publish; this cannot be undone.")] = False,
    bundle: Annotated[
        Path | None, typer.Option("--bundle", help="The release's folder, its zip beside it; default: build/releases.")
    ] = None,
    as_json: Json = False,
    root: Root = None,
) -> None:
    """Deposit a release where it gets a DOI; says what would be sent, unless asked to send or publish.

    The token is read from FOUNDATIONAL_DEPOSIT_TOKEN. A deposit that was interrupted goes on where it was.
    """
    from foundational.errors import InputError
    from foundational.project import find_root
    from foundational.release.deposit.deposit import TOKEN
    from foundational.release.registry.version import parse_dataset_version
    from foundational.stages.deposit.command import deposit_release

    token = os.environ.get(TOKEN, "").strip() or None if send or publish else None
    if (send or publish) and token is None:
        raise InputError(f"expected the server's access token in the environment variable {TOKEN}, found none")
    place = find_root(root)
    with progress_on_stderr(f"depositing {release}") as progress:
        done = deposit_release(
            place,
            parse_dataset_version(release),
            to,
            bundles=bundle or place / "build" / "releases",
            token=token,
            publish=publish,
            progress=progress,
        )
    plan, state = done.plan, done.state
    if as_json:
        shown = plan.as_json() | {
            "sent": state is not None,
            "published": state is not None and state.published,
            "id": None if state is None else state.record,
            "doi": None if state is None else state.doi,
        }
        typer.echo(json.dumps(shown, indent=2, ensure_ascii=False))
        return
    if state is None:
        what = "a new record" if plan.previous is None else f"the next version of the record {plan.previous}"
        typer.echo(f"{plan.label} would become {what} on {plan.server}:")
        for file in plan.files:
            typer.echo(f"  {file.size:>12,}  {file.name}")
        typer.echo("nothing was sent; --send makes a draft, --publish publishes it (--json shows the metadata)")
    elif state.published:
        typer.echo(f"{plan.label} is published: https://doi.org/{state.doi}, {plan.server}/records/{state.record}")
    else:
        typer.echo(f"{plan.label} is a draft: {plan.server}/uploads/{state.record}; its DOI will be {state.doi}")
