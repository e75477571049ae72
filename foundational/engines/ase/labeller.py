"""Any ASE calculator as a labeller: made by a factory that is named, never kept between processes."""

import json
import os
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from importlib.metadata import packages_distributions, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import PropertyNotImplementedError
from numpy.typing import NDArray

from foundational.data.configurations import Configurations, Labels
from foundational.data.labeller import REQUIRED, Method
from foundational.errors import EngineError, InputError
from foundational.execution.factories import imported


@dataclass(frozen=True)
class AseLabeller:
    """The calculator that ``module.factory(**arguments)`` returns.

    The atoms that it is given carry species, cell and positions, and nothing else: no charges, no magnetic moments. A
    method that needs more is set up in your own factory. ASE's units and signs are those of the layout. The
    energy is the one whose derivatives the forces are (``free_energy``) where the calculator tells it.

    The calculator is made once in a process and reset before each configuration.
    """

    name: str
    """As labels are recorded: ``ase:<module>:<factory>``, ``sevennet:<model>``."""
    module: str
    factory: str
    arguments_json: str = "{}"
    """Keyword arguments of the factory, a JSON object: so that it pickles, compares and is recorded."""
    atom_energy: float | None = None
    """Energy of one isolated atom of the element that is labelled, eV, as the user states it."""
    model_version: str | None = None
    """Of a pretrained model: its package with its version."""
    model_sha256: str | None = None
    """Of a pretrained model's file."""

    @property
    def id(self) -> str:
        """The name."""
        return self.name

    @property
    def expensive(self) -> bool:
        """Yes: a calculator may take hours for a configuration."""
        return True

    @property
    def gives(self) -> tuple[str, ...]:
        """Those labels of the layout that the calculator names; all that are required where it names none."""
        named = getattr(self.calculator(), "implemented_properties", None)
        return tuple(name for name in REQUIRED if not named or name in named)

    @property
    def arguments(self) -> dict[str, Any]:
        """Keyword arguments of the factory."""
        return dict(json.loads(self.arguments_json))

    def method(self) -> Method:
        """The package or file of the calculator, its arguments, and which energy is taken."""
        parameters = {"arguments": self.arguments, "energy_reference": self.energy_reference}
        if self.model_version is not None:
            return Method(self.model_version, self.model_sha256, parameters)
        return Method(self.version, self.source_sha256, parameters)

    def isolated_energy(self, element: str) -> float | None:  # noqa: ARG002 - one labeller, one element
        """Energy of one isolated atom as the user states it, eV; None where it is unknown."""
        return self.atom_energy

    @property
    def version(self) -> str:
        """The package that the factory comes from, with its version; ``unpackaged`` for a module outside packages."""
        names = packages_distributions().get(self.module.partition(".")[0])
        return f"{names[0]} {version(names[0])}" if names else "unpackaged"

    @property
    def source_sha256(self) -> str | None:
        """Of the module's file, where no package's version says what it is."""
        if self.version != "unpackaged":
            return None
        found = find_spec(self.module)
        return (
            None
            if found is None or not found.has_location
            else sha256(Path(str(found.origin)).read_bytes()).hexdigest()
        )

    @property
    def energy_reference(self) -> str:
        """Which of a calculator's energies is taken: ``free_energy``, or ``energy`` where it has only that."""
        return "free_energy" if _has_free_energy(self.calculator()) else "energy"

    def calculator(self) -> Any:
        """The calculator of this process.

        Raises
        ------
        InputError
            If the factory cannot be imported, does not take these arguments, or makes no calculator.
        """
        return _calculator(os.getpid(), self)

    def label(self, configurations: Configurations) -> Labels:
        """Labels of every configuration, without atomic energies: what those mean differs between calculators.

        The stress is not known, NaN, where the calculator has none, and of a configuration without a volume.

        Raises
        ------
        InputError
            If the calculator is none, lacks forces, or gives arrays of another shape: it will fail on every
            configuration.
        EngineError
            If it fails on a configuration, or gives a label that is not finite.
        """
        calculator = self.calculator()
        energy, stress = np.empty(len(configurations)), np.empty((len(configurations), 3, 3))
        forces = np.empty((len(configurations.positions), 3), np.float32)
        stressed = ~configurations.without_volume if "stress" in self.gives else np.zeros(len(configurations), bool)
        for c in range(len(configurations)):
            rows = slice(int(configurations.offsets[c]), int(configurations.offsets[c + 1]))
            energy[c], forces[rows], stress[c] = self._label(calculator, configurations, c, rows, bool(stressed[c]))
        return Labels(energy, forces, stress)

    def _label(
        self, calculator: Any, configurations: Configurations, c: int, rows: slice, stressed: bool
    ) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
        atoms = Atoms(
            numbers=configurations.atomic_numbers[rows],
            positions=configurations.positions[rows].astype(np.float64),
            cell=configurations.cell[c],
            pbc=configurations.pbc[c],
        )
        n = len(atoms)
        try:
            if callable(getattr(calculator, "reset", None)):
                calculator.reset()
            atoms.calc = calculator
            energy = atoms.get_potential_energy(force_consistent=_has_free_energy(calculator))
            found = {
                "energy": energy,
                "forces": calculator.get_forces(atoms),
            }
            if stressed:
                found["stress"] = atoms.get_stress(voigt=False, apply_constraint=False)
        except PropertyNotImplementedError as error:
            raise InputError(
                f"{self.id} gives no {_words(error) or 'forces'}; expected a calculator with {', '.join(REQUIRED)}"
            ) from error
        except MemoryError:
            raise
        except Exception as error:  # whatever an external program raises
            _calculator.cache_clear()  # whatever state it is left in
            raise EngineError(f"{self.id} failed: {type(error).__name__}: {_words(error)}") from error
        shapes = {"energy": (), "forces": (n, 3), "stress": (3, 3)}
        arrays = {}
        for name, value in found.items():
            if value is None:
                raise InputError(f"{self.id} gives no {name}; expected a calculator with {', '.join(REQUIRED)}")
            arrays[name] = np.asarray(value, dtype=np.float64)
            if name == "energy" and arrays[name].size == 1:
                arrays[name] = arrays[name].reshape(())
            if arrays[name].shape != shapes[name]:
                raise InputError(
                    f"{self.id} gave {name} of shape {arrays[name].shape}; expected {shapes[name]} for {n} atoms"
                )
            if not np.isfinite(arrays[name]).all():
                raise EngineError(f"{self.id} gave {name} with a number that is not finite")
        return float(arrays["energy"]), arrays["forces"], arrays.get("stress", np.full((3, 3), np.nan))


def _has_free_energy(calculator: Any) -> bool:
    return "free_energy" in getattr(calculator, "implemented_properties", ())


def _words(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]


@lru_cache(maxsize=4)
def _calculator(_process: int, labeller: AseLabeller) -> Any:
    """The calculator of this process; a forked child must not use its parent's."""
    make = imported(labeller.module, labeller.factory)
    try:
        made = make(**labeller.arguments)
    except Exception as error:
        raise InputError(
            f"{labeller.id} could not be set up with {labeller.arguments_json}: {type(error).__name__}: {_words(error)}"
        ) from error
    if not all(callable(getattr(made, name, None)) for name in ("get_potential_energy", "get_forces", "get_stress")):
        raise InputError(f"{labeller.id} made a {type(made).__name__}; expected an ASE calculator")
    return made
