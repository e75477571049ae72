"""A server on this machine that answers as a test says, byte by byte."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def served(answer: Callable[[str, str, bytes], bytes]) -> Iterator[str]:
    """The address of a server that sends ``answer(method, path, head of the request)`` to every request, as it is."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        over = threading.Event()

        def serve() -> None:
            while not over.is_set():
                try:
                    connection, _ = server.accept()
                except OSError:
                    continue
                with connection:
                    connection.settimeout(2.0)
                    try:
                        request = b""
                        while b"\r\n\r\n" not in request and (piece := connection.recv(65536)):
                            request += piece
                        head, _, body = request.partition(b"\r\n\r\n")
                        method, name = head.split(b" ")[:2]
                        left = next(
                            (
                                int(line[15:])
                                for line in head.split(b"\r\n")
                                if line.lower().startswith(b"content-length:")
                            ),
                            0,
                        )
                        while len(body) < left and (piece := connection.recv(65536)):
                            body += piece
                        connection.sendall(answer(method.decode(), name.decode(), head))
                    except (OSError, ValueError, IndexError):
                        continue

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}"
        finally:
            over.set()
            server.close()
            thread.join()
