"""Pools as they are stored: extended, killed, under another's bias, of any element, and what is refused."""

import multiprocessing
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from foundational.data.store import open_store
from foundational.errors import ConflictError, InputError, NotFoundError
from foundational.specs.parsing import merge, read_yaml
from foundational.stages.sample import command as sampling
from foundational.stages.sample.command import StoredSample, sample_element, sample_pool
from foundational.workspace import run_folder
from foundational.workspace.pools import open_pool, read_manifest

#: A round is 16 frames.
TINY = {
    "sample": {
        "settings": {
            "block": "0.8 ps",
            "frame_time": "0.1 ps",
            "window": {"equilibration": "2 ps", "duration": "1 ps"},
            "bias": {"hill_height": 0.3},
            "learning": {"crossings": 1, "refinement": 1.1},
        },
        "pools": {"ni-npt-solid-32": {"temperature": 1200, "frames": 40}},
        "element": {"melting": {"stage": "0.3 ps", "heatings": 2}},  # ten times faster than in earnest
    }
}
NAME = "ni-npt-solid-32"


@pytest.fixture(scope="module")
def empty(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sampling")
    YAML().dump(merge(read_yaml(checkout / "params.yaml"), TINY), root / "params.yaml")
    shutil.copyfile(checkout / "dvc.yaml", root / "dvc.yaml")
    (root / "datasets").mkdir()
    (root / "datasets" / "potentials").symlink_to(checkout / "datasets" / "potentials")
    return root


def copied(root: Path, target: Path) -> Path:
    return Path(shutil.copytree(root, target, symlinks=True))


@pytest.fixture(scope="module")
def short(empty: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose pool has 40 frames, two rounds and a half."""
    root = copied(empty, tmp_path_factory.mktemp("short") / "project")
    sample_pool(root, NAME)
    return root


@pytest.fixture(scope="module")
def long(empty: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose pool was sampled to 60 frames at once."""
    root = copied(empty, tmp_path_factory.mktemp("long") / "project")
    sample_pool(root, NAME, frames=60)
    return root


@pytest.mark.parametrize("with_manifest", [True, False], ids=["asked for", "after DVC removed the manifest"])
def test_extended_pool_is_bit_for_bit_the_one_sampled_at_once(
    short: Path, long: Path, tmp_path: Path, with_manifest: bool
):
    root = copied(short, tmp_path / "project")
    if not with_manifest:
        (root / f"datasets/pools/{NAME}/manifest.json").unlink()
    made = sample_pool(root, NAME, frames=60)
    assert made.stored_frames == 40
    assert made.manifest == read_manifest(long, NAME)
    assert open_pool(root, NAME)[0].sizes["configuration"] == 60


def test_pool_without_its_manifest_is_sampled_anew_where_it_is_damaged_or_not_longer(short: Path, tmp_path: Path):
    root = copied(short, tmp_path / "project")
    folder = root / "datasets/pools" / NAME
    (folder / "manifest.json").unlink()
    victim = max((folder / "data.zarr/forces").rglob("*"), key=lambda p: p.stat().st_size)
    victim.write_bytes(victim.read_bytes()[:-1] + b"x")
    made = sample_pool(root, NAME, frames=50)
    assert made.stored_frames == 0
    assert open_pool(root, NAME)[0].sizes["configuration"] == 50
    (folder / "manifest.json").unlink()
    assert sample_pool(root, NAME).stored_frames == 0
    assert read_manifest(root, NAME) == read_manifest(short, NAME)


def _extend_and_die(root: Path, event: str) -> None:
    """Extend a pool in a process that is killed after a round, or while the new pool is being written."""

    def die(*_: Any) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    run_folder._SAVE_EVERY = 0.0
    if event == "writing":
        sampling.write_record = die
    sample_pool(root, NAME, frames=60, progress=die if event == "sampling" else None)


@pytest.mark.parametrize("event", ["sampling", "writing"])
def test_kill_leaves_the_old_pool_whole_and_the_extension_is_resumed(
    short: Path, long: Path, tmp_path: Path, event: str
):
    root = copied(short, tmp_path / "project")
    child = multiprocessing.get_context("spawn").Process(target=_extend_and_die, args=(root, event))
    child.start()
    child.join(60)
    assert child.exitcode == -signal.SIGKILL
    assert open_pool(root, NAME)[0].sizes["configuration"] == 40
    made = sample_pool(root, NAME, frames=60)
    assert made.resumed or event == "sampling"
    assert made.manifest == read_manifest(long, NAME)
    assert not run_folder.work_folder(root, NAME).exists()


def test_pool_of_another_specification_is_kept_and_the_difference_said(short: Path, tmp_path: Path):
    root = copied(short, tmp_path / "project")
    change = {"sample": {"pools": {NAME: {"temperature": 1300.0}}}}
    YAML().dump(merge(read_yaml(root / "params.yaml"), change), root / "params.yaml")
    with pytest.raises(ConflictError, match=r"pool.temperature was 1200.0 and is 1300.0"):
        sample_pool(root, NAME)
    assert read_manifest(root, NAME) == read_manifest(short, NAME)


def test_pool_that_is_whole_already_is_kept(short: Path):
    for frames in (40, 20):
        with pytest.raises(ConflictError, match=r"exists already, with 40 frames .* more frames"):
            sample_pool(short, NAME, frames=frames)


def test_bias_of_another_phase_or_size_is_refused(short: Path):
    with pytest.raises(InputError, match="element was Ni and is Al"):
        sample_pool(short, "al-momt-108", bias_from=NAME)


# Any element.

COPPER: dict[str, Any] = {"frames": 16}


@pytest.fixture(scope="module")
def copper(empty: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, StoredSample]:
    """A project with a pool of copper."""
    root = copied(empty, tmp_path_factory.mktemp("copper") / "project")
    return root, sample_element(root, "Cu", COPPER)


def test_element_alone_gives_a_pool_with_its_whole_specification(copper: tuple[Path, StoredSample]):
    root, made = copper
    record = open_pool(root, "local-cu-momt-32")[1]
    spec = record.spec["pool"]
    assert (spec["structure"], spec["supercell"], spec["potential"]) == ("fcc", 2, "Cu_mishin1")
    assert 200 < spec["temperature_low"] < 800 < spec["temperature"] < 2500 < spec["temperature_high"] < 6000
    assert len(record.details["melting"]["superheating_K"]) == 2
    assert made.name == "local-cu-momt-32"


def test_pool_of_an_element_is_extended_at_its_own_temperatures(copper: tuple[Path, StoredSample], tmp_path: Path):
    root = copied(copper[0], tmp_path / "project")
    before = read_manifest(root, "local-cu-momt-32").record
    after = sample_element(root, "Cu", {"frames": 32}).manifest.record
    assert {**after.spec["pool"], "frames": 16} == before.spec["pool"]
    assert after.details["melting"] == before.details["melting"]
    with pytest.raises(ConflictError, match=r"pool.temperature was .* and is 1900"):
        sample_element(root, "Cu", {"frames": 32, "temperature": 1900.0})


def test_bias_of_a_pool_gives_another_pool_that_learned_nothing(copper: tuple[Path, StoredSample], tmp_path: Path):
    root = copied(copper[0], tmp_path / "project")
    spec = copper[1].manifest.record.spec["pool"]
    given = {key: spec[key] for key in ("temperature_low", "temperature", "temperature_high")}
    made = sample_element(
        root, "Cu", COPPER | given, name="local-cu-again", bias_from="local-cu-momt-32"
    ).manifest.record
    assert made.details["rounds_learning"] == 0
    assert made.inputs == (copper[1].manifest.record.output,)
    assert made.details["window_eV"] == copper[1].manifest.record.details["window_eV"]
    ids = [
        open_store(root / f"datasets/pools/{name}/data.zarr")["id"].to_numpy()
        for name in ("local-cu-again", "local-cu-momt-32")
    ]
    assert not {bytes(row) for row in ids[0]} & {bytes(row) for row in ids[1]}


@pytest.mark.parametrize(
    ("element", "given", "message"),
    [
        ("Mg", {}, "ground state of Mg with .* is hcp.* --structure fcc or bcc"),
        ("Cu", {"supercell": 1}, "fcc supercell of 1 holds 4 atoms.*at least 2"),
        ("Cu", {"structure": "hcp"}, "expected a structure of fcc, bcc"),
        ("Cu", {"supercell": 100_000}, "expected a supercell of at most 13, or 10,000 atoms"),
        ("Cu", {"temperature": float("nan")}, "expected temperature as a positive number of kelvin, got nan"),
        ("Cu", {"temperature_high": float("inf")}, "expected temperature_high as a positive number of kelvin, got inf"),
        (
            "Cu",
            {"temperature": 800.0, "temperature_high": 700.0},
            "temperature < temperature_high, got 800, 700",
        ),
        (
            "Cu",
            {"temperature_low": 900.0, "temperature": 800.0, "temperature_high": 2000.0},
            "expected temperature_low < temperature < temperature_high, got 900, 800, 2000 K",
        ),
        ("Cu", {"cell": "cubic", "temperature_low": 1.0, "temperature": 2.0, "temperature_high": 3.0}, "cell"),
    ],
)
def test_impossible_pool_of_an_element_is_refused_before_anything_runs(
    empty: Path, element: str, given: dict[str, Any], message: str
):
    with pytest.raises(InputError, match=message):
        sample_element(empty, element, given)
    assert not (empty / "datasets/pools").exists()


def test_name_of_a_pool_that_is_not_the_user_s_is_refused(empty: Path):
    with pytest.raises(InputError, match="a name that starts with local-"):
        sample_element(empty, "Cu", {}, name="ni-momt-32")


def test_pool_that_params_yaml_does_not_name_is_not_found(empty: Path):
    with pytest.raises(NotFoundError, match="no pool 'local-cu'"):
        sample_pool(empty, "local-cu")
