import json

import pytest

from foundational.errors import InputError, NotFoundError
from foundational.provenance.record import (
    DatasetRecord,
    LabellerRecord,
    ProvenanceRecord,
    is_holdout,
    read_record,
    software_versions,
    write_json,
    write_record,
)
from foundational.provenance.runlog import logged_run


def record(name, parents=()):
    return ProvenanceRecord(
        stage="distill",
        output=DatasetRecord(name=name, version=None, fingerprint="a" * 64, n_configurations=2, n_atoms=64),
        inputs=tuple(p.output for p in parents),
        element="Ni",
        labeller=LabellerRecord(id="lammps:NiNb", version="1", sha256="b" * 64),
        spec={"frames": 2},
        seed=1,
        software=software_versions("distill"),
        parents=parents,
    )


def test_a_record_survives_the_round_trip_with_its_parents(tmp_path):
    child = record("ni", (record("pool"),))
    write_record(tmp_path, child)
    assert read_record(tmp_path) == child
    assert read_record(tmp_path).parents[0].output.name == "pool"


def test_the_same_record_is_the_same_bytes(tmp_path):
    write_record(tmp_path / "a", record("ni"))
    write_record(tmp_path / "b", record("ni"))
    assert (tmp_path / "a/provenance.json").read_bytes() == (tmp_path / "b/provenance.json").read_bytes()


@pytest.mark.parametrize(("key", "value"), [("fingerprint", "xyz"), ("n_atoms", -1), ("colour", "red")])
def test_a_corrupted_field_is_refused_by_name(tmp_path, key, value):
    write_record(tmp_path, record("ni"))
    path = tmp_path / "provenance.json"
    content = json.loads(path.read_text())
    content["output"][key] = value
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=f"output.{key}"):
        read_record(tmp_path)


def test_a_folder_without_record_is_said(tmp_path):
    with pytest.raises(NotFoundError, match=r"provenance\.json"):
        read_record(tmp_path)


def test_nan_never_enters_a_json_file(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "x.json", {"mae": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_a_line_of_the_log_that_a_kill_cut_short_takes_no_other_line_with_it(tmp_path):
    with logged_run(tmp_path, "sample", "first"):
        pass
    log = tmp_path / "build" / "runs.jsonl"
    log.write_bytes(log.read_bytes() + b'{"stage": "dist')
    with logged_run(tmp_path, "sample", "second"):
        pass
    lines = log.read_text().splitlines()
    assert len(lines) == 3
    assert [json.loads(line)["name"] for line in (lines[0], lines[2])] == ["first", "second"]


def test_a_holdout_with_other_labels_is_a_holdout_still():
    holdout, trained = record("ni-holdout").model_copy(update={"stage": "holdout"}), record("ni")
    relabelled = [r.model_copy(update={"stage": "relabel", "parents": (r,)}) for r in (holdout, trained)]
    assert [is_holdout(r) for r in (holdout, trained, *relabelled)] == [True, False, True, False]
