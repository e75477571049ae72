import io
import json
import re
import tracemalloc

import ase.io
import numpy as np
import pytest
import xarray as xr
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator
from ase.stress import full_3x3_to_voigt_6_stress, voigt_6_to_full_3x3_stress
from scipy.spatial.transform import Rotation
from scipy.stats import ks_2samp
from typer.testing import CliRunner

from foundational.cli.main import app
from foundational.data.batches import take, to_configurations
from foundational.data.conversion import from_atoms, iterate_atoms, to_dataset
from foundational.data.extxyz import write_extxyz
from foundational.data.store import open_store, write_dataset
from foundational.errors import InputError, NotFoundError
from foundational.provenance.record import LabellerRecord
from foundational.release.comparison.compared_dataset import open_compared
from foundational.release.comparison.difference import ComparedDataset, difference
from foundational.release.comparison.distribution_shift import distribution_shift
from foundational.release.comparison.metadata_changes import requires_more
from foundational.specs.about import About


def sizes(found):
    return found.added, found.removed, found.relabelled, found.moved, found.bump


def compare(a: xr.Dataset, b: xr.Dataset):
    return difference(ComparedDataset("a", a), ComparedDataset("b", b))


def test_a_dataset_does_not_differ_from_itself_in_any_order(nickel):
    assert sizes(compare(nickel, nickel)) == (0, 0, 0, 0, None)
    shuffled = take(nickel, np.random.default_rng(0).permutation(12)).load()
    assert sizes(compare(nickel, shuffled)) == (0, 0, 0, 0, None)


def test_added_and_removed_configurations_are_counted_and_named(nickel, changed):
    fewer = changed([0, 2, 4])
    assert sizes(compare(fewer, nickel)) == (9, 0, 0, 0, "minor")
    found = compare(nickel, fewer)
    assert sizes(found) == (0, 9, 0, 0, "major")
    ids = {row.tobytes().hex() for row in nickel["id"].to_numpy()}
    assert set(found.ids.removed) == ids - {row.tobytes().hex() for row in fewer["id"].to_numpy()}


def test_the_size_of_a_label_change_is_that_of_the_label(nickel, changed):
    found = compare(nickel, changed(energy=0.4))  # configuration 0 has 4 atoms
    assert sizes(found) == (0, 0, 1, 0, "major")
    assert found.label_changes["energy"].largest == pytest.approx(0.1)
    assert found.label_changes["energy"].unit == "eV/atom"
    assert found.ids.relabelled == (nickel["id"].to_numpy()[0].tobytes().hex(),)
    forces = nickel["forces"].to_numpy().copy()
    forces[40, 1] += 0.25  # the first atom of configuration 3, after 4 + 32 + 4
    found = compare(nickel, nickel.assign(forces=nickel["forces"].copy(data=forces)))
    assert found.label_changes["forces"].largest == pytest.approx(0.25, rel=1e-6)
    assert found.ids.relabelled == (nickel["id"].to_numpy()[3].tobytes().hex(),)


def test_one_bit_of_one_label_is_named_as_rounding_and_a_patch(nickel):
    forces = nickel["forces"].to_numpy().copy()
    forces.view(np.uint32)[0, 0] ^= 1
    found = compare(nickel, nickel.assign(forces=nickel["forces"].copy(data=forces)))
    assert (found.relabelled, found.rounded, found.equal, found.bump) == (0, 1, 12, "patch")
    assert found.label_changes["forces"].within_rounding == 1
    assert 0 < found.label_changes["forces"].largest < 1e-7


@pytest.mark.parametrize(("units_in_the_last_place", "bump"), [(7, "patch"), (64, "patch"), (130, "major")])
def test_energies_of_another_processor_are_a_patch_and_larger_differences_are_not(
    nickel, units_in_the_last_place, bump
):
    energy = nickel["energy"].to_numpy().copy()
    energy[[1, 3]] += units_in_the_last_place * np.spacing(energy[[1, 3]])
    found = compare(nickel, nickel.assign(energy=nickel["energy"].copy(data=energy)))
    assert (found.bump, found.rounded + found.relabelled) == (bump, 2)
    assert found.label_changes["energy"].configurations == 2


@pytest.mark.parametrize(("units_in_the_last_place", "bump"), [(4, "patch"), (10, "major")])
def test_forces_in_float32_are_the_same_within_their_last_bits(nickel, units_in_the_last_place, bump):
    forces = nickel["forces"].to_numpy().copy()
    place = np.unravel_index(np.abs(forces).argmax(), forces.shape)
    forces[place] += units_in_the_last_place * np.spacing(forces[place])
    assert compare(nickel, nickel.assign(forces=nickel["forces"].copy(data=forces))).bump == bump


