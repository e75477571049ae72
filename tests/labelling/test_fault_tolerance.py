from concurrent.futures import BrokenExecutor, ThreadPoolExecutor
from typing import ClassVar

import numpy as np
import pytest

from foundational.data.configurations import Configurations, Labels
from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.engines.lammps.potentials import potential_for
from foundational.errors import EngineError
from foundational.labelling import batches
from foundational.labelling.fault_tolerance import label_all_kept, label_survivors
from foundational.labelling.journal import LabelJournal
from foundational.science.crystals import build_crystal


class Counting(LammpsLabeller):
    """A potential that counts what it labels; it is killed by the configuration ``fatal``."""

    labelled: ClassVar[list[int]] = []
    fatal: ClassVar[int] = 0

    def label(self, configurations: Configurations) -> Labels:
        if self.fatal and len(self.labelled) >= self.fatal:
            raise KeyboardInterrupt
        self.labelled.append(len(configurations))
        return super().label(configurations)


def test_a_failing_frame_costs_itself_alone_and_a_kill_costs_one_batch(checkout, tmp_path, monkeypatch):
    """A cell of 0.1 mm has more neighbour bins than LAMMPS can count; the others get the same labels without it."""
    monkeypatch.setattr(batches, "_ATOMS_PER_FILE", 256)
    crystal, number = build_crystal("fcc", 11.0), np.full(32, 28)
    scales = [1e6 / 7 if c == 21 else 1 + 0.001 * c for c in range(40)]
    batch = Configurations.build(
        [crystal.cell * s for s in scales], [crystal.positions * min(s, 2) for s in scales], [number] * 40
    )
    labeller = Counting(potential_for("Ni", checkout))
    monkeypatch.setattr(Counting, "labelled", [])
    found = label_survivors(labeller, batch)
    assert list(found.failures) == [21]
    assert found.failures[21].startswith("LAMMPS: ERROR")
    assert found.rows.tolist() == [c for c in range(40) if c != 21]
    valid = LammpsLabeller(labeller.potential).label(batch.take(found.rows))
    monkeypatch.setattr(Counting, "labelled", [])
    monkeypatch.setattr(Counting, "fatal", 2)
    with pytest.raises(KeyboardInterrupt):
        label_survivors(labeller, batch, batches=tmp_path)
    assert Counting.labelled == [8, 8]
    monkeypatch.setattr(Counting, "fatal", 0)
    again = label_survivors(labeller, batch, batches=tmp_path)
    assert Counting.labelled == [8, 8, 8, 4, 4, 2, 1, 1, 1, 2, 8, 8], "halves of one batch, the frame itself twice"
    assert again.failures == found.failures
    for labels in (found.labels, again.labels):
        for name in ("energy", "forces", "stress", "atomic_energies"):
            assert np.array_equal(getattr(labels, name), getattr(valid, name))


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


class Expensive(LammpsLabeller):
    """A potential of which each label is a task; configurations with 4 atoms raise ``error``."""

    expensive: ClassVar[bool] = True
    error: ClassVar[Exception] = EngineError("configuration 0: no convergence")

    def label(self, configurations: Configurations) -> Labels:
        if configurations.n_atoms[0] == 4:
            raise self.error
        return super().label(configurations)


def cells(*sizes: int) -> Configurations:
    crystals = [build_crystal("fcc", 11.0, (1, 1, size // 4)) for size in sizes]
    return Configurations.build(
        [c.cell for c in crystals], [c.positions for c in crystals], [np.full(size, 28) for size in sizes]
    )


def test_failures_are_kept_and_counted_and_a_set_of_nothing_else_is_refused(checkout, tmp_path):
    labeller, said = Expensive(potential_for("Ni", checkout)), []
    journal = LabelJournal.open(tmp_path / "labels.jsonl", {"id": "x"})
    found = label_survivors(
        labeller, cells(8, 4, 12), journal=journal, progress=lambda done, total, message: said.append((done, message))
    )
    assert (found.rows.tolist(), found.failures) == ([0, 2], {1: "no convergence"})
    assert said == [(1, "labelled"), (2, "labelled, 1 failed"), (3, "labelled, 1 failed")]
    with pytest.raises(EngineError, match="the first 1 configurations all failed; the first one: no convergence"):
        label_survivors(labeller, cells(4))
    with pytest.raises(EngineError, match="all 1 configurations failed; the first one: no convergence"):
        label_survivors(labeller, cells(4), journal=LabelJournal.open(tmp_path / "labels.jsonl", {"id": "x"}))
    with pytest.raises(EngineError, match=r"^configuration 1: no convergence$"):
        label_all_kept(labeller, cells(8, 4))


@pytest.mark.parametrize(
    ("error", "seen", "message"),
    [
        (ValueError("a fault of the calculator"), ValueError, "^a fault of the calculator$"),
        (BrokenExecutor("lost"), EngineError, "the workers died .*labels that were finished are kept"),
    ],
)
def test_a_lost_worker_is_tried_again_and_then_named_and_any_other_fault_is_itself(
    checkout, monkeypatch, error, seen, message
):
    monkeypatch.setattr(Expensive, "error", error)
    labeller = Expensive(potential_for("Ni", checkout))
    with ThreadPoolExecutor(1) as pool, pytest.raises(seen, match=message):
        label_survivors(labeller, cells(8, 4), executor=pool)
