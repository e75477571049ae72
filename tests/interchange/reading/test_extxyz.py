"""Extended XYZ as programs and people write it: read whole, or refused in one line that names file and frame."""

import gzip
import lzma
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase.build import bulk

from foundational.errors import InputError
from foundational.interchange.frame import Frame, FrameError
from foundational.interchange.reading.extxyz import ExtendedXyz
from foundational.interchange.reading.text import number, numbers

LATTICE = 'Lattice="3 0 0 0 3.1 0 0 0.2 3.2"'
COMMENT = LATTICE + ' Properties=species:S:1:pos:R:3:forces:R:3 energy=-4.5 pbc="T T T"'
ROWS = "Ni 0 0 0 0.1 0 0\nAl 1.5 1.5 1.25 -0.1 0 0\n"


def frames_of(path: Path, **options) -> list[Frame]:
    """All frames; the first bad one is raised."""
    frames = list(ExtendedXyz(**options).read(path))
    for frame in frames:
        if isinstance(frame, FrameError):
            raise frame
    return frames


def read(path: Path, text: str, **options) -> list[Frame]:
    path.write_text(text, encoding="utf-8")
    return frames_of(path, **options)


def test_frames_after_a_bad_one_are_read(path: Path):
    path.write_text(f"2\n{COMMENT}\n{ROWS}0\n{COMMENT}\n2\n{COMMENT}\n{ROWS.replace('Ni', 'Xx')}2\n{COMMENT}\n{ROWS}")
    found = list(ExtendedXyz().read(path))
    assert [isinstance(frame, FrameError) for frame in found] == [False, True, True, False]
    assert found[3].source == "a.xyz, frame 3"
    assert ExtendedXyz().estimate(path) == 3


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.xyz"


def test_structure_and_values_are_what_the_file_says(path: Path):
    (frame,) = read(path, f"2\n{COMMENT} config_type=bulk charge=1\n{ROWS}")
    assert frame.source == "a.xyz, frame 0"
    assert frame.numbers.tolist() == [28, 13]
    assert frame.positions.tolist() == [[0, 0, 0], [1.5, 1.5, 1.25]]
    assert frame.cell.tolist() == [[3, 0, 0], [0, 3.1, 0], [0, 0.2, 3.2]]
    assert frame.pbc.all()
    assert frame.info == {"energy": -4.5, "config_type": "bulk", "charge": 1}
    assert frame.arrays["forces"].tolist() == [[0.1, 0, 0], [-0.1, 0, 0]]


@pytest.mark.parametrize(
    "changed",
    [
        f"2\n{COMMENT}\n{ROWS}".replace("\n", "\r\n"),
        f"\n\n2\n{COMMENT}\n{ROWS}\n\n",
        f"  2 \n{COMMENT}\n{ROWS}".replace(" ", "\t").replace('"3\t', '"3 '),
        f"2\n{COMMENT}\n{ROWS}".rstrip("\n"),
        f"\ufeff2\n{COMMENT}\n{ROWS}",
        f"2\n{COMMENT}\n{ROWS}".replace('"', "'"),
        f"2\n{COMMENT}\n{ROWS}".replace('"3 0 0 0 3.1 0 0 0.2 3.2"', "[[3, 0, 0], [0, 3.1, 0], [0, 0.2, 3.2]]"),
        f"2\n{COMMENT}\n{ROWS}".replace('"3 0 0 0 3.1 0 0 0.2 3.2"', "{3 0 0 0 3.1 0 0 0.2 3.2}"),
        f"2\n{COMMENT}\n{ROWS}".replace("-4.5", "-0.45D+01").replace("0.1 0", "1D-1 0"),
        f"2\n{COMMENT}\n{ROWS}".replace("Ni", "ni").replace("Al", "AL"),
        f"2\n{COMMENT}\nNi 28 0 0 0 0.1 0 0\nAl 13 1.5 1.5 1.25 -0.1 0 0\n".replace("pos:", "Z:I:1:pos:"),
        f"2\n{COMMENT}\n0.1 0 0 0 0 0 Ni\n-0.1 0 0 1.5 1.5 1.25 Al\n".replace(
            "species:S:1:pos:R:3:forces:R:3", "forces:R:3:pos:R:3:species:S:1"
        ),
        f"2\n{COMMENT.replace('Lattice', 'lattice').replace('pbc', 'PBC').replace('Properties', 'properties')}\n{ROWS}",
        f"2\n{COMMENT.replace('species', 'element').replace(':pos:', ':positions:')}\n{ROWS}",
        f"2\n{COMMENT} note=\"\" empty=''\n{ROWS}",
        f"2\n{COMMENT}\n{ROWS}".replace("-4.5", " -.045+002"),
    ],
    ids=[
        "crlf",
        "blank lines",
        "tabs",
        "no end",
        "mark",
        "quotes",
        "nested",
        "braces",
        "fortran",
        "case",
        "Z",
        "order",
        "case of keys",
        "names of columns",
        "empty values",
        "exponent without letter",
    ],
)
def test_another_spelling_is_the_same_frame(path: Path, changed: str, tmp_path: Path):
    (expected,) = read(tmp_path / "b.xyz", f"2\n{COMMENT}\n{ROWS}")
    (frame,) = read(path, changed)
    assert frame.numbers.tolist() == expected.numbers.tolist()
    assert np.array_equal(frame.positions, expected.positions)
    assert np.array_equal(frame.cell, expected.cell)
    assert np.array_equal(frame.arrays["forces"], expected.arrays["forces"])
    assert frame.pbc.all()
    assert number(frame.info["energy"]) == pytest.approx(-4.5, rel=1e-15)


