"""Outputs that came back, each compared with the configurations that wait for labels."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from foundational.data.configurations import Configurations
from foundational.interchange.frame import Frame, FrameError
from foundational.interchange.label_choice import LabelChoice
from foundational.interchange.labels import recognise
from foundational.interchange.returned.output import PROBLEMS, Output, Problem
from foundational.stages.collect.pairing import Match, matches_of
from foundational.stages.collect.settings import differences, shared

#: What becomes of an output that is not refused.
TAKEN, DOUBLE = "taken", "double"
OUTCOMES: Final = (TAKEN, DOUBLE, *PROBLEMS)
#: Largest differences of two runs of one configuration that are rounding and convergence: eV/atom and eV/Å.
_SAME_ENERGY: Final = 1e-3
_SAME_FORCE: Final = 0.02


@dataclass(frozen=True, eq=False)
class Waiting:
    """Configurations that wait for labels."""

    ids: Sequence[str]
    """(C,) in hexadecimal; the names of their folders."""
    configurations: Configurations
    settings: Sequence[Mapping[str, Any]]
    """(C,) what their inputs say."""


@dataclass(frozen=True, eq=False)
class Label:
    """The labels of one configuration, in its own axes and order of atoms."""

    energy: float
    forces: NDArray[np.float64]
    """(N, 3)"""
    stress: NDArray[np.float64]
    """(3, 3); NaN where the output has none."""
    sha256: str
    """Of the output."""
    scf_steps: int | None = None
    residual: float | None = None


@dataclass(frozen=True)
class Verdict:
    """What became of one output."""

    file: str
    outcome: str
    """One of `OUTCOMES`."""
    id: str | None = None
    """The configuration that it is of; None where that is not known."""
    detail: str = ""
    lay_in: str | None = None
    """The folder of another configuration in which it lay."""


@dataclass(frozen=True, eq=False)
class Collected:
    """All outputs with their verdicts, and the labels of those that were taken."""

    labels: Mapping[int, Label]
    """By row of the configurations."""
    verdicts: tuple[Verdict, ...]
    """In the order of the outputs."""
    settings: Mapping[str, Any]
    """Shared by all that were taken."""
    k_points: tuple[str, ...] = ()
    """The meshes of those that were taken, each once."""
    versions: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """Outputs by outcome."""
        found = Counter(verdict.outcome for verdict in self.verdicts)
        return {outcome: found[outcome] for outcome in OUTCOMES if found[outcome]}


@dataclass(frozen=True, eq=False)
class _Paired:
    """An output with the configuration that it is of."""

    output: Output
    match: Match
    label: Label = field(repr=False)


def collect(
    waiting: Waiting, outputs: Sequence[Output], tolerance: float, earlier: Mapping[str, Any] | None = None
) -> Collected:
    """Pair each output with the configuration that has its geometry, and refuse what cannot be a label of it.

    Parameters
    ----------
    outputs
        In any order; the result does not depend on it.
    tolerance
        Å; how far an atom of an output may lie from the configuration.
    earlier
        Settings of labels that were collected before.

    Raises
    ------
    InputError
        No settings are those of most outputs.
    """
    outputs = sorted(outputs, key=lambda output: output.file)
    row_of = {name: row for row, name in enumerate(waiting.ids)}
    verdicts: dict[str, Verdict] = {}
    paired: list[_Paired] = []
    frames = [(output, frame) for output in outputs if output.problem is None for frame in output.frames]
    matches = matches_of(
        waiting.configurations,
        [frame for _, frame in frames],
        [row_of.get(output.folder) for output, _ in frames],
        tolerance,
    )
    of_output: dict[str, list[tuple[Frame, Match | None]]] = {}
    for (output, frame), match in zip(frames, matches, strict=True):
        of_output.setdefault(output.file, []).append((frame, match))
    several = 0
    for output in outputs:
        if output.problem is not None:
            owner = output.folder or None
            verdicts[output.file] = Verdict(output.file, output.problem, owner, output.detail)
            continue
        found = of_output[output.file]
        several += len(found) > 1
        chosen = next(((frame, match) for frame, match in found if match is not None), None)
        if chosen is None or chosen[1] is None:
            verdicts[output.file] = _no_match(waiting, output, found[0][0], row_of, tolerance)
            continue
        try:
            paired.append(_Paired(output, chosen[1], _label(output, *chosen)))
        except FrameError as error:
            name = waiting.ids[chosen[1].row]
            verdicts[output.file] = Verdict(output.file, "unreadable", name, error.problem)
    paired, settings = _of_shared_settings(waiting, paired, verdicts, earlier or {})
    labels = _one_each(waiting, paired, verdicts)
    taken = [pair for pair in paired if verdicts[pair.output.file].outcome == TAKEN]
    meshes = dict.fromkeys(str(pair.output.settings.get("k_points", "")) for pair in taken)
    versions = dict.fromkeys(pair.output.version for pair in taken if pair.output.version)
    return Collected(
        labels,
        tuple(verdicts[output.file] for output in outputs),
        settings,
        tuple(sorted(mesh for mesh in meshes if mesh)),
        tuple(sorted(versions)),
        (f"{several:,} outputs hold several configurations: the first that was asked for is taken",) if several else (),
    )


def _label(output: Output, frame: Frame, match: Match) -> Label:
    found = recognise(frame, LabelChoice())
    if found.energy is None or found.forces is None:
        raise FrameError(frame.source, "expected an energy and forces")
    stress = np.full((3, 3), np.nan) if found.stress is None else match.alignment.tensor(found.stress)
    return Label(
        found.energy,
        match.alignment.vectors(found.forces),
        stress,
        output.sha256,
        output.scf_steps,
        output.residual,
    )


def _no_match(waiting: Waiting, output: Output, frame: Frame, row_of: Mapping[str, int], tolerance: float) -> Verdict:
    """Whether the atoms are others, or only their positions."""
    c = waiting.configurations
    composition = np.sort(frame.numbers)
    same = [
        row
        for row in np.flatnonzero(c.n_atoms == len(composition)).tolist()
        if np.array_equal(np.sort(c.atomic_numbers[c.offsets[row] : c.offsets[row + 1]]), composition)
    ]
    own = row_of.get(output.folder)
    problem: Problem = "other geometry" if (own in same if own is not None else same) else "other atoms"
    detail = f"no configuration lies within {tolerance:g} Å of it"
    if problem == "other atoms":
        expected = "" if own is None else f", expected {int(c.n_atoms[own])}"
        detail = f"{len(composition)} atoms{expected}; {detail}"
    return Verdict(output.file, problem, output.folder or None, detail)


def _of_shared_settings(
    waiting: Waiting, paired: list[_Paired], verdicts: dict[str, Verdict], earlier: Mapping[str, Any]
) -> tuple[list[_Paired], dict[str, Any]]:
    """Those that have the settings of their inputs and of most outputs; verdicts on the others."""
    kept = []
    for pair in paired:
        if problems := differences(pair.output.settings, waiting.settings[pair.match.row]):
            verdicts[pair.output.file] = _refused(waiting, pair, "other settings", "; ".join(problems))
        else:
            kept.append(pair)
    settings = shared([pair.output.settings for pair in kept], earlier)
    passed = []
    for pair in kept:
        if problems := differences(pair.output.settings, settings):
            verdicts[pair.output.file] = _refused(waiting, pair, "other settings", "; ".join(problems))
        else:
            passed.append(pair)
    return passed, settings


def _one_each(waiting: Waiting, paired: list[_Paired], verdicts: dict[str, Verdict]) -> dict[int, Label]:
    """One label a configuration: of outputs that agree the one in its own folder, of outputs that do not, none."""
    groups: dict[int, list[_Paired]] = {}
    for pair in paired:
        groups.setdefault(pair.match.row, []).append(pair)
    labels: dict[int, Label] = {}
    for row, group in sorted(groups.items()):
        group.sort(key=lambda pair: (pair.output.folder != waiting.ids[row], pair.output.file))
        first = group[0]
        apart = [text for pair in group[1:] if (text := _apart(first.label, pair.label)) is not None]
        for pair in group:
            name = waiting.ids[row]
            verdict = Verdict(pair.output.file, TAKEN if pair is first else DOUBLE, name)
            if apart:
                detail = f"{len(group)} outputs of one configuration: {apart[0]}"
                verdict = _refused(waiting, pair, "contradictory", detail)
            elif pair is not first:
                verdict = replace(verdict, detail=f"the same labels as {first.output.file}")
            if pair.output.folder and pair.output.folder != name:
                verdict = replace(verdict, lay_in=pair.output.folder)
            verdicts[pair.output.file] = verdict
        if not apart:
            labels[row] = first.label
    return labels


def _apart(one: Label, other: Label) -> str | None:
    """How two labels of one configuration differ; None where they agree."""
    energy = abs(one.energy - other.energy) / len(one.forces)
    force = float(np.abs(one.forces - other.forces).max())
    if energy <= _SAME_ENERGY and force <= _SAME_FORCE:
        return None
    return f"{energy * 1e3:.3g} meV/atom and {force * 1e3:.3g} meV/Å apart"


def _refused(waiting: Waiting, pair: _Paired, problem: Problem, detail: str) -> Verdict:
    return Verdict(pair.output.file, problem, waiting.ids[pair.match.row], detail)
