"""Options and arguments that several commands share, declared once."""

from pathlib import Path
from typing import Annotated

import typer

Root = Annotated[
    Path | None,
    typer.Option("--root", help="Project root; default: the nearest folder above that holds dvc.yaml."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
Force = Annotated[bool, typer.Option("--force", help="Replace a dataset that is there.")]
Workers = Annotated[int, typer.Option("--workers", min=1, help="Processes; changes no result.")]
Name = Annotated[str, typer.Argument(help="Dataset, such as ni or local/nb.")]
