"""Between a labeller and its record: how labels came to be, and who could give them again."""

import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
from ase.data import atomic_numbers

from foundational.data.configurations import Configurations
from foundational.data.layout import VARIABLES
from foundational.engines.ase import pretrained
from foundational.engines.ase.labeller import AseLabeller
from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.errors import ConflictError, InputError
from foundational.labelling.catalogue import labeller_named
from foundational.provenance.record import LabellerRecord

#: In which every dataset is stored, whatever the labeller's own.
_UNITS = {name: VARIABLES[name].unit for name in ("energy", "forces", "stress")} | {"stress_sign": "tension positive"}


def labeller_record(
    labeller: LammpsLabeller | AseLabeller, element: str, isolated_energy: float | None = None
) -> LabellerRecord:
    """A labeller as the record of a dataset of ``element`` names it.

    Parameters
    ----------
    isolated_energy
        Energy of one atom alone, eV, as its user knows it; None where the method has none. A potential of the registry
        computes its own.
    """
    if isinstance(labeller, LammpsLabeller):
        spec = labeller.potential.spec
        return LabellerRecord(
            id=labeller.id,
            version=f"lammps {version('lammps')}",
            sha256=spec.sha256,
            parameters={
                "pair_style": spec.pair_style,
                "units": _UNITS,
                "isolated_atom_eV": {element: isolated_energy_of(labeller, element)},
            },
        )
    kind, _, model = labeller.id.partition(":")
    known = kind in pretrained.MODELS
    return LabellerRecord(
        id=labeller.id,
        version=pretrained.package_version(kind) if known else labeller.version,
        sha256=pretrained.model_sha256(kind, model) if known else labeller.source_sha256,
        parameters={
            "arguments": json.loads(labeller.arguments),
            "energy_reference": labeller.energy_reference,
            "units": _UNITS,
            "isolated_atom_eV": {element: isolated_energy},
        },
    )


def isolated_energy_of(labeller: LammpsLabeller, element: str) -> float:
    """Energy of one atom farther from its images than the potential reaches, eV."""
    cell = 3.0 * labeller.potential.spec.cutoff * np.eye(3)
    alone = Configurations.build([cell], [np.zeros((1, 3))], [np.array([atomic_numbers[element]])])
    return float(labeller.label(alone).energy[0])


def labeller_of(
    record: LabellerRecord, root: Path, named: LammpsLabeller | AseLabeller | None = None
) -> LammpsLabeller | AseLabeller:
    """The labeller that gave the labels of a record.

    A record may come from anywhere, and ``ase:<module>:<factory>`` runs code of any kind: such a labeller is taken only
    where its user names it too.

    Raises
    ------
    InputError
        If it must be named, or is not a labeller that can be made.
    ConflictError
        If another one, or one with other arguments, was named.
    """
    arguments = record.parameters.get("arguments", {})
    if named is None and record.id.startswith("ase:"):
        raise InputError(
            f"the labels are by {record.id} with {json.dumps(arguments)}; if you trust that, name it with --labeller"
        )
    found = labeller_named(record.id, root) if named is None else named
    same = found.id == record.id and not (isinstance(found, AseLabeller) and json.loads(found.arguments) != arguments)
    if not same:
        theirs = found.arguments if isinstance(found, AseLabeller) else ""
        raise ConflictError(f"the labels are by {record.id} {json.dumps(arguments)}, and not by {found.id} {theirs}")
    return found
