"""Params: every knob is read by code, and pools are still what their stored records say."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel
from ruamel.yaml import YAML

import foundational.specs
from foundational.errors import FoundationalError
from foundational.specs.ani import short_range_named
from foundational.specs.materials import properties_named
from foundational.specs.params import Params, read_params
from foundational.specs.parsing import merge, parse, read_yaml
from foundational.specs.potentials import PotentialRegistry, PotentialSpec

PACKAGE = Path(foundational.specs.__file__).parents[1]
#: Read by a name that a user gives, see `AniSettings`.
BY_NAME = {"general", "recipe", "published"}


def models(annotation: object) -> Iterator[type[BaseModel]]:
    """The specifications within an annotation, and within their fields."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        for field in annotation.model_fields.values():
            yield from models(field.annotation)
    for part in get_args(annotation):
        yield from models(part)


def attributes_read() -> set[str]:
    """Names of all attributes that code outside the specifications, or a method of one, reads."""
    names = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
                names.add(node.attr)
    return names


def test_every_knob_of_params_yaml_is_read_by_code():
    read = attributes_read() | BY_NAME
    dead = {f"{model.__name__}.{name}" for model in models(Params) for name in model.model_fields if name not in read}
    assert not dead


def test_pools_of_params_yaml_are_those_of_the_stored_manifests(checkout: Path):
    """A key that is added to `sample.settings` or a pool would change the record of every pool that is stored."""
    sample = read_params(checkout / "params.yaml").sample
    settings = sample.settings.model_dump(mode="json")
    for name, pool in sample.pools.items():
        path = checkout / "datasets/pools" / name / "manifest.json"
        spec = json.loads(path.read_text(encoding="utf-8"))["record"]["spec"]
        assert spec == {"settings": settings, "pool": pool.model_dump(mode="json")}


def recipe(**changes: Any) -> dict[str, Any]:
    return {"ani": {"recipe": changes}}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (recipe(aev={"radial": {"first_shift": 6.0}}), "expected last_shift >= first_shift"),
        (recipe(aev={"angular": {"cutoff": 20.0}}), "expected the angular cutoff below the radial one, got 20.0 >= "),
        (
            recipe(training={"loss": {"energy_weight": 0, "force_weight": 0, "stress_weight": 0}}),
            "expected at least one weight of the loss above zero",
        ),
        ({"distill": {"ni": {"initial": 9_999}}}, "expected initial ≤ frames, got initial 9999"),
        ({"distill": {"ni": {"heldout": 0, "target": 1.0}}}, "expected heldout > 0 where there is a target"),
        (
            {"augment": {"mine": {"parent": "ni", "shortest": 1.5, "recipes": {}}}},
            "expected at least one recipe of scaled",
        ),
        ({"sample": {"settings": {"bias": {"order_bins": 3}}}}, "expected order_bins > 8 × hill_width, got 3"),
        ({"translate": {"metals": {"test": {"melting": {"hottest": 1e-4}}}}}, "expected hottest > coldest, got 0.0001"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_numbers_that_contradict_each_other_are_refused_in_one_line(
    checkout: Path, tmp_path: Path, changes: dict[str, Any], message: str
):
    YAML().dump(merge(read_yaml(checkout / "params.yaml"), changes), tmp_path / "params.yaml")
    with pytest.raises(FoundationalError) as caught:
        read_params(tmp_path / "params.yaml")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_section_that_is_absent_is_named_where_it_is_needed(checkout: Path):
    params = read_params(checkout / "params.yaml")
    with pytest.raises(FoundationalError, match=r"params\.yaml has no section paper"):
        _ = params.model_copy(update={"paper": None}).comparison
    with pytest.raises(FoundationalError, match=r"expected the settings ani\.general in params\.yaml, got none"):
        params.ani.model_copy(update={"general": None}).scaled("general", 11.0)


def test_names_that_options_take_are_those_that_are_known():
    assert short_range_named("zbl") == "zbl"
    with pytest.raises(FoundationalError, match=r"expected a short-range term among .*, got 'zbm'"):
        short_range_named("zbm")
    assert properties_named(["vacancy", "elastic"]) == ("elastic", "vacancy")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pair_style": "eam"}, "NiNb: a file of pair_style eam holds one element, got Ni, Nb"),
        ({"names": ["Ni4"]}, "NiNb: expected as many names as elements, got Ni4"),
    ],
)
def test_a_potential_whose_elements_do_not_fit_its_file_is_refused(changes: dict[str, Any], message: str):
    spec = PotentialRegistry.read(PACKAGE / "defaults").by_id("NiNb")
    with pytest.raises(FoundationalError, match=message):
        parse(PotentialSpec, spec.model_dump(mode="json") | changes, "potentials.yaml")


def test_a_registry_that_is_no_list_is_named(tmp_path: Path):
    (tmp_path / "datasets" / "potentials").mkdir(parents=True)
    (tmp_path / "datasets" / "potentials" / "potentials.yaml").write_text("potentials: many\ndefaults: {}\n")
    with pytest.raises(FoundationalError, match=r"potentials\.yaml: potentials"):
        PotentialRegistry.read(tmp_path)
