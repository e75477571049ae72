"""A small client of InvenioRDM's records API, which Zenodo speaks (inveniordm.docs.cern.ch/reference/rest_api_index).

Addresses are built here and never taken from an answer, redirects are not followed, and the token goes to nobody but
the server that was named, over TLS unless the server is this machine.
"""

import re
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from foundational.errors import ConflictError, InputError, MissingDependencyError, NotFoundError, package_needed
from foundational.release.servers import checked_server, understood

if TYPE_CHECKING:
    from requests import PreparedRequest, Response

#: s; how long a server may take to answer a connection, and between two bytes.
_TIMEOUT: Final = (10.0, 120.0)
_ATTEMPTS: Final = 6
#: s; the wait after the first failure, doubled after each.
_FIRST_WAIT: Final = 0.5
#: s; a server that asks for more is left for another day.
_LONGEST_WAIT: Final = 120.0
#: What the address of a server must be.
ADDRESS: Final = "zenodo, zenodo-sandbox or the https:// address of a server"
#: What two drafts of one release have in common.
_IDENTITY: Final = ("title", "version", "identifiers")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")

Json = dict[str, Any]
#: Asks whether a request whose answer was lost took effect; its answer then, None where it did not.
Lookup = Callable[[], Json | None]


class Records:
    """The records of one server, on behalf of the owner of a token."""

    def __init__(self, server: str, token: str, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._base = f"{checked_server(server, ADDRESS)}/api"
        self._sleep = sleep
        self._session = _session(token)

    @understood
    def create(self, body: Json) -> Json:
        """A new draft, or the empty one that an earlier request for the same made, and whose answer was lost.

        Where the server's search does not show that draft yet, it stays there: empty, and visible to its owner alone.
        """
        if found := self._empty_draft(body):
            return found
        return self._request("POST", "/records", json=body, lookup=lambda: self._empty_draft(body))

    @understood
    def new_version(self, record: str) -> Json:
        """The draft of the version after ``record``; the same one where there is one already."""
        return self._request("POST", f"/records/{_checked(record)}/versions")

    @understood
    def draft(self, record: str) -> Json | None:
        """A draft, or None where there is none."""
        return self._find(f"/records/{_checked(record)}/draft")

    @understood
    def published(self, record: str) -> Json | None:
        """A published record, or None where there is none."""
        return self._find(f"/records/{_checked(record)}")

    @understood
    def update(self, record: str, body: Json) -> Json:
        """Replace a draft's metadata.

        Raises
        ------
        InputError
            The server finds fault with them; every field is named.
        """
        draft = self._request("PUT", f"/records/{_checked(record)}/draft", json=body)
        if draft.get("errors"):
            raise InputError(
                f"the server does not accept the metadata: {_faults(draft)}; correct about.yaml and release"
            )
        return draft

    @understood
    def reserve_doi(self, record: str) -> str:
        """The DOI that the draft will have; reserved now where it was not."""
        draft = self._request(
            "POST", f"/records/{_checked(record)}/draft/pids/doi", lookup=lambda: self._with_doi(record)
        )
        return str(draft["pids"]["doi"]["identifier"])

    @understood
    def files(self, record: str) -> dict[str, Json]:
        """The files of a draft by name: ``status`` pending or completed, ``checksum`` as ``md5:…``, ``size``."""
        listing = self._request("GET", f"/records/{_checked(record)}/draft/files")
        return {str(entry["key"]): entry for entry in listing.get("entries", [])}

    @understood
    def remove(self, record: str, name: str) -> None:
        """Remove a file from a draft."""
        self._request("DELETE", _file(record, name), lookup=lambda: None if self._find(_file(record, name)) else {})

    @understood
    def upload(self, record: str, name: str, path: Path) -> Json:
        """Send a file in the place of what is there under its name; what the server says of it once it is complete."""
        address, files = _file(record, name), f"/records/{_checked(record)}/draft/files"

        def send() -> "tuple[Response | None, str]":
            # What an interrupted attempt left is removed: whether it may be written again depends on the server.
            if self._find(address) is not None:
                self.remove(record, name)
            self._request("POST", files, json=[{"key": name}], lookup=lambda: self._find(address))
            return self._once("PUT", f"{address}/content", path=path)

        self._answered(send, f"PUT {address}/content", None)
        return self._request("POST", f"{address}/commit", lookup=lambda: self._completed(address))

    @understood
    def publish(self, record: str) -> Json:
        """Publish a draft, for ever."""
        address = f"/records/{_checked(record)}/draft/actions/publish"
        return self._request("POST", address, lookup=lambda: self.published(record))

    def _empty_draft(self, body: Json) -> Json | None:
        """A draft of this account with this title, version and these identifiers, to which no file was sent.

        A run leaves one where it ends between the server's answer and its own note of it. The search only proposes:
        each draft is read, and one that has a file is never taken.
        """
        metadata = body.get("metadata", {})
        if not metadata.get("identifiers"):
            return None
        query = f'metadata.identifiers.identifier:"{metadata["identifiers"][0]["identifier"]}"'
        answer, _ = self._once("GET", f"/user/records?q={quote(query, safe='')}&size=25&sort=oldest")
        if answer is None or answer.status_code != 200:  # such as of a server without this search
            return None
        hits = _parsed(answer).get("hits", {}).get("hits", [])
        for record in sorted(str(hit["id"]) for hit in hits if not hit.get("is_published")):
            draft = self.draft(record)
            if draft is None or draft.get("is_published"):
                continue
            same = all(draft["metadata"].get(key) == metadata.get(key) for key in _IDENTITY)
            if same and not self.files(record):
                return draft
        return None

    def _with_doi(self, record: str) -> Json | None:
        draft = self.draft(record)
        return draft if draft and "doi" in draft.get("pids", {}) else None

    def _completed(self, address: str) -> Json | None:
        entry = self._find(address)
        return entry if entry and entry.get("status") == "completed" else None

    def _find(self, address: str) -> Json | None:
        try:
            return self._request("GET", address)
        except NotFoundError:
            return None

    def _request(self, method: str, address: str, *, json: Any = None, lookup: Lookup | None = None) -> Json:
        """Send a request until it is answered; see `_answered`."""
        return self._answered(lambda: self._once(method, address, json=json), f"{method} {address}", lookup)

    def _answered(self, send: "Callable[[], tuple[Response | None, str]]", what: str, lookup: Lookup | None) -> Json:
        """The content of the answer to ``send``, which is called again where the server is busy, fails or is gone.

        Raises
        ------
        InputError
            The server refuses the token or the content.
        NotFoundError
            There is no such thing.
        ConflictError
            It refuses otherwise, or does not answer in ``_ATTEMPTS`` attempts.
        """
        wait = _FIRST_WAIT
        failure = ""
        for attempt in range(_ATTEMPTS):
            # After a lost answer, a request that is not to be made twice asks first.
            if attempt and lookup is not None and (found := lookup()) is not None:
                return found
            answer, failure = send()
            if answer is not None and answer.status_code != 429 and answer.status_code < 500:
                return _content(answer, what)
            pause = wait if answer is None else _retry_after(answer, wait)
            if pause > _LONGEST_WAIT:
                raise ConflictError(f"the server asks to wait for {pause:.0f} s; run the command again then")
            if attempt + 1 < _ATTEMPTS:
                self._sleep(pause)
            wait *= 2
        raise ConflictError(
            f"{what}: no answer in {_ATTEMPTS} attempts ({failure}); run the command again, it resumes there"
        )

    def _once(
        self, method: str, address: str, *, json: Any = None, path: Path | None = None
    ) -> "tuple[Response | None, str]":
        """One attempt: the answer, or why there is none."""
        from requests import RequestException  # noqa: PLC0415 - an extra that only deposits need

        url = self._base + address
        try:
            if path is None:
                answer = self._session.request(method, url, json=json, timeout=_TIMEOUT, allow_redirects=False)
            else:
                with path.open("rb") as stream:
                    answer = self._session.request(
                        method,
                        url,
                        data=stream,
                        headers={"Content-Type": "application/octet-stream"},
                        timeout=_TIMEOUT,
                        allow_redirects=False,
                    )
        except RequestException as error:
            return None, type(error).__name__
        return answer, f"status {answer.status_code}"


def _session(token: str) -> Any:
    try:
        from requests import Session  # noqa: PLC0415 - an extra that only deposits need
        from requests.auth import AuthBase  # noqa: PLC0415
    except ImportError:
        raise MissingDependencyError(package_needed("requests")) from None

    # As an authentication and not as a header, which a .netrc of the user would replace.
    class Bearer(AuthBase):
        def __call__(self, request: "PreparedRequest") -> "PreparedRequest":
            request.headers["Authorization"] = f"Bearer {token}"
            return request

    session = Session()
    session.auth = Bearer()
    session.headers["Accept"] = "application/json"
    return session


def _checked(record: str) -> str:
    if not _ID.fullmatch(record):
        raise ConflictError(f"expected the id of a record, of letters, digits and hyphens, got {record!r}")
    return record


def _file(record: str, name: str) -> str:
    return f"/records/{_checked(record)}/draft/files/{quote(name, safe='')}"


def _content(answer: "Response", what: str) -> Json:
    """What an answer says, or the error that it is."""
    if answer.ok:
        if answer.status_code >= 300:
            raise ConflictError(f"{what}: the server points elsewhere (status {answer.status_code})")
        return _parsed(answer)
    if answer.status_code in {401, 403}:
        raise InputError(
            "the server refuses the token: it is wrong, expired, or lacks the scopes deposit:write and "
            "deposit:actions; make a new one and set FOUNDATIONAL_DEPOSIT_TOKEN, then run the command again"
        )
    if answer.status_code in {404, 410}:
        raise NotFoundError(f"{what}: the server knows no such thing")
    said = _faults(_parsed(answer)) or f"status {answer.status_code}"
    kind = InputError if answer.status_code in {400, 413, 422} else ConflictError
    raise kind(f"{what}: the server refuses it: {said}")


def _parsed(answer: "Response") -> Json:
    try:
        content = answer.json() if answer.content else {}
    except ValueError:
        content = {}
    return content if isinstance(content, dict) else {}


def _faults(content: Json) -> str:
    """What an answer complains about, in one line."""
    faults = [
        f"{fault.get('field', '')}: {' '.join(map(str, fault.get('messages', [])))}"
        for fault in content.get("errors") or []
        if isinstance(fault, dict)
    ]
    return "; ".join(faults) or str(content.get("message", ""))


def _retry_after(answer: "Response", otherwise: float) -> float:
    """How long to wait, s, as the server says in seconds or as a date (RFC 9110, 10.2.3)."""
    said = answer.headers.get("Retry-After", "").strip()
    if said.isascii() and said.isdigit():
        return float(said)
    try:
        return max(0.0, parsedate_to_datetime(said).timestamp() - time.time())
    except (ValueError, TypeError, IndexError, OverflowError):  # not of a date
        return otherwise
