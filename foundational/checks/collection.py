"""One pass over a dataset: a few numbers for each configuration, from which the rules are computed."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from foundational.checks.pairs import PairBasis, pair_basis, pair_counts, pair_reach
from foundational.data.batches import iterate_places, to_configurations
from foundational.data.configurations import Configurations
from foundational.data.layout import ATOM
from foundational.matching.signatures import Signatures, joined_signatures, signatures_of
from foundational.progress import Progress

if TYPE_CHECKING:
    import xarray as xr

#: Atomic numbers that are read at a time.
_NUMBERS = 8_388_608
#: Å: the pair basis never reaches farther.
_REACH = 5.0
#: Å: a cell of a single atom whose images are farther apart than this is an isolated atom.
_ALONE = 8.0


@dataclass(frozen=True, eq=False)
class Collection:
    """Numbers of C configurations; unknown labels are NaN."""

    n_atoms: NDArray[np.int64]
    elements: NDArray[np.int64]
    """(E,) atomic numbers that occur."""
    composition: NDArray[np.float64]
    """(C, E) atoms of each element."""
    periodic: NDArray[np.bool_]
    """(C,) along all three vectors."""
    volume: NDArray[np.float64]
    """(C,) Å³ of the cell."""
    energy: NDArray[np.float64]
    """(C,) eV."""
    net_force: NDArray[np.float64]
    """(C,) eV/Å, length of the sum of all forces."""
    mean_force: NDArray[np.float64]
    """(C,) eV/Å, mean length of a force."""
    stress: NDArray[np.float64]
    """(C, 3, 3) eV/Å³."""
    zero_forces: NDArray[np.bool_]
    """(C,) forces are known and exactly zero."""
    isolated: NDArray[np.bool_]
    """(C,) one atom alone."""
    built: NDArray[np.bool_]
    """(C,) made by a recipe, such as a slab: few are alike, and what the others let expect says nothing of them."""
    method: NDArray[np.int64]
    """(C,) place of the method; 0 where none is stated."""
    split: NDArray[np.int64] | None
    """(C,) code of the split, None where the dataset has none."""
    basis: PairBasis
    pairs: NDArray[np.float32]
    """(C, K) sums of the pair basis, see `pair_counts`."""
    signatures: Signatures | None = None
    """What no rewriting changes, where it was asked for."""

    def __len__(self) -> int:
        return len(self.n_atoms)

    @property
    def energy_per_atom(self) -> NDArray[np.float64]:
        """(C,) eV/atom."""
        return self.energy / self.n_atoms


def collect(dataset: "xr.Dataset", progress: Progress | None = None, *, signatures: bool = False) -> Collection:
    """Read a dataset once, batch by batch; also the ``signatures`` by which copies are found, where asked.

    Raises
    ------
    ChecksumError
        If a damaged chunk is met.
    """
    n_atoms = dataset["n_atoms"].to_numpy().astype(np.int64)
    elements = _elements_in(dataset)
    basis = _basis_of(dataset, n_atoms, elements)
    parts: list[dict[str, NDArray[np.generic]]] = []
    signed: list[Signatures] = []
    for place in iterate_places(dataset):
        if progress is not None:
            progress(place.rows.start, len(n_atoms), "collecting")
        batch = place.configurations(dataset)
        parts.append(_numbers(batch, elements, basis))
        if signatures:
            signed.append(signatures_of(batch))
    joined: dict[str, Any] = {}
    for name in tuple(parts[0]):
        joined[name] = np.concatenate([part.pop(name) for part in parts])  # one after another, to save memory
    alone = joined.pop("alone")
    role = dataset["role"].to_numpy() == 1 if "role" in dataset else np.zeros(len(n_atoms), dtype=bool)
    codes = dataset["method"].to_numpy().astype(np.int64) if "method" in dataset else np.zeros(len(n_atoms), np.int64)
    return Collection(
        n_atoms=n_atoms,
        elements=elements,
        isolated=role | alone,
        built=dataset["recipe"].to_numpy() > 0 if "recipe" in dataset else np.zeros(len(n_atoms), dtype=bool),
        method=codes,
        split=dataset["split"].to_numpy().astype(np.int64) if "split" in dataset else None,
        basis=basis,
        signatures=joined_signatures(signed) if signatures else None,
        **joined,
    )


def _elements_in(dataset: "xr.Dataset") -> NDArray[np.int64]:
    """Atomic numbers that occur, those above 118 as 118."""
    found = np.zeros(119, dtype=bool)
    for start in range(0, dataset.sizes[ATOM], _NUMBERS):
        numbers = dataset["atomic_numbers"][start : start + _NUMBERS].to_numpy()
        found |= np.bincount(np.minimum(numbers, 118), minlength=119) > 0
    return np.flatnonzero(found)


def _basis_of(dataset: "xr.Dataset", n_atoms: NDArray[np.int64], elements: NDArray[np.int64]) -> PairBasis:
    """The basis whose range most configurations hold; up to 200 of them, evenly spread, are looked at."""
    few = to_configurations(dataset, np.linspace(0, len(n_atoms) - 1, min(200, len(n_atoms))).astype(np.int64))
    several = few.n_atoms > 1
    reach = pair_reach(few)[several]
    known = reach[np.isfinite(reach) & (reach > 0)]
    return pair_basis(elements, min(_REACH, float(np.median(known))) if known.size else _REACH)


def _numbers(c: Configurations, elements: NDArray[np.int64], basis: PairBasis) -> dict[str, NDArray[np.generic]]:
    start = c.offsets[:-1]
    count = len(c)
    place = np.searchsorted(elements, np.minimum(c.atomic_numbers, 118))
    composition = np.bincount(c.configuration_of_atom * len(elements) + place, minlength=count * len(elements))
    unknown = np.full(count, np.nan)
    energy, stress, net, mean = unknown, np.full((count, 3, 3), np.nan), unknown, unknown
    zero = np.zeros(count, dtype=bool)
    if c.labels is not None:
        forces = c.labels.forces.astype(np.float64)
        energy, stress = c.labels.energy, c.labels.stress
        net = np.linalg.norm(np.add.reduceat(forces, start), axis=1)
        length = np.linalg.norm(forces, axis=1)
        mean = np.add.reduceat(length, start) / c.n_atoms
        zero = np.maximum.reduceat(length, start) == 0
    width = 2 * pair_reach(c)
    return {
        "composition": composition.reshape(count, -1).astype(np.float64),
        "periodic": c.pbc.all(axis=1),
        "volume": c.volume,
        "energy": energy,
        "net_force": net,
        "mean_force": mean,
        "stress": stress,
        "zero_forces": zero,
        "alone": (c.n_atoms == 1) & (width > _ALONE),
        "pairs": pair_counts(c, basis).astype(np.float32),
    }
