"""A server that answers as the Hugging Face Hub does, in memory, with the faults that a test asks for.

Addresses and answers follow huggingface.co/docs/hub/api and the source of huggingface_hub: a preupload says how each
file is sent, large files go by git-lfs (batch, then PUT to another address), a commit is lines of JSON, and tags never
move.
"""

import base64
import hashlib
import json
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any
from urllib.parse import unquote, urlsplit

TOKEN = "hf_valid_4711"
#: Files above this, and files that are no text, are large.
SMALL = 2_000


@dataclass
class Fault:
    """What goes wrong on requests whose method and path match, as often as said."""

    kind: str
    """``status``, ``drop`` (before an answer), ``drop after`` (done, but no answer), ``cut`` (while the body is read),
    ``corrupt`` (another content is stored)."""
    pattern: str
    times: int = 1
    status: int = 500
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Repository:
    commits: list[dict[str, bytes]] = field(default_factory=lambda: [{}])
    tags: dict[str, int] = field(default_factory=dict)

    def at(self, revision: str) -> dict[str, bytes] | None:
        if revision == "main":
            return self.commits[-1]
        place = self.tags.get(revision, int(revision) if revision.isdigit() else -1)
        return self.commits[place] if 0 <= place < len(self.commits) else None


class HubServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.repositories: dict[str, Repository] = {}
        self.objects: dict[str, bytes] = {}
        self.large: set[str] = set()
        self.faults: list[Fault] = []
        self.log: list[str] = []
        self.leaks: list[str] = []
        """Uploads that came with the token, which is not theirs to have."""
        self.lock = Lock()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def fault(self, kind: str, pattern: str, **details: Any) -> None:
        self.faults.append(Fault(kind, pattern, **details))

    def due(self, request: str) -> Fault | None:
        with self.lock:
            for fault in self.faults:
                if fault.times > 0 and re.search(fault.pattern, request):
                    fault.times -= 1
                    return fault
        return None


class Handler(BaseHTTPRequestHandler):
    server: HubServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        return

    def _serve(self) -> None:
        path = unquote(urlsplit(self.path).path)
        request = f"{self.command} {path}"
        self.server.log.append(request)
        fault = self.server.due(request)
        if fault is not None and fault.kind in {"drop", "cut"}:
            if fault.kind == "cut":
                self.rfile.read(min(100, int(self.headers.get("Content-Length", 0))))
            self._hang_up()
            return
        body = self.rfile.read(int(self.headers.get("Content-Length", 0) or 0))
        if fault is not None and fault.kind == "status":
            self._answer(fault.status, {"error": "a fault"}, fault.headers)
            return
        if fault is not None and fault.kind == "corrupt":
            body = bytes([body[0] ^ 1]) + body[1:]
        status, content = self._handled(path, body, corrupt=fault is not None and fault.kind == "corrupt")
        if fault is not None and fault.kind == "drop after":
            self._hang_up()
            return
        self._answer(status, content)

    do_GET = do_POST = do_PUT = _serve  # noqa: N815 - the names of the standard library

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _answer(self, status: int, content: Any, headers: dict[str, str] | None = None) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _handled(self, path: str, body: bytes, *, corrupt: bool) -> tuple[int, Any]:  # noqa: PLR0911 - one address after another
        if found := re.fullmatch(r"/datasets/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            files = (self.server.repositories.get(found[1]) or Repository()).at(found[2]) or {}
            return (200, files[found[3]]) if found[3] in files else (404, {"error": "Entry not found"})
        if found := re.fullmatch(r"/lfs/([0-9a-f]{64})", path):
            if self.headers.get("Authorization"):
                self.server.leaks.append(path)
            if hashlib.sha256(body).hexdigest() != found[1]:
                return 400, {"error": "sha256 mismatch"}
            self.server.objects[found[1]] = body
            return 200, b""
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return 401, {"error": "Invalid credentials"}
        if path == "/api/repos/create":
            asked = json.loads(body)
            name = f"{asked['organization']}/{asked['name']}"
            if name in self.server.repositories:
                return 409, {"error": "exists"}
            self.server.repositories[name] = Repository()
            return 200, {"url": name}
        if found := re.fullmatch(r"/(?:api/)?datasets/([^/]+/[^/]+?)(?:\.git)?/(.+)", path):
            repository = self.server.repositories.get(found[1])
            if repository is None:
                return 404, {"error": "Repository not found"}
            return self._of(repository, found[2], body, corrupt=corrupt)
        return 404, {"error": "no such address"}

    def _of(self, repository: Repository, what: str, body: bytes, *, corrupt: bool) -> tuple[int, Any]:  # noqa: PLR0911
        action, _, revision = what.partition("/")
        if action == "refs":
            last = len(repository.commits) - 1
            tags = [{"name": name, "targetCommit": str(place)} for name, place in repository.tags.items()]
            return 200, {"branches": [{"name": "main", "targetCommit": str(last)}], "tags": tags}
        if action == "tree":
            files = repository.at(revision)
            if files is None:
                return 404, {"error": "Revision not found"}
            return 200, [_entry(name, content, large=name in self.server.large) for name, content in files.items()]
        if action == "preupload":
            asked = json.loads(body)["files"]
            return 200, {"files": [{"path": f["path"], "uploadMode": _mode(f)} for f in asked]}
        if action == "info":
            (asked,) = json.loads(body)["objects"]
            href = f"{self.server.address}/lfs/{asked['oid']}"
            known = asked["oid"] in self.server.objects
            return 200, {"objects": [asked | ({} if known else {"actions": {"upload": {"href": href}}})]}
        if action == "commit":
            return self._commit(repository, body, corrupt=corrupt)
        if action == "tag":
            name = json.loads(body)["tag"]
            if name in repository.tags:
                return 409, {"error": "Tag reference exists already"}
            repository.tags[name] = int(revision)
            return 200, b""
        return 404, {"error": "no such address"}

    def _commit(self, repository: Repository, body: bytes, *, corrupt: bool) -> tuple[int, Any]:
        files = dict(repository.commits[-1])
        lines = body.split(b"\n")[1:] if corrupt else body.split(b"\n")
        for line in filter(None, lines):
            entry = json.loads(line)
            value = entry["value"]
            if entry["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"]) + (b" " if corrupt else b"")
            elif entry["key"] == "lfsFile":
                if value["oid"] not in self.server.objects:
                    return 400, {"error": f"{value['path']} was not uploaded"}
                files[value["path"]] = self.server.objects[value["oid"]]
                self.server.large.add(value["path"])
        repository.commits.append(files)
        return 200, {"commitOid": str(len(repository.commits) - 1)}


def _mode(asked: dict[str, Any]) -> str:
    return "lfs" if asked["size"] > SMALL or b"\0" in base64.b64decode(asked["sample"]) else "regular"


def _entry(name: str, content: bytes, *, large: bool) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": "file", "path": name, "size": len(content)}
    return entry | ({"lfs": {"oid": hashlib.sha256(content).hexdigest()}} if large else {})


@contextmanager
def running() -> Iterator[HubServer]:
    server = HubServer()
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
