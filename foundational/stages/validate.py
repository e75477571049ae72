"""Validation: retrain on the stored bytes, test on a holdout, relax FCC, BCC and HCP, judge their order."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import xarray as xr
from pydantic import Field

from foundational.data.batches import to_configurations
from foundational.data.identity import fingerprint
from foundational.engines.labeller import Labeller
from foundational.engines.references import ReferenceCrystals
from foundational.engines.relaxation import relax_fully, relax_isotropic
from foundational.errors import InputError
from foundational.science.crystals import STRUCTURES
from foundational.science.ranking import judge_rank
from foundational.seeds import derive
from foundational.specs.ani import AniSpec
from foundational.specs.base import Spec
from foundational.specs.validation import GateSpec, ValidateSpec
from foundational.stages.evaluate import evaluate
from foundational.stages.train import train_ensemble
from foundational.units import MEV

Progress = Callable[[int, int, str], None]


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
    """One crystal relaxed isotropically from the symmetric structure; eV per atom and Å."""

    atoms: int
    energy_per_atom: float
    reference_energy_per_atom: float
    error_meV: float  # noqa: N815 - the unit's own spelling
    bond: float
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
    largest_crystal_error_meV: float  # noqa: N815
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
        settings for nickel; lengths are scaled by the dataset's attribute ``length_scale``
    """
    element = str(dataset.attrs["element"])
    if holdout is not None and holdout.attrs["element"] != element:
        raise InputError(f"expected a holdout of {element}, got one of {holdout.attrs['element']}")
    configurations = to_configurations(dataset)
    training = np.arange(len(configurations))
    if "split" in dataset:
        training = np.flatnonzero(dataset["split"].to_numpy() == 0)
    ani = ani.model_copy(
        update={"members": spec.seeds, "aev": ani.aev.scaled(float(dataset.attrs.get("length_scale", 1.0)))}
    )
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
    largest = max(abs(s.error_meV) for report in seeds for s in report.structures.values())
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
        **means,  # type: ignore[arg-type]  # keys are ERRORS
    )


def judge_gates(
    gates: GateSpec, rank_ok: bool, ground_state_ok: bool, mae: float | None, crystal_error: float
) -> tuple[GateReport, ...]:
    """The gates that are switched on, each with a plain sentence; ``mae`` and ``crystal_error`` in meV per atom."""
    reports = []
    if gates.rank:
        said = "orders" if rank_ok else "does not order"
        reports.append(
            GateReport(
                name="rank",
                ok=rank_ok,
                message=f"every seed {said} the crystals as the reference"
                if rank_ok
                else "not every seed orders the crystals as the reference does",
            )
        )
    if gates.ground_state:
        said = "every seed finds" if ground_state_ok else "not every seed finds"
        reports.append(
            GateReport(name="ground_state", ok=ground_state_ok, message=f"{said} the reference's ground state")
        )
    limits: Mapping[str, tuple[float | None, float | None, str]] = {
        "mae": (gates.mae, mae, "mean absolute error on the holdout"),
        "crystal_error": (gates.crystal_error, crystal_error, "largest error of a relaxed crystal"),
    }
    for name, (limit, value, what) in limits.items():
        if limit is None:
            continue
        if value is None:
            reports.append(GateReport(name=name, ok=None, message=f"{what}: no holdout to judge by"))
            continue
        ok = value <= limit * MEV
        word = "within" if ok else "above"
        reports.append(
            GateReport(name=name, ok=ok, message=f"{what} is {value:.2f} meV/atom, {word} the gate of {limit * MEV:g}")
        )
    return tuple(reports)


def _judge(
    index: int,
    member: Labeller,
    element: str,
    reference: ReferenceCrystals,
    tie: float,
    mae: float | None,
    seed: int,
) -> SeedReport:
    structures: dict[str, StructureReport] = {}
    for structure in STRUCTURES:
        expected, expected_full = reference.isotropic[structure], reference.full[structure]
        relaxed = relax_isotropic(member, expected.crystal, element)
        free = relax_fully(member, relaxed.crystal, element, seed=seed, rattle=reference.rattle)
        full = FullReport(
            energy_per_atom=free.energy_per_atom,
            reference_energy_per_atom=expected_full.energy_per_atom,
            bond=free.bond,
            structure=free.structure,
            reference_structure=expected_full.structure,
            converged=free.converged,
        )
        structures[structure] = _structure(relaxed, expected, full)
    published = _structure(
        relax_isotropic(member, reference.published_hcp.crystal, element), reference.published_hcp, None
    )
    judgement = judge_rank(
        {s: structures[s].energy_per_atom for s in STRUCTURES},
        {s: structures[s].reference_energy_per_atom for s in STRUCTURES},
        tie,
    )
    return SeedReport(
        seed=index,
        rank_ok=judgement.rank_ok,
        ground_state_ok=judgement.ground_state_ok,
        kendall_tau=judgement.kendall_tau,
        mae_meV_per_atom=mae,
        structures=structures,
        published_hcp=published,
    )


def _structure(found: Any, expected: Any, full: FullReport | None) -> StructureReport:
    return StructureReport(
        atoms=len(expected.crystal),
        energy_per_atom=found.energy_per_atom,
        reference_energy_per_atom=expected.energy_per_atom,
        error_meV=(found.energy_per_atom - expected.energy_per_atom) * MEV,
        bond=found.bond,
        reference_bond=expected.bond,
        full=full,
    )
