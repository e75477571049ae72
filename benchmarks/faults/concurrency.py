"""Run every pair of commands at once on one project, and compare what comes of it with the two orders of the pair.

    python benchmarks/faults/concurrency.py --json
    python benchmarks/faults/concurrency.py --only import --only check --tries 5
    python benchmarks/faults/concurrency.py --json --after first.json    # what an ended run left

Both commands start together, or one a drawn time after the other. Each must complete, or refuse by one of the
documented sentences. What lies on disk then must be what one of the two orders gives: part by part what was there
before, what the first command makes, what the second one makes, or what they make one after the other. A reader must
print what it prints before or after. Then both run again, one after the other, and nothing may be left over.
"""

import argparse
import json
import random
import re
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any

import commands
import forks
import states
import worlds
from commands import ADOPT, DISTILL, IMPORT_AL, IMPORT_OTHER, SAMPLE, Command
from forks import Ended, Running
from kills import Campaign

_EMT = ["--labeller", "ase:ase.calculators.emt:EMT", "--workers", "1"]
#: By the command that may say it: sentences with which a command may refuse while another one works.
REFUSALS = (
    r"another process is writing",
    r"was replaced or moved after it was opened",
    r"exists already",
    r"commit .* before it",
    r"holds other data than DVC tracks",
    r"no dataset '[^']*'",
    r"[Uu]nable to acquire lock",
    r"is busy, it is being (blocked|used)",
    r"exists now and was written by another process",
)
CALLS = (
    Command("import", ["import", "../files/al.xyz", "--name", "local/new", "--force"]),
    Command("relabel", ["relabel", "local/al", "--name", "local/new", "--force", *_EMT]),
    Command("relabel from it", ["relabel", "local/new", "--name", "local/re", "--force", *_EMT]),
    Command("distill", [*DISTILL[:1], "local/new", *DISTILL[2:], "--force"]),
    Command("adopt", ["adopt", "local/new", *ADOPT[2:]]),
    Command("sample", [*SAMPLE, "--frames", "36"]),
    Command("holdout", ["holdout", "ni-holdout", "--force"]),
    Command("translate", ["translate", "ni", "--to", "Al", "--name", "local/new", "--force", "--workers", "1"]),
    Command("train", ["train", "local/new", "-o", "../out/m.model", "--settings", "recipe", "--short-range", "zbl"]),
    Command("validate --write", ["validate", "local/new", "--write", "--quick"]),
    Command("release", ["release", "ni"]),
    Command("yank", ["yank", "ni@1.0.0", "--reason", "wrong labels"]),
    Command("pull in a project", ["pull", "ni@1.0.0"]),
    Command("pull", ["pull", "ni@1.0.0", "--from", "../project/build/releases"], where="elsewhere"),
    Command("export", ["export", "local/new", "-o", "../out/export", "--for", "mace", "--force"]),
    Command("card", ["card", "local/new", "-o", "../out/card.html"]),
    Command(
        "label write", ["label", "write", "local/al", "../out/jobs", "--code", "qe", "--template", "../files/pw.in"]
    ),
    Command("dvc repro", ["repro"], program="dvc"),
    Command("show", ["show", "local/new", "--json"]),
    Command("check", ["check", "local/new", "--json"]),
    Command("verify", ["verify", "ni", "--json"]),
    Command("list", ["list", "--json"]),
)
READERS = {"show", "check", "verify", "list"}
FOLDERS = (
    "project/datasets/local/*",
    "project/datasets/pools/*",
    "project/datasets/*/data.zarr",
    "project/datasets/*/releases/*",
    "project/datasets/ni@1.0.0",
    "project/build/releases/*/*-?.?.?",
    "data/foundational/ni/*",
    "out/export",
    "out/jobs/????????*",
    "out/jobs/configurations.zarr",
)
#: What git and DVC note for themselves; its order of lines depends on who came first.
NOTES = ("project/dvc.lock", "project/datasets/.gitignore", "project/datasets/*/.gitignore")
BEFORE: tuple[commands.Before, ...] = (
    IMPORT_AL,
    IMPORT_OTHER,
    SAMPLE,
    *commands.RELEASED,
    worlds.change,
)


@dataclass
class Pair:
    """Two commands at once."""

    first: str
    second: str
    offset: float
    """s after which the second started."""
    outcomes: tuple[str, str] = ("", "")
    problems: list[str] = field(default_factory=list)


