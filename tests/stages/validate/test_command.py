"""Which limits, crystals and runs a dataset is tested with, and what is said where there are none."""

from pathlib import Path

import numpy as np
import pytest

from foundational.data.named import NamedDataset
from foundational.data.store import open_store
from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.engines.lammps.potentials import potential_for
from foundational.errors import InputError
from foundational.provenance.record import read_record, write_record
from foundational.specs.materials import PropertyLimit
from foundational.specs.params import Params, read_params
from foundational.specs.validate import ValidatedSpec
from foundational.stages.validate.command import (
    ValidateOptions,
    _of_dataset,
    _runs,
    _with_options,
    _without_crystals,
)
from foundational.testing.project import copy_project


def test_limits_of_a_dataset_replace_the_common_ones_for_it_alone() -> None:
    spec = read_params(Path(__file__).parents[3] / "params.yaml").validate_
    assert spec.materials is not None
    own = ValidatedSpec(holdout=None, mae=7.0, limits={"vacancy": PropertyLimit(absolute=99.0)})
    spec = spec.model_copy(update={"datasets": {**spec.datasets, "mine": own}})
    mine, other = _of_dataset(spec, "mine"), _of_dataset(spec, "local/other")
    assert mine.gates.mae == 7.0
    assert mine.materials is not None
    assert mine.materials.limits == {**spec.materials.limits, "vacancy": own.limits["vacancy"]}
    assert other == spec


@pytest.fixture(scope="module")
def params(checkout: Path) -> Params:
    return read_params(checkout / "params.yaml")


def test_options_replace_what_params_yaml_says_and_nothing_else(params: Params) -> None:
    spec = params.validate_
    assert spec.materials is not None
    assert _with_options(spec, ValidateOptions()) == spec
    chosen = _with_options(spec, ValidateOptions(members=3, properties=("vacancy",), full_relaxations=False))
    assert (chosen.members, chosen.full_steps, chosen.gates) == (3, 0, spec.gates)
    assert chosen.materials == spec.materials.model_copy(update={"properties": ("vacancy",)})
    without = spec.model_copy(update={"materials": None})
    assert _with_options(without, ValidateOptions(properties=())) == without
    with pytest.raises(InputError, match=r"expected the section validate\.materials in params\.yaml with limits"):
        _with_options(without, ValidateOptions(properties=("vacancy",)))


@pytest.mark.parametrize(
    ("element", "labeller", "sections", "named", "why"),
    [
        ("Ni", "lammps:NiNb", True, False, None),
        ("Ni", "file:a.xyz", True, False, "the labels come from a.xyz, and no --labeller is named"),
        ("Ni", "file:a.xyz", True, True, None),
        ("AlNi", "lammps:NiAlH", True, False, None),
        ("AlNi", "ase:x:y", True, False, "the set has several elements, AlNi, and no --labeller is named"),
        ("AlNi", "lammps:NiAlH", False, False, "several elements, AlNi, and params.yaml has no section compounds"),
    ],
)
def test_crystals_are_compared_where_a_method_can_compute_them(
    params: Params, distilled_project: Path, element: str, labeller: str, sections: bool, named: bool, why: str | None
) -> None:
    record = read_record(distilled_project / "datasets" / "ni")
    record = record.model_copy(
        update={"element": element, "labeller": record.labeller.model_copy(update={"id": labeller})}
    )
    settings = params if sections else params.model_copy(update={"compounds": None})
    method = LammpsLabeller(potential_for("Ni", distilled_project)) if named else None
    found = _without_crystals(record, method, settings)
    assert (found is None) == (why is None)
    assert why is None or (found or "").endswith(why)


def test_runs_of_a_holdout_are_those_of_its_record(distilled_project: Path, tmp_path: Path) -> None:
    root = copy_project(distilled_project, tmp_path / "project")
    folder = root / "datasets" / "ni-holdout"
    holdout = NamedDataset("ni-holdout", open_store(folder / "data.zarr").load())
    assert _runs(root, None) == []
    (whole,) = _runs(root, holdout)
    assert (whole.phase, len(whole.configurations), whole.temperature) == ("unknown", 10, None)
    record = read_record(folder)
    told = [{"phase": "random", "temperature_K": 900.0}, {"phase": "liquid", "temperature_K": 2000.0}]
    write_record(folder, record.model_copy(update={"details": record.details | {"runs": told}}))
    found = _runs(root, holdout)
    counts = np.bincount(holdout.dataset["walker"].to_numpy(), minlength=2).tolist()
    assert [(run.phase, len(run.configurations), run.temperature) for run in found] == [
        ("random", counts[0], 900.0),
        ("liquid", counts[1], 2000.0),
    ]