def test_forces_of_perfect_crystals_that_are_nothing_but_rounding_are_a_patch(nickel):
    none = nickel.assign(forces=nickel["forces"] * 0, stress=nickel["stress"] * 0)
    noise = none.assign(forces=none["forces"] + np.float32(3e-15), stress=none["stress"] - 2e-17)
    assert compare(none, noise).bump == "patch"
    assert compare(none, none.assign(forces=none["forces"] + np.float32(1e-9))).bump == "major"


def rewritten_by_ase(frames):
    """Eight decimals of positions and forces, as ASE writes them."""
    text = io.StringIO()
    ase.io.write(text, frames, format="extxyz")
    text.seek(0)
    return ase.io.read(text, index=":", format="extxyz")


def wrapped(frames):
    rng = np.random.default_rng(1)
    for atoms in frames:
        atoms.positions += rng.integers(-1, 2, (len(atoms), 3)) @ atoms.cell.array
    return frames


def permuted(frames):
    rng = np.random.default_rng(2)
    out = []
    for atoms in frames:
        order = rng.permutation(len(atoms))
        results = dict(atoms.calc.results)
        other = atoms[order]
        per_atom = {name: value[order] for name, value in results.items() if np.shape(value)[:1] == (len(atoms),)}
        other.calc = SinglePointCalculator(other, **(results | per_atom))
        out.append(other)
    return out


def rotated(frames):
    turn = Rotation.random(random_state=3).as_matrix()
    out = []
    for atoms in frames:
        results = dict(atoms.calc.results)
        results["forces"] = results["forces"] @ turn
        results["stress"] = full_3x3_to_voigt_6_stress(turn.T @ voigt_6_to_full_3x3_stress(results["stress"]) @ turn)
        other = atoms.copy()
        other.set_cell(atoms.cell.array @ turn, scale_atoms=True)
        other.calc = SinglePointCalculator(other, **results)
        out.append(other)
    return out


@pytest.mark.parametrize(
    ("rewrite", "kind"),
    [(rewritten_by_ase, "rewritten"), (wrapped, "wrapped"), (permuted, "permuted"), (rotated, "rotated")],
)
def test_a_tolerance_pairs_frames_however_they_were_written_and_compares_their_labels(nickel, rewrite, kind):
    """Cells without symmetry: 32 atoms with random displacements."""
    rows = np.flatnonzero(nickel["n_atoms"].to_numpy() == 32)
    frames = list(iterate_atoms(nickel, rows))
    other = rewrite(list(iterate_atoms(nickel, rows)))
    if kind == "rotated":
        # What rounding of the rotation leaves is more than the last bits: forces are written with eight decimals.
        other = rewritten_by_ase(other)
    a, b = (ComparedDataset(name, to_dataset(from_atoms(f))) for name, f in (("a", frames), ("b", other)))
    strict = difference(a, b)
    assert strict.bump == "major"
    assert strict.notes == ("--tolerance 1e-4 pairs frames that were rewritten, wrapped or permuted",)
    found = difference(a, b, tolerance=1e-4)
    assert (found.equal, found.relabelled, found.added, found.removed) == (len(rows), 0, 0, 0)
    assert (found.bump, getattr(found.rewritten, kind)) == ("patch", len(rows))
    other[1].calc.results["forces"][3, 1] += 1e-3
    other[2].calc.results["energy"] += 1e-3
    found = difference(a, ComparedDataset("b", to_dataset(from_atoms(other))), tolerance=1e-4)
    assert (found.equal, found.relabelled, found.bump) == (len(rows) - 2, 2, "major")


def test_without_labels_it_says_that_only_structures_were_compared(tmp_path):
    for name, energy in (("a", -1.0), ("b", -2.0)):
        atoms = bulk("Ni", cubic=True)
        atoms.info["binding"] = energy
        ase.io.write(tmp_path / f"{name}.xyz", atoms)
    arguments = ["diff", str(tmp_path / "a.xyz"), str(tmp_path / "b.xyz")]
    shown = CliRunner().invoke(app, arguments).stdout
    assert re.search(r"only structures were compared: no label is known .* keys are binding", shown)


def test_a_tolerance_that_is_no_short_length_is_one_line(tmp_path):
    ase.io.write(tmp_path / "a.xyz", bulk("Ni", cubic=True))
    found = CliRunner().invoke(app, ["diff", *[str(tmp_path / "a.xyz")] * 2, "--tolerance", "2"])
    assert isinstance(found.exception, InputError)


