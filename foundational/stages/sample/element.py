"""Decide the pool of any element of the registry: what no option says follows from the potential and params.yaml."""

from math import isfinite
from typing import Any, Final

from foundational.engines.crystals.compression import start_volume
from foundational.engines.crystals.references import ReferenceCrystals
from foundational.engines.lammps.potentials import ResolvedPotential
from foundational.engines.momt.block import System
from foundational.engines.momt.melting import Melting
from foundational.errors import InputError
from foundational.science.crystals import Structure
from foundational.science.order_parameter import check_supercell
from foundational.specs.sample import ElementSpec, SampleSettings

TEMPERATURES: Final = ("temperature_low", "temperature", "temperature_high")
#: What an extended pool takes over from the stored one.
_TAKEN_OVER: Final = ("frames", "cell", "shape_stiffness", *TEMPERATURES)


def check_options(given: dict[str, Any]) -> None:
    """Refuse impossible temperatures before any work.

    Parameters
    ----------
    given
        Some of `MomtPool`'s keys, as the user gave them.

    Raises
    ------
    InputError
        If a temperature is not a positive number, or the temperatures do not ascend.
    """
    numbers = {key: given[key] for key in TEMPERATURES if isinstance(given.get(key), int | float)}
    for key, value in numbers.items():
        if not (isfinite(value) and value > 0):
            raise InputError(f"expected {key} as a positive number of kelvin, got {value}")
    if any(first >= second for first, second in zip(numbers.values(), list(numbers.values())[1:], strict=False)):
        values = ", ".join(f"{value:g}" for value in numbers.values())
        raise InputError(f"expected {' < '.join(numbers)}, got {values} K")


def choose_structure(reference: ReferenceCrystals) -> Structure:
    """The ground state of the element.

    Raises
    ------
    InputError
        If it is HCP, for which there is no order parameter.
    """
    if reference.ground_state == "hcp":
        raise InputError(
            f"the ground state of {reference.element} with {reference.labeller.id} is hcp, and there is no order "
            "parameter for hcp; sample --structure fcc or bcc"
        )
    return reference.ground_state


def choose_pool(
    given: dict[str, Any],
    stored: dict[str, Any],
    spec: ElementSpec,
    potential: ResolvedPotential,
    reference: ReferenceCrystals,
) -> dict[str, Any]:
    """Choose the keys of `MomtPool`; temperatures only as far as they are given or stored.

    Parameters
    ----------
    given
        Some of `MomtPool`'s keys, as the user gave them.
    stored
        Those of the pool of the same name, stored or started; empty if there is none.
    spec
        What decides else.
    potential
        The potential that labels.
    reference
        The crystals of the element by that potential.

    Raises
    ------
    InputError
        If there is no order parameter for the crystal, or the supercell is too small or too large.
    """
    structure: Any = given.get("structure") or choose_structure(reference)
    supercell = given.get("supercell") or spec.supercell.get(structure, 1)
    check_supercell(structure, supercell)
    chosen: dict[str, Any] = {
        "method": "momt",
        "cell": spec.cell,
        "frames": spec.frames,
        **{key: stored[key] for key in _TAKEN_OVER if key in stored},
        **given,
        "element": reference.element,
        "potential": potential.id,
        "structure": structure,
        "supercell": supercell,
    }
    if chosen["cell"] != "isotropic":
        chosen.setdefault("shape_stiffness", spec.shape_stiffness)
    return chosen


def with_temperatures(chosen: dict[str, Any], melting: Melting, spec: ElementSpec) -> dict[str, Any]:
    """The chosen keys of a pool; temperatures that are missing follow from its melting."""
    found = dict(zip(TEMPERATURES, melting.temperatures(spec.window), strict=True))
    return chosen | {key: value for key, value in found.items() if key not in chosen}


def heated_system(chosen: dict[str, Any], settings: SampleSettings, potential: ResolvedPotential) -> System:
    """The cell that is heated: that of the pool, and isotropic whatever the pool's is."""
    pressure = chosen.get("pressure")
    return System(
        potential=potential,
        element=chosen["element"],
        structure=chosen["structure"],
        repeats=chosen["supercell"],
        pressure=settings.pressure if pressure is None else pressure,
        timestep=settings.timestep,
        thermostat_time=settings.thermostat_time,
        barostat_time=settings.barostat_time,
        cell="isotropic",
        start_volume=start_volume(potential, chosen["element"], chosen["structure"], pressure),
    )
