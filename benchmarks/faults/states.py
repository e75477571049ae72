"""What lies on disk: what a reader takes for data, whether it is whole, and what is left over."""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from fnmatch import fnmatch
from pathlib import Path

from foundational.data.fingerprint import fingerprint
from foundational.data.store import open_store, verify_store
from foundational.errors import FoundationalError
from foundational.project import STORE, find_dataset, list_datasets
from foundational.provenance.record import read_record
from foundational.release.record import RECORD, read_release

#: Neither data nor a leftover: locks, logs, caches, what git and DVC keep for themselves, how far a deposit is.
OWN = (
    "project/build/releases/*/*.deposit.json",
    "project/build/locks/*",
    "project/build/runs.jsonl",
    "project/build/index/*",
    "project/.git/*",
    "out/new/.git/*",
    "project/.dvc/tmp/*",
    "project/.dvc/cache/*",
    "project/datasets/.store/*",
    "dvc/*",
    "cache/*",
    "home/*",
)
#: Work of a run that was not completed, which the next one continues; nothing is left of it when a run is completed.
WORK = tuple(f"project/build/{folder}/*" for folder in ("work", "quick"))
_MARKS = (".partial", ".previous", ".unfinished")


def is_leftover(name: str) -> bool:
    """Whether a path below a world is what a killed writer left: no command may take it for data."""
    return any(part.startswith(".") and part.endswith(_MARKS) for part in name.split("/")) or name.startswith("tmp/")


def files(place: Path) -> Iterable[tuple[str, Path]]:
    """Every file of a world, by its path."""
    for folder, _, names in os.walk(place):
        for name in names:
            path = Path(folder, name)
            yield path.relative_to(place).as_posix(), path


def units(place: Path, folders: Iterable[str], random: Iterable[str] = ()) -> dict[str, str]:
    """What is taken for data, each unit with its sha256: folders that appear as one, and single files.

    Parameters
    ----------
    folders
        Patterns of folders that are one unit.
    random
        Patterns of units whose bytes differ from run to run.
    """
    found: dict[str, list[tuple[str, str]]] = {}
    for name, path in sorted(files(place)):
        if is_leftover(name) or any(fnmatch(name, pattern) for pattern in (*OWN, *WORK)):
            continue
        parts = name.split("/")
        prefixes = ["/".join(parts[: i + 1]) for i in range(len(parts) - 1)]
        unit = next((prefix for prefix in prefixes if any(_matches(prefix, f) for f in folders)), name)
        content = b"" if any(fnmatch(unit, pattern) for pattern in random) else path.read_bytes()
        found.setdefault(unit, []).append((name, hashlib.sha256(content).hexdigest()))
    return {unit: hashlib.sha256(json.dumps(content).encode()).hexdigest() for unit, content in found.items()}


def _matches(path: str, pattern: str) -> bool:
    return path.count("/") == pattern.count("/") and fnmatch(path, pattern)


def leftovers(place: Path) -> list[str]:
    """What killed writers left, work that can be continued aside."""
    names = {name for name, _ in files(place) if is_leftover(name)}
    for folder, inside, _ in os.walk(place):
        names |= {n for n in (Path(folder, d).relative_to(place).as_posix() for d in inside) if is_leftover(n)}
    return sorted(names)


def work(place: Path) -> list[str]:
    """What an unfinished run keeps for the next one."""
    return sorted(name for name, _ in files(place) if any(fnmatch(name, pattern) for pattern in WORK))


def age(place: Path) -> None:
    """Make everything that is left over look as if it had lain there for an hour."""
    for name in leftovers(place):
        path = place / name
        if path.exists():
            os.utime(path, (path.stat().st_atime - 3600, path.stat().st_mtime - 3600))


def age_shared_memory() -> None:
    """The same of what is left in /dev/shm."""
    for name in shared_memory():
        os.utime(Path("/dev/shm", name), (0, 0))


def read_as_a_reader(root: Path) -> None:
    """Open every dataset that the project lists, as each command does; AssertionError where one is not whole.

    The first reader after a kill settles what lay between data and record.
    """
    for name in list_datasets(root):
        folder = find_dataset(root, name)
        verify_store(folder / STORE)
        record = read_record(folder)
        assert fingerprint(open_store(folder / STORE)) == record.output.fingerprint, f"{name}: data of another record"
        pulled = read_release(folder / RECORD) if (folder / RECORD).is_file() else None
        expected = name if pulled is None else pulled.name  # a pulled copy keeps the record of what was released
        assert record.output.name == expected, f"{name}: the record of {record.output.name}"
    for store in root.parent.rglob(f"*/{STORE}"):
        name = store.relative_to(root.parent).as_posix()
        if not is_leftover(name) and "cache" not in store.parts:
            try:
                verify_store(store)
            except FoundationalError as error:
                raise AssertionError(f"{name}: {error}") from None


def neither_old_nor_new(now: Mapping[str, str], old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """Units that are neither as before the command nor as after it."""
    wrong = []
    for unit in sorted({*now, *old, *new}):
        if now.get(unit) not in {old.get(unit), new.get(unit)}:
            state = "lost" if unit not in now else "of neither state" if unit in {*old, *new} else "foreign"
            wrong.append(f"{unit}: {state}")
    return wrong


def shared_memory() -> list[str]:
    """Names in /dev/shm."""
    folder = Path("/dev/shm")
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
