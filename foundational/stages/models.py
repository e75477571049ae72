"""Model files: trained on a dataset of the project, evaluated on any."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal, cast, get_args

import numpy as np
import xarray as xr

from foundational.data.batches import take, to_configurations
from foundational.data.configurations import Configurations
from foundational.data.extxyz import read_extxyz
from foundational.data.identity import fingerprint
from foundational.data.store import open_store
from foundational.engines.ani.ensemble import Ensemble
from foundational.engines.ani.model_file import load_model, save_model
from foundational.errors import InputError
from foundational.project import STORE, find_dataset, locate_dataset
from foundational.seeds import derive, generator
from foundational.specs.params import read_params
from foundational.stages.evaluate import evaluate
from foundational.stages.train import train_ensemble

Progress = Callable[[int, int, str], None]
Settings = Literal["recipe", "published"]


def train_model(
    root: Path,
    name: str,
    output: Path,
    *,
    frames: int | None = None,
    seed: int = 0,
    settings: str = "recipe",
    progress: Progress | None = None,
) -> Ensemble:
    """Train an ensemble on the training split of the dataset ``name`` and write it to ``output``.

    Parameters
    ----------
    frames
        configurations drawn at random from the split; None: all

    Raises
    ------
    InputError
        where there are fewer configurations, or the settings are unknown.
    """
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
        spec, to_configurations(chosen), everything, derive(seed, "train", name), progress=progress
    )
    ensemble.metadata.update(dataset=name, fingerprint=fingerprint(chosen), frames=str(len(rows)), settings=settings)
    save_model(ensemble, output)
    return ensemble


def evaluate_model(
    model: Path, data: str, root: Path | None = None, *, progress: Progress | None = None
) -> dict[str, float]:
    """Errors of the model file ``model`` on a dataset or an extxyz file; see ``stages.evaluate``.

    Raises
    ------
    NotFoundError, InputError
        where one of the files is absent or not what it should be.
    """
    ensemble = load_model(model)
    subject: xr.Dataset | Configurations
    subject = read_extxyz(Path(data)) if data.endswith(("xyz", "extxyz")) else open_store(locate_dataset(data, root))
    return evaluate(ensemble, subject, progress=progress)
