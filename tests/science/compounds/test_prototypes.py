import numpy as np
import pytest

from foundational.science.compounds.building import build_compound
from foundational.science.compounds.prototypes import PROTOTYPES, PURE

spglib = pytest.importorskip("spglib")
pytestmark = pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING:DeprecationWarning")
ELEMENTS = ("Ni", "Al")
#: Nearest neighbours by lattice; BCC's first two shells together.
NEIGHBOURS = {"fcc": 12, "hcp": 12, "bcc": 14}


@pytest.mark.parametrize("name", PROTOTYPES)
def test_a_prototype_has_the_space_group_of_its_label(name):
    prototype = PROTOTYPES[name]
    compound = build_compound(name, ELEMENTS[: prototype.elements], 11.0)
    kinds = [ELEMENTS.index(symbol) + 1 for symbol in compound.symbols]
    group = spglib.get_spacegroup((compound.cell, compound.fractional, kinds), 1e-4)
    stoichiometry, pearson, number, *_ = prototype.label.split("_")
    assert group.endswith(f"({number})")
    conventional = spglib.standardize_cell((compound.cell, compound.fractional, kinds), symprec=1e-4)
    # The hexagonal setting of a rhombohedral cell holds three of it.
    assert len(conventional[2]) == int(pearson[2:]) * (3 if pearson.startswith("hR") else 1)
    assert len(prototype.counts) == sum(c.isalpha() for c in stoichiometry)


@pytest.mark.parametrize("name", [name for name, p in PROTOTYPES.items() if p.lattice != "none"])
def test_a_prototype_on_a_lattice_has_its_coordination(name):
    prototype = PROTOTYPES[name]
    compound = build_compound(name, ELEMENTS[: prototype.elements], 11.0)
    images = np.stack(np.meshgrid(*[np.arange(-3, 4)] * 3), axis=-1).reshape(-1, 1, 3)
    points = ((images + compound.fractional) @ compound.cell).reshape(-1, 3)
    for site in compound.positions:
        distance = np.sort(np.linalg.norm(points - site, axis=1))[1:]
        assert (distance < 1.2 * distance[0]).sum() == NEIGHBOURS[prototype.lattice]


def test_the_pure_crystals_are_fcc_bcc_and_hcp():
    assert [PROTOTYPES[name].lattice for name in PURE] == ["fcc", "bcc", "hcp"]
