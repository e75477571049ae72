"""How arrays of a store are chunked, compressed and described.

Sizes were chosen by ``benchmarks/storage.py``: chunks of 16,384 atoms read ten scattered configurations in 2–4 ms and
all forces of 20,000 × 108 atoms in 30 ms (4,096: 3 and 87 ms; 131,072: 8 and 16 ms). A shard is one file: of at most
1,048,576 rows, so that 4,000 configurations are one file a variable, and four times as large in a set that needs more
than one, so that a million configurations are fewer than a hundred files. It is also all that a write holds in memory.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import zarr
from zarr.codecs import Crc32cCodec, ZstdCodec

from foundational.data.layout import ATOM

#: (rows in a chunk, rows in a shard) of variables for each configuration and for each atom.
_ROWS = {False: (2_048, 131_072), True: (16_384, 1_048_576)}
#: Rows in a shard of a variable that does not fit in one of these.
LARGER: Final = {False: 524_288, True: 4_194_304}
#: zstd's level; 9 saves 1 % of the bytes for 4 times the time.
_LEVEL = 3


def rows_of(per_atom: bool, total: int) -> tuple[int, int]:
    """Rows in a chunk and in a shard of a variable of ``total`` rows."""
    chunk, shard = _ROWS[per_atom]
    return chunk, shard if total <= shard else max(shard, LARGER[per_atom] // chunk * chunk)


def create_array(
    group: zarr.Group,
    name: str,
    shape: tuple[int, ...],
    numbers: tuple[np.dtype[Any], int],
    dims: tuple[str, ...],
    attributes: Mapping[str, Any],
) -> "zarr.Array[Any]":
    """An empty array of a store.

    Parameters
    ----------
    numbers
        Their type, and the rows that the array may get in the end, which decide the size of its shards.
    """
    dtype, total = numbers
    chunk, shard = rows_of(dims[0] == ATOM, total)
    rest = shape[1:]
    return group.create_array(
        name,
        shape=shape,
        dtype=dtype,
        chunks=(chunk, *rest),
        shards=(shard, *rest),
        compressors=[ZstdCodec(level=_LEVEL), Crc32cCodec()],
        dimension_names=list(dims),
        attributes=dict(attributes),
        fill_value=0,
        # A chunk of zeros is data like any other; left out, nobody could tell it from a lost one.
        config={"write_empty_chunks": True},
    )
