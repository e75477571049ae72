import json
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from foundational.maintenance.schemas import MODELS, stale_schemas, write_schemas
from foundational.specs.params import read_params
from foundational.specs.parsing import merge, read_yaml

ROOT = Path(__file__).resolve().parents[2]


def test_checked_in_schemas_are_in_step_with_the_models():
    assert stale_schemas(ROOT / "schemas") == [], "run: foundational schemas"


@pytest.mark.parametrize("damage", ["missing", "changed", "foreign"])
def test_a_schema_out_of_step_is_found(tmp_path, damage):
    write_schemas(tmp_path)
    victim = tmp_path / next(iter(MODELS))
    if damage == "missing":
        victim.unlink()
    elif damage == "changed":
        victim.write_text(json.dumps({"type": "object"}))
    else:
        victim = tmp_path / "foreign.json"
        victim.write_text("{}")
    assert stale_schemas(tmp_path) == [victim.name]


def test_parameters_and_their_quick_overlay_are_valid(tmp_path):
    read_params(ROOT / "params.yaml")
    merged = merge(read_yaml(ROOT / "params.yaml"), read_yaml(ROOT / "params.quick.yaml"))
    YAML().dump(merged, tmp_path / "params.yaml")
    read_params(tmp_path / "params.yaml")
