"""Reference values of an expensive method: relaxed crystals and properties from few labels of small cells."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from foundational.data.labeller import Model
from foundational.engines.crystals.relaxation import energies_per_atom
from foundational.evaluation.materials.bulk import BulkFit, relax_by_fit
from foundational.evaluation.materials.comparison import compute_property
from foundational.evaluation.materials.defects import vacancy_supercell
from foundational.evaluation.materials.engine import Engine, Metal
from foundational.progress import Progress, stage
from foundational.science.crystals import STRUCTURES, Structure
from foundational.specs.materials import PropertyName
from foundational.specs.validate import ReferenceSpec
from foundational.units import GPA

#: eV/Å, below which the atoms around a vacancy are at rest; the energy is then within 2 meV.
_REST = 0.02


@dataclass(frozen=True)
class ReferenceValues:
    """What was computed."""

    crystals: Mapping[Structure, BulkFit]
    properties: Mapping[PropertyName, Mapping[str, float | tuple[float, ...]]]


def reference_values(
    spec: ReferenceSpec,
    element: str,
    volume: float,
    crystals: Model,
    supercells: Model,
    progress: Progress | None = None,
) -> ReferenceValues:
    """Relaxed crystals and the properties of ``spec``.

    Parameters
    ----------
    volume
        Å³/atom, where relaxations start.
    crystals
        Labels primitive cells.
    supercells
        Labels the supercells with and without a vacancy.

    Raises
    ------
    EngineError
        If a crystal has no minimum, or the atoms around a vacancy do not come to rest.
    """
    engine = Engine(crystals)
    start = Metal(element, "fcc", volume, 0.0, volume, smallest=True)
    fits: dict[Structure, BulkFit] = {}
    for structure in STRUCTURES:
        _say(progress, spec, len(fits))
        fits[structure] = relax_by_fit(engine, start, structure, volume)
    ground = min(STRUCTURES, key=lambda name: fits[name].energy)
    metal = Metal(
        element,
        ground,
        fits[ground].volume,
        fits[ground].energy,
        fits[ground].volume,
        smallest=True,
        vacancy_cells=spec.vacancy_cells,
        force=_REST,
    )
    found: dict[PropertyName, dict[str, float | tuple[float, ...]]] = {}
    for name in spec.properties:
        _say(progress, spec, len(fits) + len(found))
        if name == "vacancy":
            perfect = float(energies_per_atom(supercells, [vacancy_supercell(metal)], element)[0])
            numbers = compute_property(name, Engine(supercells), replace(metal, energy=perfect))
        elif name == "bulk-modulus":
            numbers = {"B": fits[ground].bulk_modulus * GPA}
        else:
            numbers = compute_property(name, engine, metal)
        found[name] = {
            key: tuple(value.tolist()) if isinstance(value, np.ndarray) else float(value)  # type: ignore[arg-type]
            for key, value in numbers.items()
        }
    return ReferenceValues(fits, found)


def _say(progress: Progress | None, spec: ReferenceSpec, done: int) -> None:
    """Say what is computed now, and what comes next."""
    steps = [*(name.upper() for name in STRUCTURES), *spec.properties, "storing"]
    if (computing := stage(progress, "computing", steps[done + 1])) is not None:
        computing(done, len(steps) - 1, steps[done])
