import numpy as np
import pytest
from ase.filters import FrechetCellFilter
from ase.optimize import BFGS

from foundational.data.configurations import Configurations, concatenate
from foundational.engines.ani import ensemble as module
from foundational.engines.ani.training import train
from foundational.engines.ase.calculator import LabellerCalculator
from foundational.errors import InputError
from tests.engines.ani.cases import alloyed, as_atoms, crystals, labelled, settings, untrained


def moved(configurations: Configurations, positions: np.ndarray, cell: np.ndarray | None = None) -> Configurations:
    cells = configurations.cell if cell is None else cell[None]
    return Configurations.build(cells, [positions], [configurations.atomic_numbers])


@pytest.mark.parametrize("elements", [(28,), (28, 41)])
def test_forces_are_minus_the_slope_of_the_energy(elements: tuple[int, ...]) -> None:
    model = untrained(elements=elements)
    start = crystals(1) if len(elements) == 1 else alloyed(crystals(1))
    forces = model.predict(start).forces
    x = start.positions.astype(np.float64)
    direction = np.random.default_rng(1).normal(size=x.shape)
    step = 1e-2
    energies = [model.predict(moved(start, x + s * step * direction), forces=False).energy for s in (-2, -1, 1, 2)]
    slope = (energies[0] - 8 * energies[1] + 8 * energies[2] - energies[3]) / (12 * step)
    np.testing.assert_allclose(-(forces * direction).sum(axis=(1, 2)), slope[:, 0], rtol=2e-3, atol=2e-3)


def test_stress_is_the_slope_by_strain_over_the_volume() -> None:
    model, start = untrained(), crystals(1, 2)
    stress = model.predict(start).stress
    x = start.positions.astype(np.float64)
    for a, b in ((0, 0), (1, 1), (1, 2), (0, 2)):
        strain = np.zeros((3, 3))
        strain[a, b] += 0.5
        strain[b, a] += 0.5
        energies = []
        for s in (-2, -1, 1, 2):
            deformation = np.eye(3) + s * 2e-3 * strain
            energies.append(model.predict(moved(start, x @ deformation, start.cell[0] @ deformation)).energy)
        slope = (energies[0] - 8 * energies[1] + 8 * energies[2] - energies[3]) / (12 * 2e-3)
        np.testing.assert_allclose(stress[:, 0, a, b] * start.volume[0], slope[:, 0], rtol=5e-3, atol=2e-2)
    np.testing.assert_array_equal(stress, stress.swapaxes(2, 3))


def test_energy_is_the_sum_of_atomic_energies() -> None:
    model, cells = untrained(), concatenate([crystals(2), crystals(1, 1, repeat=1)])
    atomic = model.atomic_energies(cells)
    sums = np.stack([np.bincount(cells.configuration_of_atom, row) for row in atomic.astype(np.float64)])
    np.testing.assert_allclose(model.predict(cells).energy, sums, rtol=1e-6)


def test_labels_are_the_means_over_members() -> None:
    model, cells = untrained(members=3), crystals(2)
    labels, single = model.label(cells), [model.member(m).label(cells) for m in range(3)]
    np.testing.assert_allclose(labels.energy, np.mean([s.energy for s in single], axis=0))
    np.testing.assert_allclose(labels.forces, np.mean([s.forces for s in single], axis=0), atol=1e-6)
    np.testing.assert_allclose(labels.stress, np.mean([s.stress for s in single], axis=0))


def test_results_do_not_depend_on_how_a_batch_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    model, cells = untrained(), concatenate([crystals(5), crystals(3, 1, repeat=1)])
    whole = model.predict(cells)
    seen = []
    monkeypatch.setattr(module, "_ATOMS_AT_ONCE", 70)
    cut = model.predict(cells, progress=lambda done, total, message: seen.append((done, total)))
    np.testing.assert_allclose(cut.energy, whole.energy, rtol=1e-7)
    np.testing.assert_allclose(cut.forces, whole.forces, atol=1e-5)
    assert seen[-1] == (8, 8)
    assert len(seen) > 2


def test_an_empty_batch_is_labelled() -> None:
    labels = untrained().label(crystals(1).take([]))
    assert labels.energy.shape == (0,)
    assert labels.forces.shape == (0, 3)


def test_a_crystal_relaxes_with_ase() -> None:
    configurations = labelled(40, noise=0.1)
    model = train(settings(epochs=30), configurations, [np.arange(40)], 1)
    atoms = as_atoms(crystals(1, 5, noise=0.05, strain=0.0))
    atoms.calc = LabellerCalculator(model)
    before = atoms.get_potential_energy()
    assert BFGS(FrechetCellFilter(atoms, scalar_pressure=0.05), logfile=None).run(fmax=0.02, steps=60)
    assert atoms.get_potential_energy() != pytest.approx(before, abs=1e-3)


def test_an_unknown_element_is_refused() -> None:
    with pytest.raises(InputError, match=r"expected atomic numbers \[28\]"):
        untrained().label(alloyed(crystals(1)))
