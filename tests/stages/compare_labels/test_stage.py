"""Two theories of the same configurations: offsets, scatter, phases, and what they mean."""

import re
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from foundational.cli.main import app
from foundational.data.configurations import Configurations, Labels
from foundational.data.conversion import to_dataset
from foundational.data.fingerprint import configuration_ids
from foundational.data.store import write_dataset
from foundational.errors import InputError
from foundational.labelling.theories import beside
from foundational.provenance.method import MethodRecord
from foundational.stages.compare_labels.command import compare_labels
from foundational.stages.compare_labels.report import Difference, meaning_of
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


def test_a_comparison_is_printed_for_people_with_what_it_means(tmp_path):
    """Two sets by name; offsets, phases, and a stress that one of them lacks."""
    a = alloy(8)
    b = other(a, nickel=1.0, aluminium=-0.5, noise=0.004)
    write_dataset(to_dataset(a, attrs={"labeller": "x"}), tmp_path / "a.zarr")
    write_dataset(to_dataset(b).drop_vars("stress"), tmp_path / "b.zarr")
    done = CliRunner().invoke(app, ["compare-labels", str(tmp_path / "a.zarr"), str(tmp_path / "b.zarr")])
    assert done.exit_code == 0, done.exception
    lines = done.stdout.splitlines()
    assert lines[0].endswith("a.zarr, x")
    assert lines[1].endswith("b.zarr")
    assert lines[2] == "8 configurations in both: 8 by id, 0 by geometry; only in A 0, only in B 0"
    assert re.match(r"offset per atom, B − A: Al -0\.(5|49)\d* eV, Ni \+(1\.0|0\.99)\d* eV$", lines[3])
    assert "do not determine" not in lines[3]
    head, whole, *_ = lines[4:]
    assert head.split("  ")[-1] == "stress GPa"
    assert whole.split()[:2] == ["all", "8"]
    assert whole.endswith("–")
    assert not any(line.startswith("mean pressure") for line in lines)
    assert lines[-1].startswith("After the offsets the labels are ")


def test_the_methods_of_each_set_are_chosen_where_there_are_several(tmp_path):
    a = alloy(4)
    datasets = [to_dataset(other(a, nickel=shift), attrs={"labeller": name}) for name, shift in (("x", 0), ("y", 1))]
    third = to_dataset(other(a, nickel=2.0), attrs={"labeller": "z"})
    two = beside(*datasets, (MethodRecord(id="x"), MethodRecord(id="y")))
    write_dataset(two, tmp_path / "two.zarr")
    write_dataset(
        beside(two, third, (*map(MethodRecord.model_validate, two.attrs["methods"]), MethodRecord(id="z"))),
        tmp_path / "three.zarr",
    )
    write_dataset(third, tmp_path / "one.zarr")
    paths = {name: str(tmp_path / f"{name}.zarr") for name in ("one", "two", "three")}
    found = compare_labels(None, paths["two"], paths["one"], methods=("y", "z"))
    assert (found.method_a, found.method_b, found.offsets_eV["Ni"]) == ("y", "z", pytest.approx(1.0))
    for options, message in (
        ({"a": paths["two"], "methods": ["x"]}, "--methods: expected two methods, separated by a comma, got x"),
        ({"a": paths["three"]}, "has the methods x, y, z; choose two with --methods"),
        ({"a": paths["two"], "b": paths["one"]}, "has the methods x, y; choose two with --methods"),
    ):
        with pytest.raises(InputError, match=message):
            compare_labels(None, **options)


@pytest.mark.parametrize(
    ("energy", "forces", "stress", "said"),
    [
        (None, None, None, "No label is known of both: nothing can be said."),
        (1.0, None, None, "labels are 1 meV/atom (10 % of their spread) apart, as much as converged"),
        (
            None,
            50.0,
            None,
            "labels are 50 meV/Å apart: one network trained on both as they are keeps errors of about 25",
        ),
        (1.0, 5.0, 0.5, "one network can be trained on both. Take stresses of one: 0.5 GPa."),
    ],
)
def test_the_meaning_follows_from_the_labels_that_both_have(energy, forces, stress, said):
    def difference(rms):
        return None if rms is None else Difference(mean=rms, rms=rms, largest=rms, count=1)

    meaning = meaning_of(difference(energy), difference(forces), difference(stress), 10.0 if energy else None, None)
    assert said in meaning
