"""Small changes of the code, each of which a test should notice: mutation testing of data, releases and gates.

    python -m benchmarks.faults.mutants --count 400 --seed 1 --json
    python -m benchmarks.faults.mutants --only 'foundational/data/*' --minutes 30
    python -m benchmarks.faults.mutants --seed 1 --replay 17           # one mutant, with the output of its tests

The mutations are those of Cosmic Ray: another operator, comparison, number or truth value, a negated condition, a loop
that never runs, an exception that is not caught, a missing decorator. A *place* is one part of one line and one kind
of mutation; places are drawn with equal chance without repetition, and one mutation of that kind is drawn for each.
Not drawn is what cannot change a result: annotations, ``frozen=`` of a dataclass, ``stacklevel=`` of a warning, the
number in ``reshape(-1)``, and ``is`` for ``==``, which is the same between values that Python keeps once.

Everything happens in a copy of the checkout. The tests of ``[tool.foundational.mutants]`` in pyproject.toml run once,
with coverage.py noting which test reaches which line; the files of slow ones run again, for their time without it. For
a mutant those tests run that reach its line, until one fails: first those of its module, then those beside them, then
the others, quick ones first, up to ``--budget`` seconds of processor time. A mutant is *killed* where a test fails,
*slow* where the tests do not end in five times the usual time, which counts as killed, and a *survivor* otherwise. In
the end the tests that failed run without a mutation; where one fails then, its mutants are tried again without it.
"""

import argparse
import ast
import collections
import difflib
import fnmatch
import gc
import importlib
import json
import math
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
import traceback
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
#: Kinds of Cosmic Ray that need settings of their own.
_UNUSED = {"VariableInserter", "VariableReplacer"}
#: `is` in place of `==`, which differs only where Python happens to have two copies of a value.
_SAME = ("_Eq_Is", "_NotEq_IsNot")
#: Processor time of a test, s, from which its file runs a second time to find what it costs.
_SLOW = 4.0
_FAMILIES = ("ReplaceBinaryOperator", "ReplaceComparisonOperator", "ReplaceUnaryOperator")


@dataclass(frozen=True, order=True)
class Place:
    """A part of a file that one kind of mutation can change."""

    file: str
    line: int
    column: int
    family: str
    mutations: tuple[tuple[str, int], ...] = field(compare=False)
    """Operators of Cosmic Ray, and the number of the occurrence that each must change."""


@dataclass
class Map:
    """Which test reaches which line, and what each costs."""

    lines: dict[str, dict[int, list[str]]]
    """Tests by file and line; tests of a line that is reached while modules load are unknown."""
    seconds: dict[str, float]
    """Of the tests that passed without a mutation."""


# ---------------------------------------------------------------------------------------------------------------- places


def places(root: Path, file: str) -> Iterator[Place]:
    """All places of a file."""
    from cosmic_ray.ast import get_ast
    from cosmic_ray.plugins import get_operator, operator_names

    source = (root / file).read_text(encoding="utf-8")
    excluded = list(_without_effect(ast.parse(source)))
    found: dict[tuple[int, int, str], list[tuple[str, int]]] = collections.defaultdict(list)
    tree = get_ast(source)
    for name in operator_names():
        kind = name.split("/")[1]
        if kind in _UNUSED or kind.endswith(_SAME):
            continue
        operator, occurrence = get_operator(name)(), 0
        for node in _nodes(tree):
            for start, _ in operator.mutation_positions(node):
                if not any(a <= start < b for a, b in excluded):
                    family = next((f for f in _FAMILIES if kind.startswith(f)), kind)
                    found[*start, family].append((name, occurrence))
                occurrence += 1
    for (line, column, family), mutations in sorted(found.items()):
        yield Place(file, line, column, family, tuple(mutations))


def _nodes(node: Any) -> Iterator[Any]:
    """In the order in which Cosmic Ray counts."""
    yield node
    for child in getattr(node, "children", ()):
        yield from _nodes(child)


