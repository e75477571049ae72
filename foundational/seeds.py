"""Random streams derived by name from one root seed; there is no global randomness."""

import hashlib

import numpy as np


def derive(root: int, *names: str | int) -> int:
    """A 63-bit seed for the stream called ``names`` below ``root``.

    The same names give the same seed on every machine; different names give unrelated ones.

    >>> derive(1, "walker", 0) == derive(1, "walker", 0)
    True
    >>> derive(1, "walker", 0) == derive(1, "walker", 1)
    False
    """
    text = "\x1f".join([str(root), *(f"{type(n).__name__}:{n}" for n in names)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") >> 1


def generator(root: int, *names: str | int) -> np.random.Generator:
    """A numpy generator (PCG64) on the stream called ``names`` below ``root``."""
    return np.random.Generator(np.random.PCG64(derive(root, *names)))
