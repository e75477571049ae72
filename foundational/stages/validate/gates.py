"""The gates of a validation: limits of params.yaml against what the networks reached."""

from dataclasses import dataclass

from foundational.evaluation.materials.report import MaterialsReport
from foundational.evaluation.validation_report import GateReport
from foundational.specs.validate import GateSpec
from foundational.units import MEV


@dataclass(frozen=True)
class Findings:
    """The results that gates test, over all networks; energies in eV/atom, as the limits."""

    members: int
    """How many networks."""
    rank_ok: int
    """Networks that rank the crystals as the reference does."""
    ground_state_ok: int
    """Networks that find the reference's ground state."""
    mae: float | None
    """Mean absolute error on the holdout, mean over networks; None without a holdout."""
    crystal_error: float | None
    """Largest error of a relaxed crystal; None where a network has no minimum for one of the crystals."""


def evaluate_gates(gates: GateSpec, findings: Findings) -> tuple[GateReport, ...]:
    """The gates that are switched on, each with a plain sentence."""
    reports = []
    if gates.rank:
        reports.append(_count("rank", findings.rank_ok, findings.members, "reproduce the reference energy ranking"))
    if gates.ground_state:
        task = "find the reference's ground state"
        reports.append(_count("ground_state", findings.ground_state_ok, findings.members, task))
    if gates.mae is not None:
        what = "mean absolute error on the holdout"
        absent = GateReport(name="mae", ok=None, message=f"{what}: not tested (no holdout)")
        reports.append(absent if findings.mae is None else _limit("mae", what, findings.mae, gates.mae))
    if gates.crystal_error is not None:
        name, what, error = "crystal_error", "largest error of a relaxed crystal", findings.crystal_error
        absent = GateReport(name=name, ok=False, message=f"{what}: unknown (a crystal has no minimum of energy)")
        reports.append(absent if error is None else _limit(name, what, error, gates.crystal_error))
    return tuple(reports)


def properties_gate(materials: MaterialsReport) -> GateReport:
    """Whether every number of the properties is within its limit; without an answer where none has one."""
    tested = [number for number in materials.numbers if number.allowed is not None]
    if not tested:
        return GateReport(name="properties", ok=None, message="properties: not tested (no number has a limit)")
    names = ", ".join(f"{number.kind} {number.name}" for number in materials.failed)
    message = f"{len(tested) - len(materials.failed)} of {len(tested)} numbers of properties are within their limits"
    return GateReport(name="properties", ok=not names, message=message + (f"; not: {names}" if names else ""))


def _count(name: str, good: int, members: int, task: str) -> GateReport:
    """A gate that every network must pass."""
    return GateReport(name=name, ok=good == members, message=f"{good} of {members} networks {task}")


def _limit(name: str, what: str, value: float, limit: float) -> GateReport:
    """A gate on an error, eV/atom."""
    ok = value <= limit
    message = f"{what} is {value * MEV:.2f} meV/atom, {'within' if ok else 'above'} the gate of {limit * MEV:g}"
    return GateReport(name=name, ok=ok, message=message)
