"""What a report on compounds says of its numbers: unknown is never zero, and the worst network counts."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from foundational.evaluation.alloys.comparison import _order_ok
from foundational.evaluation.alloys.report import AlloyReport, CompoundReport, FramesReport, MixingReport
from foundational.evaluation.report import CrystalErrors


def compound(*errors: float | None, gated: bool = True, **changes: Any) -> CompoundReport:
    given = {
        "formula": "AlNi3",
        "prototype": "L1_2",
        "gated": gated,
        "formation_meV": -420.0,
        "hull_meV": -12.5,
        "volume_A3": 11.25,
        "formation_error_meV": errors,
        "volume_error": tuple(0.01 for _ in errors),
        "collapsed": tuple(False for _ in errors),
    }
    return CompoundReport(**(given | changes))


def frames(phase: str, count: int, mae: float, formula: str = "AlNi", temperature: float | None = None) -> FramesReport:
    return FramesReport(
        formula=formula,
        phase=phase,
        frames=count,
        temperature_K=temperature,
        mae_meV_per_atom=mae,
        force_mae_meV_per_A=9.0,
    )


def report(**changes: Any) -> AlloyReport:
    given: dict[str, Any] = {
        "elements": ("Al", "Ni"),
        "compounds": (compound(-3.0, 5.0), compound(-90.0, 1.0, gated=False)),
        "without_minimum": (),
        "vertices": ("AlNi3 L1_2",),
        "missing": ((), ()),
        "additional": ((), ()),
        "order_ok": (True, False),
        "crystals": {
            "Al": {"fcc": errors(1.0, -7.0), "published": errors(99.0, 99.0)},
            "Ni": {"hcp": errors(2.0, 3.0)},
        },
        "rank_ok": {"Al": (True, True)},
        "ground_state_ok": {"Al": (True, True)},
        "mixing": (),
    }
    return AlloyReport(**(given | changes))


def errors(*energies: float | None) -> CrystalErrors:
    return CrystalErrors(energy_meV_per_atom=energies, nearest_neighbour_distance=tuple(0.0 for _ in energies))


def test_the_worst_gated_compound_of_any_network_counts():
    assert report().formation_error == 5.0
    assert report(compounds=(compound(-8.0, 5.0), compound(7.0, 1.0))).formation_error == 8.0
    assert report(compounds=(compound(-8.0, None), compound(7.0, 1.0))).formation_error is None
    assert report(compounds=(compound(1.0, 2.0), compound(None, 1.0, gated=False))).formation_error == 2.0


def test_the_worst_pure_crystal_of_any_network_counts_and_those_of_the_paper_do_not():
    assert report().crystal_error == 7.0
    assert report(crystals={"Al": {"fcc": errors(1.0, None), "bcc": errors(9.0, 9.0)}}).crystal_error is None


@pytest.mark.parametrize(
    ("missing", "additional", "ok"),
    [
        (((), ()), ((), ()), (True, True)),
        ((("AlNi3 L1_2",), ()), ((), ()), (False, True)),
        (((), ()), ((), ("AlNi B2",)), (True, False)),
    ],
)
def test_a_hull_is_right_where_no_vertex_lacks_and_none_is_added(missing, additional, ok):
    found = report(missing=missing, additional=additional)
    assert found.hull_ok == ok
    text = "\n".join(found.lines())
    assert f"right in {sum(ok)} of 2 networks" in text
    assert ("network 0: lacks AlNi3 L1_2" in text, "network 1:  adds AlNi B2" in text) == (not ok[0], not ok[1])


def test_errors_of_frames_are_weighted_by_their_number():
    found = report(frames=(frames("ordered", 1, 4.0), frames("random", 3, 8.0), frames("liquid", 2, 20.0)))
    assert (found.solid_mae, found.liquid_mae, found.mae("gas"), found.ratio) == (7.0, 20.0, None, None)


def test_all_elements_are_compared_with_pairs_where_there_are_three():
    parts = (frames("random", 1, 6.0, "AlNbNi"), frames("random", 9, 2.0, "AlNi"), frames("random", 9, 4.0, "AlNb"))
    three = report(elements=("Al", "Nb", "Ni"), frames=parts)
    assert three.ratio == 2.0
    assert "error with all 3 elements over that with two: 2.00" in "\n".join(three.lines())
    assert report(elements=("Al", "Nb", "Ni"), frames=parts[:1]).ratio is None
    assert report(elements=("Al", "Nb", "Ni"), frames=parts[1:]).ratio is None


def test_the_lines_say_what_is_unknown_lost_and_gated():
    mixture = MixingReport(formula="AlNi", atoms=108, lattice="fcc", mixing_meV=-250.0, error_meV=(4.0, None))
    lost = compound(3.0, None, collapsed=(True, False), hull_meV=None)
    found = report(
        compounds=(lost, compound(1.0, 2.0, gated=False, formula="AlNi", prototype="B2")),
        without_minimum=("AlNi L1_0",),
        mixing=(mixture,),
        frames=(frames("liquid", 2, 20.0, temperature=1800.0), frames("random", 2, 3.0)),
    )
    text = "\n".join(found.lines())
    for expected in (
        "AlNi3 L1_2     *       -420.0                11.25   +3.0↓ none",
        "AlNi B2                -420.0       -12.5    11.25   +1.0 +2.0",
        "↓ the network does not hold the compound",
        "no such crystal by the reference: AlNi L1_0",
        "compounds ranked as by the reference in 1 of 2 networks",
        "Al: largest error of relaxed crystals, meV/atom: FCC +7.0",
        "random AlNi (108 atoms, fcc): mixing -250.0 meV/atom; errors +4.0 none",
        "liquid AlNi at 1800 K: MAE 20.00 meV/atom, forces 9.0 meV/Å (2 frames)",
        "random AlNi: MAE 3.00 meV/atom",
    ):
        assert expected in text
    plain = "\n".join(report(vertices=()).lines())
    assert "↓" not in plain
    assert "no such crystal" not in plain
    assert "vertices of the hull: none" in plain


@dataclass(frozen=True)
class _Compound:
    formula: str


@dataclass(frozen=True)
class _Relaxed:
    compound: _Compound


@dataclass(frozen=True)
class _Reference:
    energies: np.ndarray
    compounds: tuple[_Relaxed, ...] = tuple(_Relaxed(_Compound(f)) for f in ("AlNi", "AlNi", "AlNi", "AlNi3"))
    titles: tuple[str, ...] = ("a", "b", "c", "d")


@pytest.mark.parametrize(
    ("energies", "hull", "ok"),
    [
        ([-1.0, -0.9, 0.0, 9.0], [0.0, 0.1, 0.5, 0.0], True),
        ([-0.9, -1.0, 0.0, 9.0], [0.0, 0.1, 0.5, 0.0], False),  # two near the hull are exchanged
        ([-1.0, -0.9, -2.0, 9.0], [0.0, 0.1, 0.5, 0.0], True),  # one far above the hull is not ranked
        ([-1.0, -0.9, -2.0, 9.0], [0.0, 0.1, 0.19, 0.0], False),
        ([-1.0, np.nan, 0.0, 9.0], [0.0, 0.1, 0.5, 0.0], False),  # a network without a minimum
        ([-1.0, np.nan, 0.0, 9.0], [0.0, 0.2, 0.5, 0.0], True),  # at the window's end
    ],
)
def test_compounds_near_the_hull_are_ranked_at_each_composition(energies, hull, ok):
    reference = _Reference(np.array([-1.0, -0.9, -0.5, -2.0]))
    assert _order_ok(reference, np.array(energies), np.array(hull), window=0.2, tie=1e-3) is ok
