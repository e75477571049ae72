"""A number that does not pass names the environments of its property that the training data lack."""

from dataclasses import replace

import numpy as np
import pytest

from foundational.data.configurations import Configurations
from foundational.engines.crystals.relaxation import crystal_configurations
from foundational.evaluation.materials import energies
from foundational.evaluation.materials.engine import Metal
from foundational.evaluation.materials.environments import Environments, environments_of
from foundational.science.crystals import STRUCTURES, build_crystal
from foundational.specs.materials import PropertyLimit
from tests.engines.ani.cases import untrained

NICKEL = Metal("Ni", "fcc", 10.9, -4.88, 10.9)


@pytest.fixture(scope="module")
def trained() -> Configurations:
    """Rattled crystals within 5 % of the relaxed volume: no compressed cell is among them."""
    random = np.random.default_rng(1)
    crystals = [build_crystal(s, v, (2, 2, 2)) for s in STRUCTURES for v in random.uniform(10.4, 11.5, 6).tolist()]
    batch = crystal_configurations(crystals, "Ni")
    moved = batch.positions + random.normal(scale=0.08, size=batch.positions.shape).astype(np.float32)
    return replace(batch, positions=moved)


def test_cells_at_volumes_that_the_data_lack_are_named_first(trained):
    named = Environments(untrained(), trained).most_uncertain("equation-of-state", NICKEL)
    assert len(named) == 3
    edges = [f"{share:g} of" for share in (*energies.VOLUMES[:3], *energies.VOLUMES[-3:])]
    assert any(edge in named[0] for edge in edges), named


def test_every_property_has_environments_by_a_name():
    assert list(environments_of("vacancy", NICKEL)) == ["atoms beside a vacancy"]
    assert len(environments_of("vacancy", NICKEL)["atoms beside a vacancy"]) == 107
    assert len(environments_of("surfaces", NICKEL)) == 3
    assert len(environments_of("dimer", NICKEL)["two atoms 1.50 Å apart"]) == 2
    assert list(environments_of("free-atom", NICKEL)) == ["one atom alone"]
    assert "FCC sheared" in environments_of("elastic", NICKEL)


def test_an_element_may_have_a_limit_of_its_own():
    limit = PropertyLimit(absolute=5, elements={"Nb": 10})
    assert limit.of_element("Nb").allowed(0.0) == 10
    assert limit.of_element("Al").allowed(0.0) == 5
