"""Single flipped bits in every kind of file that is kept, and whether anything notices; one row a kind.

    python -m benchmarks.faults.bits --count 10000 --json

For each case one bit of one file is flipped, the command that is meant to notice is run, and the bit is flipped back.
``found``: `verify` (or the reader of that kind) refuses or names it. ``repeated``: what the file holds is computed again.
``nothing changed``: what is read is the same, bit by bit. ``unnoticed``: something else is read without a word.
Half of the bits are drawn over all bytes of a kind, half over its files, so that small files get their share.
"""

import argparse
import collections
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.faults.inputs import ROOT

#: Gives what was read, as text; raises where something is wrong with it.
Reader = Callable[[], str]


@dataclass(frozen=True)
class Kind:
    """Files of one kind, and what looks at them."""

    name: str
    files: tuple[Path, ...]
    read: Reader
    by: str
    """Which command that is."""
    share: int


class Found(Exception):  # noqa: N818 - an outcome
    """Something was found."""


def _verified(what: str, root: Path | None) -> Reader:
    def read() -> str:
        from foundational.stages.verify.command import verify

        found = verify(what, root)
        if found.problems:
            raise Found(found.problems[0])
        return repr((found.name, found.version, found.changes))

    return read


def kinds(project: Path, folder: Path) -> list[Kind]:
    """All kinds, from a project that `inputs.small_release` made; further files are made in ``folder``."""
    dataset, bundle = project / "datasets" / "ni", project / "build" / "releases" / "ni" / "ni-1.0.0"
    local = project / "datasets" / "local" / "own"
    shutil.copytree(dataset, local, ignore=shutil.ignore_patterns("releases*", "*.dvc", ".gitignore"))
    pulled = folder / "pulled"
    os.environ["XDG_DATA_HOME"] = str(pulled)
    from foundational.release.registry.version import parse_dataset_version
    from foundational.release.transfer.retrieval import pull

    with chdir(folder):
        pull(parse_dataset_version("ni@1.0.0"), str(bundle.parent.parent))
    own = pulled / "foundational" / "ni"
    objects = project / "datasets" / ".store" / "files" / "md5"

    def stored_again() -> str:
        from foundational.data.store import verify_store
        from foundational.release.transfer.dvc_objects import fetch, tracked_hash

        with tempfile.TemporaryDirectory() as temporary:
            target = Path(temporary) / "data.zarr"
            fetch(project, str(tracked_hash(project, "ni")), target)
            verify_store(target)
        return "same"

    return [
        Kind("data of a dataset (zarr)", _below(dataset / "data.zarr"), _verified("ni", project), "verify ni", 15),
        Kind(
            "record of a dataset (provenance.json)",
            (dataset / "provenance.json",),
            _verified("ni", project),
            "verify ni",
            8,
        ),
        Kind("about.yaml of a released dataset", (dataset / "about.yaml",), _verified("ni", project), "verify ni", 4),
        Kind("registry (releases.yaml)", (dataset / "releases.yaml",), _verified("ni", project), "verify ni", 8),
        Kind(
            "kept records and manifests (releases/)",
            _below(dataset / "releases"),
            _verified("ni", project),
            "verify ni",
            6,
        ),
        Kind("release, folder", _below(bundle), _verified(str(bundle), project), "verify FOLDER", 12),
        Kind(
            "release, zip",
            (bundle.with_name("ni-1.0.0.zip"),),
            _outside(folder, _verified(str(bundle.with_name("ni-1.0.0.zip")), None)),
            "verify ZIP",
            12,
        ),
        Kind(
            "pulled release (user's store)",
            _below(own / "1.0.0"),
            _outside(folder, _verified("ni@1.0.0", None)),
            "verify ni@1.0.0",
            6,
        ),
        Kind(
            "copy of the registry (user's store)",
            (own / "releases.yaml",),
            _outside(folder, _verified("ni@1.0.0", None)),
            "verify ni@1.0.0",
            4,
        ),
        Kind(
            "data of an own set, never released",
            _below(local / "data.zarr"),
            _verified("local/own", project),
            "verify local/own",
            5,
        ),
        Kind(
            "record of an own set, never released",
            (local / "provenance.json",),
            _verified_or_shown("local/own", project),
            "verify, show",
            3,
        ),
        Kind(
            "about.yaml of an own set, never released",
            (local / "about.yaml",),
            _verified_or_shown("local/own", project),
            "verify, show",
            2,
        ),
        Kind("objects of DVC (store and cache)", _below(objects), stored_again, "pull", 8),
        *_work_files(project, folder),
    ]


