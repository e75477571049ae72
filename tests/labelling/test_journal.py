"""A journal of labels gives back what was written and refuses what is no label."""

import json
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from foundational.data.configurations import Labels
from foundational.errors import ConflictError
from foundational.labelling.journal import LabelJournal

LABELLER = {"id": "ase:emt"}


def line(content: object) -> bytes:
    """A line as the journal writes it, of any content."""
    text = json.dumps(content, sort_keys=True).encode()
    return sha256(text).hexdigest().encode() + b" " + text + b"\n"


def test_labels_and_reasons_are_read_back_bit_by_bit_and_a_cut_line_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    labels = Labels(np.array([-1.25]), np.full((2, 3), 0.1, np.float32), np.eye(3)[None] * 0.3)
    journal = LabelJournal.open(path, LABELLER)
    journal.append("aa", labels)
    journal.append("bb", "not converged")
    with path.open("ab") as stream:
        stream.write(line({"id": "cc", "failed": "x"})[:-4])
    outcomes = LabelJournal.open(path, LABELLER).outcomes
    assert outcomes.keys() == {"aa", "bb"}
    assert outcomes["bb"] == "not converged"
    found = outcomes["aa"]
    assert isinstance(found, Labels)
    for name in ("energy", "forces", "stress"):
        np.testing.assert_array_equal(getattr(found, name), getattr(labels, name))


@pytest.mark.parametrize("content", [{"id": "aa", "energy": "AAAA"}, {"energy": ""}, ["id"], "id", 3, {"id": "a"}])
def test_a_whole_line_that_holds_no_labels_is_refused(tmp_path: Path, content: object) -> None:
    path = tmp_path / "journal"
    LabelJournal.open(path, LABELLER)
    with path.open("ab") as stream:
        stream.write(line(content))
    with pytest.raises(ConflictError, match="line 2: expected labels, got something else; remove the file"):
        LabelJournal.open(path, LABELLER)


@pytest.mark.parametrize("content", [{"id": "other"}, ["id"], 3])
def test_a_journal_of_another_labeller_is_refused(tmp_path: Path, content: object) -> None:
    path = tmp_path / "journal"
    path.write_bytes(line(content))
    with pytest.raises(ConflictError, match="holds labels of an interrupted run by"):
        LabelJournal.open(path, LABELLER)
