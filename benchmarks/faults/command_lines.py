"""Command lines with wrong values, in a small project: what each answers, and what it leaves behind.

    python -m benchmarks.faults.command_lines --count 2000 --json

Arguments follow from the commands' own options. A command may succeed (status 0) or refuse (1 or 2). A fault is another
status, a traceback, a control character in what is printed, more than 5 s of processor time or 1 GB of growth, and a
command that refuses and changed a file. Each runs in a child of a process that has imported everything already.
"""

import argparse
import collections
import gc
import importlib
import json
import os
import pkgutil
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks.faults.inputs import ROOT

SECONDS, MEMORY, PATIENCE = 5.0, 1_000_000_000, 120.0
#: Values for everything.
NASTY = (
    "", " ", "-", "--", "-1", "0", "1", "nan", "inf", "-inf", "1e400", "1e400 B", "1e-400", "²", "99999999999999999999", "1,2", "1:2", "x" * 300, "a/" * 200,
    "..", "../..", "../../etc/passwd", "/etc/passwd", "/dev/null", "/dev/full", "/proc/self/mem", "/nonexistent/x", "dvc.yaml", "datasets", "datasets/ni",
    "datasets/ni/about.yaml", "datasets/ni/data.zarr", "datasets/ni/data.zarr/zarr.json", "datasets/ni/about.yaml/x", "build/releases/ni/ni-1.0.0.zip",
    "build/releases/ni/ni-1.0.0", "params.yaml", "ni", "ni@1.0.0", "ni@9.9.9", "ni@", "ni@HEAD", "ni@HEAD~1", "ni@-x", "@1.0.0", "local/x", "pools/x", "potentials", "Ni", "Xx",
    "ni-holdout", "none", "NiNb", "lammps:NiNb", "lammps:", "ase:os:system", "ase:x:y", "sevennet:x", "gpaw", "2 ps", "2 K", "-5 K", "1 GB", "0 B", "true", "null", "[]", "{}",
    '{"a":', "a=b", "key", "=1+1", "\x1b[2J", "\x1b]0;x\x07", "\n", "a\nb", "\x7f", "\u202e", "é", "日本", "\udcff", "a\udcffb", "<script>", "$(touch CANARY)", "; touch CANARY",
    "http://127.0.0.1:1", "https://[x", "https://zenodo.org#", "http://", "hf:", "hf:x", "hf:../..", "file:///etc/passwd", "git@x:y.git", "ext::sh -c 'touch CANARY'.git",
    "--upload-pack=touch CANARY;.git", "1.0.0", "01.0.0", "v1", "elements has Ni", "energy >", "((((", "not " * 500, "energy > 1 furlong", "id = 00", "CC-BY-4.0",
)  # fmt: skip
#: Commands that compute for long where their dataset exists: they get none that does.
HEAVY = frozenset({
    "sample", "distill", "augment", "translate", "relabel", "validate", "train", "evaluate", "survey", "paper", "quick", "release", "thermo", "holdout",
    "audit", "metal", "metals", "parity", "compare-labels", "doctor", "site", "publish", "reference",
})  # fmt: skip
_EXISTING = frozenset(
    {
        "ni",
        "ni@1.0.0",
        "datasets/ni",
        "datasets/ni/data.zarr",
        "build/releases/ni/ni-1.0.0.zip",
        "build/releases/ni/ni-1.0.0",
        "ni@HEAD",
    }
)
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]")
#: Below the project; what any command may keep there.
_WORK = ("build/locks", "build/index", "build/work", "build/runs", ".dvc/tmp", ".git/index")


