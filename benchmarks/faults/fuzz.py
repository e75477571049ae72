"""Inputs that went wrong, to every parser and to the command line; counts by outcome, one line a parser.

    python -m benchmarks.faults.fuzz --count 100000 --commands 2000 --json
    python -m benchmarks.faults.fuzz --only extxyz,yaml --count 5000 --seed 7
    python -m benchmarks.faults.fuzz --replay extxyz:4711 --seed 7

Run from the root of a checkout. A case is a correct input after one to three mutations (`mutations.py`); its number and
the seed repeat it. What a parser may do is to accept, or to raise an error of `foundational.errors` with one line of at
most 3,000 characters. Anything else is a fault: another exception, more than 5 s of processor time, a growth of more
than 1 GB, a dead process, a process or connection started, a file written, an object unpickled. Cases run in processes
of their own, which are started again where one dies.
"""

import argparse
import collections
import json
import os
import random
import resource
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.faults.inputs import PARSERS, ROOT
from benchmarks.faults.mutations import mutated

#: s of processor time, bytes, characters.
SECONDS, MEMORY, MESSAGE = 5.0, 1_000_000_000, 3_000
#: s of the clock after which a process that says nothing is ended.
PATIENCE, START = 120.0, 900.0


class Hang(BaseException):
    """The time of a case is over."""


def case_files(seeds: Path, parser: str, number: int, seed: int) -> tuple[dict[str, bytes], bool]:
    """The files of a case by their names, and whether the parser gets the folder of them."""
    rng = random.Random(f"{seed}:{parser}:{number}")
    inputs = sorted(p for p in (seeds / parser).iterdir() if p.is_dir())
    chosen = inputs[number % len(inputs)]
    files = {p.relative_to(chosen).as_posix(): p.read_bytes() for p in sorted(chosen.rglob("*")) if p.is_file()}
    single = len(files) == 1
    names = list(files)
    name = rng.choice(names)
    kind = rng.random()
    if kind < 0.02 and not single:
        del files[name]
    elif kind < 0.03 and not single:
        files[name] = files[rng.choice(names)]
    else:
        files[name] = mutated(files[name], rng)
    return files, not single


def run_case(seeds: Path, scratch: Path, parser: str, number: int, seed: int) -> tuple[str, str]:
    """(outcome, detail) of one case."""
    from foundational.errors import FoundationalError

    files, whole = case_files(seeds, parser, number, seed)
    folder = scratch / "case"
    shutil.rmtree(folder, ignore_errors=True)
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    path = folder if whole else folder / next(iter(files))
    if whole and len(tops := list(folder.iterdir())) == 1 and tops[0].is_dir():
        path = tops[0]
    call, _ = PARSERS[parser]
    WATCH.begin(folder)
    outcome, detail = "accepted", ""
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        call(path)
    except Hang:
        outcome, detail = "hang", _place(sys.exc_info()[2])
    except FoundationalError as error:
        outcome, text = "refused", str(error)
        if len(text) > MESSAGE:
            outcome, detail = "long message", f"{len(text):,} characters: {text[:200]}"
    except MemoryError:
        outcome, detail = "memory", _place(sys.exc_info()[2])
    except Exception as error:  # whatever it is, it is a fault
        outcome, detail = "traceback", f"{type(error).__name__}: {str(error)[:160]} at {_place(error.__traceback__)}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    seen = WATCH.end()
    if seen:
        outcome, detail = "side effect", "; ".join(seen[:3])
    if (grown := WATCH.grown()) > MEMORY:
        outcome, detail = "memory", f"{grown / 1e9:.1f} GB; {detail}"
    for canary in (folder / "CANARY", Path("CANARY")):
        if canary.exists():
            canary.unlink()
            outcome, detail = "executed", "a command of the input ran"
    return outcome, detail


def _place(trace: Any) -> str:
    """The last line of this package, and the last line of all, in a traceback."""
    frames = traceback.extract_tb(trace)
    own = [f for f in frames if "/foundational/" in f.filename and "site-packages" not in f.filename]
    named = [own[-1] if own else frames[-1], frames[-1]]
    return " > ".join(
        dict.fromkeys(f"{Path(f.filename).parent.name}/{Path(f.filename).name}:{f.lineno}" for f in named)
    )