def test_an_empty_lattice_is_none(path: Path):
    """Without pbc, a cell is periodic along the vectors that are not zero."""
    for lattice, pbc in (("0 0 0 0 0 0 0 0 0", [False] * 3), ("3 0 0 0 0 0 0 0 4", [True, False, True])):
        (frame,) = read(path, f'2\nLattice="{lattice}" Properties=species:S:1:pos:R:3:forces:R:3\n{ROWS}')
        assert frame.pbc.tolist() == pbc


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"3\n{COMMENT}\n{ROWS}", "a.xyz, frame 0: expected 3 rows of atoms, got 2"),
        (f"1\n{COMMENT}\n{ROWS}", "a.xyz, frame 1: expected a number of atoms, got 'Al 1.5"),
        (
            f"2\n{COMMENT}\n{ROWS}2\n{COMMENT}\nNi 0 0\nAl 1 1 1 0 0 0\n",
            "frame 1: expected 7 values in the row of atom 0, got 3",
        ),
        (f"2\n{COMMENT}\nNi 0 0 0 0 0 0 9\nAl 1 1 1 0 0\n", "frame 0: expected 7 values in the row of atom 0, got 8"),
        (f"2\n{COMMENT}\n{ROWS.replace('1.25', '*****')}", r"frame 0: column pos: '\*\*\*\*\*' is no number"),
        (f"2\n{COMMENT}\n{ROWS.replace('1.25', '1,25')}", "frame 0: column pos: '1,25' is no number"),
        (f"2\n{COMMENT}\n{ROWS.replace('Ni', 'X')}", "frame 0: 'X' is no element; say which it is with --species X=Ni"),
        (
            f'2\n{COMMENT} note="open energy=1\n{ROWS}',
            "frame 0: expected key=value in the comment line.*is a quote not closed",
        ),
        (f"2\n{COMMENT.replace(LATTICE, '')}\n{ROWS}", "frame 0: it is periodic, but its Lattice is missing"),
        (f"2\n{COMMENT.replace('3.2', '')}\n{ROWS}", "frame 0: Lattice: expected 9 numbers, got 8"),
        (f"2\n{COMMENT.replace('pos:R:3', 'pos:R')}\n{ROWS}", "frame 0: expected Properties as name:kind:width"),
        (
            f"2\n{COMMENT.replace('pos:R:3', 'pos:S:3')}\n{ROWS}",
            "frame 0: expected numbers in the columns pos:R:3 and Z",
        ),
        (
            f"2\n{COMMENT.replace('species:S:1', 'Z:S:1')}\n{ROWS}",
            "frame 0: expected numbers in the columns pos:R:3 and Z",
        ),
        (f"0\n{COMMENT}\n", "frame 0: a frame of no atoms"),
        ("", "a.xyz: expected at least one frame, found none"),
        ("<!DOCTYPE html>", "a.xyz: expected extended XYZ, which begins with a number of atoms"),
        ("1\nAtoms. Timestep: 0\n1 0 0 0\n", "frame 0: '1' is no element"),
    ],
)
def test_what_cannot_be_read_is_named_in_one_line(path: Path, text: str, message: str):
    with pytest.raises(InputError, match=message) as caught:
        read(path, text)
    assert "\n" not in str(caught.value)


