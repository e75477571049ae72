"""``foundational paper``: compute the numbers of the comparison with the paper, and keep them in metrics/paper."""

from pathlib import Path
from typing import Any

import xarray as xr

from foundational.engines.crystals.references import ReferenceCrystals, reference_crystals
from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.engines.lammps.potentials import potential_for
from foundational.errors import NotFoundError, did_you_mean
from foundational.evaluation.crystals import PUBLISHED_HCP
from foundational.evaluation.properties import reference_properties
from foundational.evaluation.retraining import EvaluationPlan
from foundational.progress import Progress
from foundational.provenance.record import write_json
from foundational.provenance.runlog import logged_run
from foundational.reproduction.selection_methods import compare
from foundational.reproduction.training_sets import train_on_sets
from foundational.specs.ani import AniSpec, SettingsName, settings_named
from foundational.specs.params import Params, read_params
from foundational.workspace.pools import open_pool
from foundational.workspace.sources import open_source

#: Folder of the numbers, below the project's root.
METRICS = Path("metrics/paper")


def compare_method(root: Path, key: str, *, progress: Progress | None = None) -> dict[str, Any]:
    """Compare one method of ``paper.methods`` and keep the numbers in ``metrics/paper/method-<key>.json``.

    Raises
    ------
    NotFoundError
        where there is no such method, or one of its pools is not on this machine.
    """
    params = read_params(root / "params.yaml")
    spec = params.comparison
    if key not in spec.methods:
        raise NotFoundError(f"no method {key!r} in params.yaml; {did_you_mean(key, spec.methods)}")
    settings = params.distill[spec.settings]
    names = {spec.methods[key].pool, settings.pool, spec.test}
    pools = {name: open_pool(root, name)[0].load() for name in sorted(names)}
    reference = _reference(root, pools[settings.pool])
    ani = _scaled(params, "recipe", pools[settings.pool])
    plan = EvaluationPlan(ani, reference, params.validate_.tie, params.seed)
    with logged_run(root, "paper-method", key):
        found = compare(key, spec, settings, pools, plan, progress=progress)
        found["reference"] = reference_properties(reference).model_dump()
    write_json(root / METRICS / f"method-{key}.json", found)
    return found


def compare_sets(root: Path, settings: str, *, progress: Progress | None = None) -> dict[str, Any]:
    """Train on the paper's sets with ``recipe`` or ``published`` settings; ``metrics/paper/sets-<settings>.json``.

    Raises
    ------
    InputError
        where there are no such settings.
    """
    chosen = settings_named(settings)
    params = read_params(root / "params.yaml")
    spec = params.comparison
    sources = {name: open_source(root, wanted.source).dataset for name, wanted in spec.sets.items()}
    tests = {name: open_pool(root, name)[0].load() for name in spec.tested_on}
    some = next(iter(tests.values()))
    ani = _scaled(params, chosen, some)
    ani = ani.model_copy(update={"members": spec.networks[settings]})
    if settings == "published":
        training = ani.training.model_copy(update={"epochs": spec.published_epochs})
        ani = ani.model_copy(update={"training": training})
    reference = _reference(root, some)
    plan = EvaluationPlan(ani, reference, params.validate_.tie, params.seed)
    with logged_run(root, "paper-sets", settings):
        found = train_on_sets(spec, sources, tests, plan, progress=progress)
    found |= {
        "settings": settings,
        "epochs": ani.training.epochs,
        "reference": reference_properties(reference).model_dump(),
        "reference_crystals": {
            name: {"energy_per_atom": crystal.energy_per_atom, "bond": crystal.bond}
            for name, crystal in [*reference.isotropic.items(), (PUBLISHED_HCP, reference.published_hcp)]
            if crystal is not None
        },
    }
    write_json(root / METRICS / f"sets-{settings}.json", found)
    return found


def _reference(root: Path, pool: xr.Dataset) -> ReferenceCrystals:
    element, labeller = str(pool.attrs["element"]), str(pool.attrs["labeller"])
    return reference_crystals(LammpsLabeller(potential_for(element, root, labeller.partition(":")[2])), element)


def _scaled(params: Params, settings: SettingsName, pool: xr.Dataset) -> AniSpec:
    return params.ani.scaled(settings, float(pool.attrs["volume_per_atom"]))
