"""Build the documentation site into build/docs/html: ``make docs``.

The pages are docs/*.md, the notebooks of examples/, a page of every command made from its help, and a gallery with a
card of every release. Cells are run, and their output is what the page shows. Then all links and anchors of the pages
are followed. A warning, a cell that fails, an address of another server that a page would load, or a link that leads
nowhere ends the build with status 1.
"""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import typer
from warm import warm_process

from foundational.card.released import released_record
from foundational.cli.main import PANELS, app
from foundational.release.registry.registry import read_registry
from foundational.release.registry.version import parse_dataset_version
from foundational.release.transfer.retrieval import pull
from foundational.reports.overview import write_overview

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build" / "docs"
SOURCE, SITE, EXTRA = BUILD / "source", BUILD / "html", BUILD / "extra"
FOUNDATIONAL = Path(sys.executable).with_name("foundational")
#: What the pages' cells open.
RELEASES = ("ni@1.0.0", "ni@2.0.0", "ni@2.1.1")
#: Pages beside docs/, and the folder in which the examples' data lie.
TOP = ("CONTRIBUTING.md", "CHANGELOG.md")
_LINK = re.compile(r"\[([^\]\n]*)\]\(([^)\s]+)\)")


def main() -> int:
    """Lay out, draw, run, and follow every link; the exit status."""
    begin = time.monotonic()
    os.environ |= environment()
    for folder in (SOURCE, SITE, EXTRA):
        shutil.rmtree(folder, ignore_errors=True)
    BUILD.mkdir(parents=True, exist_ok=True)
    site = [FOUNDATIONAL, "site", "-o", EXTRA, "--title", "Released datasets", "--root", ROOT]
    with warm_process() as warm, subprocess.Popen(site) as cards:
        lay_out()
        with tempfile.TemporaryDirectory() as nowhere, contextlib.chdir(nowhere):  # in no project: into the own store
            for reference in RELEASES:
                pull(parse_dataset_version(reference), str(ROOT))
        (SOURCE / "gallery.md").write_text("\n".join(gallery()), encoding="utf-8")
        (SOURCE / "reference" / "commands.md").write_text("\n".join(commands()), encoding="utf-8")
        arguments = ["-W", "--keep-going", "-q", "-E", "-j", "2", "-c", ROOT / "docs", SOURCE, SITE]
        sphinx = [sys.executable, "-m", "sphinx", *arguments]
        if subprocess.run(sphinx, check=False, cwd=BUILD, env=os.environ | warm).returncode or cards.wait():
            return 1
    for page in SITE.rglob("*.html"):
        page.write_text(for_all_readers(page.read_text(encoding="utf-8")), encoding="utf-8")
    shutil.copytree(EXTRA, SITE / "gallery")
    problems = sorted(problems_of(SITE))
    print(*problems, sep="\n", file=sys.stderr)
    pages = sum(1 for _ in SITE.rglob("*.html"))
    print(f"{SITE / 'index.html'}: {pages} pages, {time.monotonic() - begin:.0f} s")
    return 1 if problems else 0


