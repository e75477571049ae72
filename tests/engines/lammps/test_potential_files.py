"""A potential's file says what it is; a file that is none is refused in one line."""

from pathlib import Path

import numpy as np
import pytest

from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.engines.lammps.library import lammps_potentials
from foundational.engines.lammps.potential_files import PotentialFile, read_potential_file
from foundational.engines.lammps.potentials import ResolvedPotential, lammps_files, potential_for, resolve_potential
from foundational.errors import InputError, NotFoundError
from foundational.specs.potentials import PotentialRegistry


@pytest.fixture(scope="module")
def folder() -> Path:
    return lammps_potentials()


def resolved(file: PotentialFile, *elements: str) -> ResolvedPotential:
    return ResolvedPotential(file.spec("x", elements), file.path, file.parameters)


def test_the_header_says_what_the_numbers_of_the_whole_file_say():
    files = lammps_files()
    assert {"CoAl.eam.alloy", "NiAlH_jea.eam.fs", "Ni.adp", "Cu_u6.eam"} <= {file.path.name for file in files}
    assert [read_potential_file(file.path) for file in files] == files


def test_elements_cutoffs_and_checksums_are_those_of_the_registry(checkout: Path, folder: Path):
    for known in PotentialRegistry.read(checkout).potentials:
        if known.source == "lammps":
            spec = read_potential_file(folder / known.file).spec(known.id)
            assert spec.cutoff == pytest.approx(known.cutoff, rel=1e-12), known.id
            for field in ("elements", "pair_style", "sha256"):
                assert getattr(spec, field) == getattr(known, field), known.id


def test_a_citation_is_read_from_the_header_or_unknown(folder: Path):
    assert read_potential_file(folder / "Ni.adp").citation == "Mishin et al, Acta Mater, 53, 4029 (2005)"
    assert read_potential_file(folder / "Al_mm.eam.fs").citation is None


def test_the_number_of_values_tells_the_pair_style_of_a_file_of_any_name(folder: Path, tmp_path: Path):
    for name, style in {
        "CoAl.eam.alloy": "eam/alloy",
        "VFe_mm.eam.fs": "eam/fs",
        "AlCu.adp": "adp",
        "Ag_u3.eam": "eam",
    }.items():
        other = tmp_path / f"{name.replace('.', '_')}.txt"
        other.write_bytes((folder / name).read_bytes())
        assert read_potential_file(other).pair_style == style


