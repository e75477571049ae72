"""Properties by each network beside those of the reference method, and what the difference says."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from foundational.data.configurations import Configurations
from foundational.engines.ani.ensemble import Ensemble
from foundational.engines.crystals.references import ReferenceCrystals
from foundational.engines.crystals.relaxation import relax_isotropic
from foundational.errors import EngineError, FoundationalError, InputError, MissingDependencyError
from foundational.evaluation.materials import bulk, defects, elastic, energies, phonons
from foundational.evaluation.materials.dynamics import Run, short_runs
from foundational.evaluation.materials.engine import Engine, Metal
from foundational.evaluation.materials.environments import Environments
from foundational.evaluation.materials.report import MaterialsReport, PropertyReport, Verdict
from foundational.progress import Progress
from foundational.science.crystals import build_crystal
from foundational.specs.materials import MaterialsSpec, PropertyLimit, PropertyName
from foundational.units import MEV

#: Errors that ml-peg calls good and bad (its analysis of 2026-08), by property.
_PUBLIC: Final[dict[PropertyName, tuple[float, float]]] = {
    "equation-of-state": (0.0, 200.0),
    "elastic": (5.0, 50.0),
    "vacancy": (50.0, 500.0),
    "surfaces": (60.0, 150.0),
    "stacking-fault": (12.0, 25.0),
    "bain-path": (0.0, 50.0),
    "phonons": (0.0, 1.04),  # 50 K
}
#: Recipe of added configurations that determines a property.
RECIPES: Final[dict[PropertyName, str]] = {
    "equation-of-state": "scaled",
    "bain-path": "strained",
    "hcp-ratio": "hcp-ratios",
    "lattice-constant": "scaled",
    "bulk-modulus": "scaled",
    "elastic": "strained",
    "vacancy": "vacancies",
    "surfaces": "surfaces",
    "stacking-fault": "strained",
    "phonons": "strained",
    "dimer": "short-pairs",
    "free-atom": "free-atoms",
    "dynamics": "scaled",
}
UNITS: Final[dict[PropertyName, str]] = {
    "equation-of-state": "meV/atom",
    "bain-path": "meV/atom",
    "hcp-ratio": "",
    "lattice-constant": "Å",
    "bulk-modulus": "GPa",
    "elastic": "GPa",
    "vacancy": "meV",
    "surfaces": "mJ/m²",
    "stacking-fault": "mJ/m²",
    "phonons": "THz",
    "dimer": "eV",
    "free-atom": "eV",
    "dynamics": "meV/atom",
}
#: Numbers of one method, by name. None: it has no such number.
_Numbers = dict[str, float | None]


@dataclass(frozen=True)
class _Methods:
    """The reference method and the networks, each with its own crystal."""

    reference: Engine
    reference_metal: Metal
    networks: tuple[tuple[Engine, Metal | None], ...]
    """The metal is None where a network has no minimum of energy near the reference's crystal."""


def compare_materials(
    ensemble: Ensemble,
    reference: ReferenceCrystals,
    spec: MaterialsSpec,
    *,
    trained: Configurations | None = None,
    progress: Progress | None = None,
) -> MaterialsReport:
    """Compute the properties of ``spec`` by the reference method and by each network.

    Curves are compared point by point: their numbers are errors, those of the reference are zero. A number passes where
    every network is within its limit. It is *not determined* where the networks differ from one another by more than
    their mean errs: other data would be needed, and `RECIPES` names them.

    Parameters
    ----------
    trained
        What the networks were trained on. With it, numbers that do not pass name the environments that are farthest
        from these data.
    """
    spec = spec.of_element(reference.element)
    methods = _methods(ensemble, reference)
    numbers: list[PropertyReport] = []
    measure: Environments | None = None
    for done, name in enumerate(spec.properties):
        if progress is not None:
            progress(done, len(spec.properties), name)
        found = _property(name, methods, reference, spec)
        if trained is not None and any(number.verdict in ("failed", "not determined") for number in found):
            measure = measure or Environments(ensemble, trained)
            uncertain = measure.most_uncertain(name, methods.reference_metal)
            found = [number.naming(uncertain) for number in found]
        numbers += found
    if progress is not None:
        progress(len(spec.properties), len(spec.properties), "properties")
    return MaterialsReport(numbers=tuple(numbers))