class Watch:
    """What a case does in addition to computing, by the interpreter's own audit events; and how far its memory grows."""

    _PROCESS = (
        "subprocess.Popen",
        "os.system",
        "os.exec",
        "os.posix_spawn",
        "os.fork",
        "os.forkpty",
        "pty.spawn",
        "ctypes.dlopen",
    )
    _CHANGE = (
        "os.remove",
        "os.rename",
        "os.mkdir",
        "os.rmdir",
        "os.link",
        "os.symlink",
        "os.truncate",
        "os.chmod",
        "os.utime",
    )

    def __init__(self) -> None:
        self.active = False
        self.seen: list[str] = []
        self.allowed: tuple[str, ...] = ()
        self.before = 0

    def begin(self, folder: Path) -> None:
        self.allowed = (str(folder), tempfile.gettempdir(), "/dev/null", "/dev/shm/")
        Path("/proc/self/clear_refs").write_text("5")
        self.before = _status("VmRSS")
        self.seen, self.active = [], True

    def end(self) -> list[str]:
        self.active = False
        return self.seen

    def grown(self) -> int:
        return _status("VmHWM") - self.before

    def hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.active:
            return
        if event == "open":
            path, mode, flags = arguments
            writes = (isinstance(mode, str) and set(mode) & set("wax+")) or (
                isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR)
            )
            if writes and isinstance(path, str | bytes | os.PathLike) and not self._mine(path):
                self.seen.append(f"writes {path!r}")
        elif event in self._CHANGE:
            folder = (
                next((a for a in arguments[1:] if isinstance(a, int) and a > 0), None) if event != "os.mkdir" else None
            )
            if event == "os.mkdir" and len(arguments) > 2 and arguments[2] > 0:
                folder = arguments[2]
            if not all(self._mine(a, folder) for a in arguments if isinstance(a, str | bytes | os.PathLike)):
                self.seen.append(f"{event} {arguments!r}")
        elif event in self._PROCESS:
            # The package's own: signatures, and texts in HDF5, which a process of its own reads first.
            own = event == "subprocess.Popen" and str(arguments[0]).endswith(("ssh-keygen", sys.executable))
            if not own:
                self.seen.append(f"{event} {arguments[:2]!r}")
        elif event == "pickle.find_class":
            self.seen.append(f"unpickles {arguments!r}")
        elif event == "socket.connect" and arguments[1][0] not in {"127.0.0.1", "localhost", "::1"}:
            self.seen.append(f"connects to {arguments[1]!r}")

    def _mine(self, path: Any, folder: int | None = None) -> bool:
        text = os.fsdecode(path)
        if folder is not None and not text.startswith("/"):
            text = f"{Path(f'/proc/self/fd/{folder}').readlink()}/{text}"
        text = os.path.abspath(text)  # noqa: PTH100 - links stay what they are
        return text.startswith(self.allowed) or "/__pycache__" in text


WATCH = Watch()


def _status(field: str) -> int:
    """Bytes, from what the kernel says of this process."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024
    return 0


def work(seeds: Path, scratch: Path, parser: str, seed: int) -> None:
    """A process that runs the cases whose numbers it is sent, one a line, and answers with a line of JSON each."""

    def stop(*_: Any) -> None:
        raise Hang

    signal.signal(signal.SIGPROF, stop)
    sys.dont_write_bytecode = True
    scratch.mkdir(parents=True, exist_ok=True)
    os.chdir(scratch)
    (scratch / "tmp").mkdir(exist_ok=True)
    tempfile.tempdir = str(scratch / "tmp")
    os.environ["FAULTS_SEEDS"] = str(seeds)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    for number in range(2):  # imports what the parser imports; nothing of it counts
        _warm_up(seeds, scratch, parser, number)
    sys.addaudithook(WATCH.hook)
    limit = _status("VmSize") + 4_000_000_000
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    answers.write('["ready", ""]\n')
    answers.flush()
    for line in sys.stdin:
        outcome, detail = run_case(seeds, scratch, parser, int(line), seed)
        answers.write(json.dumps([outcome, detail]) + "\n")
        answers.flush()


def _warm_up(seeds: Path, scratch: Path, parser: str, number: int) -> None:
    inputs = sorted(p for p in (seeds / parser).iterdir() if p.is_dir())
    source = inputs[number % len(inputs)]
    target = scratch / f"warm-{number}"
    shutil.copytree(source, target)
    names = [p for p in target.rglob("*") if p.is_file()]
    tops = list(target.iterdir())
    path = names[0] if len(names) == 1 else tops[0] if len(tops) == 1 else target
    try:
        PARSERS[parser][0](path)
    except Exception:
        traceback.print_exc()
    shutil.rmtree(target, ignore_errors=True)


class Worker:
    """A process of `work`, started again where it died."""

    def __init__(self, seeds: Path, scratch: Path, parser: str, seed: int) -> None:
        self.arguments = (seeds, scratch, parser, seed)
        self.process: subprocess.Popen[str] | None = None

    def run(self, number: int) -> tuple[str, str]:
        """(outcome, detail) of a case."""
        if self.process is None:
            seeds, scratch, parser, seed = self.arguments
            shutil.rmtree(scratch, ignore_errors=True)
            command = [sys.executable, "-m", "benchmarks.faults.fuzz", "--work", f"{seeds}:{scratch}:{parser}:{seed}"]
            environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            if not self._answer(START):
                raise RuntimeError(f"no process for {parser} could be started")
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(f"{number}\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            return self._died()
        line = self._answer(PATIENCE)
        if not line:
            return self._died(silent=line is None)
        outcome, detail = json.loads(line)
        if outcome in {"hang", "memory"}:
            self.close()
        return outcome, detail

    def _answer(self, patience: float) -> str | None:
        """A line of the process; none in it where it died, None where it says nothing in time."""
        assert self.process is not None
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], patience)
        return self.process.stdout.readline() if ready else None

    def _died(self, *, silent: bool = False) -> tuple[str, str]:
        assert self.process is not None
        if silent:
            self.process.kill()
        status = self.process.wait()
        self.process = None
        return (
            ("hang", f"no answer in {PATIENCE:.0f} s")
            if silent
            else ("crash", f"the process died with status {status}")
        )

    def close(self) -> None:
        """End the process."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