def test_an_incomplete_file_is_refused(folder: Path, tmp_path: Path):
    lines = (folder / "CoAl.eam.alloy").read_text(encoding="utf-8").splitlines()
    (tmp_path / "half.eam.alloy").write_text("\n".join(lines[: len(lines) // 2]), encoding="utf-8")
    with pytest.raises(InputError, match=r"half.eam.alloy: its tables have .* the file is not complete"):
        read_potential_file(tmp_path / "half.eam.alloy")


def test_a_cutoff_that_no_potential_has_is_refused_in_one_line(folder: Path, tmp_path: Path):
    lines = (folder / "CoAl.eam.alloy").read_text(encoding="utf-8").splitlines()
    *others, _ = lines[4].split()
    (tmp_path / "x.eam.alloy").write_text(
        "\n".join([*lines[:4], " ".join([*others, "0.0"]), *lines[5:]]), encoding="utf-8"
    )
    with pytest.raises(InputError, match=r"x\.eam\.alloy: cutoff"):
        read_potential_file(tmp_path / "x.eam.alloy").spec("x")


@pytest.mark.parametrize("text", ["", "\n\n", "a\nb\nc\n2 Ni\n1 2 3 4 5\n", "a\nb\nc\nd e\nf\n", "\x00\x01"])
def test_a_file_of_another_kind_is_refused_in_one_line(tmp_path: Path, text: str):
    (tmp_path / "x.eam.alloy").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"x.eam.alloy: expected a potential"):
        read_potential_file(tmp_path / "x.eam.alloy")


def test_a_potential_of_the_wheel_needs_no_entry(checkout: Path):
    cobalt = potential_for("Co", checkout, "CoAl.eam.alloy")
    assert (cobalt.id, cobalt.spec.elements) == ("CoAl.eam.alloy", ("Co", "Al"))
    with pytest.raises(NotFoundError, match=r"element 'Co'.*LAMMPS has CoAl.eam.alloy"):
        potential_for("Co", checkout)


def test_a_path_needs_no_entry_and_gives_the_labels_of_the_registered_file(checkout: Path, tmp_path: Path):
    own = tmp_path / "mine.eam.fs"
    own.write_bytes(resolve_potential("NiNb", checkout).path.read_bytes())
    labellers = [LammpsLabeller(potential_for("Ni", checkout, text)) for text in (str(own), "NiNb")]
    assert labellers[0].id == "lammps:mine.eam.fs"
    energies = [labeller.isolated_energy("Ni") for labeller in labellers]
    assert energies[0] == energies[1]
    with pytest.raises(InputError, match=r"'mine.eam.fs' has no Al \(it has Ni, Nb\)"):
        potential_for("Al", checkout, str(own))


def test_another_file_under_the_name_of_one_of_lammps_is_refused(checkout: Path, tmp_path: Path):
    other = tmp_path / "CoAl.eam.alloy"
    other.write_bytes((lammps_potentials() / "CuNi.eam.alloy").read_bytes())
    with pytest.raises(InputError, match="register it under an id of its own"):
        resolve_potential(str(other), checkout)


def test_snap_finds_its_second_file_and_its_cutoff(folder: Path):
    file = read_potential_file(folder / "Mo_Chen_PRM2017.snapcoeff")
    assert file == read_potential_file(folder / "Mo_Chen_PRM2017.snap")
    assert file.cutoff == pytest.approx(4.615858)
    assert np.isfinite(LammpsLabeller(resolved(file, "Mo")).isolated_energy("Mo"))
    with pytest.raises(InputError, match="hybrid"):
        read_potential_file(folder / "WBe_Wood_PRB2019.snap")


def test_meam_takes_elements_by_their_names_in_the_library(folder: Path):
    file = read_potential_file(folder / "library.meam", folder / "Ni.meam")
    assert LammpsLabeller(resolved(file, "Ni=Ni4")).isolated_energy("Ni") == 0.0
    with pytest.raises(InputError, match="no element 'Al5'"):
        file.spec("x", ["Al=Al5"])
    with pytest.raises(InputError, match="no element in it"):
        read_potential_file(folder / "Ni.meam")


def test_a_file_that_is_not_there_or_lacks_its_second_one_is_named(folder: Path, tmp_path: Path):
    with pytest.raises(NotFoundError, match=r"none\.eam: expected the file of a potential, found none"):
        read_potential_file(tmp_path / "none.eam")
    alone = tmp_path / "alone.snapcoeff"
    alone.write_bytes((folder / "Mo_Chen_PRM2017.snapcoeff").read_bytes())
    with pytest.raises(NotFoundError, match=r"alone\.snapparam: .* name it with --parameters"):
        read_potential_file(alone)
    (tmp_path / "alone.snapparam").write_text("twojmax 6\n")
    with pytest.raises(InputError, match=r"alone\.snapparam: expected rcutfac, the cutoff of SNAP, found none"):
        read_potential_file(alone)


def test_a_second_file_of_eam_is_refused_and_meam_without_one_has_the_usual_cutoff(folder: Path):
    with pytest.raises(InputError, match="is one file with all of an EAM potential; omit --parameters"):
        read_potential_file(folder / "CoAl.eam.alloy", folder / "Ni.meam")
    assert read_potential_file(folder / "library.meam").cutoff == 4.0


def test_elements_are_chemical_symbols_and_of_a_file_of_one_element_that_one(folder: Path):
    assert read_potential_file(folder / "Cu_u6.eam").spec("x", ["Cu"]).elements == ("Cu",)
    with pytest.raises(InputError, match="expected chemical symbols in --elements, such as Ni,Al, got 'Copper'"):
        read_potential_file(folder / "Cu_u6.eam").spec("x", ["Copper"])
    with pytest.raises(InputError, match="'AlS' is not a chemical symbol; name the elements with --elements"):
        read_potential_file(folder / "library.meam").spec("x")


def test_what_follows_the_tables_of_a_file_is_not_read(folder: Path, tmp_path: Path):
    more = tmp_path / "more.eam.alloy"
    more.write_text((folder / "CoAl.eam.alloy").read_text() + "# 1 2 3 4 5 6 7 8 9 of another program\n" * 9)
    assert read_potential_file(more).pair_style == "eam/alloy"
    more.rename(tmp_path / "more.txt")
    with pytest.raises(InputError, match="the file is not complete"):
        read_potential_file(tmp_path / "more.txt")
