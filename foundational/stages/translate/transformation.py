"""Transformed copies: crystalline configurations of one structure as those of another, at the same volume."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from foundational.data.configurations import Configurations, concatenate
from foundational.data.layout import VARIABLES
from foundational.engines.geometry.local_structure import StructureType, structure_shares
from foundational.labelling.candidates import Candidates
from foundational.science.crystals import STRUCTURES, Structure
from foundational.science.transformations import bain_strain, fcc_to_hcp_shear

#: Variable of the layout that marks transformed copies.
VARIABLE = "transformed_to"


def transform_crystals(
    configurations: Configurations, crystals: Sequence[Structure], majority: float
) -> tuple[Configurations, NDArray[np.int64], NDArray[np.int8]]:
    """Copies of the crystalline configurations, transformed to other crystals.

    A parent that was sampled as one crystal has few configurations of the others. FCC becomes BCC, and BCC FCC, by the
    Bain strain (`bain_strain`); FCC becomes HCP by a shear of close-packed planes (`fcc_to_hcp_shear`). Volume and
    thermal displacements stay. A copy is kept if most of its atoms have the local structure of its crystal.

    Parameters
    ----------
    majority
        Share of the atoms with the local structure of a crystal, above which a configuration is called crystalline.

    Returns
    -------
    (Configurations, (n,), (n,))
        Copies without labels, the row of which each is a copy, and the code of its crystal in the layout.
    """
    if not crystals:  # so clusters, which have no local structure in a cell, can pass
        return configurations.take([]).with_labels(None), np.zeros(0, np.int64), np.zeros(0, np.int8)
    shares = structure_shares(configurations)
    kinds: dict[Structure, StructureType] = {s: StructureType[s.upper()] for s in STRUCTURES}
    parts, rows, codes = [configurations.take([]).with_labels(None)], [np.zeros(0, np.int64)], [np.zeros(0, np.int8)]
    for crystal in crystals:
        sources: list[int] = []
        copied = []
        for start in [s for s in STRUCTURES if s != crystal]:
            for row in np.flatnonzero(shares[:, kinds[start]] > majority).tolist():
                copy = _transformed(configurations, row, start, crystal, len(sources))
                if copy is not None:
                    sources.append(row)
                    copied.append(copy)
        if not copied:
            continue
        taken = configurations.take(sources).with_labels(None)
        cells, positions = (np.concatenate([pair[k] for pair in copied]) for k in (0, 1))
        copies = replace(taken, cell=cells.reshape(-1, 3, 3), positions=positions.astype(np.float32))
        good = np.flatnonzero(structure_shares(copies)[:, kinds[crystal]] > majority)
        parts.append(copies.take(good))
        rows.append(np.array(sources)[good])
        codes.append(np.full(len(good), VARIABLES[VARIABLE].meanings.index(crystal), np.int8))
    return concatenate(parts), np.concatenate(rows), np.concatenate(codes)


def _transformed(
    configurations: Configurations, row: int, start: Structure, crystal: Structure, number: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Cell and positions of one copy; axes and planes alternate with its number. None where no transformation fits."""
    cell = configurations.cell[row]
    positions = configurations.positions[configurations.offsets[row] : configurations.offsets[row + 1]]
    if start == "fcc" and crystal == "hcp":
        return fcc_to_hcp_shear(cell, positions.astype(np.float64), number)
    if start == "hcp" or crystal == "hcp":
        return None
    strain = bain_strain(number % 3, start)
    return cell * strain, positions * strain


def add_transformed_copies(
    configurations: Configurations, parent: xr.Dataset, crystals: Sequence[Structure], majority: float
) -> Candidates:
    """``configurations``, one for each row of ``parent``, and their transformed copies.

    Copies that the parent has already are carried over, and its crystals are not transformed a second time.

    Parameters
    ----------
    crystals, majority
        As in `transform_crystals`.
    """
    transformed = np.zeros(len(configurations), np.int8)
    if VARIABLE in parent:
        transformed = parent[VARIABLE].to_numpy()
    names = VARIABLES[VARIABLE].meanings
    originals = np.flatnonzero(transformed == 0)
    missing = [crystal for crystal in crystals if names.index(crystal) not in transformed]
    if not missing:
        return Candidates(parent, configurations, np.arange(len(configurations)), columns={VARIABLE: transformed})
    copies, rows, codes = transform_crystals(configurations.take(originals), missing, majority)
    return Candidates(
        parent,
        concatenate([configurations, copies]),
        np.concatenate([np.arange(len(configurations)), originals[rows]]),
        columns={VARIABLE: np.concatenate([transformed, codes])},
    )


def transformed_counts(dataset: xr.Dataset) -> dict[str, int]:
    """How many transformed copies of each crystal a dataset has."""
    if VARIABLE not in dataset:
        return {}
    codes = dataset[VARIABLE].to_numpy()
    names = VARIABLES[VARIABLE].meanings
    return {names[code]: int((codes == code).sum()) for code in np.unique(codes[codes > 0]).tolist()}
