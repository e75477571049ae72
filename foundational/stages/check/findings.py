"""What ``check --deep`` says of the slopes between stored labels and those of networks, and what to pass to import."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from foundational.checks.report import Finding, Status, found, passed, places
from foundational.interchange.label_choice import LabelChoice
from foundational.science.stress_regression import VOIGT, StressRegression
from foundational.stages.check.units import CONSISTENT, Units, order_option, sign_option

#: Names of the rules.
ENERGY, STRESS = "networks: energy against forces", "networks: stress"
#: A slope of the stress that no unit explains is a defect beyond this factor.
_FAR: Final = 3.0
_AGAIN: Final = "import the source again with"


@dataclass(frozen=True)
class Stated:
    """How the labels were read, and from what."""

    labels: LabelChoice
    imported: bool
    """Whether they come from a file of another program, which can be imported again."""

    def again(self, options: str) -> str:
        """What a user can do, with ``options``."""
        return f"{_AGAIN} {options}" if self.imported else f"the labels agree as if imported with {options}"


def energy_finding(ratio: float, correlation: float, units: Units | None, plain: Units, stated: Stated) -> Finding:
    """Whether energies and forces go together.

    Parameters
    ----------
    ratio
        Slope of the energies on those that the forces imply.
    units
        Those that explain the slopes; None where none do.
    plain
        Those that were stated.
    """
    said = f"slope {ratio:.3g}, correlation {abs(correlation):.2f}"
    if ratio < 0:
        sentence = f"the forces have the sign of the gradient, opposite to that of forces ({said})"
        return found(ENERGY, "defect", sentence, "change the sign of the forces in the file, and import it again")
    changed = units is not None and (units.energy, units.forces) != (plain.energy, plain.forces)
    if changed and units is not None:
        sentence = f"the energies are in {units.energy} and the forces in {units.forces} ({said} of what they imply)"
        return found(ENERGY, "defect", sentence, stated.again(units.options(plain)))
    if not 1 / CONSISTENT < ratio < CONSISTENT:
        sentence = f"the energies are {ratio:.3g} times what the forces imply ({said})"
        return found(ENERGY, "defect", sentence, "find the units of the file, and state --energy-unit, --forces-unit")
    return passed(ENERGY, f"energies and forces go together ({said})")


def stress_findings(
    stress: StressRegression, units: Units | None, stated: Stated, rows: NDArray[np.int64]
) -> list[Finding]:
    """One finding a fault of the stress; where there is none, one that says what was tested."""
    findings = []
    if stress.moved:
        holds = ", ".join(f"{VOIGT[i]} holds {VOIGT[stress.order[i]]}" for i in stress.moved)
        findings.append(
            found(
                f"{STRESS} order",
                "defect",
                f"the components are in another order: {holds}",
                stated.again(order_option(stress.order, stated.labels)),
            )
        )
    findings += [*_unit_findings(stress, units, stated), *_odd_rows(stress, rows)]
    if stress.zero:
        names = ", ".join(VOIGT[i] for i in stress.zero)
        sentence = f"{names} is zero in every configuration, and the networks' is not: it was not computed"
        findings.append(found(f"{STRESS} zero", "defect", sentence, "import the source without its stress"))
    if stress.unrelated and not findings:
        names = ", ".join(VOIGT[i] for i in stress.unrelated)
        sentence = f"{names} goes with no component of the networks' stress"
        findings.append(found(f"{STRESS} order", "defect", sentence, "find out what the file's stress is"))
    if findings:
        return findings
    determined = ", ".join(name for name, known in zip(VOIGT, stress.determined, strict=True) if known)
    expected = 1.0 if units is None else units.expected(Units.stated(stated.labels))[1]
    slopes = ", ".join(
        f"{name} {slope / expected:.2f}"
        for name, slope in zip(("pressure", "rest of the diagonal", "shear"), stress.slopes, strict=True)
        if np.isfinite(slope)
    )
    return [passed(STRESS, f"unit, sign and order of {determined} hold (slopes: {slopes or 'not determined'})")]


def _unit_findings(stress: StressRegression, units: Units | None, stated: Stated) -> list[Finding]:
    plain = Units.stated(stated.labels)
    known = stress.slopes[np.isfinite(stress.slopes)]
    if not len(known):
        return []
    said = f"slope {stress.slope:.3g}"
    findings = []
    if len(set(np.sign(known))) > 1:
        sentence = "pressure, rest of the diagonal and shear differ in sign: the stress is inconsistent"
        return [found(f"{STRESS} sign", "defect", sentence, "find out what the file's stress is")]
    if stress.slope < 0:
        sentence = f"the sign is opposite ({said} on the networks' stress)"
        findings.append(found(f"{STRESS} sign", "defect", sentence, stated.again(sign_option(stated.labels))))
    if units is not None and units.stress != plain.stress:
        sentence = f"the unit is {_name(units.stress)} ({said} on the networks' stress)"
        only = f"--stress-unit {units.stress}"
        findings.append(found(f"{STRESS} unit", "defect", sentence, stated.again(only)))
    elif units is None and not 1 / CONSISTENT < abs(stress.slope) < CONSISTENT:
        sentence = f"the stress is {abs(stress.slope):.3g} times what energies and forces imply"
        advice = "state --stress-unit, or --virial-key where it is a virial"
        status: Status = "defect" if not 1 / _FAR < abs(stress.slope) < _FAR else "warning"
        findings.append(found(f"{STRESS} unit", status, sentence, advice))
    return findings


def _name(unit: str) -> str:
    """A unit in words; a number is what one of it is in eV/Å³."""
    return unit if not unit[0].isdigit() else f"{unit} eV/Å³, as after one conversion too many"


def _odd_rows(stress: StressRegression, rows: NDArray[np.int64]) -> list[Finding]:
    kinds: Sequence[tuple[str, str, NDArray[np.int64]]] = (
        ("sign", "have a stress of opposite sign to that of most", stress.opposite),
        ("unit", "have a stress of another scale than most", stress.other_scale),
        ("zero", "have a stress of exactly zero where the networks' is not: it is not known", stress.zero_rows),
    )
    return [
        found(
            f"{STRESS} {kind}",
            "defect",
            f"at least {len(odd)} configurations {sentence} ({places(rows[odd])})",
            "import these configurations apart, with their own options",
            rows[odd].tolist(),
        )
        for kind, sentence, odd in kinds
        if len(odd)
    ]
