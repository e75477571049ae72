"""The limits of the rules of ``foundational check``, each with its reason; docs/check.md has them in a table."""

from typing import Annotated

from pydantic import Field

from foundational.specs.base import Spec

Positive = Annotated[float, Field(gt=0)]


class CheckLimits(Spec):
    """Beyond these a rule reports a defect. What params.yaml does not state is the default."""

    net_force: Positive = 0.01
    """eV/Å for each atom: length of the sum of all forces over the number of atoms. Plane-wave codes leave some meV/Å;
    data sets of poor accuracy have up to 33 meV/Å (arXiv 2510.19774)."""
    net_force_share: Positive = 0.01
    """Of the mean length of the forces: the net force for each atom is a defect only beyond this share as well."""
    minimum_distance: Positive = 1.0
    """Å: atoms that are closer overlap, as far as `covalent_share` allows no less."""
    covalent_share: Positive = 0.4
    """Of the sum of two covalent radii: light elements may be that close."""
    energy_outlier: Positive = 12.0
    """Robust standard deviations of the energies from what composition, volume and distances let expect."""
    energy_floor: Positive = 0.05
    """eV/atom: energies that are closer to the expected ones are no outliers."""
    duplicate_distance: Annotated[float, Field(ge=0, le=0.1)] = 1e-3
    """Å: configurations are duplicates whose atoms differ by no more, once wrapped, permuted and shifted. 0: only exact
    copies are looked for."""
    equal_energy: Positive = 1e-3
    """eV/atom: labels of one configuration by one method that differ by more contradict one another."""
    equal_force: Positive = 0.02
    """eV/Å: labels of one configuration by one method contradict one another where the mean force differs by more."""
    isolated_energy: Positive = 1e-3
    """eV: energies of two isolated atoms of one element and one method that differ by more are inconsistent."""
    cohesive_energy: Positive = 15.0
    """eV/atom: no element is bound more strongly against its isolated atom; tungsten has 8.9."""
    stress_energy: Positive = 10.0
    """eV for each atom: median of the largest component of the stress times the volume; 1 TPa on 10 Å³ is 62 eV."""
    stress_asymmetry: Positive = 1e-6
    """eV/Å³: a stress is symmetric; it differs from its transpose by no more than rounding. 1e-6 is 0.16 MPa."""
    correlation: Annotated[float, Field(gt=0, lt=1)] = 0.8
    """Of the stored stress with the one that the forces imply, above which unit, sign and order are determined."""
    unit_factor: Annotated[float, Field(gt=1)] = 1.6
    """Stresses and energies that are larger or smaller than the forces imply by this factor have another unit."""
