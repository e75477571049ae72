"""``foundational compare-labels``: two theories of the same configurations."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from foundational.data.batches import take, to_configurations
from foundational.errors import InputError, did_you_mean
from foundational.stages.compare_labels.report import LabelDifferences
from foundational.stages.compare_labels.stage import TOLERANCE, Theory, compare
from foundational.workspace.sources import open_configurations


def compare_labels(
    root: Path | None,
    a: str,
    b: str | None = None,
    *,
    methods: Sequence[str] | None = None,
    tolerance: float = TOLERANCE,
) -> LabelDifferences:
    """Labels of ``b`` compared with those of ``a``; without ``b``, of two methods of one dataset.

    Parameters
    ----------
    a, b
        Datasets, released versions, stores or files.
    methods
        The two methods of one dataset, or one of each of two datasets with several; default: the first ones.
    tolerance
        Å; configurations without a common id that are nearer than this are the same.

    Raises
    ------
    NotFoundError
        There is no such dataset.
    InputError
        A dataset has several methods and none is chosen, or no configuration is in both.
    """
    chosen = [None, None] if methods is None else list(methods)
    if len(chosen) != 2:
        raise InputError(f"--methods: expected two methods, separated by a comma, got {', '.join(map(str, chosen))}")
    first = open_configurations(a, root)
    if b is None:
        names = _methods(first)
        if len(names) < 2:
            raise InputError(f"expected a second dataset, or labels of several methods in {a}, which has one")
        if methods is None:
            if len(names) > 2:
                raise InputError(f"{a} has the methods {', '.join(names)}; choose two with --methods")
            chosen = [*names]
        return compare(_theory(a, first, chosen[0]), _theory(a, first, chosen[1]), tolerance)
    return compare(_theory(a, first, chosen[0]), _theory(b, open_configurations(b, root), chosen[1]), tolerance)


def _methods(dataset: xr.Dataset) -> list[str]:
    """Ids of the methods of a dataset, in the order of their codes; none where it names none."""
    return [str(record["id"]) for record in dataset.attrs.get("methods", ())]


def _theory(name: str, dataset: xr.Dataset, method: str | None) -> Theory:
    names = _methods(dataset)
    if "method" in dataset and len(names) > 1:
        if method is None:
            raise InputError(f"{name} has the methods {', '.join(names)}; choose two with --methods")
        if method not in names:
            raise InputError(f"--methods: expected a method of {name}, got {method!r}; {did_you_mean(method, names)}")
        rows = np.flatnonzero(dataset["method"].to_numpy() == names.index(method))
        dataset = take(dataset, rows)
    found = method or (names[0] if names else dataset.attrs.get("labeller"))
    return Theory(name, found, dataset["id"].to_numpy(), to_configurations(dataset))
