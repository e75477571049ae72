"""The oldest layout that can hold a dataset, from facts that a pass over its numbers collects."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from foundational.data.layout import LABELS, LAYOUT_1, LAYOUT_VERSION, NEW, VARIABLES

if TYPE_CHECKING:
    import xarray as xr

#: Rows of a variable that are read at a time.
_ROWS = 1_048_576
#: Variables whose codes decide.
_CODES = ("split", "selection_reason")


@dataclass(frozen=True)
class LayoutFacts:
    """What of a dataset's numbers decides its layout."""

    dtypes: dict[str, str] = field(default_factory=dict)
    """The type of each variable."""
    largest: dict[str, int] = field(default_factory=dict)
    """The largest code of variables whose codes are more than in layout 1, or than all stores state."""
    unknown: bool = False
    """Whether a label is not known somewhere."""

    def with_values(self, name: str, values: NDArray[Any]) -> Self:
        """With some of the numbers of a variable."""
        dtypes = {**self.dtypes, name: np.promote_types(values.dtype, self.dtypes.get(name, values.dtype)).str}
        largest = self.largest
        if name in _CODES or (name in VARIABLES and VARIABLES[name].first_codes is not None):
            largest = {**largest, name: max(largest.get(name, 0), int(values.max(initial=0)))}
        unknown = self.unknown or (name in LABELS and bool(np.isnan(values).any()))
        return replace(self, dtypes=dtypes, largest=largest, unknown=unknown)

    def state(self) -> dict[str, Any]:
        """The facts, of JSON's types."""
        return asdict(self)

    @classmethod
    def of_state(cls, state: Mapping[str, Any]) -> Self:
        """The facts that `state` gave."""
        return cls(**state)


def layout_for(facts: LayoutFacts, attrs: Mapping[str, Any]) -> int:
    """1 where a dataset has one element and knows all labels, in float32; else the newest layout."""
    names = facts.dtypes.keys()
    one_element = list(attrs.get("elements", [attrs.get("element")])) == [attrs.get("element")]
    if not one_element or not names <= VARIABLES.keys() - NEW or not {"energy", "forces", "stress"} <= names:
        return LAYOUT_VERSION
    if any(np.dtype(facts.dtypes[name]) != np.dtype(VARIABLES[name].dtype) for name in names):
        return LAYOUT_VERSION
    if any(facts.largest.get(name, 0) >= len(LAYOUT_1[name].meanings) for name in _CODES):
        return LAYOUT_VERSION
    return LAYOUT_VERSION if facts.unknown else 1


def layout_of(dataset: "xr.Dataset") -> int:
    """The oldest layout that can hold ``dataset``; its labels are read once, piece by piece."""
    facts = LayoutFacts({str(name): variable.dtype.str for name, variable in dataset.variables.items()})
    if layout_for(facts, dataset.attrs) == LAYOUT_VERSION:
        return LAYOUT_VERSION
    for name in (*_CODES, *LABELS):
        if name in dataset:
            for start in range(0, len(dataset[name]), _ROWS):
                facts = facts.with_values(name, dataset[name][start : start + _ROWS].to_numpy())
    return layout_for(facts, dataset.attrs)
