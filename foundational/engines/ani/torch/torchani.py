"""torchani, imported quietly."""

import os
from typing import Any

from foundational.errors import MissingDependencyError, package_needed


def import_torchani() -> Any:
    """The torchani module, without its warning that its CUDA extensions are not built.

    Raises
    ------
    MissingDependencyError
        It is not installed.
    """
    os.environ.setdefault("TORCHANI_NO_WARN_EXTENSIONS", "1")
    try:
        import torchani  # noqa: PLC0415 - takes seconds
    except ImportError as error:
        raise MissingDependencyError(package_needed("torchani")) from error
    return torchani
