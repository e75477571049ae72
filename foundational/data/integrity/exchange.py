"""Two names that change places in one step, where the system can do that."""

import ctypes
import errno
import os
import sys
from pathlib import Path
from typing import Final

_HERE: Final = -100
_EXCHANGE: Final = 2
#: The system, or the file system, cannot exchange.
_CANNOT: Final = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EPERM}


def exchange(first: Path, second: Path) -> bool:
    """Exchange two files or folders, so that both names exist at every moment; False where this is impossible.

    Linux has renameat2 (RENAME_EXCHANGE) for this, and macOS has renamex_np (RENAME_SWAP).

    Raises
    ------
    OSError
        Another reason, such as a folder that may not be written.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    a, b = os.fsencode(first), os.fsencode(second)
    sys.audit("os.rename", str(first), str(second), -1, -1)
    if (rename := getattr(libc, "renameat2", None)) is not None:
        failed = rename(_HERE, a, _HERE, b, ctypes.c_uint(_EXCHANGE))
    elif (rename := getattr(libc, "renamex_np", None)) is not None:
        failed = rename(a, b, ctypes.c_uint(_EXCHANGE))
    else:
        return False
    if not failed:
        return True
    code = ctypes.get_errno()
    if code in _CANNOT:
        return False
    raise OSError(code, os.strerror(code), str(second))
