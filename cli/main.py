"""The ``foundational`` command: each command parses, calls one library function and prints what it returns.

Heavy imports happen inside commands, so that ``foundational --help`` answers at once.
"""

import sys

import typer

from foundational.cli import audit, data, labelling, metals, models, paper, pipeline, project, publish, release, thermo
from foundational.errors import FoundationalError, disk_trouble

app = typer.Typer(
    name="foundational",
    help="Foundational datasets for neural-network potentials: sample, distill, translate, validate.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for module in (pipeline, labelling, metals, thermo, data, audit, models, project, paper, release, publish):
    module.register(app)


def run() -> None:
    """Entry point: an error that a user can act on is one line on stderr and exit status 1, never a traceback."""
    try:
        app()
    except FoundationalError as error:
        typer.echo(f"error: {' '.join(str(error).split())}", err=True)
        sys.exit(1)
    except OSError as error:
        trouble = disk_trouble(error)
        if trouble is None:
            raise
        typer.echo(f"error: {trouble}", err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        typer.echo("interrupted; run the same command again to go on", err=True)
        sys.exit(130)


if __name__ == "__main__":
    run()
