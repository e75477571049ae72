"""Tables and documents with an entry a configuration: GRACE's DataFrame, CHGNet's JSON, ColabFit's Parquet."""

import gzip
import pickle
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
from ase.data import chemical_symbols
from ase.stress import full_3x3_to_voigt_6_stress

from foundational.interchange.writing.databases import atoms_of
from foundational.interchange.writing.own_fields import as_one
from foundational.interchange.writing.parts import AnyPart, IsolatedAtom, Part
from foundational.units import GPA

#: eV/Å³ in kbar.
KBAR: Final = 10 * GPA


def write_grace(given: AnyPart, path: Path, isolated: Mapping[str, IsolatedAtom]) -> None:
    """A pickled pandas DataFrame, gzip: eV, eV/Å, eV/Å³ in ASE's order.

    ``energy_corrected``, the energy above isolated atoms, is a column where all of these are known.
    """
    import pandas as pd  # noqa: PLC0415 - an extra

    part = given.whole()
    c, labels, known = part.configurations, part.labels, part.known()
    ends = c.offsets.tolist()
    columns: dict[str, list[Any]] = {
        "ase_atoms": [atoms_of(part, i) for i in range(len(c))],
        "energy": labels.energy.tolist(),
        "forces": [labels.forces[a:b].astype(np.float64) for a, b in pairwise(ends)],
        "name": list(part.ids),
    }
    if known["stress"].all():
        columns["stress"] = list(full_3x3_to_voigt_6_stress(labels.stress))
    zero = np.full(len(chemical_symbols), np.nan)
    for element, atom in isolated.items():
        zero[chemical_symbols.index(element)] = atom.energy
    atomic = zero[c.atomic_numbers]
    if not np.isnan(atomic).any():
        columns["energy_corrected"] = (labels.energy - np.add.reduceat(atomic, c.offsets[:-1])).tolist()
    # Objects only: pandas 3 keeps texts in a type that pandas 2 cannot read.
    frame = pd.DataFrame(
        {name: pd.Series(_objects(values), dtype=object) for name, values in columns.items()},
    )
    for name in {"energy", "energy_corrected"} & set(columns):
        frame[name] = frame[name].astype(np.float64)
    frame.columns = pd.Index(list(columns), dtype=object)
    with gzip.open(path, "wb", compresslevel=1) as stream:
        pickle.dump(frame, stream, protocol=4)


def _objects(values: list[Any]) -> Any:
    array = np.empty(len(values), dtype=object)
    array[:] = values if not values or not isinstance(values[0], np.ndarray) else [None] * len(values)
    if values and isinstance(values[0], np.ndarray):
        for i, value in enumerate(values):
            array[i] = value
    return array


def write_chgnet(given: AnyPart, path: Path) -> None:
    """The JSON of CHGNet's own example of fine-tuning: eV per atom, eV/Å, and kbar with VASP's sign."""
    import orjson  # noqa: PLC0415 - an extra

    part = given.whole()
    c, labels, known = part.configurations, part.labels, part.known()
    document: dict[str, Any] = {
        "structure": [_structure(part, i) for i in range(len(c))],
        "energy_per_atom": (labels.energy / c.n_atoms).tolist(),
        "force": [labels.forces[a:b].tolist() for a, b in pairwise(c.offsets)],
    }
    if known["stress"].all():
        document["stress"] = (-KBAR * labels.stress).tolist()
    document["id"] = list(part.ids)
    path.write_bytes(orjson.dumps(document))


def _structure(part: Part, index: int) -> dict[str, Any]:
    """A configuration as ``pymatgen.core.Structure.as_dict`` spells it."""
    c = part.configurations
    atoms = slice(int(c.offsets[index]), int(c.offsets[index + 1]))
    cell, positions = c.cell[index], c.positions[atoms].astype(np.float64)
    fractions = np.linalg.solve(cell.T, positions.T).T
    return {
        "@module": "pymatgen.core.structure",
        "@class": "Structure",
        "charge": 0,
        "lattice": {"matrix": cell.tolist(), "pbc": c.pbc[index].tolist()},
        "properties": {},
        "sites": [
            {"species": [{"element": chemical_symbols[z], "occu": 1}], "abc": abc}
            for z, abc in zip(c.atomic_numbers[atoms].tolist(), fractions.tolist(), strict=True)
        ],
    }


def _field_columns(part: Part) -> dict[str, list[Any]]:
    """Fields of other programs, of configurations and of atoms: None where a configuration has none."""
    rows = (
        [as_one(part.fields_of(i), part.atom_fields_of(i)) for i in range(len(part.ids))]
        if part.fields or part.atom_fields
        else []
    )
    names = sorted({name for row in rows for name in row} - {"atom_fields"})
    return {name: [row.get(name) for row in rows] for name in names}


def write_parquet(given: AnyPart, path: Path) -> None:
    """The columns of ColabFit: eV, eV/Å, eV/Å³ with tension positive; null where a label is not known."""
    import pyarrow as pa  # noqa: PLC0415 - an extra
    import pyarrow.parquet as pq  # noqa: PLC0415

    part = given.whole()
    c, labels, known = part.configurations, part.labels, part.known()
    spans = list(pairwise(c.offsets.tolist()))
    numbers = [c.atomic_numbers[a:b].tolist() for a, b in spans]
    symbols = [sorted({chemical_symbols[z] for z in some}) for some in numbers]
    ones = np.ones(len(c), dtype=bool)
    threes = 3 * np.arange(len(c) + 1)

    def vectors(values: Any, offsets: Any, rows: Any) -> Any:
        """A list of rows of three numbers for each configuration, null where ``rows`` is false."""
        flat = np.ascontiguousarray(values, dtype=np.float64).reshape(-1)
        inner = pa.ListArray.from_arrays(pa.array(np.arange(0, len(flat) + 1, 3, dtype=np.int32)), pa.array(flat))
        return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), inner, mask=pa.array(~rows))

    columns: dict[str, Any] = {
        "configuration_id": pa.array(part.ids, pa.string()),
        "names": pa.array([[text] if text is not None else [] for text in part.config_types], pa.list_(pa.string())),
        "method": pa.array(part.methods, pa.string()),
        "energy": pa.array(labels.energy, mask=~known["energy"]),
        "atomic_forces": vectors(labels.forces, c.offsets, known["forces"]),
        "cauchy_stress": vectors(labels.stress, threes, known["stress"]),
        "cauchy_stress_volume_normalized": pa.array(ones, mask=~known["stress"]),
        "cell": vectors(c.cell, threes, ones),
        "positions": vectors(c.positions, c.offsets, ones),
        "pbc": pa.array(c.pbc.tolist(), pa.list_(pa.bool_())),
        "atomic_numbers": pa.array(numbers, pa.list_(pa.int32())),
        "nsites": pa.array(c.n_atoms),
        "elements": pa.array(symbols, pa.list_(pa.string())),
        "nelements": pa.array([len(some) for some in symbols], pa.int32()),
        "nperiodic_dimensions": pa.array(c.pbc.sum(axis=1).astype(np.int32)),
    }
    if any(text is not None for text in part.config_types):
        columns["config_type"] = pa.array(part.config_types, pa.string())
    for name, values in _field_columns(part).items():
        columns.setdefault(name, pa.array(values))
    table = pa.table(columns)
    pq.write_table(table, path, compression="zstd")
