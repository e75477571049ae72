"""Translation to several elements: copies of a set's configurations, decorated with the elements of an alloy."""

from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from foundational.data.batches import unlabelled
from foundational.data.distances import shortest_distances
from foundational.data.fingerprint import configuration_ids, hexadecimal
from foundational.data.layout import VARIABLES
from foundational.errors import InputError
from foundational.labelling.candidates import CARRIED, Candidates, Excluded, label_candidates
from foundational.labelling.session import LabellingSession
from foundational.science.alloys.composition import counts_of
from foundational.science.alloys.decoration import Lattice, Mixture
from foundational.science.crystals import Structure
from foundational.seeds import generator
from foundational.specs.params import AniSettings
from foundational.specs.translate import AlloySpec, DecorationKind, GuardSpec
from foundational.stages.decorate.compounds import displaced_compounds, with_compounds
from foundational.stages.decorate.decorations import (
    DECORATION,
    columns,
    counts_by_kind,
    decorated,
    shares_of,
    source_of,
)
from foundational.stages.decorate.short_range_order import swapped
from foundational.stages.decorate.volumes import AlloyReferences, MeasuredVolume, alloy_volume, at_volume
from foundational.stages.translate.transformation import add_transformed_copies, transformed_counts


@dataclass(frozen=True)
class DecorationPlan:
    """What decides a set of several elements, beside the parent and the labeller."""

    elements: tuple[str, ...]
    """In the order of their numbers."""
    settings: AlloySpec
    guard: GuardSpec
    crystals: tuple[Structure, ...]
    """Crystals of transformed copies; may be empty."""
    majority: float
    """Share of the atoms with the local structure of a crystal, above which a configuration is called crystalline."""
    labels: int | None
    """Most configurations that are labelled; None: all decorations."""
    compositions: tuple[tuple[float, ...], ...]
    """Shares of the elements; empty: all that the sites can hold."""
    seed: int

    @property
    def mixture(self) -> Mixture:
        """Kinds of decoration and compositions."""
        s = self.settings
        return Mixture({str(k): w for k, w in s.orders.items()}, s.pure, s.antisites, s.most, self.compositions)

    def without(self, kind: DecorationKind) -> Self:
        """The same without one kind of decoration, such as one that needs many labels of its own."""
        orders = {name: weight for name, weight in self.settings.orders.items() if name != kind}
        return replace(self, settings=self.settings.model_copy(update={"orders": orders}))

    def require_compositions(self, parent: xr.Dataset) -> None:
        """Refuse compositions that the configurations of ``parent`` cannot hold.

        Raises
        ------
        InputError
            With the nearest ones.
        """
        for n_atoms in sorted(set(parent["n_atoms"].to_numpy().tolist())):
            for shares in self.compositions:
                counts_of(shares, n_atoms, self.elements)

    def record(self, labeller: str) -> dict[str, Any]:
        """The plan with the id of the labeller, under the keys of provenance.json."""
        return {
            "elements": list(self.elements),
            "crystals": list(self.crystals),
            "labeller": labeller,
            "guard": self.guard.model_dump(mode="json"),
            "labels": self.labels,
            "compositions": [list(shares) for shares in self.compositions],
            "alloy": self.settings.model_dump(mode="json"),
        }


@dataclass(frozen=True)
class DecorationDetails:
    """What a decoration found out, as its record states it."""

    volume: MeasuredVolume
    ground_states: dict[str, str]
    sites: dict[str, int]
    """Configurations of the parent and transformed copies whose atoms are at sites, by crystal; the others are
    decorated at random."""
    decorations: dict[str, int]
    """Configurations of the set by kind of decoration; `none` are pure elements."""
    transformed: dict[str, int]
    choice: dict[str, Any]
    excluded: tuple[Excluded, ...]

    def record(self) -> dict[str, Any]:
        """The details under the keys of provenance.json."""
        return {
            "rule": self.volume.rule,
            "volume": self.volume.record(),
            "ground_states": self.ground_states,
            "sites": self.sites,
            "decorations": self.decorations,
            "turned": self.transformed,
            "choice": self.choice,
            "filtered": [asdict(entry) for entry in self.excluded],
        }


@dataclass(frozen=True)
class DecoratedSet:
    """A labelled set of several elements, ready to be stored."""

    dataset: xr.Dataset
    details: DecorationDetails


