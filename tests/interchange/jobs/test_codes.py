"""Inputs of each program: the structure is that of the configuration, the rest is the user's."""

import io

import numpy as np
import pytest
from ase.data import chemical_symbols
from ase.io import read

from foundational.errors import InputError, NotFoundError
from foundational.interchange.jobs.codes import CODES, code_named
from foundational.interchange.jobs.structure import Structure
from foundational.interchange.jobs.template import read_template, with_meshes

ALLOY = Structure(
    np.array([28, 13, 28, 13, 13], dtype=np.uint8),
    np.random.default_rng(3).uniform(0, 4, size=(5, 3)),
    np.array([[4.1, 0.2, 0.0], [0.0, 3.9, 0.1], [0.0, 0.0, 5.3]]),
    np.ones(3, dtype=bool),
)
QE = """! a comment
&control
  calculation = 'scf', outdir='./tmp/x'
/
&SYSTEM ibrav=2, celldm(1) = 7.6, nat=1, ntyp=1, ecutwfc = 30.0 ! Ry
  occupations='smearing', smearing='mv', degauss=0.02 /
&ELECTRONS
/
ATOMIC_SPECIES
 Cu 63.5 Cu.upf
 Ni 58.7 Ni.pbe.UPF
 Al 26.98 Al.pbe.UPF
ATOMIC_POSITIONS crystal
 Al 0 0 0
K_POINTS automatic
 {kmesh:0.4} 0 0 0
"""
CP2K = """&GLOBAL
  RUN_TYPE ENERGY_FORCE
&END GLOBAL
&FORCE_EVAL
  &PRINT
    &FORCES ON
    &END FORCES
  &END PRINT
  &DFT
    &KPOINTS
      SCHEME MONKHORST-PACK {kmesh:0.4}
    &END KPOINTS
    &XC
      &XC_FUNCTIONAL PBE
      &END XC_FUNCTIONAL
    &END XC
  &END DFT
  &SUBSYS
    &CELL
      ABC 1 1 1
    &END CELL
    &COORD
      Al 0 0 0
    &END COORD
    &KIND Al
      POTENTIAL GTH-PBE-q3
    &END KIND
    &KIND Ni
      POTENTIAL GTH-PBE-q18
    &END KIND
  &END SUBSYS
&END FORCE_EVAL
"""
ABINIT = """# cutoff
ecut 20 Ry
ngkpt {kmesh:0.4}
nshiftk 1
shiftk 0 0 0
ntypat 2
znucl 13 28
pseudos "Al.psp8, Ni.psp8"
natom 1
typat 1
rprim 1 0 0
      0 1 0
      0 0 1
xred 0 0 0
toldff 1.0d-6
"""
INCAR = "ENCUT = 400 # eV\nGGA = PE; ISMEAR = 1\nSIGMA = 0.2\nKSPACING = 0.25\n"
GPAW = 'from ase.io import read\natoms = read("structure.xyz")\n'
TEMPLATES = {
    "vasp": {
        "INCAR": INCAR,
        "POTCAR.Al": "TITEL = PAW_PBE Al 04Jan2001\n",
        "POTCAR.Ni": "TITEL = PAW_PBE Ni_pv x\n",
    },
    "qe": {"pw.in": QE},
    "gpaw": {"run.py": GPAW},
    "cp2k": {"cp2k.inp": CP2K},
    "abinit": {"run.abi": ABINIT},
}


def inputs(code, files=None, structure=ALLOY):
    files = files or TEMPLATES[code]
    chosen = code_named(code)
    return chosen.inputs(files, next(iter(files)), structure), chosen


#: By code: the file with the structure, and ASE's name of its format.
STRUCTURE_FILES = {
    "vasp": ("POSCAR", "vasp"),
    "qe": ("pw.in", "espresso-in"),
    "gpaw": ("structure.xyz", "extxyz"),
    "abinit": ("run.abi", "abinit-in"),
}


@pytest.mark.parametrize("code", STRUCTURE_FILES)
def test_ase_reads_the_configuration_from_the_inputs(code):
    """All but VASP's keep the order of the atoms; VASP needs the atoms of an element together."""
    files, _ = inputs(code)
    name, kind = STRUCTURE_FILES[code]
    atoms = read(io.StringIO(files[name]), format=kind)
    np.testing.assert_allclose(atoms.cell.array, ALLOY.cell, atol=1e-9)
    order = np.argsort(ALLOY.numbers == 13, kind="stable") if code == "vasp" else np.arange(5)
    assert atoms.get_chemical_symbols() == [chemical_symbols[z] for z in ALLOY.numbers[order]]
    np.testing.assert_allclose(atoms.positions, ALLOY.positions[order], atol=1e-9)


def test_cp2k_gets_one_cell_and_one_list_of_atoms():
    text = inputs("cp2k")[0]["cp2k.inp"]
    assert text.count("&CELL") == text.count("&COORD") == 1
    assert "ABC" not in text
    atoms = [line.split() for line in text.partition("&COORD")[2].partition("&END")[0].splitlines() if line.strip()]
    np.testing.assert_array_equal([[float(x) for x in row[1:]] for row in atoms], ALLOY.positions)
    assert "SCHEME MONKHORST-PACK 4 5 3" in text


