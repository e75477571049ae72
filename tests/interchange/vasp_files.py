"""Small files of VASP, written by hand: two atoms of aluminium, one step."""

VASPRUN = """<?xml version="1.0" encoding="ISO-8859-1"?>
<modeling>
 <generator>
  <i name="program" type="string">vasp </i>
  <i name="version" type="string">6.3.0  </i>
 </generator>
 <incar>
  <i name="ENCUT">    400.00000000</i>
 </incar>
 <kpoints>
  <generation param="Gamma">
   <v type="int" name="divisions">       3        3        3 </v>
   <v name="genvec1">      0.33333333       0.00000000       0.00000000 </v>
   <v name="genvec2">      0.00000000       0.33333333       0.00000000 </v>
   <v name="genvec3">      0.00000000       0.00000000       0.33333333 </v>
  </generation>
  <varray name="kpointlist" ><v> 0.0 0.0 0.0 </v></varray>
  <varray name="weights" ><v> 1.0 </v></varray>
 </kpoints>
 <parameters>
  <separator name="electronic" >
   <i name="ENMAX">    400.00000000</i>
   <i type="int" name="ISPIN">     1</i>
   <i type="string" name="GGA">PE</i>
  </separator>
 </parameters>
 <atominfo>
  <atoms>       2 </atoms>
  <types>       1 </types>
  <array name="atoms" >
   <set>
    <rc><c>Al</c><c>   1</c></rc>
    <rc><c>Al</c><c>   1</c></rc>
   </set>
  </array>
  <array name="atomtypes" >
   <set>
    <rc><c>   2</c><c>Al</c><c>     26.98000000</c><c>      3.00000000</c><c>  PAW_PBE Al 04Jan2001 </c></rc>
   </set>
  </array>
 </atominfo>
 <structure name="initialpos" >
  <crystal>
   <varray name="basis" >
    <v>       4.00000000       0.00000000       0.00000000 </v>
    <v>       0.00000000       4.00000000       0.00000000 </v>
    <v>       0.00000000       0.00000000       4.00000000 </v>
   </varray>
  </crystal>
  <varray name="positions" >
   <v>       0.00000000       0.00000000       0.00000000 </v>
   <v>       0.50000000       0.50000000       0.50000000 </v>
  </varray>
 </structure>
 <calculation>
  <scstep>
   <energy>
    <i name="e_fr_energy">     -3.72000000 </i>
    <i name="e_wo_entrp">     -3.70000000 </i>
    <i name="e_0_energy">     -3.71000000 </i>
   </energy>
  </scstep>
  <structure>
   <crystal>
    <varray name="basis" >
     <v>       4.00000000       0.00000000       0.00000000 </v>
     <v>       0.00000000       4.00000000       0.00000000 </v>
     <v>       0.00000000       0.00000000       4.00000000 </v>
    </varray>
   </crystal>
   <varray name="positions" >
    <v>       0.00000000       0.00000000       0.00000000 </v>
    <v>       0.50000000       0.50000000       0.50000000 </v>
   </varray>
  </structure>
  <varray name="forces" >
   <v>       0.50000000       0.25000000       0.00000000 </v>
   <v>      -0.50000000      -0.25000000       0.00000000 </v>
  </varray>
  <varray name="stress" >
   <v>      10.00000000       1.00000000       0.00000000 </v>
   <v>       1.00000000      20.00000000       5.00000000 </v>
   <v>       0.00000000       5.00000000      30.00000000 </v>
  </varray>
  <energy>
   <i name="e_fr_energy">     -3.72000000 </i>
   <i name="e_wo_entrp">     -3.70000000 </i>
   <i name="e_0_energy">     -3.71000000 </i>
  </energy>
 </calculation>
</modeling>
"""

OUTCAR = """ vasp.6.3.0 20Jan22 (build Jan 01 2023 00:00:00) complex

 POTCAR:    PAW_PBE Al 04Jan2001
   VRHFIN =Al: s2p1
   TITEL  = PAW_PBE Al 04Jan2001
   ions per type =               2
   ISPIN  =      1    spin polarized calculation?
   LNONCOLLINEAR =      F non collinear calculations
   ENCUT  =  400.0 eV  29.40 Ry    5.42 a.u.
   GGA     =    PE    GGA type
   k-points           NKPTS =      1   k-points in BZ     NKDIM =      1   number of bands    NBANDS=      4

 k-points in reciprocal lattice and weights: Gamma
   0.00000000  0.00000000  0.00000000       1.000

--------------------------------------- Iteration      1(   1)  ---------------------------------------
 aborting loop because EDIFF is reached
  FORCE on cell =-STRESS in cart. coord.  units (eV):
  Direction    XX          YY          ZZ          XY          YZ          ZX
  in kB       10.00000    20.00000    30.00000     1.00000     5.00000     0.00000
 VOLUME and BASIS-vectors are now :
 -----------------------------------------------------------------------------
  energy-cutoff  :      400.00
  volume of cell :       64.00
      direct lattice vectors                 reciprocal lattice vectors
     4.000000000  0.000000000  0.000000000     0.250000000  0.000000000  0.000000000
     0.000000000  4.000000000  0.000000000     0.000000000  0.250000000  0.000000000
     0.000000000  0.000000000  4.000000000     0.000000000  0.000000000  0.250000000

 POSITION                                       TOTAL-FORCE (eV/Angst)
 -----------------------------------------------------------------------------------
      0.00000      0.00000      0.00000         0.500000      0.250000      0.000000
      2.00000      2.00000      2.00000        -0.500000     -0.250000      0.000000
 -----------------------------------------------------------------------------------
    total drift:                                0.000000      0.000000      0.000000

  FREE ENERGIE OF THE ION-ELECTRON SYSTEM (eV)
  ---------------------------------------------------
  free  energy   TOTEN  =        -3.72000000 eV

  energy  without entropy=       -3.70000000  energy(sigma->0) =       -3.71000000
"""
