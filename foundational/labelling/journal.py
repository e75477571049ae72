"""Labels on disk as they come, one line each, so that a kill loses none that was finished."""

import base64
import json
import os
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from foundational.data.atomic_write import write_whole
from foundational.data.configurations import Labels
from foundational.errors import ConflictError

#: What happened to a configuration: its labels, or the reason why it has none.
Outcome = Labels | str


@dataclass
class LabelJournal:
    """An append-only file: a line for the labeller, then one line for each configuration, by its id.

    A line is the sha256 of its JSON, a space, the JSON; a last line that a kill cut short is dropped. Labels are the
    bytes of the layout, so that what is read back is what was written.
    """

    path: Path
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    """By the configuration's id in hexadecimal."""

    @classmethod
    def open(cls, path: Path, labeller: dict[str, Any]) -> Self:
        """The journal at ``path`` for ``labeller``, with what an interrupted run left there.

        Raises
        ------
        ConflictError
            If it holds labels of another labeller, or a line that is no label.
        """
        head = _line(labeller)
        journal = cls(path)
        lines = _whole_lines(path)
        if not lines:
            write_whole(path, [head])
            return journal
        if lines[0] != head:
            theirs = _head(lines[0])
            raise ConflictError(
                f"{path.name} holds labels of an interrupted run by {theirs.get('id')} with other settings; "
                "repeat that command to resume, or remove the file to start again"
            )
        kept = b"".join(lines)
        if len(kept) != path.stat().st_size:
            write_whole(path, [kept])
        for number, line in enumerate(lines[1:], start=2):
            try:
                entry = json.loads(line.partition(b" ")[2])
                journal.outcomes[entry["id"]] = _outcome(entry)
            except (KeyError, TypeError, ValueError, AttributeError, RecursionError):  # no kill cuts a line like that
                raise ConflictError(
                    f"{path.name}, line {number}: expected labels, got something else; remove the file to start again"
                ) from None
        return journal

    def append(self, identity: str, outcome: Outcome) -> None:
        """Write what happened to one configuration; on return it is on disk."""
        with self.path.open("ab") as stream:
            stream.write(_line({"id": identity} | _entry(outcome)))
            stream.flush()
            os.fsync(stream.fileno())
        self.outcomes[identity] = outcome


def _head(line: bytes) -> dict[str, Any]:
    """What the first line states; nothing where it is of another kind."""
    with suppress(ValueError, RecursionError):
        content = json.loads(line.partition(b" ")[2])
        return content if isinstance(content, dict) else {}
    return {}


def _line(content: dict[str, Any]) -> bytes:
    text = json.dumps(content, sort_keys=True).encode()
    return sha256(text).hexdigest().encode() + b" " + text + b"\n"


def _whole_lines(path: Path) -> list[bytes]:
    """Lines from the beginning, up to the first one that is not what was written."""
    if not path.exists():
        return []
    lines = []
    for line in path.read_bytes().splitlines(keepends=True):
        digest, _, text = line.partition(b" ")
        if not line.endswith(b"\n") or sha256(text[:-1]).hexdigest().encode() != digest:
            break
        lines.append(line)
    return lines


def _entry(outcome: Outcome) -> dict[str, Any]:
    if isinstance(outcome, str):
        return {"failed": outcome}
    arrays: dict[str, NDArray[Any]] = {"energy": outcome.energy, "forces": outcome.forces, "stress": outcome.stress}
    if outcome.atomic_energies is not None:
        arrays["atomic_energies"] = outcome.atomic_energies
    if outcome.scf is not None:
        arrays["scf"] = outcome.scf
    return {
        name: base64.b64encode(a.astype(a.dtype.newbyteorder("<")).tobytes()).decode() for name, a in arrays.items()
    }


def _outcome(entry: dict[str, Any]) -> Outcome:
    if "failed" in entry:
        return str(entry["failed"])

    def array(name: str, dtype: str) -> Any:
        return np.frombuffer(base64.b64decode(entry[name]), dtype=dtype).astype(dtype[1:])

    atomic = array("atomic_energies", "<f4") if "atomic_energies" in entry else None
    forces, stress = array("forces", "<f4").reshape(-1, 3), array("stress", "<f8").reshape(-1, 3, 3)
    scf = array("scf", "<f8").reshape(-1, 2) if "scf" in entry else None
    return Labels(array("energy", "<f8"), forces, stress, atomic, scf)