def environment() -> dict[str, str]:
    """Of the cells: commands of this environment, an own store of releases, plain output of one width."""
    return {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "XDG_DATA_HOME": str(BUILD / "store"),
        "FOUNDATIONAL_EXAMPLES": str(ROOT / "examples"),
        "COLUMNS": "110",
        "NO_COLOR": "1",
        "NUMBA_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "JUPYTER_PLATFORM_DIRS": "1",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }


def lay_out() -> None:
    """Pages in one tree: docs/ at its top, beside it what else the site shows."""
    shutil.copytree(ROOT / "docs", SOURCE, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    for notebook in sorted((ROOT / "examples").glob("*.ipynb")):
        (SOURCE / "examples").mkdir(exist_ok=True)
        shutil.copy2(notebook, SOURCE / "examples")
    for name in TOP:
        (SOURCE / name.lower()).write_text((ROOT / name).read_text(encoding="utf-8"), encoding="utf-8")
    draw_picture()
    for page in [*SOURCE.rglob("*.md"), *SOURCE.rglob("*.ipynb")]:
        text = page.read_text(encoding="utf-8")
        page.write_text(_LINK.sub(partial(moved, page), text), encoding="utf-8")


def draw_picture() -> None:
    """The figure of the README from the metrics of today, into the pages."""
    picture = BUILD / "picture"
    shutil.rmtree(picture, ignore_errors=True)
    picture.mkdir(parents=True)
    for name in ("metrics", "datasets"):
        (picture / name).symlink_to(ROOT / name)
    shutil.copy2(write_overview(picture), SOURCE / "figures")


def moved(page: Path, link: re.Match[str]) -> str:
    """A link of the repository as a link of the site; of what the site does not have only its text."""
    text, target = link.groups()
    if re.match(r"[a-z]+:|#", target):
        return f"[{text}]({target})"
    path, _, anchor = target.partition("#")
    top = {name.lower() for name in TOP}
    beside = page.suffix == ".ipynb" or (page.parent == SOURCE and page.name in top)
    origin = (ROOT if beside else ROOT / "docs") / page.relative_to(SOURCE).parent
    inside = os.path.relpath(origin / path, ROOT)
    names = {"README.md": "index.md"} | {name: name.lower() for name in TOP}
    goal = SOURCE / names.get(inside, inside.removeprefix("docs/"))
    if not goal.is_file():
        return text
    return f"[{text}]({os.path.relpath(goal, page.parent)}{'#' * bool(anchor)}{anchor})"


def gallery() -> Iterator[str]:
    """A page with a row a release, the newest version of each dataset first."""
    yield "# Gallery of cards\n"
    yield (
        "A card says on one page what a dataset is: units, method, validation, limits, lineage. [Cards](cards.md) "
        "explains it. `foundational site` made these cards when this site was built.\n"
    )
    yield '<p><a href="gallery/index.html">The catalogue, a table that sorts and filters</a></p>\n'
    yield "<style>.licence { white-space: nowrap }</style>\n"
    yield '<table><thead><tr><th scope="col">release</th><th scope="col">title</th>'
    yield '<th scope="col">configurations</th><th scope="col">licence</th></tr></thead><tbody>'
    for path in sorted((ROOT / "datasets").glob("*/releases.yaml")):
        registry = read_registry(path.parent)
        for entry in reversed(registry.releases):
            release = released_record(ROOT, registry, entry.version)
            address = f"gallery/{release.name}/{release.version}/index.html"
            yield f'<tr><td><a href="{address}">{release.name} {release.version}</a></td><td>{release.about.title}</td>'
            yield f'<td>{release.n_configurations:,}</td><td class="licence">{release.about.licence}</td></tr>'
    yield "</tbody></table>\n"


def commands() -> Iterator[str]:
    """A page of every command, from its help."""
    group: Any = typer.main.get_command(app)
    yield "# Commands\n"
    yield "Each command prints the same with `--help`.\n"
    for panel, names in PANELS.items():
        yield f"## {panel}\n"
        for name in names:
            yield from described(f"foundational {name}", group.commands[name])


def described(called: str, command: Any) -> Iterator[str]:
    """A command with its options, then the commands below it."""
    context = typer.Context(command, info_name=called)
    yield f"### {called}\n"
    yield f"```text\n{' '.join([called, *command.collect_usage_pieces(context)])}\n```\n"
    yield f"{(command.help or '').strip()}\n"
    rows = [
        (" ".join([*parameter.opts, *parameter.secondary_opts]), getattr(parameter, "help", "") or "")
        for parameter in command.params
        if parameter.name != "help" and not getattr(parameter, "hidden", False)
    ]
    if rows:
        arguments = {p.opts[0] for p in command.params if p.param_type_name == "argument"}
        yield "| option | what it does |\n|---|---|"
        for option, text in rows:
            shown = option.upper() if option in arguments else option
            yield f"| `{shown}` | {' '.join(text.split()).replace('|', chr(92) + '|').replace('<', '&lt;')} |"
        yield ""
    for name, below in getattr(command, "commands", {}).items():
        yield from described(f"{called} {name}", below)


def for_all_readers(page: str) -> str:
    """A page whose captions have their level for screen readers, and whose code is scrolled by keys too."""
    return page.replace('role="heading"', 'role="heading" aria-level="2"').replace("<pre>", '<pre tabindex="0">')


class Page(HTMLParser):
    """Anchors of a page, its links, and what it loads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect them."""
        found = dict(attrs)
        if found.get("id"):
            self.anchors.add(str(found["id"]))
        if tag == "a" and found.get("href"):
            self.links.append(str(found["href"]))
        elif tag == "link" and found.get("rel") not in {"canonical", "index", "search", "next", "prev"}:
            self.loaded.append(str(found.get("href")))
        elif found.get("src"):
            self.loaded.append(str(found["src"]))


def problems_of(site: Path) -> Iterator[str]:
    """Links and anchors that lead nowhere, and what a page would load from another server."""
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}
    for path, page in pages.items():
        name = path.relative_to(site)
        for address in page.loaded:
            if urlsplit(address).scheme in {"http", "https"} or address.startswith("//"):
                yield f"{name} loads {address}"
        for address in [*page.links, *page.loaded]:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            goal = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not goal.exists():
                yield f"{name}: {address} is missing"
            elif parts.fragment and goal in pages and unquote(parts.fragment) not in pages[goal].anchors:
                yield f"{name}: {address} has no such anchor"


if __name__ == "__main__":
    sys.exit(main())
