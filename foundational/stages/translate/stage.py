"""Translation: scale a set to another metal, filter what cannot be labelled, label the rest (arXiv 2311.05407)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr
from ase.data import atomic_numbers
from numpy.typing import NDArray

from foundational.data.batches import to_configurations
from foundational.data.configurations import Configurations, concatenate
from foundational.data.conversion import to_dataset
from foundational.data.distances import shortest_distances
from foundational.data.fingerprint import hexadecimal
from foundational.data.layout import VARIABLES
from foundational.engines.geometry.local_structure import StructureType, structure_shares
from foundational.errors import EngineError
from foundational.labelling.session import LabellingSession
from foundational.science.crystals import STRUCTURES, Structure
from foundational.science.transformations import bain_stretch, slipped_to_hcp
from foundational.specs.translate import GuardSpec

#: What a translated set keeps of its parent: where a configuration came from, not what its labels were.
CARRIED = ("order_parameter", "walker", "step", "selected_at", "split")
#: What a relabelled set keeps besides: its configurations are the parent's own.
OWN = ("volume", "selected_because")


@dataclass(frozen=True)
class Translation:
    """A translated or relabelled set, and what was left out of it."""

    dataset: xr.Dataset
    filtered: tuple[dict[str, Any], ...]
    """One entry a configuration that was left out: its parent's id and the reason."""


def scaled(configurations: Configurations, scale: float, element: str) -> Configurations:
    """The same fractional coordinates in cells ``scale`` times as large, all atoms ``element``, without labels."""
    return replace(
        configurations,
        cell=configurations.cell * scale,
        positions=(configurations.positions.astype(np.float64) * scale).astype(np.float32),
        atomic_numbers=np.full_like(configurations.atomic_numbers, atomic_numbers[element]),
        labels=None,
    )


def as_other_crystals(
    configurations: Configurations, crystals: Sequence[Structure]
) -> tuple[Configurations, NDArray[np.int64], NDArray[np.int8]]:
    """Copies of the crystalline configurations, turned into other crystals.

    A parent that was sampled as one crystal knows little of the others. FCC becomes BCC, and BCC FCC, by the strain of
    Bain (`bain_stretch`); FCC becomes HCP where planes slip (`slipped_to_hcp`). Volume and thermal displacements stay.
    Only those copies are kept most of whose atoms are surrounded as in the crystal that was wanted.

    Returns
    -------
    (Configurations, (n,), (n,))
        Copies without labels, the row of which each is a copy, and the code of its crystal in the layout's
        ``turned_into``.
    """
    shares = structure_shares(configurations)
    kinds: dict[Structure, StructureType] = {s: StructureType[s.upper()] for s in STRUCTURES}
    parts, rows, codes = [configurations.take([]).with_labels(None)], [np.zeros(0, np.int64)], [np.zeros(0, np.int8)]
    for crystal in crystals:
        found: list[int] = []
        made = []
        for source in [s for s in STRUCTURES if s != crystal]:
            for row in np.flatnonzero(shares[:, kinds[source]] > 0.5).tolist():
                copy = _turned(configurations, row, source, crystal, len(found))
                if copy is not None:
                    found.append(row)
                    made.append(copy)
        if not made:
            continue
        taken = configurations.take(found).with_labels(None)
        cells, positions = (np.concatenate([pair[k] for pair in made]) for k in (0, 1))
        copies = replace(taken, cell=cells.reshape(-1, 3, 3), positions=positions.astype(np.float32))
        good = np.flatnonzero(structure_shares(copies)[:, kinds[crystal]] > 0.5)
        parts.append(copies.take(good))
        rows.append(np.array(found)[good])
        codes.append(np.full(len(good), VARIABLES["turned_into"].meanings.index(crystal), np.int8))
    return concatenate(parts), np.concatenate(rows), np.concatenate(codes)


def turned_counts(dataset: xr.Dataset) -> dict[str, int]:
    """How many configurations of a translated set were turned into each crystal."""
    if "turned_into" not in dataset:
        return {}
    codes = dataset["turned_into"].to_numpy()
    names = VARIABLES["turned_into"].meanings
    return {names[code]: int((codes == code).sum()) for code in np.unique(codes[codes > 0]).tolist()}


