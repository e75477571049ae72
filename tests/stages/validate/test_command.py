"""A dataset is validated by its own limits, on its own holdout, and beside the method that labelled it."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from foundational.data.named import NamedDataset
from foundational.data.store import open_store
from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.engines.lammps.potentials import potential_for
from foundational.errors import ConflictError, InputError
from foundational.evaluation.validation_report import ReferenceReport
from foundational.provenance.record import read_record, write_record
from foundational.specs.materials import MaterialsSpec, PropertyLimit
from foundational.specs.params import Params, read_params
from foundational.specs.validate import ReferenceSpec, ValidatedSpec
from foundational.stages.validate import command
from foundational.stages.validate.command import (
    ValidateOptions,
    _of_dataset,
    _runs,
    _with_options,
    _without_crystals,
    validate_opened,
)
from foundational.testing.project import copy_project
from tests.validation_reports import report

ROOT = Path(__file__).parents[3]
OWN = {"vacancy": PropertyLimit(absolute=99.0)}


@pytest.fixture(scope="module")
def params() -> Params:
    return read_params(ROOT / "params.yaml")


@pytest.mark.parametrize("limits", [OWN, {}])
@pytest.mark.parametrize("mae", [7.0, None])
def test_limits_of_a_dataset_replace_the_common_ones_for_it_alone(params, limits, mae) -> None:
    spec = params.validate_
    own = ValidatedSpec(holdout=None, mae=mae, limits=limits)
    spec = spec.model_copy(update={"datasets": {**spec.datasets, "mine": own}})
    mine, other = _of_dataset(spec, "mine"), _of_dataset(spec, "local/other")
    assert mine.gates == spec.gates.model_copy(update={"mae": spec.gates.mae if mae is None else mae})
    assert mine.materials is not None
    assert spec.materials is not None
    assert mine.materials.limits == {**spec.materials.limits, **limits}
    assert other == spec
    assert _of_dataset(spec.model_copy(update={"materials": None}), "mine").materials is None


@pytest.mark.parametrize("gate", [True, False, None])
def test_a_dataset_may_gate_its_properties_itself(params, gate) -> None:
    spec = params.validate_
    assert spec.materials is not None
    own = ValidatedSpec(holdout=None, gate=gate)
    spec = spec.model_copy(update={"datasets": {**spec.datasets, "mine": own}})
    found = _of_dataset(spec, "mine").materials
    assert found is not None
    assert found.gate == (spec.materials.gate if gate is None else gate)
    assert found.model_copy(update={"gate": spec.materials.gate}) == spec.materials


def test_options_replace_only_what_they_name(params):
    spec = params.validate_
    assert _with_options(spec, ValidateOptions()) == spec
    assert _with_options(spec, ValidateOptions(members=9)) == spec.model_copy(update={"members": 9})
    assert _with_options(spec, ValidateOptions(full_relaxations=False)) == spec.model_copy(update={"full_steps": 0})
    for chosen in ((), ("elastic",)):
        changed = _with_options(spec, ValidateOptions(properties=chosen))
        assert changed.materials == spec.materials.model_copy(update={"properties": chosen})
    without = spec.model_copy(update={"materials": None})
    assert _with_options(without, ValidateOptions(properties=())) == without
    with pytest.raises(InputError, match=r"validate\.materials"):
        _with_options(without, ValidateOptions(properties=("elastic",)))


@pytest.fixture(scope="module")
def settings(tiny_project: Path) -> Params:
    """Of the small project."""
    return read_params(tiny_project / "params.yaml")


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch, tiny_project: Path, settings: Params) -> Callable[..., tuple[str, Any]]:
    """Which validation a dataset gets, and what that is given; nothing is trained."""
    pool = tiny_project / "datasets" / "pools" / "ni-momt-32"
    dataset, known, params = (
        open_store(pool / "data.zarr"),
        read_record(pool),
        read_params(tiny_project / "params.yaml"),
    )
    stored = ReferenceReport(file="f", sha256="0" * 64, labeller="gpaw", version="1", settings={})
    seen: list[tuple[str, Any]] = []

    def instead(name: str) -> Callable[..., object]:
        return lambda *given, **_: seen.append((name, given)) or report()

    for name in ("validate", "validate_without_crystals", "validate_alloy"):
        monkeypatch.setattr(command, name, instead(name))
    monkeypatch.setattr(command, "reference_crystals", lambda labeller, element: (labeller.id, element))
    monkeypatch.setattr(command, "alloy_reference", lambda labeller, elements: (labeller.id, tuple(elements)))
    monkeypatch.setattr(command, "relaxed_mixtures", lambda reference, *_: ("mixed", reference))
    values = SimpleNamespace(properties={"elastic": {}}, reference=lambda: "stored crystals")
    monkeypatch.setattr(command, "read_reference", lambda *_: (values, stored))

    def run(options: ValidateOptions, changes: dict[str, Any], *, name: str = "mine", **changed: object):
        labeller = known.labeller.model_copy(update={"id": changes.pop("labeller", known.labeller.id)})
        record = known.model_copy(update={"labeller": labeller, **changes})
        spec = params.validate_.model_copy(update=changed)
        monkeypatch.setattr(command, "read_params", lambda _: params.model_copy(update={"validate_": spec}))
        found = validate_opened(tiny_project, NamedDataset(name, dataset), record, options)
        (seen_once,) = seen
        seen.clear()
        return (*seen_once, found, params)

    return run


def test_a_set_is_compared_with_the_method_that_labelled_it(opened):
    name, (subject, holdout, spec, plan), _, params = opened(ValidateOptions(members=3), {})
    assert (name, subject.name, holdout, spec.members) == ("validate", "mine", None, 3)
    assert plan.reference == ("lammps:NiNb", "Ni")
    assert (plan.seed, plan.tie) == (params.seed, params.validate_.tie)


def test_labels_from_a_file_are_compared_with_crystals_only_by_a_method_that_the_user_names(opened):
    name, given, *_ = opened(ValidateOptions(), {"labeller": "file:vasp"})
    assert name == "validate_without_crystals"
    assert given[5] == "the labels come from vasp, and no --labeller is named"
    name, given, *_ = opened(ValidateOptions(labeller="lammps:NiNb"), {"labeller": "file:vasp"})
    assert (name, given[3].reference) == ("validate", ("lammps:NiNb", "Ni"))


def test_a_set_of_several_elements_is_compared_with_compounds_where_its_method_computes_them(opened):
    several = {"element": "NiNb"}
    name, given, _, params = opened(ValidateOptions(), dict(several))
    assert (name, given[2]) == ("validate_alloy", [])
    plan = given[4]
    assert (plan.reference, plan.mixtures) == (("lammps:NiNb", ("Ni", "Nb")), ("mixed", plan.reference))
    assert (plan.compounds, plan.seed) == (params.compounds, params.seed)
    for labeller in ("file:vasp", "ase:some.module:factory"):
        name, given, *_ = opened(ValidateOptions(), several | {"labeller": labeller})
        assert name == "validate_without_crystals"
        assert given[5] == "the set has several elements, NiNb, and no --labeller is named"
    name, *_ = opened(ValidateOptions(labeller="lammps:NiNb"), several | {"labeller": "file:vasp"})
    assert name == "validate_alloy"


@pytest.mark.parametrize(("asked", "compared"), [(None, ("elastic",)), (("vacancy",), ("vacancy",)), ((), ())])
def test_stored_crystals_and_properties_take_the_place_of_the_method(opened, asked, compared):
    limits = {name: PropertyLimit(absolute=1.0) for name in ("elastic", "vacancy", "surfaces")}
    materials = MaterialsSpec(properties=("surfaces",), limits=limits, dynamics_steps=8, gate=True)
    references = {"mine": ReferenceSpec(vacancy_cells=2, properties=("elastic",))}
    options = ValidateOptions(properties=asked)
    name, (_, _, spec, plan), found, _ = opened(options, {}, references=references, materials=materials, full_steps=9)
    assert (name, plan.reference, spec.full_steps) == ("validate", "stored crystals", 0)
    assert (spec.materials.properties, found.reference.labeller) == (compared, "gpaw")
    _, given, other, _ = opened(options, {}, name="other", references=references, materials=materials, full_steps=9)
    assert (given[2].full_steps, other.reference) == (9, None)
    _, given, *_ = opened(options, {}, references=references, materials=materials.model_copy(update={"properties": ()}))
    assert given[2].materials.properties == (asked or ())


def test_the_holdout_is_the_one_that_the_user_names(opened):
    name, given, *_ = opened(ValidateOptions(holdout="pools/ni-momt-108"), {})
    assert (name, given[1].name) == ("validate", "pools/ni-momt-108")
    with pytest.raises(ConflictError, match="expected a holdout of Nb"):
        opened(ValidateOptions(holdout="pools/ni-momt-108"), {"element": "Nb"})


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
    metals = params.translate.model_copy(update={"metals": None})
    changes = [{}] if sections else [{"compounds": None}, {"translate": metals}]
    method = LammpsLabeller(potential_for("Ni", distilled_project)) if named else None
    for change in changes:
        found = _without_crystals(record, method, params.model_copy(update=change))
        assert (found is None) == (why is None)
        assert why is None or (found or "").endswith(why)


def test_runs_of_a_holdout_are_those_of_its_record(tiny_project: Path, tmp_path: Path) -> None:
    pool = tiny_project / "datasets" / "pools" / "ni-momt-32"
    folder = copy_project(pool, tmp_path / "datasets" / "tested")
    holdout = NamedDataset("tested", open_store(pool / "data.zarr"))
    assert _runs(tmp_path, None) == []
    (whole,) = _runs(tmp_path, holdout)
    assert (whole.phase, len(whole.configurations), whole.temperature) == ("unknown", 120, None)
    runs = [{"phase": "random", "temperature_K": 900.0}, {"phase": "liquid", "temperature_K": 2000.0}]
    write_record(folder, read_record(folder).model_copy(update={"details": {"runs": runs}}))
    found = _runs(tmp_path, holdout)
    assert [(run.phase, run.temperature) for run in found] == [("random", 900.0), ("liquid", 2000.0)]
    walker, energy = (holdout.dataset[name].to_numpy() for name in ("walker", "energy"))
    for k, run in enumerate(found):
        assert np.array_equal(run.configurations.labels.energy, energy[walker == k])
