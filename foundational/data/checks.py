"""Is a dataset sane? Every violation is collected and reported once; numbers are streamed."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from foundational.data.batches import iterate_places, to_configurations
from foundational.data.configurations import Configurations
from foundational.data.fingerprint import hashes_of
from foundational.data.layout import ATOM, COMPOUND, CONFIGURATION, schema_breaches
from foundational.data.rules import RULES, Batch, Rule, Tolerances
from foundational.data.streaming.codes import codes_of, first_of_each, paired
from foundational.errors import ChecksumError, DatasetError
from foundational.progress import Progress

if TYPE_CHECKING:
    import xarray as xr

#: Configurations that a violation names.
_NAMED = 10


@dataclass(frozen=True)
class Violation:
    """One rule that does not hold."""

    rule: str
    message: str
    count: int = 0
    """Configurations concerned; 0 where the dataset as a whole is."""
    configurations: tuple[int, ...] = ()
    """The first of them, by their place in the dataset."""

    def __str__(self) -> str:
        return f"{self.rule}: {self.message}"


class _Tally:
    """How often a rule is broken, where first, and where worst."""

    def __init__(self) -> None:
        self.count = 0
        self.first: list[int] = []
        self.worst = (-np.inf, -1)

    def add(self, start: int, bad: NDArray[np.bool_], badness: NDArray[np.float64] | None = None) -> None:
        """Count the configurations ``bad`` of a batch that begins at ``start``."""
        rows = np.flatnonzero(bad)
        self.count += len(rows)
        self.first += (start + rows[: _NAMED - len(self.first)]).tolist()
        if badness is not None and len(rows):
            row = rows[np.nanargmax(badness[rows])] if np.isfinite(badness[rows]).any() else rows[0]
            self.worst = max(self.worst, (float(badness[row]), start + int(row)))

    def join(self, other: "_Tally") -> None:
        """Count what was counted in the configurations that follow."""
        self.count += other.count
        self.first += other.first[: _NAMED - len(self.first)]
        self.worst = max(self.worst, other.worst)

    def violation(self, rule: str, expected: str) -> Violation:
        """What was found, in a sentence."""
        places = ", ".join(map(str, self.first)) + (", …" if self.count > len(self.first) else "")
        worst = f", worst {abs(self.worst[0]):.4g} in {self.worst[1]}" if self.worst[1] >= 0 else ""
        message = f"expected {expected}; broken by {self.count} (configurations {places}{worst})"
        return Violation(rule, message, self.count, tuple(self.first))


@dataclass(frozen=True, eq=False)
class Counted:
    """What the rules found in neighbouring configurations."""

    tallies: dict[str, _Tally]
    """By the rule: how often it is broken, and where."""
    damages: dict[str, None]
    """What is said of chunks that could not be read."""

    @classmethod
    def of(cls, dataset: "xr.Dataset") -> Self:
        """Nothing yet, by the rules that apply to ``dataset``."""
        return cls({rule.name: _Tally() for rule in rules_for(dataset)}, {})

    def as_arrays(self) -> dict[str, NDArray[Any]]:
        """The same as arrays, for another process."""
        tallies = self.tallies.values()
        return {
            "counts": np.array([tally.count for tally in tallies], np.int64),
            "first": np.array([tally.first + [-1] * (_NAMED - len(tally.first)) for tally in tallies], np.int64),
            "worst": np.array([tally.worst[0] for tally in tallies]),
            "worst row": np.array([tally.worst[1] for tally in tallies], np.int64),
            "damages": np.array(list(self.damages), np.str_),
        }

    def join(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Add what was found in the configurations that follow; `as_arrays` of it."""
        columns = (arrays[name].tolist() for name in ("counts", "first", "worst", "worst row"))
        for tally, count, first, worst, row in zip(self.tallies.values(), *columns, strict=True):
            other = _Tally()
            other.count, other.first, other.worst = count, [place for place in first if place >= 0], (worst, row)
            tally.join(other)
        self.damages.update(dict.fromkeys(map(str, arrays["damages"].tolist())))


class TakesRows(Protocol):
    """What takes the hashes of configurations, block by block."""

    def add(self, rows: NDArray[np.uint8]) -> None:
        """Take a block of (B, 32) rows."""


class Companion(Protocol):
    """What else is computed of each batch while its numbers are in memory."""

    def distances(self, configurations: Configurations) -> NDArray[np.float64] | None:
        """(C,) Å: shortest distances, where they come with what is computed; None: the rules compute them."""

    def take(self, batch: Batch, broken: Collection[str]) -> None:
        """The next batch, after the rules; ``broken`` names those that did not hold up to now."""


@dataclass(frozen=True)
class Hashing:
    """The companion that hands on what the fingerprint is made of."""

    hashes: TakesRows

    def distances(self, configurations: Configurations) -> None:  # noqa: ARG002 - of a companion
        """None are computed."""
        return

    def take(self, batch: Batch, broken: Collection[str]) -> None:  # noqa: ARG002 - of a companion
        """See `Companion`."""
        self.hashes.add(hashes_of(batch.configurations, batch.ids))


