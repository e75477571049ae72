"""How trainers read tables and documents: GRACE's DataFrame, CHGNet's JSON, ColabFit's Parquet."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from ase.data import atomic_numbers

from foundational.interchange.proofs.received import Received

_VOIGT = [[0, 5, 4], [5, 1, 3], [4, 3, 2]]


def read_grace(path: Path) -> Iterator[Received]:
    """GRACE (tensorpotential 0.6), cli/data.py: ``pandas.read_pickle(…, compression="gzip")``, a row a configuration.

    Columns ``ase_atoms``, ``energy`` eV, ``forces`` eV/Å, ``stress`` six numbers in ASE's order, eV/Å³ by default.
    """
    import pandas as pd  # noqa: PLC0415 - an extra

    frame = pd.read_pickle(path, compression="gzip")
    for row in frame.to_dict("records"):
        atoms = row["ase_atoms"]
        stress = row.get("stress")
        yield Received(
            atoms.numbers,
            atoms.positions,
            atoms.cell.array,
            atoms.pbc,
            float(row["energy"]),
            row["forces"],
            None if stress is None else stress[_VOIGT],
        )


def read_chgnet(path: Path) -> Iterator[Received]:
    """CHGNet 0.4.2, data/dataset.py (StructureData) and its example of fine-tuning: lists of structures and labels.

    Energies are per atom; stresses are multiplied by −0.1, which makes GPa with tension positive of VASP's kbar.
    """
    import orjson  # noqa: PLC0415 - an extra

    document = orjson.loads(path.read_bytes())
    stresses = document.get("stress")
    for i, structure in enumerate(document["structure"]):
        cell = np.array(structure["lattice"]["matrix"])
        sites = structure["sites"]
        stress = None if stresses is None else np.array(stresses[i]) * -0.1  # GPa
        yield Received(
            np.array([atomic_numbers[site["species"][0]["element"]] for site in sites]),
            np.array([site["abc"] for site in sites]) @ cell,
            cell,
            np.array(structure["lattice"]["pbc"]),
            document["energy_per_atom"][i] * len(sites),
            np.array(document["force"][i]),
            None if stress is None else stress / 160.2176634,
        )


def read_parquet(path: Path) -> Iterator[Received]:
    """ColabFit, colabfit/tools/vast/schema.py: ``energy``, ``atomic_forces``, ``cauchy_stress``; null is no label.

    Units are those of the project's files: eV, eV/Å, eV/Å³ with tension positive where
    ``cauchy_stress_volume_normalized``.
    """
    import pyarrow.parquet as pq  # noqa: PLC0415 - an extra

    def array(values: Any) -> Any:
        return None if values is None else np.array(values)

    for row in pq.read_table(path).to_pylist():
        yield Received(
            np.array(row["atomic_numbers"]),
            np.array(row["positions"]),
            np.array(row["cell"]),
            np.array(row["pbc"]),
            row["energy"],
            array(row["atomic_forces"]),
            array(row["cauchy_stress"]) if row["cauchy_stress_volume_normalized"] else None,
        )
