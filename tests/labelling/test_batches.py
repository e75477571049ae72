import multiprocessing
import re
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms

from foundational.data.configurations import Configurations
from foundational.engines.ase.calculator import LabellerCalculator
from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.engines.lammps.potentials import potential_for
from foundational.errors import InputError
from foundational.labelling.batches import label_all
from foundational.science.crystals import build_crystal


@pytest.fixture(scope="module")
def labeller() -> LammpsLabeller:
    return LammpsLabeller(potential_for("Ni", Path(__file__).resolve().parents[2]))


@pytest.fixture(scope="module")
def frames() -> Configurations:
    """More than three tasks' worth of hot crystals of two sizes, mixed."""
    random = np.random.default_rng(7)
    crystals = [build_crystal("fcc", 11.5), build_crystal("bcc", 11.5)]
    chosen = [crystals[i] for i in random.integers(0, 2, size=1300)]
    return Configurations.build(
        [c.cell for c in chosen],
        [c.positions + random.normal(scale=0.12, size=(len(c), 3)) for c in chosen],
        [np.full(len(c), 28) for c in chosen],
    )


def processes(workers: int) -> Executor:
    """Not forked: a lock that another thread holds at that moment would never be free in the new process."""
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))


def test_labels_do_not_depend_on_who_computed_them_or_in_what_chunks(labeller: LammpsLabeller, frames: Configurations):
    expected = labeller.label(frames)
    names = ("energy", "forces", "stress", "atomic_energies")
    pools = [processes(2), ThreadPoolExecutor(2)]
    results = [label_all(labeller, frames)]
    for pool in pools:
        with pool as executor:
            results.append(label_all(labeller, frames, executor=executor))
    for labels in results:
        assert all(np.array_equal(getattr(labels, name), getattr(expected, name)) for name in names)


def test_progress_ends_at_the_number_of_configurations(labeller: LammpsLabeller, frames: Configurations):
    seen: list[tuple[int, int, str]] = []
    label_all(labeller, frames, progress=lambda *args: seen.append(args))
    done = [d for d, _, _ in seen]
    assert len(done) > 2
    assert done == sorted(done)
    assert seen[-1][:2] == (1300, 1300)


def test_no_configurations_have_no_labels(labeller: LammpsLabeller, frames: Configurations):
    labels = label_all(labeller, frames.take([]))
    assert labels.energy.shape == (0,)
    assert labels.forces.shape == (0, 3)
    assert labels.stress.shape == (0, 3, 3)


def test_an_error_in_a_later_task_says_where_it_counts_from(labeller: LammpsLabeller, frames: Configurations):
    broken = frames.take(slice(None))
    atom = broken.offsets[1000]
    broken.positions[atom] = broken.positions[atom + 1]
    with pytest.raises(InputError, match=r"counting from \d+, configuration \d+: atoms overlap") as caught:
        label_all(labeller, broken)
    start, index = re.findall(r"\d+", str(caught.value))[:2]
    assert int(start) + int(index) == 1000


def test_the_ase_calculator_says_what_the_labeller_says(labeller: LammpsLabeller, frames: Configurations):
    frame = frames.take([0])
    labels = labeller.label(frame)
    atoms = Atoms(numbers=frame.atomic_numbers, cell=frame.cell[0], positions=frame.positions, pbc=True)
    atoms.calc = LabellerCalculator(labeller)
    assert atoms.get_potential_energy() == labels.energy[0]
    assert np.array_equal(atoms.get_forces(), labels.forces)
    assert np.array_equal(atoms.get_stress(voigt=False), labels.stress[0])
    assert np.array_equal(atoms.get_potential_energies(), labels.atomic_energies)


def test_the_ase_calculator_takes_a_cell_with_an_open_side(labeller: LammpsLabeller):
    open_side, far_away = (
        Atoms("Ni2", [[0, 0, 0], [0, 0, 2.4]], cell=cell, pbc=pbc, calculator=LabellerCalculator(labeller))
        for cell, pbc in (([9.0, 9.0, 0.0], [True, True, False]), ([9.0, 9.0, 40.0], True))
    )
    assert open_side.get_potential_energy() == pytest.approx(far_away.get_potential_energy(), abs=1e-6)
