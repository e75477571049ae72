"""How exactly two numbers must agree, by the reason for which they differ.

Stored positions are float32 and labels belong to these rounded positions. Positions that were scaled, shifted or read
from a text file differ by the last bit of a float32, and their labels differ with them.
"""

POSITION_ROUNDING = 1e-5
"""Å; the last bit of a float32 in cells of up to 80 Å."""

ENERGY_ROUNDING = 1e-6
"""eV per atom; one configuration of up to 16 Å before and after its positions are rounded to float32 again."""

FORCE_ROUNDING = 1e-4
"""eV/Å; as above. A change of 1e-5 Å times the largest force constants of metals, about 10 eV/Å²."""

STRESS_ROUNDING = 1e-6
"""eV/Å³; as above."""

SUM_ORDER = 1e-9
"""eV; the same sum in double precision, its terms in another order."""

PUBLISHED_ENERGY = 6e-5
"""eV per atom; a published energy of four decimals: half of the last digit, and the same again for its rounding."""

PUBLISHED_LENGTH = 6e-4
"""Å; a published length of three decimals."""

NETWORK_ENERGY = 1e-5
"""eV per atom; two single-precision evaluations of one network."""

NETWORK_FORCE = 1e-4
"""eV/Å; two single-precision evaluations of one network."""
