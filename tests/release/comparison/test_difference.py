import json
import re
import tracemalloc

import numpy as np
import pytest
import xarray as xr
from typer.testing import CliRunner

from foundational.cli.main import app
from foundational.data.batches import take, to_configurations
from foundational.data.conversion import to_dataset
from foundational.data.extxyz import write_extxyz
from foundational.data.store import open_store, write_dataset
from foundational.provenance.record import LabellerRecord
from foundational.release.comparison.compared_dataset import open_compared
from foundational.release.comparison.difference import ComparedDataset, difference
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


def test_one_bit_of_one_label_is_seen(nickel):
    forces = nickel["forces"].to_numpy().copy()
    forces.view(np.uint32)[0, 0] ^= 1
    assert compare(nickel, nickel.assign(forces=nickel["forces"].copy(data=forces))).relabelled == 1


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
    write_dataset(changed(slice(0, 11)), tmp_path / "other.zarr")
    arguments = ["diff", "ni", str(tmp_path / "other.zarr"), "--root", str(project.root)]
    shown = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).stdout)
    assert {k: shown[k] for k in ("added", "removed", "relabelled", "moved", "bump")} == {
        "added": 0,
        "removed": 1,
        "relabelled": 0,
        "moved": 0,
        "bump": "major",
    }
    assert re.search(r"major\s+1 configuration removed", CliRunner().invoke(app, arguments).stdout)
