"""Lists of pymatgen structures with outputs, as mlearn, SNAP and MatPES publish them: JSON, also compressed."""

import gzip
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
from ase.data import atomic_numbers

from foundational.errors import InputError
from foundational.interchange.frame import Frame, FrameError, FrameReader

_LABELS: Final = frozenset({"energy", "forces", "stress", "virial_stress", "virial", "free_energy"})
_KEPT: Final = ("group", "tag", "tags", "description", "_id", "group_id", "matpes_id", "notes")


class PymatgenJson(FrameReader):
    """The reader of one JSON file, which is held in memory."""

    name: ClassVar[str] = "pymatgen-json"
    description: ClassVar[str] = "lists of pymatgen structures with outputs (.json, .json.gz)"
    defaults: ClassVar[Mapping[str, str]] = {
        "stress_unit": "kbar",
        "stress_sign": "compression",
        "stress_order": "vasp",
    }

    def accepts(self, path: Path) -> bool:
        """By the suffix, and by the words in the first entry."""
        suffixes = [suffix.lower() for suffix in path.suffixes]
        if not path.is_file() or ".json" not in suffixes[-2:]:
            return False
        try:
            with _opened(path) as stream:
                head = stream.read(100_000)
        except (OSError, UnicodeDecodeError, EOFError):
            return False
        return head.lstrip()[:1] in {"[", "{"} and '"structure"' in head and '"lattice"' in head

    def read(self, path: Path) -> Iterator[Frame | FrameError]:
        """Entries in the order of the file.

        Raises
        ------
        InputError
            If it is not JSON, or no list of entries.
        """
        try:
            with _opened(path) as stream:
                entries = json.load(stream)
        except (json.JSONDecodeError, UnicodeDecodeError, EOFError, OSError) as error:
            raise InputError(f"{path.name}: expected JSON ({error})") from None
        entries = list(entries.values()) if isinstance(entries, dict) and "structure" not in entries else entries
        entries = [entries] if isinstance(entries, dict) else entries
        for index, entry in enumerate(entries):
            source = f"{path.name}, frame {index}"
            try:
                yield _frame(source, entry)
            except (KeyError, TypeError, ValueError, IndexError) as error:
                yield FrameError(source, f"expected a pymatgen structure with outputs; {type(error).__name__}: {error}")


def _opened(path: Path) -> Any:
    opener: Any = gzip.open if path.suffix.lower() == ".gz" else open
    return opener(path, "rt", encoding="utf-8")


def _frame(source: str, entry: Mapping[str, Any]) -> Frame:
    structure = entry["structure"]
    outputs = entry.get("outputs", entry)
    cell = np.array(structure["lattice"]["matrix"], dtype=np.float64)
    sites = structure["sites"]
    numbers = [atomic_numbers[_element(site)] for site in sites]
    positions = [site["xyz"] if "xyz" in site else (np.array(site["abc"]) @ cell).tolist() for site in sites]
    info = {name: _plain(entry[name]) for name in _KEPT if entry.get(name) is not None}
    info |= {name: outputs[name] for name in _LABELS - {"forces"} if outputs.get(name) is not None}
    arrays = {} if outputs.get("forces") is None else {"forces": np.array(outputs["forces"], dtype=np.float64)}
    pbc = np.array(structure["lattice"].get("pbc", [True, True, True]), dtype=bool)
    return Frame(
        source,
        np.array(numbers, dtype=np.uint8),
        np.array(positions, dtype=np.float64).reshape(-1, 3),
        cell,
        pbc,
        info,
        arrays,
        {},
        _method(entry.get("params")),
    )


def _element(site: Mapping[str, Any]) -> str:
    """The symbol; of a species with an oxidation state too.

    Raises
    ------
    ValueError
        If several elements share the site.
    """
    species = site["species"]
    if len(species) != 1 or abs(float(species[0].get("occu", 1)) - 1) > 1e-6:
        raise ValueError("a site is occupied by several elements")
    return str(species[0]["element"])


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return " ".join(map(str, value))
    return json.dumps(value, ensure_ascii=False, sort_keys=True) if isinstance(value, dict) else value


def _method(params: Any) -> dict[str, Any]:
    """What the parameters of a calculation say, by the fields of `MethodRecord`."""
    if not isinstance(params, dict):
        return {}
    found: dict[str, Any] = {}
    potentials = params.get("pp")
    if isinstance(potentials, dict):
        found["pseudopotentials"] = tuple(sorted(map(str, potentials.values())))
    if isinstance(params.get("e_cut"), int | float):
        found["cutoff_eV"] = float(params["e_cut"])
    rest = {name: value for name, value in params.items() if name not in {"pp", "e_cut"}}
    return found | ({"stated": rest} if rest else {})
