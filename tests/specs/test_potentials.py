import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from foundational.errors import InputError, NotFoundError
from foundational.specs.potentials import REGISTRY_FOLDER, PotentialRegistry


@pytest.fixture(scope="module")
def registry() -> PotentialRegistry:
    return PotentialRegistry.read(Path(__file__).resolve().parents[2])


def test_every_metal_of_the_project_has_a_default_potential(registry: PotentialRegistry):
    assert set(registry.defaults) == {
        *("Ag", "Al", "Au", "Cu", "Ni", "Pd", "Pt"),
        *("Fe", "Nb", "Ta", "V", "W"),
        *("Mg", "Zr"),
    }


def test_the_default_comes_first_among_several(registry: PotentialRegistry):
    assert [p.id for p in registry.for_element("Cu")] == ["Cu_mishin1", "CuTa"]
    assert [p.id for p in registry.for_element("Fe")] == ["Fe_mm", "VFe_mm"]


@pytest.mark.parametrize(("name", "closest"), [("Al_mn", "Al_mm"), ("nbni", "NiNb"), ("W_zhuo", "W_zhou")])
def test_an_unknown_potential_is_answered_with_the_closest_name(registry: PotentialRegistry, name: str, closest: str):
    with pytest.raises(NotFoundError, match=re.escape(f"did you mean {closest!r}?")):
        registry.by_id(name)


def test_an_unknown_element_is_answered_with_the_way_to_add_one(registry: PotentialRegistry):
    with pytest.raises(NotFoundError, match=r"element 'Co'.*to add one: foundational potentials add FILE"):
        registry.for_element("Co")


@pytest.mark.parametrize(
    ("field", "value", "complaint"),
    [
        ("pair_style", "eam/cd", "pair_style"),
        ("sha256", "9db1", "sha256"),
        ("cutoff", "6.9 eV", "expected a number in Å"),
        ("elements", ["nickel"], "elements"),
        ("licenze", "MIT", "unknown key, did you mean 'licence'"),
    ],
)
def test_a_wrong_field_is_named(tmp_path: Path, checkout: Path, field: str, value: object, complaint: str):
    with pytest.raises(InputError, match=complaint):
        PotentialRegistry.read(
            altered(tmp_path, checkout, lambda content: content["potentials"][0].update({field: value}))
        )


def test_a_default_without_its_potential_is_refused(tmp_path: Path, checkout: Path):
    with pytest.raises(InputError, match="default of Ni, 'Al_mm'"):
        PotentialRegistry.read(altered(tmp_path, checkout, lambda content: content["defaults"].update(Ni="Al_mm")))


def test_two_potentials_of_one_name_are_refused(tmp_path: Path, checkout: Path):
    with pytest.raises(InputError, match="same id"):
        PotentialRegistry.read(
            altered(tmp_path, checkout, lambda content: content["potentials"].append(content["potentials"][0]))
        )


def test_a_folder_without_a_registry_is_said_to_have_none(tmp_path: Path):
    with pytest.raises(NotFoundError, match="expected the registry of potentials"):
        PotentialRegistry.read(tmp_path)


def test_every_potential_has_a_citation_or_says_that_none_is_known(registry: PotentialRegistry):
    silent = [spec.id for spec in registry.potentials if not spec.citation and "none known" not in (spec.notes or "")]
    assert not silent
    without = {element for element, name in registry.defaults.items() if registry.by_id(name).citation is None}
    assert not without, "defaults that nobody could cite"


def altered(folder: Path, checkout: Path, change) -> Path:
    yaml = YAML(typ="safe", pure=True)
    content = yaml.load(checkout / REGISTRY_FOLDER / "potentials.yaml")
    change(content)
    (folder / REGISTRY_FOLDER).mkdir(parents=True)
    with (folder / REGISTRY_FOLDER / "potentials.yaml").open("w") as file:
        yaml.dump(content, file)
    return folder
