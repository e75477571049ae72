import pytest

from foundational.data.extxyz import write_extxyz
from foundational.errors import NotFoundError
from foundational.workspace.pools import open_pool
from foundational.workspace.sources import open_configurations, open_source


def test_a_pool_a_dataset_and_a_file_are_opened_by_one_name(distilled_project, tmp_path):
    pool, record = open_pool(distilled_project, "ni-momt-32")
    assert open_source(distilled_project, "pools/ni-momt-32").record == record
    assert open_source(distilled_project, "ni").record.output.name == "ni"
    write_extxyz(pool, tmp_path / "few.xyz")
    imported = open_source(distilled_project, str(tmp_path / "few.xyz"))
    assert (imported.record.stage, imported.record.element) == ("import", "Ni")
    assert (imported.dataset["id"].to_numpy() == pool["id"].to_numpy()).all()
    assert open_configurations(str(tmp_path / "few.xyz")).sizes == imported.dataset.sizes


@pytest.mark.parametrize("source", ["pools/no", "no", "no.xyz"])
def test_a_source_that_does_not_exist_is_named(distilled_project, source):
    with pytest.raises(NotFoundError, match="no"):
        open_source(distilled_project, source)
