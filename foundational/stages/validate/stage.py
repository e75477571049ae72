"""Validation: retrain on the stored bytes, test on a holdout, relax FCC, BCC and HCP, judge their order."""

import numpy as np
import xarray as xr
from pydantic import Field

from foundational.data.batches import to_configurations
from foundational.data.fingerprint import fingerprint
from foundational.data.labeller import Model
from foundational.engines.crystals.references import ReferenceCrystals
from foundational.engines.crystals.relaxation import RelaxedCrystal, relax_fully, relax_isotropic
from foundational.errors import EngineError, InputError
from foundational.evaluation.errors import evaluate
from foundational.progress import Progress
from foundational.science.crystals import STRUCTURES, Structure
from foundational.science.energy_ranking import judge_rank
from foundational.seeds import derive
from foundational.specs.ani import AniSpec
from foundational.specs.base import Spec
from foundational.specs.validate import GateSpec, ValidateSpec
from foundational.stages.train.stage import train_ensemble
from foundational.units import MEV


class FullReport(Spec):
    """A crystal relaxed with atoms and cell free, after a rattle; reported, never gated: many crystals are saddles."""

    energy_per_atom: float
    reference_energy_per_atom: float
    bond: float
    structure: str
    """What it collapsed to."""
    reference_structure: str
    converged: bool


class StructureReport(Spec):
    """One crystal relaxed isotropically from the symmetric structure; eV per atom and Å.

    Null where the model has no minimum of energy anywhere near: then it has no rank either.
    """

    atoms: int
    energy_per_atom: float | None
    reference_energy_per_atom: float
    error_meV: float | None  # noqa: N815 - the unit's own spelling
    bond: float | None
    reference_bond: float
    full: FullReport | None = None


class SeedReport(Spec):
    """One network: its order of the crystals and its errors."""

    seed: int
    rank_ok: bool
    ground_state_ok: bool
    kendall_tau: float | None
    mae_meV_per_atom: float | None  # noqa: N815
    structures: dict[str, StructureReport]
    published_hcp: StructureReport
    """HCP at c/a = √3, as in the paper's tables (arXiv 2311.05407); compared, never gated."""


class GateReport(Spec):
    """One gate of params.yaml."""

    name: str
    ok: bool | None
    """None where there was nothing to judge by."""
    message: str


class ValidationReport(Spec):
    """What validation found; NaN never appears, unknown is null."""

    dataset: str
    fingerprint: str
    element: str
    training_configurations: int
    holdout: str | None
    rank_ok: bool
    """In every seed."""
    ground_state_ok: bool
    """In every seed."""
    kendall_tau: float | None
    """Mean over seeds."""
    mae_meV_per_atom: float | None = Field(default=None, description="Mean over seeds, on the holdout.")  # noqa: N815
    mae_shifted_meV_per_atom: float | None = None  # noqa: N815
    rmse_meV_per_atom: float | None = None  # noqa: N815
    p99_meV_per_atom: float | None = None  # noqa: N815
    max_meV_per_atom: float | None = None  # noqa: N815
    force_mae_meV_per_A: float | None = None  # noqa: N815
    force_rmse_meV_per_A: float | None = None  # noqa: N815
    largest_crystal_error_meV: float | None = Field(description="Null where a crystal has no minimum.")  # noqa: N815
    passed: bool
    gates: tuple[GateReport, ...]
    seeds: tuple[SeedReport, ...]


ERRORS = (
    "mae_meV_per_atom",
    "mae_shifted_meV_per_atom",
    "rmse_meV_per_atom",
    "p99_meV_per_atom",
    "max_meV_per_atom",
    "force_mae_meV_per_A",
    "force_rmse_meV_per_A",
)


def validate(
    name: str,
    dataset: xr.Dataset,
    holdout: xr.Dataset | None,
    holdout_name: str | None,
    reference: ReferenceCrystals,
    spec: ValidateSpec,
    ani: AniSpec,
    seed: int,
    *,
    progress: Progress | None = None,
) -> ValidationReport:
    """Retrain ``spec.seeds`` networks on ``dataset`` and judge each.

    Parameters
    ----------
    holdout
        frames of the same element that nothing was trained on, or None where the element has none
    reference
        relaxed crystals of the potential that labelled the dataset
    ani
        settings for the dataset's metal; members are ``spec.seeds``
    """
    element = str(dataset.attrs["element"])
    if holdout is not None and holdout.attrs["element"] != element:
        raise InputError(f"expected a holdout of {element}, got one of {holdout.attrs['element']}")
    configurations = to_configurations(dataset)
    training = np.arange(len(configurations))
    if "split" in dataset:
        training = np.flatnonzero(dataset["split"].to_numpy() == 0)
    ani = ani.model_copy(update={"members": spec.seeds})
    ensemble = train_ensemble(
        ani, configurations, [training] * spec.seeds, derive(seed, "validate", name), progress=progress
    )
    tested = None if holdout is None else to_configurations(holdout)
    seeds, errors = [], []
    for i in range(spec.seeds):
        member = ensemble.member(i)
        found = None if tested is None else evaluate(member, tested)
        if found is not None:
            errors.append(found)
        seeds.append(_judge(i, member, element, reference, spec.tie, None if found is None else found[ERRORS[0]], seed))
    means: dict[str, float | None] = dict.fromkeys(ERRORS)
    if errors:
        means = {key: float(np.mean([e[key] for e in errors])) for key in ERRORS}
    crystal_errors = [s.error_meV for report in seeds for s in report.structures.values()]
    known = [abs(error) for error in crystal_errors if error is not None]
    largest = max(known) if len(known) == len(crystal_errors) else None
    taus = [s.kendall_tau for s in seeds if s.kendall_tau is not None]
    rank_ok, ground_ok = all(s.rank_ok for s in seeds), all(s.ground_state_ok for s in seeds)
    gates = judge_gates(spec.gates, rank_ok, ground_ok, means["mae_meV_per_atom"], largest)
    return ValidationReport(
        dataset=name,
        fingerprint=fingerprint(dataset),
        element=element,
        training_configurations=len(training),
        holdout=holdout_name if holdout is not None else None,
        rank_ok=rank_ok,
        ground_state_ok=ground_ok,
        kendall_tau=float(np.mean(taus)) if taus else None,
        largest_crystal_error_meV=largest,
        passed=all(gate.ok is not False for gate in gates),
        gates=gates,
        seeds=tuple(seeds),
        **means,
    )


