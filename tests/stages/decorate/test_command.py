import shutil
from dataclasses import replace

import numpy as np
import pytest

from foundational.data.batches import to_configurations
from foundational.data.conversion import elements_of
from foundational.data.layout import COMPOUND
from foundational.data.store import open_store
from foundational.errors import InputError, NotFoundError
from foundational.inspection.check import check
from foundational.inspection.show import show
from foundational.labelling.session import LabellingChoice
from foundational.provenance.record import read_record
from foundational.specs.params import read_params
from foundational.stages.audit.command import audit_dataset
from foundational.stages.augment.command import AugmentChoice, augment_dataset
from foundational.stages.decorate.choice import _with_all_elements
from foundational.stages.decorate.command import AlloyChoice, _planned, translate_to_alloy
from foundational.stages.translate.command import translate_dataset
from foundational.testing.project import change_params
from foundational.workspace.parents import Permissions
from tests.engines.ani.cases import crystals


@pytest.fixture(scope="module")
def alloyed(distilled_project, tmp_path_factory):
    root = tmp_path_factory.mktemp("alloyed") / "project"
    shutil.copytree(distilled_project, root, symlinks=True)
    translate_to_alloy(root, "ni", "Ni-Al")
    return root


def test_the_set_has_all_compositions_the_pure_elements_and_ordered_compounds(alloyed):
    data = open_store(alloyed / "datasets/local/ni-al/data.zarr").load()
    details = read_record(alloyed / "datasets/local/ni-al").details
    assert elements_of(data) == ["Al", "Ni"]
    c = to_configurations(data)
    share = np.add.reduceat(c.atomic_numbers == 28, c.offsets[:-1]) / c.n_atoms
    assert {0.0, 1.0} <= set(share)
    assert len(set(share)) > 20
    codes = data["decoration"].to_numpy()
    assert ((share == 0) | (share == 1))[codes == 0].all()
    assert {"none", "random", "short-range", "L1_2", "L1_0", "B2", "D0_3"} <= set(details["decorations"])
    assert sum(details["decorations"].values()) == len(c)
    assert details["sites"]["fcc"] >= 40
    assert details["sites"]["bcc"] > 30


def test_cells_are_scaled_and_fields_stay_with_their_atoms(alloyed):
    parent = open_store(alloyed / "datasets/ni/data.zarr").load()
    child = open_store(alloyed / "datasets/local/ni-al/data.zarr").load()
    of = {row.tobytes(): k for k, row in enumerate(parent["id"].to_numpy())}
    own = np.flatnonzero(child["transformed_to"].to_numpy() == 0)
    rows = [of[child["parent_id"].to_numpy()[k].tobytes()] for k in own]
    a, b = to_configurations(parent, rows), to_configurations(child, own)
    scale = (b.volume / a.volume) ** (1 / 3)
    assert np.allclose(b.positions, a.positions * scale[a.configuration_of_atom, None], atol=1e-5)
    for name in ("split", "walker", "step", "selection_round"):
        assert np.array_equal(child[name].to_numpy()[own], parent[name].to_numpy()[rows])


def test_every_command_takes_the_set(alloyed):
    assert check("local/ni-al", alloyed).violations == ()
    shown = show("local/ni-al", alloyed)
    assert shown["element"] == "AlNi"
    assert shown["labeller"]["id"] == "lammps:NiAlH_jea.eam.alloy"
    assert set(shown["labeller"]["parameters"]["isolated_atom_eV"]) == {"Al", "Ni"}


def test_the_same_parent_seed_and_specification_give_the_same_bytes(alloyed):
    first = read_record(alloyed / "datasets/local/ni-al")
    again = translate_to_alloy(alloyed, "ni", "Al-Ni", name="local/again")
    assert again.output.fingerprint == first.output.fingerprint
    assert (again.spec, again.details) == (first.spec, first.details)


def test_decorations_with_one_element_alone_are_there_once(alloyed):
    choice = AlloyChoice(decorations=4, orders={"random": 1}, rule="vegard", crystals=())
    made = translate_to_alloy(alloyed, "ni", "Ni-Al", name="local/four", choice=choice)
    ids = open_store(alloyed / "datasets/local/four/data.zarr")["id"].to_numpy()
    assert made.output.n_configurations < 160
    assert len(np.unique(ids, axis=0)) == len(ids)


@pytest.mark.parametrize("method", ["informative", "motifs", "random"])
def test_labels_are_chosen_and_the_pure_elements_keep_their_share(alloyed, method):
    choice = AlloyChoice(labels=40, choice=method, orders={"random": 1}, rule="vegard")
    made = translate_to_alloy(
        alloyed, "ni", "Ni-Al", name="local/few", choice=choice, permissions=Permissions(replace=True)
    )
    assert made.output.n_configurations == 40
    assert made.details["choice"]["method"] == method
    assert made.details["decorations"]["none"] == 8


def test_the_measured_volume_is_below_the_straight_line_where_the_alloy_binds(alloyed):
    measured = {
        p["composition"]: p["excess"]
        for p in read_record(alloyed / "datasets/local/ni-al").details["volume"]["measured"]
    }
    assert set(measured) == {"Al", "Ni", "Al0.25Ni0.75", "Al0.5Ni0.5", "Al0.75Ni0.25"}
    ends = (measured["Al"] + measured["Ni"]) / 2
    assert measured["Al0.5Ni0.5"] < ends - 0.05


