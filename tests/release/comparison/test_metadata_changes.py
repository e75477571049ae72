import pytest

from foundational.engines.ase.labeller import AseLabeller
from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.engines.lammps.potentials import potential_for
from foundational.labelling.records import labeller_record
from foundational.provenance.record import LabellerRecord, read_record
from foundational.release.comparison.metadata_changes import metadata_changes, same_method


def sizes(before, after):
    return {(kind, size) for kind, size, _ in metadata_changes(None, None, before, after)}


@pytest.mark.parametrize("name", ["ni", "nb", "al", "ni-5pct"])
def test_a_stored_set_relabelled_by_its_own_potential_is_no_major_change(checkout, name):
    """The stored records state the pair_style alone, or also units and the isolated atom."""
    stored = read_record(checkout / "datasets" / name)
    labeller = LammpsLabeller(potential_for(stored.element, checkout, stored.labeller.id.partition(":")[2]))
    relabelled = stored.model_copy(update={"labeller": labeller_record(labeller, stored.element)})
    assert sizes(stored, relabelled) <= {("metadata", "patch")}
    assert sizes(relabelled, stored) <= {("metadata", "patch")}


def record(**changes):
    parameters = {"arguments": {}, "energy_reference": "energy", "isolated_atom_eV": {"Ni": 0.5}}
    return LabellerRecord(id="ase:m:f", version="m 1", sha256="0" * 64, parameters=parameters).model_copy(
        update=changes
    )


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({"parameters": {}}, True),
        ({"parameters": {"isolated_atom_eV": {"Ni": None}}}, True),
        ({"parameters": {"isolated_atom_eV": {"Nb": 0.7}}}, True),
        ({"version": "m 2"}, True),
        ({"parameters": {"isolated_atom_eV": {"Ni": 0.6}}}, False),
        ({"parameters": {"arguments": {"xc": "PBE"}}}, False),
        ({"parameters": {"energy_reference": "free_energy"}}, False),
        ({"sha256": "1" * 64}, False),
        ({"id": "ase:m:g"}, False),
    ],
)
def test_methods_differ_by_what_both_records_state(changes, same):
    assert same_method(record(), record(**changes)) is same


def test_every_kind_of_labeller_has_one_record(checkout):
    niobium = labeller_record(LammpsLabeller(potential_for("Nb", checkout)), "Nb")
    assert list(niobium.parameters) == ["pair_style", "units", "isolated_atom_eV"]
    emt = AseLabeller("ase:ase.calculators.emt:EMT", "ase.calculators.emt", "EMT", atom_energy=0.5)
    found = labeller_record(emt, "Ni")
    assert list(found.parameters) == ["arguments", "energy_reference", "units", "isolated_atom_eV"]
    assert found.parameters["isolated_atom_eV"] == {"Ni": 0.5}


def test_the_version_of_the_program_that_labelled_is_a_patch(checkout):
    stored = read_record(checkout / "datasets" / "ni")
    labeller = stored.labeller.model_copy(update={"version": "another"})
    found = list(metadata_changes(None, None, stored, stored.model_copy(update={"labeller": labeller})))
    assert found == [("metadata", "patch", f"the labeller ran in another, was {stored.labeller.version}")]
