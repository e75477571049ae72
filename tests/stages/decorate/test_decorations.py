"""Sites of transformed copies."""

import numpy as np
import pytest

from foundational.data.configurations import Configurations
from foundational.data.conversion import to_dataset
from foundational.science.alloys.patterns import sublattice
from foundational.science.crystals import build_crystal
from foundational.stages.decorate.decorations import source_of
from foundational.stages.translate.transformation import add_transformed_copies

spglib = pytest.importorskip("spglib")


@pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING:DeprecationWarning")
@pytest.mark.parametrize(
    ("kind", "group", "atoms"), [("L1_2", "P6_3/mmc (194)", 8), ("L1_0", "Pmma (51)", 4)], ids=["D0_19", "B19"]
)
def test_an_hcp_copy_has_the_sites_of_its_original_and_so_the_compounds_of_hcp(kind, group, atoms):
    crystal = build_crystal("fcc", 10.9)
    batch = Configurations.build([crystal.cell], [crystal.positions], [np.full(32, 28)])
    parent = to_dataset(batch, attrs={"element": "Ni", "labeller": "lammps:NiNb"})
    copies = add_transformed_copies(batch, parent, ("hcp",), 0.5)
    source = source_of(copies)
    assert len(source.lattices) == 2
    lattice = source.lattices[1]
    first = sublattice(kind, lattice.sites, lattice.axis, np.random.default_rng(0))[lattice.site]
    cell, positions = copies.configurations.cell[1], copies.configurations.positions[32:].astype(np.float64)
    described = (cell, positions @ np.linalg.inv(cell), first.astype(int))
    assert spglib.get_spacegroup(described, 1e-3) == group
    assert len(spglib.find_primitive(described, 1e-3)[2]) == atoms
