"""Kill every command that writes, at changes on disk, in the middle of writes and at any moment, and see what is left.

    python benchmarks/faults/kills.py --count 1000 --json
    python benchmarks/faults/kills.py --quick
    python benchmarks/faults/kills.py --only release --every    # at each change on disk

Each try starts from a fresh copy of a small world: a project with git and DVC, inputs, a home. After the kill a reader
opens everything. Then must hold: each dataset, file and folder is as it was or as the command makes it, whole, and with
its record; the command, run again, completes; what lies there is then what a run without a kill makes; no leftover is
there any more, neither on disk nor in /dev/shm.
"""

import argparse
import json
import os
import random
import re
import shutil
import signal
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import commands
import forks
import states
import worlds
from commands import COMMANDS, Command
from forks import Ended, Kill

KINDS = ("change", "torn", "moment")
#: In the tests: commands that replace what is there, and that need neither git nor DVC.
QUICK = ("import over another", "export to deepmd, over another")

#: Commands that need git or DVC, by the beginning of their names.
VERSIONED = ("adopt", "release", "pull", "yank", "site", "publish", "deposit", "init", "dvc")


@dataclass
class Outcome:
    """One kill and what followed."""

    command: str
    kill: Kill
    killed: bool
    seconds: float
    cpu: float = 0.0
    """s of processor time, with those of all forks and programs."""
    problems: list[str] = field(default_factory=list)
    state: str = "not looked at"
    """``old``, ``new`` or ``between`` two parts of a result that are whole each."""
    leftovers: int = 0
    locked: bool = False
    """Whether a killed git left its lock, which the command names."""
    resumed: bool = False
    """Whether work of the killed run was continued."""


@dataclass
class Prepared:
    """A command with the state from which it starts, and what a whole run makes of it."""

    command: Command
    template: Path
    old: dict[str, str]
    new: dict[str, str]
    whole: Ended
    random: tuple[str, ...] = ()


