"""Bad input: one line on stderr that says what is wrong, status 1, nothing written, never a traceback."""

import errno
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import zarr
from ruamel.yaml import YAML

from foundational.data.store import open_store, write_dataset
from foundational.errors import disk_trouble
from foundational.specs.parsing import merge, read_yaml
from foundational.stages.distill import command as distillation
from tests.disks import small_disk


def change_params(root: Path, overlay: dict) -> None:
    YAML().dump(merge(read_yaml(root / "params.yaml"), overlay), root / "params.yaml")


def written(root: Path) -> list[Path]:
    return sorted(path for path in (root / "datasets").rglob("*") if "potentials" not in path.parts)


@pytest.fixture
def distilled(distilled_project, tmp_path):
    root = tmp_path / "project"
    shutil.copytree(distilled_project, root, symlinks=True)
    return root


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("validate nix", "no dataset 'nix'"),
        ("show ./nowhere", "nowhere"),
        ("check nii", "did you mean 'ni'?"),
        ("sample ni-momt-23", "did you mean 'ni-momt-32'?"),
        ("distill no", "did you mean 'ni'?"),
        ("holdout ni-holdot", "did you mean 'ni-holdout'?"),
        ("translate nii --to Nb", "did you mean 'ni'?"),
        ("translate ni --to Nj", "no potential with element 'Nj'"),
        ("translate ni --to Ni", "is Ni already; expected another element"),
        ("translate ni --to Nb --potential Al_mm", "potential 'Al_mm' has no Nb"),
        ("translate ni --to Nb --potential NbNi", "did you mean 'NiNb'?"),
        ("translate ni --to Nb --name ../escape", "your own datasets are called local/<name>"),
        ("translate ni --to Nb --name local/../escape", "expected a dataset's name such as"),
        ("potentials --element Xx", "no potential with element 'Xx'"),
        ("train ni -o x --device cuda:99", "expected a device that torch reaches (cpu"),
        ("train ni -o x --device gpu", "expected a device that torch reaches (cpu"),
        ("train ni -o x --memory 4", "expected a number in B (or B, kB, MB, GB"),
        ("train ni -o x --memory 1MB", "expected more than the 350 MB of the program itself"),
        ("train ni -o x --memory 352MB", "allow more memory or take a smaller batch"),
    ],
)
def test_a_name_that_does_not_exist_is_one_line(foundational, distilled, command, message):
    before = written(distilled)
    outcome = foundational(*command.split(), cwd=distilled)
    assert outcome.status == 1
    assert message in outcome.err
    assert outcome.err.startswith("error: ")
    assert outcome.err.count("\n") == 1
    assert written(distilled) == before


@pytest.mark.parametrize(
    ("overlay", "message"),
    [
        ({"distill": {"ni": {"framse": 3}}}, "distill.ni.framse: unknown key, did you mean 'frames'?"),
        ({"sample": {"settings": {"timestep": "2 K"}}}, "sample.settings.timestep: expected a number in fs"),
        (
            {"sample": {"pools": {"ni-momt-32": {"temperature_low": -600}}}},
            "temperature_low: Input should be greater than 0, got -600",
        ),
        ({"distill": {"ni": {"frames": "many"}}}, "distill.ni.frames"),
        ({"translate": {"sets": {"al": {"rule": "colour"}}}}, "translate.sets.al.rule"),
    ],
)
@pytest.mark.parametrize("command", ["distill ni --force", "translate ni --to Nb"])
def test_parameters_are_checked_before_anything_runs(foundational, distilled, command, overlay, message):
    change_params(distilled, overlay)
    before = written(distilled)
    outcome = foundational(*command.split(), cwd=distilled)
    assert outcome.status == 1
    assert message in outcome.err
    assert outcome.err.count("\n") == 1
    assert written(distilled) == before


def test_outside_of_a_project_is_said(foundational, tmp_path):
    outcome = foundational("validate", "ni", cwd=tmp_path)
    assert outcome.status == 1
    assert "expected a project, a folder with dvc.yaml" in outcome.err


def test_a_potential_with_another_checksum_is_refused(foundational, distilled, checkout):
    (distilled / "datasets/potentials").unlink()
    shutil.copytree(checkout / "datasets/potentials", distilled / "datasets/potentials")
    path = distilled / "datasets/potentials/NiNb.eam.fs"
    path.chmod(0o644)
    path.write_bytes(path.read_bytes().replace(b"1", b"2", 1))
    outcome = foundational("translate", "ni", "--to", "Nb", cwd=distilled)
    assert outcome.status == 1
    assert "expected sha256 9db1b232f9fe" in outcome.err
    assert not (distilled / "datasets/local").exists()


