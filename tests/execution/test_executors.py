"""Two workers of Dask, which are processes, give what this process gives, to the last bit: every kind of task."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from foundational.checks import parts
from foundational.checks.limits import CheckLimits
from foundational.checks.parts import Spread
from foundational.checks.run import check_all
from foundational.data.fingerprint import fingerprint
from foundational.data.integrity.stored_array import open_table
from foundational.data.store import open_store
from foundational.data.streaming.sorted_rows import SortedRows
from foundational.engines.ani.last_layer import last_layer_features
from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.engines.lammps.potentials import potential_for
from foundational.engines.momt.run import advance, begin, system_of
from foundational.evaluation.member_training import train_members
from foundational.execution import fingerprints
from foundational.execution.tasks import Execution, Tasks
from foundational.labelling import batches
from foundational.labelling.fault_tolerance import label_survivors
from foundational.specs.parsing import parse
from foundational.specs.sample import SampleSettings
from tests.engines.ani.cases import crystals, labelled, settings
from tests.stages.sample.test_stage import MOMT, SETTINGS


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tasks]:
    pytest.importorskip("distributed")
    with Execution("dask", 2).tasks(tmp_path_factory.mktemp("build"), "two") as tasks:
        assert tasks.parallelism == 2
        yield tasks


def test_walkers_of_a_pool(two: Tasks, checkout: Path):
    nickel, chosen = potential_for("Ni", checkout), parse(SampleSettings, SETTINGS, "params.yaml")
    system = system_of(chosen, MOMT, nickel)
    here = there = replace(begin(chosen, MOMT, system, 1), stop=2)
    for _ in range(3):
        here, blocks = advance(here, chosen, system, 1)
        there, others = advance(there, chosen, system, 1, two.executor)
    assert blocks[0].frames.any()
    assert all(np.array_equal(a.frames, b.frames) for a, b in zip(blocks, others, strict=True))
    assert np.array_equal(here.bias.coefficients, there.bias.coefficients)


def test_members_of_an_ensemble_and_scores_of_candidates(two: Tasks, monkeypatch: pytest.MonkeyPatch):
    spec, data, shares = settings(members=2, epochs=2), labelled(16), [np.arange(16), np.arange(12)]
    here = train_members(spec, data, shares, 5, None)
    assert train_members(spec, data, shares, 5, two).id == here.id
    kept = list(two.folder.rglob("*.npz")) if two.folder else []
    assert len(kept) == 2
    monkeypatch.setattr("foundational.engines.ani.last_layer._BATCHES_PER_TASK", 1)
    candidates = crystals(60, 3).take(np.tile(np.arange(60), 36))  # in two batches
    features = last_layer_features(here, candidates)
    assert np.array_equal(last_layer_features(here, candidates, two), features)


def test_batches_of_labels(two: Tasks, checkout: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(batches, "_ATOMS_PER_TASK", 128)
    labeller, frames = LammpsLabeller(potential_for("Ni", checkout)), crystals(20, 4)
    here, there = (label_survivors(labeller, frames, executor=executor) for executor in (None, two.executor))
    for name in ("energy", "forces", "stress", "atomic_energies"):
        assert np.array_equal(getattr(here.labels, name), getattr(there.labels, name))


def test_fingerprints_of_shards(two: Tasks, distilled_project: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(fingerprints, "_SHARD", 50)
    store = distilled_project / "datasets" / "pools" / "ni-momt-32" / "data.zarr"
    assert fingerprints.fingerprint_in_tasks(store, two) == fingerprint(open_store(store))


def test_parts_of_a_check(two: Tasks, distilled_project: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(parts, "_PART", 50)
    store = distilled_project / "datasets" / "pools" / "ni-momt-32" / "data.zarr"
    dataset, limits = open_table(store), CheckLimits()
    here, there = SortedRows(), SortedRows()
    spread = Spread(store, two.kept_results, "code")
    assert check_all(dataset, limits, hashes=there, spread=spread) == check_all(dataset, limits, hashes=here)
    assert there.hexdigest() == here.hexdigest() == fingerprint(open_store(store))
