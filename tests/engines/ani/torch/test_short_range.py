from dataclasses import replace

import numpy as np
import pytest
import torch

from foundational.data.configurations import Configurations
from foundational.engines.ani.terms.short_range import fit_short_range
from foundational.engines.ani.torch.ensemble import TorchEnsemble
from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.engines.lammps.potentials import potential_for
from tests.engines.ani.cases import AEV, crystals, untrained


def test_torch_adds_the_same_terms(checkout):
    bare = untrained()
    labeller = LammpsLabeller(potential_for("Ni", checkout))
    data = crystals(2, seed=1)
    ensemble = replace(bare, short_range=fit_short_range(data, bare.elements, AEV.radial.cutoff, labeller))
    rng = np.random.default_rng(1)
    shapes = [
        np.array([[1.0, 1, 1]]),
        np.array([[1.0, 1, 1], [2.3, 1, 1]]),
        rng.uniform(0, 4, (6, 3)) + 1.5 * np.eye(6, 3),
    ]
    few = Configurations.build([20 * np.eye(3)] * 3, shapes, [np.full(len(x), 28) for x in shapes])
    packed = replace(data, cell=data.cell * 0.6, positions=data.positions * np.float32(0.6))
    for cells in (few, packed):
        expected, found = ensemble.label(cells), TorchEnsemble(ensemble, dtype=torch.float64).label(cells)
        assert found.energy == pytest.approx(expected.energy, rel=1e-5, abs=1e-3)
        assert found.forces == pytest.approx(expected.forces, rel=1e-4, abs=1e-2)
        assert found.stress == pytest.approx(expected.stress, rel=1e-4, abs=1e-4)
        assert np.isfinite(found.forces).all()
