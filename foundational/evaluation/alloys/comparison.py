"""Compounds, random alloys and test frames by each network of an ensemble, beside the reference."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from foundational.data.labeller import Model
from foundational.engines.ani.ensemble import Ensemble
from foundational.engines.crystals.compounds import RelaxedCompound, change_of_shape, relax_compound, relax_volume
from foundational.errors import EngineError
from foundational.evaluation.alloys.frames import LabelledRun
from foundational.evaluation.alloys.reference import AlloyReference
from foundational.evaluation.alloys.report import AlloyReport, CompoundReport, FramesReport, MixingReport
from foundational.evaluation.crystals import compare_crystals
from foundational.evaluation.errors import formulas
from foundational.progress import Progress
from foundational.science.compounds.building import Compound
from foundational.science.compounds.hull import by_composition, compare_hulls
from foundational.science.energy_ranking import compare_energy_order
from foundational.specs.compounds import CompoundsSpec
from foundational.units import MEV

#: Largest strain of the cell's shape by which a network's compound is still that of the reference.
_SHAPE: Final = 0.04
#: eV/Å, to which a network relaxes a random alloy: what is left of its energy is below 0.1 meV/atom.
_ROUGH: Final = 0.01


def compare_alloy(
    ensemble: Ensemble,
    reference: AlloyReference,
    frames: Sequence[LabelledRun],
    spec: CompoundsSpec,
    tie: float,
    mixtures: Sequence[RelaxedCompound] = (),
    *,
    progress: Progress | None = None,
) -> AlloyReport:
    """Compare every network of ``ensemble`` with ``reference``.

    Parameters
    ----------
    frames
        Labelled configurations of the alloy on which nothing was trained.
    tie
        Reference gap below which two compounds tie, eV/atom.
    mixtures
        Random alloys that the reference relaxed.
    """
    members = [ensemble.member(m) for m in range(ensemble.members)]
    relaxed = []
    for m, member in enumerate(members):
        if progress is not None:
            progress(m, len(members), "relaxing compounds")
        relaxed.append([_found(member, c.compound) for c in reference.compounds])
    energies = np.array([[found.energy for found in row] for row in relaxed])
    formation, hull = reference.formation(reference.energies), reference.hull(reference.energies)
    predicted = np.array([reference.formation(row) for row in energies])
    hulls = [compare_hulls(reference.hull(row), hull, tie) for row in energies]
    titles = reference.titles
    crystals = {e: compare_crystals(ensemble, c, tie) for e, c in reference.crystals.items()}
    return AlloyReport(
        elements=reference.elements,
        compounds=tuple(
            CompoundReport(
                formula=c.compound.formula,
                prototype=c.compound.name,
                gated=c.compound.name in spec.gated,
                formation_meV=float(formation[p]) * MEV,
                hull_meV=float(hull[p]) * MEV if np.isfinite(hull[p]) else None,
                volume_A3=c.volume_per_atom,
                formation_error_meV=tuple(_known((row[p] - formation[p]) * MEV) for row in predicted),
                volume_error=tuple(_known(row[p].volume / c.volume_per_atom - 1) for row in relaxed),
                collapsed=tuple(row[p].collapsed for row in relaxed),
            )
            for p, c in enumerate(reference.compounds)
        ),
        without_minimum=reference.without_minimum,
        vertices=tuple(titles[p] for p in np.flatnonzero(hull <= -tie).tolist() if p not in reference.grounds),
        missing=tuple(tuple(titles[p] for p in found.missing) for found in hulls),
        additional=tuple(tuple(titles[p] for p in found.additional) for found in hulls),
        order_ok=tuple(_order_ok(reference, row, hull, spec.window, tie) for row in energies),
        crystals={e: found.errors() for e, found in crystals.items()},
        rank_ok={e: found.rank_ok for e, found in crystals.items()},
        ground_state_ok={
            e: tuple(m.order is not None and m.order.ground_state_ok for m in found.members)
            for e, found in crystals.items()
        },
        mixing=tuple(_mixing(members, mixture, reference, energies) for mixture in mixtures),
        frames=tuple(report for run in frames for report in _tested(members, run)),
    )


@dataclass(frozen=True)
class _Found:
    """A compound as a network relaxed it."""

    energy: float
    """eV/atom; NaN where the network has no minimum."""
    volume: float
    """Å³ per atom."""
    collapsed: bool
    """Whether cell and atoms together leave the compound, so that only its volume was relaxed."""


def _found(model: Model, compound: Compound) -> _Found:
    """Relax a compound by a network from the reference's crystal.

    A compound that the network does not hold, such as B19 where it glides to B2, is a saddle point of the network. Its
    energy is that of the reference's crystal with the volume relaxed, as for FCC, BCC and HCP of the elements.
    """
    try:
        relaxed = relax_compound(model, compound)
        if relaxed.converged and change_of_shape(compound, relaxed.compound) <= _SHAPE:
            return _Found(relaxed.energy_per_atom, relaxed.volume_per_atom, False)
    except EngineError:
        pass
    try:
        relaxed = relax_volume(model, compound)
    except EngineError:
        return _Found(np.nan, np.nan, True)
    return _Found(relaxed.energy_per_atom, relaxed.volume_per_atom, True)


def _relaxed(model: Model, compound: Compound) -> RelaxedCompound | None:
    try:
        relaxed = relax_compound(model, compound, force_limit=_ROUGH)
    except EngineError:
        return None
    return relaxed if relaxed.converged else None


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _order_ok(
    reference: AlloyReference, energies: NDArray[np.float64], hull: NDArray[np.float64], window: float, tie: float
) -> bool:
    """Whether compounds near the reference's hull are ranked alike at every composition."""
    formulas_ = [c.compound.formula for c in reference.compounds]
    for places in by_composition(formulas_).values():
        near = [p for p in places if hull[p] < window]
        if len(near) < 2:
            continue
        if not np.isfinite(energies[near]).all():
            return False
        expected = {reference.titles[p]: float(reference.energies[p]) for p in near}
        found = {reference.titles[p]: float(energies[p]) for p in near}
        if not compare_energy_order(found, expected, tie).rank_ok:
            return False
    return True


