"""The ``foundational`` command: each command parses, calls one library function and prints what it returns.

Heavy imports happen inside commands, so that ``foundational --help`` answers at once.
"""

import gc
import os
import sys
from collections.abc import Callable
from io import StringIO, TextIOWrapper
from typing import Annotated, Any, cast

import typer
from typer.core import TyperGroup

from foundational.cli import (
    distill,
    inspection,
    interchange,
    maintain,
    models,
    publish,
    release,
    sample,
    studies,
    thermo,
    translate,
)
from foundational.cli.labels import comparison, elsewhere
from foundational.cli.options import flat
from foundational.cli.output import warn
from foundational.errors import FoundationalError, InputError, disk_trouble, missing_package


class Panels(TyperGroup):
    """A group whose help lists its commands under headings, each summary whole."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - click's signature
        """Write one section for each heading, in the order in which the commands were added."""
        panels: dict[str, list[tuple[str, str]]] = {}
        width = max(len(name) for name in self.commands)
        for name, command in self.commands.items():
            if not command.hidden:
                summary = (command.help or "").strip().partition("\n")[0].removesuffix(".")
                panels.setdefault(command.rich_help_panel or "Commands", []).append((name.ljust(width), summary))  # type: ignore[attr-defined]
        for heading, rows in panels.items():
            with formatter.section(heading):
                formatter.write_dl(rows)


Command = Callable[..., None]
#: Headings of ``foundational --help`` and what is under each: commands, and groups of them with their help. What a
#: group does where no command of it is named comes last.
PANELS: dict[str, dict[str, Command | tuple[str, dict[str, Command]] | tuple[str, dict[str, Command], Command]]] = {
    "Make data": {
        "import": interchange.import_,
        "sample": sample.sample,
        "holdout": sample.holdout,
        "distill": distill.distill,
        "augment": translate.augment,
        "translate": translate.translate,
        "relabel": translate.relabel,
        "label": (elsewhere.LABEL_HELP, {"write": elsewhere.write, "collect": elsewhere.collect}),
    },
    "Look at data": {
        "list": inspection.list_datasets,
        "show": inspection.show,
        "check": inspection.check,
        "card": inspection.card,
        "audit": distill.audit,
        "thermo": thermo.thermo,
        "diff": release.diff,
        "blame": inspection.blame,
        "compare-labels": comparison.compare_labels,
    },
    "Publish": {
        "export": interchange.export,
        "adopt": publish.adopt,
        "release": release.release,
        "verify": release.verify,
        "pull": release.pull,
        "yank": publish.yank,
        "cite": publish.cite,
        "deposit": publish.deposit,
        "site": publish.site,
        "publish": (publish.PUBLISH_HELP, publish.PUBLISH),
    },
    "Models": {
        "validate": models.validate,
        "reference": models.reference,
        "train": models.train,
        "evaluate": models.evaluate,
        "survey": (studies.SURVEY_HELP, studies.SURVEY),
        "paper": (studies.PAPER_HELP, studies.PAPER),
    },
    "Project": {
        "init": maintain.init,
        "potentials": (maintain.POTENTIALS_HELP, {"add": maintain.add_potential}, maintain.potentials),
        "doctor": maintain.doctor,
        "schemas": maintain.schemas,
        "quick": maintain.quick,
    },
}
#: Former names of commands, which still work.
FORMER: dict[str, Command] = {"metal": studies.run, "metals": studies.survey_page, "parity": studies.pool}


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"foundational {version('foundational')}")
        raise typer.Exit


def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Foundational datasets for machine-learning potentials: sample, distill, translate, validate, release."""


def _group(*, no_args_is_help: bool = True, **options: Any) -> typer.Typer:
    return typer.Typer(cls=Panels, no_args_is_help=no_args_is_help, rich_markup_mode=None, **options)


def build() -> typer.Typer:
    """The application with all its commands."""
    whole = _group(
        name="foundational",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    whole.callback()(_options)
    for heading, commands in PANELS.items():
        for name, command in commands.items():
            if isinstance(command, tuple):
                group = _group(help=command[0], no_args_is_help=len(command) == 2)
                if len(command) == 3:
                    group.callback(invoke_without_command=True)(flat(command[2]))
                for word, part in command[1].items():
                    group.command(word)(flat(part))
                whole.add_typer(group, name=name, rich_help_panel=heading)
            else:
                whole.command(name, rich_help_panel=heading)(flat(command))
    for name, command in FORMER.items():
        whole.command(name, hidden=True)(flat(command))
    return whole


app = build()
gc.freeze()  # what was imported stays, so no collection of garbage looks through it: that took 40 ms
#: What the command line's parser raises, above its kinds.
_USAGE = cast("type[Exception]", typer.BadParameter.__mro__[2])


def run() -> None:
    """Entry point: an error that a user can act on is one line on stderr and exit status 1, never a traceback."""
    # The matrices of crystals are small. On a busy machine the threads of BLAS wait for each other: relaxing crystals
    # took five times the processor time. Read by numpy when it is imported, so before any command.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a letter that the terminal cannot show ends no command
    try:
        _require_text(sys.argv[1:])
        status = app(standalone_mode=False)
        sys.exit(status if isinstance(status, int) else 0)
    except _USAGE as error:
        _fail_usage(error)
    except typer.Abort:
        warn("Aborted!")
        sys.exit(1)
    except FoundationalError as error:
        _fail(str(error))
    except MemoryError as error:
        _fail(f"not enough memory ({error or 'no size was stated'}); use a larger machine or less data")
    except ImportError as error:
        _fail(missing_package(error), error)
    except OSError as error:
        _fail(disk_trouble(error), error)
    except KeyboardInterrupt:
        warn("interrupted; run the same command again to continue")
        sys.exit(130)


def _require_text(arguments: list[str]) -> None:
    """Refuse arguments that are no UTF-8: what is written with them could not be read again."""
    for argument in arguments:
        try:
            argument.encode()
        except UnicodeEncodeError:
            raise InputError(
                f"expected arguments in UTF-8, got {argument.encode(errors='replace').decode()!r}"
            ) from None


def _fail_usage(error: Any) -> None:
    """Print how a command is called; it repeats arguments, which may hold what commands a terminal."""
    text = StringIO()
    error.show(file=text)
    for line in text.getvalue().splitlines():
        warn(line)
    sys.exit(error.exit_code)


def _fail(message: str | None, error: Exception | None = None) -> None:
    """Print ``message`` as one line and end with status 1; raise ``error`` where nothing can be said of it."""
    if message is None and error is not None:
        raise error
    warn(f"error: {' '.join((message or '').split())}")
    sys.exit(1)


if __name__ == "__main__":
    run()
