"""The order of crystal structures by energy: whether a model ranks them as the reference does."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from math import sqrt


@dataclass(frozen=True)
class EnergyOrder:
    """How a model ranks structures by energy, over the pairs whose reference energies do not tie."""

    rank_ok: bool
    """Every pair that does not tie is in the reference's order."""
    ground_state_ok: bool
    """The lowest structure is the reference's, or one that ties with it."""
    kendall_tau: float | None
    """Kendall's tau-b; None where the reference ties every pair."""


def compare_energy_order(predicted: Mapping[str, float], reference: Mapping[str, float], tie: float) -> EnergyOrder:
    """Compare two sets of energies per atom, eV.

    A pair counts only where the reference gap is at least ``tie``; below that it is a tie of the reference, as in
    Kendall's tau-b = (P − Q) / √((n − ties_predicted)(n − ties_reference)), doi 10.1093/biomet/33.3.239.

    >>> nickel = {"fcc": -4.876, "bcc": -4.833, "hcp": -4.863}
    >>> compare_energy_order({"fcc": -4.87, "bcc": -4.84, "hcp": -4.85}, nickel, tie=0.005).rank_ok
    True
    >>> compare_energy_order({"fcc": -4.87, "bcc": -4.86, "hcp": -4.85}, nickel, tie=0.005).kendall_tau
    0.3333333333333333
    """
    concordant = discordant = ties_reference = ties_predicted = 0
    for a, b in combinations(sorted(reference), 2):
        gap, predicted_gap = reference[a] - reference[b], predicted[a] - predicted[b]
        tied = abs(gap) < tie
        ties_reference += tied
        ties_predicted += predicted_gap == 0.0
        if not tied and predicted_gap != 0.0:
            concordant += gap * predicted_gap > 0
            discordant += gap * predicted_gap < 0
    pairs = len(reference) * (len(reference) - 1) // 2
    scale = sqrt((pairs - ties_predicted) * (pairs - ties_reference))
    ground = min(reference, key=reference.__getitem__)
    lowest = min(predicted, key=predicted.__getitem__)
    return EnergyOrder(
        rank_ok=concordant == pairs - ties_reference,
        ground_state_ok=reference[lowest] - reference[ground] < tie,
        kendall_tau=(concordant - discordant) / scale if scale else None,
    )
