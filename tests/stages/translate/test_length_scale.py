import numpy as np

from foundational.data.batches import to_configurations
from foundational.data.store import open_store
from foundational.stages.translate.length_scale import scale_configurations


def test_scaling_by_one_changes_only_the_element(distilled_project):
    batch = to_configurations(open_store(distilled_project / "datasets/ni/data.zarr"))
    same = scale_configurations(batch, 1.0, "Al")
    assert np.array_equal(same.positions, batch.positions)
    assert set(same.atomic_numbers) == {13}
