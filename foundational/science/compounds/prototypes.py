"""Prototypes of metallic compounds by their Strukturbericht names.

The table is typed from the *AFLOW Library of Crystallographic Prototypes*, part 1 (Mehl et al., Comput. Mater. Sci.
136, S1 (2017), doi 10.1016/j.commatsci.2017.01.017) and part 2 (Hicks et al., 161, S1 (2019), doi
10.1016/j.commatsci.2018.10.043); each entry names its page there by the AFLOW label. Axial ratios and coordinates that
symmetry leaves free start at those of close packing or of the BCC lattice where the prototype decorates one, else at
those of the example; relaxation changes them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

Lattice = Literal["fcc", "bcc", "hcp", "none"]
_Vector = tuple[float, float, float]

_R2, _R3, _T = 2.0**0.5, 3.0**0.5, 1.0 / 3.0
_FCC: Final[tuple[_Vector, ...]] = ((0, 0.5, 0.5), (0.5, 0, 0.5), (0.5, 0.5, 0))
_CUBIC: Final[tuple[_Vector, ...]] = ((1, 0, 0), (0, 1, 0), (0, 0, 1))
_CENTRE: Final = (0.5, 0.5, 0.5)


def _tetragonal(ratio: float) -> tuple[_Vector, ...]:
    """Edges a, a, c with c/a = ``ratio``."""
    return ((1, 0, 0), (0, 1, 0), (0, 0, ratio))


def _hexagonal(ratio: float) -> tuple[_Vector, ...]:
    """The hexagonal cell with c/a = ``ratio``."""
    return ((1, 0, 0), (-0.5, _R3 / 2, 0), (0, 0, ratio))


def _both(sites: Sequence[_Vector]) -> tuple[_Vector, ...]:
    """Sites of a body-centred cell."""
    moved = [tuple(x + 0.5 for x in site) for site in sites]
    return (*sites, *moved)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Prototype:
    """One row of the table."""

    name: str
    """Strukturbericht, subscripts after ``_``; another usual name where the compound has none."""
    example: str
    label: str
    """AFLOW label: stoichiometry, Pearson symbol, number of the space group, Wyckoff letters."""
    lattice: Lattice
    """The lattice whose sites it occupies; ``none`` where it is topologically close-packed or another one."""
    vectors: tuple[_Vector, ...]
    """Lattice vectors, in units of the edge a."""
    sites: tuple[tuple[_Vector, ...], ...]
    """Fractional coordinates of the sites of each element, the first, the second, …"""

    @property
    def counts(self) -> tuple[int, ...]:
        """Atoms of each element in the cell."""
        return tuple(len(sites) for sites in self.sites)

    @property
    def elements(self) -> int:
        """How many elements it has."""
        return len(self.sites)


_ALL: Final = (
    Prototype("A1", "Cu", "A_cF4_225_a", "fcc", _FCC, (((0, 0, 0),),)),
    Prototype("A2", "W", "A_cI2_229_a", "bcc", ((-0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0.5, 0.5, -0.5)), (((0, 0, 0),),)),
    Prototype(
        "A3", "Mg", "A_hP2_194_c", "hcp", _hexagonal((8 / 3) ** 0.5), (((_T, 2 * _T, 0.25), (2 * _T, _T, 0.75)),)
    ),
    Prototype("B1", "NaCl", "AB_cF8_225_a_b", "none", _FCC, (((0, 0, 0),), (_CENTRE,))),
    Prototype("B2", "CsCl", "AB_cP2_221_b_a", "bcc", _CUBIC, (((0, 0, 0),), (_CENTRE,))),
    Prototype(
        "B19",
        "AuCd",
        "AB_oP4_51_e_f",
        "hcp",
        ((1, 0, 0), (0, _R3, 0), (0, 0, (8 / 3) ** 0.5)),
        (((0, 0, 0), (0, _T, 0.5)), ((0.5, 0.5, 0), (0.5, 5 / 6, 0.5))),
    ),
    Prototype(
        "B32", "NaTl", "AB_cF16_227_a_b", "bcc", _FCC, (((1 / 8,) * 3, (7 / 8,) * 3), ((3 / 8,) * 3, (5 / 8,) * 3))
    ),
    Prototype("B_h", "WC", "AB_hP2_187_d_a", "none", _hexagonal(0.976), (((_T, 2 * _T, 0.5),), ((0, 0, 0),))),
    Prototype("L1_0", "CuAu", "AB_tP2_123_a_d", "fcc", _tetragonal(_R2), (((0, 0, 0),), (_CENTRE,))),
    Prototype(
        "L1_1",
        "CuPt",
        "AB_hR2_166_a_b",
        "fcc",
        ((1, 0.5, 0.5), (0.5, 1, 0.5), (0.5, 0.5, 1)),
        (((0, 0, 0),), (_CENTRE,)),
    ),
    Prototype(
        "C11_b",
        "MoSi2",
        "AB2_tI6_139_a_e",
        "bcc",
        _tetragonal(3),
        (_both([(0, 0, _T), (0, 0, -_T)]), _both([(0, 0, 0)])),
    ),
    Prototype(
        "C14",
        "MgZn2",
        "AB2_hP12_194_f_ah",
        "none",
        _hexagonal((8 / 3) ** 0.5),
        (
            (
                (0, 0, 0),
                (0, 0, 0.5),
                *((x, 2 * x, 0.25) for x in (5 / 6,)),
                *((-2 * x, -x, 0.25) for x in (5 / 6,)),
                *((x, -x, 0.25) for x in (5 / 6,)),
                *((-x, -2 * x, 0.75) for x in (5 / 6,)),
                *((2 * x, x, 0.75) for x in (5 / 6,)),
                *((-x, x, 0.75) for x in (5 / 6,)),
            ),
            ((_T, 2 * _T, 1 / 16), (2 * _T, _T, 9 / 16), (2 * _T, _T, -1 / 16), (_T, 2 * _T, 7 / 16)),
        ),
    ),
    Prototype(
        "C15",
        "Cu2Mg",
        "A2B_cF24_227_d_a",
        "none",
        _FCC,
        ((_CENTRE, (0.5, 0.5, 0), (0.5, 0, 0.5), (0, 0.5, 0.5)), ((1 / 8,) * 3, (7 / 8,) * 3)),
    ),
    Prototype(
        "C16",
        "Al2Cu",
        "A2B_tI12_140_h_a",
        "none",
        _tetragonal(0.804),
        (
            _both([(0.158, 0.658, 0), (-0.158, 0.342, 0), (0.342, 0.158, 0), (0.658, -0.158, 0)]),
            _both([(0, 0, 0.25), (0, 0, 0.75)]),
        ),
    ),
    Prototype(
        "MoPt2",
        "MoPt2",
        "AB2_oI6_71_a_i",
        "fcc",
        ((1, 0, 0), (0, _R2, 0), (0, 0, 3)),
        (_both([(0, 0, _T), (0, 0, -_T)]), _both([(0, 0, 0)])),
    ),
    Prototype(
        "L1_2", "Cu3Au", "AB3_cP4_221_a_c", "fcc", _CUBIC, (((0, 0.5, 0.5), (0.5, 0, 0.5), (0.5, 0.5, 0)), ((0, 0, 0),))
    ),
    Prototype("D0_3", "BiF3", "AB3_cF16_225_a_bc", "bcc", _FCC, ((_CENTRE, (0.25,) * 3, (0.75,) * 3), ((0, 0, 0),))),
    Prototype(
        "D0_19",
        "Ni3Sn",
        "A3B_hP8_194_h_c",
        "hcp",
        _hexagonal((2 / 3) ** 0.5),
        (
            (
                (5 / 6, 2 * _T, 0.25),
                (_T, 1 / 6, 0.25),
                (5 / 6, 1 / 6, 0.25),
                (1 / 6, _T, 0.75),
                (2 * _T, 5 / 6, 0.75),
                (1 / 6, 5 / 6, 0.75),
            ),
            ((_T, 2 * _T, 0.25), (2 * _T, _T, 0.75)),
        ),
    ),
    Prototype(
        "D0_22",
        "Al3Ti",
        "A3B_tI8_139_bd_a",
        "fcc",
        _tetragonal(2),
        (_both([(0, 0, 0.5), (0, 0.5, 0.25), (0.5, 0, 0.25)]), _both([(0, 0, 0)])),
    ),
    Prototype(
        "A15",
        "Cr3Si",
        "A3B_cP8_223_c_a",
        "none",
        _CUBIC,
        (
            ((0.25, 0, 0.5), (0.75, 0, 0.5), (0.5, 0.25, 0), (0.5, 0.75, 0), (0, 0.5, 0.25), (0, 0.5, 0.75)),
            ((0, 0, 0), _CENTRE),
        ),
    ),
    Prototype(
        "D1_a",
        "MoNi4",
        "AB4_tI10_87_a_h",
        "fcc",
        _tetragonal((2 / 5) ** 0.5),
        (_both([(0.2, 0.4, 0), (-0.2, -0.4, 0), (-0.4, 0.2, 0), (0.4, -0.2, 0)]), _both([(0, 0, 0)])),
    ),
    Prototype(
        "D5_13",
        "Al3Ni2",
        "A3B2_hP5_164_ad_d",
        "none",
        _hexagonal(1.5**0.5),
        (
            ((0, 0, 0), (_T, 2 * _T, 0.648), (2 * _T, _T, 0.352)),
            ((_T, 2 * _T, 0.149), (2 * _T, _T, 0.851)),
        ),
    ),
)
#: All prototypes by name.
PROTOTYPES: Final[dict[str, Prototype]] = {prototype.name: prototype for prototype in _ALL}
#: Those of one element: FCC, BCC and HCP.
PURE: Final = tuple(p.name for p in _ALL if p.elements == 1)
