"""From recorded frames to labelled configurations.

A row of frames is walker and round before what `Block.frames` holds: step, H, O, the cell and the positions.
"""

from collections.abc import Iterable
from concurrent.futures import Executor

import numpy as np
import xarray as xr
from ase.data import atomic_numbers
from numpy.typing import NDArray

from foundational.data.configurations import Configurations
from foundational.data.conversion import to_dataset
from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.engines.lammps.potentials import ResolvedPotential
from foundational.engines.momt.kernel import FRAME_HEAD
from foundational.labelling.batches import label_all
from foundational.progress import Progress


def with_walkers(pieces: Iterable[NDArray[np.float64]], n_walkers: int, first: int) -> list[NDArray[np.float64]]:
    """Put walker and round before recorded frames.

    Parameters
    ----------
    pieces : (rounds · walkers, F, 9 + 3N) each
        Frames in the order of rounds, then walkers.
    n_walkers
        Walkers of the run.
    first
        Number of the first round.

    Returns
    -------
    list of (rounds · walkers · F, 2 + 9 + 3N)
    """
    numbered = []
    begin = first * n_walkers
    for blocks in pieces:
        number = begin + np.arange(len(blocks))
        begin += len(blocks)
        head = np.stack([number % n_walkers, number // n_walkers], axis=1)[:, None]
        rows = np.concatenate([np.broadcast_to(head, (*blocks.shape[:2], 2)), blocks], axis=2)
        numbered.append(rows.reshape(-1, rows.shape[2]))
    return numbered


def labelled(
    frames: NDArray[np.float64],
    steps: int,
    element: str,
    potential: ResolvedPotential,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> xr.Dataset:
    """Label frames and say where in the run they were; positions are wrapped into the cell, then cast to float32.

    Parameters
    ----------
    frames : (F, 2 + 9 + 3N)
        Rows as the module's docstring describes them.
    steps
        MD steps in a round.
    element
        Symbol of all atoms.
    potential
        The potential that labels.
    executor
        Labels in parallel; it changes no result.
    progress
        Called with (configurations labelled, all, message).
    """
    walker, rounds, step, enthalpy, order = frames[:, :5].T
    head = 2 + FRAME_HEAD
    c, n = len(frames), (frames.shape[1] - head) // 3
    cell = np.zeros((c, 3, 3))
    cell[:, [0, 1, 2], [0, 1, 2]] = frames[:, 5:8]
    cell[:, [1, 2, 2], [0, 0, 1]] = frames[:, 8:11]
    positions = frames[:, head:].reshape(c, n, 3)
    fractional = positions @ np.linalg.inv(cell)
    positions = (fractional - np.floor(fractional)) @ cell
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
