"""A server that answers as InvenioRDM's records API does, in memory, with the faults that a test asks for.

Addresses, states and answers follow inveniordm.docs.cern.ch/reference/rest_api_drafts_records and the source of
invenio-records-resources: a file is started, its content put, and committed, in this order; a draft that is published
is a draft no more; a draft with wrong metadata is stored with ``errors`` and cannot be published.
"""

import hashlib
import json
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from time import sleep
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN = "valid-token-4711"
REQUIRED = ("resource_type", "title", "publication_date", "creators", "publisher")


@dataclass
class Fault:
    """What goes wrong, on requests whose method and path match, as often as said."""

    kind: str
    """``status``, ``drop`` (before an answer), ``drop after`` (done, but no answer), ``cut`` (while reading the body),
    ``checksum``, ``slow``."""
    pattern: str
    times: int = 1
    status: int = 500
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class File:
    content: bytes | None = None
    completed: bool = False
    checksum: str = ""


@dataclass
class Record:
    body: dict[str, Any]
    parent: str
    files: dict[str, File] = field(default_factory=dict)
    pids: dict[str, Any] = field(default_factory=dict)
    published: bool = False


class InvenioServer(ThreadingHTTPServer):
    """The server; its records and the log of its requests are there for the test to read."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.records: dict[str, Record] = {}
        self.faults: list[Fault] = []
        self.unindexed: set[str] = set()
        """Records that the search does not show yet."""
        self.log: list[str] = []
        self.trickled = 0
        """Bytes that came slowly."""
        self.lock = Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def fault(self, kind: str, pattern: str, **details: Any) -> None:
        self.faults.append(Fault(kind, pattern, **details))

    def requests(self, pattern: str) -> list[str]:
        return [line for line in self.log if re.search(pattern, line)]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is part of the tests."""


