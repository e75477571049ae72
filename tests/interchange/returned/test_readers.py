"""Outputs of each program, written by real runs of two aluminium atoms: labels, settings, and what is refused."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from foundational.interchange.returned.meshes import mesh_of
from foundational.interchange.returned.readers import READERS, outputs_below
from tests.interchange.vasp_files import OUTCAR, VASPRUN

FILES = Path(__file__).parent / "files"
#: The cell of all of them.
CELL = np.array([[2.87, 0.1, 0.0], [0.0, 2.87, 0.0], [0.0, 0.0, 4.05]])
#: The first atom.
FIRST = np.array([-0.03682270273566246, -0.0081454971805214882, -0.024105966091156006])
WHOLE_OUTCAR = OUTCAR + "\n General timing and accounting informations for this job:\n"
#: The last electronic step that NELM allows; VASP then says nothing of EDIFF and goes on.
OUTCAR_AT_NELM = WHOLE_OUTCAR.replace(" aborting loop because EDIFF is reached\n", "").replace(
    f"{39 * '-'} Iteration", f"   NELM   =      1;   NELMIN=  2; NELMDL= -5     # of ELM steps\n{39 * '-'} Iteration"
)


def read(code, name, text=None, folder=None):
    path = folder / name
    if text is None:
        shutil.copy(FILES / name, path)
    else:
        path.write_text(text)
    (found,) = outputs_below(folder, READERS[code], frozenset())
    return READERS[code].read(found[0], folder, "")


#: code, file: energy in eV, version, electronic steps, settings.
REAL = {
    ("qe", "pw.out"): (
        -114.0548611564323,
        "6.7MaX",
        5,
        {
            "functional": "LDA",
            "cutoff_eV": 163.268,
            "density_cutoff_eV": 653.073,
            "k_points": "4x4x3",
            "smearing": "Marzari-Vanderbilt, 0.2721 eV",
            "spin": "none",
            "pseudopotential Al": "Al.pz-vbc.UPF",
        },
    ),
    ("abinit", "run.abo"): (
        -114.521578957763,
        "9.6.2",
        6,
        {
            "functional": "LDA",
            "cutoff_eV": 217.691,
            "k_points": "4x4x3",
            "smearing": "occopt 4, 0.5442 eV",
            "pseudopotential Al": "13al.981214.fhi",
        },
    ),
    ("cp2k", "cp2k.out"): (
        -110.26784586,
        "2023.1",
        8,
        {
            "functional": "PBE",
            "cutoff_eV": 2040.854,
            "k_points": "4x4x3",
            "basis Al": "SZV-MOLOPT-SR-GTH",
            "pseudopotential Al": "GTH-PBE-q3",
        },
    ),
    ("gpaw", "gpaw.txt"): (
        -8.358247,
        "26.7.0",
        8,
        {
            "functional": "LDA",
            "cutoff_eV": 200.0,
            "k_points": "4x4x3",
            "smearing": "Fermi-Dirac, 0.2 eV",
        },
    ),
}


@pytest.mark.parametrize(("code", "name"), REAL)
def test_real_outputs_give_geometry_labels_and_settings(code, name, tmp_path):
    energy, version, steps, settings = REAL[code, name]
    output = read(code, name, folder=tmp_path)
    assert (output.problem, output.version, output.scf_steps) == (None, version, steps), output.detail
    assert settings.items() <= output.settings.items()
    (frame,) = output.frames
    np.testing.assert_allclose(frame.cell, CELL, atol=2e-6)
    np.testing.assert_allclose(frame.positions[0], FIRST, atol=2e-6)
    assert frame.results.get("free_energy", frame.results["energy"]) == pytest.approx(energy)
    np.testing.assert_allclose(frame.results["forces"].sum(axis=0), 0, atol=1e-3)
    assert frame.results["stress"][0, 1] < -0.004  # the cell is sheared in xy, and not in yz
    assert abs(frame.results["stress"][1, 2]) < 0.001


def test_lda_by_three_programs_agrees(tmp_path):
    """Forces, whose zero all programs share: Quantum ESPRESSO, ABINIT and GPAW with soft settings."""
    forces = {}
    for code, name in REAL:
        (tmp_path / code).mkdir()
        forces[code] = read(code, name, folder=tmp_path / code).frames[0].results["forces"]
    np.testing.assert_allclose(forces["abinit"], forces["qe"], atol=0.02)
    np.testing.assert_allclose(forces["gpaw"], forces["qe"], atol=0.02)


#: code, file, what is put for what: the problem that is seen.
SPOILT = [
    ("qe", "pw.out", "convergence has been achieved in", "convergence NOT achieved after", "unconverged"),
    ("qe", "pw.out", "JOB DONE", "", "cut"),
    ("abinit", "run.abo", "Calculation completed", "", "cut"),
    ("abinit", "run.abo", "iterations are completed", "was not enough SCF cycles to converge", "unconverged"),
    ("cp2k", "cp2k.out", "*** SCF run converged in", "*** WARNING SCF run NOT converged", "unconverged"),
    ("cp2k", "cp2k.out", "PROGRAM ENDED AT", "", "cut"),
    ("gpaw", "gpaw.txt", "Converged in 8 steps", "Did not converge!", "unconverged"),
    ("gpaw", "gpaw.txt", "Forces  # eV/Ang", "", "no forces"),
]


@pytest.mark.parametrize(("code", "name", "old", "new", "problem"), SPOILT)
def test_spoilt_outputs_are_refused(code, name, old, new, problem, tmp_path):
    text = (FILES / name).read_text()
    assert old in text
    assert read(code, name, text.replace(old, new), tmp_path).problem == problem


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
@pytest.mark.parametrize(("code", "name"), REAL)
def test_an_output_that_ends_early_is_never_taken(code, name, share, tmp_path):
    text = (FILES / name).read_text()
    if code == "gpaw" and share == 0.9:
        pytest.skip("the end of GPAW's file holds no labels")
    output = read(code, name, text[: int(share * len(text))], tmp_path)
    assert output.problem is not None
    assert not output.frames


def test_vasp_gives_the_free_energy_and_its_settings(tmp_path):
    output = read("vasp", "vasprun.xml", VASPRUN, tmp_path)
    assert output.problem is None
    assert output.settings["pseudopotential Al"] == "PAW_PBE Al 04Jan2001"
    assert (output.settings["functional"], output.settings["cutoff_eV"]) == ("PBE", 400.0)
    assert output.settings["k_points"] == "3x3x3"
    assert output.frames[0].results["free_energy"] == -3.72
    np.testing.assert_allclose(
        np.diag(output.frames[0].results["stress"]), [-0.006242, -0.012483, -0.018725], atol=1e-6
    )


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("vasprun.xml", VASPRUN.replace("</modeling>", ""), "cut"),
        ("vasprun.xml", VASPRUN[: len(VASPRUN) // 2], "cut"),
        ("vasprun.xml", VASPRUN.replace('name="ISPIN">', 'name="NELM">'), "unconverged"),
        ("OUTCAR", OUTCAR, "cut"),
        ("OUTCAR", WHOLE_OUTCAR, None),
        (
            "OUTCAR",
            WHOLE_OUTCAR.replace("because EDIFF is reached", "EDIFF was not reached (unconverged)"),
            "unconverged",
        ),
        ("OUTCAR", OUTCAR_AT_NELM, "unconverged"),
        ("OUTCAR", OUTCAR_AT_NELM.replace("NELM   =      1;", "NELM   =     60;"), None),
    ],
)
def test_vasp_that_was_killed_or_not_converged_is_refused(name, text, problem, tmp_path):
    assert read("vasp", name, text, tmp_path).problem == problem


def test_a_whole_outcar_serves_where_the_xml_is_cut(tmp_path):
    (tmp_path / "OUTCAR").write_text(WHOLE_OUTCAR)
    (tmp_path / "vasprun.xml").write_text(VASPRUN[:1500])
    (found,) = outputs_below(tmp_path, READERS["vasp"], frozenset())
    assert found[0].name == "OUTCAR"
    assert READERS["vasp"].read(found[0], tmp_path, "").frames[0].results["free_energy"] == -3.72


@pytest.mark.parametrize("mesh", [(1, 1, 1), (2, 2, 2), (3, 4, 5), (2, 6, 1)])
@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_a_mesh_is_found_from_its_points(mesh, shift):
    points = np.array([[(i + shift) / n for i, n in zip(ijk, mesh, strict=True)] for ijk in np.ndindex(mesh)])
    points -= np.rint(points)
    assert mesh_of(np.round(points, 7)) == "x".join(map(str, mesh))


#: code, file, what is removed: the settings that are then not known.
SILENT = [
    ("qe", "pw.out", r".*(Exchange-correlation|kinetic-energy cutoff|charge density cutoff).*\n", "functional"),
    ("qe", "pw.out", r"Marzari-Vanderbilt smearing, width.*", "smearing"),
    ("qe", "pw.out", r".*estimated scf accuracy.*\n", None),
    ("qe", "pw.out", r"MD5 check sum", "pseudopotential Al"),
    ("abinit", "run.abo", r" (ecut|ixc|kptrlatt|tsmear) ", "k_points"),
    ("abinit", "run.abo", r"At SCF step", None),
    (
        "cp2k",
        "cp2k.out",
        r".*(FUNCTIONAL\||Density cutoff|K-Point grid|Orbital Basis Set|Potential info).*\n",
        "basis Al",
    ),
    ("gpaw", "gpaw.txt", r".*(XC\(name|Cutoff|Monkhorst-Pack size|width=|name: ).*\n", "functional"),
]


@pytest.mark.parametrize(("code", "name", "removed", "setting"), SILENT)
def test_a_setting_that_an_output_does_not_print_is_not_known(code, name, removed, setting, tmp_path):
    """Labels are read anyway; whether the settings suffice is decided where outputs are compared with one another."""
    text, count = re.subn(removed, "", (FILES / name).read_text())
    assert count
    output = read(code, name, text, tmp_path)
    assert output.problem is None, output.detail
    assert len(output.frames) == 1
    assert setting not in output.settings
    assert "" not in output.settings.values()
    if setting is None:
        assert (output.scf_steps if code == "abinit" else output.residual) is None
    else:
        assert setting in REAL[code, name][3]


def test_a_skew_lattice_of_k_points_and_an_unknown_functional_are_not_guessed(tmp_path):
    text = (FILES / "run.abo").read_text()
    skew = text.replace(
        "4    0    0      0    4    0      0    0    3", "4    1    0      0    4    0      0    0    3"
    )
    output = read("abinit", "run.abo", skew.replace("ixc           7", "ixc           9"), tmp_path)
    assert "k_points" not in output.settings
    assert output.settings["functional"] == "ixc 9"
    mesh = text.replace("kptrlatt        4    0    0      0    4    0      0    0    3", "ngkpt           5    5    4")
    assert read("abinit", "run.abo", mesh, tmp_path).settings["k_points"] == "5x5x4"


@pytest.mark.parametrize(
    ("code", "name", "table"), [("gpaw", "gpaw.txt", "Stress tensor"), ("gpaw", "gpaw.txt", "Free energy")]
)
def test_a_label_that_gpaw_did_not_print_is_not_read(code, name, table, tmp_path):
    output = read(code, name, (FILES / name).read_text().replace(table, "Nothing"), tmp_path)
    if table == "Free energy":
        assert output.problem == "no forces"
    else:
        assert "stress" not in output.frames[0].results
        assert {"energy", "forces"} <= output.frames[0].results.keys()


def test_vasp_settings_come_from_either_file_and_symmetry_hides_a_mesh(tmp_path):
    tags = '<i name="KSPACING"> 0.25</i><i name="ISMEAR"> 1</i><i name="SIGMA"> 0.2</i></incar>'
    xml = read("vasp", "vasprun.xml", VASPRUN.replace("</incar>", tags), tmp_path).settings
    (tmp_path / "vasprun.xml").unlink()
    said = WHOLE_OUTCAR.replace("   GGA ", "   KSPACING = 0.25\n   ISMEAR = 1; SIGMA = 0.20\n   GGA ")
    text = read("vasp", "OUTCAR", said, tmp_path).settings
    for settings in (xml, text):
        assert (settings["k_spacing"], settings["smearing"]) == (0.25, "ISMEAR 1, 0.2 eV")
        assert "k_points" not in settings
    assert read("vasp", "OUTCAR", WHOLE_OUTCAR, tmp_path).settings["k_points"] == "1x1x1"
    for hidden in (WHOLE_OUTCAR + "Found 48 space group operations\n", WHOLE_OUTCAR.replace("reciprocal lattice", "x")):
        assert "k_points" not in read("vasp", "OUTCAR", hidden, tmp_path).settings


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("LNONCOLLINEAR =      F", "LNONCOLLINEAR =      T", {"spin": "non-collinear"}),
        ("ISPIN  =      1", "ISPIN  =      2", {"spin": "collinear"}),
        ("GGA     =    PE", "METAGGA =  R2SCAN", {"functional": "R2SCAN"}),
        ("GGA     =    PE", "GGA     =    --", {"functional": "PBE"}),
        ("   ENCUT  =  400.0 eV", "", {"functional": "PBE", "spin": "none"}),
    ],
)
def test_spin_and_functional_are_what_vasp_was_told(old, new, expected, tmp_path):
    settings = read("vasp", "OUTCAR", WHOLE_OUTCAR.replace(old, new), tmp_path).settings
    assert expected.items() <= settings.items()
    assert ("cutoff_eV" in settings) == ("ENCUT" not in old)
