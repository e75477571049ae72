"""The short form of benchmarks/faults: wrong inputs are refused in one line, flipped bits are found."""

import random
import warnings

import numpy as np
import pytest

from benchmarks.faults import bits
from benchmarks.faults.fuzz import MESSAGE, case_files
from benchmarks.faults.inputs import PARSERS, prepare
from foundational.errors import FoundationalError
from foundational.interchange.frame import Frame
from foundational.interchange.geometry import require_geometry
from foundational.interchange.importing import import_files

CASES = 12
QUICK = ("extxyz", "compressed", "pymatgen", "outcar", "vasprun", "espresso", "cp2k", "gpaw", "deepmd", "torchani")
QUICK += ("ase-json", "parquet", "json", "hub-api", "zenodo", "template")


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    prepare(folder, quick=True)
    return folder


@pytest.mark.parametrize("parser", QUICK)
def test_a_mutated_input_is_read_or_refused_in_one_short_line(inputs, tmp_path, parser):
    for number in range(CASES):
        files, whole = case_files(inputs, parser, number, 20231109)
        for name, content in files.items():
            path = tmp_path / str(number) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        said = ""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                PARSERS[parser][0](tmp_path / str(number) if whole else path)
            except FoundationalError as error:
                said = str(error)
        assert len(said) <= MESSAGE
        assert not list(tmp_path.rglob("CANARY"))


def test_a_flipped_bit_in_what_interrupted_runs_keep_is_found_or_changes_nothing(tmp_path):
    (checkpoint, read), (run, read_run) = bits.interrupted(tmp_path)
    kinds = (bits.Kind("checkpoint", (checkpoint,), read, "", 1), bits.Kind("run", run, read_run, "", 1))
    for kind in kinds:
        expected = kind.read()
        rng = random.Random(1)
        outcomes = {bits.flipped(kind, expected, rng)[0] for _ in range(60)}
        assert "found" in outcomes
        assert outcomes <= {"found", "repeated", "nothing changed"}


@pytest.mark.parametrize(
    ("old", "new"), [('"e_cut": 520', '"e_cut": Infinity'), ("[[4.0, 0, 0]", "[7"), ("4.0", "NaN")]
)
def test_a_method_or_a_cell_that_cannot_be_is_refused(inputs, tmp_path, old, new):
    text = (inputs / "pymatgen" / "list" / "a.json").read_text()
    assert old in text
    (tmp_path / "a.json").write_text(text.replace(old, new))
    with pytest.raises(FoundationalError):
        import_files([tmp_path / "a.json"])


def test_a_name_of_a_field_that_is_no_text_is_refused():
    frame = Frame("x", np.array([28], np.uint8), np.zeros((1, 3)), np.eye(3), np.ones(3, bool), {b"\x80": 1.0})
    with pytest.raises(FoundationalError, match="names of fields in UTF-8"):
        require_geometry(frame)
