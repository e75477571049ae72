"""Between batches in memory, datasets on disk and ASE's Atoms."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import xarray as xr
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.data import chemical_symbols
from ase.stress import full_3x3_to_voigt_6_stress
from numpy.typing import ArrayLike, NDArray

from foundational.data.batches import Indices, batch_slices, take, to_configurations
from foundational.data.configurations import Configurations, Labels
from foundational.data.fingerprint import configuration_ids, hexadecimal
from foundational.data.layout import CONFIGURATION, LABELS, LAYOUT_VERSION, VARIABLES, is_foreign, variable
from foundational.errors import InputError

__all__ = [
    "elements_in",
    "elements_of",
    "from_atoms",
    "iterate_atoms",
    "narrowed",
    "to_configurations",
    "to_dataset",
    "with_foreign",
]

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
        C configurations with A atoms; a label that is not known of any of them is not in the dataset.
    attrs
        Attributes of the dataset, of JSON's types: element, labeller and the like; never a clock, host or path.
    **variables
        Further variables of the layout by name, one row a configuration or atom.

    Raises
    ------
    InputError
        A variable is not in the layout, has the wrong shape, or does not fit its type.
    """
    return sharing_dataset(configurations, attrs or {}, variables).copy(deep=True)


def sharing_dataset(
    configurations: Configurations, attrs: Mapping[str, Any], variables: Mapping[str, ArrayLike]
) -> xr.Dataset:
    """As `to_dataset`, but the dataset may share its numbers with ``configurations`` and ``variables``.

    Raises
    ------
    InputError
        As `to_dataset`.
    """
    c = configurations
    arrays: dict[str, Any] = {"id": configuration_ids(c)} | {
        name: getattr(c, name) for name in ("n_atoms", "cell", "pbc", "atomic_numbers", "positions")
    }
    if c.labels is not None:
        known = c.labels.known(c.offsets)
        arrays |= {name: getattr(c.labels, name) for name in LABELS if name in known and known[name].any()}
    for name, values in variables.items():
        if variable(name).name in arrays:
            raise InputError(f"expected further variables, got {name!r}, which the configurations hold already")
        arrays[name] = values
    return xr.Dataset(
        {name: _as_stored(name, arrays[name], c) for name in VARIABLES if name in arrays},
        attrs={"layout": LAYOUT_VERSION, "elements": elements_in(c.atomic_numbers), **attrs},
    )


def elements_in(atomic_numbers: NDArray[np.integer]) -> list[str]:
    """Symbols of the elements that occur, by atomic number.

    >>> elements_in(np.array([28, 13, 28]))
    ['Al', 'Ni']
    """
    return [chemical_symbols[z] for z in np.unique(atomic_numbers).tolist()]


def elements_of(dataset: xr.Dataset) -> list[str]:
    """Symbols of the elements of a dataset; in layout 1, which has one element, the attribute ``element``."""
    if "elements" in dataset.attrs:
        return list(dataset.attrs["elements"])
    if "element" in dataset.attrs:
        return [str(dataset.attrs["element"])]
    return elements_in(dataset["atomic_numbers"].to_numpy())


def with_foreign(dataset: xr.Dataset, foreign: Mapping[str, xr.Variable]) -> xr.Dataset:
    """``dataset`` with variables of other programs by their own names, each with `foreign_attributes`.

    Raises
    ------
    InputError
        If one of them has a name of the layout.
    """
    if taken := sorted(foreign.keys() & VARIABLES.keys()):
        raise InputError(f"expected other names than those of the layout for imported fields, got {', '.join(taken)}")
    return dataset.assign(foreign)


def iterate_atoms(dataset: xr.Dataset, indices: Indices | None = None) -> Iterator[Atoms]:
    """Each configuration as ASE Atoms, read as they are asked for.

    Energy, forces, stress (and atomic energies as ``energies``) sit in a ``SinglePointCalculator``; ``info`` holds the
    id in hexadecimal and the other variables of the configuration under their names, those of other programs too.
    """
    chosen = np.arange(dataset.sizes[CONFIGURATION])[slice(None) if indices is None else indices]
    n_atoms = dataset["n_atoms"].to_numpy()
    for rows in batch_slices(n_atoms[chosen], _ATOMS_AT_A_TIME):
        batch = take(dataset, chosen[rows]).load()
        info = {
            str(name): values.to_numpy()
            for name, values in batch.data_vars.items()
            if name not in _CARRIED and values.dims[0] == CONFIGURATION and not is_foreign(values)
        }
        yield from _as_atoms(to_configurations(batch), info)