def test_pw_input_keeps_what_the_structure_does_not_decide():
    text = inputs("qe")[0]["pw.in"]
    assert "ibrav = 0, nat = 5, ntyp = 2" in text
    assert "celldm" not in text
    assert "Cu.upf" not in text  # an element that is not there
    assert text.count("ATOMIC_POSITIONS") == 1
    assert "tprnfor = .true." in text
    assert "outdir='./tmp/x'" in text
    assert "4 5 3 0 0 0" in text


@pytest.mark.parametrize(
    ("code", "settings"),
    [
        ("vasp", {"cutoff_eV": 400.0, "functional": "PBE", "k_spacing": 0.25}),
        (
            "qe",
            {
                "cutoff_eV": 408.171,
                "k_points": "4x5x3",
                "pseudopotential Al": "Al.pbe.UPF",
                "pseudopotential Ni": "Ni.pbe.UPF",
            },
        ),
        ("gpaw", {}),
        ("cp2k", {"functional": "PBE", "k_points": "4x5x3"}),
        ("abinit", {"cutoff_eV": 272.114, "k_points": "4x5x3"}),
    ],
)
def test_inputs_state_what_the_outputs_must_say(code, settings):
    files, chosen = inputs(code)
    assert chosen.stated({**TEMPLATES[code], **files}, next(iter(TEMPLATES[code]))) == settings


def test_a_potcar_is_joined_in_the_order_of_the_poscar():
    files, _ = inputs("vasp")
    assert files["POSCAR"].splitlines()[0] == "Ni Al"
    assert [line.split()[3] for line in files["POTCAR"].splitlines()] == ["Ni_pv", "Al"]


@pytest.mark.parametrize(
    ("code", "files", "message"),
    [
        ("qe", {"pw.in": QE.replace("Ni 58.7", "Co 58.9")}, "a line for Ni in the card ATOMIC_SPECIES"),
        ("qe", {"pw.in": QE.replace("'scf'", "'relax'")}, "calculation = 'scf'"),
        ("qe", {"pw.in": QE.replace("'scf'", "'scf', tprnfor=.false.")}, "tprnfor = .true."),
        ("qe", {"pw.in": QE.partition("K_POINTS")[0]}, "K_POINTS"),
        ("qe", {"pw.in": QE.replace("&SYSTEM", "&SYSTEMS")}, "namelist &SYSTEM"),
        ("qe", {"pw.in": QE.replace("0.4", "0.0")}, "a spacing in 1/Å"),
        ("cp2k", {"cp2k.inp": CP2K.replace("&KIND Ni", "&KIND Cu")}, "&KIND Ni"),
        ("cp2k", {"cp2k.inp": CP2K.replace("ENERGY_FORCE", "MD")}, "RUN_TYPE ENERGY_FORCE"),
        ("cp2k", {"cp2k.inp": CP2K.replace("&FORCES", "&FORCE")}, "FORCES ON"),
        ("cp2k", {"cp2k.inp": CP2K.replace("&END GLOBAL", "  PRINT_LEVEL LOW\n&END GLOBAL")}, "PRINT_LEVEL MEDIUM"),
        ("abinit", {"run.abi": ABINIT.replace("13 28", "13 29")}, "znucl and pseudos for Ni"),
        ("abinit", {"run.abi": ABINIT + "ionmov 2\n"}, "no ionmov"),
        ("gpaw", {"run.py": "import gpaw"}, "structure.xyz"),
        ("vasp", {"INCAR": INCAR, "POTCAR": "TITEL = PAW_PBE Al 04Jan2001\n"}, "a POTCAR of Ni Al"),
        ("vasp", {"INCAR": INCAR + "NSW = 20\n"}, "NSW = 0"),
    ],
)
def test_templates_that_cannot_give_labels_are_refused_in_one_line(code, files, message):
    with pytest.raises(InputError, match=message) as raised:
        inputs(code, files)
    assert "\n" not in str(raised.value)


def test_a_mesh_follows_the_cell():
    assert ALLOY.mesh(0.4) == (4, 5, 3)
    slab = Structure(ALLOY.numbers, ALLOY.positions, ALLOY.cell, np.array([True, True, False]))
    assert slab.mesh(0.4) == (4, 5, 1)
    assert with_meshes("{kmesh:0.4} / {kmesh: 1}", ALLOY) == "4 5 3 / 2 2 2"


def test_templates_and_codes_that_are_not_there_are_named(tmp_path):
    with pytest.raises(InputError, match=r"expected one of vasp, qe, .* got 'vasb'; did you mean 'vasp'"):
        code_named("vasb")
    with pytest.raises(NotFoundError, match="no such file or folder"):
        read_template(tmp_path / "absent")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="found none"):
        read_template(tmp_path / "empty")
    (tmp_path / "two").mkdir()
    for name in ("a.in", "b.in"):
        (tmp_path / "two" / name).touch()
    with pytest.raises(InputError, match=r"expected pw.in or one file with the ending"):
        read_template(tmp_path / "two").main(CODES["qe"].main, CODES["qe"].suffixes)