def check_dataset(
    dataset: "xr.Dataset",
    *,
    parent: "xr.Dataset | None" = None,
    tolerances: Tolerances | None = None,
    companion: Companion | None = None,
    count: Callable[[], Counted] | None = None,
    progress: Progress | None = None,
) -> list[Violation]:
    """Every violation of the layout and of physical sense in a dataset; an empty list where it is sane.

    Looked at are schema and units, the number of atoms, NaN and infinity, elements, periodicity, handedness and volume
    of the cells, overlapping atoms, ids against contents, duplicates, net force, symmetry of the stress, the sum
    of the atomic energies, ranges and codes, parents; and damaged chunks, where it is read from disk.

    Parameters
    ----------
    parent
        The dataset it was translated from; each ``parent_id`` must be an id of it.
    tolerances
        Limits of the rules; see `Tolerances`.
    companion
        Is shown every batch that can be read.
    count
        Goes over all configurations in place of `count_broken`, such as in other processes, where numbers can be read.
    progress
        Called with (configurations done, configurations, message).
    """
    breaches = [Violation("schema", breach) for breach in schema_breaches(dataset)]
    if breaches:
        return breaches  # numbers of another shape, type or unit cannot be judged
    try:
        n_atoms = dataset["n_atoms"].to_numpy()
    except ChecksumError as error:
        return [Violation("bytes", str(error))]
    if (n_atoms < 1).any() or n_atoms.sum(dtype=np.int64) != dataset.sizes[ATOM]:
        expected = f"expected n_atoms of at least 1 that sum to {dataset.sizes[ATOM]} rows of atoms"
        return [Violation("n_atoms", f"{expected}, got a sum of {n_atoms.sum(dtype=np.int64)} from {n_atoms.min()} up")]
    limits = tolerances or Tolerances()
    counted = count_broken(dataset, limits, companion, progress) if count is None else count()
    if progress is not None:
        progress(len(n_atoms), len(n_atoms), "checked")
    found = [Violation("bytes", damage) for damage in counted.damages]
    found += [
        counted.tallies[rule.name].violation(rule.name, rule.expected.format(**asdict(limits)))
        for rule in rules_for(dataset)
        if counted.tallies[rule.name].count
    ]
    if not counted.damages:
        found += _duplicates(dataset)
        found += [] if parent is None else _foreign_parents(dataset, parent)
    return found


def rules_for(dataset: "xr.Dataset") -> list[Rule]:
    """The rules whose variables ``dataset`` has."""
    return [rule for rule in RULES if all(name in dataset for name in rule.needs)]


def count_broken(
    dataset: "xr.Dataset",
    limits: Tolerances,
    companion: Companion | None = None,
    progress: Progress | None = None,
    part: tuple[slice, int] | None = None,
) -> Counted:
    """What the rules find in all configurations, or in those of a ``part`` as `iterate_places` takes it."""
    total, counted = int(dataset.sizes[CONFIGURATION]), Counted.of(dataset)
    rules, tallies = rules_for(dataset), counted.tallies
    for place in iterate_places(dataset, part=part):
        if progress is not None:
            progress(place.rows.start, total, "checking")
        try:
            read = place.of(dataset).load()
        except ChecksumError as error:
            counted.damages[str(error)] = None
            continue
        arrays = {str(name): variable.to_numpy() for name, variable in read.data_vars.items()}
        configurations = to_configurations(read)
        with np.errstate(all="ignore"):  # NaN and infinity have a rule of their own
            shortest = None if companion is None else companion.distances(configurations)
            batch = Batch(configurations, arrays, limits, shortest)
            for rule in rules:
                tallies[rule.name].add(place.rows.start, *rule.judge(batch))
        if companion is not None:
            companion.take(batch, [name for name, tally in tallies.items() if tally.count])
    return counted


def require_sound(
    dataset: "xr.Dataset",
    where: str,
    *,
    parent: "xr.Dataset | None" = None,
    tolerances: Tolerances | None = None,
    progress: Progress | None = None,
) -> None:
    """Refuse a dataset with violations, naming ``where`` it lies and all of them.

    Raises
    ------
    DatasetError
        At least one violation; see `check_dataset`.
    """
    violations = check_dataset(dataset, parent=parent, tolerances=tolerances, progress=progress)
    if violations:
        raise DatasetError(f"{where}: " + "; ".join(map(str, violations)))


def _duplicates(dataset: "xr.Dataset") -> list[Violation]:
    """Configurations with the species, cell and positions of an earlier one by the same method."""
    (codes,) = codes_of(dataset["id"].to_numpy())
    if "method" in dataset:  # one configuration may have labels of several methods
        codes = paired(codes, dataset["method"].to_numpy())
    tally = _Tally()
    tally.add(0, first_of_each(codes) != np.arange(len(codes)))
    return [tally.violation("duplicates", "each configuration once")] if tally.count else []


def _foreign_parents(dataset: "xr.Dataset", parent: "xr.Dataset") -> list[Violation]:
    """Configurations whose parent is not in the parent dataset."""
    if "parent_id" not in dataset:
        return [Violation("parent", "expected parent_id in a dataset derived from another, it is missing")]
    tally = _Tally()
    codes, known = codes_of(dataset["parent_id"].to_numpy(), parent["id"].to_numpy())
    strangers = ~np.isin(codes, known)
    if "decoration" in dataset:  # compounds are built, from no configuration of the parent
        strangers &= dataset["decoration"].to_numpy() != COMPOUND
    if "recipe" in dataset:  # as are those of recipes of the target
        strangers &= (dataset["recipe"].to_numpy() == 0) | dataset["parent_id"].to_numpy().any(axis=1)
    tally.add(0, strangers)
    return [tally.violation("parent", "parents among the configurations of the parent dataset")] if tally.count else []
