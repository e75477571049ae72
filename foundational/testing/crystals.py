"""Rattled crystals and their labels: small sets that train in a second."""

from typing import Any

import numpy as np
import xarray as xr
from ase.data import atomic_numbers

from foundational.data.configurations import Configurations
from foundational.data.conversion import to_dataset
from foundational.data.labeller import Labeller
from foundational.science.crystals import build_crystal

#: Å³ per atom of FCC nickel, by the potential ``NiNb``.
NICKEL_VOLUME = 10.868


def rattled_crystals(
    count: int, seed: int, element: str = "Ni", volume_per_atom: float = NICKEL_VOLUME
) -> Configurations:
    """``count`` FCC cells of 32 atoms, stretched by −3 to 5 % and rattled.

    Parameters
    ----------
    seed
        The same seed gives the same configurations.
    element
        Chemical symbol of all atoms.
    volume_per_atom
        Å³, of the unstretched crystal.

    Returns
    -------
    Configurations
        Without labels. The standard deviation of the displacements is 0.03 to 0.18 Å, one value for each cell: some
        cells are nearly perfect, some are nearly molten.
    """
    rng = np.random.default_rng(seed)
    crystals = [build_crystal("fcc", volume_per_atom * s**3, (2, 2, 2)) for s in rng.uniform(0.97, 1.05, count)]
    noise = [rng.normal(scale=scale, size=(32, 3)) for scale in rng.uniform(0.03, 0.18, count)]
    positions = [c.positions + n for c, n in zip(crystals, noise, strict=True)]
    numbers = [np.full(32, atomic_numbers[element])] * count
    return Configurations.build([c.cell for c in crystals], positions, numbers)


def labelled_dataset(
    configurations: Configurations,
    labeller: Labeller,
    element: str,
    *,
    attrs: dict[str, Any] | None = None,
    **variables: Any,
) -> xr.Dataset:
    """The configurations with the labels of ``labeller``, as a dataset.

    Parameters
    ----------
    element
        Chemical symbol; an attribute of the dataset.
    attrs
        Further attributes of the dataset, such as ``volume_per_atom`` in Å³.
    variables
        Further variables of the layout, one value for each configuration, such as ``walker`` and ``step``.
    """
    labelled = configurations.with_labels(labeller.label(configurations))
    named = {"element": element, "labeller": labeller.id}
    return to_dataset(labelled, attrs=named | (attrs or {}), **variables)