def _methods(ensemble: Ensemble, reference: ReferenceCrystals) -> _Methods:
    structure, crystal = reference.ground_state, reference.isotropic[reference.ground_state]
    volume = crystal.volume_per_atom
    cells = None if reference.known is None else reference.known.vacancy_cells
    own = Metal(reference.element, structure, volume, crystal.energy_per_atom, volume, vacancy_cells=cells)
    networks: list[tuple[Engine, Metal | None]] = []
    for index in range(ensemble.members):
        member = ensemble.member(index)
        metal = None
        try:
            relaxed = relax_isotropic(member, build_crystal(structure, volume), reference.element)
            metal = replace(own, volume=relaxed.volume_per_atom, energy=relaxed.energy_per_atom)
        except EngineError:
            pass
        networks.append((Engine(member), metal))
    return _Methods(Engine(reference.labeller), own, tuple(networks))


def _property(
    name: PropertyName, methods: _Methods, reference: ReferenceCrystals, spec: MaterialsSpec
) -> list[PropertyReport]:
    metal = methods.reference_metal
    if (why := _not_applicable(name, metal, reference)) is not None:
        return [_without(name, why)]
    try:
        if name == "dynamics":
            return _dynamics(methods, reference, spec)
        compute = _COMPUTED[name]
        expected = compute(methods.reference, metal) if reference.known is None else reference.known.numbers[name]
        found = [_of_network(compute, engine, own) for engine, own in methods.networks]
    except MissingDependencyError as error:
        return [_without(name, str(error))]
    except FoundationalError as error:
        return [_without(name, f"the reference method fails: {error}")]
    if name in _CURVES:
        return [_curve(name, key, expected[key], [row.get(key) for row in found], spec) for key in expected]
    return [_number(name, key, expected[key], [row.get(key) for row in found], spec) for key in expected]


def _not_applicable(name: PropertyName, metal: Metal, reference: ReferenceCrystals) -> str | None:
    if reference.known is not None and name not in reference.known.numbers:
        return "the stored reference of this dataset has no such number"
    if name in ("elastic", "surfaces") and metal.structure == "hcp":
        return "computed for cubic crystals only"
    if name == "stacking-fault" and metal.structure != "fcc":
        return f"a fault of FCC; the ground state is {metal.structure.upper()}"
    if name == "free-atom" and reference.isolated_energy is None:
        return f"{reference.labeller.id} does not state the energy of an isolated atom"
    if name == "dynamics" and reference.isolated_energy is None:
        return "temperatures follow the cohesive energy, and the energy of an isolated atom is not known"
    return None


def _of_network(
    compute: Callable[[Engine, Metal], dict[str, object]], engine: Engine, metal: Metal | None
) -> dict[str, object]:
    if metal is None:
        return {}
    try:
        return dict(compute(engine, metal))
    except EngineError:
        return {}


def _without(name: PropertyName, why: str) -> PropertyReport:
    return PropertyReport(
        kind=name,
        name="",
        unit=UNITS[name],
        reference=None,
        networks=(),
        allowed=None,
        verdict="not applicable",
        message=why,
    )


def _curve(
    name: PropertyName, key: str, expected: object, found: Sequence[object], spec: MaterialsSpec
) -> PropertyReport:
    """The largest error along a curve, by network."""
    curve = np.asarray(expected, dtype=np.float64)
    scale = MEV if UNITS[name].startswith("meV") else 1.0
    worst: list[float | None] = []
    for other in found:
        if other is None:
            worst.append(None)
            continue
        difference = (np.asarray(other, dtype=np.float64) - curve) * scale
        worst.append(float(difference[np.argmax(np.abs(difference))]))
    return _judged(name, f"{key}, worst", 0.0, worst, spec.limits.get(name))


def _number(
    name: PropertyName, key: str, expected: object, found: Sequence[object], spec: MaterialsSpec
) -> PropertyReport:
    scale = MEV if UNITS[name] == "meV" else 1.0
    value = float(expected) * scale  # type: ignore[arg-type]
    values = [None if other is None else float(other) * scale for other in found]  # type: ignore[arg-type]
    return _judged(name, key, value, values, spec.limits.get(name))


