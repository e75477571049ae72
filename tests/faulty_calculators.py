"""ASE's EMT with the faults that calculators of users have; made by name, in any process."""

import os
import time
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from ase.calculators.calculator import Calculator
from ase.calculators.emt import EMT


class Faulty(EMT):
    """EMT that does ``fault`` to what it computed, or to configurations of the volume ``at`` only."""

    def __init__(self, fault: str, at: float | None = None, marks: str | None = None) -> None:
        super().__init__()
        self.fault, self.at, self.marks = fault, at, marks

    def calculate(self, atoms: Any = None, properties: Any = ("energy",), system_changes: Any = ()) -> None:
        super().calculate(atoms, properties, system_changes)
        volume = atoms.get_volume()
        if self.marks is not None:  # one file a call: how often was each configuration computed
            here = Path(self.marks)
            first = not any(here.glob(f"{volume!r}-*"))
            (here / f"{volume!r}-{os.getpid()}-{time.monotonic_ns()}").touch()
            if self.fault == "first" and first:
                raise RuntimeError("not yet")
        if self.at is not None and abs(volume - self.at) > 1e-9:
            return
        if self.fault == "print":
            print("SCF converged")
            os.write(1, b"by C\n")
        if self.fault == "raise":
            raise RuntimeError("SCF did not\nconverge")
        if self.fault == "die":
            os._exit(1)
        if self.fault == "slow":
            time.sleep(0.05)
        if self.fault == "nan":
            self.results["forces"] = np.full_like(self.results["forces"], np.nan)
        if self.fault == "shape":
            self.results["forces"] = self.results["forces"].T
        if self.fault == "atoms":
            self.results["forces"] = self.results["forces"][:-1]
        if self.fault == "none":
            self.results["forces"] = None


class EnergyOnly(Calculator):
    """Energies without forces."""

    implemented_properties: ClassVar[list[str]] = ["energy"]

    def calculate(self, atoms: Any = None, properties: Any = ("energy",), system_changes: Any = ()) -> None:
        super().calculate(atoms, properties, system_changes)
        self.results = {"energy": -1.0 * len(atoms)}


def nothing() -> object:
    """No calculator at all."""
    return object()


not_callable = 3


class WithoutStress(EMT):
    """Energies and forces of EMT."""

    implemented_properties: ClassVar[list[str]] = ["energy", "free_energy", "forces"]
