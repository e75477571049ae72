from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from ase import Atoms
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator

from foundational.data.batches import iterate_batches, take
from foundational.data.configurations import Configurations, concatenate
from foundational.data.conversion import elements_of, from_atoms, iterate_atoms, to_configurations, to_dataset
from foundational.data.fingerprint import configuration_ids, fingerprint, hexadecimal
from foundational.data.store import open_store
from foundational.errors import ChecksumError, InputError


def same(a: Configurations, b: Configurations) -> bool:
    """Equal to the last bit, labels included."""
    names = ("n_atoms", "cell", "pbc", "atomic_numbers", "positions")
    return (
        all(np.array_equal(getattr(a, n), getattr(b, n)) for n in names)
        and len(a) == len(b)
        and fingerprint(a) == fingerprint(b)
        and np.array_equal(a.labels.energy, b.labels.energy)
    )


def test_configurations_survive_the_way_through_a_dataset(configurations: Configurations):
    assert same(to_configurations(to_dataset(configurations)), configurations)


@pytest.mark.parametrize("indices", [[3], [0, 1, 2], [7, 2, 2, 11], [-1, 0], slice(2, 9, 3), slice(4, 4), [], None])
def test_reading_some_configurations_is_reading_all_and_taking(
    store: Path, configurations: Configurations, indices: list[int] | slice | None
):
    wanted = configurations.take(slice(None) if indices is None else indices)
    assert same(to_configurations(open_store(store), indices), wanted)
    assert same(to_configurations(take(open_store(store), slice(None) if indices is None else indices)), wanted)


def test_reading_one_variable_does_not_touch_another(store: Path):
    shard = store / "forces" / "c" / "0" / "0"
    shard.write_bytes(bytes(shard.stat().st_size))
    dataset = open_store(store)
    assert np.isfinite(dataset["energy"].to_numpy()).all()
    with pytest.raises(ChecksumError, match="forces"):
        dataset["forces"].to_numpy()


@pytest.mark.parametrize("indices", [[12], [-13], [0, 99]])
def test_an_index_out_of_range_is_refused(dataset: xr.Dataset, indices: list[int]):
    with pytest.raises(InputError, match="expected indices of 12 configurations"):
        to_configurations(dataset, indices)


@pytest.mark.parametrize("batch_atoms", [1, 40, 10_000])
def test_batches_are_all_configurations_in_order(dataset: xr.Dataset, configurations: Configurations, batch_atoms: int):
    rows, batches = zip(*iterate_batches(dataset, batch_atoms), strict=True)
    assert [i for r in rows for i in range(r.start, r.stop)] == list(range(len(configurations)))
    assert same(concatenate(batches), configurations)
    assert all(len(b) == 1 or len(b.atomic_numbers) <= batch_atoms for b in batches)


def test_atoms_survive_the_way_through_ase(dataset: xr.Dataset, configurations: Configurations):
    frames = list(iterate_atoms(dataset))
    # ASE keeps six numbers of a stress; EMT's is symmetric only up to rounding.
    back = from_atoms(frames)
    assert np.array_equal(configuration_ids(back), configuration_ids(configurations))
    assert np.array_equal(back.labels.forces, configurations.labels.forces)
    assert np.array_equal(back.labels.energy, configurations.labels.energy)
    assert np.array_equal(back.labels.atomic_energies, configurations.labels.atomic_energies)
    assert back.labels.stress == pytest.approx(configurations.labels.stress, abs=1e-15)
    assert [a.info["id"] for a in frames] == hexadecimal(dataset["id"].to_numpy())
    assert [a.info["step"] for a in frames] == dataset["step"].to_numpy().tolist()


def test_atoms_of_chosen_configurations_come_in_that_order(store: Path, dataset: xr.Dataset):
    chosen = [5, 0, 9]
    energies = [a.get_potential_energy() for a in iterate_atoms(open_store(store), chosen)]
    assert energies == dataset["energy"].to_numpy()[chosen].tolist()


