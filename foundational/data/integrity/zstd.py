"""The decoder of zstd without the other codecs of numcodecs.

Their import reads the metadata of all installed packages, which takes as long as the whole check of a small set.
"""

import sys
import threading
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from types import ModuleType


@cache
def decoder() -> Callable[[bytes], bytes]:
    """Decodes a zstd frame.

    Where numcodecs is not imported yet, only its module ``numcodecs.zstd`` is: the package stands empty meanwhile, and
    is removed at once, so that a later import of it is a whole one. No other thread may run then.
    """
    spec = find_spec("numcodecs") if "numcodecs" not in sys.modules and threading.active_count() == 1 else None
    if spec is not None and spec.submodule_search_locations is not None:
        package = ModuleType("numcodecs")
        package.__path__, package.__spec__ = list(spec.submodule_search_locations), spec
        sys.modules["numcodecs"] = package
        try:
            from numcodecs.zstd import Zstd  # noqa: PLC0415

            return Zstd().decode  # type: ignore[no-any-return]
        except ImportError:
            for name in [name for name in sys.modules if name.startswith("numcodecs.")]:
                del sys.modules[name]
        finally:
            del sys.modules["numcodecs"]
    from numcodecs.zstd import Zstd  # noqa: PLC0415 - of a version whose module needs the package

    return Zstd().decode  # type: ignore[no-any-return]
