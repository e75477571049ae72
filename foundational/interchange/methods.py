"""The methods that gave the labels of imported frames, each named once."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foundational.provenance.method import MethodRecord
from foundational.specs.parsing import parse


@dataclass
class Methods:
    """Which of several methods gave the labels of each frame; what the user states holds for all."""

    stated: Mapping[str, Any] = field(default_factory=dict)
    """By the fields of `MethodRecord`; it comes before what files say."""
    _found: dict[str, dict[str, Any]] = field(default_factory=dict)
    _codes: list[int] = field(default_factory=list)
    _silent: str | None = None
    """The key in ``_found`` of frames that say nothing; None before the first."""

    def append(self, said: Mapping[str, Any]) -> None:
        """What the file says of the method of the next frame; empty where it says nothing."""
        if said or self._silent is None:
            content = {**said, **{name: value for name, value in self.stated.items() if value is not None}}
            spelled = json.dumps(content, sort_keys=True, default=str)
            self._found.setdefault(spelled, content)
            if not said:
                self._silent = spelled
        else:
            spelled = self._silent
        self._codes.append(list(self._found).index(spelled) if len(self._found) > 1 else 0)

    @property
    def records(self) -> tuple[MethodRecord, ...]:
        """One record a method, in the order in which they were met; none where nothing was said of any."""
        if not any(self._found.values()):
            return ()
        taken: set[str] = set()
        records = []
        for content in self._found.values():
            name = base = str(content.get("id") or _name(content))
            number = 2
            while name in taken:
                name, number = f"{base}-{number}", number + 1
            taken.add(name)
            records.append(parse(MethodRecord, {**content, "id": name}, "the method that a file states"))
        return tuple(records)

    def attributes(self) -> dict[str, Any]:
        """The attribute ``methods`` of a dataset; nothing where no method was stated."""
        records = [record.model_dump(mode="json") for record in self.records]
        return {"methods": records} if records else {}

    def variable(self) -> dict[str, NDArray[Any]]:
        """The variable ``method`` of a dataset with several methods."""
        return {"method": np.array(self._codes, dtype=np.int16)} if len(self.records) > 1 else {}


def _name(content: Mapping[str, Any]) -> str:
    """Such as ``vasp-pbe``."""
    parts = [str(content[key]).lower() for key in ("code", "functional") if content.get(key)]
    return "-".join(parts).replace(" ", "-") or "not-stated"
