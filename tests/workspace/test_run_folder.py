"""An interrupted run is continued as it was, or refused; frames are never counted twice."""

import numpy as np
import pytest

from foundational.errors import ConflictError
from foundational.workspace import run_folder
from foundational.workspace.run_folder import RunFolder, differences, work_folder
from tests.engines.momt.runs import drawn_run

SPECIFICATION = {"seed": 1, "pool": {"supercell": 2, "cell": "isotropic"}}


@pytest.fixture
def folder(tmp_path, monkeypatch) -> RunFolder:
    """One that saves every round."""
    monkeypatch.setattr(run_folder, "_SAVE_EVERY", -1.0)
    return RunFolder(work_folder(tmp_path, "ni"))


def frames_of(round_number: int) -> list[np.ndarray]:
    """Three frames of each of two walkers."""
    return [np.full((3, 9 + 12), float(10 * round_number + walker)) for walker in (0, 1)]


def test_a_folder_is_for_one_specification(folder):
    assert folder.claim(SPECIFICATION, 0) is False
    assert folder.claim(SPECIFICATION, 0) is False
    other = {"seed": 1, "pool": {"supercell": 3, "cell": "isotropic"}}
    with pytest.raises(ConflictError, match=r"another specification \(pool.supercell was 2 and is 3\)"):
        folder.claim(other, 0)


def test_a_run_that_extends_a_pool_is_not_continued_without_that_pool(folder):
    assert folder.claim(SPECIFICATION, 4) is True
    assert folder.claim(SPECIFICATION, 4) is True
    with pytest.raises(ConflictError, match="extends a stored pool from round 4"):
        folder.claim(SPECIFICATION, 0)


def test_frames_come_back_in_the_order_of_rounds_then_walkers(folder):
    assert folder.load() is None
    for number in (1, 2, 10):
        folder.keep(drawn_run(number, recorded=number), frames_of(number), last=number == 10)
    resumed = RunFolder(folder.folder)
    assert resumed.load().recorded == 10
    assert np.concatenate(resumed.frames())[:, 0, 0].tolist() == [10, 11, 20, 21, 100, 101]


def test_frames_that_a_kill_left_without_their_run_are_not_counted(folder, monkeypatch):
    folder.keep(drawn_run(recorded=1), frames_of(1), last=False)
    with monkeypatch.context() as patch:
        patch.setattr(run_folder, "run_to_bytes", killed)  # after the frames, before their run
        with pytest.raises(KeyboardInterrupt):
            folder.keep(drawn_run(recorded=2), frames_of(2), last=False)
    resumed = RunFolder(folder.folder)
    assert resumed.load().recorded == 1
    assert np.concatenate(resumed.frames())[:, 0, 0].tolist() == [10, 11]
    resumed.keep(drawn_run(recorded=2), frames_of(2), last=True)
    assert np.concatenate(resumed.frames())[:, 0, 0].tolist() == [10, 11, 20, 21]


def test_a_run_that_still_learns_has_no_frames(folder):
    folder.keep(drawn_run(recorded=0, stop=None), [], last=False)
    assert folder.frames() == []
    assert folder.load().learning


def test_rounds_between_two_saves_are_kept_in_memory(folder, monkeypatch):
    monkeypatch.setattr(run_folder, "_SAVE_EVERY", 1e9)
    folder.keep(drawn_run(recorded=1), frames_of(1), last=False)
    assert folder.load() is None
    folder.keep(drawn_run(recorded=2), frames_of(2), last=True)
    assert np.concatenate(folder.frames())[:, 0, 0].tolist() == [10, 11, 20, 21]


def test_differences_name_the_leaves():
    assert differences({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}, "d": 4}) == (
        "a.c was 2 and is 3; d was None and is 4"
    )
    assert not differences(SPECIFICATION, {**SPECIFICATION})


def killed(*_arguments):
    raise KeyboardInterrupt


@pytest.mark.parametrize("header", [b"{'descr':(", b"", b"\xff"])
def test_recorded_frames_with_a_damaged_header_are_said(folder, header):
    folder.keep(drawn_run(recorded=1), frames_of(1), last=True)
    (path,) = folder.folder.glob("frames-*.npy")
    content = path.read_bytes()
    path.write_bytes(content[:10] + header.ljust(100, b"\n") + content[110:])
    with pytest.raises(ConflictError, match="damaged"):
        folder.frames()


@pytest.mark.parametrize("content", ["[]", "3", '"seed"'])
def test_a_specification_that_is_none_is_said(folder, content):
    folder.claim(SPECIFICATION, 0)
    (folder.folder / "specification.json").write_text(content)
    with pytest.raises(ConflictError, match=r"specification\.json is damaged; remove the folder to start again"):
        folder.claim(SPECIFICATION, 0)