def lines(count: int, seed: int) -> list[list[str]]:
    """Arguments of that many commands."""
    import click
    import typer

    from foundational.cli.main import app

    rng = random.Random(f"{seed}:commands")
    known: list[tuple[list[str], Any]] = []

    def collect(words: list[str], command: Any) -> None:
        if isinstance(command, click.Group) or hasattr(command, "commands"):
            for name, inner in command.commands.items():
                collect([*words, name], inner)
        else:
            known.append((words, command))

    collect([], typer.main.get_command(app))
    found = []
    for _ in range(count):
        words, command = rng.choice(known)
        heavy = words[0] in HEAVY
        values = [value for value in NASTY if not (heavy and value in _EXISTING)]
        arguments = list(words)
        for parameter in command.params:
            if parameter.param_type_name == "argument":
                wanted = 1 if parameter.nargs == 1 else rng.choice((0, 1, 2, 3))
                arguments += [_value(parameter, values, rng) for _ in range(wanted)]
        options = [
            p for p in command.params if p.param_type_name == "option" and p.name not in {"help", "install_completion"}
        ]
        for parameter in rng.sample(options, min(len(options), rng.choice((0, 1, 1, 2, 3)))):
            arguments.append(rng.choice(parameter.opts))
            if not parameter.is_flag:
                arguments.append(_value(parameter, values, rng))
        if rng.random() < 0.1:
            arguments.insert(rng.randrange(len(arguments) + 1), rng.choice(values))
        if rng.random() < 0.05 and len(arguments) > 1:
            del arguments[rng.randrange(len(arguments))]
        found.append([argument.replace("\0", "") for argument in arguments])
    return found


def _value(parameter: Any, values: list[str], rng: random.Random) -> str:
    choices = getattr(getattr(parameter, "type", None), "choices", None)
    if choices and rng.random() < 0.7:
        return str(getattr(first := rng.choice(list(choices)), "value", first))
    return rng.choice(values)


def run_commands(seeds: Path, scratch: Path, count: int, seed: int) -> dict[str, Any]:
    """Run them in a process of their own; one row, as `fuzz` has them."""
    scratch.mkdir(parents=True, exist_ok=True)
    out = scratch / "row.json"
    command = [sys.executable, "-m", "benchmarks.faults.command_lines", "--count", str(count), "--seed", str(seed)]
    subprocess.run([*command, "--project", seeds / "project", "--scratch", scratch, "--out", out], cwd=ROOT, check=True)
    row: dict[str, Any] = json.loads(out.read_text())
    return row


def measure(template: Path, scratch: Path, count: int, seed: int, first: int = 0) -> dict[str, Any]:
    """Outcomes of the commands, and the first example of each kind of fault."""
    _import_everything()
    project, home = scratch / "project", scratch / "home"
    environment = {
        "HOME": str(home),
        "XDG_DATA_HOME": str(home / "data"),
        "XDG_CACHE_HOME": str(home / "cache"),
        "TMPDIR": str(scratch / "tmp"),
    }
    os.environ |= environment | {"GIT_TERMINAL_PROMPT": "0", "GIT_SSH_COMMAND": "false", "NO_COLOR": "1"}
    for folder in (home, scratch / "tmp"):
        folder.mkdir(parents=True, exist_ok=True)
    outcomes: collections.Counter[str] = collections.Counter()
    faults: dict[str, dict[str, Any]] = {}
    begin = time.perf_counter()
    before: dict[str, Any] | None = None
    for number, arguments in [*enumerate(lines(first + count, seed))][first:]:
        if before is None:
            shutil.rmtree(project, ignore_errors=True)
            shutil.copytree(template, project, symlinks=True)
            before = _snapshot(project) | _snapshot(home)
        outcome, detail = _run(arguments, project, scratch)
        after = _snapshot(project) | _snapshot(home)
        if after != before and outcome == "refused":
            changed = sorted(name for name in after.keys() | before.keys() if after.get(name) != before.get(name))
            outcome, detail = "written", f"{len(changed)} files, such as {Path(changed[0]).relative_to(scratch)}"
        if (project / "CANARY").exists():
            outcome, detail = "executed", "a command of an argument ran"
        if after != before:
            before = None
            shutil.rmtree(home)
            home.mkdir()
        outcomes[outcome] += 1
        if outcome not in {"accepted", "refused"}:
            kind = f"{outcome}: {detail}"[:200]
            print(f"{number} {kind} {json.dumps(arguments)[:600]}", file=sys.stderr, flush=True)
            faults.setdefault(kind, {"kind": kind, "count": 0, "example": number, "detail": json.dumps(arguments)})[
                "count"
            ] += 1
        if number % 100 == 99:
            print(f"commands: {number + 1} {dict(outcomes)}", file=sys.stderr, flush=True)
    row = {"parser": "command line", "cases": count, **outcomes, "seconds": round(time.perf_counter() - begin, 1)}
    return row | {"faults": sorted(faults.values(), key=lambda fault: -fault["count"])}


