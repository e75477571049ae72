import shutil

import numpy as np
import pytest

from foundational.data.integrity.storing import exclusive
from foundational.data.store import open_store
from foundational.errors import ChecksumError, ConflictError, NotFoundError
from foundational.stages.holdout.command import store_holdout
from foundational.workspace.pools import open_pool, read_run


def test_a_pool_is_opened_with_its_record(project):
    pool, record = open_pool(project, "ni-momt-32")
    assert pool.sizes["configuration"] == record.output.n_configurations == 120


def test_a_bare_clone_is_told_how_to_sample_the_pool_again(project):
    shutil.rmtree(project / "datasets/pools/ni-momt-32/data.zarr")
    with pytest.raises(NotFoundError, match="dvc repro -f -s sample@ni-momt-32"):
        open_pool(project, "ni-momt-32")


def test_a_pool_that_was_never_sampled_is_said(project):
    with pytest.raises(NotFoundError, match="never sampled"):
        open_pool(project, "al-momt-108")


@pytest.mark.parametrize("damage", ["changed", "missing", "foreign"])
def test_a_pool_that_is_not_its_manifest_s_is_refused(project, damage):
    folder = project / "datasets/pools/ni-momt-32/data.zarr"
    victim = max((p for p in (folder / "energy").rglob("*") if p.is_file()), key=lambda p: p.stat().st_size)
    if damage == "changed":
        victim.chmod(0o644)
        victim.write_bytes(victim.read_bytes()[:-1] + b"x")
    elif damage == "missing":
        victim.unlink()
    else:
        (folder / "foreign").write_text("x")
    with pytest.raises(ChecksumError, match="not the one its manifest records"):
        open_pool(project, "ni-momt-32")


def test_a_holdout_is_spread_evenly_and_keeps_its_ids(distilled_project):
    pool, _ = open_pool(distilled_project, "ni-momt-108")
    stored = open_store(distilled_project / "datasets/ni-holdout/data.zarr")
    assert np.array_equal(stored["id"], pool["id"][::2])


def test_two_processes_never_write_one_dataset(project):
    with exclusive(project, "ni-holdout"), pytest.raises(ConflictError, match="another process is writing"):
        store_holdout(project, "ni-holdout")
    assert store_holdout(project, "ni-holdout").output.n_configurations == 10


def test_a_damaged_run_of_a_pool_is_said(project):
    path = project / "datasets/pools/ni-momt-32/run.npz"
    path.write_bytes(b"PK\x03\x04" + bytes(40))
    with pytest.raises(ChecksumError, match=r"run\.npz is damaged; sample the pool again"):
        read_run(project, "ni-momt-32")