def test_only_the_compositions_that_are_asked_for_are_made(alloyed):
    choice = AlloyChoice(
        compositions=("Ni3Al", "Ni0.5Al0.5"), rule="vegard", crystals=(), orders={"L1_2": 1, "random": 1}
    )
    made = translate_to_alloy(alloyed, "ni", "Ni-Al", name="local/two", choice=choice)
    c = to_configurations(open_store(alloyed / "datasets/local/two/data.zarr"))
    assert set(np.add.reduceat(c.atomic_numbers == 13, c.offsets[:-1])) == {8, 16}
    assert set(made.details["decorations"]) == {"L1_2", "random"}


def test_compounds_of_other_prototypes_are_a_part_of_the_labels_and_have_no_parent(alloyed):
    choice = AlloyChoice(labels=60, choice="random", compounds=21, rule="vegard")
    made = translate_to_alloy(alloyed, "ni", "Ni-Al", name="local/compounds", choice=choice)
    data = open_store(alloyed / "datasets/local/compounds/data.zarr").load()
    compound = data["decoration"].to_numpy() == COMPOUND
    lost = [entry["reason"] for entry in made.details["filtered"] if not entry["parent_id"]]
    assert compound.sum() == made.details["decorations"]["compound"] == 21 - len(lost)
    assert made.output.n_configurations == 60 - len(lost)
    assert np.array_equal(~data["parent_id"].to_numpy().any(axis=1), compound)
    assert (data["walker"].to_numpy()[compound] == -1).all()
    assert check("local/compounds", alloyed).violations == ()


BAD = {
    "Xx-Yy": ({}, "expected a chemical symbol"),
    "Ni-Ni": ({}, "each element once"),
    "Ni-W": ({}, "no potential with Ni and W together; .*Ni-Al-H"),
    "sum": ({"compositions": ("Ni0.7Al0.4",)}, "add up to 1, got 1.1"),
    "sites": ({"compositions": ("Ni0.7Al0.3",)}, "32 sites cannot hold .* nearest"),
    "rule": ({"rule": "straight"}, "virial"),
    "order": ({"orders": {"L12": 1.0}}, "L1_2"),
    "select": ({"choice": "best"}, "informative"),
    "compounds": ({"compounds": 20, "compositions": ("Ni3Al",)}, "no --composition"),
    "few": ({"compounds": 40, "labels": 40}, "expected more than 40"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_clear_line(alloyed, case):
    choice, message = BAD[case]
    with pytest.raises((InputError, NotFoundError), match=message) as caught:
        translate_to_alloy(
            alloyed, "ni", case if "-" in case else "Ni-Al", name="local/bad", choice=AlloyChoice(**choice)
        )
    assert "\n" not in str(caught.value)
    assert not (alloyed / "datasets/local/bad").exists()


def test_a_potential_without_one_of_the_elements_is_refused(alloyed):
    with pytest.raises(InputError, match="'Al_mm' has no Ni"):
        translate_to_alloy(alloyed, "ni", "Ni-Al", name="local/bad", labelling=LabellingChoice(potential="Al_mm"))


@pytest.mark.parametrize("target", ["Cu", "Cu-Ta"])
def test_a_parent_of_several_elements_is_refused_with_what_is_supported(alloyed, target):
    translated = translate_dataset if target == "Cu" else translate_to_alloy
    with pytest.raises(InputError, match="has several elements, Al, Ni; expected a parent of one element"):
        translated(alloyed, "local/ni-al", target)


def test_commands_that_cannot_take_several_elements_say_so(alloyed):
    with pytest.raises(InputError, match="has several elements, Al, Ni; recipes need the crystals of one"):
        augment_dataset(alloyed, "local/bad", AugmentChoice("local/ni-al", {"dimers": 2}))
    with pytest.raises(InputError, match="expected a distilled set"):
        audit_dataset(alloyed, "local/ni-al")


def test_decorations_that_overlap_are_filtered_and_more_than_half_is_an_error(alloyed):
    choice = AlloyChoice(rule="vegard", orders={"random": 1}, crystals=())
    change_params(alloyed, {"translate": {"guard": {"minimum_distance": 2.2}}})
    with pytest.raises(InputError, match=r"were filtered, more than half: .* too close"):
        translate_to_alloy(alloyed, "ni", "Ni-Al", name="local/bad", choice=choice)


def test_only_sets_of_params_yaml_have_names_of_their_own(distilled_project):
    """Another name, another parent or other elements are refused before any work."""
    for target, name in (("Ni-Al", "mine"), ("Ni-Cu", "ni-al")):
        with pytest.raises(InputError, match=rf"the name '{name}' is not that of a set of .* from 'ni'"):
            translate_to_alloy(distilled_project, "ni", target, name=name)
    params = read_params(distilled_project / "params.yaml")
    name, planned = next(iter(params.alloys.sets.items()))
    symbols = tuple(planned.elements.split("-"))
    choice, labelling = _planned(params, name, planned.parent, symbols, LabellingChoice(workers=3))
    assert (choice.labels, labelling.potential, labelling.workers) == (planned.labels, planned.potential, 3)


def test_each_element_needs_a_label():
    """The first configurations of a choice have one element alone; those with the others are added."""
    cells = crystals(5)
    numbers = cells.atomic_numbers.copy()
    numbers[cells.atoms_of(np.array([2]))] = 13
    numbers[cells.atoms_of(np.array([4]))] = 29
    alloy, order = replace(cells, atomic_numbers=numbers), np.array([1, 4, 0, 3, 2])
    assert _with_all_elements(alloy, order, order[:1], 3).tolist() == [1, 2, 4]
    with pytest.raises(InputError, match="expected at least 3 labels, so that each element has one, got 2"):
        _with_all_elements(alloy, order, order[:1], 2)
