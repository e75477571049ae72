"""One parent carried to many metals: each translation retrained and judged, and the table of all of them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from foundational.data.batches import to_configurations
from foundational.data.configurations import Configurations
from foundational.data.fingerprint import fingerprint
from foundational.data.store import open_store
from foundational.engines.ani.ensemble import Ensemble
from foundational.engines.crystals.references import ReferenceCrystals, reference_crystals
from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.engines.lammps.potentials import ResolvedPotential, potential_for
from foundational.engines.lammps.test_frames import npt_frames
from foundational.errors import InputError, NotFoundError, did_you_mean
from foundational.evaluation.crystals import crystal_errors
from foundational.labelling.records import labeller_of
from foundational.labelling.session import LabellingSession
from foundational.progress import Progress
from foundational.project import STORE, find_dataset
from foundational.provenance.record import read_record, write_json
from foundational.science.crystals import STRUCTURES, Crystal, Structure, build_crystal
from foundational.seeds import derive
from foundational.specs.base import Spec
from foundational.specs.params import Params, read_params
from foundational.specs.translate import MetalsSpec, Rule
from foundational.stages.train.stage import train_ensemble
from foundational.stages.translate.command import rule_named, short_run
from foundational.stages.translate.length_scale import length_scale
from foundational.stages.translate.refine import refine
from foundational.stages.translate.stage import translate, turned_counts
from foundational.units import MEV
from foundational.workspace.pools import open_pool

#: Cells of the test runs: 108 atoms of FCC, 128 of BCC, 96 of HCP.
_REPEATS: dict[Structure, tuple[int, int, int]] = {"fcc": (3, 3, 3), "bcc": (4, 4, 4), "hcp": (4, 3, 2)}


class CrystalErrors(Spec):
    """One crystal by every network, each relaxed by itself; null where a network has no minimum."""

    energy_meV_per_atom: tuple[float | None, ...]  # noqa: N815 - the unit's own spelling
    bond_A: tuple[float | None, ...]  # noqa: N815


class MetalReport(Spec):
    """What became of one translation."""

    potential: str
    parent: str
    parent_fingerprint: str
    rule: Rule
    turned: dict[str, int]
    """Configurations that were turned into another crystal, by crystal."""
    scale: float
    frames: int
    """Configurations of the translated set."""
    filtered: int
    """Those left out by the guards."""
    seeds: int
    rank_ok_seeds: int
    """Networks that order every pair of crystals which the reference tells apart, the ground state among them."""
    ground_state: str
    reference_order: tuple[str, ...]
    """Crystals by the potential, lowest first."""
    reference_gaps_meV: tuple[float, ...]  # noqa: N815
    """Between neighbours of that order."""
    mae_meV_per_atom: float  # noqa: N815
    """Mean over networks and test frames, solid and liquid together."""
    mae_solid_meV_per_atom: float  # noqa: N815
    mae_liquid_meV_per_atom: float  # noqa: N815
    force_mae_meV_per_A: float  # noqa: N815
    superheating_K: float  # noqa: N815
    """Where the heated crystal melted; the test temperatures are fixed parts of it."""
    errors: dict[str, CrystalErrors]


@dataclass(frozen=True)
class _Tested:
    solid: Configurations
    liquid: Configurations
    limit: float


def metals_of(params: Params) -> MetalsSpec:
    """The section of params.yaml.

    Raises
    ------
    NotFoundError
        If there is none.
    """
    if params.translate.metals is None:
        raise NotFoundError("params.yaml has no translate.metals; it says to which metals a parent is carried")
    return params.translate.metals


def judge_metal(
    root: Path,
    element: str,
    *,
    rule: str | None = None,
    crystals: Sequence[Structure] | None = None,
    refine_by: int = 0,
    refine_from: str | None = None,
    workers: int = 1,
    write: bool = False,
    progress: Progress | None = None,
) -> MetalReport:
    """Carry the parent of ``translate.metals`` to ``element``, train on it and judge what came out.

    Parameters
    ----------
    rule, crystals
        Others than params.yaml has; not to be written.
    refine_by, refine_from
        Frames of the target that are added, and the pool that they come from, as in `translate_dataset`; not to be
        written either.
    write
        Keep the report as ``metrics/translate/<element>.json``.

    Raises
    ------
    NotFoundError
        If params.yaml does not name the metal.
    """
    params = read_params(root / "params.yaml")
    spec = metals_of(params)
    if element not in spec.potentials:
        raise NotFoundError(f"no metal {element!r} in translate.metals; {did_you_mean(element, spec.potentials)}")
    chosen = spec.rule if rule is None else rule_named(rule)
    wanted = params.translate.crystals if crystals is None else tuple(crystals)
    if write and (chosen, wanted, refine_by) != (spec.rule, params.translate.crystals, 0):
        raise InputError(
            f"expected rule and crystals of params.yaml, unrefined, in a report that is written; got {chosen}, "
            f"{wanted}, refined by {refine_by}"
        )
    folder = find_dataset(root, spec.parent)
    parent, record = open_store(folder / STORE).load(), read_record(folder)
    potential = potential_for(element, root, spec.potentials[element])
    labeller = LammpsLabeller(potential)
    here = reference_crystals(labeller_of(record.labeller, root), record.element)
    there = reference_crystals(labeller, element)
    scale = length_scale(chosen, parent, here, there, labeller)
    session = LabellingSession(labeller, progress=progress)
    made = translate(parent, element, scale, params.translate.guard, session, crystals=wanted)
    dataset = made.dataset
    if refine_by:
        pool, _ = open_pool(root, refine_from or short_run(root, element, potential.id, workers, progress))
        ani, seed = params.ani.scaled("recipe", there.ground_volume), derive(params.seed, "metal", element, "refine")
        dataset = refine(dataset, pool, refine_by, session, ani, seed).dataset
    tested = _tested(potential, spec, there, derive(params.seed, "metal", element))
    ensemble = _trained(params, spec, dataset, there.ground_volume, element, progress)
    report = _report(ensemble, tested, there, params.validate_.tie) | {
        "potential": potential.id,
        "parent": spec.parent,
        "parent_fingerprint": record.output.fingerprint,
        "rule": chosen,
        "turned": turned_counts(made.dataset),
        "scale": scale,
        "frames": dataset.sizes["configuration"],
        "filtered": len(made.filtered),
        "seeds": spec.seeds,
        "superheating_K": tested.limit,
    }
    found = MetalReport.model_validate(report)
    if write:
        write_json(root / "metrics" / "translate" / f"{element}.json", found.model_dump(mode="json"))
    return found


def _tested(potential: ResolvedPotential, spec: MetalsSpec, there: ReferenceCrystals, seed: int) -> _Tested:
    """Labelled test frames of the target's own ground state and of its melt."""
    ground = there.ground_state
    crystal: Crystal = build_crystal(ground, there.ground_volume, _REPEATS[ground])
    labeller = there.labeller
    frames = npt_frames(potential, there.element, crystal, there.cohesive_energy(ground), spec.test, seed)
    solid, liquid = (batch.with_labels(labeller.label(batch)) for batch in (frames.solid, frames.liquid))
    return _Tested(solid, liquid, frames.limit)