def test_voigt_stress_becomes_the_full_matrix_by_hand():
    atoms = bulk("Ni")
    stress = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    atoms.calc = SinglePointCalculator(atoms, energy=-1.0, forces=np.zeros((1, 3)), stress=stress)
    assert from_atoms([atoms]).labels.stress[0].tolist() == [[1, 6, 5], [6, 2, 4], [5, 4, 3]]


def test_an_unknown_stress_is_nan_in_memory_and_absent_from_a_dataset():
    atoms = bulk("Ni")
    atoms.info["REF_energy"] = -1.0
    atoms.arrays["REF_forces"] = np.zeros((1, 3))
    batch = from_atoms([atoms])
    assert np.isnan(batch.labels.stress).all()
    dataset = to_dataset(batch)
    assert "stress" not in dataset
    assert np.isnan(to_configurations(dataset).labels.stress).all()
    assert "stress" not in next(iterate_atoms(dataset)).calc.results


def test_labels_that_some_atoms_lack_are_unknown_there_and_never_zero():
    labelled, bare = bulk("Ni"), bulk("Ni", a=3.6)
    labelled.calc = SinglePointCalculator(labelled, energy=-1.0, forces=np.zeros((1, 3)))
    half = from_atoms([labelled, bare])
    assert half.labels.known(half.offsets)["energy"].tolist() == [True, False]
    assert half.labels.known(half.offsets)["forces"].tolist() == [True, False]
    assert np.isnan(half.labels.forces[1:]).all()
    assert from_atoms([bare]).labels is None
    assert len(from_atoms([])) == 0


def test_a_stress_of_five_numbers_is_refused():
    atoms = Atoms("Ni", cell=np.eye(3) * 3, info={"REF_energy": 0.0, "REF_stress": np.zeros(5)})
    atoms.arrays["REF_forces"] = np.zeros((1, 3))
    with pytest.raises(InputError, match="6 or 9 numbers, got 5"):
        from_atoms([atoms])


def test_a_variable_that_is_unknown_misshapen_or_does_not_fit_is_refused(configurations: Configurations):
    count = len(configurations)
    with pytest.raises(InputError, match="did you mean 'walker'"):
        to_dataset(configurations, walkers=np.zeros(count))
    with pytest.raises(InputError, match=r"walker: expected shape \(12,\), got \(3,\)"):
        to_dataset(configurations, walker=np.zeros(3))
    with pytest.raises(InputError, match="split: expected numbers that fit int8"):
        to_dataset(configurations, split=np.full(count, 1000))
    with pytest.raises(InputError, match="hold already"):
        to_dataset(configurations, energy=np.zeros(count))


def test_labels_of_another_number_of_atoms_are_refused():
    atoms = bulk("Ni", cubic=True)
    atoms.info["REF_forces"] = np.zeros((3, 3))
    with pytest.raises(InputError, match=r"forces: expected 4 rows of 3, got shape \(3, 3\)"):
        from_atoms([atoms])


def test_explicit_labels_come_before_those_of_a_calculator():
    atoms = bulk("Ni")
    atoms.calc = SinglePointCalculator(atoms, energy=-1.0, forces=np.ones((1, 3)))
    atoms.info["REF_energy"] = -2.0
    atoms.arrays["REF_forces"] = np.full((1, 3), 3.0)
    labels = from_atoms([atoms]).labels
    assert labels.energy.tolist() == [-2.0]
    assert labels.forces.tolist() == [[3.0] * 3]


def test_configurations_without_labels_become_atoms_without_a_calculator(configurations: Configurations):
    bare = to_dataset(configurations.with_labels(None))
    assert all(atoms.calc is None for atoms in iterate_atoms(bare))


def test_elements_are_those_that_are_stated_or_else_those_that_occur(dataset: xr.Dataset):
    assert elements_of(dataset) == ["Al", "Ni", "Cu"]
    del dataset.attrs["elements"]
    assert elements_of(dataset) == ["Ni"]
    del dataset.attrs["element"]
    assert elements_of(dataset) == ["Al", "Ni", "Cu"]
