"""What a labeller is: anything that gives energies, forces and stresses."""

from typing import Protocol

from foundational.data.configurations import Configurations, Labels


class Labeller(Protocol):
    """A potential, a trained ensemble, an ASE calculator."""

    @property
    def id(self) -> str:
        """Name under which labels are recorded, such as ``lammps:NiNb``."""

    def label(self, configurations: Configurations) -> Labels:
        """Labels of every configuration, in order."""
