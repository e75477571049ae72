"""Lists of pymatgen structures: kbar and VASP's sign and order are assumed, said, and can be stated otherwise."""

import gzip
import json

import numpy as np
import pytest

from foundational.errors import InputError
from foundational.interchange.importing import ImportChoice, import_files
from foundational.interchange.label_choice import LabelChoice

CELL = [[4.0, 0.0, 0.0], [0.0, 4.0, 0.0], [0.0, 1.0, 4.0]]
SITES = [
    {"species": [{"element": "Mo", "occu": 1}], "abc": [0, 0, 0], "xyz": [0.0, 0.0, 0.0]},
    {"species": [{"element": "Nb", "occu": 1}], "abc": [0.5, 0.5, 0.5]},
]
ENTRY = {
    "structure": {"@class": "Structure", "lattice": {"matrix": CELL}, "sites": SITES},
    "group": "Elastic",
    "params": {"pp": {"Mo": "Mo_pv", "Nb": "Nb_pv"}, "e_cut": 520},
    "outputs": {"energy": -20.5, "forces": [[0.1, 0, 0], [-0.1, 0, 0]], "virial_stress": [10, 20, 30, 1, 2, 3]},
}


def written(tmp_path, *entries, name="a.json.gz"):
    path = tmp_path / name
    content = json.dumps(list(entries)).encode()
    path.write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    return path


@pytest.mark.parametrize("name", ["a.json", "a.json.gz"])
def test_structures_labels_and_method_are_read(tmp_path, name):
    imported = import_files([written(tmp_path, ENTRY, ENTRY, name=name)])
    dataset = imported.dataset
    assert dataset["atomic_numbers"].to_numpy()[:2].tolist() == [42, 41]
    assert dataset["positions"].to_numpy()[1].tolist() == [2.0, 2.5, 2.0]
    assert dataset["energy"].to_numpy()[0] == -20.5
    factor = -0.1 / 160.2176634
    expected = np.array([[10, 1, 3], [1, 20, 2], [3, 2, 30]]) * factor
    assert np.allclose(dataset["stress"][0], expected, rtol=1e-12)
    (method,) = dataset.attrs["methods"]
    assert (method["cutoff_eV"], method["pseudopotentials"]) == (520.0, ["Mo_pv", "Nb_pv"])
    assert any("check --deep" in remark for remark in imported.report.remarks)


def test_what_the_user_states_of_the_stress_comes_first_and_is_not_questioned(tmp_path):
    choice = LabelChoice(stress_unit="GPa", stress_sign="tension", stress_order="xx,yy,zz,xy,xz,yz")
    imported = import_files([written(tmp_path, ENTRY)], ImportChoice(choice))
    stress = imported.dataset["stress"].to_numpy()[0] * 160.2176634
    assert np.allclose(stress, [[10, 1, 2], [1, 20, 3], [2, 3, 30]], rtol=1e-12)
    assert imported.report.remarks == {}


def test_a_site_of_several_elements_and_text_that_is_no_json_are_named(tmp_path):
    shared = {"species": [{"element": "Mo", "occu": 0.5}, {"element": "Nb", "occu": 0.5}], "abc": [0, 0, 0]}
    bad = {**ENTRY, "structure": {**ENTRY["structure"], "sites": [shared, SITES[1]]}}
    with pytest.raises(InputError, match=r"a\.json, frame 1: .*a site is occupied by several elements"):
        import_files([written(tmp_path, ENTRY, bad, name="a.json")])
    dataset = import_files([tmp_path / "a.json"], ImportChoice(on_bad="skip")).dataset
    assert dataset.sizes["configuration"] == 1
    path = written(tmp_path, ENTRY, name="b.json")
    path.write_text(path.read_text()[:-10])
    with pytest.raises(InputError, match=r"b\.json: expected JSON"):
        import_files([path])


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ("PBE", None),
        ({"pp": "standard", "e_cut": "520 eV"}, {"cutoff_eV": None, "pseudopotentials": None, "stated": {}}),
        ({"e_cut": 400}, {"cutoff_eV": 400.0, "pseudopotentials": None}),
        ({"pp": {"Mo": "Mo_pv"}, "kpoints": "3x3x3"}, {"cutoff_eV": None, "stated": {"kpoints": "3x3x3"}}),
    ],
)
def test_what_the_parameters_do_not_say_is_not_known(tmp_path, params, expected):
    methods = import_files([written(tmp_path, {**ENTRY, "params": params})]).dataset.attrs.get("methods")
    if expected is None:
        assert not methods
    elif methods:
        (method,) = methods
        for name, value in expected.items():
            assert (method.get(name) or None) == (value or None), name


def test_tags_of_a_list_are_one_text(tmp_path):
    entry = {**ENTRY, "group": ["Elastic", "strained", 3]}
    dataset = import_files([written(tmp_path, entry)]).dataset
    (field,) = [name for name in dataset.data_vars if name.endswith("group")]
    assert dataset[field].attrs["values"] == ["Elastic strained 3"]
