"""Training a potential on a dataset: which configurations, which settings, which devices."""

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from foundational.data.batches import take
from foundational.data.fingerprint import fingerprint
from foundational.data.named import NamedDataset
from foundational.engines.ani.ensemble import Ensemble
from foundational.engines.ani.torch.devices import check_device
from foundational.errors import InputError
from foundational.evaluation.retraining import retrain, training_rows, volume_per_atom
from foundational.progress import Progress
from foundational.seeds import derive, generator
from foundational.specs.ani import SettingsName
from foundational.specs.params import AniSettings

#: Bytes of the interpreter, the libraries and the compiled kernels.
_PROGRAM = 350_000_000


@dataclass(frozen=True)
class TrainOptions:
    """The choices of ``foundational train``."""

    frames: int | None = None
    """Configurations of the training split: the first that the selection chose; None: all."""
    random: bool = False
    """Draw these configurations at random; so it is as well where nothing says in which order they were chosen."""
    seed: int = 0
    """Of the draw, of the first weights and of the order of configurations."""
    settings: SettingsName = "recipe"
    """Which settings of the section ``ani`` of params.yaml."""
    memory: int = 4 * 1024**3
    """Largest number of bytes that the process takes; changes no result."""
    device: str = "cpu"
    """``cpu``, or a device of torch such as ``cuda``."""


def train_on(
    subject: NamedDataset, settings: AniSettings, options: TrainOptions, *, progress: Progress | None = None
) -> Ensemble:
    """Train an ensemble on the training split of ``subject``; its metadata say on what.

    Raises
    ------
    InputError
        where the split has fewer configurations than wanted, the memory does not suffice, or this machine has no such
        device.
    """
    check_device(options.device)
    if options.memory <= _PROGRAM:
        raise InputError(
            f"expected more than the {_PROGRAM / 1e6:.0f} MB of the program itself, got {options.memory / 1e6:g} MB"
        )
    name, rows = subject.name, training_rows(subject.dataset)
    if options.frames is not None:
        if options.frames > len(rows):
            raise InputError(
                f"expected at most {len(rows)} frames, which {name!r} has for training, got {options.frames}"
            )
        if options.random or "selection_round" not in subject.dataset:
            draw = generator(options.seed, "train", name, "frames")
            rows = np.sort(draw.permutation(rows)[: options.frames])
        else:
            rows = np.sort(_as_chosen(subject.dataset, rows)[: options.frames])
    chosen = take(subject.dataset, rows).load()
    spec = settings.scaled(options.settings, volume_per_atom(subject.dataset))
    ensemble = retrain(
        chosen,
        spec,
        spec.members,
        derive(options.seed, "train", name),
        memory=options.memory - _PROGRAM,
        device=options.device,
        progress=progress,
    )
    ensemble.metadata.update(
        dataset=name, fingerprint=fingerprint(chosen), frames=str(len(rows)), settings=options.settings
    )
    return ensemble


def _as_chosen(dataset: xr.Dataset, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """``rows`` by the round in which they were chosen, within a round in the order of the dataset."""
    rounds = dataset["selection_round"].to_numpy()[rows]
    ordered: NDArray[np.int64] = rows[np.argsort(np.where(rounds < 0, np.iinfo(np.int32).max, rounds), kind="stable")]
    return ordered
