"""One configuration as another program's file has it, before anything is taken for a label."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from foundational.errors import InputError


class FrameError(InputError):
    """A configuration that cannot be read as it stands: names file and frame, and says what is wrong."""

    def __init__(self, source: str, problem: str) -> None:
        super().__init__(f"{source}: {problem}")
        self.source, self.problem = source, problem


@dataclass(eq=False)
class Frame:
    """A configuration of N atoms; values have the units and the names of their file."""

    source: str
    """File and place in it, such as ``train.xyz, frame 3``; frames count from 0."""
    numbers: NDArray[np.uint8]
    """(N,) atomic numbers."""
    positions: NDArray[np.float64]
    """(N, 3) Å."""
    cell: NDArray[np.float64]
    """(3, 3) Å, lattice vectors in rows; zero where the file has none."""
    pbc: NDArray[np.bool_]
    """(3,)"""
    info: dict[str, Any] = field(default_factory=dict)
    """Values of the configuration by their own keys, not interpreted."""
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)
    """Values of the atoms, N rows each, by their own keys, not interpreted."""
    results: dict[str, Any] = field(default_factory=dict)
    """Labels whose meaning the format itself fixes, in eV, eV/Å and eV/Å³ (tension positive): ``energy``,
    ``free_energy``, ``forces`` (N, 3), ``stress`` (3, 3), ``atomic_energies`` (N,)."""
    method: Mapping[str, Any] = field(default_factory=dict)
    """What the file says of the method, by the fields of `MethodRecord`; empty where it says nothing."""


class FrameReader(ABC):
    """Reads one format."""

    name: ClassVar[str]
    """Such as ``extxyz``."""
    description: ClassVar[str]
    """For the list of formats, such as "extended XYZ, also .gz and .xz"."""
    defaults: ClassVar[Mapping[str, str]] = {}
    """What labels are in this format where the user says nothing, by the fields of `LabelChoice`."""

    @abstractmethod
    def accepts(self, path: Path) -> bool:
        """Whether the file or folder looks like this format, by name and first bytes."""

    def estimate(self, path: Path) -> int:  # noqa: ARG002 - for readers that can tell
        """About how many frames it holds; 0 where that takes long to find out."""
        return 0

    @abstractmethod
    def read(self, path: Path) -> "Iterator[Frame | FrameError]":
        """Frames in the order of the file, in bounded memory; an error in place of a frame that cannot be read.

        Raises
        ------
        InputError
            If the file as a whole, or from some place on, cannot be read.
        MissingDependencyError
            If a package is absent.
        """