def test_bytes_that_are_no_text_are_named(path: Path):
    path.write_bytes(f"2\n{COMMENT} label=\xc5\n{ROWS}".encode("latin-1"))
    with pytest.raises(InputError, match="expected UTF-8 text"):
        list(ExtendedXyz().read(path))


def test_elements_of_other_names_can_be_stated(path: Path):
    (frame,) = read(path, f"2\n{COMMENT}\n{ROWS.replace('Ni', '1').replace('Al', 'C')}", species={"1": "Ni", "C": "Al"})
    assert frame.numbers.tolist() == [28, 13]


@pytest.mark.parametrize("suffix", [".xyz", ".XYZ", ".extxyz", ".xyz.gz", ".extxyz.xz", ".txt"])
def test_any_usual_name_and_compression_is_accepted(tmp_path: Path, suffix: str):
    path = tmp_path / f"train{suffix}"
    content = f"2\n{COMMENT}\n{ROWS}".encode()
    path.write_bytes({".gz": gzip.compress, ".xz": lzma.compress}.get(path.suffix, bytes)(content))
    assert ExtendedXyz().accepts(path)
    assert len(list(ExtendedXyz().read(path))) == 1


def test_other_texts_are_not_accepted(tmp_path: Path):
    (tmp_path / "POSCAR").write_text("Ni\n1.0\n3 0 0\n")
    (tmp_path / "data.bin").write_bytes(bytes(range(256)))
    assert not ExtendedXyz().accepts(tmp_path / "POSCAR")
    assert not ExtendedXyz().accepts(tmp_path / "data.bin")
    assert not ExtendedXyz().accepts(tmp_path / "absent")


def test_the_numbers_are_those_that_ase_reads(tmp_path: Path):
    frames = [bulk("Ni", cubic=True) * (2, 1, 1), bulk("Al")]
    for i, atoms in enumerate(frames):
        atoms.rattle(0.1, seed=i)
        atoms.arrays["magmoms_in"] = np.linspace(0, 1, len(atoms))
        atoms.arrays["fixed"] = np.arange(len(atoms)) % 2 == 0
        atoms.info.update(key="a b", n=3, vector=np.array([1.5, 2.5, 3.5]), flag=True)
    ase.io.write(tmp_path / "ase.xyz", frames, format="extxyz")
    for ours, theirs in zip(
        ExtendedXyz().read(tmp_path / "ase.xyz"), ase.io.iread(tmp_path / "ase.xyz", ":"), strict=True
    ):
        assert np.array_equal(ours.positions, theirs.positions)
        assert np.array_equal(ours.numbers, theirs.numbers)
        assert np.array_equal(ours.cell, theirs.cell.array)
        assert np.array_equal(ours.arrays["magmoms_in"], theirs.arrays["magmoms_in"])
        assert np.array_equal(ours.arrays["fixed"], theirs.arrays["fixed"])
        assert ours.info["key"] == "a b"
        assert ours.info["n"] == 3
        assert ours.info["flag"] is True
        assert np.array_equal(ours.info["vector"], theirs.info["vector"])


def test_a_frame_error_is_an_input_error_that_knows_its_place():
    error = FrameError("a.xyz, frame 3", "a frame of no atoms")
    assert isinstance(error, InputError)
    assert (error.source, str(error)) == ("a.xyz, frame 3", "a.xyz, frame 3: a frame of no atoms")


