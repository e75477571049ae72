"""What a comparison of properties found."""

from collections.abc import Iterator
from typing import Literal, Self

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
    spread: float | None = None
    """Standard deviation over networks; None for one network."""
    environments: tuple[str, ...] = ()
    """Where it does not pass: its environments that are farthest from the training data, the farthest first."""
    recipe: str | None = None
    """Where it does not pass: the recipe of `foundational augment` that adds such configurations."""

    def naming(self, environments: tuple[str, ...]) -> Self:
        """The same number with its uncertain environments, if it does not pass."""
        unsettled = self.verdict in ("failed", "not determined")
        return self.model_copy(update={"environments": environments}) if unsettled else self

    @property
    def errors(self) -> list[float]:
        """Of each network that has the number."""
        return [] if self.reference is None else [n - self.reference for n in self.networks if n is not None]

    @property
    def line(self) -> str:
        """The number beside the reference's."""
        mark = {"passed": "ok", "failed": "FAIL", "not determined": "?", "not applicable": "–", "reported": " "}
        spread = "" if self.spread is None else f"{self.spread:.3g}"
        scale = "" if self.public_scale is None else "/".join(f"{value:g}" for value in self.public_scale)
        return f"{mark[self.verdict]:<5}{self.kind:<19}{self.name:<18}{spread:<9}{scale:<9}{self.message}"


class MaterialsReport(Report):
    """All properties."""

    numbers: tuple[PropertyReport, ...]

    @property
    def failed(self) -> tuple[PropertyReport, ...]:
        """Numbers that fail or that the data do not determine."""
        return tuple(number for number in self.numbers if number.verdict in ("failed", "not determined"))

    def lines(self) -> Iterator[str]:
        """A table."""
        yield f"{'':<5}{'property':<19}{'number':<18}{'spread':<9}{'ml-peg':<9}error of each network (reference, limit)"
        for number in self.numbers:
            yield number.line
        yield "ml-peg: errors that this public benchmark calls good/bad"
        for kind, environments in {n.kind: n.environments for n in self.failed if n.environments}.items():
            yield f"{kind}: farthest from the training data (1 is usual): {', '.join(environments)}"
        if recipes := sorted({n.recipe for n in self.failed if n.recipe is not None}):
            offered = " ".join(f"--recipe {recipe}=50" for recipe in recipes)
            yield f"To add such configurations: foundational augment local/NEW --from NAME {offered}"
