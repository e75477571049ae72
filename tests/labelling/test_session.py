import os
import platform
import subprocess
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from foundational.engines.ase.labeller import AseLabeller
from foundational.engines.crystals.references import reference_crystals
from foundational.engines.crystals.relaxation import crystal_configurations
from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.engines.lammps.potentials import potential_for
from foundational.errors import EngineError, InputError
from foundational.labelling.session import LabellingChoice, LabellingPlan, labelling_session
from foundational.science.crystals import STRUCTURES, build_crystal

FAULTY = "ase:tests.faulty_calculators:Faulty"


class Counting(ThreadPoolExecutor):
    """Threads that count what they are given."""

    count = 0

    def submit(self, *args, **kwargs):
        self.count += 1
        return super().submit(*args, **kwargs)


def faulty(root, **arguments):
    return LabellingChoice(FAULTY, arguments=arguments).labeller_for("Ni", root)


def crystals(*volumes):
    return crystal_configurations([build_crystal("fcc", v, (1, 1, 1)) for v in volumes], "Ni")


def test_single_points_of_reference_crystals_are_kept_and_not_computed_again(checkout, tmp_path):
    (tmp_path / "marks").mkdir()
    labeller = faulty(checkout, marks=str(tmp_path / "marks"), fault="")
    expected = reference_crystals(faulty(checkout, fault=""), "Ni")
    for _ in range(2):
        with labelling_session(labeller, "Ni", LabellingPlan(tmp_path), journal=tmp_path / "kept.jsonl") as session:
            found = reference_crystals(labeller, "Ni", session=session)
        computed = len(list((tmp_path / "marks").iterdir()))
        assert computed == len(session.journal.outcomes) > 100
        for structure in STRUCTURES:
            assert found.isotropic[structure].energy_per_atom == expected.isotropic[structure].energy_per_atom
            assert found.isotropic[structure].bond == expected.isotropic[structure].bond


def test_single_points_of_an_expensive_labeller_are_tasks_of_the_executor(checkout, tmp_path):
    labeller = faulty(checkout, fault="")
    batch = crystals(10.0, 11.0, 12.0)
    with labelling_session(labeller, "Ni", LabellingPlan(tmp_path)) as session, Counting(1) as pool:
        labels = type(session)(labeller, executor=pool).label(batch)
        assert pool.count == 3
        assert np.array_equal(labels.energy, session.label(batch).energy)


def test_a_point_that_failed_is_tried_again_by_the_next_run(checkout, tmp_path):
    batch = crystals(10.0, 11.0)
    labeller = faulty(checkout, fault="raise", at=float(batch.volume[1]))
    with labelling_session(labeller, "Ni", LabellingPlan(tmp_path), journal=tmp_path / "kept.jsonl") as session:
        with pytest.raises(EngineError, match=r"configuration 1: .*SCF did not converge"):
            session.label(batch)
        assert len(session.journal.outcomes) == 1


def test_labels_of_a_cheap_labeller_are_kept_nowhere(checkout, tmp_path):
    labeller = LammpsLabeller(potential_for("Ni", checkout))
    with labelling_session(labeller, "Ni", LabellingPlan(tmp_path), journal=tmp_path / "kept.jsonl") as session:
        assert np.array_equal(session.label(crystals(11.0)).energy, labeller.label(crystals(11.0)).energy)
    assert not (tmp_path / "kept.jsonl").exists()


def test_a_labeller_without_forces_is_refused_before_it_labels(tmp_path):
    energies = AseLabeller("ase:x:EnergyOnly", "tests.faulty_calculators", "EnergyOnly")
    with (
        pytest.raises(InputError, match="gives no forces and no stress"),
        labelling_session(energies, "Ni", LabellingPlan(tmp_path)),
    ):
        pass


def test_what_a_potential_computes_itself_or_is_named_twice_is_refused(checkout):
    with pytest.raises(InputError, match="omit --isolated-energy"):
        LabellingChoice("lammps:NiNb", isolated_energy=0.5).labeller_for("Ni", checkout)
    with pytest.raises(InputError, match="got both"):
        LabellingChoice(FAULTY, potential="NiNb").labeller_for("Ni", checkout)


def test_spools_of_killed_processes_of_this_machine_are_removed(checkout, tmp_path):
    killed = subprocess.Popen(["sleep", "60"])
    killed.kill()
    killed.wait()
    names = [
        f"spool-{node}-{process}-0" for node in (platform.node(), "another") for process in (killed.pid, os.getppid())
    ]
    for name in names:
        (tmp_path / "work" / name).mkdir(parents=True)
    with labelling_session(faulty(checkout, fault=""), "Ni", LabellingPlan(tmp_path)):
        assert {path.name for path in (tmp_path / "work").iterdir()} == {*names[1:]}
