"""What a labeller is: a reference method that gives energies, forces and stresses, and says how."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from foundational.data.configurations import Configurations, Labels

#: Labels that every stored dataset has.
REQUIRED: Final = ("energy", "forces", "stress")


class Model(Protocol):
    """Anything that predicts labels: a labeller, a trained ensemble, a labelling session."""

    @property
    def id(self) -> str:
        """Name under which labels are recorded, such as ``lammps:NiNb``."""

    def label(self, configurations: Configurations) -> Labels:
        """Labels of every configuration, in order."""


@dataclass(frozen=True)
class Method:
    """How a labeller computes its labels, as a record states it."""

    version: str
    """The program or package that computes the labels, with its version."""
    sha256: str | None
    """Of the potential's or model's file; None where the method is no file."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """What else decides the labels, of JSON's types."""


class Labeller(Model, Protocol):
    """A reference method: a potential of the registry, a pretrained model, any ASE calculator.

    It pickles, so that worker processes can label.
    """

    @property
    def expensive(self) -> bool:
        """Whether each label costs so much that it is kept in a journal and labelled as a task of its own."""

    @property
    def gives(self) -> tuple[str, ...]:
        """The labels that it gives, by their names in the layout."""

    @property
    def arguments(self) -> Mapping[str, Any]:
        """Keyword arguments that the user chose; empty where the method takes none."""

    def method(self) -> Method:
        """How it computes its labels.

        Raises
        ------
        InputError
            If it cannot be set up.
        """

    def isolated_energy(self, element: str) -> float | None:
        """Energy of one isolated atom, eV; None where it is unknown."""
