"""Trained networks as the forces of a LAMMPS simulation, by its ``fix external`` (docs.lammps.org/fix_external)."""

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from ase.data import atomic_numbers
from numpy.typing import NDArray

from foundational.engines.ani.dynamics import ForceField
from foundational.engines.ani.ensemble import Ensemble
from foundational.engines.lammps.library import run_commands
from foundational.errors import InputError

_FIX = "foundational"
#: Å; the pair style that stands in has no forces, so its list of neighbours is kept small.
_STAND_IN = 1.0


class _Forces:
    """What LAMMPS calls in each step."""

    def __init__(self, lammps: Any, ensemble: Ensemble, elements: Sequence[str], threads: int | None) -> None:
        self._lammps, self._ensemble, self._threads = lammps, ensemble, threads
        self._numbers = np.array([atomic_numbers[symbol] for symbol in elements])
        self._field: ForceField | None = None
        self._known: NDArray[np.int64] | None = None

    def __call__(self, _: Any, step: int, count: int, tag: NDArray[np.int32], x: Any, f: Any) -> None:
        try:
            self._compute(count, tag, x, f)
        except Exception as error:
            print(f"error: step {step}: {error}", file=sys.stderr)
            f[:count] = np.nan
            self._lammps.force_timeout()

    def _compute(self, count: int, tag: NDArray[np.int32], x: Any, f: Any) -> None:
        order = np.argsort(
            tag[:count]
        )  # LAMMPS sorts atoms in space from time to time; the list of neighbours does not
        numbers = self._numbers[self._lammps.numpy.extract_atom("type")[:count][order] - 1]
        low, high, xy, yz, xz, periodic, _ = self._lammps.extract_box()
        if self._field is None or self._known is None or not np.array_equal(numbers, self._known):
            self._field, self._known = ForceField(self._ensemble, numbers, np.asarray(periodic, dtype=bool)), numbers
        cell = np.diag(np.subtract(high, low))
        cell[1, 0], cell[2, 0], cell[2, 1] = xy, xz, yz
        found = self._field.step(np.ascontiguousarray(x[order]) - low, cell, threads=self._threads)
        f[order] = found.forces
        self._lammps.fix_external_set_energy_global(_FIX, found.energy)
        xx, yy, zz, s_yz, s_xz, s_xy = (-found.strain_derivative).tolist()
        self._lammps.fix_external_set_virial_global(_FIX, [xx, yy, zz, s_xy, s_xz, s_yz])


def attach(lammps: Any, ensemble: Ensemble, elements: Sequence[str], *, threads: int | None = None) -> None:
    """Let the mean of ``ensemble`` give the energy, forces and virial of a LAMMPS instance.

    Parameters
    ----------
    lammps
        An instance with ``units metal``, whose box exists.
    elements
        Chemical symbol of each atom type, in order.
    threads
        Largest number of threads; None: all.

    Raises
    ------
    InputError
        If units, elements or the number of processes are not those that are supported.
    """
    if (units := lammps.extract_global("units")) != "metal":
        raise InputError(f"expected a LAMMPS simulation with units metal, got units {units}")
    if (processes := lammps.extract_setting("world_size")) != 1:
        raise InputError(f"expected LAMMPS in one process (threads share its work), got {processes}")
    types = lammps.extract_setting("ntypes")
    if len(elements) != types:
        raise InputError(f"expected one element for each of {types} atom types, got {', '.join(elements) or 'none'}")
    for symbol in elements:
        if atomic_numbers.get(symbol) not in ensemble.elements:
            raise InputError(f"expected elements that the networks were trained on, got {symbol}")
    run_commands(
        lammps,
        f"pair_style zero {_STAND_IN} nocoeff",
        "pair_coeff * *",
        f"fix {_FIX} all external pf/callback 1 1",
        f"fix_modify {_FIX} energy yes virial yes",
    )
    lammps.set_fix_external_callback(_FIX, _Forces(lammps, ensemble, elements, threads), None)
