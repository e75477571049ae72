"""Multiorder-multithermal and NPT sampling with LAMMPS."""
