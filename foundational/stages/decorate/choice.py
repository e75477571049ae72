"""Which decorations are labelled, where there are more of them than labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase.data import atomic_numbers
from numpy.typing import NDArray

from foundational.data.configurations import Configurations
from foundational.engines.ani.last_layer import last_layer_features
from foundational.engines.ani.training import train
from foundational.errors import EngineError, InputError
from foundational.labelling.session import LabellingSession
from foundational.science.alloys.motifs import divergence, motif_counts, motif_histograms, pick_by_motifs
from foundational.science.picking import pick_informative
from foundational.seeds import derive, generator
from foundational.specs.ani import AniSpec
from foundational.specs.translate import AlloyChoiceSpec


@dataclass(frozen=True, eq=False)
class Chosen:
    """The rows that are labelled, in the order of choosing, and what the record says of the choice."""

    rows: NDArray[np.int64]
    details: dict[str, Any]


def chosen_rows(
    configurations: Configurations,
    symbols: Sequence[str],
    labels: int,
    spec: AlloyChoiceSpec,
    settings: AniSpec,
    session: LabellingSession,
    seed: int,
) -> Chosen:
    """At most ``labels`` of ``configurations``; the share of each pure element is kept.

    Parameters
    ----------
    symbols
        The elements, in the order of their numbers.
    settings
        Of the networks of `informative`, their lengths scaled to the alloy.

    Raises
    ------
    EngineError
        If the labeller fails on everything.
    """
    strata = _strata(configurations, symbols)
    target, histograms = _motifs(configurations, symbols)
    random = generator(seed, "choice", "order")
    order = random.permutation(len(configurations))
    if spec.method == "informative":
        rows = _informative(configurations, strata, order, labels, spec, settings, session, seed)
    elif spec.method == "motifs":
        rows = np.zeros(0, dtype=np.int64)
        for stratum, budget in _quotas(strata, labels, rows).items():
            own = order[strata[order] == stratum]
            picks = pick_by_motifs(histograms[own], target, budget, histograms[rows].sum(axis=0))
            rows = np.concatenate([rows, own[picks]])
    else:
        rows = _in_order(strata, order, labels, np.zeros(0, dtype=np.int64))
    details = {
        "method": spec.method,
        "candidates": len(configurations),
        "labels": len(rows),
        "motif_divergence": round(divergence(histograms[rows].sum(axis=0), target), 6),
    }
    return Chosen(rows, details)


def _informative(
    configurations: Configurations,
    strata: NDArray[np.int64],
    order: NDArray[np.int64],
    labels: int,
    spec: AlloyChoiceSpec,
    settings: AniSpec,
    session: LabellingSession,
    seed: int,
) -> NDArray[np.int64]:
    """Rounds of networks: each is trained on what is chosen so far, and the next ones are chosen by its last layer."""
    training = settings.training.model_copy(update={"epochs": spec.epochs, "least_steps": spec.least_steps})
    settings = settings.model_copy(update={"members": spec.members, "training": training})
    first = max(round(spec.first * labels), 2 * len(np.unique(configurations.atomic_numbers)))
    rows = _in_order(strata, order, min(first, labels), np.zeros(0, dtype=np.int64))
    rows = _with_all_elements(configurations, order, rows, labels)
    if len(rows) >= labels:
        return rows
    goals = np.rint(np.geomspace(max(1, len(rows)), labels, spec.rounds + 1)[1:]).astype(int).tolist()
    for number, goal in enumerate(goals):
        survivors = session.label_survivors(configurations.take(rows))
        batch = configurations.take(rows[survivors.rows]).with_labels(survivors.labels)
        if not len(batch):
            raise EngineError(f"{session.id} failed on all {len(rows)} configurations")
        every = np.arange(len(batch))
        ensemble = train(settings, batch, [every] * spec.members, derive(seed, "choice", number))
        if np.setdiff1d(configurations.atomic_numbers, ensemble.elements).size:
            raise EngineError(f"{session.id} failed on all first configurations with one of the elements")
        features = last_layer_features(ensemble, configurations)
        for stratum, budget in _quotas(strata, goal, rows).items():
            own = np.setdiff1d(np.flatnonzero(strata == stratum), rows)
            picks = pick_informative(features[own], features[rows], budget)
            rows = np.concatenate([rows, own[picks]])
    return rows


def _with_all_elements(
    configurations: Configurations, order: NDArray[np.int64], rows: NDArray[np.int64], labels: int
) -> NDArray[np.int64]:
    """``rows`` and, for each element that they lack, the first configuration of ``order`` that has it.

    Raises
    ------
    InputError
        If these are more than ``labels``.
    """
    for z in np.unique(configurations.atomic_numbers).tolist():
        holds = np.zeros(len(configurations), dtype=bool)
        holds[configurations.configuration_of_atom[configurations.atomic_numbers == z]] = True
        if not holds[rows].any():
            rows = np.append(rows, order[holds[order]][0])
    if len(rows) > labels:
        raise InputError(f"expected at least {len(rows)} labels, so that each element has one, got {labels}")
    return rows


def _strata(configurations: Configurations, symbols: Sequence[str]) -> NDArray[np.int64]:
    """(C,) the place of the element of pure configurations; −1 of alloys."""
    first = configurations.atomic_numbers[configurations.offsets[:-1]]
    starts = configurations.offsets[:-1]
    pure = np.minimum.reduceat(configurations.atomic_numbers, starts) == np.maximum.reduceat(
        configurations.atomic_numbers, starts
    )
    strata = np.full(len(configurations), -1, dtype=np.int64)
    for place, symbol in enumerate(symbols):
        strata[pure & (first == atomic_numbers[symbol])] = place
    return strata


def _quotas(strata: NDArray[np.int64], goal: int, rows: NDArray[np.int64]) -> dict[int, int]:
    """How many more of each stratum bring what is chosen to ``goal``, its shares being those of all."""
    names, counts = np.unique(strata, return_counts=True)
    wanted = np.floor(counts * min(1.0, goal / len(strata))).astype(np.int64)
    rest = min(goal, len(strata)) - int(wanted.sum())
    for place in np.argsort(-(counts * goal / len(strata) - wanted), kind="stable")[:rest]:
        wanted[place] += 1
    return {
        int(name): max(0, int(number) - int((strata[rows] == name).sum()))
        for name, number in zip(names, wanted, strict=True)
    }


def _in_order(
    strata: NDArray[np.int64], order: NDArray[np.int64], goal: int, rows: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The first ones of each stratum in ``order``, until there are ``goal``."""
    parts = [rows]
    for stratum, budget in _quotas(strata, goal, rows).items():
        parts.append(order[strata[order] == stratum][:budget])
    return np.concatenate(parts)


def _motifs(configurations: Configurations, symbols: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(K,) and (C, K) atoms of each first-shell motif: of all configurations together, and of each."""
    c = configurations
    places = np.searchsorted([atomic_numbers[s] for s in symbols], c.atomic_numbers)
    found = []
    for row in range(len(c)):
        atoms = slice(c.offsets[row], c.offsets[row + 1])
        positions = c.positions[atoms].astype(np.float64)
        found.append(motif_counts(c.cell[row], positions, places[None, atoms], len(symbols))[0])
    histograms = motif_histograms(found)
    return histograms.sum(axis=0), histograms
