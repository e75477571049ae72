"""Labels of several methods for the same configurations, in one set: rows with one id and other methods."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from foundational.data.batches import iterate_places, to_configurations
from foundational.data.configurations import Labels, concatenate
from foundational.data.conversion import to_dataset, with_foreign
from foundational.data.layout import ATOM, CONFIGURATION, LABELS, REQUIRED, VARIABLES, is_foreign
from foundational.data.streaming.spooling import IN_MEMORY, spooled
from foundational.errors import InputError
from foundational.provenance.method import MethodRecord
from foundational.provenance.record import LabellerRecord, ProvenanceRecord
from foundational.specs.parsing import parse

#: Values of integer variables where nothing is known of them.
_NOTHING = {"walker": -1, "step": -1, "selection_round": -1, "scf_steps": -1}


def methods_of(record: ProvenanceRecord, dataset: xr.Dataset) -> tuple[MethodRecord, ...]:
    """The methods that gave the labels of a set, in the order of their codes."""
    stated = dataset.attrs.get("methods")
    if stated:
        if not isinstance(stated, list | tuple):
            raise InputError(f"the attribute methods: expected a list of methods, got {stated!r:.80}")
        return tuple(parse(MethodRecord, method, "the attribute methods") for method in stated)
    return (method_of(record.labeller),)


def method_of(labeller: LabellerRecord) -> MethodRecord:
    """A labeller as the method of labels."""
    program = labeller.version.rpartition(" ")
    details: dict[str, Any] = {} if labeller.sha256 is None else {"sha256": labeller.sha256}
    method = {
        "id": labeller.id,
        "code": program[0] or None,
        "version": program[2] or None,
        "energy_kind": labeller.parameters.get("energy_reference"),
        "stated": details,
    }
    return parse(MethodRecord, method, f"the labeller {labeller.id}")


def beside(
    first: xr.Dataset, second: xr.Dataset, methods: Sequence[MethodRecord], spool: Path | None = None
) -> xr.Dataset:
    """The configurations of ``first`` and then those of ``second``, as one set.

    Ids that are in both stay: each is there once for each method. Variables that one of them lacks are unknown there.

    Parameters
    ----------
    methods
        Those of ``first`` and that of ``second``; empty: ``second`` has further configurations by the methods of
        ``first``.
    spool
        A folder in which a large set is put together batch by batch; None: it is put together in memory.

    Raises
    ------
    InputError
        There are methods, and ``first`` has no labels.
    """
    if spool is not None and int(first.sizes[ATOM] + second.sizes[ATOM]) > IN_MEMORY:
        return spooled(_batches_beside(first, second, methods), spool / "beside.zarr")
    parts = [to_configurations(part) for part in (first, second)]
    if methods and parts[0].labels is None:
        raise InputError("--keep: expected earlier labels to keep, found none")
    both = concatenate([part.with_labels(None) for part in parts])
    known = [part.labels for part in parts]
    if any(labels is not None for labels in known):
        both = both.with_labels(_joined([part.labels or _unknown(len(part), len(part.positions)) for part in parts]))
    names = [
        name for name in VARIABLES if name not in {*REQUIRED, *LABELS, "method"} and (name in first or name in second)
    ]
    variables = {name: np.concatenate([_values(part, name) for part in (first, second)]) for name in names}
    if "parent_id" in variables:
        missing: NDArray[np.bool_] = np.logical_not(np.any(variables["parent_id"], axis=1))
        ids = np.concatenate([part["id"].to_numpy() for part in (first, second)])
        variables["parent_id"] = np.where(missing.reshape(-1, 1), ids, variables["parent_id"])
    attributes = {key: value for key, value in first.attrs.items() if key not in {"layout", "elements"}}
    if methods:
        codes = first["method"].to_numpy() if "method" in first else np.zeros(len(parts[0]), np.int16)
        variables["method"] = np.concatenate([codes, np.full(len(parts[1]), len(methods) - 1, np.int16)])
        attributes["methods"] = _records(methods)
        attributes["labeller"] = second.attrs.get("labeller", attributes.get("labeller"))
    elif "method" in first and "method" in second:
        variables["method"] = np.concatenate([first["method"].to_numpy(), second["method"].to_numpy()])
    dataset = to_dataset(both, attrs=attributes, **variables)
    foreign = {str(name) for part in (first, second) for name in part.data_vars if is_foreign(part[name])}
    return with_foreign(dataset, {name: _foreign(first, second, name) for name in sorted(foreign)})


def _batches_beside(first: xr.Dataset, second: xr.Dataset, methods: Sequence[MethodRecord]) -> Iterator[xr.Dataset]:
    """`beside` of each batch of ``first`` and nothing, then of nothing and each batch of ``second``."""
    none = {CONFIGURATION: slice(0, 0), ATOM: slice(0, 0)}
    no_first, no_second = first.isel(none).load(), second.isel(none).load()
    for place in iterate_places(first):
        yield beside(place.of(first).load(), no_second, methods)
    for place in iterate_places(second):
        yield beside(no_first, place.of(second).load(), methods)


def _records(methods: Sequence[MethodRecord]) -> list[dict[str, Any]]:
    """As an attribute; ids that are there again get a number."""
    records: list[dict[str, Any]] = []
    for method in methods:
        taken = {record["id"] for record in records}
        number, name = 2, method.id
        while name in taken:
            number, name = number + 1, f"{method.id}-{number}"
        records.append(method.model_dump(mode="json") | {"id": name})
    return records


def _unknown(count: int, atoms: int) -> Labels:
    return Labels(np.full(count, np.nan), np.full((atoms, 3), np.nan), np.full((count, 3, 3), np.nan))


def _joined(parts: Sequence[Labels]) -> Labels:
    """Atomic energies of the parts that have them, unknown elsewhere."""
    atomic = None
    if any(part.atomic_energies is not None for part in parts):
        atomic = np.concatenate(
            [
                np.full(len(part.forces), np.nan) if part.atomic_energies is None else part.atomic_energies
                for part in parts
            ]
        )
    return Labels(
        np.concatenate([part.energy for part in parts]),
        np.concatenate([part.forces for part in parts]),
        np.concatenate([part.stress for part in parts]),
        atomic,
    )


def _values(dataset: xr.Dataset, name: str) -> NDArray[Any]:
    """A variable of the layout; where the set lacks it, what says that nothing is known."""
    row = VARIABLES[name]
    if name in dataset:
        return np.asarray(dataset[name].to_numpy())
    shape = (dataset.sizes[row.dims[0]], *((16,) if row.dims[1:] == ("digest",) else ()))
    if np.issubdtype(np.dtype(row.dtype), np.floating):
        return np.full(shape, np.nan, dtype=row.dtype)
    return np.full(shape, _NOTHING.get(name, 0), dtype=row.dtype)


def _foreign(first: xr.Dataset, second: xr.Dataset, name: str) -> xr.Variable:
    """A field of other programs in both parts; unknown where one lacks it."""
    present = [part[name].variable for part in (first, second) if name in part]
    like = present[0]
    columns = []
    texts = list(dict.fromkeys(text for variable in present for text in variable.attrs.get("values", ())))
    for part in (first, second):
        if name in part:
            values = part[name].to_numpy()
            if texts:
                codes = np.array([texts.index(text) for text in part[name].attrs["values"]] + [-1], dtype=np.int64)
                values = codes[values]
        else:
            shape = (part.sizes[like.dims[0]], *like.shape[1:])
            filler = -1 if texts else 0 if like.dtype == np.uint8 else np.nan
            values = np.full(shape, filler, dtype=like.dtype if texts or like.dtype == np.uint8 else np.float64)
        columns.append(values)
    attributes = dict(like.attrs) | ({"values": texts} if texts else {})
    return xr.Variable(like.dims, np.concatenate(columns), attributes)
