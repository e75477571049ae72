"""Which values of a file are labels: by the names that programs give them, each label for itself.

Names, shapes, units and signs of the common trainers: docs/own-data.md.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from math import isfinite, prod
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from foundational.interchange.frame import Frame, FrameError
from foundational.interchange.label_choice import ENERGY_UNITS, STRESS_UNITS, LabelChoice
from foundational.interchange.reading.text import number, numbers

#: Prefixes of keys that mark a reference label, in the order in which they are believed.
_PREFIXES: Final = ("ref_", "dft_", "qm_", "vasp_", "")
#: Names of a label without prefix, in lower case, in the order in which they are believed.
_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "energy": ("energy", "total_energy", "potential_energy"),
    "free_energy": ("free_energy",),
    "forces": ("forces", "force", "atomic_forces"),
    "stress": ("stress", "virial_stress", "cauchy_stress"),
    "virial": ("virial", "virials"),
    "atomic_energies": ("atomic_energies", "energies"),
}
#: What a key looks like that may be a label; weights and the like are none.
_LIKELY: Final[Mapping[str, re.Pattern[str]]] = {
    "energy": re.compile(r"^(?!.*weight)(?:.*energ|.*toten|e$|e0$|e_|.*_e$|eref)"),
    "forces": re.compile(r"^(?!.*weight)(?:.*forc|f$|frc$)"),
    "stress": re.compile(r"^(?!.*weight)(?:.*stress|.*virial|sigma$)"),
}
#: eV/atom; a free energy differs from the energy by the entropy of the electrons, which is less than this.
_ENTROPY: Final = 1.0


@dataclass
class Recognised:
    """The labels of one frame in units of the layout, and what is left of its values."""

    energy: float | None = None
    forces: NDArray[np.float64] | None = None
    """(N, 3)"""
    stress: NDArray[np.float64] | None = None
    """(3, 3), tension positive."""
    atomic_energies: NDArray[np.float64] | None = None
    """(N,)"""
    taken: dict[str, str] = field(default_factory=dict)
    """By label: the key that it came from."""
    info: dict[str, Any] = field(default_factory=dict)
    """Other values of the configuration."""
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)
    """Other values of its atoms."""
    remarks: tuple[str, ...] = ()
    """What a user should know, such as which of two energies was taken."""
    keys: Mapping[str, str | None] = field(default_factory=dict)
    """By label: the most believed of its names that the frame has."""


def common_keys() -> str:
    """The names under which labels are looked for, for a message."""
    names = [name for label in ("energy", "forces", "stress", "virial") for name in _NAMES[label]]
    return f"{', '.join(names)}, also with {', '.join(prefix.upper() for prefix in _PREFIXES if prefix)} before them"


def likely_keys(label: str, names: Iterable[str]) -> list[str]:
    """Those of ``names`` that may be a label under a name that is not a common one."""
    found = (name for name in names if _LIKELY[label].search(name.lower()))
    return sorted(name for name in found if not any(_key((name,), common) for common in _NAMES))


def recognise(frame: Frame, choice: LabelChoice) -> Recognised:
    """The labels of ``frame``, each from the first of its known names that is there.

    Reference keys (``REF_``, ``DFT_``) come before plain ones, and plain ones before results of the format. Of an
    energy and a free energy the free energy is taken, to which the forces belong (docs/labellers.md), unless the two
    differ by more than an electronic entropy can.

    Raises
    ------
    FrameError
        If a label is no finite number or has a wrong shape, or a key that was named is absent.
    """
    found = Recognised(
        info=dict(frame.info), arrays=dict(frame.arrays), keys=_keys(tuple(frame.info), tuple(frame.arrays))
    )
    n_atoms = len(frame.numbers)
    energy_scale = choice.factor(choice.energy_unit, ENERGY_UNITS, "--energy-unit")
    energy, key = _taken(frame, found, "energy", choice.energy_key)
    if choice.energy_key is None:
        free, free_key = _taken(frame, found, "free_energy", None, keep=True)
        energy, key = _force_consistent(frame, found, (energy, key), (free, free_key), energy_scale)
    if key is not None:
        found.energy = _checked_number(frame, choice, key, energy) * energy_scale
        found.taken["energy"] = key
    forces, key = _taken(frame, found, "forces", choice.forces_key, rows=n_atoms)
    if key is not None:
        found.forces = (
            _checked(frame, choice, key, lambda: _shaped(numbers(forces), (n_atoms, 3))) * choice.forces_scale
        )
        found.taken["forces"] = key
    _take_stress(frame, found, choice, energy_scale)
    atomic, key = _taken(frame, found, "atomic_energies", None, rows=n_atoms)
    if key is not None:
        shares = _checked(frame, choice, key, lambda: _shaped(numbers(atomic), (n_atoms,)))
        found.atomic_energies = shares * energy_scale
        found.taken["atomic_energies"] = key
    return found


def _taken(
    frame: Frame, found: Recognised, label: str, named: str | None, *, rows: int | None = None, keep: bool = False
) -> tuple[Any, str | None]:
    """The value of a label and its key, by which no other value of the frame goes; (None, None) where it has none."""
    place: dict[str, Any] = found.info if rows is None else found.arrays
    if named is not None and named not in place:
        return None, None
    key = found.keys.get(label) if named is None else named
    if key is not None and key not in place:  # another label took it
        key = _key(tuple(place), label)
    if key is not None and rows is not None and named is None:
        shape = np.shape(place[key])
        key = key if (shape[0] if shape else 1) == rows else None
    if key is not None:
        return (place[key] if keep else place.pop(key)), key
    value = frame.results.get(label)
    return value, None if value is None else label


@lru_cache(maxsize=1024)
def _keys(info: tuple[str, ...], arrays: tuple[str, ...]) -> Mapping[str, str | None]:
    """By label: its most believed key among those of a configuration or of its atoms."""
    return {label: _key(arrays if label in {"forces", "atomic_energies"} else info, label) for label in _NAMES}


@lru_cache(maxsize=4096)
def _key(place: tuple[str, ...], label: str) -> str | None:
    """The most believed key of a label among the keys of a frame."""
    lowered: dict[str, str] = {}
    for key in place:
        lowered.setdefault(key.lower(), key)
    for prefix in _PREFIXES:
        for name in _NAMES[label]:
            if prefix + name in lowered:
                return lowered[prefix + name]
    return None


def _force_consistent(
    frame: Frame,
    found: Recognised,
    energy: tuple[Any, str | None],
    free: tuple[Any, str | None],
    scale: float,
) -> tuple[Any, str | None]:
    """Of an energy and a free energy, each with its key, the one to which forces belong."""
    if free[1] is None or (energy[1] or "").lower().startswith(_PREFIXES[:-1]):
        return energy
    if energy[1] is None:
        found.info.pop(free[1], None)
        return free
    try:
        difference = abs(number(free[0]) - number(energy[0])) * scale / len(frame.numbers)
    except ValueError:
        return energy
    if not difference <= _ENTROPY:
        found.remarks += (
            f"{free[1]} is not the free energy of {energy[1]} ({difference:.3g} eV/atom apart): {energy[1]} taken",
        )
        return energy
    if difference > 0:
        found.remarks += (f"{free[1]} taken, to which forces belong, and not {energy[1]}",)
        found.info[energy[1]] = energy[0]
    found.info.pop(free[1], None)
    return free


def _take_stress(frame: Frame, found: Recognised, choice: LabelChoice, energy_scale: float) -> None:
    """Stress, or else the virial −σV."""
    virial_named = choice.virial_key is not None and choice.stress_key is None
    stress, key = (None, None) if virial_named else _taken(frame, found, "stress", choice.stress_key)
    if key is not None:
        if key == "stress" and "stress" not in frame.info:  # the format fixes what it means
            found.stress = _checked(frame, choice, key, lambda: _shaped(numbers(stress), (3, 3)))
        else:
            sign = 1.0 if choice.stress_sign == "tension" else -1.0
            scale = sign * choice.factor(choice.stress_unit, STRESS_UNITS, "--stress-unit")
            found.stress = _checked(frame, choice, key, lambda: _matrix(numbers(stress), choice)) * scale
        found.taken["stress"] = key
        if choice.stress_key is None and _plain_belongs(found, key):
            found.remarks += (f"{key} is exactly zero: not computed; the stress of energy and forces taken",)
            _take_stress(frame, found, choice, energy_scale)
            return
        _taken(frame, found, "virial", None)
        return
    virial, key = _taken(frame, found, "virial", choice.virial_key)
    if key is None:
        return
    volume = abs(float(np.linalg.det(frame.cell)))
    if not frame.pbc.all() or volume < 1e-3:
        found.info[key] = virial
        return
    matrix = _checked(frame, choice, key, lambda: _matrix(numbers(virial), choice))
    found.stress = matrix * (-energy_scale / volume)
    found.taken["stress"] = key


def _plain_belongs(found: Recognised, key: str) -> bool:
    """Whether a stress under a reference key is zero, and a plain one beside belongs to the plain energy."""
    marked = _PREFIXES[:-1]
    if found.stress is None or found.stress.any() or not key.lower().startswith(marked):
        return False
    other = _key(tuple(found.info), "stress")
    return other is not None and not any(
        name.lower().startswith(marked) for name in (other, found.taken.get("energy", "ref_"))
    )


def _checked_number(frame: Frame, choice: LabelChoice, key: str, value: Any) -> float:
    """One finite number, or an error that names file, frame and key."""
    if type(value) is float and isfinite(value):
        return value
    return float(_checked(frame, choice, key, lambda: np.array(number(value))).item())


def _checked(
    frame: Frame, choice: LabelChoice, key: str, value: Callable[[], NDArray[np.float64]]
) -> NDArray[np.float64]:
    """The finite numbers that ``value`` gives, or an error that names file, frame and key."""
    try:
        array = value()
    except ValueError as error:
        raise FrameError(frame.source, f"{key}: {error}") from None
    if (
        not isfinite(array.sum())
        and not np.isfinite(array).all()
        and not (choice.nan == "unknown" and not np.isinf(array).any())
    ):
        bad = array.reshape(-1)[~np.isfinite(array.reshape(-1))][0]
        raise FrameError(frame.source, f"{key} holds {bad}, which is no finite number")
    return array


def _shaped(values: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.float64]:
    if values.size != prod(shape):
        raise ValueError(f"expected {' × '.join(map(str, shape))} numbers, got {values.size}")
    return values.reshape(shape)


def _matrix(values: NDArray[np.float64], choice: LabelChoice) -> NDArray[np.float64]:
    """(3, 3) from six or nine numbers in the order that is stated; nine are a matrix, row after row, by default."""
    order = choice.order
    if values.size == 9 and choice.stress_order in {"ase", "vasp"}:
        return values.reshape(3, 3)
    if values.size not in {6, 9}:
        raise ValueError(f"expected 6 or 9 numbers, got {values.size}")
    if values.size != len(order):
        raise ValueError(
            f"{values.size} numbers, and --stress-order names {len(order)}; name the {values.size} in their order"
        )
    named = dict(zip(order, values.reshape(-1).tolist(), strict=True))
    return np.array([[named[a + b if a + b in named else b + a] for b in "xyz"] for a in "xyz"])