def _without_effect(tree: ast.AST) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Begin and end of what changes no result, whatever stands there."""
    for node in ast.walk(tree):
        parts = [getattr(node, name, None) for name in ("annotation", "returns")]
        if isinstance(node, ast.keyword) and node.arg in {"frozen", "stacklevel"}:
            parts.append(node.value)
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "reshape":
            parts += [number.operand for number in node.args if isinstance(number, ast.UnaryOp)]
        for inner in parts:
            if isinstance(inner, ast.expr):
                yield (inner.lineno, inner.col_offset), (inner.end_lineno or 0, inner.end_col_offset or 0)


def mutated(source: str, operator: str, occurrence: int) -> str | None:
    """The changed source; None where that is no Python, or where Cosmic Ray cannot do it, as for dotted exceptions."""
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator

    try:
        changed = str(mutate_code(source, get_operator(operator)(), occurrence))
        compile(changed, "<mutant>", "exec")
    except (AttributeError, SyntaxError):
        return None
    return changed


def drawn(population: list[Place], count: int, seed: int) -> Iterator[tuple[Place, tuple[str, int]]]:
    """``count`` places in random order, each with one of its mutations."""
    generator = random.Random(seed)
    for place in generator.sample(population, len(population)):
        mutation = generator.choice(place.mutations)
        if mutated((ROOT / place.file).read_text(encoding="utf-8"), *mutation) is not None:
            yield place, mutation
            count -= 1
        if not count:
            return


# ------------------------------------------------------------------------------------------------------------- the tests


class Watch:
    """A plugin of pytest that says to coverage.py which test runs, and notes what passes in what processor time."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.began = 0.0
        self.failed: list[str] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        import coverage

        self.began = sum(os.times()[:4])

        measured = coverage.Coverage.current()
        if measured is not None:
            measured.switch_context(item.nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[report.nodeid] = sum(os.times()[:4]) - self.began
        if not report.passed:
            self.failed.append(report.nodeid)


def copied(root: Path, copy: Path) -> None:
    """A copy of what git tracks and of what DVC has put there; an older copy is renewed."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=root, check=True, capture_output=True, text=True).stdout.split("\0")
    patterns = ("datasets/potentials/*", "datasets/*/data.zarr/**/*")
    kept = [path.relative_to(root).as_posix() for pattern in patterns for path in root.glob(pattern)]
    copy.mkdir(parents=True, exist_ok=True)
    for old in copy.rglob("*.py"):  # of a module that is gone
        if not (root / old.relative_to(copy)).is_file():
            old.unlink()
    for name in filter(None, [*names, *kept]):
        if (root / name).is_file() or (root / name).is_symlink():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).unlink(missing_ok=True)
            shutil.copy2(root / name, copy / name, follow_symlinks=False)
    if not (copy / "foundational" / "cli").is_symlink():
        (copy / "foundational" / "cli").symlink_to("../cli")


def child(
    copy: Path,
    arguments: list[str],
    log: Path,
    limit: float | None,
    *,
    reach: Path | None = None,
    costs: Path | None = None,
) -> int | None:
    """Exit status of pytest in a fork of this process; None where it took more processor time than ``limit``, s.

    ``reach`` is a folder for what coverage.py finds, ``costs`` a file for the seconds of each test that passes.
    """
    process = os.fork()
    if process == 0:
        status = 70
        try:
            os.setsid()
            status = _tests(copy, arguments, log, limit, reach, costs)
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(status)
    deadline = None if limit is None else time.monotonic() + 60 + 10 * limit
    while True:
        done, status = os.waitpid(process, os.WNOHANG)
        if done or (deadline is not None and time.monotonic() > deadline):
            break
        time.sleep(0.05)
    with suppress(ProcessLookupError):  # also what the tests left running
        os.killpg(process, signal.SIGKILL)
    if not done:
        os.waitpid(process, 0)
        return None
    code = os.waitstatus_to_exitcode(status)
    if code not in (0, 1, 2, 3, 4, -signal.SIGXCPU, -signal.SIGKILL):
        raise RuntimeError(f"the tests ended with {code}: {log.read_text(errors='replace')[-2000:]}")
    return None if code < 0 else code


def _tests(
    copy: Path, arguments: list[str], log: Path, limit: float | None, reach: Path | None, costs: Path | None
) -> int:
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    if limit is not None:
        resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(limit), math.ceil(limit) + 5))
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**31, 2**31))
    os.chdir(copy)
    os.environ |= {"PYTHONPATH": str(copy), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    sys.path.insert(0, str(copy))
    temporary = copy.parent / "tmp"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    os.environ["TMPDIR"] = tempfile.tempdir = str(temporary)
    watch, measured = Watch(), None
    if reach is not None:
        import coverage

        measured = coverage.Coverage(config_file=str(copy / "pyproject.toml"), data_file=str(reach / "coverage"))
        measured.start()
    fixed = ["-q", "-p", "no:cacheprovider", "--basetemp", str(temporary / "pytest")]
    status = int(pytest.main([*fixed, *arguments], plugins=[watch]))
    (copy.parent / "failed").write_text("\n".join(watch.failed))
    if measured is not None:
        measured.stop()
        measured.save()
    if costs is not None:
        names = sorted(
            n for n in sys.modules if n.split(".")[0] not in {"foundational", "tests", "benchmarks", "conftest"}
        )
        passed = {test: seconds for test, seconds in watch.seconds.items() if test not in watch.failed}
        costs.write_text(json.dumps({"seconds": passed, "modules": names}))
    sys.stdout.flush()
    return status


def mapped(copy: Path, tests: list[str], kept: Path, further: list[str]) -> Map:
    """What reaches what, from all runs in the folder ``kept``; ``tests`` run where there is none, ``further`` always."""
    if not list(kept.glob("*/tests.json")):
        _run_mapped(copy, tests, kept / "1")
    if further:
        _run_mapped(copy, further, kept / str(len(list(kept.glob("*/tests.json"))) + 1))
    lines: dict[str, dict[int, list[str]]] = {}
    seconds: dict[str, float] = {}
    modules: set[str] = set()
    for folder in sorted(kept.glob("*/tests.json")):
        _read_mapped(folder.parent, copy, lines)
        noted = json.loads(folder.read_text())
        seconds |= noted["seconds"]
        modules |= set(noted["modules"])
    preload(sorted(modules))
    return Map(lines, seconds)


def _run_mapped(copy: Path, tests: list[str], folder: Path) -> None:
    import coverage

    folder.mkdir(parents=True)
    costs, again = folder / "tests.json", folder / "again.json"
    child(copy, tests, folder / "log", None, reach=folder, costs=costs)
    noted = json.loads(costs.read_text())
    slow = sorted({test.split("::")[0] for test, seconds in noted["seconds"].items() if seconds > _SLOW})
    if slow:  # once more, without coverage.py and without compilation
        child(copy, slow, folder / "log_again", None, costs=again)
        kept = {test: seconds for test, seconds in noted["seconds"].items() if not test.startswith(tuple(slow))}
        costs.write_text(json.dumps(noted | {"seconds": kept | json.loads(again.read_text())["seconds"]}))
    mine = coverage.Coverage(config_file=False, data_file=str(folder / "coverage"))
    mine.combine([str(folder)])
    mine.save()
    sources = {p.relative_to(copy).as_posix(): p.read_text() for p in copy.glob("foundational/**/*.py")}
    (folder / "sources.json").write_text(json.dumps(sources))


def _read_mapped(folder: Path, copy: Path, lines: dict[str, dict[int, list[str]]]) -> None:
    """Add the tests of each line; a line that moved since the run keeps its tests, one that changed has none."""
    import coverage

    sources = json.loads((folder / "sources.json").read_text())
    data = coverage.CoverageData(str(folder / "coverage"))
    data.read()
    for name in data.measured_files():
        file = name[name.rfind("/foundational/") + 1 :]
        if file not in sources or not (copy / file).is_file():
            continue
        then, now = sources[file].splitlines(), (copy / file).read_text().splitlines()
        place = {a.a + i + 1: a.b + i + 1 for a in _same(then, now) for i in range(a.size)}
        for line, found in data.contexts_by_lineno(name).items():
            if line in place:
                known = lines.setdefault(file, {}).setdefault(place[line], [])
                known += sorted(set(found) - {"", *known})


def _same(then: list[str], now: list[str]) -> list[difflib.Match]:
    return difflib.SequenceMatcher(None, then, now, autojunk=False).get_matching_blocks()


def preload(modules: list[str]) -> None:
    """Import other people's packages once, for all forks."""
    os.environ.setdefault("MPLBACKEND", "agg")
    for name in modules:
        if name not in sys.modules and not name.startswith(("__", "test_", "_pytest")):
            with suppress(BaseException):
                importlib.import_module(name)
    gc.collect()
    gc.freeze()


def mirrored(file: str, known: dict[str, str]) -> str:
    """The file of tests that tests/test_mirror.py demands for a module."""
    own = Path("tests") / Path(file).relative_to("foundational")
    path = own.with_name(f"test_{own.name}")
    inner = file.removeprefix("foundational/")
    stand_in = next((test for pattern, test in known.items() if fnmatch.fnmatch(inner, pattern)), "")
    return path.as_posix() if (ROOT / path).exists() else f"tests/{stand_in}"


def chosen(place: Place, source: str, reached: Map, known: dict[str, str], budget: float) -> list[str]:
    """Tests that reach a place: those of its module first, of its package next, then quick ones; ``budget`` is in s."""
    lines = reached.lines.get(place.file, {})
    inside = _body(ast.parse(source), place.line)
    first = mirrored(place.file, known)
    if inside is None:  # while the module loads: any of its tests
        found = {test for tests in lines.values() for test in tests}
    else:
        found = {test for line in inside for test in lines.get(line, ())}
    if not found and (inside is None or any(line in lines for line in inside)):  # a table; or in another process
        found = {test for test in reached.seconds if test.startswith(first + "::")}
    known_good = [test for test in found if test in reached.seconds]
    near = (first.removesuffix(".py"), f"{Path(first).parent}/")
    distance = {test: next((k for k, starts in enumerate(near) if test.startswith(starts)), 2) for test in known_good}
    ordered = sorted(known_good, key=lambda test: (distance[test], reached.seconds[test], test))
    total, taken = 0.0, []
    for test in ordered:
        if not taken or total + reached.seconds[test] <= budget:
            total += reached.seconds[test]
            taken.append(test)
    return taken


def _body(tree: ast.Module, line: int) -> list[int] | None:
    """Lines of the statement in a function that has ``line``; None outside of functions."""
    best: ast.stmt | None = None
    within = False
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            body = node.body if isinstance(node.body, list) else [node.body]
            within |= body[0].lineno <= line <= (body[-1].end_lineno or 0)
        around = isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or 0)
        if around and (best is None or node.lineno >= best.lineno):
            best = node
    if not within or best is None:
        return None
    compound = getattr(best, "body", None)
    last = max(line, compound[0].lineno - 1) if compound else best.end_lineno or line
    return list(range(best.lineno, last + 1))


