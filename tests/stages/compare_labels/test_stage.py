"""Two theories of the same configurations: offsets, scatter, phases, and what they mean."""

from dataclasses import replace

import numpy as np
import pytest

from foundational.data.configurations import Configurations, Labels
from foundational.data.conversion import to_dataset
from foundational.data.fingerprint import configuration_ids
from foundational.data.store import write_dataset
from foundational.errors import InputError
from foundational.labelling.theories import beside
from foundational.provenance.method import MethodRecord
from foundational.stages.compare_labels.command import compare_labels
from foundational.stages.compare_labels.stage import Theory, compare
from foundational.testing.crystals import rattled_crystals


def alloy(count=30, seed=0):
    """Crystals of 32 atoms of nickel and aluminium with invented labels."""
    rng = np.random.default_rng(seed)
    c = rattled_crystals(count, seed)
    numbers = np.where(rng.random(len(c.atomic_numbers)) < rng.random(count)[c.configuration_of_atom], 13, 28)
    energy = -4.0 * c.n_atoms + rng.normal(size=count)
    labels = Labels(energy, rng.normal(size=c.positions.shape), rng.normal(scale=0.01, size=(count, 3, 3)))
    return replace(c, atomic_numbers=numbers.astype(np.uint8), labels=labels)


def theory(c: Configurations, name="local/a"):
    return Theory(name, "method", configuration_ids(c), c)


def other(c: Configurations, *, nickel=0.0, aluminium=0.0, noise=0.0, force=0.0):
    rng = np.random.default_rng(9)
    share = np.where(c.atomic_numbers == 28, nickel, aluminium)
    energy = c.labels.energy + np.add.reduceat(share, c.offsets[:-1])
    energy = energy + rng.normal(scale=noise, size=len(c)) * c.n_atoms
    forces = c.labels.forces + rng.normal(scale=force, size=c.labels.forces.shape)
    return c.with_labels(Labels(energy, forces, c.labels.stress))


def test_the_offset_of_each_element_is_found_and_nothing_is_left():
    a = alloy()
    found = compare(theory(a), theory(other(a, nickel=2.5, aluminium=-1.0)))
    assert found.offsets_eV == pytest.approx({"Al": -1.0, "Ni": 2.5})
    assert found.offsets_separable
    assert found.by_id == 30
    assert found.energy_meV_per_atom.largest < 1e-9
    assert found.forces_meV_per_A.largest == 0
    assert "one network can be trained on both" in found.meaning


def test_scatter_is_that_of_the_labels():
    a = alloy(200)
    found = compare(theory(a), theory(other(a, nickel=1.0, noise=0.005, force=0.1)))
    assert found.energy_meV_per_atom.rms == pytest.approx(5, rel=0.2)
    assert found.forces_meV_per_A.rms == pytest.approx(100, rel=0.05)
    assert found.force_size_meV_per_A == pytest.approx(1000, rel=0.05)
    assert "(10 % of their size)" in found.meaning
    assert "two heads" in found.meaning


def test_compositions_that_do_not_tell_elements_apart_are_named():
    a = alloy()
    numbers = np.tile([28, 13], len(a.atomic_numbers) // 2).astype(np.uint8)
    a = replace(a, atomic_numbers=numbers)
    found = compare(theory(a), theory(other(a, nickel=1.0)))
    assert not found.offsets_separable
    assert found.energy_meV_per_atom.largest < 1e-9


def test_rewritten_configurations_are_paired_by_geometry_with_forces_in_place():
    a = alloy(6)
    order = np.concatenate([a.offsets[i] + np.roll(np.arange(n), 3) for i, n in enumerate(a.n_atoms)])
    labels = Labels(a.labels.energy, a.labels.forces[order], a.labels.stress)
    b = replace(a, positions=a.positions[order] + 1e-5, atomic_numbers=a.atomic_numbers[order], labels=labels)
    found = compare(theory(a), theory(b))
    assert (found.by_id, found.by_geometry, found.only_a) == (0, 6, 0)
    assert found.forces_meV_per_A.largest == 0


def test_phases_are_those_of_the_local_structure():
    crystal = alloy(5)
    rng = np.random.default_rng(1)
    liquid = replace(alloy(5, seed=2), positions=rng.uniform(0, 7, size=crystal.positions.shape).astype(np.float32))
    for c, name in ((crystal, "FCC"), (liquid, "liquid")):
        (row,) = compare(theory(c), theory(other(c, noise=0.001))).phases
        assert (row.phase, row.configurations) == (name, 5)


def test_labels_that_one_theory_lacks_are_not_compared():
    a = alloy(4)
    b = a.with_labels(replace(a.labels, stress=np.full((4, 3, 3), np.nan), energy=np.full(4, np.nan)))
    found = compare(theory(a), theory(b))
    assert found.energy_meV_per_atom is found.stress_GPa is found.pressure_GPa is None
    assert found.forces_meV_per_A.count == a.labels.forces.size
    assert list(found.lines())


def test_sets_without_a_common_configuration_are_refused():
    with pytest.raises(InputError, match="neither by id nor within"):
        compare(theory(alloy(3)), theory(alloy(3, seed=5), "local/b"))


def test_one_set_of_two_methods_is_compared_with_itself(tmp_path):
    a = alloy(4)
    first = to_dataset(a, attrs={"labeller": "x"})
    second = to_dataset(other(a, nickel=1.0, aluminium=1.0), attrs={"labeller": "y"})
    write_dataset(beside(first, second, (MethodRecord(id="x"), MethodRecord(id="y"))), tmp_path / "two.zarr")
    path = str(tmp_path / "two.zarr")
    found = compare_labels(None, path)
    assert (found.method_a, found.method_b) == ("x", "y")
    assert found.offsets_eV == pytest.approx({"Al": 1.0, "Ni": 1.0})
    turned = compare_labels(None, path, methods=("y", "x"))
    assert turned.offsets_eV == pytest.approx({"Al": -1.0, "Ni": -1.0})
    with pytest.raises(InputError, match="expected a method of"):
        compare_labels(None, path, methods=("x", "z"))
    write_dataset(first, tmp_path / "one.zarr")
    with pytest.raises(InputError, match="a second dataset"):
        compare_labels(None, str(tmp_path / "one.zarr"))