def test_configurations_that_move_between_splits_are_a_major_change(nickel, changed):
    assert sizes(compare(nickel, changed(split=np.arange(12) % 3 == 1))) == (0, 0, 0, 8, "major")


def test_variables_and_units_have_their_own_steps(nickel):
    more = nickel.assign(selection_round=("configuration", np.zeros(12, np.int32), {"units": "1"}))
    assert compare(nickel, more).bump == "minor"
    assert compare(more, nickel).bump == "major"
    other = nickel.assign(energy=nickel["energy"].assign_attrs(units="kcal/mol"))
    found = compare(nickel, other)
    assert (found.bump, found.changes[0].kind) == ("major", "units")
    assert compare(nickel, nickel.assign(step=nickel["step"] + 1)).bump == "patch"


@pytest.mark.parametrize(
    ("old", "new", "more"),
    [
        ("CC-BY-4.0", "CC-BY-NC-4.0", True),
        ("CC-BY-NC-4.0", "CC-BY-4.0", False),
        ("CC0-1.0", "CC-BY-4.0", True),
        ("CC-BY-3.0", "CC-BY-4.0", False),
        ("CC-BY-4.0", "Proprietary", True),
        ("ODbL-1.0", "CC-BY-SA-4.0", False),
    ],
)
def test_a_licence_that_may_forbid_more_is_a_major_change(nickel, old, new, more):
    about = About.model_validate(
        {"title": "t", "element": "Ni", "licence": old, "creators": [{"name": "A"}], "description": "d"}
    )
    after = about.model_copy(update={"licence": new})
    assert requires_more(old, new) == more
    assert difference(ComparedDataset("a", nickel, about), ComparedDataset("b", nickel, after)).bump == (
        "major" if more else "patch"
    )


def test_another_method_is_major_and_another_sentence_a_patch(project):
    with open_compared("ni", project.root) as side:
        assert side.provenance is not None
        assert side.about is not None
        other = side.provenance.model_copy(
            update={"labeller": LabellerRecord(id="lammps:Al_mm", version="1", sha256=None)}
        )
        found = difference(side, ComparedDataset("b", side.dataset, side.about, other, side.encoding))
        assert (found.bump, found.changes[0].kind) == ("major", "method")
        about = side.about.model_copy(update={"description": "Better said."})
        found = difference(side, ComparedDataset("b", side.dataset, about, side.provenance, side.encoding))
        assert [(c.bump, c.message) for c in found.changes] == [("patch", "about.yaml: description changed")]
        found = difference(side, ComparedDataset("b", side.dataset, side.about, side.provenance, "0" * 64))
        assert [(c.bump, c.kind) for c in found.changes] == [("patch", "encoding")]


def test_names_versions_revisions_folders_zips_and_extxyz_compare(project, changed, tmp_path):
    project.released()
    project.write(changed(slice(0, 10)))
    project.commit()
    write_extxyz(project.dataset(), tmp_path / "ni.xyz")
    bundle = project.out / "ni" / "ni-1.0.0"
    now = ["ni", "ni@HEAD", str(project.folder), str(project.folder / "data.zarr"), str(tmp_path / "ni.xyz")]
    before = ["ni@1.0.0", "ni@HEAD~1", f"{bundle}.zip", str(bundle), str(bundle / "data.zarr.zip")]
    for a, b in zip(before, now, strict=True):
        with open_compared(a, project.root) as old, open_compared(b, project.root) as new:
            assert sizes(difference(old, new)) == (0, 2, 0, 0, "major"), (a, b)


def test_spreads_tell_how_energies_and_forces_are_distributed(nickel, changed):
    found = compare(nickel, changed(slice(0, 6)))
    energy, force = found.spreads
    expected = (nickel["energy"] / nickel["n_atoms"]).to_numpy()
    assert energy.a is not None
    assert energy.a.median == pytest.approx(np.median(expected))
    assert 0 < energy.ks < 1
    norms = np.linalg.norm(nickel["forces"].to_numpy()[:4], axis=1)
    assert force.a is not None
    assert force.a.minimum <= np.sqrt((norms**2).mean()) <= force.a.maximum
    assert compare(nickel, nickel).spreads[0].ks == 0


def test_the_distance_of_two_distributions_is_scipy_s():
    random = np.random.default_rng(3)
    for count, digits in ((40, 1), (700, 8)):  # with and without equal values
        a, b = random.normal(size=count).round(digits), random.normal(0.3, 1, 2 * count).round(digits)
        found = distribution_shift("energy", "eV", a, b)
        assert found.ks == pytest.approx(ks_2samp(a, b).statistic, abs=1e-14)
        assert found.a is not None
        assert (found.a.minimum, found.a.median) == (a.min(), np.median(a))
    assert distribution_shift("energy", "eV", a, np.append(b, np.nan)).ks is None


