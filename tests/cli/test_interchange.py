"""``import`` and ``export``: what is said of fields, units, excluded configurations and names of elements."""

import pytest

from foundational.testing.project import empty_project

LATTICE = 'Lattice="4 0 0 0 4 0 0 0 4" Properties=species:S:1:pos:R:3:forces:R:3 pbc="T T T"'
ROWS = "C 0 0 0 0.1 0 0\nAl 2 2 2 -0.1 0 0\n"
STRESS = 'stress="0 0 0 0 0 0 0 0 0"'


@pytest.fixture
def project(tmp_path, checkout):
    root = empty_project(tmp_path / "project", checkout)
    frames = [f"2\n{LATTICE} energy={-10.0 - i} config_type=bulk {STRESS}\n{ROWS}" for i in range(3)]
    bare = LATTICE.replace(":forces:R:3", "")
    frames.append(f"2\n{bare} config_type=bulk\nC 0 0 0\nAl 2 2 2\n")
    frames.append(f"0\n{LATTICE}\n")
    frames.append('1\nLattice="15 0 0 0 15 0 0 0 15" Properties=species:S:1:pos:R:3 energy=-0.5\nC 0 0 0\n')
    (root / "mine.xyz").write_text("".join(frames))
    return root


def test_what_was_taken_kept_assumed_and_excluded_is_printed(foundational, project):
    command = "import mine.xyz --name local/mine --species C=Ni --on-bad skip --code VASP --functional PBE"
    outcome = foundational(*command.split(), cwd=project)
    assert outcome.status == 0, outcome.err
    lines = outcome.out.splitlines()
    assert lines[0].split() == ["file", "format", "configurations"]
    assert lines[1].split() == ["mine.xyz", "extxyz", "5"]
    rows = {tuple(line.split()) for line in lines}
    assert ("energy", "energy", "eV", "4") in rows
    assert ("kept", "as", "it", "is", "config_type", "not", "stated", "5") in rows
    assert ("excluded", "1") in rows
    assert "excluded: mine.xyz, frame 4: a frame of no atoms" in lines
    assert any(line.startswith("note: ") and "exactly zero everywhere" in line for line in lines)
    assert lines[-1].startswith("datasets/local/mine: 5 configurations, 1 of them isolated atoms, 9 atoms of Al, Ni, ")
    exported = foundational("export", "local/mine", "--for", "mace", "-o", "out", cwd=project)
    assert exported.status == 0, exported.err
    told = exported.out.splitlines()
    assert told[0].split() == ["part", "file", "configurations"]
    assert any(line.startswith("excluded: 1 × ") and "no label is known" in line for line in told), told
    assert any(line.startswith("isolated Ni: -0.5 eV, from the configuration") for line in told), told
    assert "isolated Al: energy not known" in told
    assert told[-1].startswith("out: 4 configurations for MACE ")
    assert "; energy of 4, forces of 3 read again by its rule and equal (proof.json)" in told[-1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--species C", "--species: expected NAME=ELEMENT, such as C=Ni, got 'C'"),
        ("--species =Ni", "--species: expected NAME=ELEMENT, such as C=Ni, got '=Ni'"),
        ("--species C=Xx", "--species: expected elements, got Xx"),
        ("--on-bad drop", "--on-bad: expected refuse or skip, got 'drop'"),
        ("", "mine.xyz, frame 4: a frame of no atoms"),
    ],
)
def test_what_cannot_be_imported_is_one_line_and_stores_nothing(foundational, project, options, message):
    outcome = foundational("import", "mine.xyz", "--name", "local/mine", *options.split(), cwd=project)
    assert outcome.status == 1
    assert message in outcome.err
    assert outcome.err.count("\n") == 1
    assert not (project / "datasets" / "local").exists()