def _as_atoms(batch: Configurations, info: Mapping[str, NDArray[Any]]) -> Iterator[Atoms]:
    """The Atoms of a batch; ``info`` holds one row a configuration under each name."""
    rows = {name: hexadecimal(values) if values.ndim == 2 else values.tolist() for name, values in info.items()}
    labels = batch.labels
    known = {} if labels is None else labels.known(batch.offsets)
    for i in range(len(batch)):
        atoms_of_i = slice(int(batch.offsets[i]), int(batch.offsets[i + 1]))
        atoms = Atoms(
            numbers=batch.atomic_numbers[atoms_of_i],
            positions=batch.positions[atoms_of_i],
            cell=batch.cell[i],
            pbc=batch.pbc[i],
            info={name: values[i] for name, values in rows.items()},
        )
        if labels is not None:
            results: dict[str, Any] = {}
            if known["energy"][i]:
                results["energy"] = float(labels.energy[i])
            if known["forces"][i]:
                results["forces"] = labels.forces[atoms_of_i]
            if known["stress"][i]:
                results["stress"] = full_3x3_to_voigt_6_stress(labels.stress[i])
            if labels.atomic_energies is not None and known["atomic_energies"][i]:
                results["energies"] = labels.atomic_energies[atoms_of_i]
            atoms.calc = SinglePointCalculator(atoms, **results)
        yield atoms


def from_atoms(iterable: Iterable[Atoms]) -> Configurations:
    """A batch from ASE Atoms; each label comes from its ``REF_`` key or else from the results of their calculators.

    Positions, forces and atomic energies are float32 where that changes no number of the batch, else float64. Labels
    that some of the Atoms have not are NaN there; atomic energies are kept where one of them has any.

    Raises
    ------
    InputError
        If a label is no number or has a wrong shape.
    """
    frames = list(iterable)
    batch = Configurations(
        np.array([len(a) for a in frames], dtype=np.int32),
        np.array([a.cell.array for a in frames], dtype=np.float64).reshape(-1, 3, 3),
        np.array([a.pbc for a in frames], dtype=bool).reshape(-1, 3),
        np.concatenate([np.zeros(0, np.uint8), *(a.numbers for a in frames)]).astype(np.uint8),
        narrowed(np.concatenate([np.zeros((0, 3)), *(a.positions for a in frames)])),
    )
    found = [labels_of(a) for a in frames]
    if not any(found):
        return batch
    unknown = np.full((3, 3), np.nan)
    atomic = None
    if any("atomic_energies" in x for x in found):
        atomic = narrowed(
            np.concatenate([_per_atom(x, "atomic_energies", a)[:, 0] for x, a in zip(found, frames, strict=True)])
        )
    return batch.with_labels(
        Labels(
            np.array([float(x.get("energy", np.nan)) for x in found], dtype=np.float64),
            narrowed(np.concatenate([_per_atom(x, "forces", a) for x, a in zip(found, frames, strict=True)])),
            np.array([x.get("stress", unknown) for x in found], dtype=np.float64),
            atomic,
        )
    )


def narrowed(values: NDArray[np.floating]) -> NDArray[Any]:
    """``values`` as float32 where that changes no number of them, else as float64."""
    with np.errstate(over="ignore"):
        narrow = values.astype(np.float32)
    return narrow if np.array_equal(narrow, values, equal_nan=True) else values.astype(np.float64)


def _per_atom(found: Mapping[str, Any], name: str, atoms: Atoms) -> NDArray[np.float64]:
    """(N, 3) forces or (N, 1) atomic energies of one configuration, NaN where they are not known."""
    width = 3 if name == "forces" else 1
    if name not in found:
        return np.full((len(atoms), width), np.nan)
    values = np.asarray(found[name], dtype=np.float64)
    if values.size != width * len(atoms):
        raise InputError(f"{name}: expected {len(atoms)} rows of {width}, got shape {values.shape}")
    return values.reshape(-1, width)


def labels_of(atoms: Atoms) -> dict[str, Any]:
    """What one Atoms object says of itself, by the names of the layout."""
    found: dict[str, Any] = {}
    results = atoms.calc.results if isinstance(atoms.calc, SinglePointCalculator) else {}
    for name, key in {
        "energy": "energy",
        "forces": "forces",
        "stress": "stress",
        "atomic_energies": "energies",
    }.items():
        for values in (atoms.info.get(f"REF_{name}"), atoms.arrays.get(f"REF_{name}"), results.get(key)):
            if values is not None:
                found[name] = values
                break
    if "stress" in found:
        found["stress"] = atoms.info.get("full_stress", found["stress"])  # of one that is not symmetric
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
    wanted = row.wider if row.wider and given.dtype == np.dtype(row.wider) else row.dtype
    stored = given.astype(wanted, copy=False)
    if not np.issubdtype(stored.dtype, np.floating) and not np.array_equal(stored, given):
        raise InputError(f"{name}: expected numbers that fit {row.dtype}, got {given.min()}…{given.max()}")
    return xr.Variable(row.dims, stored, row.attributes_of(stored))
