"""One pass over a dataset: a few numbers for each configuration, from which the rules are computed."""

from collections.abc import Container, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from foundational.checks.pairs import PairBasis, PairCounts, pair_basis, pair_reach
from foundational.data.batches import to_configurations
from foundational.data.configurations import Configurations
from foundational.data.distances import ShortestDistances
from foundational.data.layout import ATOM, COMPOUND
from foundational.data.rules import Batch
from foundational.data.streaming.pair_distances import PairVisitor, visit_pairs
from foundational.matching.signatures import SignatureMaker, Signatures

if TYPE_CHECKING:
    import xarray as xr

Arrays = dict[str, NDArray[Any]]

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
    shortest: NDArray[np.float64]
    """(C,) Å, shortest distance of two atoms, or of one and its own image."""
    stress: NDArray[np.float64]
    """(C, 3, 3) eV/Å³."""
    zero_forces: NDArray[np.bool_]
    """(C,) forces are known and exactly zero."""
    isolated: NDArray[np.bool_]
    """(C,) one atom alone."""
    built: NDArray[np.bool_]
    """(C,) made by a recipe, such as a slab, or the cell of a compound: few are alike, and what the others let expect
    says nothing of them."""
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


@dataclass(frozen=True, eq=False)
class CollectionPlan:
    """What decides which numbers are collected of a dataset, or of a part of it."""

    elements: NDArray[np.int64]
    """(E,) atomic numbers that occur in the whole dataset."""
    basis: PairBasis
    signatures: bool
    """Collect also the signatures by which copies are found."""
    needed: Set[str]
    """Rules without which numbers mean nothing: nothing is collected where one of them is broken."""


class Collector:
    """Makes a `Collection` while the rules pass over a dataset: see `foundational.data.checks.Companion`."""

    def __init__(self, n_atoms: NDArray[np.integer], plan: CollectionPlan) -> None:
        """Prepare for configurations of ``n_atoms`` (C,) atoms."""
        self.plan = plan
        self._usable = True
        """Whether every batch up to now could be collected."""
        self._n_atoms = n_atoms.astype(np.int64)
        self._elements, self._basis = plan.elements, plan.basis
        self._numbers = _Filling()
        self._signed: _Filling | None = _Filling() if plan.signatures else None
        self._counted: PairCounts | None = None
        self._signing: SignatureMaker | None = None

    @classmethod
    def over(cls, dataset: "xr.Dataset", *, signatures: bool = False, needed: Set[str] = frozenset()) -> Self:
        """For all of ``dataset``; see `CollectionPlan` for the parameters.

        Raises
        ------
        ChecksumError
            If a damaged chunk is met.
        """
        n_atoms, elements = dataset["n_atoms"].to_numpy(), elements_in(dataset)
        basis = _basis_of(dataset, n_atoms, elements)
        return cls(n_atoms, CollectionPlan(elements, basis, signatures, needed))

    def distances(self, configurations: Configurations) -> NDArray[np.float64] | None:
        """See `foundational.data.checks.Companion`."""
        c, self._counted = configurations, None
        if not self._usable or not np.isfinite(c.positions).all():
            return None
        shortest = ShortestDistances(c)
        if len(shortest.rows) < len(c):  # cells without a volume
            return None
        self._counted = PairCounts(len(c), self._basis)
        visitors: list[PairVisitor] = [shortest, self._counted]
        if self._signed is not None:
            self._signing = SignatureMaker(c)
            visitors.append(self._signing.nearest)
        visit_pairs(c, shortest.rows, visitors)
        return shortest.shortest

    def take(self, batch: Batch, broken: Container[str]) -> None:
        """See `foundational.data.checks.Companion`."""
        if any(rule in broken for rule in self.plan.needed) or self._counted is None:
            self._usable = False
        if not self._usable:
            self._numbers, self._signed = _Filling(), None
            return
        assert self._counted is not None
        count = len(self._n_atoms)
        for name, values in _numbers(batch, self._elements).items():
            self._numbers.add(name, values, count)
        self._numbers.add("pairs", self._counted.counts.astype(np.float32), count)
        if self._signed is not None and self._signing is not None:
            signatures = self._signing.finish()
            for name in Signatures.__dataclass_fields__:
                self._signed.add(name, getattr(signatures, name), self._rows_of(name))
        self._counted = self._signing = None

    def as_arrays(self) -> Arrays:
        """What was collected of a part, for another process."""
        signed = {} if self._signed is None else self._signed.arrays
        return {
            "usable": np.array(self._usable),
            **{f"number {name}": values for name, values in self._numbers.arrays.items()},
            **{f"signature {name}": values for name, values in signed.items()},
        }

    def join(self, arrays: Arrays) -> None:
        """Add what was collected of the part that follows; `as_arrays` of it."""
        self._usable = self._usable and bool(arrays["usable"])
        if not self._usable:
            self._numbers, self._signed = _Filling(), None
            return
        for key, values in arrays.items():
            kind, _, name = key.partition(" ")
            if kind == "number":
                self._numbers.add(name, values, len(self._n_atoms))
            elif kind == "signature" and self._signed is not None:
                self._signed.add(name, values, self._rows_of(name))

    def _rows_of(self, name: str) -> int:
        """Rows that the signature ``name`` has in all."""
        return int(self._n_atoms.sum()) if name == "nearest" else len(self._n_atoms)

    def collection(self, dataset: "xr.Dataset") -> Collection:
        """What was collected of ``dataset``."""
        count = len(self._n_atoms)
        joined = self._numbers.arrays
        alone = joined.pop("alone")
        role = dataset["role"].to_numpy() == 1 if "role" in dataset else np.zeros(count, dtype=bool)
        codes = dataset["method"].to_numpy().astype(np.int64) if "method" in dataset else np.zeros(count, np.int64)
        return Collection(
            n_atoms=self._n_atoms,
            elements=self._elements,
            isolated=role | alone,
            built=_built(dataset),
            method=codes,
            split=dataset["split"].to_numpy().astype(np.int64) if "split" in dataset else None,
            basis=self._basis,
            signatures=None if self._signed is None else Signatures(**self._signed.arrays),
            **joined,
        )


