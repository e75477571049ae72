"""The one set-up of matplotlib: SVG without a date, the same bytes from the same numbers."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foundational.data.atomic_write import whole_file
from foundational.errors import MissingDependencyError, package_needed
from foundational.units import MEV


def pyplot() -> Any:
    """``matplotlib.pyplot``, set up to write files.

    Raises
    ------
    MissingDependencyError
        where matplotlib is not installed.
    """
    try:
        import matplotlib as mpl  # noqa: PLC0415 - an optional dependency
    except ImportError:
        raise MissingDependencyError(package_needed("matplotlib")) from None
    mpl.use("agg")
    mpl.rcParams["svg.hashsalt"] = "foundational"
    from matplotlib import pyplot as plt  # noqa: PLC0415

    return plt


def save(figure: Any, path: Path) -> Path:
    """Write a figure, whole or not at all, and close it."""
    with whole_file(path) as partial:
        figure.savefig(partial, format=path.suffix.removeprefix(".") or None, metadata={"Date": None})
    pyplot().close(figure)
    return path


def parity_panels(left: Any, right: Any, reference: NDArray[np.float64], predicted: NDArray[np.float64]) -> None:
    """Predicted against reference energies, and their errors; (C,) in eV/atom."""
    ends = [reference.min(), reference.max()]
    left.plot(ends, ends, "k-", linewidth=0.7)
    left.plot(reference, predicted, ".", markersize=2)
    left.set(xlabel="EAM, eV/atom", ylabel="network, eV/atom")
    right.plot(reference, (predicted - reference) * MEV, ".", markersize=2)
    right.set(xlabel="EAM, eV/atom", ylabel="error, meV/atom")
