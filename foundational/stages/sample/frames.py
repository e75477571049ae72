"""Recorded frames: the files that a run saves them in as it goes, and the labelled configurations made of them.

A row of frames is walker and round before what `Block.frames` holds: step, H, O, the cell and the positions.
"""

from concurrent.futures import Executor
from io import BytesIO
from pathlib import Path

import numpy as np
import xarray as xr
from ase.data import atomic_numbers
from numpy.typing import NDArray

from foundational.data.atomic_write import write_whole
from foundational.data.configurations import Configurations
from foundational.data.conversion import to_dataset
from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.engines.lammps.potentials import ResolvedPotential
from foundational.engines.momt.kernel import FRAME_HEAD
from foundational.labelling.batches import label_all
from foundational.progress import Progress


def _files(workdir: Path) -> list[tuple[int, Path]]:
    """The files of frames by the number of rounds that each completes."""
    return sorted((int(path.stem.split("-")[1]), path) for path in workdir.glob("frames-*.npy"))


def write_frames(workdir: Path, blocks: list[NDArray[np.float64]], recorded: int) -> None:
    """Save the frames of every walker's block of some rounds, (rounds · walkers) × (F, 9 + 3N), up to ``recorded``."""
    stream = BytesIO()
    np.save(stream, np.stack(blocks))
    write_whole(workdir / f"frames-{recorded:08d}.npy", [stream.getvalue()])


def drop_frames_beyond(workdir: Path, recorded: int) -> None:
    """Remove frames that a kill left without the state of the run after them; those rounds are done again."""
    for completed, path in _files(workdir):
        if completed > recorded:
            path.unlink()


def read_frames(workdir: Path, n_walkers: int, first: int) -> list[NDArray[np.float64]]:
    """Pieces of (F, 2 + 9 + 3N), in the order of rounds, of which the first saved is ``first``, then walkers."""
    pieces = []
    begin = first * n_walkers
    for _, path in _files(workdir):
        blocks = np.load(path)  # (rounds · walkers, F, 9 + 3N)
        number = begin + np.arange(len(blocks))
        begin += len(blocks)
        head = np.stack([number % n_walkers, number // n_walkers], axis=1)[:, None]
        blocks = np.concatenate([np.broadcast_to(head, (*blocks.shape[:2], 2)), blocks], axis=2)
        pieces.append(blocks.reshape(-1, blocks.shape[2]))
    return pieces


def labelled(
    frames: NDArray[np.float64],
    steps: int,
    element: str,
    potential: ResolvedPotential,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> xr.Dataset:
    """Labelled configurations with where they were sampled; positions wrapped into the cell, then cast to float32.

    Parameters
    ----------
    frames : (F, 2 + 9 + 3N)
        Rows of the module's first lines.
    steps
        MD steps in a round.
    """
    walker, rounds, step, enthalpy, order = frames[:, :5].T
    head = 2 + FRAME_HEAD
    c, n = len(frames), (frames.shape[1] - head) // 3
    cell = np.zeros((c, 3, 3))
    cell[:, [0, 1, 2], [0, 1, 2]] = frames[:, 5:8]
    cell[:, [1, 2, 2], [0, 0, 1]] = frames[:, 8:11]
    positions = frames[:, head:].reshape(c, n, 3)
    scaled = positions @ np.linalg.inv(cell)
    positions = (scaled - np.floor(scaled)) @ cell
    numbers = np.full((c, n), atomic_numbers[element], dtype=np.uint8)
    configurations = Configurations.build(cell, positions, numbers)
    labeller = LammpsLabeller(potential)
    labels = label_all(labeller, configurations, executor=executor, progress=progress)
    return to_dataset(
        configurations.with_labels(labels),
        attrs={"element": element, "labeller": labeller.id},
        enthalpy=enthalpy,
        order_parameter=order,
        volume=cell[:, 0, 0] * cell[:, 1, 1] * cell[:, 2, 2],
        walker=walker,
        step=rounds * steps + step,
    )


def joined(first: xr.Dataset, second: xr.Dataset) -> xr.Dataset:
    """The configurations of two pools of one run, one after the other, with the attributes of the second."""
    variables = {
        name: (second[name].dims, np.concatenate([first[name].to_numpy(), second[name].to_numpy()]), second[name].attrs)
        for name in second.variables
    }
    return xr.Dataset(variables, attrs=second.attrs)
