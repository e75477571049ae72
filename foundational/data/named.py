"""A dataset together with the name by which a project, a report and a message call it."""

from dataclasses import dataclass

import xarray as xr


@dataclass(frozen=True)
class NamedDataset:
    """A dataset and its name in the project."""

    name: str
    dataset: xr.Dataset

    @property
    def element(self) -> str:
        """Chemical symbol."""
        return str(self.dataset.attrs["element"])
