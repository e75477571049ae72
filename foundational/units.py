"""Physical constants and the units in which every number of this package is kept.

Energies in eV, lengths in Å, masses in u, temperatures in K, times in fs, forces in eV/Å, stresses in eV/Å³ with
ASE's sign (tension positive). LAMMPS's ``metal`` units differ in time (ps) and pressure (bar, compression positive);
the conversion happens in ``foundational.engines`` only. Values are CODATA 2018.
"""

from typing import Final

#: Boltzmann constant, eV/K.
BOLTZMANN: Final = 8.617333262e-5
#: One bar in eV/Å³.
BAR: Final = 6.241509074e-7
#: One eV in meV; written out so that no bare 1000 appears where energies are reported.
MEV: Final = 1000.0
#: One eV/Å³ in GPa.
GPA: Final = 160.2176634
#: One eV/Å² in mJ/m².
MJ_PER_M2: Final = 16021.76634

#: Factor from the unit to the package's own unit of that dimension, by dimension.
UNITS: Final[dict[str, dict[str, float]]] = {
    "K": {"K": 1.0},
    "eV": {"eV": 1.0, "meV": 1e-3},
    "eV/atom": {"eV/atom": 1.0, "meV/atom": 1e-3},
    "eV/Å": {"eV/Å": 1.0, "eV/A": 1.0, "meV/Å": 1e-3, "meV/A": 1e-3},
    "Å": {"Å": 1.0, "A": 1.0, "nm": 10.0},
    "fs": {"fs": 1.0, "ps": 1e3},
    "bar": {"bar": 1.0, "kbar": 1e3, "GPa": 1e4, "Pa": 1e-5, "atm": 1.01325},
    "1/Å²": {"1/Å²": 1.0, "1/A^2": 1.0},
    "B": {"B": 1.0, "kB": 1e3, "MB": 1e6, "GB": 1e9, "KiB": 2.0**10, "MiB": 2.0**20, "GiB": 2.0**30},
}