def _below(folder: Path) -> tuple[Path, ...]:
    return tuple(sorted(path for path in folder.rglob("*") if path.is_file()))


def _outside(folder: Path, read: Reader) -> Reader:
    def look() -> str:
        with chdir(folder):
            return read()

    return look


def _verified_or_shown(name: str, root: Path) -> Reader:
    def read() -> str:
        from foundational.inspection.show import show

        return _verified(name, root)() + repr(show(name, root))

    return read


def _work_files(project: Path, folder: Path) -> list[Kind]:
    """Models, indexes, journals, and what interrupted runs keep."""
    seeds = folder / "seeds"
    from foundational.data.integrity.stored_array import open_table
    from foundational.data.query.computed import makers_of
    from foundational.data.query.index import stored_index
    from foundational.engines.ani.model_file import load_model
    from foundational.labelling.journal import LabelJournal

    model, journal = seeds / "model" / "file" / "ni.model", seeds / "journal" / "file" / "labels.jsonl"
    place, store = folder / "index", project / "datasets" / "ni" / "data.zarr"
    stored_index(store, place)
    names = [*makers_of(open_table(store)), "elements"]
    lines = repr(LabelJournal.open(journal, {"id": "lammps:NiNb", "version": "1"}).outcomes)

    def read_model() -> str:
        ensemble = load_model(model)
        parts = (ensemble.aev, ensemble.network, ensemble.elements, ensemble.scale, ensemble.metadata)
        arrays = (ensemble.self_energies, ensemble.mean, ensemble.deviation, ensemble.parameters)
        return repr(parts) + hashlib.sha256(b"".join(a.tobytes() for a in arrays)).hexdigest()

    def read_index() -> str:
        index = stored_index(store, place)
        return repr([{name: _plain(block[name]) for name in sorted(block)} for block in index.blocks(names)])

    def read_journal() -> str:
        kept = journal.read_bytes()
        try:
            found = LabelJournal.open(journal, {"id": "lammps:NiNb", "version": "1"}).outcomes
        finally:
            journal.write_bytes(kept)
        text = repr(found)
        if text != lines and all(f"{key!r}: {value!r}" in lines for key, value in found.items()):
            raise Repeated
        return text

    checkpoint, run = interrupted(folder)
    return [
        Kind("model", (model,), read_model, "evaluate (load)", 10),
        Kind("index of queries (Parquet)", _below(place), read_index, "show --where", 6),
        Kind("journal of labels", (journal,), read_journal, "relabel (resume)", 6),
        Kind("checkpoint of a distillation", (checkpoint[0],), checkpoint[1], "distill (resume)", 4),
        Kind("interrupted sampling run", run[0], run[1], "sample (resume)", 6),
    ]


class Repeated(Exception):  # noqa: N818 - an outcome
    """A part is computed again."""


def _plain(values: Any) -> Any:
    if hasattr(values, "codes"):
        return values.codes.tolist(), values.values
    return values.tolist()


def interrupted(folder: Path) -> tuple[tuple[Path, Reader], tuple[tuple[Path, ...], Reader]]:
    import numpy as np

    from foundational.engines.momt.block import WalkerState
    from foundational.engines.momt.run import Run
    from foundational.science.bias import Bias
    from foundational.stages.distill.checkpoint import from_bytes, to_bytes
    from foundational.stages.distill.stage import Selection
    from foundational.workspace.run_folder import RunFolder

    rng = np.random.default_rng(1)
    selection = Selection(list(range(40)), [0] * 40, [0] * 40, [0.5] * 40, [])
    identity = {"distill": {"a": 1}, "ani": {"b": 2}, "seed": 1, "pool": "0" * 64}
    checkpoint = folder / "checkpoint.npz"
    checkpoint.write_bytes(to_bytes(selection, identity, "code"))

    def read_checkpoint() -> str:
        found = from_bytes(checkpoint.read_bytes(), identity, "code", "checkpoint.npz")
        if found is None:
            raise Repeated
        return repr(found)

    walkers = tuple(WalkerState(rng.random((4, 3)), rng.random((4, 3)), np.eye(3), side) for side in (0, 1))
    bias = Bias(2000.0, np.linspace(0, 1, 8), np.linspace(0, 1, 8), rng.random((8, 8)))
    counts = dict.fromkeys(("learned", "recorded", "crossings_learning", "crossings_recording", "outside"), 1)
    run = Run(bias=bias, walkers=walkers, visits=rng.integers(0, 9, (8, 8)), stop=3, **counts)
    place = folder / "run"
    place.mkdir()
    kept = RunFolder(place)
    kept.claim({"pool": {"a": 1}}, 0)
    kept.keep(run, [rng.random((3, 21)), rng.random((3, 21))], last=True)

    def read_run() -> str:
        again = RunFolder(place)
        again.claim({"pool": {"a": 1}}, 0)
        loaded = again.load()
        if loaded is None:
            raise Repeated
        parts = [
            w.positions.tobytes() + w.velocities.tobytes() + w.cell.tobytes() + bytes([w.side]) for w in loaded.walkers
        ]
        parts += [
            loaded.bias.coefficients.tobytes(),
            loaded.visits.tobytes(),
            *(np.asarray(f).tobytes() for f in again.frames()),
        ]
        return hashlib.sha256(b"".join(parts)).hexdigest() + repr([getattr(loaded, name) for name in counts])

    return (checkpoint, read_checkpoint), (_below(place), read_run)


