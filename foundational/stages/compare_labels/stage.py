"""Labels of two theories for the same configurations."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray

from foundational.data.configurations import Configurations, Labels
from foundational.engines.geometry.local_structure import StructureType, structure_shares
from foundational.errors import InputError
from foundational.matching.frames import Frames
from foundational.matching.pairing import pairs_of_equal
from foundational.science.phases import Phase, phases
from foundational.stages.compare_labels.differences import Scatter, element_offsets, scatter
from foundational.stages.compare_labels.report import Difference, LabelDifferences, PhaseDifference, meaning_of
from foundational.units import GPA, MEV

#: Å; configurations without a common id that are nearer than this are the same.
TOLERANCE: Final = 1e-3


@dataclass(frozen=True, eq=False)
class Theory:
    """Configurations with the labels of one method."""

    name: str
    method: str | None
    ids: NDArray[np.uint8]
    """(C, 16)"""
    configurations: Configurations

    @property
    def labels(self) -> Labels:
        """All of them; NaN where one is not known."""
        if self.configurations.labels is None:
            raise InputError(f"expected labels in {self.name}, found none")
        return self.configurations.labels


@dataclass(frozen=True, eq=False)
class _Pairs:
    """Rows of A and B that belong together, and B's labels in the axes and the order of A's atoms."""

    rows: NDArray[np.int64]
    """(P,) of A."""
    forces: NDArray[np.float64]
    """(Q, 3) of B."""
    energy: NDArray[np.float64]
    stress: NDArray[np.float64]
    by_id: int


def compare(a: Theory, b: Theory, tolerance: float = TOLERANCE) -> LabelDifferences:
    """Offsets and scatter of all labels that both know, as a whole and by phase.

    Raises
    ------
    InputError
        No configuration is in both.
    """
    pairs = _paired(a, b, tolerance)
    few = a.configurations.take(pairs.rows)
    one = replace(a, configurations=few).labels
    counts, elements = _compositions(few)
    difference = pairs.energy - one.energy
    known = np.isfinite(difference)
    rest = np.full(len(few), np.nan)
    offsets: dict[str, float] = {}
    separable, spread = True, None
    if known.any():
        found = element_offsets(counts[known], difference[known])
        rest[known], separable = found.rest, found.separable
        offsets = dict(zip(elements, found.values.tolist(), strict=True))
        per_atom = element_offsets(counts[known], pairs.energy[known]).rest / few.n_atoms[known]
        spread = float(per_atom.std()) * MEV if int(known.sum()) > len(elements) else None
    energy = rest / few.n_atoms * MEV
    forces = (pairs.forces - one.forces.astype(np.float64)) * MEV
    stress = (pairs.stress - one.stress) * GPA
    both = np.isfinite(forces).all(axis=1)
    size = float(np.sqrt((pairs.forces[both] ** 2).mean())) * MEV if both.any() else None
    traces = np.trace(stress, axis1=1, axis2=2)
    pressure = float(-traces[np.isfinite(traces)].mean() / 3) if np.isfinite(traces).any() else None
    of_energy, of_forces, of_stress = (_difference(scatter(values)) for values in (energy, forces, stress))
    return LabelDifferences(
        a=a.name,
        b=b.name,
        method_a=a.method,
        method_b=b.method,
        by_id=pairs.by_id,
        by_geometry=len(pairs.rows) - pairs.by_id,
        only_a=len(a.ids) - len(pairs.rows),
        only_b=len(b.ids) - len(pairs.rows),
        offsets_eV=offsets,
        offsets_separable=separable,
        energy_meV_per_atom=of_energy,
        energy_spread_meV_per_atom=spread,
        forces_meV_per_A=of_forces,
        force_size_meV_per_A=size,
        stress_GPa=of_stress,
        pressure_GPa=pressure,
        phases=tuple(_by_phase(few, energy, forces, stress)),
        meaning=meaning_of(of_energy, of_forces, of_stress, spread, size),
    )


def _paired(a: Theory, b: Theory, tolerance: float) -> _Pairs:
    """By id; the others by their geometry."""
    row_of = {row.tobytes(): number for number, row in reversed(list(enumerate(b.ids)))}
    rows, partners = [], []
    taken: set[int] = set()
    for number, row in enumerate(a.ids):
        partner = row_of.get(row.tobytes())
        if partner is not None and partner not in taken:
            taken.add(partner)
            rows.append(number)
            partners.append(partner)
    by_id = len(rows)
    rest_a = np.setdiff1d(np.arange(len(a.ids)), rows)
    rest_b = np.setdiff1d(np.arange(len(b.ids)), partners)
    c = b.configurations
    forces = [b.labels.forces[c.offsets[p] : c.offsets[p + 1]].astype(np.float64) for p in partners]
    stress = [b.labels.stress[p] for p in partners]
    if len(rest_a) and len(rest_b) and tolerance > 0:
        frames = [Frames.of_configurations(theory.configurations) for theory in (a, b)]
        for pair in pairs_of_equal(frames[0], frames[1], tolerance, only=(rest_a, rest_b)):
            rows.append(pair.a)
            partners.append(pair.b)
            own = b.labels.forces[c.offsets[pair.b] : c.offsets[pair.b + 1]].astype(np.float64)
            forces.append(pair.alignment.vectors(own))
            stress.append(pair.alignment.tensor(b.labels.stress[pair.b]))
    if not rows:
        raise InputError(f"no configuration of {a.name} is in {b.name}, neither by id nor within {tolerance:g} Å")
    return _Pairs(
        np.array(rows, dtype=np.int64),
        np.concatenate(forces),
        b.labels.energy[np.array(partners, dtype=np.int64)],
        np.stack(stress),
        by_id,
    )


def _compositions(c: Configurations) -> tuple[NDArray[np.int64], list[str]]:
    """(C, K) atoms of each element, and the elements."""
    numbers, place = np.unique(c.atomic_numbers, return_inverse=True)
    counts = np.zeros((len(c), len(numbers)), dtype=np.int64)
    np.add.at(counts, (c.configuration_of_atom, place.reshape(-1)), 1)
    return counts, [chemical_symbols[z] for z in numbers.tolist()]


def _by_phase(
    c: Configurations, energy: NDArray[np.float64], forces: NDArray[np.float64], stress: NDArray[np.float64]
) -> list[PhaseDifference]:
    """One row for each phase that occurs, the largest first."""
    names = phase_names(c)
    owner = names[c.configuration_of_atom]
    rows = []
    for name in sorted(set(names.tolist()), key=lambda name: -int((names == name).sum())):
        mine = names == name
        rows.append(
            PhaseDifference(
                phase=name,
                configurations=int(mine.sum()),
                energy_meV_per_atom=_difference(scatter(energy[mine])),
                forces_meV_per_A=_difference(scatter(forces[owner == name])),
                stress_GPa=_difference(scatter(stress[mine])),
            )
        )
    return rows


def phase_names(c: Configurations) -> NDArray[np.str_]:
    """(C,) liquid, or the crystal that surrounds most of its crystalline atoms; clusters and slabs have no phase."""
    names = np.full(len(c), "not periodic", dtype="U16")
    bulk = np.flatnonzero(c.pbc.all(axis=1) & (c.n_atoms > 1))
    names[c.pbc.all(axis=1) & (c.n_atoms == 1)] = "one atom"
    if bulk.size:
        shares = structure_shares(c.with_labels(None).take(bulk))
        phase, _ = phases(shares, np.zeros(len(bulk)))
        crystal = np.array([kind.name for kind in StructureType])[1 + shares[:, 1:].argmax(axis=1)]
        names[bulk] = np.where(phase == Phase.LIQUID, Phase.LIQUID.label, crystal)
    return names


def _difference(found: Scatter | None) -> Difference | None:
    return None if found is None else Difference(**vars(found))