@contextmanager
def running() -> Iterator[InvenioServer]:
    server = InvenioServer()
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class RefusedError(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: InvenioServer

    def log_message(self, *arguments: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._serve("GET")

    def do_POST(self) -> None:
        self._serve("POST")

    def do_PUT(self) -> None:
        self._serve("PUT")

    def do_DELETE(self) -> None:
        self._serve("DELETE")

    def _fault(self, line: str) -> Fault | None:
        with self.server.lock:
            for fault in self.server.faults:
                if fault.times > 0 and re.search(fault.pattern, line):
                    fault.times -= 1
                    return fault
        return None

    def _serve(self, method: str) -> None:
        line = f"{method} {self.path}"
        self.server.log.append(line)
        fault = self._fault(line)
        kind = fault.kind if fault else ""
        length = int(self.headers.get("Content-Length", 0))
        if kind == "cut":
            self.rfile.read(min(length // 2, 4096))
            self._hang_up()
            return
        if kind == "slow":
            # 10 kB a second: time to kill the client in the middle of a small file.
            body = b""
            while len(body) < length and (piece := self.rfile.read(min(200, length - len(body)))):
                body += piece
                self.server.trickled += len(piece)
                sleep(0.02)
        else:
            body = self.rfile.read(length)
        if kind == "drop":
            self._hang_up()
            return
        if kind == "status":
            self._answer(fault.status, {"status": fault.status, "message": "so it was asked"}, fault.headers)
            return
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._answer(403, {"status": 403, "message": "Permission denied."})
            return
        if len(body) < length:
            return
        try:
            with self.server.lock:
                status, content = self._route(method, self.path, body, wrong=kind == "checksum")
        except RefusedError as refused:
            status, content = refused.status, {"status": refused.status, "message": str(refused)}
        if kind == "drop after":
            self._hang_up()
            return
        self._answer(status, content)

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _answer(self, status: int, content: Any, headers: dict[str, str] | None = None) -> None:
        body = b"" if status == 204 else json.dumps(content).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _route(self, method: str, path: str, body: bytes, wrong: bool) -> tuple[int, Any]:
        records = self.server.records
        if (method, path) == ("POST", "/api/records"):
            name = f"{len(records) + 1:05d}-abcde"
            records[name] = Record(json.loads(body), f"parent-{name}")
            return 201, self._draft(name)
        if method == "GET" and urlsplit(path).path == "/api/user/records":
            return 200, self._search(parse_qs(urlsplit(path).query)["q"][0])
        found = re.fullmatch(r"/api/records/([^/]+)(.*)", path)
        if found is None or found[1] not in records:
            raise RefusedError(404, "The persistent identifier does not exist.")
        name, rest = found[1], found[2]
        record = records[name]
        if (method, rest) == ("GET", ""):
            if not record.published:
                raise RefusedError(404, "The persistent identifier is not registered.")
            return 200, self._draft(name)
        if (method, rest) == ("POST", "/versions"):
            if not record.published:
                raise RefusedError(404, "The persistent identifier is not registered.")
            for other, candidate in records.items():
                if candidate.parent == record.parent and not candidate.published:
                    return 201, self._draft(other)
            new = f"{len(records) + 1:05d}-abcde"
            metadata = {k: v for k, v in record.body["metadata"].items() if k not in {"publication_date", "version"}}
            records[new] = Record(record.body | {"metadata": metadata}, record.parent)
            return 201, self._draft(new)
        if not rest.startswith("/draft") or record.published:
            raise RefusedError(404, "The persistent identifier is not registered.")
        return self._draft_route(method, name, record, rest.removeprefix("/draft"), body, wrong)

    def _search(self, query: str) -> dict[str, Any]:
        """Drafts and records of the account with an identifier, the only query that is understood."""
        asked = re.fullmatch(r'metadata\.identifiers\.identifier:"(.+)"', query)
        if asked is None:
            raise RefusedError(400, "The syntax of the search query is invalid.")
        entries = [self._draft(name) for name in self.server.records if name not in self.server.unindexed]
        hits = [e for e in entries if asked[1] in {i["identifier"] for i in e["metadata"].get("identifiers", [])}]
        return {"hits": {"hits": hits, "total": len(hits)}}

    def _draft_route(
        self, method: str, name: str, record: Record, rest: str, body: bytes, wrong: bool
    ) -> tuple[int, Any]:
        if (method, rest) == ("GET", ""):
            return 200, self._draft(name)
        if (method, rest) == ("PUT", ""):
            record.body = json.loads(body)
            record.pids = record.body.pop("pids", {})
            return 200, self._draft(name)
        if (method, rest) == ("POST", "/pids/doi"):
            if "doi" in record.pids:
                raise RefusedError(400, "A PID already exists for type doi")
            record.pids["doi"] = {"identifier": f"10.5281/zenodo.{name[:5]}", "provider": "datacite"}
            return 201, self._draft(name)
        if (method, rest) == ("POST", "/actions/publish"):
            if self._errors(record):
                raise RefusedError(400, "A validation error occurred.")
            if not record.files or not all(file.completed for file in record.files.values()):
                raise RefusedError(400, "One or more files are not completed.")
            record.published = True
            return 202, self._draft(name)
        return self._file_route(method, record, rest, body, wrong)

    def _file_route(self, method: str, record: Record, rest: str, body: bytes, wrong: bool) -> tuple[int, Any]:
        if (method, rest) == ("GET", "/files"):
            return 200, {"enabled": True, "entries": [self._entry(k, f) for k, f in record.files.items()]}
        if (method, rest) == ("POST", "/files"):
            keys = [entry["key"] for entry in json.loads(body)]
            for key in keys:
                if key in record.files:
                    raise RefusedError(400, f"File with key {key} already exists.")
                record.files[key] = File()
            return 201, {"enabled": True, "entries": [self._entry(k, record.files[k]) for k in keys]}
        found = re.fullmatch(r"/files/([^/]+)(/content|/commit|)", rest)
        if found is None or unquote(found[1]) not in record.files:
            raise RefusedError(404, "File not found.")
        key, action = unquote(found[1]), found[2]
        file = record.files[key]
        if (method, action) == ("GET", ""):
            return 200, self._entry(key, file)
        if (method, action) == ("DELETE", ""):
            del record.files[key]
            return 204, None
        if (method, action) == ("PUT", "/content"):
            if file.content is not None:
                raise RefusedError(400, f"File with key {key} is committed or has content.")
            file.content = body
            return 200, self._entry(key, file)
        if (method, action) == ("POST", "/commit"):
            if file.content is None or file.completed:
                raise RefusedError(400, f"File with key {key} cannot be committed.")
            file.completed = True
            stored = file.content + b"!" if wrong else file.content
            file.checksum = f"md5:{hashlib.md5(stored).hexdigest()}"
            return 200, self._entry(key, file)
        raise RefusedError(405, "Method not allowed.")

    def _entry(self, key: str, file: File) -> dict[str, Any]:
        entry: dict[str, Any] = {"key": key, "status": "completed" if file.completed else "pending"}
        if file.completed:
            entry |= {"checksum": file.checksum, "size": len(file.content or b"")}
        return entry

    def _errors(self, record: Record) -> list[dict[str, Any]]:
        metadata = record.body.get("metadata", {})
        missing = [name for name in REQUIRED if not metadata.get(name)]
        return [{"field": f"metadata.{n}", "messages": ["Missing data for required field."]} for n in missing]

    def _draft(self, name: str) -> dict[str, Any]:
        record = self.server.records[name]
        draft = record.body | {
            "id": name,
            "pids": record.pids,
            "is_published": record.published,
            "parent": {"id": record.parent},
        }
        errors = self._errors(record)
        return draft | {"errors": errors} if errors and not record.published else draft