class Concurrency(Campaign):
    """Pairs in one folder."""

    def prepare_all(self, calls: tuple[Command, ...]) -> None:
        """The state from which all start, and what each command makes alone."""
        self.build()
        worlds.copy(self.folder / "world", self.place)
        self.lead_to(BEFORE)
        shutil.rmtree(self.place / "tmp")
        (self.place / "tmp").mkdir()
        self.place.rename(self.folder / "before")
        worlds.copy(self.folder / "before", self.place)
        self.old = self.units()
        self.alone: dict[str, tuple[Ended, dict[str, str]]] = {}
        for call in calls:
            worlds.copy(self.folder / "before", self.place)
            ended = self.call(call, modules=True)
            if ended.traceback or (ended.status and call.name not in {"validate --write", "check", "verify"}):
                raise RuntimeError(f"{call.name} alone: {ended.said}")
            forks.import_all(self.modules)
            self.alone[call.name] = ended, self.units()

    def units(self) -> dict[str, str]:
        """What is taken for data."""
        found = states.units(self.place, FOLDERS)
        return {name: digest for name, digest in found.items() if not any(Path(name).match(note) for note in NOTES)}

    def begin(self, call: Command) -> Running:
        """Start a command in the place of a try."""
        what: Any = (forks.command_line, call.arguments) if call.program is None else (commands.run_program, call)
        return forks.start(
            *what,
            place=self.place,
            root=self.place / call.where,
            environment=commands.environment_of(call, self.place),
        )

    def attempt_pair(self, first: Command, second: Command, offset: float) -> Pair:
        """Run both at once, look, and run both again."""
        pair = Pair(first.name, second.name, round(offset, 3))
        worlds.copy(self.folder / "before", self.place)
        a = self.begin(first)
        time.sleep(offset)
        b = self.begin(second)
        ended = a.wait(), b.wait()
        calls = first, second
        pair.outcomes = tuple(self.outcome(pair, call, end) for call, end in zip(calls, ended, strict=True))  # type: ignore[assignment]
        pair.problems += self.not_whole("after both")
        now = self.units()
        allowed = {unit: {self.old.get(unit)} for unit in {*now, *self.old}}
        for call in calls:
            for unit, digest in self.alone[call.name][1].items():
                allowed.setdefault(unit, {None}).add(digest)
            for unit in self.old.keys() - self.alone[call.name][1].keys():
                allowed[unit].add(None)
        strange = [unit for unit in allowed if now.get(unit) not in allowed[unit]]
        printed = [(c, e) for c, e in zip(calls, ended, strict=True) if c.name in READERS and not self.is_known(c, e)]
        if strange or printed:
            orders = list(self.orders(first, second))
            for unit in strange:
                if now.get(unit) not in {made.get(unit) for made, _ in orders}:
                    pair.problems.append(f"{unit}: as in no order of the two")
            for call, end in printed:
                if end.said not in {said[call.name] for _, said in orders} and not self.refused(end):
                    pair.problems.append(
                        f"{call.name} printed what it prints neither before nor after: {end.said[-600:]}"
                    )
        worlds_left = self.rerun(calls)
        pair.problems += worlds_left
        return pair

    def is_known(self, call: Command, ended: Ended) -> bool:
        """Whether a reader printed what it prints alone."""
        return ended.said == self.alone[call.name][0].said

    def refused(self, ended: Ended) -> bool:
        """Whether a command refused by a documented sentence."""
        return ended.status in {1, 255} and any(re.search(pattern, ended.said) for pattern in REFUSALS)

    def outcome(self, pair: Pair, call: Command, ended: Ended) -> str:
        """``completed``, the sentence of a refusal, or a problem."""
        if ended.traceback:
            pair.problems.append(f"{call.name}: traceback: {ended.said[-1200:]}")
            return "traceback"
        if self.refused(ended):
            return next(pattern for pattern in REFUSALS if re.search(pattern, ended.said))
        if ended.status == self.alone[call.name][0].status or (call.name in READERS and ended.status in {0, 1}):
            return "completed"
        pair.problems.append(f"{call.name}: ended with {ended.status}: {ended.said[-800:]}")
        return "other"

    def orders(self, first: Command, second: Command) -> Iterator[tuple[dict[str, str], dict[str, str]]]:
        """What lies there, and what each printed, after one order of the two and the other."""
        kept = self.folder / "kept"
        for order in ((first, second), (second, first)):
            shutil.rmtree(kept, ignore_errors=True)
            self.place.rename(kept) if not kept.exists() and self.place.exists() else None
            worlds.copy(self.folder / "before", self.place)
            said = {call.name: self.call(call).said for call in order}
            yield self.units(), said
            shutil.rmtree(self.place)
            kept.rename(self.place)

    def rerun(self, calls: tuple[Command, Command]) -> list[str]:
        """Run both again, and say what is wrong or left over."""
        problems = []
        states.age(self.place)
        for call in calls:
            ended = self.call(call)
            if ended.traceback:
                problems.append(f"{call.name}, run again: {ended.said[-1200:]}")
        left = [name for name in states.leftovers(self.place) if not name.startswith("tmp/")]
        return problems + [f"left over: {name}" for name in left]


