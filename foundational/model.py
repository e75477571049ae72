"""A trained ensemble as a person meets it: an ASE calculator that prints what it is and can be saved."""

from os import PathLike
from pathlib import Path
from typing import ClassVar

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.data import chemical_symbols

from foundational.data.conversion import from_atoms
from foundational.engines.ani.dynamics import ForceField
from foundational.engines.ani.ensemble import Ensemble
from foundational.engines.ani.extrapolation import uncertainty
from foundational.engines.ani.model_file import load_model, save_model
from foundational.engines.ase.calculator import LabellerCalculator

#: Properties of ASE's that only a trained ensemble has; they are computed where they are asked for.
_UNCERTAINTIES = ("energy_std", "forces_std", "extrapolation")


class Model(LabellerCalculator):
    """An ensemble of ANI networks; ``atoms.calc = model`` gives the mean of its networks.

    Positions are taken in float64. The list of neighbours is kept from step to step, as molecular dynamics needs it.
    ``model.get_property(name, atoms)`` also gives ``energy_std`` (eV), ``forces_std`` ((N, 3) eV/Å), the estimated
    standard deviations of errors, and ``extrapolation`` ((N,): about 1 within the training data, more outside).

    Attributes
    ----------
    ensemble
        The networks; ``ensemble.predict`` gives what each of them says.
    """

    implemented_properties: ClassVar[list[str]] = [*LabellerCalculator.implemented_properties, *_UNCERTAINTIES]

    def __init__(self, ensemble: Ensemble) -> None:
        super().__init__(ensemble)
        self.ensemble = ensemble
        self._field: ForceField | None = None

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: list[str] | None = None,
        system_changes: list[str] = all_changes,
    ) -> None:
        """Energy, forces and, in a periodic cell, stress (Voigt xx, yy, zz, yz, xz, xy, eV/Å³) of ``atoms``."""
        Calculator.calculate(self, atoms, properties or ["energy"], system_changes)
        if self._field is None or {"numbers", "pbc"} & set(system_changes):
            self._field = ForceField(self.ensemble, self.atoms.numbers, self.atoms.pbc)
        found = self._field.step(self.atoms.get_positions(), self.atoms.cell.array.astype(np.float64))
        self.results = {
            "energy": found.energy,
            "free_energy": found.energy,
            "forces": found.forces,
            "energies": found.atomic_energies.mean(axis=0),
        }
        if self.atoms.cell.rank == 3:
            self.results["stress"] = found.strain_derivative / self.atoms.get_volume()
        if set(properties or ()) & set(_UNCERTAINTIES):
            estimated = uncertainty(self.ensemble, from_atoms([self.atoms]).with_labels(None))
            values = (float(estimated.energy[0]), estimated.forces, estimated.extrapolation)
            self.results |= dict(zip(_UNCERTAINTIES, values, strict=True))

    def attach_to_lammps(self, lammps: object, elements: list[str], *, threads: int | None = None) -> None:
        """Let the mean of the networks give the forces of a LAMMPS simulation.

        Parameters
        ----------
        lammps
            An instance of ``lammps.lammps`` with ``units metal``, whose box exists.
        elements
            Chemical symbol of each atom type, in order.
        threads
            Largest number of threads; None: all.

        Raises
        ------
        InputError
            Units, elements or the number of processes are not those that are supported.
        """
        from foundational.engines.lammps.dynamics import attach  # noqa: PLC0415 - LAMMPS, for those who ask for it

        attach(lammps, self.ensemble, elements, threads=threads)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> "Model":
        """The model in a file that `save` or ``foundational train`` wrote.

        Raises
        ------
        NotFoundError
            There is no such file.
        InputError
            It is no model file.
        """
        return cls(load_model(Path(path)))

    def save(self, path: str | PathLike[str]) -> None:
        """Write one file, whole or not at all; it holds numbers and no code."""
        save_model(self.ensemble, Path(path))

    @property
    def elements(self) -> tuple[str, ...]:
        """Chemical symbols, by atomic number."""
        return tuple(chemical_symbols[z] for z in self.ensemble.elements)

    def __repr__(self) -> str:
        """How many networks, for which elements, trained on what."""
        known = self.ensemble.metadata
        trained = (
            f", trained on {int(known['frames']):,} configurations of {known['dataset']}" if "frames" in known else ""
        )
        networks = f"{self.ensemble.members} ANI networks" if self.ensemble.members > 1 else "one ANI network"
        return f"{networks} for {', '.join(self.elements)}{trained}"