@pytest.mark.parametrize(
    ("code", "old", "new"),
    [
        ("vasp", "400 # eV", "# eV"),
        ("vasp", "0.25", "k0"),
        ("vasp", "400", "1e999"),
        ("qe", "30.0", "3.0.0"),
        ("abinit", "ecut 20", "ecut 2.0.0"),
    ],
)
def test_a_setting_that_is_no_number_is_refused(code, old, new):
    (main, text), *rest = TEMPLATES[code].items()
    files = {main: text.replace(old, new), **dict(rest)}
    assert files != TEMPLATES[code]
    with pytest.raises(InputError, match="expected a number for"):
        code_named(code).stated(files, main)


KPOINTS = "a mesh\n0\nGamma\n 4 4 2\n 0 0 0\n"
LIST = "points\n1\nReciprocal\n0 0 0 1\n"


@pytest.mark.parametrize(
    ("code", "files", "settings"),
    [
        ("vasp", {"INCAR": "METAGGA = SCAN; GGA = PE\n", "KPOINTS": KPOINTS}, {"k_points": "4x4x2"}),
        ("vasp", {"INCAR": "GGA = PS\nKSPACING = 0.2\n", "KPOINTS": LIST}, {"functional": "PBEsol"}),
        ("vasp", {"INCAR": "GGA = XY\n", "KPOINTS": KPOINTS.replace("4 4 2", "4")}, {}),
        ("vasp", {"INCAR": "just words\n"}, {}),
        (
            "qe",
            {"pw.in": QE.partition("K_POINTS")[0].replace("ecutwfc = 30.0", "nspin = 1") + "K_POINTS gamma\n"},
            {"k_points": "1x1x1"},
        ),
        ("qe", {"pw.in": "&SYSTEM\n/\nK_POINTS crystal\n1\n0 0 0 1\nATOMIC_SPECIES\nAl 27\n"}, {}),
        (
            "cp2k",
            {"cp2k.inp": CP2K.replace("SCHEME MONKHORST-PACK", "SCHEME GAMMA").replace("FUNCTIONAL PBE", "F")},
            {},
        ),
        ("abinit", {"run.abi": "ecut 400 eV\nngkpt 3*4 # a mesh\n"}, {"cutoff_eV": 400.0, "k_points": "4x4x4"}),
        ("abinit", {"run.abi": "ecut 20\nngkpt 4 four 4\n"}, {"cutoff_eV": 544.228}),
        ("abinit", {"run.abi": "kptrlatt 4 0 0 0 4 0 0 0 4\n"}, {}),
    ],
)
def test_what_inputs_do_not_state_is_not_compared_with_outputs(code, files, settings):
    stated = code_named(code).stated(files, next(iter(files)))
    assert {key: value for key, value in stated.items() if "pseudopotential" not in key} == settings


def test_a_potcar_of_the_elements_in_their_order_is_taken_and_none_is_no_fault():
    """VASP's licence forbids some users to keep potentials beside their inputs."""
    titles = "TITEL = PAW_PBE Ni_pv 06Sep2000\nTITEL = PAW_PBE Al 04Jan2001\n"
    for files in ({"INCAR": INCAR, "POTCAR": titles}, {"INCAR": INCAR}):
        assert inputs("vasp", files)[0].keys() == {"POSCAR"}


def test_abinit_of_one_element_needs_no_list_of_nuclei():
    pure = Structure(np.array([13, 13], dtype=np.uint8), ALLOY.positions[:2], ALLOY.cell, ALLOY.pbc)
    text = inputs("abinit", {"run.abi": "ecut 20\nionmov 0\n"}, pure)[0]["run.abi"]
    assert "ntypat 1\nznucl 13\nnatom 2\ntypat\n1\n1\n" in text
    with pytest.raises(
        InputError, match=r"znucl and pseudos for Ni, Al in run\.abi, in the same order, got znucl of not"
    ):
        inputs("abinit", {"run.abi": "ecut 20\n"})


def test_a_cluster_is_not_periodic_for_cp2k():
    cluster = Structure(ALLOY.numbers, ALLOY.positions, ALLOY.cell, np.zeros(3, dtype=bool))
    assert "PERIODIC NONE" in inputs("cp2k", structure=cluster)[0]["cp2k.inp"]
    with pytest.raises(InputError, match=r"expected the section &SUBSYS in cp2k\.inp, it is missing"):
        inputs("cp2k", {"cp2k.inp": CP2K.replace("&SUBSYS", "&SUB")})


def test_switches_of_forces_and_text_outside_of_namelists_are_kept():
    text = QE.replace("'scf'", "'scf', tprnfor = .true., tstress=.true.") + "HUBBARD (atomic)\nU Ni-3d 3.0\n"
    made = inputs("qe", {"pw.in": f"of nothing\n{text}"})[0]["pw.in"]
    assert made.count("tprnfor") == made.count("tstress") == 1
    assert "HUBBARD (atomic)\nU Ni-3d 3.0\n" in made
    assert "of nothing" not in made
