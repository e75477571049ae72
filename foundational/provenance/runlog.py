"""The volatile side of provenance: when, where and how long. One JSON line a run, in build/runs.jsonl, never in git."""

import json
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO


@contextmanager
def logged_run(root: Path, stage: str, name: str) -> Iterator[dict[str, Any]]:
    """Append a line on leaving: stage, dataset, start, seconds, host, outcome and whatever the body puts in."""
    entry: dict[str, Any] = {"stage": stage, "name": name, "started": datetime.now(UTC).isoformat(timespec="seconds")}
    begin = time.perf_counter()
    try:
        yield entry
        entry["outcome"] = "completed"
    except BaseException as error:
        entry["outcome"] = type(error).__name__
        raise
    finally:
        entry |= {"seconds": round(time.perf_counter() - begin, 3), "host": platform.node(), "cpus": os.cpu_count()}
        path = root / "build" / "runs.jsonl"
        path.parent.mkdir(exist_ok=True)
        with path.open("a+b") as stream:
            line = json.dumps(entry, ensure_ascii=False).encode() + b"\n"
            if stream.tell() and not _ends_a_line(stream):  # a process was killed in the middle of its line
                line = b"\n" + line
            stream.write(line)


def _ends_a_line(stream: BinaryIO) -> bool:
    stream.seek(-1, os.SEEK_END)
    return stream.read(1) == b"\n"