# ---------------------------------------------------------------------------------------------------------- the campaign


def interval(killed: int, count: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share.

    >>> [round(x, 3) for x in interval(90, 100)]
    [0.826, 0.945]
    """
    if not count:
        return 0.0, 1.0
    z, share = 1.959964, killed / count
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return middle - half, middle + half


def group(file: str) -> str:
    parts = file.split("/")
    return parts[1] if parts[1] in {"data", "release"} else "gates"


def main() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["foundational"]["mutants"]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=400, help="mutants")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=math.inf, help="no further mutant after this time")
    parser.add_argument("--budget", type=float, default=30, help="processor time of the tests of one mutant, s")
    parser.add_argument("--only", default="*", help="files, as a pattern such as 'foundational/data/*'")
    parser.add_argument("--map", type=Path, help="folder for what reaches what, used again where it is there")
    parser.add_argument("--further", nargs="*", default=[], help="tests that are run and added to what --map has")
    parser.add_argument("--replay", type=int, nargs="*", help="numbers of mutants, to try these alone")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    files = sorted({p.relative_to(ROOT).as_posix() for pattern in settings["files"] for p in ROOT.glob(pattern)})
    population = [place for file in files if fnmatch.fnmatch(file, options.only) for place in places(ROOT, file)]
    with tempfile.TemporaryDirectory() as temporary:
        kept = (options.map or Path(temporary)).resolve()
        copy = kept / "work" / "copy"  # numba keeps machine code by the place of the source
        copied(ROOT, copy)
        reached = mapped(copy, settings["tests"], kept, options.further)
        known = _stand_ins()
        rows: dict[int, dict[str, Any]] = {}
        begun = time.monotonic()
        mutants = dict(enumerate(drawn(population, options.count, options.seed)))
        waiting = [n for n in mutants if options.replay is None or n in options.replay]
        while waiting and time.monotonic() < begun + 60 * options.minutes:
            for number in waiting:
                if time.monotonic() > begun + 60 * options.minutes:
                    break
                rows[number] = _try(number, mutants[number], copy, reached, known, options.budget)
                if options.replay is not None and len(options.replay) == 1:
                    print((copy.parent / "log").read_text(), file=sys.stderr)
                print(json.dumps(rows[number], ensure_ascii=False), file=sys.stderr, flush=True)
            failing = _failing(copy, {row["killer"] for row in rows.values()} - {""})
            for test in failing:
                del reached.seconds[test]
            waiting = [number for number, row in rows.items() if row["killer"] in failing]
    _report(list(rows.values()), population, options)


def _failing(copy: Path, tests: set[str]) -> set[str]:
    """Which of ``tests`` fail without a mutation, so that they say nothing of one."""
    costs = copy.parent / "control.json"
    if not tests or child(copy, sorted(tests), copy.parent / "control", None, costs=costs) == 0:
        return set()
    return tests - set(json.loads(costs.read_text())["seconds"])


def _try(
    number: int, mutant: tuple[Place, tuple[str, int]], copy: Path, reached: Map, known: dict[str, str], budget: float
) -> dict[str, Any]:
    place, mutation = mutant
    path = copy / place.file
    source, stamp = path.read_text(encoding="utf-8"), path.stat()
    changed = mutated(source, *mutation)
    assert changed is not None
    tests = chosen(place, source, reached, known, budget)
    row = {
        "number": number,
        "file": place.file,
        "line": place.line,
        "kind": mutation[0].split("/")[1],
        "change": _difference(source, changed),
        "tests": len(tests),
    }
    (copy.parent / "failed").unlink(missing_ok=True)
    began = time.process_time() + sum(os.times()[2:4])
    status: int | None = 0
    if tests:
        try:
            path.write_text(changed, encoding="utf-8")
            # Python takes compiled code for that of a source of the same size and second.
            os.utime(path, (stamp.st_mtime, stamp.st_mtime + 2 + number))
            limit = 30 + 5 * sum(reached.seconds[test] for test in tests)
            status = child(copy, ["-x", *tests], copy.parent / "log", limit)
        finally:
            path.write_text(source, encoding="utf-8")
            os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    killer = (copy.parent / "failed").read_text() if status == 1 else ""
    if status in (2, 3, 4) and child(copy, ["--collect-only", *tests], copy.parent / "control", None) != 0:
        gone = re.findall(r"not found: \S*/copy/(\S+)", (copy.parent / "control").read_text())  # since --map was made
        if not gone:
            raise RuntimeError("the tests cannot be collected: " + (copy.parent / "control").read_text()[-2000:])
        for test in [test for test in reached.seconds if test.startswith(tuple(gone))]:
            del reached.seconds[test]
        return _try(number, mutant, copy, reached, known, budget)
    row["killer"] = killer
    row["result"] = "slow" if status is None else "survived" if status == 0 else "killed"
    if not tests:
        row["result"] = "unreached"
    row["cpu_s"] = round(time.process_time() + sum(os.times()[2:4]) - began, 1)
    return row


def _difference(before: str, after: str) -> str:
    old, new = before.splitlines(), after.splitlines()
    first = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), 0)
    return f"{old[first].strip()} → {new[first].strip()}"


def _stand_ins() -> dict[str, str]:
    """``TESTED_IN`` of tests/test_mirror.py, without importing it."""
    sys.path.insert(0, str(ROOT / "tests"))
    try:
        import test_mirror

        return dict(test_mirror.TESTED_IN)
    finally:
        sys.path.pop(0)
        for name in [n for n in sys.modules if n == "test_mirror" or n.split(".")[0] == "foundational"]:
            del sys.modules[name]


def _report(rows: list[dict[str, Any]], population: list[Place], options: argparse.Namespace) -> None:
    table = []
    for name in ("data", "release", "gates", "all"):
        part = [row for row in rows if name in ("all", group(row["file"]))]
        results = collections.Counter(row["result"] for row in part)
        killed = results["killed"] + results["slow"]
        low, high = interval(killed, len(part))
        table.append(
            {
                "part": name,
                "places": sum(name in ("all", group(p.file)) for p in population),
                "mutants": len(part),
                "killed": killed,
                **{key: results[key] for key in ("slow", "survived", "unreached")},
                "share": killed / len(part) if part else None,
                "interval_95": [round(low, 3), round(high, 3)],
            }
        )
    survivors = [row for row in rows if row["result"] in ("survived", "unreached")]
    seconds = sum(row["cpu_s"] for row in rows)
    if options.json:
        report = {"seed": options.seed, "cpu_s": round(seconds), "parts": table, "survivors": survivors}
        print(json.dumps(report, indent=1, ensure_ascii=False))
        return
    for row in table:
        print(*(f"{key} {value}" for key, value in row.items()), sep=", ")


if __name__ == "__main__":
    main()