def _import_everything() -> None:
    """Every module of the package, so that no child does it; those whose library is absent stay away."""
    import foundational
    import foundational.cli

    for module in (
        *pkgutil.walk_packages(foundational.__path__, "foundational."),
        *pkgutil.walk_packages(foundational.cli.__path__, "foundational.cli."),
    ):
        if not module.name.endswith("__main__"):
            with suppress(Exception):
                importlib.import_module(module.name)
    gc.collect()
    gc.freeze()


def _run(arguments: list[str], project: Path, scratch: Path) -> tuple[str, str]:
    """(outcome, detail) of one command, in a child."""
    printed = scratch / "printed.txt"
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    child = os.fork()
    if not child:
        _become(arguments, project, printed)
    deadline = time.monotonic() + PATIENCE
    while True:
        done, status, used = os.wait4(child, os.WNOHANG)
        if done:
            break
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            os.wait4(child, 0)
            return "hang", f"{arguments[0]}: no end in {PATIENCE:.0f} s"
        time.sleep(0.005)
    text = printed.read_text(encoding="utf-8", errors="replace")
    code = os.waitstatus_to_exitcode(status)
    last = text.strip().splitlines()[-1] if text.strip() else ""
    if "Traceback (most recent" in text or code == 70:
        place = re.findall(r'File ".*?/((?:foundational|cli)/[\w/]+\.py)", line (\d+)', text)
        return "traceback", f"{last[:100]} at {':'.join(place[-1]) if place else '?'}"
    if used.ru_utime + used.ru_stime > SECONDS:
        return "hang", f"{arguments[0]}: {used.ru_utime + used.ru_stime:.1f} s of processor time"
    if used.ru_maxrss * 1024 - own > MEMORY:
        return "memory", f"{arguments[0]}: {(used.ru_maxrss * 1024 - own) / 1e9:.1f} GB"
    if found := _CONTROL.search(text):
        return "control character", f"{arguments[0]}: {found[0]!r}"
    if code not in {0, 1, 2}:
        return "status", f"{arguments[0]}: {code}"
    return ("accepted" if code == 0 else "refused"), ""


def _become(arguments: list[str], project: Path, printed: Path) -> None:
    """The child: the command line with these arguments; never returns."""
    os.chdir(project)
    handle = os.open(printed, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    sys.argv = ["foundational", *arguments]
    code = 70
    try:
        from foundational.cli.main import run

        run()
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 0 if error.code is None else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _snapshot(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and not name.startswith(_WORK):
            status = path.lstat()
            found[str(path)] = (status.st_size, status.st_mtime_ns)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="number of the first command line")
    parser.add_argument("--project", type=Path, help="a project that `inputs.small_release` made; else one is made")
    parser.add_argument("--scratch", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        template = options.project
        if template is None:
            template = Path(temporary) / "seeds" / "project"
            subprocess.run([sys.executable, "-m", "benchmarks.faults.inputs", template.parent], cwd=ROOT, check=True)
        scratch = (options.scratch or Path(temporary) / "scratch").resolve()
        row = measure(template.resolve(), scratch, options.count, options.seed, options.first)
    if options.out:
        options.out.write_text(json.dumps(row))
    elif options.json:
        print(json.dumps(row, indent=1))
    else:
        print({key: value for key, value in row.items() if key != "faults"})
        for fault in row["faults"]:
            print(f"{fault['count']:6}  {fault['kind']}\n        {fault['detail'][:200]}")


if __name__ == "__main__":
    main()