def flipped(kind: Kind, expected: str, rng: random.Random) -> tuple[str, str]:
    """(outcome, place) of one bit."""
    from foundational.errors import FoundationalError

    sizes = [path.stat().st_size for path in kind.files]
    path = (
        rng.choices(kind.files, sizes)[0]
        if rng.random() < 0.5
        else rng.choice([f for f, s in zip(kind.files, sizes, strict=True) if s])
    )
    content = path.read_bytes()
    bit = rng.randrange(8 * len(content))
    status = path.stat()
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    path.write_bytes(changed)
    place = f"bit {bit} of {path.name}"
    try:
        outcome = "nothing changed" if kind.read() == expected else "unnoticed"
    except Repeated:
        outcome = "repeated"
    except (Found, FoundationalError):
        outcome = "found"
    except Exception as error:
        return "traceback", f"{place}: {type(error).__name__}: {str(error)[:100]}"
    finally:
        if path.is_file() and path.stat().st_ino == status.st_ino:
            path.write_bytes(content)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            path.write_bytes(content)
    return outcome, place


def measure(count: int, seed: int, folder: Path, seeds: Path | None = None, only: str = "") -> list[dict[str, Any]]:
    """One row a kind."""
    source = folder / "seeds"
    if seeds is None:
        subprocess.run([sys.executable, "-m", "benchmarks.faults.inputs", source], cwd=ROOT, check=True)
    else:
        shutil.copytree(seeds, source, symlinks=True)
    chosen = [kind for kind in kinds(source / "project", folder) if only in kind.name]
    total = sum(kind.share for kind in chosen)
    rows = []
    for kind in chosen:
        expected, begin = kind.read(), time.process_time()
        outcomes: collections.Counter[str] = collections.Counter()
        examples: dict[str, list[str]] = {}
        for number in range(max(1, count * kind.share // total)):
            outcome, place = flipped(kind, expected, random.Random(f"{seed}:{kind.name}:{number}"))
            outcomes[outcome] += 1
            if outcome not in {"found", "repeated"} and len(examples.setdefault(outcome, [])) < 5:
                examples[outcome].append(place)
        rows.append({"kind": kind.name, "by": kind.by, "bits": sum(outcomes.values()), **outcomes, "examples": examples,
                     "seconds": round(time.process_time() - begin, 1)})  # fmt: skip
        print(f"{kind.name}: {dict(outcomes)} {examples}", file=sys.stderr, flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="kinds whose name has this text")
    parser.add_argument("--keep", type=Path, help="correct inputs of an earlier run of fuzz, used again")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as temporary:
        rows = measure(options.count, options.seed, Path(temporary).resolve(), options.keep, options.only)
    if options.json:
        print(json.dumps({"seed": options.seed, "bits": sum(row["bits"] for row in rows), "kinds": rows}, indent=1))
        return
    columns = ("found", "repeated", "nothing changed", "unnoticed", "traceback")
    print("| file | bits | " + " | ".join(columns) + " | noticed by |\n|---" * 1 + "|---" * (len(columns) + 2) + "|")
    for row in rows:
        print(
            f"| {row['kind']} | {row['bits']} | "
            + " | ".join(str(row.get(column, 0)) for column in columns)
            + f" | `{row['by']}` |"
        )


if __name__ == "__main__":
    main()