def judge_gates(
    gates: GateSpec, rank_ok: bool, ground_state_ok: bool, mae: float | None, crystal_error: float | None
) -> tuple[GateReport, ...]:
    """The gates that are switched on, each with a plain sentence; ``mae`` and ``crystal_error`` in meV per atom."""
    reports = []
    every = {True: "every seed", False: "not every seed"}
    if gates.rank:
        message = f"{every[rank_ok]} orders the crystals as the reference does"
        reports.append(GateReport(name="rank", ok=rank_ok, message=message))
    if gates.ground_state:
        message = f"{every[ground_state_ok]} finds the reference's ground state"
        reports.append(GateReport(name="ground_state", ok=ground_state_ok, message=message))
    if gates.mae is not None:
        reports.append(_limit("mae", "mean absolute error on the holdout", mae, gates.mae, None))
    if gates.crystal_error is not None:
        reports.append(
            _limit("crystal_error", "largest error of a relaxed crystal", crystal_error, gates.crystal_error, False)
        )
    return tuple(reports)


def _limit(name: str, what: str, value: float | None, limit: float, without: bool | None) -> GateReport:
    """A gate on a number in meV per atom; ``without`` is the judgement where there is no number."""
    if value is None:
        return GateReport(name=name, ok=without, message=f"{what}: there is no number to judge by")
    ok = value <= limit * MEV
    word = "within" if ok else "above"
    message = f"{what} is {value:.2f} meV/atom, {word} the gate of {limit * MEV:g}"
    return GateReport(name=name, ok=ok, message=message)


def _judge(
    index: int,
    member: Model,
    element: str,
    reference: ReferenceCrystals,
    tie: float,
    mae: float | None,
    seed: int,
) -> SeedReport:
    structures = {s: _relaxed(member, element, reference, s, seed) for s in STRUCTURES}
    published = _structure(_minimum(member, reference.published_hcp, element), reference.published_hcp, None)
    found: dict[str, float] = {s: r.energy_per_atom for s, r in structures.items() if r.energy_per_atom is not None}
    judgement = None
    if len(found) == len(structures):
        judgement = judge_rank(found, {s: structures[s].reference_energy_per_atom for s in STRUCTURES}, tie)
    return SeedReport(
        seed=index,
        rank_ok=judgement is not None and judgement.rank_ok,
        ground_state_ok=judgement is not None and judgement.ground_state_ok,
        kendall_tau=None if judgement is None else judgement.kendall_tau,
        mae_meV_per_atom=mae,
        structures=dict(structures),
        published_hcp=published,
    )


def _minimum(model: Model, reference: RelaxedCrystal, element: str) -> RelaxedCrystal | None:
    """The model's isotropic minimum from the reference's crystal, or None where it has none near."""
    try:
        return relax_isotropic(model, reference.crystal, element)
    except EngineError:
        return None


def _relaxed(
    model: Model, element: str, reference: ReferenceCrystals, structure: Structure, seed: int
) -> StructureReport:
    expected, expected_full = reference.isotropic[structure], reference.full[structure]
    relaxed = _minimum(model, expected, element)
    if relaxed is None:
        return _structure(None, expected, None)
    free = relax_fully(model, relaxed.crystal, element, seed=seed, rattle=reference.rattle)
    full = FullReport(
        energy_per_atom=free.energy_per_atom,
        reference_energy_per_atom=expected_full.energy_per_atom,
        bond=free.bond,
        structure=free.structure,
        reference_structure=expected_full.structure,
        converged=free.converged,
    )
    return _structure(relaxed, expected, full)


def _structure(found: RelaxedCrystal | None, expected: RelaxedCrystal, full: FullReport | None) -> StructureReport:
    return StructureReport(
        atoms=len(expected.crystal),
        energy_per_atom=None if found is None else found.energy_per_atom,
        reference_energy_per_atom=expected.energy_per_atom,
        error_meV=None if found is None else (found.energy_per_atom - expected.energy_per_atom) * MEV,
        bond=None if found is None else found.bond,
        reference_bond=expected.bond,
        full=full,
    )
