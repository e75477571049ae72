"""What the command reads of a pool and writes beside the metrics."""

import csv
import json

import numpy as np
import pytest

from foundational.errors import ChecksumError
from foundational.stages.thermo.command import read_pool, write_metrics
from foundational.stages.thermo.stage import thermo
from tests.engines.momt.runs import drawn_run
from tests.sampled import NAME, store_sampled

RUN = drawn_run(atoms=32, crossings_recording=5)


@pytest.fixture
def record(project):
    return store_sampled(project, RUN)


def test_a_pool_is_read_with_what_its_record_says(project, record):
    seen = []
    pool = read_pool(project, NAME, lambda done, total, _: seen.append((done, total)))
    assert (pool.name, pool.fingerprint, pool.element) == (NAME, record.output.fingerprint, "Ni")
    assert (pool.n_atoms, pool.crossings) == (32, 5)
    assert pool.pressure == float(record.spec["settings"]["pressure"])
    assert pool.frame_time == float(record.spec["settings"]["frame_time"]) / 1000  # ps
    assert len(pool.phase) == len(pool.energy) == record.output.n_configurations
    assert np.array_equal(pool.frames.bias.coefficients, RUN.bias.coefficients)
    assert seen[-1] == (120, 120)


def test_a_pool_that_was_changed_is_refused(project, record):
    (project / "datasets/pools" / NAME / "run.npz").write_bytes(b"x")
    with pytest.raises(ChecksumError, match=r"run.npz differs"):
        read_pool(project, NAME)


def test_metrics_and_curves_are_written_whole(project, record):
    pool = read_pool(project, NAME)
    report = thermo(pool)
    write_metrics(project, pool, report)
    folder = project / "metrics" / "thermo"
    assert json.loads((folder / f"{NAME}.json").read_text()) == report.model_dump(mode="json")
    tables = sorted(folder.glob("*.csv"))
    assert tables
    for table in tables:
        head, *rows = csv.reader(table.read_text().splitlines())
        assert all(len(row) == len(head) for row in rows)
    assert not list(folder.glob(".*"))
