"""Training and using ensembles of ANI networks on the CPU.

The kernels are compiled by numba, which keeps the machine code beside the sources and renews it when the file of a
function changes, but not when another file does whose functions were compiled into it. Here any change renews all.
"""

from contextlib import suppress
from hashlib import sha256
from pathlib import Path


def _drop_stale_kernels(folder: Path) -> None:
    """Remove machine code that was compiled from other sources than those in ``folder``."""
    digest = sha256()
    for source in sorted(folder.glob("*.py")):
        digest.update(source.read_bytes())
    stamp = folder / "__pycache__" / "kernels.sha256"
    with suppress(OSError):  # an installation that cannot be written keeps no machine code beside itself either
        if stamp.exists() and stamp.read_text() == digest.hexdigest():
            return
        for index in stamp.parent.glob("*.nbi"):
            index.unlink()
        stamp.parent.mkdir(exist_ok=True)
        stamp.write_text(digest.hexdigest())


_drop_stale_kernels(Path(__file__).parent)
