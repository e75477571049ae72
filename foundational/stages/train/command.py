"""``foundational train`` and ``foundational evaluate``: model files, trained on a dataset and tested on any."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from foundational.data.configurations import Configurations, Labels
from foundational.data.labeller import Model
from foundational.data.named import NamedDataset
from foundational.engines.ani.ensemble import Ensemble
from foundational.engines.ani.model_file import load_model, save_model
from foundational.engines.ani.torch.devices import check_device
from foundational.evaluation.errors import ModelErrors, evaluate
from foundational.execution.tasks import HERE, Execution
from foundational.labelling.records import pair_labeller
from foundational.progress import Progress
from foundational.specs.params import read_params
from foundational.stages.train.stage import TrainOptions, train_on
from foundational.workspace.sources import open_configurations, open_source


def train_model(
    root: Path,
    name: str,
    output: Path,
    options: TrainOptions,
    *,
    where: str | None = None,
    start_from: Path | None = None,
    execution: Execution = HERE,
    progress: Progress | None = None,
) -> Ensemble:
    """Train an ensemble on the training split of the dataset or file ``name`` and write it to ``output``.

    The condition ``where`` chooses configurations of it. Training starts from the weights of the model file
    ``start_from``, where one is given. Networks train where ``execution`` says, but further from a model file here.

    Raises
    ------
    NotFoundError
        where there is no such dataset.
    InputError
        where the split has fewer configurations than wanted, the memory does not suffice, or this machine has no such
        device.
    """
    params = read_params(root / "params.yaml")
    source = open_source(root, name, where=where)
    subject = NamedDataset(name, source.dataset)
    if start_from is not None:
        options = replace(options, start=load_model(start_from), further=params.further)
    labeller = pair_labeller(source.record.labeller, root)
    with execution.tasks(root / "build", f"train-{output.name}") as tasks:
        ensemble = train_on(subject, params.ani, options, labeller, tasks=tasks, progress=progress)
        save_model(ensemble, output)
    return ensemble


def evaluate_model(
    model: Path,
    data: str,
    root: Path | None = None,
    *,
    where: str | None = None,
    device: str = "cpu",
    seen: Callable[[Configurations, Labels], None] | None = None,
    progress: Progress | None = None,
) -> ModelErrors:
    """Errors of the model file ``model`` on a dataset or an extxyz file, as `foundational.evaluation.errors.evaluate`.

    The condition ``where`` chooses configurations of it; ``seen`` gets each batch with the labels of the model.

    Raises
    ------
    NotFoundError, InputError
        where one of the files is absent or not of its kind, or this machine has no such device.
    """
    check_device(device)
    ensemble = load_model(model)
    labeller: Model = ensemble
    if device != "cpu":
        from foundational.engines.ani.torch.ensemble import TorchEnsemble  # noqa: PLC0415 - torch is slow to import

        labeller = TorchEnsemble(ensemble, device)
    return evaluate(labeller, open_configurations(data, root, where=where), seen=seen, progress=progress)
