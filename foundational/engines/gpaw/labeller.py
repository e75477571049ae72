"""GPAW as a labeller: density-functional theory with plane waves and PAW."""

import json
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np

from foundational.data.configurations import Configurations, Labels
from foundational.data.labeller import REQUIRED, Method
from foundational.engines.gpaw.calculation import complete_settings, setup_sha256, single_point, version
from foundational.errors import EngineError, InputError


@dataclass(frozen=True)
class GpawLabeller:
    """Energies, forces and stresses by GPAW, one configuration at a time, each from the start.

    The energy is the free energy, of which the forces are the derivatives. Its zero is the reference atoms of the PAW
    data sets. All configurations must be periodic along all vectors.
    """

    elements: tuple[str, ...]
    """Symbols of what is labelled."""
    settings_json: str = "{}"
    """Settings that differ from the defaults, a JSON object."""
    atom_energy: float | None = None
    """Energy of one isolated atom, eV, as the user states it."""

    @cached_property
    def settings(self) -> dict[str, Any]:
        """Every setting.

        Raises
        ------
        InputError
            If one does not exist or has a value of another type.
        """
        return complete_settings(self.arguments)

    @property
    def id(self) -> str:
        """``gpaw:`` and the functional."""
        return f"gpaw:{self.settings['xc']}"

    @property
    def expensive(self) -> bool:
        """Yes: a minute for a cell of 32 atoms."""
        return True

    @property
    def gives(self) -> tuple[str, ...]:
        """All labels that a dataset has."""
        return REQUIRED

    @property
    def arguments(self) -> dict[str, Any]:
        """The settings that the user chose."""
        return dict(json.loads(self.settings_json))

    def method(self) -> Method:
        """The version of GPAW, every setting, and the files of the PAW data sets."""
        xc, setups = self.settings["xc"], self.settings["setups"]
        files = {element: setup_sha256(element, xc, setups) for element in self.elements}
        return Method(
            version(),
            files[self.elements[0]] if len(files) == 1 else None,
            {
                "arguments": self.arguments,
                "settings": self.settings,
                "setup_sha256": files,
                "energy_reference": "free_energy",
                "energy_zero": "reference atoms of the PAW data sets",
            },
        )

    def isolated_energy(self, element: str) -> float | None:  # noqa: ARG002 - one labeller, one element
        """Energy of one isolated atom as the user states it, eV; None where it is unknown."""
        return self.atom_energy

    def label(self, configurations: Configurations) -> Labels:
        """Labels of every configuration, with how each converged.

        Raises
        ------
        MissingDependencyError
            If GPAW is not installed.
        InputError
            If a configuration is not periodic along all vectors.
        EngineError
            If a calculation fails or does not converge.
        """
        if not configurations.pbc.all():
            raise InputError(f"{self.id} labels periodic cells only, got a configuration with open directions")
        parts = []
        for c in range(len(configurations)):
            rows = slice(int(configurations.offsets[c]), int(configurations.offsets[c + 1]))
            try:
                found = single_point(
                    configurations.atomic_numbers[rows],
                    configurations.positions[rows],
                    configurations.cell[c],
                    self.settings,
                )
            except EngineError as error:
                raise EngineError(f"configuration {c}: {error}") from error
            parts.append(asdict(found))
        return Labels(
            np.array([part["energy"] for part in parts]),
            np.concatenate([part["forces"] for part in parts]).astype(np.float32),
            np.array([part["stress"] for part in parts]),
            scf=np.array([[part["steps"], part["energy_residual"]] for part in parts], dtype=np.float64),
        )
