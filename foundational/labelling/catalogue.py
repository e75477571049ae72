"""Labellers by the names that users give: ``lammps:NiNb``, ``sevennet``, ``gpaw:PBE``, ``ase:<module>:<factory>``."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from foundational.data.labeller import Labeller
from foundational.engines.ase import pretrained
from foundational.engines.ase.labeller import AseLabeller
from foundational.engines.gpaw.calculation import DEFAULTS
from foundational.engines.gpaw.labeller import GpawLabeller
from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.engines.lammps.potentials import potential_for, resolve_potential
from foundational.errors import InputError, did_you_mean
from foundational.execution.factories import imported

KINDS = ("ase", "gpaw", "lammps", *pretrained.MODELS)


def labeller_named(
    name: str,
    root: Path,
    arguments: Mapping[str, Any] | None = None,
    *,
    element: str | None = None,
    isolated_energy: float | None = None,
) -> Labeller:
    """The labeller called ``name``; a wrong name or argument is reported before anything is labelled.

    Parameters
    ----------
    name
        ``lammps:<potential id>``, ``lammps`` alone for the element's default potential, ``sevennet``, ``chgnet`` or
        ``diep`` with a model after a colon or without, ``gpaw`` or ``gpaw:<functional>``, or
        ``ase:<module>:<factory>``.
    root
        The project, for its registry of potentials.
    arguments
        Keyword arguments of an ASE factory, or settings of GPAW, of JSON's types.
    element
        The element of the configurations.
    isolated_energy
        Energy of one isolated atom of it, eV, where the user knows it. Potentials of the registry compute their own.

    Raises
    ------
    InputError, NotFoundError, MissingDependencyError
        If there is no such labeller, or it takes no arguments or no isolated energy and some were given.
    """
    kind, _, rest = name.partition(":")
    if kind not in ("ase", "gpaw") and arguments:
        raise InputError(
            f"{name!r} takes no arguments, got {', '.join(arguments)}; only gpaw and ase:<module>:<factory> do"
        )
    if kind == "lammps" and isolated_energy is not None:
        raise InputError(f"{name!r} computes the energy of an isolated atom itself; omit --isolated-energy")
    if kind == "lammps":
        if rest and element is None:
            return LammpsLabeller(resolve_potential(rest, root))
        if element is None:
            raise InputError("expected lammps:<potential id>; 'foundational potentials' lists them")
        return LammpsLabeller(potential_for(element, root, rest or None))
    if kind in pretrained.MODELS:
        model = pretrained.model_named(kind, rest or None)
        return AseLabeller(
            f"{kind}:{model}",
            pretrained.__name__,
            kind,
            json.dumps({"model": model}),
            isolated_energy,
            model_version=pretrained.package_version(kind, model),
            model_sha256=pretrained.model_sha256(kind, model),
        )
    if kind == "gpaw":
        if element is None:
            raise InputError("expected the element that gpaw labels")
        functional = {"xc": rest} if rest and rest != DEFAULTS["xc"] else {}
        labeller = GpawLabeller(
            tuple(re.findall("[A-Z][a-z]?", element)), _json(name, {**(arguments or {}), **functional}), isolated_energy
        )
        labeller.method()
        return labeller
    module, _, factory = rest.partition(":")
    if kind == "ase" and module and factory and ":" not in factory:
        imported(module, factory)
        return AseLabeller(name, module, factory, _json(name, arguments or {}), isolated_energy)
    known = "lammps:<potential id>, ase:<module>:<factory>, gpaw, " + ", ".join(pretrained.MODELS)
    hint = "" if kind in KINDS else f"; {did_you_mean(kind, KINDS)}"
    raise InputError(f"expected a labeller such as {known}, got {name!r}{hint}")


def _json(name: str, arguments: Mapping[str, Any]) -> str:
    try:
        return json.dumps(dict(arguments), sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputError(f"expected arguments of JSON's types for {name!r}: {error}") from None