def fuzz(
    seeds: Path, scratch: Path, counts: dict[str, int], seed: int, jobs: int = 1, first: int = 0
) -> list[dict[str, Any]]:
    """One row a parser: cases by outcome, and the first number of each kind of fault."""

    def one(parser: str) -> dict[str, Any]:
        worker = Worker(seeds, scratch / parser, parser, seed)
        outcomes: collections.Counter[str] = collections.Counter()
        faults: dict[str, dict[str, Any]] = {}
        begin = time.perf_counter()
        for number in range(first, first + counts[parser]):
            outcome, detail = worker.run(number)
            outcomes[outcome] += 1
            if outcome not in {"accepted", "refused"}:
                kind = f"{outcome}: {detail.rpartition(' at ')[2] if outcome == 'traceback' else detail[:80]}"
                entry = faults.setdefault(kind, {"kind": kind, "count": 0, "example": number, "detail": detail})
                entry["count"] += 1
        worker.close()
        shutil.rmtree(scratch / parser, ignore_errors=True)
        row = {"parser": parser, "cases": counts[parser], **outcomes, "seconds": round(time.perf_counter() - begin, 1)}
        row["faults"] = sorted(faults.values(), key=lambda fault: -fault["count"])
        print(json.dumps(row), file=sys.stderr, flush=True)
        return row

    with ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(one, counts))


def shares(count: int, only: list[str]) -> dict[str, int]:
    """How many cases each parser gets."""
    chosen = {name: share for name, (_, share) in PARSERS.items() if not only or name in only}
    total = sum(chosen.values())
    return {name: max(1, count * share // total) for name, share in chosen.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=2000, help="cases of all parsers together")
    parser.add_argument("--commands", type=int, default=0, help="command lines")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--jobs", type=int, default=1, help="parsers that are tried at the same time")
    parser.add_argument("--only", default="", help="names of parsers, with commas")
    parser.add_argument("--replay", help="parser:number of one case, whose files and traceback are shown")
    parser.add_argument("--keep", type=Path, help="folder for the correct inputs, used again where it exists")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--work", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        seeds, scratch, name, seed = options.work.rsplit(":", 3)
        work(Path(seeds), Path(scratch), name, int(seed))
        return
    with tempfile.TemporaryDirectory() as temporary:
        seeds = options.keep or Path(temporary) / "seeds"
        if not seeds.is_dir():
            subprocess.run([sys.executable, "-m", "benchmarks.faults.inputs", seeds], cwd=ROOT, check=True)
        if options.replay:
            name, _, number = options.replay.rpartition(":")
            os.environ["FAULTS_SEEDS"] = str(seeds)
            files, whole = case_files(seeds, name, int(number), options.seed)
            folder = Path(temporary) / "case"
            for file, content in files.items():
                (folder / file).parent.mkdir(parents=True, exist_ok=True)
                (folder / file).write_bytes(content)
            tops = list(folder.iterdir())
            path = tops[0] if not whole or (len(tops) == 1 and tops[0].is_dir()) else folder
            print(PARSERS[name][0](path))
            return
        rows = fuzz(seeds, Path(temporary) / "scratch", shares(options.count, options.only.split(",") if options.only else []),
                    options.seed, options.jobs, options.first)  # fmt: skip
        if options.commands:
            from benchmarks.faults.command_lines import run_commands

            rows.append(run_commands(seeds, Path(temporary) / "commands", options.commands, options.seed))
    if options.json:
        print(json.dumps({"seed": options.seed, "cases": sum(row["cases"] for row in rows), "parsers": rows}, indent=1))
        return
    for row in rows:
        bad = sum(fault["count"] for fault in row["faults"])
        print(
            f"{row['parser']:16} {row['cases']:7} cases  {row.get('accepted', 0):7} accepted  {row.get('refused', 0):7} refused  {bad:6} faults"
        )
        for fault in row["faults"]:
            print(f"    {fault['count']:6}  {fault['kind']}  (such as {row['parser']}:{fault['example']})")


if __name__ == "__main__":
    main()
