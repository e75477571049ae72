"""What a comparison of properties found."""

from collections.abc import Iterator
from typing import Literal

from foundational.evaluation.report import Report
from foundational.specs.materials import PropertyName

Verdict = Literal["passed", "failed", "not determined", "not applicable", "reported"]


class PropertyReport(Report):
    """One number of a property by the reference method and by each network."""

    kind: PropertyName
    name: str
    """Of the number, such as ``C11``."""
    unit: str
    reference: float | None
    networks: tuple[float | None, ...]
    """None where a network has no such number: the crystal or the defect does not come to rest."""
    allowed: float | None
    """Largest error that passes."""
    verdict: Verdict
    message: str
    public_scale: tuple[float, float] | None = None
    """Errors that ml-peg calls good and bad, in the unit."""

    @property
    def errors(self) -> list[float]:
        """Of each network that has the number."""
        return [] if self.reference is None else [n - self.reference for n in self.networks if n is not None]

    @property
    def line(self) -> str:
        """The number beside the reference's."""
        mark = {"passed": "ok", "failed": "FAIL", "not determined": "?", "not applicable": "–", "reported": " "}
        return f"{mark[self.verdict]:<5}{self.kind:<19}{self.name:<18}{self.message}"


class MaterialsReport(Report):
    """All properties."""

    numbers: tuple[PropertyReport, ...]

    @property
    def failed(self) -> tuple[PropertyReport, ...]:
        """Numbers that fail or that the data do not determine."""
        return tuple(number for number in self.numbers if number.verdict in ("failed", "not determined"))

    def lines(self) -> Iterator[str]:
        """A table."""
        yield f"{'':<5}{'property':<19}{'number':<18}error of each network (reference, allowed)"
        for number in self.numbers:
            yield number.line
