"""GPAW as a labeller; for real where GPAW is installed."""

import pickle
from importlib.util import find_spec

import numpy as np
import pytest
from ase.build import bulk

from foundational.data.conversion import from_atoms
from foundational.engines.gpaw import labeller as module
from foundational.engines.gpaw.calculation import SinglePoint
from foundational.engines.gpaw.labeller import GpawLabeller
from foundational.errors import EngineError, InputError, MissingDependencyError
from foundational.labelling.catalogue import labeller_named
from foundational.labelling.journal import LabelJournal
from foundational.labelling.records import labeller_of, labeller_record

INSTALLED = find_spec("gpaw") is not None
needs_gpaw = pytest.mark.skipif(not INSTALLED, reason="gpaw is not installed")


def test_its_name_is_that_of_the_functional_and_it_pickles():
    labeller = GpawLabeller(("Al",), '{"xc": "LDA"}')
    assert labeller.id == "gpaw:LDA"
    assert pickle.loads(pickle.dumps(labeller)) == labeller


@pytest.mark.skipif(INSTALLED, reason="gpaw is installed")
def test_without_gpaw_the_message_names_the_extra(tmp_path):
    with pytest.raises(MissingDependencyError, match=r"foundational\[gpaw\]"):
        labeller_named("gpaw", tmp_path, element="Al")


def test_open_directions_are_refused():
    atoms = bulk("Al", a=4.04, cubic=True)
    atoms.pbc = (True, True, False)
    with pytest.raises(InputError, match="periodic cells only"):
        GpawLabeller(("Al",)).label(from_atoms([atoms]))


@needs_gpaw
def test_forces_are_the_derivatives_of_the_energy_and_the_steps_are_kept(tmp_path):
    labeller = labeller_named("gpaw", tmp_path, {"ecut": 150, "spacing": 1.2}, element="Al")
    atoms = bulk("Al", a=4.04) * (2, 1, 1)
    atoms.positions[0, 0] += 0.2
    moved = [atoms.copy() for _ in range(3)]
    for copy, shift in zip(moved, (0.0, 0.02, -0.02), strict=True):
        copy.positions[0, 0] += shift
    configurations = from_atoms(moved)
    labels = labeller.label(configurations)
    slope = (labels.energy[1] - labels.energy[2]) / 0.04
    assert labels.forces[0, 0] == pytest.approx(-slope, abs=5e-3)
    assert labels.scf.shape == (3, 2)
    assert (labels.scf[:, 0] > 3).all()
    record = labeller_record(labeller, "Al")
    assert record.parameters["settings"]["ecut"] == 150
    assert len(record.parameters["setup_sha256"]["Al"]) == 64
    assert labeller_of(record, tmp_path) == labeller
    journal = LabelJournal.open(tmp_path / "labels.jsonl", record.model_dump(mode="json"))
    journal.append("00", labels)
    again = LabelJournal.open(journal.path, record.model_dump(mode="json"))
    np.testing.assert_array_equal(again.outcomes["00"].scf, labels.scf)


def test_labels_of_each_configuration_are_those_of_the_program_and_a_failure_names_it(monkeypatch):
    def single_point(numbers, positions, cell, settings):
        if len(numbers) == 4:
            raise EngineError("gpaw failed: KohnShamConvergenceError: no")
        n = len(numbers)
        return SinglePoint(-3.5 * n, -3.4 * n, np.full((n, 3), 0.25), 0.01 * np.eye(3), 7, 1e-6, 1e-7, (2, 2, 2))

    monkeypatch.setattr(module, "single_point", single_point)
    labels = GpawLabeller(("Al",)).label(from_atoms([bulk("Al"), bulk("Al") * (2, 1, 1)]))
    assert labels.energy.tolist() == [-3.5, -7.0]
    assert labels.forces.tolist() == [[0.25] * 3] * 3
    assert labels.scf.tolist() == [[7, 1e-6]] * 2
    assert labels.stress.shape == (2, 3, 3)
    with pytest.raises(EngineError, match="configuration 1: gpaw failed: KohnShamConvergenceError"):
        GpawLabeller(("Al",)).label(from_atoms([bulk("Al"), bulk("Al", cubic=True)]))
