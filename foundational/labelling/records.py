"""Between a labeller and its record: how labels were computed, and which labeller can compute them again."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from foundational.data.labeller import Labeller
from foundational.data.layout import VARIABLES
from foundational.elements import symbols_in
from foundational.errors import ConflictError, FoundationalError, InputError
from foundational.labelling.catalogue import labeller_named
from foundational.provenance.record import LabellerRecord, ProvenanceRecord

#: Units in which every dataset is stored, whatever the labeller's own.
_UNITS = {name: VARIABLES[name].unit for name in ("energy", "forces", "stress")} | {"stress_sign": "tension positive"}

#: Settings of GPAW that choose k-points, and nothing on which the zero of the energy depends.
MESH = {"spacing", "shift", "point_group"}


def labeller_record(labeller: Labeller, element: str) -> LabellerRecord:
    """The record of ``labeller`` in a dataset of ``element``: the same one for every stage.

    Of several elements, joined as ``AlNi``, it has the isolated atom of each.

    Raises
    ------
    InputError
        If the labeller cannot be set up.
    """
    method = labeller.method()
    symbols = symbols_in(element)
    return LabellerRecord(
        id=labeller.id,
        version=method.version,
        sha256=method.sha256,
        parameters={
            **method.parameters,
            "units": _UNITS,
            "isolated_atom_eV": {symbol: labeller.isolated_energy(symbol) for symbol in symbols},
        },
    )


def labeller_of(record: LabellerRecord, root: Path, named: Labeller | None = None) -> Labeller:
    """The labeller that gave the labels of a record.

    A record may come from anywhere, and ``ase:<module>:<factory>`` runs any code: such a labeller is only used where
    the user names it too.

    Raises
    ------
    InputError
        If it must be named, or no such labeller can be made.
    ConflictError
        If another one, or one with other arguments, was named.
    """
    arguments = record.parameters.get("arguments", {})
    if named is None and record.id.startswith("ase:"):
        raise InputError(
            f"the labels are by {record.id} with {json.dumps(arguments)}; if you trust that, name it with --labeller"
        )
    labeller = _recorded(record, root) if named is None else named
    if (labeller.id, labeller.arguments) != (record.id, arguments):
        raise ConflictError(
            f"the labels are by {record.id} {json.dumps(arguments)}, "
            f"not by {labeller.id} {json.dumps(labeller.arguments)}"
        )
    return labeller


def _recorded(record: LabellerRecord, root: Path) -> Labeller:
    if not record.id.startswith("gpaw:"):
        return labeller_named(record.id, root)
    atoms = record.parameters.get("isolated_atom_eV", {})
    stated = next(iter(atoms.values()), None)
    arguments = record.parameters.get("arguments")
    return labeller_named(record.id, root, arguments, element="".join(atoms), isolated_energy=stated)


def labellers_of_recipes(record: ProvenanceRecord, root: Path) -> dict[str, Labeller]:
    """By recipe, what gave the labels that have a mesh of k-points of their own; nothing where no recipe has one.

    Raises
    ------
    InputError
        If the record states what is no mesh, or one for another labeller than GPAW.
    """
    found = dict[str, Labeller]()
    for step in (*record.parents, record):
        if step.labeller.id == record.labeller.id:
            stated = step.details.get("meshes", {})
            found |= {name: labeller_with_mesh(step.labeller, root, settings) for name, settings in stated.items()}
    return found


def labeller_with_mesh(record: LabellerRecord, root: Path, settings: Mapping[str, Any]) -> Labeller:
    """The labeller of a record with another mesh of k-points: the same method, and the same zero of the energy.

    Raises
    ------
    InputError
        If the labeller is not GPAW, or a setting is none of the mesh.
    """
    if not record.id.startswith("gpaw:"):
        raise InputError(f"expected labels by gpaw, whose k-points can be chosen by recipe, got {record.id}")
    if other := sorted(settings.keys() - MESH):
        raise InputError(f"expected settings of a mesh, {', '.join(sorted(MESH))}; got {other[0]!r}")
    parameters = dict(record.parameters)
    parameters["arguments"] = parameters.get("arguments", {}) | dict(settings)
    return _recorded(record.model_copy(update={"parameters": parameters}), root)


def pair_labeller(record: LabellerRecord, root: Path) -> Labeller | None:
    """The labeller of a record, where it is a potential that labels at once and runs no code of others, else None."""
    if not record.id.startswith("lammps:"):
        return None
    try:
        labeller = labeller_of(record, root)
        return labeller if labeller.method().sha256 == record.sha256 else None
    except FoundationalError:
        return None