class _Filling:
    """Arrays whose rows come batch by batch. Each has its full length from the beginning: so memory is not cut up."""

    def __init__(self) -> None:
        self.arrays: dict[str, NDArray[Any]] = {}
        self._filled: dict[str, int] = {}

    def add(self, name: str, values: NDArray[Any], total: int) -> None:
        """Put ``values`` behind those of ``name`` that came before; there are ``total`` in all."""
        if name not in self.arrays:
            self.arrays[name], self._filled[name] = np.empty((total, *values.shape[1:]), values.dtype), 0
        start = self._filled[name]
        self.arrays[name][start : start + len(values)] = values
        self._filled[name] = start + len(values)


def _built(dataset: "xr.Dataset") -> NDArray[np.bool_]:
    """(C,) made by a recipe, or the cell of a compound."""
    built = np.zeros(dataset.sizes["configuration"], dtype=bool)
    if "recipe" in dataset:
        built |= dataset["recipe"].to_numpy() > 0
    if "decoration" in dataset:
        built |= dataset["decoration"].to_numpy() == COMPOUND
    return built


def elements_in(dataset: "xr.Dataset") -> NDArray[np.int64]:
    """Atomic numbers that occur, those above 118 as 118."""
    found = np.zeros(119, dtype=bool)
    for start in range(0, dataset.sizes[ATOM], _NUMBERS):
        numbers = dataset["atomic_numbers"][start : start + _NUMBERS].to_numpy()
        found |= np.bincount(np.minimum(numbers, 118), minlength=119) > 0
    return np.flatnonzero(found)


def _basis_of(dataset: "xr.Dataset", n_atoms: NDArray[np.integer], elements: NDArray[np.int64]) -> PairBasis:
    """The basis whose range most configurations hold; up to 200 of them, evenly spread, are looked at."""
    few = to_configurations(dataset, np.linspace(0, len(n_atoms) - 1, min(200, len(n_atoms))).astype(np.int64))
    volume = np.linalg.det(few.complete_cell)
    reach = pair_reach(few.take(np.flatnonzero((few.n_atoms > 1) & np.isfinite(volume) & (volume != 0))))
    known = reach[np.isfinite(reach) & (reach > 0)]
    return pair_basis(elements, min(_REACH, float(np.median(known))) if known.size else _REACH)


def _numbers(batch: Batch, elements: NDArray[np.int64]) -> dict[str, NDArray[np.generic]]:
    c, count = batch.configurations, len(batch.configurations)
    place = np.searchsorted(elements, np.minimum(c.atomic_numbers, 118))
    composition = np.bincount(c.configuration_of_atom * len(elements) + place, minlength=count * len(elements))
    unknown = np.full(count, np.nan)
    energy, stress, net, mean = unknown, np.full((count, 3, 3), np.nan), unknown, unknown
    zero = np.zeros(count, dtype=bool)
    if c.labels is not None:
        energy, stress = c.labels.energy, c.labels.stress
    if "forces" in batch.arrays:
        net, mean = batch.net_force, batch.mean_force
        zero = batch.per_configuration("forces", batch.force_lengths, np.maximum) == 0
    return {
        "composition": composition.reshape(count, -1).astype(np.float64),
        "periodic": c.pbc.all(axis=1),
        "volume": c.volume,
        "energy": energy,
        "net_force": net,
        "mean_force": mean,
        "shortest": batch.shortest,
        "stress": stress,
        "zero_forces": zero,
        "alone": (c.n_atoms == 1) & (2 * pair_reach(c) > _ALONE),
    }
