"""A record of others that cannot be read is listed with the reason."""

import json

import pytest

from foundational.inspection.listing import list_all


@pytest.mark.parametrize(
    "changes", [{"n_configurations": "many"}, {"n_atoms": None}, {"provenance": {"element": []}}, {"validation": 3}]
)
def test_a_release_with_values_of_another_kind_is_listed_with_the_reason(tmp_path, monkeypatch, changes):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "foundational" / "ni" / "1.0.0"
    (folder / "data.zarr").mkdir(parents=True)
    record = {"validation": None, "provenance": {"element": "Ni"}, "n_configurations": 2, "n_atoms": 8}
    (folder / "release.json").write_text(json.dumps(record))
    assert [(found.n_atoms, found.problem) for found in list_all()] == [(8, None)]
    (folder / "release.json").write_text(json.dumps(record | changes))
    (found,) = list_all()
    assert found.n_atoms is None
    assert (found.problem or "").startswith("release.json: ")
