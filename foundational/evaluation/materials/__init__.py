"""Properties of crystals by any method that gives energies, forces and stresses, and their comparison.

One module a family of properties. Each function takes an engine, which is the reference method or one trained network,
and a `Metal`, and returns numbers by name. Lengths in Å, energies in eV, unless a name states another unit.
"""
