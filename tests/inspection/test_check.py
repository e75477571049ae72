"""A check compares what people wrote beside a dataset with its data."""

from pathlib import Path

import pytest

from foundational.inspection.check import check
from foundational.labelling.catalogue import labeller_named
from foundational.testing.crystals import labelled_dataset, rattled_crystals
from foundational.testing.project import empty_project, store_set

ABOUT = """title: Aluminium
element: {element}
licence: CC-BY-4.0
creators:
  - name: Curie, Marie
description: Rattled crystals.
"""


@pytest.mark.parametrize(
    ("element", "status", "said"),
    [("Al", "passed", "it states Al"), ("Ni", "defect", "states Ni, but the atoms are of Al"), ("al", "defect", "al")],
)
def test_the_element_of_about_yaml_must_be_that_of_the_atoms(
    checkout: Path, tmp_path: Path, element: str, status: str, said: str
):
    root = empty_project(tmp_path / "project", checkout)
    labeller = labeller_named("lammps:Al_mm", root)
    dataset = labelled_dataset(rattled_crystals(4, 1, "Al", 16.5), labeller, "Al")
    store_set(root, "local/al", dataset, labeller, (), "import")
    (root / "datasets/local/al/about.yaml").write_text(ABOUT.format(element=element))
    (finding,) = (f for f in check("local/al", root).findings if f.rule == "about.yaml")
    assert finding.status == status
    assert said in finding.message