class Campaign:
    """Kills in one folder, all in the same place: paths that a result holds are then the same in every try."""

    def __init__(self, folder: Path, private: bool = False) -> None:
        self.folder = folder
        self.private = private
        self.place = folder / "try"
        self.modules = folder / "modules"
        self.server: tuple[int, str, str] | None = None

    def build(self, *, versioned: bool = True) -> None:
        """Make the world, in a fork: this process imports and forks, and nothing else."""
        self.run_here(partial(worlds.build, versioned=versioned), self.place, root=self.folder)
        self.place.rename(self.folder / "world")

    def run_here(self, what: Any, *arguments: Any, root: Path | None = None, kill: Kill | None = None) -> Ended:
        """`forks.start` in the place of a try; what is not a kill must succeed."""
        ended = forks.start(
            what,
            *arguments,
            place=self.place,
            root=root or self.place / "project",
            environment=worlds.environment(self.place),
            kill=kill,
            modules=self.modules,
        ).wait()
        if ended.status:
            raise RuntimeError(f"{what} {arguments}: {ended.said}")
        forks.import_all(self.modules)
        return ended

    def prepare(self, command: Command) -> Prepared:
        """The state from which a command starts, and what two whole runs make of it."""
        shutil.rmtree(self.place, ignore_errors=True)
        template = self.folder / f"before {command.name}"
        worlds.copy(self.folder / "world", self.place)
        self.lead_to(command.before)
        shutil.rmtree(self.place / "tmp")
        (self.place / "tmp").mkdir()
        self.place.rename(template)
        seen = []
        for _ in range(2):
            worlds.copy(template, self.place)
            old = states.units(self.place, command.folders, command.random)
            whole = self.call(command, modules=True)
            if whole.status not in {0, 1} or whole.traceback or (whole.status and "validate" not in command.name):
                raise RuntimeError(f"{command.name} fails without a kill: {whole.said}")
            forks.import_all(self.modules)
            self.run_here(states.read_as_a_reader, self.place / "project")
            seen.append(states.units(self.place, command.folders, command.random))
            if left := [*states.leftovers(self.place), *self.new_work(template)]:
                raise RuntimeError(f"{command.name} leaves {left[:5]} without a kill")
        print(f"{command.name}: prepared, {forks.processor_time():.0f} s", file=sys.stderr, flush=True)
        differing = tuple(unit for unit in seen[0] if seen[0][unit] != seen[1].get(unit))
        if differing or seen[0].keys() != seen[1].keys():
            raise RuntimeError(f"{command.name} writes other bytes each time: {differing}")
        return Prepared(command, template, old, seen[1], whole, command.random)

    def lead_to(self, steps: tuple[commands.Before, ...]) -> None:
        """Bring the world in the place of a try to the state from which a command starts."""
        for step in steps:
            if callable(step):
                self.run_here(step, self.place, root=self.folder)
            else:
                self.run_here(forks.command_line, step)

    def new_work(self, template: Path) -> list[str]:
        """Work files that were not there before the command."""
        return sorted({*states.work(self.place)} - {*states.work(template)} - {*self.kept()})

    def kept(self) -> list[str]:
        """Finished states of selections, from which longer ones continue."""
        return [name for name in states.work(self.place) if name.endswith(".done.npz")]

    def call(self, command: Command, *, kill: Kill | None = None, modules: bool = False) -> Ended:
        """Run the command in the place of a try."""
        address, token = ("", "") if self.server is None else self.server[1:]
        if command.server and self.server is None:
            address, token = self.start_server(command.server)
        try:
            arguments = [commands.filled(text, address, token) for text in command.arguments]
            what: Any = (forks.command_line, arguments) if command.program is None else (commands.run_program, command)
            return forks.start(
                *what,
                place=self.place,
                root=self.place / command.where,
                environment=commands.environment_of(command, self.place, address, token),
                kill=kill,
                modules=self.modules if modules else None,
            ).wait()
        finally:
            if modules:
                self.stop_server()

    def start_server(self, kind: str) -> tuple[str, str]:
        """Start a server of that kind in a fork."""
        path = self.folder / "address"
        path.unlink(missing_ok=True)
        process = os.fork()
        if process == 0:
            try:
                os.setsid()
                commands.serve(kind, path)
            finally:
                os._exit(1)
        while not path.exists():
            time.sleep(0.01)
        address, token = path.read_text().split()
        self.server = process, address, token
        return address, token

    def stop_server(self) -> None:
        """End it."""
        if self.server is not None:
            os.kill(self.server[0], signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(self.server[0], 0)
            self.server = None

    def attempt(self, prepared: Prepared, kill: Kill) -> Outcome:
        """Kill once, look, run again, look."""
        command = prepared.command
        worlds.copy(prepared.template, self.place)
        begun, spent = time.monotonic(), forks.processor_time()
        try:
            ended = self.call(command, kill=kill)
            outcome = Outcome(command.name, kill, ended.killed, 0.0)
            # A limit of the size of files holds for programs of the command too; it may say that one of them ended.
            expected = {0, 1} if kill.kind == "torn" else {prepared.whole.status}
            if not ended.killed and ended.status not in expected and kill.kind != "moment":
                outcome.problems.append(f"ended with {ended.status}: {ended.said[-400:]}")
            if ended.traceback and not ended.killed:
                outcome.problems.append(f"traceback: {ended.said[-1500:]}")
            number = kill.at * 1000 if kill.kind == "moment" else kill.at
            if int(number) % 2 == 0:  # else nobody reads before the command runs again
                self.look(prepared, outcome, "after the kill")
            states.age(self.place)
            if self.private:
                states.age_shared_memory()
            again = self.call(command)
            if lock := re.search(r"where none runs, remove (\S+\.lock) and", again.said):
                Path(lock[1]).unlink()
                outcome.locked = True
                again = self.call(command)
            refused = again.status == 1 and command.done in again.said and outcome.state in {"new", "not looked at"}
            if again.traceback or (again.status != prepared.whole.status and not refused):
                outcome.problems.append(f"the rerun ended with {again.status}: {again.said[-1500:]}")
            self.look(prepared, outcome, "after the rerun", complete=True)
        finally:
            self.stop_server()
        if self.private and (left := states.shared_memory()):
            outcome.problems.append(f"left in /dev/shm: {left}")
            for name in left:
                Path("/dev/shm", name).unlink(missing_ok=True)
        outcome.seconds, outcome.cpu = time.monotonic() - begun, forks.processor_time() - spent
        return outcome

    def not_whole(self, when: str) -> list[str]:
        """Read as a reader does, and say what is not whole."""
        reader = forks.start(
            states.read_as_a_reader,
            self.place / "project",
            place=self.place,
            root=self.place / "project",
            environment=worlds.environment(self.place),
        ).wait()
        lines = [line for line in reader.said.strip().splitlines() if line.strip()]
        return [f"{when}: not whole: {lines[-1] if lines else reader.status}"] if reader.status else []

    def look(self, prepared: Prepared, outcome: Outcome, when: str, *, complete: bool = False) -> None:
        """Read as a reader does, and compare all units with the old and the new state."""
        outcome.problems += self.not_whole(when)
        now = states.units(self.place, prepared.command.folders, prepared.random)
        old = prepared.new if complete else prepared.old
        stepwise = set() if complete else {f"{unit}: of neither state" for unit in prepared.command.stepwise}
        wrong = [line for line in states.neither_old_nor_new(now, old, prepared.new) if line not in stepwise]
        outcome.problems += [f"{when}: {line}" for line in wrong]
        left = states.leftovers(self.place)
        if complete:
            outcome.problems += [f"{when}: left over: {name}" for name in [*left, *self.new_work(prepared.template)]]
        else:
            outcome.leftovers = len(left)
            outcome.resumed = bool(self.new_work(prepared.template))
            outcome.state = "old" if now == prepared.old else "new" if now == prepared.new else "between"


def plan(prepared: Prepared, number: int, generator: random.Random, *, every: bool) -> list[Kill]:
    """The kills of a command."""
    if every:
        return [Kill("change", at) for at in range(1, prepared.whole.changes + 1)]
    kinds = ("moment",) if prepared.command.moments_only else KINDS
    drawn = {forks.draw(kinds[i % len(kinds)], prepared.whole, generator) for i in range(number)}
    return sorted(drawn, key=lambda kill: (kill.kind, kill.at, kill.bytes))


def table(outcomes: list[Outcome], prepared: dict[str, Prepared]) -> list[dict[str, Any]]:
    """One row a command."""
    rows = []
    for name, of in prepared.items():
        mine = [outcome for outcome in outcomes if outcome.command == name]
        kinds, seen = Counter(o.kill.kind for o in mine if o.killed), Counter(o.state for o in mine)
        rows.append(
            {
                "command": name,
                "changes": of.whole.changes,
                "killed": sum(o.killed for o in mine),
                **{kind: kinds[kind] for kind in KINDS},
                **{state: seen[state] for state in ("old", "new", "between", "not looked at")},
                "with leftovers": sum(o.leftovers > 0 for o in mine),
                "locks of git": sum(o.locked for o in mine),
                "resumed": sum(o.resumed for o in mine),
                "faults": sum(bool(o.problems) for o in mine),
                "cpu s": round(sum(o.cpu for o in mine), 1),
            }
        )
    return rows


def main() -> None:
    """Run the campaign and print what came of it; exit status 1 where something that must hold did not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=300, help="kills, over all commands by weight")
    parser.add_argument("--seed", type=int, default=20231109)
    parser.add_argument("--only", action="append", help="command, by the beginning of its name (repeatable)")
    parser.add_argument("--every", action="store_true", help="at each change on disk, and no others")
    parser.add_argument("--quick", action="store_true", help="a dozen kills, for the tests")
    parser.add_argument("--minutes", type=float, default=600, help="end after so long; so does Ctrl-C, after the try")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--folder", type=Path, help="where to work; by default a temporary folder")
    options = parser.parse_args()
    chosen = [c for c in COMMANDS if not options.only or c.name.startswith(tuple(options.only))]
    if options.quick:
        chosen, options.count = [c for c in COMMANDS if c.name in QUICK], 12
    private = forks.prepare_this_process()
    with forks.workplace(options.folder, private=private) as folder:
        result = campaign(folder, chosen, options, private=private)
    result["shared memory"] = "looked at" if private else "not looked at"
    if options.json:
        print(json.dumps(result, indent=1))
    else:
        print_table(result)
    sys.exit(1 if result["faults"] else 0)


def campaign(folder: Path, chosen: list[Command], options: argparse.Namespace, *, private: bool) -> dict[str, Any]:
    """All kills of the chosen commands."""
    generator = random.Random(options.seed)
    work = Campaign(folder, private)
    work.build(versioned=any(command.name.startswith(VERSIONED) for command in chosen))
    weight = sum(command.weight for command in chosen)
    outcomes: list[Outcome] = []
    prepared = {command.name: work.prepare(command) for command in chosen}
    faults: list[dict[str, Any]] = []
    plans = []
    for command in chosen:
        of = prepared[command.name]
        kills = plan(of, max(1, round(options.count * command.weight / weight)), generator, every=options.every)
        generator.shuffle(kills)
        plans += [((number + 0.5) / len(kills), command.name, kill) for number, kill in enumerate(kills)]
    end = time.monotonic() + 60 * options.minutes
    asked: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _: asked.append(number))
    for _, name, kill in sorted(plans, key=lambda planned: planned[:2]):  # each command's evenly over the campaign
        if time.monotonic() > end or asked:
            break
        outcome = work.attempt(prepared[name], kill)
        outcomes.append(outcome)
        if outcome.problems:
            faults.append({"command": name, "kill": f"{kill.kind} at {kill}", "problems": outcome.problems})
            print(f"FAULT {name}, {kill.kind} at {kill}: {outcome.problems}", file=sys.stderr, flush=True)
        if len(outcomes) % 20 == 0:
            killed = sum(o.killed for o in outcomes)
            print(f"{killed} kills, {len(faults)} faults", file=sys.stderr, flush=True)
    return {
        "seed": options.seed,
        "kills": sum(outcome.killed for outcome in outcomes),
        "ended before the kill": sum(not outcome.killed for outcome in outcomes),
        "planned": len(plans),
        "seconds": round(sum(outcome.seconds for outcome in outcomes), 1),
        "rows": table(outcomes, prepared),
        "faults": faults,
    }


def print_table(result: dict[str, Any]) -> None:
    """A table for people."""
    rows = result["rows"]
    columns = list(rows[0])
    widths = [max(len(column), *(len(str(row[column])) for row in rows)) for column in columns]
    for row in [dict(zip(columns, columns, strict=True)), *rows]:
        print("  ".join(str(row[c]).ljust(w) for c, w in zip(columns, widths, strict=True)))
    print(f"{result['kills']} kills, {len(result['faults'])} with a fault")
    for fault in result["faults"]:
        print(f"{fault['command']}, {fault['kill']}: {'; '.join(fault['problems'])}")


if __name__ == "__main__":
    main()
