"""What can be selected from a source of any size, and which settings of a distillation suit its size.

The settings of params.yaml suit pools of thousands of frames. Files of other people often hold tens of configurations.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from foundational.data.batches import take
from foundational.data.layout import CONFIGURATION
from foundational.data.streaming.codes import codes_of, first_of_each
from foundational.errors import InputError
from foundational.specs.distill import DistillSpec
from foundational.specs.parsing import parse
from foundational.stages.distill.methods import WITHOUT_FEATURES

#: At most this share of the source is held out, where nobody states a number.
HELDOUT_SHARE: Final = 0.1
#: The first set has at most this share of what can be selected; the networks then choose the others.
INITIAL_SHARE: Final = 0.2
#: At most this share of what can be selected is selected, where nobody states a budget.
BUDGET_SHARE: Final = 0.5
#: From a pool of more configurations a first pass over shards leaves so many candidates, where nobody states a number.
LARGE, SURVIVORS = 100_000, 40_000


@dataclass(frozen=True, eq=False)
class Fitted:
    """A source and the settings that suit it."""

    spec: DistillSpec
    pool: xr.Dataset
    """What can be selected."""
    notes: tuple[str, ...]
    """Sentences on what was excluded, and what cannot be done as asked for."""


def fit(base: Mapping[str, Any], stated: Mapping[str, Any], source: xr.Dataset, where: str) -> Fitted:
    """What can be selected from ``source``, and the settings for it.

    Parameters
    ----------
    base
        Settings as in params.yaml, which adapt to the size of the source.
    stated
        Settings that do not.
    where
        What the settings are of, for the message of an error.

    Raises
    ------
    InputError
        If a setting is unknown or impossible, or the source has isolated atoms alone.
    """
    if "volume_per_atom" not in source.attrs:
        raise InputError(f"{where}: expected configurations of two or more atoms, from whose distances lengths follow")
    rows, notes = usable(source)
    pool = source if len(rows) == source.sizes[CONFIGURATION] else take(source, rows)
    settings, more = sized(base, stated, len(rows))
    return Fitted(parse(DistillSpec, settings, where), pool, (*notes, *more))


def usable(source: xr.Dataset) -> tuple[NDArray[np.int64], list[str]]:
    """(n,) rows that can be selected, ascending, and sentences on the others.

    Of equal configurations the first is usable. A configuration with neither energy nor forces is not, unless none has
    labels: then the method decides what it needs.
    """
    total = source.sizes[CONFIGURATION]
    keep = first_of_each(codes_of(source["id"].to_numpy())[0]) == np.arange(total)
    sentences = []
    if repeated := int(np.count_nonzero(~keep)):
        sentences.append(f"{repeated} configurations are equal to others and were excluded")
    labelled = _labelled(source)
    if labelled.any() and (unlabelled := int(np.count_nonzero(keep & ~labelled))):
        sentences.append(f"{unlabelled} configurations have neither energy nor forces and were excluded")
        keep &= labelled
    return np.flatnonzero(keep), sentences


def _labelled(source: xr.Dataset) -> NDArray[np.bool_]:
    """(C,) whether the energy or all forces are known."""
    total = source.sizes[CONFIGURATION]
    known = np.isfinite(source["energy"].to_numpy()) if "energy" in source else np.zeros(total, dtype=bool)
    if known.all() or "forces" not in source:
        return known
    owner = np.repeat(np.arange(total), source["n_atoms"].to_numpy())
    unknown = ~np.isfinite(source["forces"].to_numpy()).all(axis=1)
    forces: NDArray[np.bool_] = np.bincount(owner, unknown, total) == 0
    return known | forces


def sized(base: Mapping[str, Any], stated: Mapping[str, Any], total: int) -> tuple[dict[str, Any], list[str]]:
    """The settings of a distillation from ``total`` configurations, and sentences on what they cannot be.

    What is held out is at most a tenth of the source, the first set a fifth of the others (and at least two), and the
    budget half of the others. A large pool is selected from in two steps. Stated numbers come first. A stated budget
    that cannot be filled becomes the largest possible one. The first set does not follow from the budget: a smaller
    budget selects the beginning of a larger one.

    Parameters
    ----------
    base
        Settings as in params.yaml.
    stated
        Settings that replace them.
    total
        Configurations of the source, at least one.

    Raises
    ------
    InputError
        If as many configurations as the source has, or more, are to be held out.

    Examples
    --------
    >>> small = sized({"heldout": 500, "initial": 20, "frames": 1200, "method": "random"}, {}, 40)[0]
    >>> small["heldout"], small["initial"], small["frames"]
    (4, 7, 18)
    """
    settings = dict(base) | dict(stated)
    if not all(type(settings[name]) is int for name in ("heldout", "frames", "initial")):
        return settings, []  # which the reader of settings refuses
    if "heldout" not in stated:
        settings["heldout"] = min(settings["heldout"], round(HELDOUT_SHARE * total))
    available = total - settings["heldout"]
    if available < 1:
        raise InputError(
            f"expected fewer configurations held out than the {total} that can be selected, got {settings['heldout']}"
        )
    sentences = []
    if "frames" not in stated:
        settings["frames"] = max(1, min(settings["frames"], round(BUDGET_SHARE * available)))
    elif settings["frames"] > available:
        sentences.append(
            f"the budget of {settings['frames']} configurations cannot be filled: {available} of {total} can be "
            f"selected, and {settings['heldout']} are held out"
        )
        settings["frames"] = available
    if "initial" not in stated:
        settings["initial"] = min(settings["initial"], max(2, round(INITIAL_SHARE * available)), settings["frames"])
    if "survivors" not in stated and available > LARGE and settings["method"] not in WITHOUT_FEATURES:
        settings["survivors"] = SURVIVORS
        sentences.append(
            f"the rounds looked at about {SURVIVORS:,} of {available:,} configurations, the most informative ones of "
            "each shard; --survivors changes their number"
        )
    return settings, sentences


def with_all_elements(
    first: NDArray[np.int64], order: NDArray[np.int64], atomic_numbers: NDArray[np.uint8], n_atoms: NDArray[np.integer]
) -> NDArray[np.int64]:
    """``first``, and for each element that it lacks the first configuration of ``order`` that has it.

    All are places of configurations of ``n_atoms`` (C,) atoms with ``atomic_numbers`` (A,). Networks for an element
    need one of its atoms to begin with.
    """
    offsets, added = np.concatenate([[0], np.cumsum(n_atoms, dtype=np.int64)]), first[:0]
    elements = np.unique(atomic_numbers).tolist()
    if len(elements) == 1 and len(first):
        return first
    for z in elements:
        atoms = np.flatnonzero(atomic_numbers == z)
        holds = np.zeros(len(n_atoms), dtype=bool)
        holds[np.searchsorted(offsets, atoms, side="right") - 1] = True
        if not holds[first].any() and not holds[added].any():
            added = np.concatenate([added, order[holds[order]][:1]])
    return np.concatenate([first, added])


def shortfall(spec: DistillSpec, selected: int) -> list[str]:
    """A sentence on why fewer configurations than the budget were selected; none where the budget is filled."""
    if selected >= spec.frames:
        return []
    ends = ["the target"] * (spec.target is not None) + ["the threshold"] * (spec.threshold is not None)
    reason = " or ".join([*ends, f"the number of rounds ({spec.rounds})"])
    return [f"{selected} of at most {spec.frames} configurations were selected: {reason} ended the selection"]