def test_memory_grows_with_configurations_not_with_atoms(nickel, tmp_path):
    """Two sets of 20,004 × 32 atoms, whose forces alone are 7.7 MB each, are compared in little memory."""
    many = to_configurations(nickel, np.tile(np.arange(1, 12, 2), 3334))
    many.positions[:] += np.repeat(np.arange(len(many)) * 1e-4, many.n_atoms).astype(np.float32)[:, None]
    write_dataset(to_dataset(many), tmp_path / "large.zarr")
    a, b = (ComparedDataset("large", open_store(tmp_path / "large.zarr")) for _ in range(2))
    tracemalloc.start()
    assert difference(a, b).bump is None
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60e6  # about 500 bytes a configuration, and one batch of 262,144 atoms


def test_the_command_prints_the_numbers_as_json(project, changed, tmp_path):
    write_dataset(changed(slice(0, 11), energy=0.4), tmp_path / "other.zarr")
    arguments = ["diff", "ni", str(tmp_path / "other.zarr"), "--root", str(project.root)]
    shown = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).stdout)
    assert {k: shown[k] for k in ("added", "removed", "relabelled", "moved", "bump")} == {
        "added": 0,
        "removed": 1,
        "relabelled": 1,
        "moved": 0,
        "bump": "major",
    }
    picture = tmp_path / "change.svg"
    done = CliRunner().invoke(app, [*arguments, "--plot", str(picture)])
    assert done.exit_code == 0, done.exception
    told = done.stdout
    assert re.search(r"major\s+1 configuration removed", told)
    assert "10 equal, 1 relabelled, 0 moved, 0 added, 1 removed" in told
    assert "       energy by up to 0.1 eV/atom, 0.1 rms\n" in told
    assert re.search(r"energy_per_atom median .* → .*, 5–95 % .* eV/atom \(KS 0\.\d+\)", told)
    assert told.endswith("bump: major\n")
    assert picture.read_text(encoding="utf-8").startswith("<?xml")


@pytest.mark.parametrize("table", [False, True])
def test_a_folder_that_holds_no_dataset_is_said(tmp_path, table):
    (tmp_path / "data.zarr").mkdir()
    with (
        pytest.raises(NotFoundError, match=r"expected a dataset, found no zarr\.json"),
        open_compared(str(tmp_path / "data.zarr"), table=table),
    ):
        pass


def test_attributes_of_two_stores_that_differ_are_a_patch(nickel):
    other = nickel.assign_attrs(volume_per_atom=11.0, more="x")
    sides = [ComparedDataset(name, data, encoding=name * 64) for name, data in (("a", nickel), ("b", other))]
    found = [c.message for c in difference(*sides).changes if "attribute" in c.message]
    assert found == ["the attribute more is 'x', was None", "the attribute volume_per_atom is 11.0, was 10.9"]
    text = ComparedDataset("c", other)
    assert not [c for c in difference(sides[0], text).changes if "attribute" in c.message]


STRUCTURE = ("id", "n_atoms", "cell", "pbc", "atomic_numbers", "positions")


def test_sets_that_share_no_label_are_compared_by_their_structures(nickel):
    one, other = nickel[[*STRUCTURE, "energy"]], nickel[[*STRUCTURE, "stress"]]
    notes = difference(ComparedDataset("a", one), ComparedDataset("b", other)).notes
    assert "only structures were compared: no label is known in both" in notes


def test_configurations_that_stand_twice_are_counted(nickel):
    twice = take(nickel, np.array([0, 1, 2, 1, 0, 1]))
    found = difference(ComparedDataset("a", twice), ComparedDataset("b", take(nickel, slice(0, 3))))
    assert "3 configurations stand in a more than once" in [c.message for c in found.changes]


def test_decimals_are_said_where_a_label_differs_by_rounding_alone(nickel):
    energy = nickel["energy"].to_numpy()
    rounded = np.round(energy, 5)

    def found(new: np.ndarray):
        sides = [
            ComparedDataset(n, nickel.assign(energy=nickel["energy"].copy(data=e)))
            for n, e in (("a", energy), ("b", new))
        ]
        return difference(*sides, tolerance=1e-4).label_changes["energy"]

    assert (found(rounded).decimals, found(rounded).within_rounding) == (5, 12)
    moved = rounded + 0.5
    assert (found(moved).decimals, found(moved).within_rounding) == (None, 0)
    one = np.where(np.arange(12) == 4, moved, rounded)
    assert (found(one).decimals, found(one).within_rounding) == (5, 11)
