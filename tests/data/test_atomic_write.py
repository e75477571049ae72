import ctypes
import errno
import fcntl
import os
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import xarray as xr

from foundational.data.atomic_write import previous, temporary_folder, whole_folder, write_whole
from foundational.data.fingerprint import fingerprint
from foundational.data.integrity.storing import exclusive
from foundational.data.store import open_store, verify_store, write_dataset
from foundational.errors import ConflictError, NotFoundError

TRIALS = 8

# Writes one dataset over and over in children, each killed a little later than the one before, from before its
# first byte to after its last. Prints nothing; whoever starts it looks at what lies on disk.
WRITER = """
    import os, signal, sys, time
    from pathlib import Path
    from foundational.data.store import open_store, write_dataset
    source, target, trials, replace = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "replace"

    def start(path):
        child = os.fork()
        if not child:
            write_dataset(open_store(source), path, replace=replace)
            os._exit(0)
        return child

    began = time.perf_counter()
    os.waitpid(start(target / "whole" / "data.zarr"), 0)
    whole = time.perf_counter() - began
    for trial in range(trials):
        child = start(target / str(trial) / "data.zarr")
        time.sleep(whole * 1.3 * trial / (trials - 1))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
"""


def kill_writers(source: Path, target: Path, trials: int, mode: str) -> None:
    code = textwrap.dedent(WRITER)
    subprocess.run([sys.executable, "-c", code, source, target, str(trials), mode], check=True, timeout=600)


def test_a_killed_writer_leaves_the_whole_dataset_or_none(store: Path, dataset: xr.Dataset, tmp_path: Path):
    kill_writers(store, tmp_path, TRIALS, "new")
    paths = [tmp_path / str(trial) / "data.zarr" for trial in range(TRIALS)]
    written = [path.exists() for path in paths]
    assert False in written, "no writer was killed in time"
    assert (tmp_path / "whole" / "data.zarr").exists()
    for path in paths:
        if path.exists():
            verify_store(path)
            assert open_store(path).load().identical(dataset)
        else:
            write_dataset(dataset, path)  # and the next one is not in the way of its leavings
            verify_store(path)


def test_a_writer_killed_while_replacing_loses_neither_the_old_nor_the_new(
    store: Path, dataset: xr.Dataset, tmp_path: Path
):
    old = dataset.isel(configuration=slice(0, 1), atom=slice(0, 32))
    paths = [tmp_path / str(trial) / "data.zarr" for trial in range(TRIALS)]
    for path in paths:
        write_dataset(old, path)
    kill_writers(store, tmp_path, TRIALS, "replace")
    for path in paths:
        verify_store(path if path.exists() else previous(path))
        kept = open_store(path if path.exists() else previous(path)).load()
        assert kept.identical(old) or kept.identical(dataset)
        write_dataset(dataset, path, replace=True)
        assert fingerprint(open_store(path)) == fingerprint(dataset)
        assert not previous(path).exists()


def test_a_replacement_interrupted_between_its_two_names_is_undone(store: Path, dataset: xr.Dataset):
    store.rename(previous(store))
    with pytest.raises(NotFoundError, match=r"rename \.data\.zarr\.previous back to data\.zarr"):
        open_store(store)
    with pytest.raises(ConflictError), whole_folder(store):
        pass
    assert open_store(store).load().identical(dataset)


def test_an_error_while_writing_leaves_nothing(tmp_path: Path):
    def fail() -> None:
        with whole_folder(tmp_path / "target") as folder:
            (folder / "file").write_text("half")
            raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_appears_meanwhile_is_not_overwritten(tmp_path: Path):
    def race() -> None:
        with whole_folder(tmp_path / "target"):
            (tmp_path / "target").mkdir()
            (tmp_path / "target" / "theirs").write_text("theirs")

    with pytest.raises(ConflictError, match="exists already"):
        race()
    assert [p.name for p in (tmp_path / "target").iterdir()] == ["theirs"]


def write_a_folder(target: Path) -> None:
    with whole_folder(target):
        pass


def write_a_file(target: Path) -> None:
    write_whole(target, [b"new"])


def use_a_temporary_folder(target: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(target.parent))
        with temporary_folder() as folder:
            (folder / "file").touch()
    target.touch()


@pytest.mark.parametrize("alive", [True, False])
@pytest.mark.parametrize(
    ("write", "name"),
    [
        (write_a_folder, ".target.abc.partial"),
        (write_a_file, ".target.abc.partial"),
        (use_a_temporary_folder, ".foundational.abc.partial"),
    ],
)
@pytest.mark.parametrize("is_folder", [True, False])
def test_only_leavings_of_the_dead_are_removed(
    tmp_path: Path, alive: bool, write: Callable[[Path], None], name: str, is_folder: bool
):
    leavings = tmp_path / name
    leavings.mkdir() if is_folder else leavings.touch()
    long_ago, far_ahead = 0, 4e9  # of another clock
    os.utime(leavings, (long_ago,) * 2 if is_folder else (far_ahead,) * 2)
    handle = os.open(leavings, os.O_RDONLY)
    try:
        if alive:
            fcntl.flock(handle, fcntl.LOCK_EX)
        write(tmp_path / "target")
    finally:
        os.close(handle)
    assert {path.name for path in tmp_path.iterdir()} == ({"target", name} if alive else {"target"})


