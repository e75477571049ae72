"""Augmentation: add configurations built by named recipes to a set, labelled by its own labeller."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

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
from foundational.engines.crystals.references import ReferenceCrystals
from foundational.engines.crystals.relaxation import RelaxedCrystal
from foundational.errors import ConflictError, EngineError
from foundational.labelling.session import LabellingSession
from foundational.seeds import generator
from foundational.specs.translate import GuardSpec, RecipeName, RecipesSpec
from foundational.stages.augment.building import Material
from foundational.stages.augment.recipes import RECIPES

#: Configurations with fewer atoms are no sampled ones: recipes made them.
_LEAST_SAMPLED: Final = 8
_CODES: Final = {name: code for code, name in enumerate(VARIABLES["recipe"].meanings)}
_REASON: Final = VARIABLES["selection_reason"].meanings.index("recipe")
#: What a column says of a configuration that no run sampled and no distillation chose.
UNKNOWN: Final[dict[str, Any]] = {
    "order_parameter": np.nan,
    "enthalpy": np.nan,
    "volume": np.nan,
    "uncertainty": np.nan,
    "walker": -1,
    "step": -1,
    "selection_round": -1,
    "selection_reason": _REASON,
    "split": 0,
    "transformed_to": 0,
    "role": 0,
}


@dataclass(frozen=True)
class Refused:
    """One configuration of a recipe that is not in the result."""

    recipe: str
    id: str
    """In hexadecimal."""
    reason: str


@dataclass(frozen=True)
class AugmentedSet:
    """An augmented set, ready to be stored."""

    dataset: xr.Dataset
    added: dict[str, int]
    """Configurations in the set by recipe."""
    shortest: float
    """Å, the shortest distance that a configuration may have: of the specification, or of the labeller."""
    refused: tuple[Refused, ...]

    def record(self) -> dict[str, Any]:
        """The details under the keys of provenance.json."""
        return {
            "added": self.added,
            "shortest_distance_A": self.shortest,
            "filtered": [asdict(entry) for entry in self.refused],
        }


def augment(
    spec: RecipesSpec,
    parent: xr.Dataset,
    reference: ReferenceCrystals,
    session: LabellingSession,
    seed: int,
    *,
    smallest: bool = False,
    own: Mapping[RecipeName, LabellingSession] | None = None,
    guard: GuardSpec | None = None,
) -> AugmentedSet:
    """Add configurations to ``parent`` by the recipes of ``spec``; all of them are for training.

    Configurations with atoms closer than the labeller is trusted are excluded before labelling, and those on which it
    fails after it; the record has each with its reason. The same seed, parent and specification give the same set.

    Parameters
    ----------
    spec
        Numbers of configurations by recipe.
    parent
        The set, with labels of the labeller of ``session``.
    reference
        Relaxed crystals by that labeller.
    seed
        Root of the random numbers; each recipe has its own stream.
    smallest
        Crystals without defects are in the smallest cells.
    own
        Recipes that are labelled with other settings of the same method, and what labels them; the others are labelled
        by ``session``.
    guard
        Of the translation that gave ``parent``, which is stored as a part of the result alone: configurations that are
        denser or higher in energy are excluded; ``parent_id`` of the others stay, and those of what is added are zero.

    Raises
    ------
    ConflictError
        If the labeller is not that of the parent's labels.
    EngineError
        If nothing is left of a recipe.
    """
    if parent.attrs.get("labeller") not in (None, session.id):
        raise ConflictError(f"the labels are of {parent.attrs['labeller']}, and the labeller is {session.id}")
    element = str(parent.attrs["element"])
    limit = max(spec.shortest, trusted_distance(session, reference, spec.shortest))
    kept = to_configurations(parent)
    sampled = kept.take(np.flatnonzero((kept.n_atoms >= _LEAST_SAMPLED) & (_recipes(parent) == 0))).with_labels(None)
    crystal = reference.isotropic[reference.ground_state].crystal
    material = Material(
        atomic_numbers[element], crystal.volume_per_atom, reference.ground_state, limit, sampled, smallest
    )
    parts: list[Configurations] = []
    codes: list[NDArray[np.int8]] = []
    refused: list[Refused] = []
    for name, recipe in RECIPES.items():
        if name not in spec.recipes:
            continue
        built = recipe(material, spec.recipes[name], generator(seed, "augment", name))
        labelled, lost = _labelled(name, built, limit, (own or {}).get(name, session))
        if guard is not None:
            labelled, beyond = _within(guard, name, labelled, reference.isotropic[reference.ground_state])
            refused += beyond
        parts.append(labelled)
        codes.append(np.full(len(labelled), _CODES[name], np.int8))
        refused += lost
    added, new = np.concatenate(codes), concatenate(parts)
    columns = _columns(parent, np.asarray(added, np.int8)) | _convergence(parent, new)
    if guard is not None:
        old = parent["parent_id"].to_numpy()
        columns["parent_id"] = np.concatenate([old, np.zeros((len(new), old.shape[1]), old.dtype)])
    dataset = to_dataset(concatenate([kept, new]), attrs=dict(parent.attrs), **columns)
    counts = {str(name): int((added == _CODES[name]).sum()) for name in spec.recipes}
    return AugmentedSet(dataset, counts, limit, tuple(refused))


def trusted_distance(session: LabellingSession, reference: ReferenceCrystals, shortest: float) -> float:
    """The distance, Å, down to which the labeller's repulsion of two atoms is trusted; ``shortest`` at the least.

    Repulsion must grow, in energy and in force, as two atoms come closer. Tables of potentials end somewhere in a
    constant or a straight line, which nothing should learn. An expensive labeller is trusted without this test.
    """
    if reference.labeller.expensive:
        return shortest
    distance = reference.isotropic[reference.ground_state].bond
    distances = np.arange(0.8 * distance, shortest, -0.02)
    if not len(distances):
        return shortest
    number = np.full(2, atomic_numbers[reference.element])
    edge = 6 * distance
    pairs = Configurations.build(
        [edge * np.eye(3)] * len(distances),
        [np.array([[0.0, 0, 0], [d, 0, 0]]) + edge / 3 for d in distances.tolist()],
        [number] * len(distances),
    )
    energy = session.label(pairs).energy
    rise = np.diff(energy)
    wrong = np.flatnonzero((rise[1:] < rise[:-1]) | (rise[1:] <= 0))
    repulsive = np.flatnonzero(rise > 0)
    wrong = wrong[wrong >= (repulsive[0] if len(repulsive) else len(rise))]
    return float(distances[wrong[0] + 1]) if len(wrong) else shortest


def _labelled(
    name: str, built: Configurations, limit: float, session: LabellingSession
) -> tuple[Configurations, list[Refused]]:
    """The labelled configurations of a recipe, and those that are not among them."""
    ids = hexadecimal(to_dataset(built)["id"].to_numpy())
    distance = shortest_distances(built)
    near = distance < limit
    refused = [
        Refused(name, ids[c], f"atoms {distance[c]:.3f} Å apart, less than {limit:.3f} Å")
        for c in np.flatnonzero(near).tolist()
    ]
    rows = np.flatnonzero(~near)
    survivors = session.label_survivors(built.take(rows)) if len(rows) else None
    if survivors is None or not len(survivors.rows):
        raise EngineError(f"no configuration of the recipe {name!r} is left; is the shortest distance too large?")
    refused += [Refused(name, ids[rows[c]], reason) for c, reason in survivors.failures.items()]
    return built.take(rows[survivors.rows]).with_labels(survivors.labels), refused


def _within(
    guard: GuardSpec, name: str, labelled: Configurations, ground: RelaxedCrystal
) -> tuple[Configurations, list[Refused]]:
    """The configurations of a recipe that a translation would keep, and the others."""
    assert labelled.labels is not None
    volume = labelled.volume / labelled.n_atoms
    least = (guard.minimum_volume or 0.0) * ground.volume_per_atom
    above = labelled.labels.energy / labelled.n_atoms - ground.energy_per_atom
    dense, high = ~labelled.without_volume & (volume < least), (above > guard.maximum_energy) & (labelled.n_atoms > 1)
    kept = np.flatnonzero(~dense & ~high)
    if not len(kept):
        raise EngineError(f"no configuration of the recipe {name!r} is within the guards of the translation")
    ids = hexadecimal(to_dataset(labelled)["id"].to_numpy())
    refused = [
        Refused(name, ids[c], f"{volume[c]:.3f} Å³ an atom, less than {least:.3f} Å³")
        if dense[c]
        else Refused(name, ids[c], f"{above[c]:.3f} eV/atom above the ground state, more than {guard.maximum_energy}")
        for c in np.flatnonzero(dense | high).tolist()
    ]
    return labelled.take(kept), refused


def _convergence(parent: xr.Dataset, new: Configurations) -> dict[str, NDArray[Any]]:
    """How each label of a self-consistent method converged, where the parent or the labels have it."""
    assert new.labels is not None
    scf = new.labels.scf
    if scf is None and "scf_steps" not in parent:
        return {}
    old = parent.sizes["configuration"]
    steps = parent["scf_steps"].to_numpy() if "scf_steps" in parent else np.full(old, -1)
    residual = parent["scf_residual"].to_numpy() if "scf_residual" in parent else np.full(old, np.nan)
    if scf is None:
        scf = np.column_stack([np.full(len(new), -1.0), np.full(len(new), np.nan)])
    return {
        "scf_steps": np.concatenate([steps, scf[:, 0]]).astype(np.int32),
        "scf_residual": np.concatenate([residual, scf[:, 1]]),
    }


def _columns(parent: xr.Dataset, added: NDArray[np.int8]) -> dict[str, NDArray[Any]]:
    """Columns of the parent, continued over the added configurations, and the recipe of each."""
    count = len(added)
    columns: dict[str, NDArray[Any]] = {}
    for name, unknown in UNKNOWN.items():
        if name in parent:
            old = parent[name].to_numpy()
            columns[name] = np.concatenate([old, np.full(count, unknown, dtype=old.dtype)])
    return columns | {"recipe": np.concatenate([_recipes(parent), added])}


def _recipes(parent: xr.Dataset) -> NDArray[np.int8]:
    """(C,) code of the recipe of each configuration of ``parent``; 0: of none."""
    if "recipe" in parent:
        return parent["recipe"].to_numpy().astype(np.int8)
    return np.zeros(parent.sizes["configuration"], dtype=np.int8)
