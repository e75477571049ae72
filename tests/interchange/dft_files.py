"""Short outputs of programs in their own layout; the numbers are chosen so that units and signs show."""

#: Two aluminium atoms by pw.x; the pressure is +32.04 kbar.
PWSCF = """
     Program PWSCF v.7.2 starts on  1Jan2026 at 10: 0: 0

     bravais-lattice index     =            0
     lattice parameter (alat)  =       7.5589  a.u.
     unit-cell volume          =     431.8945 (a.u.)^3
     number of atoms/cell      =            2
     number of atomic types    =            1
     kinetic-energy cutoff     =      40.0000  Ry
     Exchange-correlation= PBE
                           (   1   4   3   4   0   0   0)

     celldm(1)=   7.558905  celldm(2)=   0.000000  celldm(3)=   0.000000
     celldm(4)=   0.000000  celldm(5)=   0.000000  celldm(6)=   0.000000

     crystal axes: (cart. coord. in units of alat)
               a(1) = (   1.000000   0.000000   0.000000 )
               a(2) = (   0.000000   1.000000   0.000000 )
               a(3) = (   0.000000   0.000000   1.000000 )

     Cartesian axes

     site n.     atom                  positions (alat units)
         1           Al  tau(   1) = (   0.0000000   0.0000000   0.0000000  )
         2           Al  tau(   2) = (   0.5000000   0.5000000   0.2500000  )

!    total energy              =     -20.00000000 Ry
     smearing contrib. (-TS)   =      -0.00100000 Ry

     Forces acting on atoms (cartesian axes, Ry/au):

     atom    1 type  1   force =     0.10000000    0.00000000    0.00000000
     atom    2 type  1   force =    -0.10000000    0.00000000    0.00000000

     Total force =     0.141421     Total SCF correction =     0.000001

     Computing stress (Cartesian axis) and pressure

          total   stress  (Ry/bohr**3)                   (kbar)     P=       32.04
   0.00021781   0.00001000   0.00000000           32.04        1.47        0.00
   0.00001000   0.00021781   0.00000000            1.47       32.04        0.00
   0.00000000   0.00000000   0.00021781            0.00        0.00       32.04

   JOB DONE.
"""

#: Two hydrogen atoms by GPAW; the free energy is 0.05 eV below the extrapolated one.
GPAW = """
  ___ ___ ___ _ _ _
 |   |   |_  | | | |
 | | | | | . | | | |
 |__ |  _|___|_____|  24.1.0
 |___|_|

Positions:
   0 H      0.000000    0.000000    0.000000    ( 0.0000,  0.0000,  0.0000)
   1 H      0.000000    0.000000    0.750000    ( 0.0000,  0.0000,  0.0000)

Unit cell:
           periodic     x           y           z      points  spacing
  1. axis:    yes    6.000000    0.000000    0.000000    36     0.1667
  2. axis:    yes    0.000000    6.000000    0.000000    36     0.1667
  3. axis:    yes    0.000000    0.000000    6.000000    36     0.1667

Energy contributions relative to reference atoms: (reference = -25.0)

Kinetic:        +10.000000
Potential:      -16.000000
XC:              -0.500000
Entropy (-ST):   -0.100000
Local:           +0.000000
--------------------------
Free energy:     -6.550000
Extrapolated:    -6.500000

Forces in eV/Ang:
  0 H     0.00000    0.00000    0.25000
  1 H     0.00000    0.00000   -0.25000

Stress tensor:
     0.010000     0.000000     0.000000
     0.000000     0.010000     0.000000
     0.000000     0.000000     0.020000

"""

_CP2K = """ DBCSR| Multiplication driver                                               XSMM

  **** **** ******  **  PROGRAM STARTED AT               2026-01-01 10:00:00.000

 CP2K| version string:                                          CP2K version {version}
 CELL| Volume [angstrom^3]:                                              125.000
 CELL| Vector a [angstrom]:       5.000     0.000     0.000    |a| =       5.000
 CELL| Vector b [angstrom]:       0.000     5.000     0.000    |b| =       5.000
 CELL| Vector c [angstrom]:       0.000     0.000     5.000    |c| =       5.000
 FUNCTIONAL| PBE:
 QS| Density cutoff [a.u.]:                                                200.0

 MODULE QUICKSTEP:  ATOMIC COORDINATES IN {angstrom}

  Atom  Kind  Element       X           Y           Z          Z(eff)       Mass

       1     1 H    1    0.000000    0.000000    0.000000      1.00       1.0079
       2     2 O    8    0.760000    0.000000    0.000000      6.00      15.9994

{scf}
"""

#: By CP2K up to version 8, compressed: a pressure of 16.02176634 GPa is 0.1 eV/Å³.
CP2K_OLD = (
    _CP2K.format(version="7.1", angstrom="angstrom", scf="  *** SCF run converged in     9 steps ***")
    + """
 ENERGY| Total FORCE_EVAL ( QS ) energy (a.u.):               -2.000000000000000

 ATOMIC FORCES in [a.u.]

 # Atom   Kind   Element          X              Y              Z
      1      1      H           0.01000000     0.00000000     0.00000000
      2      2      O          -0.01000000     0.00000000     0.00000000
 SUM OF ATOMIC FORCES           0.00000000     0.00000000     0.00000000     0.00000000

 STRESS TENSOR [GPa]

            X               Y               Z
  X      16.02176634     1.60217663     0.00000000
  Y       1.60217663    16.02176634     0.00000000
  Z       0.00000000     0.00000000    16.02176634

  1/3 Trace(stress tensor):  16.02176634E+00

 EIGENVECTORS AND EIGENVALUES OF THE STRESS TENSOR
"""
)

#: The same by later versions.
CP2K_NEW = (
    _CP2K.format(version="2024.1", angstrom="ANGSTROM", scf="  *** SCF run converged in     9 steps ***")
    + """
 ENERGY| Total FORCE_EVAL ( QS ) energy [hartree]             -2.000000000000000

 FORCES| Atomic forces [hartree/bohr]
 FORCES| Atom x y z |f|
 FORCES| 1 1.00000000E-02 0.00000000E+00 0.00000000E+00 1.00000000E-02
 FORCES| 2 -1.00000000E-02 0.00000000E+00 0.00000000E+00 1.00000000E-02
 FORCES| Sum 0.00000000E+00 0.00000000E+00 0.00000000E+00 0.00000000E+00

 STRESS| Analytical stress tensor [GPa]
 STRESS|                        x                   y                   z
 STRESS|      x        1.60217663400E+01   1.60217663400E+00   0.00000000000E+00
 STRESS|      y        1.60217663400E+00   1.60217663400E+01   0.00000000000E+00
 STRESS|      z        0.00000000000E+00   0.00000000000E+00   1.60217663400E+01
 STRESS| 1/3 Trace                                             1.60217663400E+01
"""
)
CP2K_UNCONVERGED = CP2K_OLD.replace("*** SCF run converged in     9 steps ***", "*** WARNING SCF run NOT converged ***")
