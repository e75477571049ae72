"""What all functions of `foundational.api` need: settings, records, names, results, and absent packages named."""

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from foundational.dataset import Dataset
from foundational.defaults import DEFAULTS
from foundational.errors import InputError, MissingDependencyError, missing_package

if TYPE_CHECKING:
    from foundational.data.named import NamedDataset
    from foundational.provenance.record import ProvenanceRecord
    from foundational.science.crystals import Structure
    from foundational.specs.params import Params
    from foundational.workspace.runner import StageOutput

#: A path to a params.yaml, or settings that shall differ, laid out as in that file.
Changes = str | PathLike[str] | Mapping[str, Any] | None
P = ParamSpec("P")
R = TypeVar("R")


def with_extras(function: Callable[P, R]) -> Callable[P, R]:
    """``function``, which says in one line what to install where an optional package is absent."""

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except ImportError as error:
            sentence = missing_package(error)
            if sentence is None:
                raise
            raise MissingDependencyError(sentence) from None

    return call


def root_of(dataset: Dataset) -> Path:
    """Where settings and potentials are: the dataset's project, or the folder that comes with the package."""
    return dataset.project or DEFAULTS


def params_of(dataset: Dataset, params: Changes) -> "Params":
    """The settings for work on ``dataset``, with the changes that ``params`` asks for.

    Raises
    ------
    NotFoundError
        There is no such params.yaml.
    InputError
        A key is unknown, or a value is not acceptable.
    """
    from foundational.specs.params import Params, read_params
    from foundational.specs.parsing import merge, parse, read_yaml

    if params is None:
        return read_params(root_of(dataset) / "params.yaml")
    if not isinstance(params, Mapping):
        return read_params(Path(params))
    return parse(Params, merge(read_yaml(root_of(dataset) / "params.yaml"), dict(params)), "params")


def distillation_of(params: "Params") -> dict[str, Any]:
    """Settings of a distillation: of the first set of ``params``, else of the first that comes with the package."""
    from foundational.specs.params import read_params

    named = params.distill or read_params(DEFAULTS / "params.yaml").distill
    return next(iter(named.values())).model_dump(mode="json")


def origin_of(dataset: Dataset) -> "ProvenanceRecord":
    """The record of a dataset; of one without a record, that it came from elsewhere."""
    from foundational.provenance.record import LabellerRecord, ProvenanceRecord
    from foundational.workspace.runner import describe

    if dataset.record is not None:
        return dataset.record
    return ProvenanceRecord(
        stage="import",
        output=describe(dataset.name or "dataset", dataset.xarray),
        inputs=(),
        element="".join(dataset.elements),
        labeller=LabellerRecord(id=dataset.labeller or "unknown", version="unknown", sha256=None),
        spec={},
        seed=0,
        software={},
    )


def volume_of(dataset: Dataset) -> float:
    """Volume per atom of the ground state by the dataset's labeller, Å³."""
    volume = dataset.xarray.attrs.get("volume_per_atom")
    if volume is None:
        raise InputError(
            "expected a dataset with the attribute volume_per_atom (Å³, of the ground state), which the lengths of "
            "the networks follow; set it with dataset.xarray.attrs['volume_per_atom'] = …"
        )
    return float(volume)


def structures_named(names: Sequence[str]) -> "tuple[Structure, ...]":
    """The crystals ``names``, each once.

    Raises
    ------
    InputError
        One is not among fcc, bcc and hcp.
    """
    from foundational.science.crystals import STRUCTURES

    if isinstance(names, str) or not set(names) <= set(STRUCTURES):
        raise InputError(f"expected crystals among {', '.join(STRUCTURES)}, such as ('bcc', 'hcp'), got {names!r}")
    return tuple(structure for structure in STRUCTURES if structure in names)


def with_name(dataset: Dataset) -> "NamedDataset":
    """The numbers of ``dataset`` and its name, from which random streams are derived."""
    from foundational.data.named import NamedDataset

    return NamedDataset(dataset.name or "dataset", dataset.xarray)


def result_of(parent: Dataset, record: "ProvenanceRecord", output: "StageOutput") -> Dataset:
    """The dataset in memory that a stage made from ``parent``, with its record; it is not released."""
    from foundational.inspection.description import Description

    description = Description(record)
    return Dataset(output.dataset, record.output.name, project=parent.project, describe=lambda: description)