@pytest.mark.parametrize("damage", ["flipped", "truncated", "missing"])
def test_a_damaged_chunk_is_named_and_never_read_as_numbers(foundational, distilled, damage):
    chunk = max((distilled / "datasets/ni/data.zarr/forces").rglob("*"), key=lambda p: p.stat().st_size)
    content = bytearray(chunk.read_bytes())
    chunk.chmod(0o644)
    if damage == "flipped":
        content[len(content) // 2] ^= 1
        chunk.write_bytes(content)
    elif damage == "truncated":
        chunk.write_bytes(content[:-7])
    else:
        chunk.unlink()
    for command in ("check ni", "validate ni", "translate ni --to Nb"):
        outcome = foundational(*command.split(), cwd=distilled)
        assert outcome.status == 1
        assert "forces" in outcome.err + outcome.out
        assert "Traceback" not in outcome.err
    assert not (distilled / "datasets/local/nb/data.zarr").exists()


@pytest.mark.parametrize("damage", ["variable", "unit"])
def test_a_missing_variable_or_unit_is_named(foundational, distilled, damage):
    """Even where whoever removed it made the store consistent again."""
    path = distilled / "datasets/ni/data.zarr"
    dataset = open_store(path).load()
    group = zarr.open_group(path, mode="r+")
    if damage == "variable":
        del group["forces"]
    else:
        del group["forces"].attrs["units"]
    assert dataset.sizes["configuration"]
    outcome = foundational("check", "ni", cwd=distilled)
    assert outcome.status == 1
    assert "forces" in outcome.err
    assert outcome.err.count("\n") == 1


def test_overlapping_atoms_are_found_by_check(foundational, distilled):
    path = distilled / "datasets/ni/data.zarr"
    dataset = open_store(path).load()
    dataset["positions"][1] = dataset["positions"][0] + np.array([0.2, 0, 0], dtype=np.float32)
    write_dataset(dataset, path, replace=True)
    outcome = foundational("check", "ni", "--json", cwd=distilled)
    assert outcome.status == 1
    assert "minimum distance" in outcome.out or "distance" in outcome.out


def test_a_failed_gate_is_a_plain_sentence_and_status_1(foundational, distilled):
    outcome = foundational("validate", "ni", "--quick", cwd=distilled)
    assert outcome.status == 1
    assert "mean absolute error on the holdout is" in outcome.err
    assert "above the gate of 0.001" in outcome.err


def test_an_interrupted_distillation_resumed_with_other_parameters_is_refused(foundational, project):
    class KilledError(Exception):
        pass

    def kill(*_: object, **__: object) -> None:
        raise KilledError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(distillation, "_write_rounds", kill)  # after the last round, before anything is stored
        with pytest.raises(KilledError):
            distillation.distill_pool(project, "ni")
    change_params(project, {"distill": {"ni": {"epochs": 3}}})
    outcome = foundational("distill", "ni", cwd=project)
    assert outcome.status == 1
    assert "distill.epochs" in outcome.err
    assert not (project / "datasets/ni/data.zarr").exists()


def test_a_full_disk_is_one_line(foundational, distilled, tmp_path):
    with small_disk(tmp_path / "disk", 4) as disk:
        outcome = foundational("train", "ni", "--frames", "20", "-o", str(disk / "model"), cwd=distilled)
    assert outcome.status == 1
    assert outcome.err.splitlines()[-1].startswith("error: cannot write ")
    assert "No space left on device" in outcome.err


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (errno.ENOSPC, "cannot write place: No space left on device; fix this"),
        (errno.EACCES, "may not use place: Permission denied; ask for the permission"),
        (errno.ENAMETOOLONG, "cannot use place: File name too long; choose another path"),
        (errno.ENOTDIR, "cannot use place: Not a directory; choose another path"),
        (errno.EXDEV, "cannot write place: Invalid cross-device link; choose a folder on another disk"),
        (errno.EIO, "cannot use place: Input/output error; the disk or the network fails"),
    ],
)
def test_what_a_disk_says_is_told_with_what_to_do(code, said):
    assert disk_trouble(OSError(code, os.strerror(code), "place")).startswith(said)


def test_an_error_that_is_not_of_the_disk_is_not_called_one():
    assert disk_trouble(OSError(errno.ECONNREFUSED, "refused")) is None
