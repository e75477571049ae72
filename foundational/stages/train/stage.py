"""Training a potential on a dataset: which configurations, which settings, which devices."""

from dataclasses import dataclass, field, replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from foundational.data.batches import take, to_configurations
from foundational.data.configurations import Configurations
from foundational.data.fingerprint import fingerprint
from foundational.data.labeller import Labeller
from foundational.data.named import NamedDataset
from foundational.engines.ani.ensemble import Ensemble
from foundational.engines.ani.extrapolation import calibrated, fit_extrapolation
from foundational.engines.ani.further_training import train_further
from foundational.engines.ani.torch.devices import check_device
from foundational.errors import InputError
from foundational.evaluation.retraining import retrain, training_rows, volume_per_atom, with_short_range
from foundational.execution.tasks import Tasks
from foundational.progress import Progress, stage
from foundational.seeds import derive, generator
from foundational.specs.ani import FurtherSpec, SettingsName, ShortRangeName
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
    settings: SettingsName = "general"
    """Which settings of the section ``ani`` of params.yaml."""
    memory: int = 4 * 1024**3
    """Largest number of bytes that the process takes; changes no result."""
    device: str = "cpu"
    """``cpu``, or a device of torch such as ``cuda``."""
    short_range: ShortRangeName = "labeller"
    """What repels atoms that are nearer than in the training data; changes no weight of the networks."""
    start: Ensemble | None = None
    """Networks whose weights are the first ones, trained on other labels; None: the first weights are drawn."""
    further: FurtherSpec = field(default_factory=FurtherSpec)
    """How networks of ``start`` are trained."""


def train_on(
    subject: NamedDataset,
    settings: AniSettings,
    options: TrainOptions,
    labeller: Labeller | None = None,
    *,
    tasks: Tasks | None = None,
    progress: Progress | None = None,
) -> Ensemble:
    """Train an ensemble on the training split of ``subject``; its metadata say on what.

    Parameters
    ----------
    labeller
        What labelled ``subject``, if it may be asked for the energies of pairs of atoms.
    tasks
        Where networks train on CPUs, each as a task; None: here, all at once.

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
    seed, memory = derive(options.seed, "train", name), options.memory - _PROGRAM
    reporting, progress = progress, stage(progress, "training", "where the training data end")
    if options.start is None:
        device = options.device
        ensemble = retrain(
            chosen, spec, spec.members, seed, memory=memory, device=device, tasks=tasks, progress=progress
        )
    else:
        ensemble = train_further(
            options.start,
            options.further.applied(spec.training),
            to_configurations(chosen),
            [np.arange(len(rows))] * options.start.members,
            seed,
            memory=memory,
            device=options.device,
            progress=progress,
        )
    ensemble.metadata.update(
        dataset=name, fingerprint=fingerprint(chosen), frames=str(len(rows)), settings=options.settings
    )
    if (after := stage(reporting, "where the training data end")) is not None:
        after(0, 1, "")
    held_out = np.setdiff1d(np.arange(subject.dataset.sizes["configuration"]), training_rows(subject.dataset))
    tested = to_configurations(take(subject.dataset, held_out)) if len(held_out) else None
    return _with_limits(ensemble, to_configurations(chosen), tested, options, labeller)


def _with_limits(
    ensemble: Ensemble,
    trained: Configurations,
    tested: Configurations | None,
    options: TrainOptions,
    labeller: Labeller | None,
) -> Ensemble:
    """The same networks with what tells where their training data end, and with the terms that hold there."""
    if options.short_range != "none":
        ensemble = with_short_range(ensemble, trained, labeller if options.short_range == "labeller" else None)
    ensemble = replace(ensemble, extrapolation=fit_extrapolation(ensemble, trained))
    return ensemble if tested is None else replace(ensemble, extrapolation=calibrated(ensemble, tested))


def _as_chosen(dataset: xr.Dataset, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """``rows`` by the round in which they were chosen, within a round in the order of the dataset."""
    rounds = dataset["selection_round"].to_numpy()[rows]
    ordered: NDArray[np.int64] = rows[np.argsort(np.where(rounds < 0, np.iinfo(np.int32).max, rounds), kind="stable")]
    return ordered
