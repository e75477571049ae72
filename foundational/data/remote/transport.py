"""Parts of files on web servers, ``https://…``, and in S3, ``s3://bucket/key``."""

import http.client
import re
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Final, Protocol, Self

from foundational.errors import ConflictError, MissingDependencyError, NotFoundError, package_needed

#: s without a byte before a server is given up.
_PATIENCE: Final = 60.0
#: Bytes of a file that is read as a whole: a list of files, a registry, a record.
_LARGEST: Final = 1 << 28
_SIZE: Final = re.compile(r"[0-9]{1,18}")


class Transport(Protocol):
    """Reads files of one kind of server by their addresses."""

    def size(self, address: str) -> int | None:
        """Bytes of the file; None where there is none."""

    def part(self, address: str, start: int, length: int) -> bytes:
        """``length`` bytes from ``start``, fewer where the file ends; NotFoundError where it cannot be read."""

    def whole(self, address: str) -> bytes | None:
        """All of the file; None where there is none."""


def transport_for(address: str, endpoint: str | None = None) -> Transport:
    """What reads ``address``; ``endpoint`` is that of an S3 server where the environment does not say.

    Raises
    ------
    MissingDependencyError
        S3 needs a package that is not installed.
    """
    return S3.from_environment(endpoint) if address.startswith("s3://") else Web()


@dataclass
class Web:
    """A web server; a file that changes between two parts is refused."""

    _seen: dict[str, str] = field(default_factory=dict)

    def size(self, address: str) -> int | None:
        """See `Transport`."""
        found = self._answer(urllib.request.Request(address, method="HEAD"))
        length = None if found is None else found[1].get("Content-Length")
        if length is not None and not _SIZE.fullmatch(length):
            raise NotFoundError(
                f"{address}: the server does not state the size of the file; fetch it with: foundational pull"
            )
        return None if length is None else int(length)

    def part(self, address: str, start: int, length: int) -> bytes:
        """See `Transport`."""
        wanted = {"Range": f"bytes={start}-{start + length - 1}", "Accept-Encoding": "identity"}
        found = self._answer(urllib.request.Request(address, headers=wanted), length)
        if found is None:
            raise NotFoundError(f"{address} is not there; the dataset is not complete")
        content, headers, status = found
        if status != http.client.PARTIAL_CONTENT:
            raise NotFoundError(
                f"{address}: the server gives no parts of files (HTTP ranges); fetch it with: foundational pull"
            )
        state = headers.get("ETag") or headers.get("Last-Modified") or ""
        if self._seen.setdefault(address, state) != state:
            raise ConflictError(f"{address} was replaced after it was opened; open it again")
        return content

    def whole(self, address: str) -> bytes | None:
        """See `Transport`."""
        found = self._answer(urllib.request.Request(address))
        return None if found is None else found[0]

    def _answer(
        self, request: urllib.request.Request, largest: int = _LARGEST
    ) -> tuple[bytes, "http.client.HTTPMessage", int] | None:
        """The content, which is empty where a part was asked for and the server would give the whole."""
        try:
            with urllib.request.urlopen(request, timeout=_PATIENCE) as response:
                refused = request.has_header("Range") and response.status != http.client.PARTIAL_CONTENT
                content = b"" if refused else response.read(largest + 1)
                if len(content) > largest:
                    raise ValueError(f"expected at most {largest:,} bytes, got more")
                return content, response.headers, response.status
        except urllib.error.HTTPError as error:
            if error.code in {http.client.NOT_FOUND, http.client.GONE}:
                return None
            reason = str(error)
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = str(error)
        raise NotFoundError(f"{request.full_url} cannot be read ({reason}); try again") from None


@dataclass
class S3:
    """Amazon's S3 or a server that speaks as it does, by s3fs: AWS_ENDPOINT_URL, profiles and keys as usual."""

    files: Any

    @classmethod
    def from_environment(cls, endpoint: str | None = None) -> Self:
        """With the keys of the environment, without any where there are none; ``endpoint``: the server's address."""
        try:
            files, session = import_module("s3fs"), import_module("botocore.session")
        except ImportError as error:
            raise MissingDependencyError(package_needed("s3fs", error)) from error
        without_keys = session.get_session().get_credentials() is None
        return cls(files.S3FileSystem(anon=without_keys, endpoint_url=endpoint))

    def size(self, address: str) -> int | None:
        """See `Transport`."""
        found = self._tried(address, lambda: self.files.info(address))
        return None if found is None else int(found["size"])

    def part(self, address: str, start: int, length: int) -> bytes:
        """See `Transport`."""
        found = self._tried(address, lambda: self.files.cat_file(address, start=start, end=start + length))
        if found is None:
            raise NotFoundError(f"{address} is not there; the dataset is not complete")
        return bytes(found)

    def whole(self, address: str) -> bytes | None:
        """See `Transport`."""
        found = self._tried(address, lambda: self.files.cat_file(address))
        return None if found is None else bytes(found)

    def _tried(self, address: str, work: Any) -> Any:
        errors = import_module("botocore.exceptions")
        try:
            return work()
        except FileNotFoundError:
            return None
        except (OSError, errors.BotoCoreError, errors.ClientError) as error:
            reason = " ".join(str(error).split())
            raise NotFoundError(f"{address} cannot be read ({reason}); look at your keys, and try again") from None
