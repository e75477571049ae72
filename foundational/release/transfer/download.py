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
#: Bytes of a registry or a manifest.
DOCUMENT: Final = 16_000_000


def download(url: str, target: Path, largest: int = _LARGEST) -> Path:
    """Download a file of at most ``largest`` bytes.

    Raises
    ------
    NotFoundError
        It cannot be downloaded.
    ChecksumError
        It is larger.
    """
    try:
        with urllib.request.urlopen(url, timeout=_PATIENCE) as response, target.open("wb") as stream:
            while piece := response.read(1 << 20):
                stream.write(piece)
                if stream.tell() > largest:
                    raise ChecksumError(f"{url}: expected at most {largest:,} bytes, got more")
    except ChecksumError:
        raise
    except (OSError, HTTPException, ValueError, IndexError) as error:  # of addresses and answers that are malformed
        raise NotFoundError(f"{url} cannot be downloaded ({error}); try again, or another --from") from None
    return target
