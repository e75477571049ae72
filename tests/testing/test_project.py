import numpy as np
import pytest

from foundational.data.store import open_store
from foundational.inspection.check import check
from foundational.labelling.catalogue import labeller_named
from foundational.project import list_datasets
from foundational.provenance.record import read_record
from foundational.specs.params import read_params
from foundational.testing.crystals import labelled_dataset, rattled_crystals
from foundational.testing.project import POOLS, change_params, empty_project, store_pool, store_set
from foundational.workspace.pools import open_pool


@pytest.mark.parametrize("name", POOLS)
def test_a_pool_of_a_small_project_is_one_that_the_project_accepts(tiny_project, name):
    pool, record = open_pool(tiny_project, name)
    assert pool.sizes["configuration"] == POOLS[name][0]
    assert record.stage == "sample"
    assert check(f"pools/{name}", tiny_project).violations == ()


def test_a_distilled_project_has_a_set_and_a_holdout_without_common_configurations(distilled_project):
    assert list_datasets(distilled_project) == ["ni", "ni-holdout", "pools/ni-momt-108", "pools/ni-momt-32"]
    stores = [distilled_project / "datasets" / name / "data.zarr" for name in ("ni", "ni-holdout")]
    chosen, held_out = ({bytes(row) for row in open_store(store)["id"].to_numpy()} for store in stores)
    assert not chosen & held_out


def test_what_is_stored_is_opened_again_with_its_record(checkout, tmp_path):
    root = empty_project(tmp_path / "project", checkout)
    labeller = labeller_named("lammps:Al_mm", root)
    dataset = labelled_dataset(
        rattled_crystals(4, 1, "Al", 16.5), labeller, "Al", step=np.arange(4), walker=np.zeros(4)
    )
    store_pool(root, "local-al", dataset, labeller)
    assert open_pool(root, "local-al")[0].sizes["configuration"] == 4
    parent = read_record(root / "datasets/pools/local-al")
    store_set(root, "local/al", dataset, labeller, (parent,), "distill")
    assert read_record(root / "datasets/local/al").inputs == (parent.output,)


def test_changed_params_are_merged_section_by_section(checkout, tmp_path):
    root = empty_project(tmp_path / "project", checkout)
    before = read_params(root / "params.yaml")
    change_params(root, {"translate": {"guard": {"maximum_energy": 7.0}}})
    after = read_params(root / "params.yaml")
    assert after.translate.guard.maximum_energy == 7.0
    assert after.translate.guard.minimum_distance == before.translate.guard.minimum_distance
    assert after.ani == before.ani
