"""One pair of elements of the survey: networks trained on its translated set, compared with its potential."""

from collections.abc import Iterator, Sequence

import xarray as xr

from foundational.data.fingerprint import fingerprint
from foundational.engines.crystals.compounds import RelaxedCompound
from foundational.evaluation.alloys.comparison import compare_alloy
from foundational.evaluation.alloys.frames import LabelledRun
from foundational.evaluation.alloys.reference import AlloyReference
from foundational.evaluation.alloys.report import AlloyReport
from foundational.evaluation.report import Report
from foundational.evaluation.retraining import retrain
from foundational.execution.tasks import Tasks
from foundational.progress import Progress, stage
from foundational.seeds import derive
from foundational.specs.ani import AniSpec
from foundational.specs.compounds import CompoundsSpec


class PairReport(Report):
    """One pair of the survey; where a step failed, what is known and why."""

    potential: str
    parent: str
    labels: int | None
    """Configurations of the translated set; null where there is none."""
    filtered: int | None
    """Decorations that were not kept."""
    members: int
    """Networks."""
    failure: str | None
    """Why there are no errors; null where there are."""
    alloy: AlloyReport | None

    @property
    def right(self) -> int:
        """Networks with the vertices of the hull and the order of the compounds right."""
        if self.alloy is None:
            return 0
        return sum(a and b for a, b in zip(self.alloy.hull_ok, self.alloy.order_ok, strict=True))

    def lines(self) -> Iterator[str]:
        """The report of the alloy, or why there is none."""
        if self.alloy is None:
            yield f"{self.potential}: {self.failure}"
            return
        yield f"{self.potential}: {self.labels} labels, {self.members} networks"
        yield from self.alloy.lines()


def evaluate_pair(
    dataset: xr.Dataset,
    reference: AlloyReference,
    tested: tuple[Sequence[LabelledRun], Sequence[RelaxedCompound]],
    settings: AniSpec,
    spec: CompoundsSpec,
    choice: tuple[int, float, int],
    *,
    tasks: Tasks | None = None,
    progress: Progress | None = None,
) -> AlloyReport:
    """Train networks on the translated set of a pair and compare them with its potential.

    Parameters
    ----------
    tested
        Test frames, and random alloys that the potential relaxed.
    settings
        Scaled to the pair.
    choice
        Number of networks; reference gap below which two compounds tie, eV/atom; root seed.
    tasks
        Where networks train; None: here.
    """
    members, tie, root = choice
    seed = derive(root, "pair", "-".join(reference.elements), fingerprint(dataset))
    ensemble = retrain(dataset, settings, members, seed, tasks=tasks, progress=stage(progress, "training", "compounds"))
    frames, mixtures = tested
    return compare_alloy(ensemble, reference, frames, spec, tie, mixtures, progress=stage(progress, "compounds"))
