"""A process that has imported what examples use, and forks for each kernel and each command of the build.

Twelve kernels and some thirty commands would else import the same packages again: most of the time of a build. What
they run, where, and by which environment is the same as without it.
"""

import atexit
import contextlib
import gc
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

#: Imported before the first fork; none of them starts a thread or reads the folder that it is in.
MODULES = (
    "IPython.core.interactiveshell",
    "ipykernel.kernelapp",
    "ase.io",
    "ase.build",
    "ase.calculators.emt",
    "numba",
    "torch",
    "xarray",
    "zarr",
    "foundational.api",
    "foundational.card.writing",
    "foundational.cli.main",
    "foundational.data.store",
    "foundational.inspection.check",
    "foundational.interchange.importing",
    "foundational.release.transfer.retrieval",
)
#: What stands in for a command: it hands over its folder, environment, arguments and streams, and waits for the status.
_CALL = """\
#!{python} -IS
import json, os, signal, socket, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)  # jupyter interrupts a kernel before it ends it
call = json.dumps({{"module": {module!r}, "words": sys.argv, "folder": os.getcwd(), "environment": dict(os.environ)}})
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    socket.send_fds(server, [len(call.encode()).to_bytes(8, "big")], [0, 1, 2])
    server.sendall(call.encode())
    status = server.recv(1)
sys.exit(status[0] if status else 1)
"""


@contextlib.contextmanager
def warm_process(modules: Sequence[str] = MODULES) -> Iterator[dict[str, str]]:
    """Run the process; yields the variables by which commands and kernels find it, none where it cannot run."""
    if sys.platform != "linux":  # elsewhere libraries may not survive a fork
        yield {}
        return
    with contextlib.ExitStack() as stack:
        # The name of a socket is short, and nobody else may call.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="docs-")))
        address = str(folder / "socket")
        listener = stack.enter_context(socket.socket(socket.AF_UNIX))
        listener.bind(address)
        listener.listen(64)  # calls wait while the modules are imported
        _write_calls(folder, address)
        process = stack.enter_context(
            subprocess.Popen(
                [sys.executable, __file__, str(listener.fileno()), *modules],
                stdin=subprocess.DEVNULL,
                pass_fds=[listener.fileno()],
                start_new_session=True,
            )
        )
        try:
            yield {
                "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
                "JUPYTER_PATH": str(folder / "jupyter"),
            }
        finally:
            os.killpg(process.pid, signal.SIGTERM)


def _write_calls(folder: Path, address: str) -> None:
    """What stands in for the command and for a kernel's process."""
    for name, module in (("foundational", "foundational.cli.main"), ("kernel", "ipykernel.kernelapp")):
        call = folder / name
        call.write_text(_CALL.format(python=sys.executable, module=module, address=address), encoding="utf-8")
        call.chmod(0o755)
    argv = [str(folder / "kernel"), "-f", "{connection_file}", "--IPKernelApp.log_level=50"]
    kernel = {"argv": argv, "display_name": "Python", "language": "python"}
    kernels = folder / "jupyter" / "kernels" / "python3"
    kernels.mkdir(parents=True)
    (kernels / "kernel.json").write_text(json.dumps(kernel), encoding="utf-8")


def serve(listening: int, modules: Sequence[str]) -> NoReturn:
    """Answer every call by a fork that does what is asked."""
    with socket.socket(fileno=listening) as listener:
        for module in modules:
            importlib.import_module(module)
        gc.freeze()  # or each fork would copy all that the collector looks at
        while True:
            call, _ = listener.accept()
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            with call:
                if not os.fork():
                    listener.close()
                    _answer(call)


def _answer(call: socket.socket) -> NoReturn:
    """Run what is asked in one more fork, and send its status."""
    head, streams, _, _ = socket.recv_fds(call, 8, 3)
    content = b""
    while len(content) < int.from_bytes(head, "big"):
        content += call.recv(1 << 20)
    asked = json.loads(content)
    runner = os.fork()
    if not runner:
        call.close()
        for place, stream in enumerate(streams):
            os.dup2(stream, place)
            os.close(stream)
        sys.stdin = open(0, closefd=False, encoding="utf-8")  # noqa: SIM115 - for the life of the process
        sys.stdout = open(1, "w", closefd=False, encoding="utf-8")  # noqa: SIM115
        sys.stderr = open(2, "w", buffering=1, closefd=False, encoding="utf-8")  # noqa: SIM115
        os.environ.clear()
        os.environ.update(asked["environment"])
        os.chdir(asked["folder"])
        sys.argv = asked["words"]
        _run(asked["module"])
    for stream in streams:
        os.close(stream)
    status = os.waitstatus_to_exitcode(os.waitpid(runner, 0)[1])
    with contextlib.suppress(OSError):  # the caller was ended
        call.sendall(bytes([status % 256]))
    os._exit(0)


def _run(module: str) -> NoReturn:
    """What the command or the kernel would do as a process of its own, without the time to take everything down."""
    status: object = 0
    try:
        sys.modules[module].run() if module == "foundational.cli.main" else sys.modules[module].launch_new_instance()
    except SystemExit as end:
        status = end.code
    except BaseException:
        traceback.print_exc()
        status = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status if isinstance(status, int) else int(status is not None))


if __name__ == "__main__":
    sys.path.pop(0)
    serve(int(sys.argv[1]), sys.argv[2:])
