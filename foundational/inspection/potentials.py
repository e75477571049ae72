"""The reference potentials of a project's registry, with the crystals that they give where asked."""

from pathlib import Path
from typing import Any

from foundational.errors import NotFoundError
from foundational.science.crystals import lattice_constant
from foundational.specs.potentials import PotentialRegistry, PotentialSpec


def list_potentials(root: Path, element: str | None = None, *, crystals: bool = False) -> list[dict[str, Any]]:
    """Every potential of the registry: its entry, ``default_for`` and, where asked, its ``crystals``.

    Parameters
    ----------
    element
        Only potentials with this element, or with all of several joined by hyphens, such as ``Ni-Al``.
    crystals
        Relax FCC, BCC and HCP with each potential: energy in eV/atom, lengths in Å, volume in Å³.

    Raises
    ------
    NotFoundError
        The registry has no potential with that element, or with all of these.
    """
    registry = PotentialRegistry.read(root)
    listed = []
    asked = element.split("-") if element else []
    for spec in _with_all(registry, asked) if asked else registry.potentials:
        entry = spec.model_dump(mode="json")
        entry["default_for"] = [symbol for symbol, name in registry.defaults.items() if name == spec.id]
        if crystals:
            symbols = asked or spec.elements
            entry["crystals"] = {symbol: _crystals(root, spec.id, symbol) for symbol in symbols}
        listed.append(entry)
    return listed


def _with_all(registry: PotentialRegistry, elements: list[str]) -> tuple[PotentialSpec, ...]:
    """Potentials with all of ``elements``; of one element its default first."""
    found = [spec for spec in registry.for_element(elements[0]) if set(elements) <= set(spec.elements)]
    if not found:
        raise NotFoundError(
            f"no potential with {' and '.join(elements)} together in the registry; foundational potentials --all lists "
            "those of LAMMPS too"
        )
    return tuple(found)


def _crystals(root: Path, potential: str, element: str) -> dict[str, dict[str, float]]:
    from foundational.engines.crystals.references import reference_crystals  # noqa: PLC0415 - loads LAMMPS
    from foundational.engines.lammps.labeller import LammpsLabeller  # noqa: PLC0415
    from foundational.engines.lammps.potentials import resolve_potential  # noqa: PLC0415

    found = reference_crystals(LammpsLabeller(resolve_potential(potential, root)), element).isotropic
    return {
        structure: {
            "energy_per_atom": crystal.energy_per_atom,
            "bond": crystal.bond,
            "volume_per_atom": crystal.volume_per_atom,
            "lattice_constant": lattice_constant(structure, crystal.volume_per_atom),
        }
        for structure, crystal in found.items()
    }
