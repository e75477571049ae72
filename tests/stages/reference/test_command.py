"""Stored reference values are those that the labeller gives, and validations use them in its place."""

import pytest

from foundational.engines.crystals.references import reference_crystals
from foundational.engines.crystals.relaxation import crystal_configurations
from foundational.errors import ConflictError, InputError, NotFoundError
from foundational.evaluation.materials import defects, elastic, energies
from foundational.evaluation.materials.engine import Engine, Metal
from foundational.labelling.catalogue import labeller_named
from foundational.project import find_dataset
from foundational.provenance.record import read_record, write_record
from foundational.science.crystals import STRUCTURES
from foundational.stages.reference.command import compute_reference
from foundational.stages.validate.command import ValidateOptions, validate_dataset
from foundational.testing import project as kit
from foundational.workspace.references import reference_path

STATED = {
    "references": {
        "ni": {
            "vacancy_cells": 2,
            "properties": ["lattice-constant", "bulk-modulus", "elastic", "vacancy", "hcp-ratio", "equation-of-state"],
        }
    },
    "datasets": {"ni": {"holdout": "ni-holdout", "mae": 1.0, "limits": {"lattice-constant": {"share": 0.5}}}},
}


@pytest.fixture(scope="module")
def project(distilled_project, tmp_path_factory):
    root = kit.copy_project(distilled_project, tmp_path_factory.mktemp("reference") / "project")
    kit.change_params(root, {"validate": STATED})
    with pytest.raises(ConflictError, match="compute them: foundational reference ni"):
        validate_dataset(root, "ni", ValidateOptions(members=1))
    compute_reference(root, "ni")
    return root


def test_few_labels_of_primitive_cells_give_what_many_of_supercells_give(project):
    labeller = labeller_named("lammps:NiNb", project)
    full = reference_crystals(labeller, "Ni")
    stored = compute_reference(project, "ni", force=True)
    found = stored.reference()
    with pytest.raises(InputError, match="expected stored values"):
        found.labeller.label(crystal_configurations([found.isotropic["fcc"].crystal], "Ni"))
    for structure in STRUCTURES:
        few, many = found.isotropic[structure], full.isotropic[structure]
        assert few.volume_per_atom == pytest.approx(many.volume_per_atom, 1e-3)
        assert few.energy_per_atom == pytest.approx(many.energy_per_atom, abs=5e-4)
    crystal = found.isotropic["fcc"]
    metal = Metal("Ni", "fcc", crystal.volume_per_atom, crystal.energy_per_atom, crystal.volume_per_atom)
    engine, numbers = Engine(labeller), stored.properties
    assert numbers["elastic"] == pytest.approx(elastic.elastic_constants(engine, metal), rel=1e-3)
    c = numbers["elastic"]
    by_stress = (c["C11"] + 2 * c["C12"]) / 3
    assert numbers["bulk-modulus"]["B"] == pytest.approx(by_stress, rel=0.06)  # an EAM is no smooth curve
    curve = energies.equation_of_state(engine, metal)["fcc"]
    assert numbers["equation-of-state"]["fcc"] == pytest.approx(curve, abs=1e-5)
    assert numbers["hcp-ratio"]["c/a"] == pytest.approx(energies.ratio_of_hcp(engine, metal), abs=1e-4)
    assert numbers["vacancy"]["formation"] == pytest.approx(defects.vacancy_energy(engine, metal), abs=0.1)


def test_a_validation_compares_with_stored_values_and_names_them(project):
    report = validate_dataset(project, "ni", ValidateOptions(members=1))
    assert report.reference is not None
    assert report.reference.file == "metrics/reference/ni.json"
    assert report.materials is not None
    by_name = {number.kind: number for number in report.materials.numbers}
    assert set(by_name) == set(STATED["references"]["ni"]["properties"])
    assert by_name["lattice-constant"].verdict == "passed"
    assert {gate.name: gate.ok for gate in report.gates}["mae"]
    assert all(crystal.full is None for crystal in report.members[0].structures.values())
    few = validate_dataset(project, "ni", ValidateOptions(members=1, properties=("surfaces",)))
    assert few.materials is not None
    assert few.materials.numbers[0].verdict == "not applicable"


def test_values_are_neither_replaced_unasked_nor_taken_from_another_method(project):
    with pytest.raises(ConflictError, match="--force"):
        compute_reference(project, "ni")
    with pytest.raises(NotFoundError, match=r"validate\.references"):
        compute_reference(project, "ni-holdout")
    path = reference_path(project, "ni")
    before = path.read_text()
    path.write_text(before.replace("lammps:NiNb", "lammps:Al_mm"))
    with pytest.raises(ConflictError, match="compute the crystals again"):
        validate_dataset(project, "ni", ValidateOptions(members=1))
    for damaged in (before[:-9], before.replace('"parameters": {', '"parameters": {"arguments": 3'), "[" * 100_000):
        path.write_text(damaged)
        with pytest.raises(InputError, match=r"ni\.json"):
            validate_dataset(project, "ni", ValidateOptions(members=1))
    path.write_text(before)


def test_code_that_a_record_names_is_not_run_unasked(project):
    folder = find_dataset(project, "ni")
    record = read_record(folder)
    try:
        labeller = record.labeller.model_copy(update={"id": "ase:x:y"})
        write_record(folder, record.model_copy(update={"labeller": labeller}))
        with pytest.raises(InputError, match="if you trust that"):
            compute_reference(project, "ni", force=True)
    finally:
        write_record(folder, record)