@pytest.mark.parametrize("kind", ["I", "R"])
def test_atomic_numbers_stand_for_symbols_where_there_are_none(path: Path, kind: str):
    rows = "28 0 0 0\n13 1.5 1.5 1.25\n"
    (frame,) = read(path, f"2\n{LATTICE} Properties=Z:{kind}:1:pos:R:3\n{rows}")
    assert frame.numbers.tolist() == [28, 13]
    assert "Z" not in frame.arrays
    (frame,) = read(path, f"2\n{LATTICE} Properties=species:S:1:Z:I:1:pos:R:3\nAl 28 0 0 0\nNi 13 1 1 1\n")
    assert frame.numbers.tolist() == [13, 28]


@pytest.mark.parametrize(
    ("properties", "row", "message"),
    [
        ("Z:I:1:pos:R:3", "0 0 0 0", r"atomic numbers from 1 to 118, got 0…0"),
        ("Z:I:1:pos:R:3", "119 0 0 0", r"atomic numbers from 1 to 118, got 119…119"),
        ("Z:I:1:pos:R:3", "28.5 0 0 0", "column Z: expected whole numbers"),
        ("pos:R:3", "0 0 0", "expected a column species or Z"),
        ("species:S:1", "Ni", "expected a column pos"),
    ],
)
def test_atoms_without_an_element_or_a_place_are_refused(path: Path, properties: str, row: str, message: str):
    with pytest.raises(InputError, match=message):
        read(path, f"1\n{LATTICE} Properties={properties}\n{row}\n")


def stating(periodicity: str) -> str:
    return COMMENT.replace('pbc="T T T"', periodicity)


@pytest.mark.parametrize(
    ("stated", "along"), [("pbc=T", [True] * 3), ('pbc="F"', [False] * 3), ('pbc="1 0 1"', [True, False, True])]
)
def test_one_flag_stands_for_three_vectors(path: Path, stated: str, along: list[bool]):
    (frame,) = read(path, f"2\n{stating(stated)}\n{ROWS}")
    assert frame.pbc.tolist() == along


@pytest.mark.parametrize("stated", ['pbc="T T"', 'pbc="yes no maybe"'])
def test_periodicity_in_other_words_is_refused(path: Path, stated: str):
    with pytest.raises(FrameError, match="expected three of T and F for pbc, got"):
        read(path, f"2\n{stating(stated)}\n{ROWS}")


def test_a_key_alone_is_true_whatever_quotes_the_others_have(path: Path):
    (plain,) = read(path, f"2\n{COMMENT} relaxed\n{ROWS}")
    (braced,) = read(path, f"2\n{COMMENT} relaxed charge={{1}}\n{ROWS}")
    assert plain.info["relaxed"] is braced.info["relaxed"] is True
    with pytest.raises(FrameError, match="is a quote not closed"):
        read(path, f'2\n{COMMENT} ="none"\n{ROWS}')


def test_the_number_of_frames_is_estimated_of_plain_and_unfinished_files(path: Path):
    path.write_text(f"2\n{COMMENT}\n{ROWS}" * 7)
    assert ExtendedXyz().estimate(path) == 7
    path.write_text(f"50\n{COMMENT}\n{ROWS}")
    assert ExtendedXyz().estimate(path) == 1
    path.write_text("no number\n")
    assert ExtendedXyz().estimate(path) == 0


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1 2,3.5D0", [1, 2, 3.5]),
        ("1e3 -2*^2", [1000, -200]),
        ([["1", "2"], ["3.5", "-1D1"]], [[1, 2], [3.5, -10]]),
        (np.array([1, 2], np.int16), [1, 2]),
    ],
)
def test_rows_of_numbers_keep_their_shape(value: object, expected: list):
    assert numbers(value).tolist() == expected


@pytest.mark.parametrize("value", ["1_000", "none", None, True, [1.0, 2.0], np.array("a"), np.array([True])])
def test_what_is_no_number_is_none(value: object):
    with pytest.raises(ValueError, match="is no number"):
        number(value)


@pytest.mark.parametrize(
    ("value", "message"),
    [("1 1_000", "'1_000' is no number"), (np.array([True, False]), "are no numbers"), (np.array([1j]), "are no num")],
)
def test_a_row_that_holds_something_else_than_numbers_is_refused(value: object, message: str):
    with pytest.raises(ValueError, match=message):
        numbers(value)
