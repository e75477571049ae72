"""Between batches in memory, datasets on disk and ASE's Atoms."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import xarray as xr
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.stress import full_3x3_to_voigt_6_stress
from numpy.typing import ArrayLike, NDArray

from foundational.data.batches import Indices, batch_slices, take, to_configurations
from foundational.data.configurations import Configurations, Labels
from foundational.data.fingerprint import configuration_ids, hexadecimal
from foundational.data.layout import CONFIGURATION, LABELS, LAYOUT_VERSION, VARIABLES, variable
from foundational.errors import InputError

__all__ = ["from_atoms", "iterate_atoms", "to_configurations", "to_dataset"]

#: Atoms turned into ASE objects at a time.
_ATOMS_AT_A_TIME = 16_384
#: Variables that an Atoms object carries by itself or in its calculator; the others go to ``info``.
_CARRIED = {"n_atoms", "cell", "pbc", "atomic_numbers", "positions", *LABELS}


def to_dataset(
    configurations: Configurations, *, attrs: Mapping[str, Any] | None = None, **variables: ArrayLike
) -> xr.Dataset:
    """A dataset in memory that follows the layout: the configurations, their ids, their labels and ``variables``.

    Parameters
    ----------
    configurations
        C configurations with A atoms; unknown (all NaN) stresses are omitted.
    attrs
        Attributes of the dataset, of JSON's types: element, labeller and the like; never a clock, host or path.
    **variables
        Further variables of the layout by name, one row a configuration or atom.

    Raises
    ------
    InputError
        A variable is not in the layout, has the wrong shape, or does not fit its type.
    """
    c = configurations
    arrays: dict[str, Any] = {"id": configuration_ids(c)} | {
        name: getattr(c, name) for name in ("n_atoms", "cell", "pbc", "atomic_numbers", "positions")
    }
    if c.labels is not None:
        labels = {name: getattr(c.labels, name) for name in LABELS}
        if np.isnan(c.labels.stress).all():
            del labels["stress"]
        arrays |= {name: array for name, array in labels.items() if array is not None}
    for name, values in variables.items():
        if variable(name).name in arrays:
            raise InputError(f"expected further variables, got {name!r}, which the configurations hold already")
        arrays[name] = values
    return xr.Dataset(
        {name: _as_stored(name, arrays[name], c) for name in VARIABLES if name in arrays},
        attrs={"layout": LAYOUT_VERSION, **(attrs or {})},
    )


def iterate_atoms(dataset: xr.Dataset, indices: Indices | None = None) -> Iterator[Atoms]:
    """Each configuration as ASE Atoms, read as they are asked for.

    Energy, forces, stress (and atomic energies as ``energies``) sit in a ``SinglePointCalculator``; ``info`` holds the
    id in hexadecimal and the other variables of the configuration under their names.
    """
    chosen = np.arange(dataset.sizes[CONFIGURATION])[slice(None) if indices is None else indices]
    n_atoms = dataset["n_atoms"].to_numpy()
    for rows in batch_slices(n_atoms[chosen], _ATOMS_AT_A_TIME):
        batch = take(dataset, chosen[rows]).load()
        info = {str(name): batch[name].to_numpy() for name in batch.data_vars if name not in _CARRIED}
        yield from _as_atoms(to_configurations(batch), info)


def _as_atoms(batch: Configurations, info: Mapping[str, NDArray[Any]]) -> Iterator[Atoms]:
    """The Atoms of a batch; ``info`` holds one row a configuration under each name."""
    rows = {name: hexadecimal(values) if values.ndim == 2 else values.tolist() for name, values in info.items()}
    for i in range(len(batch)):
        atoms_of_i = slice(int(batch.offsets[i]), int(batch.offsets[i + 1]))
        atoms = Atoms(
            numbers=batch.atomic_numbers[atoms_of_i],
            positions=batch.positions[atoms_of_i],
            cell=batch.cell[i],
            pbc=batch.pbc[i],
            info={name: values[i] for name, values in rows.items()},
        )
        if batch.labels is not None:
            results = {"energy": float(batch.labels.energy[i]), "forces": batch.labels.forces[atoms_of_i]}
            if not np.isnan(batch.labels.stress[i]).any():
                results["stress"] = full_3x3_to_voigt_6_stress(batch.labels.stress[i])
            if batch.labels.atomic_energies is not None:
                results["energies"] = batch.labels.atomic_energies[atoms_of_i]
            atoms.calc = SinglePointCalculator(atoms, **results)
        yield atoms


def from_atoms(iterable: Iterable[Atoms]) -> Configurations:
    """A batch from ASE Atoms; labels come from ``REF_`` keys or else from the results of their calculators.

    Positions are cast to float32. Where only some of the Atoms have an energy and forces, none is labelled by guess:
    that is an error. Stresses that are not there are NaN; atomic energies are kept where all have them.

    Raises
    ------
    InputError
        Some Atoms have labels and others have not, or a label has a wrong shape.
    """
    frames = list(iterable)
    batch = Configurations.build(
        [a.cell.array for a in frames], [a.positions for a in frames], [a.numbers for a in frames]
    )
    if frames:
        batch = Configurations(
            batch.n_atoms, batch.cell, np.array([a.pbc for a in frames]), batch.atomic_numbers, batch.positions
        )
    found = [labels_of(a) for a in frames]
    labelled = [i for i, x in enumerate(found) if "energy" in x and "forces" in x]
    if not labelled:
        return batch
    if len(labelled) < len(frames):
        first = next(i for i in range(len(frames)) if i not in set(labelled))
        raise InputError(f"expected energy and forces in every configuration, got none in number {first}")
    unknown = np.full((3, 3), np.nan)
    atomic = [x.get("atomic_energies") for x in found]
    return batch.with_labels(
        Labels(
            np.array([float(x["energy"]) for x in found], dtype=np.float64),
            np.concatenate([np.asarray(x["forces"], dtype=np.float32).reshape(-1, 3) for x in found]),
            np.array([x.get("stress", unknown) for x in found], dtype=np.float64),
            None
            if any(x is None for x in atomic)
            else np.concatenate([np.asarray(x, dtype=np.float32).reshape(-1) for x in atomic]),
        )
    )


def labels_of(atoms: Atoms) -> dict[str, Any]:
    """What one Atoms object says of itself, by the names of the layout."""
    keys = {name: f"REF_{name}" for name in LABELS}
    found = {name: atoms.info[key] for name, key in keys.items() if key in atoms.info}
    found |= {name: atoms.arrays[key] for name, key in keys.items() if key in atoms.arrays}
    if not found and isinstance(atoms.calc, SinglePointCalculator):
        names = {"energy": "energy", "forces": "forces", "stress": "stress", "atomic_energies": "energies"}
        results = atoms.calc.results
        found = {ours: results[theirs] for ours, theirs in names.items() if results.get(theirs) is not None}
    if "stress" in found:
        found["stress"] = _full_stress(np.asarray(found["stress"], dtype=np.float64))
    return found


def _full_stress(stress: NDArray[np.float64]) -> NDArray[np.float64]:
    """(3, 3) from a full matrix, nine numbers or ASE's six (xx, yy, zz, yz, xz, xy)."""
    if stress.size == 6:
        return stress.reshape(6)[[[0, 5, 4], [5, 1, 3], [4, 3, 2]]]
    if stress.size == 9:
        return stress.reshape(3, 3)
    raise InputError(f"expected a stress of 6 or 9 numbers, got {stress.size}")


def _as_stored(name: str, values: ArrayLike, configurations: Configurations) -> xr.Variable:
    """``values`` in the type of the layout, refused where their shape is wrong or a number would change."""
    row = VARIABLES[name]
    given = np.asarray(values)
    lengths = {"configuration": len(configurations), "atom": len(configurations.atomic_numbers), "digest": 16}
    shape = tuple(lengths.get(dim, 3) for dim in row.dims)
    if given.shape != shape:
        raise InputError(f"{name}: expected shape {shape}, got {given.shape}")
    stored = given.astype(row.dtype)
    if not np.issubdtype(stored.dtype, np.floating) and not np.array_equal(stored, given):
        raise InputError(f"{name}: expected numbers that fit {row.dtype}, got {given.min()}…{given.max()}")
    return xr.Variable(row.dims, stored, row.attributes)