def _mixing(
    members: Sequence[Ensemble], mixture: RelaxedCompound, reference: AlloyReference, energies: NDArray[np.float64]
) -> MixingReport:
    shares = np.array([mixture.compound.share(e) for e in reference.elements])
    grounds = list(reference.grounds)
    mixing = mixture.energy_per_atom - shares @ reference.energies[grounds]
    errors = []
    for member, row in zip(members, energies, strict=True):
        found = _relaxed(member, mixture.compound)
        errors.append(None if found is None else _known((found.energy_per_atom - shares @ row[grounds] - mixing) * MEV))
    return MixingReport(
        formula=mixture.compound.formula,
        atoms=len(mixture.compound),
        lattice=mixture.compound.name,
        mixing_meV=float(mixing) * MEV,
        error_meV=tuple(errors),
    )


def _tested(members: Sequence[Ensemble], run: LabelledRun) -> list[FramesReport]:
    """Errors of the networks on a run, composition by composition; mean over networks."""
    names = formulas(run.configurations)
    reports = []
    for name in sorted(set(names)):
        batch = run.configurations.take(np.flatnonzero([n == name for n in names]))
        assert batch.labels is not None
        predicted = [member.label(batch.with_labels(None)) for member in members]
        energy = [np.abs(p.energy - batch.labels.energy) / batch.n_atoms for p in predicted]
        forces = [np.abs(p.forces - batch.labels.forces).mean() for p in predicted]
        reports.append(
            FramesReport(
                formula=name,
                phase=run.phase,
                frames=len(batch),
                temperature_K=run.temperature,
                mae_meV_per_atom=float(np.mean(energy)) * MEV,
                force_mae_meV_per_A=float(np.mean(forces)) * MEV,
            )
        )
    return reports
