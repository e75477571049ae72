"""What changed for networks: two validation reports of the same settings, one beside the other."""

from collections.abc import Iterator
from typing import Literal

import numpy as np

from foundational.evaluation.report import Report
from foundational.evaluation.validation_report import ValidationReport

Direction = Literal["better", "worse", "within the spread", "not known"]


class NumberChange(Report):
    """One error of networks before and after; means over networks of absolute errors."""

    name: str
    unit: str
    before: float | None
    after: float | None
    direction: Direction
    """By more than the spread over networks, or not."""

    @property
    def sentence(self) -> str:
        """The change in words."""
        before, after = ("not known" if v is None else f"{v:.3g} {self.unit}" for v in (self.before, self.after))
        return f"{self.name}: {before} → {after}, {self.direction}"


class ResultChange(Report):
    """One gate or property before and after, as words."""

    name: str
    before: str
    after: str
    message: str
    """What was found after."""

    @property
    def changed(self) -> bool:
        """Whether the result is another."""
        return self.before != self.after


class PhysicsChange(Report):
    """Networks trained on two datasets with the same settings and seeds."""

    a: str
    b: str
    members: int
    training_configurations: tuple[int, int]
    holdouts: tuple[str | None, str | None]
    gates: tuple[ResultChange, ...]
    crystals: tuple[NumberChange, ...]
    """Energies of relaxed crystals, and formation energies of compounds."""
    errors: tuple[NumberChange, ...]
    """On the holdout."""
    properties: tuple[ResultChange, ...]
    notes: tuple[str, ...] = ()

    def lines(self) -> Iterator[str]:
        """What changed, for people."""
        counts = f"{self.training_configurations[0]:,} → {self.training_configurations[1]:,}"
        yield f"physics: {self.members} networks each, trained on {counts} configurations"
        for change in (*self.crystals, *self.errors):
            yield f"       {change.sentence}"
        for test in (*self.gates, *self.properties):
            if test.changed:
                yield f"       {test.name}: {test.before} → {test.after}; {test.message}"
        yield from (f"note: {note}" for note in self.notes)


def physics_change(a: str, b: str, before: ValidationReport, after: ValidationReport) -> PhysicsChange:
    """Compare two reports.

    Parameters
    ----------
    a, b
        What the two datasets are called.
    """
    notes = []
    if before.holdout != after.holdout:
        notes.append("errors are those of different configurations: the two were not tested on one holdout")
    return PhysicsChange(
        a=a,
        b=b,
        members=len(after.members),
        training_configurations=(before.training_configurations, after.training_configurations),
        holdouts=(before.holdout, after.holdout),
        gates=tuple(_gates(before, after)),
        crystals=tuple(_crystals(before, after)),
        errors=tuple(_errors(before, after)),
        properties=tuple(_properties(before, after)),
        notes=tuple(notes),
    )


def _gates(before: ValidationReport, after: ValidationReport) -> Iterator[ResultChange]:
    words = {True: "passed", False: "failed", None: "not tested"}
    old = {gate.name: words[gate.ok] for gate in before.gates}
    for gate in after.gates:
        name = gate.name.replace("_", " ")
        yield ResultChange(
            name=name, before=old.get(gate.name, "not tested"), after=words[gate.ok], message=gate.message
        )


def _properties(before: ValidationReport, after: ValidationReport) -> Iterator[ResultChange]:
    old = {(n.kind, n.name): n.verdict for n in before.materials.numbers} if before.materials else {}
    for number in after.materials.numbers if after.materials else ():
        yield ResultChange(
            name=f"{number.kind} {number.name}",
            before=old.get((number.kind, number.name), "not applicable"),
            after=number.verdict,
            message=number.message,
        )


def _crystals(before: ValidationReport, after: ValidationReport) -> Iterator[NumberChange]:
    names = list(dict.fromkeys(name for report in (before, after) for m in report.members for name in m.structures))
    for name in names:
        sides = [
            [m.structures[name].error_meV if name in m.structures else None for m in report.members]
            for report in (before, after)
        ]
        yield number_change(f"energy of {name.upper()}", "meV/atom", *sides)
    old, new = (
        {c.title: list(c.formation_error_meV) for c in report.alloy.compounds} if report.alloy else {}
        for report in (before, after)
    )
    for title in (title for title in new if title in old):
        yield number_change(f"formation energy of {title}", "meV/atom", old[title], new[title])


def _errors(before: ValidationReport, after: ValidationReport) -> Iterator[NumberChange]:
    if before.mae_meV_per_atom is None and after.mae_meV_per_atom is None:
        return
    sides = [[member.mae_meV_per_atom for member in report.members] for report in (before, after)]
    yield number_change("mean absolute error of the energy", "meV/atom", *sides)
    for name, unit, old, new in (
        ("99th percentile of the energy error", "meV/atom", before.p99_meV_per_atom, after.p99_meV_per_atom),
        ("mean absolute error of forces", "meV/Å", before.force_mae_meV_per_A, after.force_mae_meV_per_A),
    ):
        if old is not None or new is not None:
            yield number_change(name, unit, [old], [new])


def number_change(name: str, unit: str, a: list[float | None], b: list[float | None]) -> NumberChange:
    """The change of a mean absolute error, beside its spread over networks; a missing number is worse than any.

    >>> number_change("x", "meV", [1.0, -1.2, 0.9], [9.0, 8.0, 10.0]).direction
    'worse'
    >>> number_change("x", "meV", [1.0, -1.2, 0.9], [1.1, -1.0, 1.0]).direction
    'within the spread'
    """
    complete = [None not in side and bool(side) for side in (a, b)]
    known = [np.abs([value for value in side if value is not None]) for side in (a, b)]
    means = [float(side.mean()) if ok else None for side, ok in zip(known, complete, strict=True)]
    old, new = means
    if old is None and new is None:
        direction: Direction = "not known"
    elif old is None or new is None:
        direction = "better" if old is None else "worse"
    else:
        spread = float(max(known[0].std(), known[1].std()))
        direction = "within the spread" if abs(new - old) <= spread else "worse" if new > old else "better"
    return NumberChange(name=name, unit=unit, before=old, after=new, direction=direction)