def _trained(
    params: Params, spec: MetalsSpec, dataset: xr.Dataset, volume: float, element: str, progress: Progress | None
) -> Ensemble:
    configurations = to_configurations(dataset)
    rows = np.arange(len(configurations))
    if "split" in dataset:
        rows = np.flatnonzero(dataset["split"].to_numpy() == 0)
    ani = params.ani.scaled(params.validate_.training, volume)
    training = ani.training.model_copy(update={"epochs": spec.epochs})
    ani = ani.model_copy(update={"members": spec.seeds, "training": training})
    seed = derive(params.seed, "metal", element, fingerprint(dataset))
    return train_ensemble(ani, configurations, [rows] * spec.seeds, seed, progress=progress)


def _report(ensemble: Ensemble, tested: _Tested, there: ReferenceCrystals, tie: float) -> dict[str, Any]:
    errors, forces = [], []
    for batch in (tested.solid, tested.liquid):
        assert batch.labels is not None
        found = ensemble.predict(batch)
        assert found.forces is not None
        errors.append(np.abs(found.energy - batch.labels.energy) / batch.n_atoms * MEV)
        forces.append(np.abs(found.forces - batch.labels.forces).mean() * MEV)
    crystals = crystal_errors(ensemble, there, tie)
    energies = {name: there.isotropic[name].energy_per_atom for name in STRUCTURES}
    order = sorted(STRUCTURES, key=energies.__getitem__)
    return {
        "rank_ok_seeds": sum(crystals["rank_ok"]),
        "ground_state": order[0],
        "reference_order": tuple(order),
        "reference_gaps_meV": tuple((energies[b] - energies[a]) * MEV for a, b in pairwise(order)),
        "mae_meV_per_atom": float(np.concatenate(errors, axis=1).mean()),
        "mae_solid_meV_per_atom": float(errors[0].mean()),
        "mae_liquid_meV_per_atom": float(errors[1].mean()),
        "force_mae_meV_per_A": float(np.mean(forces)),
        "errors": {
            name: {
                "energy_meV_per_atom": tuple(crystals[f"{name}_error_meV"]),
                "bond_A": tuple(crystals[f"{name}_bond_error"]),
            }
            for name in (*STRUCTURES, "hcp_published")
        },
    }


def gather_metals(root: Path) -> dict[str, MetalReport]:
    """The reports of all metals of params.yaml, in its order, from ``metrics/translate/``.

    Raises
    ------
    NotFoundError
        If one is missing.
    """
    spec = metals_of(read_params(root / "params.yaml"))
    found = {}
    for element in spec.potentials:
        path = root / "metrics" / "translate" / f"{element}.json"
        if not path.is_file():
            raise NotFoundError(f"no report of {element}; make it with: foundational metal {element} --write")
        found[element] = MetalReport.model_validate(json.loads(path.read_text(encoding="utf-8")))
    return found
