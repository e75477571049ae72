"""The folder in which a sampling run is kept while it proceeds, so that an interrupted run can be continued.

It holds ``specification.json`` (what the run is for), ``run.npz`` (its state after the last saved round) and files of
recorded frames, each named by the number of rounds that it completes.
"""

import json
import time
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foundational.data.atomic_write import write_whole
from foundational.engines.momt.run import Run
from foundational.engines.momt.saved_run import run_from_bytes, run_to_bytes
from foundational.errors import ConflictError
from foundational.specs.parsing import parse_json

#: Wall time between two saves, s; a kill loses this time and one round.
_SAVE_EVERY = 10.0


def work_folder(root: Path, name: str) -> Path:
    """The folder of the run that samples the pool ``name`` in the project ``root``."""
    return root / "build" / "work" / f"sample-{name}"


class RunFolder:
    """Keeps a run in ``folder``; an implementation of `foundational.stages.sample.stage.RunKeeper`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._fresh: list[NDArray[np.float64]] = []
        self._saved_at = time.monotonic()

    def claim(self, specification: dict[str, Any], rounds_before: int) -> bool:
        """Write what this folder is for, or compare it with what it was for.

        Parameters
        ----------
        specification
            Everything but the number of frames that decides the run; JSON's types.
        rounds_before
            Rounds recorded in the stored pool that the run extends; 0 if there is none.

        Returns
        -------
        bool
            Whether the run in this folder extends the stored pool.

        Raises
        ------
        ConflictError
            If the folder holds a run of another specification, or one that extends another pool.
        """
        path = self.folder / "specification.json"
        if not path.exists():
            content = specification | {"rounds_before": rounds_before}
            write_whole(path, [json.dumps(content, indent=1, sort_keys=True).encode()])
            return rounds_before > 0
        before = parse_json(path.read_bytes(), f"{self.folder.name}/{path.name}")
        if not isinstance(before, dict):
            raise self._damaged(path)
        started_at = before.pop("rounds_before", 0)
        if changed := differences(before, specification):
            raise ConflictError(
                f"{self.folder.name} holds an interrupted run of another specification ({changed}); "
                "restore it, or remove the folder to start again"
            )
        if started_at not in (0, rounds_before):
            raise ConflictError(
                f"{self.folder.name} holds a run that extends a stored pool from round {started_at}, and that pool is "
                "missing; restore it, or remove the folder to start again"
            )
        return bool(started_at)

    def load(self) -> Run | None:
        """The saved run; None if none was saved. Frames that a kill left without their run are removed."""
        path = self.folder / "run.npz"
        if not path.exists():
            return None
        try:
            run = run_from_bytes(path.read_bytes())
        except Exception:  # zipfile and numpy raise many kinds
            raise self._damaged(path) from None
        for completed, frames in self._files():
            if completed > run.recorded:
                frames.unlink()
        return run

    def keep(self, run: Run, frames: list[NDArray[np.float64]], last: bool) -> None:
        """Take over a round; save when the last save is long ago, or the round is the last.

        Parameters
        ----------
        run
            The run after the round.
        frames : (walkers) × (F, 9 + 3N)
            Recorded frames of each walker; empty while the bias is learned.
        last
            Whether no round follows.
        """
        self._fresh += frames
        if not last and time.monotonic() - self._saved_at <= _SAVE_EVERY:
            return
        # Frames first, under the number of rounds that they complete: a kill in between only repeats those rounds.
        if self._fresh:
            stream = BytesIO()
            np.save(stream, np.stack(self._fresh))
            content = stream.getvalue()
            write_whole(self.folder / f"frames-{run.recorded:08d}.npy", [content, sha256(content).digest()])
        write_whole(self.folder / "run.npz", [run_to_bytes(run)])
        self._fresh, self._saved_at = [], time.monotonic()

    def frames(self) -> list[NDArray[np.float64]]:
        """The recorded frames in the order of rounds, then walkers: pieces of (rounds · walkers, F, 9 + 3N).

        Raises
        ------
        ConflictError
            If a file is damaged.
        """
        return [self._frames(path) for _, path in self._files()]

    def _frames(self, path: Path) -> NDArray[np.float64]:
        """The frames of one file, behind which their sha256 lies; files of before have none."""
        content = path.read_bytes()
        stream = BytesIO(content)
        try:
            frames: NDArray[np.float64] = np.load(stream, allow_pickle=False)
        except Exception:  # numpy and what it reads headers with raise many kinds
            raise self._damaged(path) from None
        end = stream.tell()
        if content[end:] not in {b"", sha256(content[:end]).digest()}:
            raise self._damaged(path)
        return frames

    def _damaged(self, path: Path) -> ConflictError:
        return ConflictError(f"{self.folder.name}/{path.name} is damaged; remove the folder to start again")

    def _files(self) -> list[tuple[int, Path]]:
        """The files of frames by the number of rounds that each completes."""
        return sorted((int(path.stem.split("-")[1]), path) for path in self.folder.glob("frames-*.npy"))


def differences(before: Any, after: Any) -> str:
    """The leaves in which two nested mappings differ, such as ``pool.supercell was 2 and is 3``."""
    a, b = _leaves(before), _leaves(after)
    return "; ".join(f"{key} was {a.get(key)} and is {b.get(key)}" for key in sorted(a | b) if a.get(key) != b.get(key))


def _leaves(tree: Any, prefix: str = "") -> dict[str, Any]:
    """The leaves of nested mappings by dotted name."""
    if not isinstance(tree, dict):
        return {prefix: tree}
    return {k: v for key, sub in tree.items() for k, v in _leaves(sub, f"{prefix}.{key}" if prefix else key).items()}
