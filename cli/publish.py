"""Commands that publish and withdraw: adopt, cite, deposit, site, publish, yank."""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from foundational.cli.options import Json, Root
from foundational.cli.output import emit, say, visible, warn
from foundational.cli.progress import progress_on_stderr

if TYPE_CHECKING:
    from foundational.stages.deposit.command import DepositResult


@dataclass(frozen=True)
class Statements:
    """What a release must say of a set."""

    title: Annotated[str | None, typer.Option("--title", help="Title, one line.")] = None
    licence: Annotated[str | None, typer.Option("--licence", help="SPDX identifier, such as CC-BY-4.0.")] = None
    creator: Annotated[
        list[str] | None,
        typer.Option("--creator", help="'Family, Given <ORCID iD>' (repeatable), with or without iD."),
    ] = None
    description: Annotated[
        str | None, typer.Option("--description", help="What it is, how it was made and what it is for.")
    ] = None

    @property
    def given(self) -> dict[str, Any]:
        """Those that were given."""
        return {field.name: value for field in fields(self) if (value := getattr(self, field.name)) is not None}


def adopt(
    name: Annotated[str, typer.Argument(help="Your own set, local/<name>.")],
    *,
    new_name: Annotated[str, typer.Option("--as", help="Its new name, without local/.")],
    statements: Statements,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing; refuse where something is missing.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the data of a set, for its next version.")] = False,
    as_json: Json = False,
    root: Root = None,
) -> None:
    """Give your own set to git and DVC, for a release.

    It moves to datasets/<name> and gets an about.yaml. What a release must state and no option gives is asked for.
    """
    from foundational.project import find_root
    from foundational.stages.adopt.command import QUESTIONS, adopt_dataset, known_answers, missing_answers

    project = find_root(root)
    answers = known_answers(project, new_name) | statements.given
    if not yes and sys.stdin.isatty():
        for missing in missing_answers(answers):
            answer = typer.prompt(QUESTIONS[missing], default="", show_default=False, err=True)
            answers[missing] = [part for part in answer.split(";") if part.strip()] if missing == "creator" else answer
    done = adopt_dataset(project, name, new_name, answers, force=force)
    document = {
        "name": new_name,
        "fingerprint": done.record.output.fingerprint,
        "files": list(done.files),
        "about": done.about.model_dump(mode="json"),
    }
    lines = [
        f"datasets/{new_name}: {done.record.output.n_configurations:,} configurations of {done.record.element}, "
        "kept by DVC and git",
        f"next: git commit -m 'Add {new_name}'; foundational release {new_name}",
    ]
    emit(document, as_json, lambda: lines)


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
    typer.echo(visible(format_citation(target, CitationFormat(style.value))), nl=False)


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


@dataclass(frozen=True)
class SiteChoice:
    """What a site has."""

    title: Annotated[str, typer.Option("--title", help="Heading of the catalogue.")] = "Datasets"
    url: Annotated[str | None, typer.Option("--url", help="Address at which the site will be.")] = None
    data: Annotated[bool, typer.Option("--data", help="Also the files of every release, with their Croissant.")] = False
    still: Annotated[bool, typer.Option("--still", help="Cards without the interactive map.")] = False
    force: Annotated[bool, typer.Option("--force", help="Replace a site that exists.")] = False


def site(
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder to write.")],
    *,
    choice: SiteChoice,
    as_json: Json = False,
    root: Root = None,
) -> None:
    """Write a static catalogue of all releases of a project.

    A table that sorts and filters, a card behind each release, and documents for search engines and programs. Any
    server of files can show it, such as GitHub Pages.
    """
    from foundational.card.site.build import SiteOptions, write_site
    from foundational.project import find_root

    options = SiteOptions(choice.title, choice.url, choice.data, not choice.still, choice.force)
    with progress_on_stderr("catalogue") as progress:
        catalogue = write_site(find_root(root), output, options, progress=progress)
    without = [entry.key for entry in catalogue.entries if entry.page is None]
    lines = [f"{output / 'index.html'}: {len(catalogue.entries)} releases"]
    if without:
        lines.append(f"without a card, since their data cannot be fetched: {', '.join(without)}")
    emit(catalogue, as_json, lambda: lines)