def main() -> None:
    """Run all pairs and print what came of them; exit status 1 where something that must hold did not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tries", type=int, default=1, help="for each pair")
    parser.add_argument("--seed", type=int, default=20231109)
    parser.add_argument("--only", action="append", help="pairs of these commands (repeatable)")
    parser.add_argument(
        "--after",
        type=Path,
        action="append",
        default=[],
        help="JSON of an earlier run; its pairs are done (repeatable)",
    )
    parser.add_argument("--minutes", type=float, default=600, help="end after so long; so does Ctrl-C, after the try")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--folder", type=Path, help="where to work; by default a temporary folder")
    options = parser.parse_args()
    calls = tuple(call for call in CALLS if not options.only or call.name in options.only)
    private = forks.prepare_this_process()
    with forks.workplace(options.folder, private=private) as folder:
        result = campaign(Concurrency(folder, private), calls, options)
    print(json.dumps(result, indent=1) if options.json else text(result))
    sys.exit(1 if result["faults"] else 0)


def campaign(work: Concurrency, calls: tuple[Command, ...], options: argparse.Namespace) -> dict[str, Any]:
    """All pairs."""
    generator = random.Random(options.seed)
    work.prepare_all(calls)
    outcomes: Counter[str] = Counter()
    faults, pairs = [], 0
    table: list[dict[str, Any]] = []
    end = time.monotonic() + 60 * options.minutes
    asked: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _: asked.append(number))
    done = {pair for path in options.after for pair in _pairs_of(path)}
    planned = [
        pair for pair in combinations_with_replacement(calls, 2) if frozenset(call.name for call in pair) not in done
    ]
    generator.shuffle(planned)
    for first, second in planned:
        for number in range(options.tries):
            if asked or time.monotonic() > end:
                break
            a, b = (first, second) if generator.random() < 0.5 else (second, first)
            offset = generator.uniform(0, 0.7 * work.alone[a.name][0].seconds) if (number + pairs) % 3 else 0.0
            pair = work.attempt_pair(a, b, offset)
            pairs += 1
            outcomes.update(pair.outcomes)
            table.append({"first": a.name, "second": b.name, "offset": pair.offset, "outcomes": pair.outcomes})
            if pair.problems:
                faults.append(vars(pair))
                print(f"FAULT {pair}", file=sys.stderr, flush=True)
            if pairs % 20 == 0:
                print(f"{pairs} pairs, {len(faults)} faults", file=sys.stderr, flush=True)
    planned_tries = options.tries * len(planned)
    return {
        "seed": options.seed,
        "planned": planned_tries,
        "pairs": pairs,
        "outcomes": dict(outcomes),
        "table": table,
        "faults": faults,
    }


def _pairs_of(path: Path) -> set[frozenset[str]]:
    """The pairs of an earlier result."""
    return {frozenset((row["first"], row["second"])) for row in json.loads(path.read_bytes())["table"]}


def text(result: dict[str, Any]) -> str:
    """For people."""
    lines = [f"{result['pairs']} pairs, {len(result['faults'])} with a fault"]
    lines += [f"{count:5}  {outcome}" for outcome, count in sorted(result["outcomes"].items())]
    lines += [f"{f['first']} | {f['second']}: {'; '.join(f['problems'])}" for f in result["faults"]]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
