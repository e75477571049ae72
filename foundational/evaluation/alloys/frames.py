"""Cells of alloys of about 108 atoms, and labelled frames of NPT runs of them: ordered and random solids, liquids."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np

from foundational.data.configurations import Configurations
from foundational.engines.crystals.compounds import RelaxedCompound, relax_compound
from foundational.engines.lammps.potentials import ResolvedPotential
from foundational.engines.lammps.test_frames import melt_frames, solid_frames
from foundational.errors import EngineError
from foundational.evaluation.alloys.reference import AlloyReference
from foundational.progress import Progress
from foundational.science.compounds.building import Compound
from foundational.science.compounds.prototypes import PROTOTYPES
from foundational.science.crystals import STRUCTURES, build_crystal
from foundational.seeds import derive, generator
from foundational.specs.compounds import AlloyTestSpec
from foundational.specs.translate import NptTestSpec

#: Most atoms of a supercell; every dimension is as wide as that allows.
_MOST_ATOMS = 144


@dataclass(frozen=True)
class LabelledRun:
    """Labelled frames of one kind of run."""

    phase: str
    """``ordered``, ``random`` or ``liquid``."""
    configurations: Configurations
    temperature: float | None
    """K; None where it is unknown."""


def compositions(elements: Sequence[str], shares: Sequence[float]) -> list[dict[str, float]]:
    """Compositions to test: of two elements by the share of the second; of more, equal shares of all and of each pair.

    >>> compositions(["Ni", "Al"], [0.25])
    [{'Ni': 0.75, 'Al': 0.25}]
    >>> len(compositions(["Ni", "Co", "Cr", "Fe"], [0.25]))
    7
    """
    if len(elements) > 2:
        groups = [tuple(elements), *combinations(elements, 2)]
        return [dict.fromkeys(group, 1 / len(group)) for group in groups]
    first, second = elements
    return [{first: 1 - x, second: x} for x in shares]


def sample_alloy_frames(
    potential: ResolvedPotential,
    reference: AlloyReference,
    spec: AlloyTestSpec,
    runs: NptTestSpec,
    seed: int,
    *,
    progress: Progress | None = None,
) -> list[LabelledRun]:
    """Solid and liquid frames at every composition of ``spec``, each run by the potential and labelled by it.

    The ordered solid is the compound of lowest energy at a composition that has one, the random one has its lattice.
    The liquid is the melt of the first of these; all temperatures are fractions of the temperature at which that melts.
    A random solid that loses its lattice, since none holds, is a solid of another structure and stays.

    Raises
    ------
    EngineError
        If no crystal of a composition melts, or a run fails.
    """
    wanted = compositions(reference.elements, spec.shares)
    found = []
    for number, composition in enumerate(wanted):
        if progress is not None:
            progress(number, len(wanted), "running the alloy")
        ordered = _ordered(reference, composition)
        lattice = None if ordered is None else PROTOTYPES[ordered.name].lattice
        random = random_alloy(reference, composition, runs, seed, lattice)
        start = random if ordered is None else supercell(ordered)
        energy = sum(
            x * c.cohesive_energy(c.ground_state) for e, x in composition.items() for c in [reference.crystals[e]]
        )
        own = derive(seed, "alloy", random.formula)
        settings = runs.model_copy(update={"frames": spec.frames})
        limit, liquid = melt_frames(potential, start, energy, settings, own)
        solid = {"random": random} if ordered is None else {"ordered": start, "random": random}
        settings = runs.model_copy(update={"frames": max(1, spec.frames // len(solid))})
        temperature = runs.solid * limit
        batches = {
            phase: (solid_frames(potential, crystal, temperature, settings, own + 1 + k), temperature)
            for k, (phase, crystal) in enumerate(solid.items())
        }
        batches["liquid"] = (liquid, runs.liquid * limit)
        for phase, (batch, kelvin) in batches.items():
            found.append(LabelledRun(phase, batch.with_labels(reference.labeller.label(batch)), kelvin))
    return found


def relaxed_mixtures(
    reference: AlloyReference, shares: Sequence[float], cells: NptTestSpec, seed: int
) -> list[RelaxedCompound]:
    """Random alloys relaxed by the reference; those that find no minimum are absent."""
    found = []
    for composition in compositions(reference.elements, shares) if shares else []:
        try:
            relaxed = relax_compound(reference.labeller, random_alloy(reference, composition, cells, seed))
        except EngineError:
            continue
        if relaxed.converged:
            found.append(relaxed)
    return found


def random_alloy(
    reference: AlloyReference, composition: dict[str, float], cells: NptTestSpec, seed: int, lattice: str | None = None
) -> Compound:
    """A crystal with randomly occupied sites.

    Parameters
    ----------
    composition
        Share of each element.
    cells
        Says how large the crystal is.
    lattice
        ``fcc``, ``bcc`` or ``hcp``; any other: the ground state of the element with the largest share.
    """
    majority = max(composition, key=composition.__getitem__)
    structure = next((s for s in STRUCTURES if s == lattice), reference.crystals[majority].ground_state)
    volume = sum(x * reference.crystals[e].ground_volume for e, x in composition.items())
    crystal = build_crystal(structure, volume, cells.cells[structure])
    symbols = _symbols(composition, len(crystal))
    order = generator(seed, "alloy", "-".join(f"{e}{x:g}" for e, x in composition.items())).permutation(len(symbols))
    return Compound(structure, crystal.cell, crystal.fractional, tuple(symbols[i] for i in order.tolist()))


def supercell(compound: Compound) -> Compound:
    """The supercell of at most 144 atoms whose periodic images are farthest apart.

    >>> from foundational.science.compounds.building import build_compound
    >>> len(supercell(build_compound("L1_2", ["Ni", "Al"], 11.0)))
    108
    """

    def width(repeats: tuple[int, int, int]) -> tuple[float, int]:
        cell = compound.cell * np.array(repeats)[:, None]
        heights = 1 / np.linalg.norm(np.linalg.inv(cell), axis=0)
        return float(heights.min().round(6)), -int(np.prod(repeats))

    choices = [n for n in product(range(1, 7), repeat=3) if np.prod(n) * len(compound) <= _MOST_ATOMS]
    return compound.repeated(max(choices, key=width))  # type: ignore[arg-type]


def _ordered(reference: AlloyReference, composition: dict[str, float]) -> Compound | None:
    """The compound of lowest energy at ``composition``; None where the reference has none."""
    there = [
        c
        for c in reference.compounds
        if all(abs(c.compound.share(e) - composition.get(e, 0.0)) < 1e-6 for e in reference.elements)
    ]
    return min(there, key=lambda c: c.energy_per_atom).compound if there else None


def _symbols(composition: dict[str, float], atoms: int) -> list[str]:
    """As many symbols as atoms, in the nearest numbers to ``composition``."""
    ends = np.rint(np.cumsum(list(composition.values())) * atoms).astype(int).tolist()
    starts = [0, *ends[:-1]]
    return [e for e, a, b in zip(composition, starts, [*ends[:-1], atoms], strict=True) for _ in range(a, b)]
