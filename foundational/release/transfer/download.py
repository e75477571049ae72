"""Files from a web server, of any kind and with any answer; what comes is compared with records by who asked."""

import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import Final

from foundational.errors import ChecksumError, NotFoundError

#: s without a byte before a server is given up.
_PATIENCE: Final = 60.0
#: No archive of this package is larger.
_LARGEST: Final = 2**32


def download(url: str, target: Path) -> Path:
    """Download a file.

    Raises
    ------
    NotFoundError
        It cannot be downloaded.
    ChecksumError
        It is larger than any release.
    """
    try:
        with urllib.request.urlopen(url, timeout=_PATIENCE) as response, target.open("wb") as stream:
            while piece := response.read(1 << 20):
                stream.write(piece)
                if stream.tell() > _LARGEST:
                    raise ChecksumError(f"{url}: expected at most 4 GiB, got more")
    except ChecksumError:
        raise
    except (OSError, HTTPException, ValueError) as error:
        raise NotFoundError(f"{url} cannot be downloaded ({error}); try again, or another --from") from None
    return target
