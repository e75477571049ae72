"""Model files: trained on a dataset of the project, evaluated on any."""

from pathlib import Path
from typing import Literal, cast, get_args

import numpy as np

from foundational.data.batches import take, to_configurations
from foundational.data.fingerprint import fingerprint
from foundational.data.labeller import Model
from foundational.data.store import open_store
from foundational.engines.ani.ensemble import Ensemble
from foundational.engines.ani.model_file import load_model, save_model
from foundational.engines.ani.torch.devices import check_device
from foundational.errors import InputError
from foundational.evaluation.errors import evaluate
from foundational.progress import Progress
from foundational.project import STORE, find_dataset
from foundational.seeds import derive, generator
from foundational.specs.params import read_params
from foundational.stages.train.stage import train_ensemble
from foundational.workspace.sources import open_configurations

#: Bytes of the interpreter, the libraries and the compiled kernels.
_PROGRAM = 350_000_000

Settings = Literal["recipe", "published"]


def train_model(
    root: Path,
    name: str,
    output: Path,
    *,
    frames: int | None = None,
    seed: int = 0,
    settings: str = "recipe",
    memory: int = 4 * 1024**3,
    device: str = "cpu",
    progress: Progress | None = None,
) -> Ensemble:
    """Train an ensemble on the training split of the dataset ``name`` and write it to ``output``.

    Parameters
    ----------
    frames
        configurations drawn at random from the split; None: all
    memory
        bytes that the process may take, at most; changes no result
    device
        ``cpu``, or one of torch's, such as ``cuda``

    Raises
    ------
    InputError
        where there are fewer configurations, the settings are unknown, the memory does not suffice, or the device is
        not here.
    """
    check_device(device)
    if memory <= _PROGRAM:
        raise InputError(
            f"expected more than the {_PROGRAM / 1e6:.0f} MB of the program itself, got {memory / 1e6:g} MB"
        )
    if settings not in get_args(Settings):
        raise InputError(f"expected settings among {', '.join(get_args(Settings))}, got {settings!r}")
    params = read_params(root / "params.yaml")
    dataset = open_store(find_dataset(root, name) / STORE)
    rows = np.arange(dataset.sizes["configuration"])
    if "split" in dataset:
        rows = np.flatnonzero(dataset["split"].to_numpy() == 0)
    if frames is not None:
        if frames > len(rows):
            raise InputError(f"expected at most {len(rows)} frames, which {name!r} has for training, got {frames}")
        rows = np.sort(generator(seed, "train", name, "frames").permutation(rows)[:frames])
    chosen = take(dataset, rows).load()
    spec = params.ani.scaled(cast(Settings, settings), float(dataset.attrs["volume_per_atom"]))
    everything = [np.arange(len(rows))] * spec.members
    ensemble = train_ensemble(
        spec,
        to_configurations(chosen),
        everything,
        derive(seed, "train", name),
        memory=memory - _PROGRAM,
        device=device,
        progress=progress,
    )
    ensemble.metadata.update(dataset=name, fingerprint=fingerprint(chosen), frames=str(len(rows)), settings=settings)
    save_model(ensemble, output)
    return ensemble


def evaluate_model(
    model: Path, data: str, root: Path | None = None, *, device: str = "cpu", progress: Progress | None = None
) -> dict[str, float]:
    """Errors of the model file ``model`` on a dataset or an extxyz file; see ``stages.evaluate``.

    Raises
    ------
    NotFoundError, InputError
        where one of the files is absent or not what it should be, or the device is not here.
    """
    check_device(device)
    ensemble = load_model(model)
    labeller: Model = ensemble
    if device != "cpu":
        from foundational.engines.ani.torch.ensemble import TorchEnsemble  # noqa: PLC0415 - torch is slow to import

        labeller = TorchEnsemble(ensemble, device)
    return evaluate(labeller, open_configurations(data, root), progress=progress)
