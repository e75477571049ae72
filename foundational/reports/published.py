"""Relaxed crystals of the paper and of this project: errors of its Tables 1, 2 and 3 (arXiv 2311.05407)."""

from collections.abc import Mapping
from typing import Final

from foundational.evaluation.crystals import PUBLISHED_HCP
from foundational.evaluation.report import CrystalErrors
from foundational.reports.markdown import mean_and_deviation, table
from foundational.units import MEV

#: Errors of nearest-neighbour distance (Å) and energy (eV/atom), by training set or metal, and by crystal.
PUBLISHED: Final[Mapping[str, Mapping[str, tuple[float, float]]]] = {
    "fcc": {"fcc": (0.07, 0.004), "bcc": (0.00, -0.072), "hcp": (0.08, 0.016)},
    "liquid": {"fcc": (-0.06, -0.013), "bcc": (0.08, 0.040), "hcp": (0.01, -0.058)},
    "momt": {"fcc": (0.03, -0.019), "bcc": (0.05, -0.058), "hcp": (0.05, -0.042)},
    "distilled": {"fcc": (0.01, 0.001), "bcc": (0.00, 0.021), "hcp": (0.02, 0.012)},
    "al": {"fcc": (0.01, 0.004), "bcc": (0.02, -0.024), "hcp": (-0.01, -0.005)},
}
#: By crystal of the paper, the crystal that is compared with it: the paper's HCP is relaxed at c/a = √3.
CRYSTALS: Final = {"fcc": "fcc", "bcc": "bcc", "hcp": PUBLISHED_HCP}


def crystals_table(rows: Mapping[str, Mapping[str, CrystalErrors]], head: str) -> str:
    """Relaxed crystals beside the paper's: errors of nearest-neighbour distance (Å) and energy (meV/atom).

    Parameters
    ----------
    rows
        Errors by crystal, by training set or metal.
    head
        Title of the first column.
    """
    lines = []
    for name, errors in rows.items():
        paper = [
            f"{_signed(PUBLISHED[name][s][0], 2)} / {_signed(PUBLISHED[name][s][1] * MEV, 0)}"
            if name in PUBLISHED
            else "–"
            for s in CRYSTALS
        ]
        own = [
            f"{mean_and_deviation(errors[key].nearest_neighbour_distance, 3)} / "
            f"{mean_and_deviation(errors[key].energy_meV_per_atom, 1)}"
            for key in CRYSTALS.values()
        ]
        lines.append([name, *paper, *own])
    titles = [*(f"paper {s.upper()}" for s in CRYSTALS), *(f"this work {s.upper()}" for s in CRYSTALS)]
    return table([head, *titles], lines)


def _signed(value: float, digits: int) -> str:
    """A number with its sign."""
    return f"{value:+.{digits}f}".replace("-", "−")