def _judged(
    name: PropertyName, key: str, expected: float, found: list[float | None], limit: PropertyLimit | None
) -> PropertyReport:
    errors = np.array([value - expected for value in found if value is not None])
    allowed = None if limit is None else limit.allowed(expected)
    missing = len(found) - len(errors)
    each = " ".join("none" if value is None else f"{value - expected:+.3g}" for value in found)
    unit = f" {UNITS[name]}" if UNITS[name] else ""
    of = "" if key.endswith("worst") else f"{expected:.4g}, "
    message = f"{each}{unit} ({of}{'no limit' if allowed is None else f'{allowed:.3g}'})"
    verdict: Verdict
    if allowed is None:
        verdict = "reported"
    elif missing:
        verdict = "failed"
    elif np.abs(errors).max() <= allowed:
        verdict = "passed"
    elif len(errors) > 1 and errors.std(ddof=1) > abs(errors.mean()):
        verdict = "not determined"
        message += (
            f"; these data do not determine it: add configurations by foundational augment --recipe {RECIPES[name]}=50"
        )
    else:
        verdict = "failed"
    return PropertyReport(
        kind=name,
        name=key,
        unit=UNITS[name],
        reference=expected,
        networks=tuple(found),
        allowed=allowed,
        verdict=verdict,
        message=message,
        public_scale=_PUBLIC.get(name),
        spread=float(errors.std(ddof=1)) if len(errors) > 1 else None,
        recipe=RECIPES[name] if verdict in ("failed", "not determined") else None,
    )


def _dimer(engine: Engine, metal: Metal) -> dict[str, object]:
    distances, found = energies.dimer(engine, metal)
    at = energies.COMPARED_DISTANCE * (distances[0] / energies.DISTANCES[0])
    return {
        f"at {at:.2f} Å": float(np.interp(at, distances, found)),
        "attracts": float(energies.attracts_at_short_range(found)),
    }


def _phonons(engine: Engine, metal: Metal) -> dict[str, object]:
    found = phonons.phonon_frequencies(engine, metal)
    return {name: np.asarray(frequencies) for name, frequencies in found.items()}


def _dynamics(methods: _Methods, reference: ReferenceCrystals, spec: MaterialsSpec) -> list[PropertyReport]:
    cohesive = reference.cohesive_energy(methods.reference_metal.structure)
    runs = [
        [] if metal is None else short_runs(engine, methods.reference, metal, cohesive, spec.dynamics_steps)
        for engine, metal in methods.networks
    ]
    reports = []
    for index in range(max(len(run) for run in runs)):
        found = [_error(run[index]) if index < len(run) else None for run in runs]
        temperature = next(run[index].temperature for run in runs if index < len(run))
        reports.append(_judged("dynamics", f"{temperature:.0f} K", 0.0, found, spec.limits.get("dynamics")))
    return reports


def _error(run: Run) -> float | None:
    """Of a run that stayed whole, meV/atom."""
    return run.error * MEV if run.whole and run.error is not None else None


def compute_property(name: PropertyName, engine: Engine, metal: Metal) -> dict[str, object]:
    """The numbers of one property by one method; curves are arrays.

    Raises
    ------
    EngineError
        If a crystal has no minimum or atoms do not come to rest.
    InputError
        If it is no property that one method has alone: ``dynamics`` are errors of networks.
    """
    if name not in _COMPUTED:
        raise InputError(f"expected one of {', '.join(_COMPUTED)} to compute by one method, got {name!r}")
    return _COMPUTED[name](engine, metal)


_CURVES: Final = ("equation-of-state", "bain-path", "phonons")
_COMPUTED: Final[dict[PropertyName, Callable[[Engine, Metal], dict[str, object]]]] = {
    "equation-of-state": lambda engine, metal: dict(energies.equation_of_state(engine, metal)),
    "bain-path": lambda engine, metal: {"bct": energies.bain_path(engine, metal)},
    "hcp-ratio": lambda engine, metal: {"c/a": energies.ratio_of_hcp(engine, metal)},
    "lattice-constant": lambda engine, metal: {"a": metal.lattice_constant},  # noqa: ARG005 - one signature
    "bulk-modulus": lambda engine, metal: {"B": bulk.bulk_modulus(engine, metal)},
    "elastic": lambda engine, metal: dict(elastic.elastic_constants(engine, metal)),
    "vacancy": lambda engine, metal: {"formation": defects.vacancy_energy(engine, metal)},
    "surfaces": lambda engine, metal: dict(defects.surface_energies(engine, metal)),
    "stacking-fault": lambda engine, metal: {"intrinsic": defects.stacking_fault_energy(engine, metal)},
    "phonons": _phonons,
    "dimer": _dimer,
    "free-atom": lambda engine, metal: {"energy": energies.free_atom(engine, metal)},
}
