import hashlib
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from foundational.data import fingerprint as hashing
from foundational.data.configurations import Configurations
from foundational.data.conversion import to_configurations, to_dataset
from foundational.data.fingerprint import configuration_ids, fingerprint, label_digests
from foundational.data.store import open_store


def test_identity_can_be_recomputed_from_the_documented_bytes(configurations: Configurations):
    pairs = []
    for i in range(len(configurations)):
        one = configurations.take([i])
        species = bytes(one.atomic_numbers.tolist())
        cell = struct.pack("<9d", *one.cell.reshape(-1).tolist())
        positions = struct.pack(f"<{one.positions.size}f", *one.positions.reshape(-1).tolist())
        labels = b"energy\0" + struct.pack("<d", one.labels.energy[0])
        labels += b"forces\0" + struct.pack(f"<{one.positions.size}f", *one.labels.forces.reshape(-1).tolist())
        labels += b"stress\0" + struct.pack("<9d", *one.labels.stress.reshape(-1).tolist())
        labels += b"atomic_energies\0" + struct.pack(f"<{len(species)}f", *one.labels.atomic_energies.tolist())
        identity = hashlib.sha256(species + cell + positions).digest()[:16]
        assert configuration_ids(configurations)[i].tobytes() == identity
        pairs.append(identity + hashlib.sha256(labels).digest()[:16])
    assert fingerprint(configurations) == hashlib.sha256(b"".join(sorted(pairs))).hexdigest()


def test_digests_do_not_depend_on_how_many_configurations_are_hashed_together(
    configurations: Configurations, monkeypatch: pytest.MonkeyPatch
):
    ids, labels = configuration_ids(configurations), label_digests(configurations)
    monkeypatch.setattr(hashing, "_TOGETHER", 2 * int(configurations.n_atoms.max()))
    assert (configuration_ids(configurations) == ids).all()
    assert (label_digests(configurations) == labels).all()


def test_fingerprint_ignores_order_and_storage(store: Path, dataset: xr.Dataset, configurations: Configurations):
    order = np.random.default_rng(0).permutation(len(configurations))
    expected = fingerprint(configurations)
    assert fingerprint(configurations.take(order)) == expected
    assert fingerprint(open_store(store)) == expected
    assert fingerprint(dataset) == expected
    assert fingerprint(to_dataset(configurations, split=np.ones(len(order)))) == expected


def test_fingerprint_counts_a_repeated_configuration(configurations: Configurations):
    assert fingerprint(configurations.take([0, 1])) != fingerprint(configurations.take([0, 1, 1]))


@pytest.mark.parametrize("name", ["atomic_numbers", "cell", "positions"])
def test_the_last_bit_of_the_structure_changes_one_id_alone(configurations: Configurations, name: str):
    changed = getattr(configurations, name).copy()
    flat = changed.reshape(-1)
    flat[0] = np.nextafter(flat[0], np.inf, dtype=flat.dtype) if flat.dtype.kind == "f" else flat[0] + 1
    before, after = configuration_ids(configurations), configuration_ids(replace(configurations, **{name: changed}))
    assert (before != after).any(axis=1).tolist() == [True] + [False] * (len(configurations) - 1)


@pytest.mark.parametrize("name", ["energy", "forces", "stress", "atomic_energies"])
def test_the_last_bit_of_a_label_changes_one_digest_and_the_fingerprint(configurations: Configurations, name: str):
    changed = getattr(configurations.labels, name).copy()
    flat = changed.reshape(-1)
    flat[-1] = np.nextafter(flat[-1], np.inf, dtype=flat.dtype)
    other = configurations.with_labels(replace(configurations.labels, **{name: changed}))
    different = (label_digests(configurations) != label_digests(other)).any(axis=1)
    assert different.tolist() == [False] * (len(configurations) - 1) + [True]
    assert np.array_equal(configuration_ids(configurations), configuration_ids(other))
    assert fingerprint(configurations) != fingerprint(other)


def test_the_absence_of_a_label_is_part_of_the_fingerprint(configurations: Configurations):
    bare = configurations.with_labels(replace(configurations.labels, atomic_energies=None))
    prints = {fingerprint(configurations), fingerprint(bare), fingerprint(configurations.with_labels(None))}
    assert len(prints) == 3


def test_identity_does_not_hang_on_the_machine_byte_order(configurations: Configurations):
    swapped = replace(
        configurations,
        cell=configurations.cell.astype(">f8"),
        positions=configurations.positions.astype(">f4"),
        n_atoms=configurations.n_atoms.astype(">i4"),
    )
    assert np.array_equal(configuration_ids(swapped), configuration_ids(configurations))


def test_configurations_without_labels_have_an_identity(configurations: Configurations):
    bare = configurations.with_labels(None)
    assert fingerprint(to_dataset(bare)) == fingerprint(bare)
    assert len({d.tobytes() for d in label_digests(bare)}) == 1
    assert to_configurations(to_dataset(bare)).labels is None