def _turned(
    configurations: Configurations, row: int, source: Structure, crystal: Structure, number: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Cell and positions of one copy; axes and planes are taken in turn. None where no way is known."""
    cell = configurations.cell[row]
    positions = configurations.positions[configurations.offsets[row] : configurations.offsets[row + 1]]
    if source == "fcc" and crystal == "hcp":
        return slipped_to_hcp(cell, positions.astype(np.float64), number)
    if source == "hcp" or crystal == "hcp":
        return None
    stretch = bain_stretch(number % 3, source)
    return cell * stretch, positions * stretch


def translate(
    parent: xr.Dataset,
    element: str,
    scale: float,
    guard: GuardSpec,
    session: LabellingSession,
    *,
    crystals: Sequence[Structure] = (),
) -> Translation:
    """Carry ``parent`` to ``element``.

    Configurations whose scaled atoms are closer than ``scale × guard.minimum_distance`` are filtered before labelling;
    those on which the labeller fails, and those with an energy per atom more than ``guard.maximum_energy`` above the
    lowest of the set, after it.

    Parameters
    ----------
    scale
        length of the target over that of the parent, dimensionless
    session
        gives the target's energies, forces and stresses
    crystals
        into which crystalline configurations are turned besides, `as_other_crystals`, where the parent has none that
        were

    Raises
    ------
    EngineError
        where nothing is left.
    """
    candidates, origin, turned = _with_copies(parent, scaled(to_configurations(parent), scale, element), crystals)
    ids = hexadecimal(parent["id"].to_numpy()[origin])
    distance = shortest_distances(candidates)
    limit = scale * guard.minimum_distance
    near = {
        int(c): f"atoms {distance[c]:.3f} Å apart, less than {limit:.3f} Å" for c in np.flatnonzero(distance < limit)
    }
    kept = np.flatnonzero(distance >= limit)
    made = _labelled(
        parent,
        element,
        candidates.take(kept),
        origin[kept],
        CARRIED,
        guard,
        session,
        turned_into=turned[kept],
    )
    filtered = ({"parent_id": ids[c], "reason": reason} for c, reason in near.items())
    return Translation(made.dataset, (*filtered, *made.filtered))


def _with_copies(
    parent: xr.Dataset, candidates: Configurations, crystals: Sequence[Structure]
) -> tuple[Configurations, NDArray[np.int64], NDArray[np.int8]]:
    """``candidates``, which are the parent's, and their copies; the parent's row and ``turned_into`` of each."""
    turned = np.zeros(len(candidates), np.int8)
    if "turned_into" in parent:  # then its copies are carried, and not made a second time
        turned = parent["turned_into"].to_numpy()
    names = VARIABLES["turned_into"].meanings
    originals = np.flatnonzero(turned == 0)
    missing = [crystal for crystal in crystals if names.index(crystal) not in turned]
    copies, rows, codes = as_other_crystals(candidates.take(originals), missing)
    origin = np.concatenate([np.arange(len(candidates)), originals[rows]])
    return concatenate([candidates, copies]), origin, np.concatenate([turned, codes])


def relabel(
    parent: xr.Dataset,
    guard: GuardSpec,
    session: LabellingSession,
    *,
    crystals: Sequence[Structure] = (),
) -> Translation:
    """The same configurations with other labels, and those that were turned into ``crystals``, as `translate` does.

    Left out are only those that `translate` leaves out after labelling.

    Raises
    ------
    EngineError
        where nothing is left.
    """
    whole = to_configurations(parent).with_labels(None)
    candidates, rows, turned = _with_copies(parent, whole, crystals)
    own = {"turned_into": turned} if turned.any() else {}
    element, carried = str(parent.attrs["element"]), (*CARRIED, *OWN)
    return _labelled(parent, element, candidates, rows, carried, guard, session, **own)


def _labelled(
    parent: xr.Dataset,
    element: str,
    candidates: Configurations,
    origin: NDArray[np.int64],
    carried: tuple[str, ...],
    guard: GuardSpec,
    session: LabellingSession,
    **own: NDArray[Any],
) -> Translation:
    """Label ``candidates``, which come from the rows ``origin`` of the parent, and filter what is no use.

    Of the variables, ``carried`` are the parent's and ``own`` are those of the candidates.
    """
    ids = hexadecimal(parent["id"].to_numpy())
    if not len(candidates):
        raise EngineError(f"all {len(ids)} configurations were filtered before labelling; the scale cannot be right")
    found = session.label_survivors(candidates)
    labelled = candidates.take(found.rows).with_labels(found.labels)
    origin_of_labelled = origin[found.rows]
    energy = found.labels.energy / labelled.n_atoms
    sane = energy <= energy.min() + guard.maximum_energy
    filtered = [{"parent_id": ids[origin[c]], "reason": reason} for c, reason in found.failures.items()]
    filtered += [
        {
            "parent_id": ids[origin_of_labelled[c]],
            "reason": f"{energy[c] - energy.min():.3f} eV/atom above the lowest, more than {guard.maximum_energy}",
        }
        for c in np.flatnonzero(~sane)
    ]
    rows = origin_of_labelled[sane]
    values: dict[str, NDArray[Any]] = {name: parent[name].to_numpy()[rows] for name in carried if name in parent}
    values |= {name: column[found.rows[sane]] for name, column in own.items()}
    dataset = to_dataset(
        labelled.take(np.flatnonzero(sane)),
        attrs={"element": element, "labeller": session.id},
        parent_id=parent["id"].to_numpy()[rows],
        **values,
    )
    return Translation(dataset, tuple(filtered))