def decorate(
    plan: DecorationPlan,
    parent: xr.Dataset,
    references: AlloyReferences,
    session: LabellingSession,
    ani: AniSettings,
) -> DecoratedSet:
    """Decorate ``parent`` with the elements of ``plan``, choose what to label, and label it.

    Parameters
    ----------
    references
        Relaxed crystals of the parent's element and of each element of the alloy.
    session
        Labels configurations of the alloy.
    ani
        Of the networks that choose.

    Raises
    ------
    InputError
        If a cohesive energy is needed and unknown, or more than half of the decorations overlap.
    EngineError
        If no volume fits the rule, or no configuration is left.
    """
    s, symbols, mixture = plan.settings, plan.elements, plan.mixture
    own = unlabelled(parent)
    originals = add_transformed_copies(own, parent, plan.crystals, plan.majority)
    source = source_of(originals)
    measured = alloy_volume(s.rule, parent, source, references, mixture, s.sample, session, plan.seed)
    at_sites = np.array([lattice is not None for lattice in source.lattices])
    repeats = np.where(at_sites, s.decorations * s.crystals, s.decorations)
    repeats[source.configurations.n_atoms == 1] = len(symbols)
    made = decorated(source, mixture, symbols, repeats, plan.seed, "set")
    shares = shares_of(made.configurations, symbols)
    volumes = measured.volume.per_atom(shares)
    scaled = at_volume(made.configurations, volumes, references.parent.ground_volume)
    scale = (volumes / references.parent.ground_volume) ** (1 / 3)
    candidates = Candidates(
        parent, scaled, originals.rows[made.rows], columns=columns(originals, made), carried=CARRIED
    )
    distances = shortest_distances(source.configurations)[made.rows] * scale
    candidates, excluded = _without_overlaps(candidates, distances, scale * plan.guard.minimum_distance)
    candidates = _without_copies(_ordered_by_swaps(plan, candidates, references, session))
    choice: dict[str, Any] = {"candidates": len(candidates.configurations)}
    labels = None if plan.labels is None else plan.labels - s.compounds
    if labels is not None and labels < len(candidates.configurations):
        from foundational.stages.decorate.choice import chosen_rows  # noqa: PLC0415 - loads networks

        networks = ani.scaled("recipe", _mean_volume(references))
        chosen = chosen_rows(candidates.configurations, symbols, labels, s.choice, networks, session, plan.seed)
        candidates, choice = candidates.take(np.sort(chosen.rows)), chosen.details
    labelled = label_candidates(
        candidates, joined(symbols), session, plan.guard.maximum_energy, maximum_force=s.maximum_force
    )
    excluded, dataset = (*excluded, *labelled.excluded), labelled.dataset
    if s.compounds:
        compounds = displaced_compounds(symbols, measured.volume, s.compounds, generator(plan.seed, "compounds"))
        shortest = plan.guard.minimum_distance / references.parent.ground_volume ** (1 / 3)
        dataset, lost = with_compounds(dataset, compounds, session, shortest, s.maximum_force)
        excluded = (*excluded, *lost)
    dataset = dataset.assign_attrs(volume_per_atom=_mean_volume(references))
    _require_most(symbols, dataset.sizes["configuration"], excluded)
    return DecoratedSet(
        dataset,
        DecorationDetails(
            volume=measured,
            ground_states={r.element: r.ground_state for r in (references.parent, *references.elements)},
            sites=_sites(source.lattices),
            decorations=counts_by_kind(dataset[DECORATION].to_numpy()),
            transformed=transformed_counts(dataset),
            choice=choice,
            excluded=excluded,
        ),
    )


def joined(symbols: tuple[str, ...]) -> str:
    """The elements as one word, as records name them: ``AlNi``."""
    return "".join(symbols)


def _mean_volume(references: AlloyReferences) -> float:
    """Å³ per atom: the mean of the pure elements; the lengths of environments follow it."""
    return float(np.mean(references.volumes))


def _without_overlaps(
    candidates: Candidates, distances: NDArray[np.float64], limits: NDArray[np.float64]
) -> tuple[Candidates, tuple[Excluded, ...]]:
    """The candidates whose atoms are no closer than ``limits`` (C,), Å, and the others."""
    ids = hexadecimal(candidates.parent["id"].to_numpy())
    near = np.flatnonzero(distances < limits).tolist()
    excluded = tuple(
        Excluded(ids[candidates.rows[c]], f"atoms {distances[c]:.3f} Å apart, less than {limits[c]:.3f} Å")
        for c in near
    )
    return candidates.take(np.setdiff1d(np.arange(len(distances)), near)), excluded


def _without_copies(candidates: Candidates) -> Candidates:
    """The first of equal candidates: two decorations with one element alone, or with few atoms, may be the same."""
    _, first = np.unique(configuration_ids(candidates.configurations), axis=0, return_index=True)
    return candidates.take(np.sort(first))


def _ordered_by_swaps(
    plan: DecorationPlan, candidates: Candidates, references: AlloyReferences, session: LabellingSession
) -> Candidates:
    """The candidates, with short-range order in those that are to have it."""
    codes = candidates.columns[DECORATION]
    rows = np.flatnonzero(codes == VARIABLES[DECORATION].meanings.index("short-range"))
    if not len(rows):
        return candidates
    some = candidates.configurations.take(rows)
    thermal = plan.settings.temperature * shares_of(some, plan.elements) @ references.cohesive_energies()
    done = swapped(some, thermal, plan.settings.swaps, session, plan.seed)
    numbers = candidates.configurations.atomic_numbers.copy()
    numbers[candidates.configurations.atoms_of(rows)] = done.atomic_numbers
    return replace(candidates, configurations=replace(candidates.configurations, atomic_numbers=numbers))


def _require_most(symbols: tuple[str, ...], kept: int, excluded: tuple[Excluded, ...]) -> None:
    """Refuse a set of which more than half was filtered.

    Raises
    ------
    InputError
        With the reasons.
    """
    if len(excluded) <= kept:
        return
    close = sum(entry.reason.startswith("atoms") for entry in excluded)
    strong = sum("eV/Å" in entry.reason for entry in excluded)
    raise InputError(
        f"{len(excluded)} of {len(excluded) + kept} decorations with {'-'.join(symbols)} were filtered, more than "
        f"half: {close} have atoms too close, {strong} too large a force, {len(excluded) - close - strong} too high an "
        "energy or no label; the elements differ too much in size for these configurations, or the potential is not "
        "made for them together; try --rule virial, other --composition, or another potential"
    )


def _sites(lattices: tuple[Lattice | None, ...]) -> dict[str, int]:
    """Configurations by the crystal of their sites; ``none`` has no sites."""
    names = ["none" if lattice is None else lattice.crystal for lattice in lattices]
    return {name: names.count(name) for name in ("fcc", "bcc", "none")}
