"""A small client of the Hugging Face Hub's API, for repositories of datasets.

Addresses are built here. The one that a server gives, for a large file, gets the file and never the token. The token
goes to nobody but the server that was named, over TLS unless the server is this machine.
"""

import base64
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

from foundational.errors import ConflictError, InputError, MissingDependencyError, NotFoundError, package_needed
from foundational.release.servers import checked_server, is_secure, understood

if TYPE_CHECKING:
    from requests import Response

#: s; how long a server may take to answer a connection, and between two bytes.
_TIMEOUT: Final = (10.0, 120.0)
_ATTEMPTS: Final = 6
#: s; the wait after the first failure, doubled after each.
_FIRST_WAIT: Final = 0.5
#: s; a server that asks for more is left for another day.
_LONGEST_WAIT: Final = 120.0
#: What the address of a server must be.
ADDRESS: Final = "the https:// address of a hub"
#: Where the token is read from; it is never an argument, printed or stored.
TOKEN: Final = "HF_TOKEN"

Send = Callable[[], "Response"]


class Hub:
    """The repositories of datasets of one server, on behalf of the owner of a token."""

    def __init__(self, server: str, token: str, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._server = checked_server(server, ADDRESS)
        self._headers = {"Authorization": f"Bearer {token}"}
        self._sleep = sleep
        self._session = _session()

    @understood
    def create(self, repository: str) -> None:
        """Make a repository, where it is not there yet."""
        owner, _, name = repository.partition("/")
        if self.refs(repository) is None:
            body = {"type": "dataset", "name": name, "organization": owner}
            self._json("POST", "/api/repos/create", body, allowed=(409,))

    @understood
    def refs(self, repository: str) -> dict[str, str] | None:
        """Commits by the names of branches and tags; None where there is no such repository."""
        try:
            found = self._json("GET", f"/api/datasets/{repository}/refs")
        except NotFoundError:
            return None
        return {str(e["name"]): str(e["targetCommit"]) for kind in ("branches", "tags") for e in found.get(kind, [])}

    @understood
    def files(self, repository: str, revision: str) -> dict[str, tuple[int, str | None]]:
        """Size and sha256 of every file at a revision; the sha256 is known of large files alone."""
        address = f"/api/datasets/{repository}/tree/{quote(revision, safe='')}?recursive=true"
        listed = self._json("GET", address)
        entries = listed if isinstance(listed, list) else []
        return {
            str(e["path"]): (int(e["size"]), (e.get("lfs") or {}).get("oid"))
            for e in entries
            if e.get("type") == "file"
        }

    @understood
    def modes(self, repository: str, files: Mapping[str, Path]) -> dict[str, str]:
        """How the server wants each file: ``lfs`` or ``regular``."""
        body = {
            "files": [
                {"path": name, "size": path.stat().st_size, "sample": _sample(path)} for name, path in files.items()
            ]
        }
        answer = self._json("POST", f"/api/datasets/{repository}/preupload/main", body)
        found = {str(e["path"]): str(e["uploadMode"]) for e in answer.get("files", [])}
        return {name: found.get(name, "lfs") for name in files}

    @understood
    def upload(self, repository: str, oid: str, path: Path) -> None:
        """Send one large file, named by its sha256; not where the server has it already."""
        size = path.stat().st_size
        body = {"operation": "upload", "transfers": ["basic"], "hash_algo": "sha256",
                "objects": [{"oid": oid, "size": size}]}  # fmt: skip
        media = {"Accept": "application/vnd.git-lfs+json", "Content-Type": "application/vnd.git-lfs+json"}

        def send() -> "Response":
            # Asked again for each attempt: an address holds for a while only.
            batch = self._json("POST", f"/datasets/{repository}.git/info/lfs/objects/batch", body, headers=media)
            (entry,) = batch.get("objects") or [{}]
            if "error" in entry:
                raise InputError(f"{path.name}: the server refuses it: {entry['error'].get('message', '')}")
            actions = entry.get("actions")
            if not actions:
                return _nothing()
            target = actions["upload"]
            with path.open("rb") as stream:
                return self._session.put(  # type: ignore[no-any-return]
                    _given_address(target["href"]), data=stream, headers=target.get("header") or {},
                    timeout=_TIMEOUT, allow_redirects=False,
                )  # fmt: skip

        self._answered(send, f"upload of {path.name}")

    @understood
    def commit(self, repository: str, message: str, lines: list[Mapping[str, Any]]) -> str:
        """One commit on the main branch; its id."""
        header = {"key": "header", "value": {"summary": message, "description": ""}}
        text = "".join(json.dumps(line) + "\n" for line in (header, *lines))
        url = f"{self._server}/api/datasets/{repository}/commit/main"
        headers = self._headers | {"Content-Type": "application/x-ndjson"}

        def send() -> "Response":
            return self._session.post(  # type: ignore[no-any-return]
                url, data=text.encode(), headers=headers, timeout=_TIMEOUT, allow_redirects=False
            )

        return str(_parsed(self._answered(send, "commit")).get("commitOid", ""))

    @understood
    def tag(self, repository: str, name: str, commit: str, message: str) -> None:
        """Name a commit, for ever."""
        address = f"/api/datasets/{repository}/tag/{quote(commit, safe='')}"
        self._json("POST", address, {"tag": name, "message": message}, allowed=(409,))

    def _json(
        self,
        method: str,
        address: str,
        body: Any = None,
        *,
        allowed: tuple[int, ...] = (),
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        def send() -> "Response":
            return self._session.request(  # type: ignore[no-any-return]
                method,
                self._server + address,
                json=body,
                headers=self._headers | dict(headers or {}),
                timeout=_TIMEOUT,
                allow_redirects=False,
            )

        return _parsed(self._answered(send, f"{method} {address}", allowed))

    def _answered(self, send: Send, what: str, allowed: tuple[int, ...] = ()) -> "Response":
        """The answer to ``send``, which is called again where the server is busy, fails or is gone.

        Raises
        ------
        InputError
            The server refuses the token or the content.
        NotFoundError
            There is no such thing.
        ConflictError
            It refuses otherwise, or does not answer in ``_ATTEMPTS`` attempts.
        """
        from requests import RequestException  # noqa: PLC0415 - an extra that only publishing needs

        wait, failure = _FIRST_WAIT, ""
        for attempt in range(_ATTEMPTS):
            pause = wait
            try:
                answer = send()
            except RequestException as error:
                failure = type(error).__name__
            else:
                if answer.status_code != 429 and answer.status_code < 500:
                    return answer if answer.status_code in allowed else _accepted(answer, what)
                failure = f"status {answer.status_code}"
                said = answer.headers.get("Retry-After", "").strip()
                pause = float(said) if said.isascii() and said.isdigit() else wait
            if pause > _LONGEST_WAIT:
                raise ConflictError(f"the server asks to wait for {pause:.0f} s; run the command again then")
            if attempt + 1 < _ATTEMPTS:
                self._sleep(pause)
            wait *= 2
        raise ConflictError(f"{what}: no answer in {_ATTEMPTS} attempts ({failure}); run the command again")


def regular_file(name: str, path: Path) -> dict[str, Any]:
    """A small file, as a line of a commit."""
    content = base64.b64encode(path.read_bytes()).decode()
    return {"key": "file", "value": {"content": content, "path": name, "encoding": "base64"}}


def large_file(name: str, oid: str, size: int) -> dict[str, Any]:
    """A file that was uploaded, as a line of a commit."""
    return {"key": "lfsFile", "value": {"path": name, "algo": "sha256", "oid": oid, "size": size}}


def _given_address(address: str) -> str:
    """An address from an answer: encrypted, unless it is this machine's."""
    if not is_secure(address):
        parts = urlsplit(address)
        raise ConflictError(
            f"expected an https:// address for a file, the server gave {parts.scheme}://{parts.hostname}"
        )
    return address


def _sample(path: Path) -> str:
    """The first bytes of a file, by which the server tells text from other content."""
    with path.open("rb") as stream:
        return base64.b64encode(stream.read(512)).decode()


def _session() -> Any:
    try:
        from requests import Session  # noqa: PLC0415 - an extra that only publishing needs
    except ImportError:
        raise MissingDependencyError(package_needed("requests")) from None
    session = Session()
    session.trust_env = False  # a .netrc of the user would replace the token
    return session


def _nothing() -> "Response":
    """The answer of a server that has a file already."""
    from requests import Response  # noqa: PLC0415 - an extra that only publishing needs

    answer = Response()
    answer.status_code = 200
    return answer


def _accepted(answer: "Response", what: str) -> "Response":
    """An answer that is no error."""
    status = answer.status_code
    if status < 300:
        return answer
    if status in {401, 403}:
        raise InputError(
            f"the server refuses the token: it is wrong, expired or may not write; set {TOKEN} to a new one"
        )
    if status in {404, 410}:
        raise NotFoundError(f"{what}: the server knows no such thing")
    if status < 400:
        raise ConflictError(f"{what}: the server points elsewhere (status {status})")
    content = _parsed(answer)
    said = str(content.get("error") or content.get("message") or "") if isinstance(content, dict) else ""
    kind = InputError if status in {400, 413, 422} else ConflictError
    raise kind(f"{what}: the server refuses it: {said or f'status {status}'}")


def _parsed(answer: "Response") -> Any:
    try:
        return answer.json() if answer.content else {}
    except ValueError:
        return {}