PUBLISH_HELP = "Publish releases where people look."


def publish_hf(
    release: Annotated[str, typer.Argument(help="Dataset with its version, such as ni@1.0.0.")],
    to: Annotated[str, typer.Option("--to", metavar="OWNER/NAME", help="Repository of a dataset at the hub.")],
    send: Annotated[bool, typer.Option("--send", help="Send it; a tag that exists is never moved.")] = False,
    as_json: Json = False,
    root: Root = None,
) -> None:
    """Publish a release at the Hugging Face Hub.

    The repository gets Parquet by part, all files of the release and its card as README.md; its tag is the version.
    Without --send it only shows what would be sent. The token is read from HF_TOKEN, the server from HF_ENDPOINT. An
    interrupted run is resumed by running it again.
    """
    from foundational.errors import InputError
    from foundational.project import find_root
    from foundational.release.hub.client import TOKEN
    from foundational.release.registry.version import parse_dataset_version
    from foundational.stages.publish.command import publish_release

    token = os.environ.get(TOKEN, "").strip() or None if send else None
    if send and token is None:
        raise InputError(f"expected the hub's access token in the environment variable {TOKEN}, found none")
    with progress_on_stderr(f"publishing {release}") as progress:
        done = publish_release(find_root(root), parse_dataset_version(release), to, token=token, progress=progress)
    plan = done.plan
    document = {
        "dataset": plan.label,
        "repository": plan.repository,
        "tag": plan.version,
        "files": [{"name": name, "size": size} for name, size in done.sizes.items()],
        "sent": done.sent,
        "new": done.new,
    }
    lines = [f"  {size:>12,}  {name}" for name, size in done.sizes.items()]
    if not done.sent:
        lines = [f"{plan.label} would become the tag {plan.version} of {plan.repository}:", *lines]
        lines.append("nothing was sent; --send publishes it")
    else:
        state = "is published as" if done.new else "was published before as"
        lines = [f"{plan.label} {state} {plan.repository}, tag {plan.version}"]
    emit(document, as_json, lambda: lines)


def publish_colabfit(
    release: Annotated[str, typer.Argument(help="Dataset with its version, such as ni@1.0.0.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder to write.")],
    force: Annotated[bool, typer.Option("--force", help="Replace a folder that exists.")] = False,
    as_json: Json = False,
    root: Root = None,
) -> None:
    """Write a release as a submission to the ColabFit Exchange.

    The folder holds the dataset in extended XYZ, a file a part, each read again by ASE and compared, and the text of
    the issue with which it is submitted. Nothing is sent.
    """
    from foundational.project import find_root
    from foundational.release.registry.version import parse_dataset_version
    from foundational.stages.publish.command import write_submission

    with progress_on_stderr(f"writing {release}") as progress:
        done = write_submission(
            find_root(root), parse_dataset_version(release), output, replace=force, progress=progress
        )
    document = {
        "dataset": done.label,
        "folder": str(done.folder),
        "issue": str(done.issue),
        "configurations": done.configurations,
    }
    lines = [f"{done.folder / name}: {count:,} configurations" for name, count in done.configurations.items()]
    lines.append(f"{done.issue}: the issue's text; add your name and address, and follow colabfit/data-lake at GitHub")
    emit(document, as_json, lambda: lines)


PUBLISH: dict[str, Any] = {"hf": publish_hf, "colabfit": publish_colabfit}


def yank(
    what: Annotated[str, typer.Argument(help="Dataset with its version, such as ni@1.0.0.")],
    reason: Annotated[str, typer.Option("--reason", help="What is wrong with it; its users will read this.")],
    root: Root = None,
) -> None:
    """Withdraw a release; the data stay available.

    Everybody who opens, pulls or verifies it is shown the reason.
    """
    from foundational.project import find_root
    from foundational.release.registry.version import parse_dataset_version
    from foundational.stages.release.command import yank_release

    reference = parse_dataset_version(what)
    yank_release(find_root(root), reference, reason)
    say(f"{reference} is withdrawn; commit datasets/{reference.name}/releases.yaml")