@pytest.mark.parametrize("can_exchange", [True, False])
def test_a_folder_is_replaced_with_and_without_an_exchange_of_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, can_exchange: bool
):
    if not can_exchange:
        monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: object())
    target, renamed, rename = tmp_path / "target", [], Path.rename
    for text in ("old", "new"):
        with whole_folder(target, replace=True) as folder:
            (folder / "file").write_text(text)
            monkeypatch.setattr(Path, "rename", lambda path, to: renamed.append(path) or rename(path, to))
    assert (target / "file").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["target"]
    assert (target in renamed) != can_exchange, "the name is there at every moment, where that is possible"


def test_what_was_replaced_and_not_removed_is_never_put_back(tmp_path: Path):
    """A process was killed while it removed the old folder; the new one is then removed, as dvc repro does."""
    target = tmp_path / "target"
    write_a_folder(target)
    previous(target).mkdir()
    with pytest.raises(ConflictError, match="exists already"):
        write_a_folder(target)
    assert not previous(target).exists()


@pytest.mark.parametrize("error", [errno.ENOSYS, errno.ENOLCK, errno.EBADF])
def test_a_file_system_without_locks_and_without_forced_writes_is_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: int
):
    def unable(*_: object) -> None:
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(fcntl, "flock", unable)
    monkeypatch.setattr(os, "fsync", unable)
    young, old = tmp_path / ".target.young.partial", tmp_path / ".target.old.partial"
    for path, age in ((young, 3600), (old, 2 * 86_400)):
        path.mkdir()
        os.utime(path, (time.time() - age,) * 2)
    write_a_folder(tmp_path / "target")
    write_a_file(tmp_path / "file")
    with exclusive(tmp_path, "ni"):
        pass
    assert {path.name for path in tmp_path.iterdir()} == {"target", "file", young.name, "build"}


def test_a_long_name_can_be_written(tmp_path: Path):
    write_a_file(tmp_path / ("ä" * 120 + ".json"))
    write_a_folder(tmp_path / ("x" * 240))
    assert len(list(tmp_path.iterdir())) == 2


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path):
    path = tmp_path / "new" / "file"
    write_whole(path, [b"a", b"b"])
    assert path.read_bytes() == b"ab"

    def failing():
        yield b"c"
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        write_whole(path, failing())
    assert path.read_bytes() == b"ab"
    assert [p.name for p in path.parent.iterdir()] == ["file"]


REPLACER = """
    import sys
    from pathlib import Path
    from foundational.data.atomic_write import whole_folder
    from foundational.errors import ConflictError
    target, mine, turns, replace = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4] == "replace"
    print("ready", flush=True)
    sys.stdin.readline()
    done = 0
    for turn in range(turns):
        place = target if replace else target.with_name(f"{target.name}-{turn}")
        try:
            with whole_folder(place, replace=replace) as folder:
                for name in ("a", "b", "c"):
                    (folder / name).write_text(mine)
            done += 1
        except ConflictError:
            assert not replace
    print(done)
"""


@pytest.mark.parametrize("mode", ["replace", "new"])
def test_writers_of_one_folder_at_once_each_end_and_leave_it_whole(tmp_path: Path, mode: str):
    """With replacement all succeed, one after the other; without it each folder is made by one of them."""
    turns = 40
    command = [sys.executable, "-c", textwrap.dedent(REPLACER), tmp_path / "target"]
    writers = [
        subprocess.Popen(
            [*command, str(number), str(turns), mode], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for number in range(3)
    ]
    for writer in writers:
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()
    done = [int(writer.communicate(timeout=120)[0]) for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    assert done == [turns] * 3 if mode == "replace" else sum(done) == turns
    folders = list(tmp_path.iterdir())
    assert len(folders) == (1 if mode == "replace" else turns), "leftovers"
    for folder in folders:
        assert len({(folder / name).read_text() for name in ("a", "b", "c")}) == 1


def test_a_folder_within_a_folder_that_is_being_written_does_not_wait_for_itself(tmp_path):
    with (
        whole_folder(tmp_path / "outer") as outer,
        whole_folder(outer / "inner") as inner,
        whole_folder(inner / "innermost") as innermost,
    ):
        (innermost / "file").write_text("x")
    assert (tmp_path / "outer/inner/innermost/file").read_text() == "x"


def test_threads_and_processes_that_write_within_it_take_turns_too(tmp_path):
    def write(text: str) -> None:
        for _ in range(20):
            with whole_folder(outer / "inner", replace=True) as inner:
                for name in ("a", "b"):
                    (inner / name).write_text(text)

    with whole_folder(tmp_path / "outer") as outer:
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(write, "xyz"))
        command = [sys.executable, "-c", textwrap.dedent(REPLACER), outer / "inner", "p", "1", "replace"]
        subprocess.run(command, input="go\n", text=True, check=True, capture_output=True, timeout=60)
        assert [path.name for path in outer.iterdir()] == ["inner"]
    assert (tmp_path / "outer/inner/a").read_text() == (tmp_path / "outer/inner/b").read_text() == "p"


@pytest.mark.parametrize(
    ("code", "kind"), [(errno.EEXIST, ConflictError), (errno.ENOTEMPTY, ConflictError), (errno.EIO, OSError)]
)
def test_a_folder_that_appears_at_its_last_step_is_not_overwritten(tmp_path: Path, monkeypatch, code: int, kind):
    """As on a file system without locks."""
    target = tmp_path / "set"
    rename = Path.rename

    def late(path: Path, other: Path) -> Path:
        if Path(other) != target:
            return rename(path, other)
        target.mkdir()
        (target / "other").write_text("kept")
        raise OSError(code, "cannot rename")

    monkeypatch.setattr(Path, "rename", late)
    with pytest.raises(kind), whole_folder(target) as partial:
        (partial / "own").write_text("")
    assert [path.name for path in target.iterdir()] == ["other"]
