import numpy as np

from foundational.data.configurations import Configurations
from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.engines.lammps.potentials import potential_for
from foundational.labelling.fault_tolerance import label_survivors
from foundational.labelling.journal import LabelJournal
from foundational.science.crystals import build_crystal


def test_a_batch_in_which_a_potential_fails_is_labelled_one_by_one(checkout):
    """A cell of 0.1 mm has more neighbour bins than LAMMPS can count; the others get the same labels without it."""
    crystal, number = build_crystal("fcc", 11.0), np.full(32, 28)
    cells = [crystal.cell, 1e6 * np.eye(3), crystal.cell * 1.01]
    positions = [crystal.positions, crystal.positions, crystal.positions * 1.01]
    batch = Configurations.build(cells, positions, [number] * 3)
    labeller = LammpsLabeller(potential_for("Ni", checkout))
    found = label_survivors(labeller, batch)
    assert found.rows.tolist() == [0, 2]
    assert list(found.failures) == [1]
    assert found.failures[1].startswith("LAMMPS: ERROR")
    sound = labeller.label(batch.take([0, 2]))
    assert np.array_equal(found.labels.energy, sound.energy)
    assert np.array_equal(found.labels.forces, sound.forces)


def test_a_journal_gives_back_every_bit(checkout, tmp_path):
    crystal = build_crystal("fcc", 11.0)
    random = np.random.default_rng(0)
    positions = crystal.positions + random.normal(scale=0.1, size=(32, 3))
    batch = Configurations.build([crystal.cell], [positions], [np.full(32, 28)])
    labels = LammpsLabeller(potential_for("Ni", checkout)).label(batch)
    journal = LabelJournal.open(tmp_path / "labels.jsonl", {"id": "x"})
    journal.append("aa", labels)
    journal.append("bb", "no convergence")
    again = LabelJournal.open(tmp_path / "labels.jsonl", {"id": "x"}).outcomes
    assert again["bb"] == "no convergence"
    for name in ("energy", "forces", "stress", "atomic_energies"):
        ours, theirs = getattr(labels, name), getattr(again["aa"], name)
        assert ours.dtype == theirs.dtype
        assert np.array_equal(ours, theirs)


def test_a_damaged_line_and_all_after_it_are_dropped(tmp_path):
    path = tmp_path / "labels.jsonl"
    journal = LabelJournal.open(path, {"id": "x"})
    for name in "abc":
        journal.append(name, "failed")
    lines = path.read_bytes().splitlines(keepends=True)
    lines[2] = lines[2].replace(b"failed", b"fallen")
    path.write_bytes(b"".join(lines))
    assert list(LabelJournal.open(path, {"id": "x"}).outcomes) == ["a"]
    assert path.read_bytes() == b"".join(lines[:2])
