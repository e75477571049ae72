"""The index of a dataset: one row for each configuration, computed in one pass, kept as a Parquet file.

The file lies in a cache and not in the store: its bytes depend on the version of pyarrow, and those of a dataset must
not. Its name is the sha256 of the store's root document, which holds that of every file: so an index belongs to the
exact bytes of a store, and is made where there is none yet.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import google_crc32c
import numpy as np
from numpy.typing import NDArray

from foundational.data.atomic_write import whole_file
from foundational.data.integrity.store_manifest import ROOT
from foundational.data.integrity.stored_array import open_table
from foundational.data.layout import CONFIGURATION
from foundational.data.query.columns import COUNT, QueryColumn
from foundational.data.query.computed import Block, DatasetIndex, Index, Texts, fields_of, makers_of
from foundational.errors import ChecksumError
from foundational.progress import Progress

if TYPE_CHECKING:
    import xarray as xr

#: Of the columns and their meaning; an index of another version is made again.
VERSION: Final = 2
#: Bytes of the CRC32C of all others, behind the Parquet file: the checksums of Parquet leave headers and footer out.
_CRC: Final = 4
#: Rows that are read from an index at a time.
_ROWS: Final = 1_048_576


@dataclass(frozen=True, eq=False)
class ParquetIndex:
    """Columns in a file that `stored_index` wrote."""

    path: Path
    fields: Mapping[str, QueryColumn]

    def blocks(self, names: Sequence[str]) -> Iterator[Block]:
        """Some columns, read from the file."""
        import pyarrow as pa  # noqa: PLC0415 - slow to import, for queries alone
        import pyarrow.parquet as pq  # noqa: PLC0415

        try:
            with pq.ParquetFile(pa.BufferReader(_checked(pa, self.path))) as file:
                there = file.schema_arrow.names
                wanted = [name for name in there if name in names or (name.startswith(COUNT) and "elements" in names)]
                for batch in file.iter_batches(_ROWS, columns=wanted or ["atoms"]):
                    block: dict[str, NDArray[Any] | Texts] = {"id": np.empty((batch.num_rows, 0), np.uint8)}
                    for name in wanted:
                        values = batch.column(name)
                        if name == "id":
                            flat = np.frombuffer(values.buffers()[1], np.uint8)[values.offset * 16 :]
                            block[name] = flat[: 16 * len(values)].reshape(-1, 16)
                        elif pa.types.is_string(values.type) or pa.types.is_dictionary(values.type):
                            coded = values if pa.types.is_dictionary(values.type) else values.dictionary_encode()
                            codes = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
                            block[name] = Texts(codes.astype(np.int32), tuple(coded.dictionary.to_pylist()))
                        else:
                            block[name] = values.to_numpy(zero_copy_only=False)
                    yield block
        except (OSError, ValueError, pa.ArrowException) as error:
            reason = " ".join(str(error).split())
            raise ChecksumError(f"the index {self.path} is damaged ({reason}); remove it, it is made again") from None


def stored_index(store: Path, folder: Path, progress: Progress | None = None) -> Index:
    """The index of ``store``, from ``folder`` or made and kept there.

    Without pyarrow, or where nothing can be written, columns are computed from the store at each query.

    Raises
    ------
    NotFoundError, ChecksumError, DatasetError
        The store cannot be opened.
    """
    table = open_table(store)
    if find_spec("pyarrow") is None or not store.is_dir():
        return DatasetIndex(table)
    digest = hashlib.sha256((store / ROOT).read_bytes()).hexdigest()
    path = folder / f"{digest}-{VERSION}.parquet"
    fields = fields_of(table)
    if not path.is_file():
        try:
            _write(table, path, progress)
        except OSError:
            return DatasetIndex(table)
    return ParquetIndex(path, fields)


def _write(dataset: "xr.Dataset", path: Path, progress: Progress | None) -> None:
    """Write the index as a whole file."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    total = int(dataset.sizes[CONFIGURATION])
    elements = sorted({name for block in DatasetIndex(dataset).blocks(["elements"]) for name in block} - {"id"})
    names = list(makers_of(dataset))
    done = 0
    with whole_file(path) as partial:
        writer: pq.ParquetWriter | None = None
        for block in DatasetIndex(dataset).blocks(names):
            if progress is not None:
                progress(done, total, "indexing")
            count = len(block["id"])  # type: ignore[arg-type]
            zeros = {name: np.zeros(count, np.int64) for name in elements if name not in block}
            arrays = {name: _arrow(pa, values) for name, values in sorted({**block, **zeros}.items())}
            table = pa.table(arrays)
            if writer is None:
                writer = pq.ParquetWriter(partial, table.schema, compression="zstd")
            writer.write_table(table)
            done += count
        assert writer is not None  # a dataset has configurations
        writer.close()
        with pa.memory_map(str(partial)) as file:
            checksum = google_crc32c.value(file.read_buffer())
        with partial.open("ab") as stream:
            stream.write(checksum.to_bytes(_CRC, "little"))


def _checked(pa: Any, path: Path) -> Any:
    """The bytes of the Parquet file, which match their checksum.

    Raises
    ------
    ValueError
        They do not.
    """
    with pa.memory_map(str(path)) as file:
        content = file.read_buffer()
    parquet = content.slice(0, max(0, content.size - _CRC))
    if google_crc32c.value(parquet) != int.from_bytes(bytes(content[-_CRC:]), "little"):
        raise ValueError("it does not match its checksum")
    return parquet


def _arrow(pa: Any, values: "NDArray[Any] | Texts") -> Any:
    if isinstance(values, Texts):
        known = (values.codes >= 0) & (values.codes < len(values.values))
        codes = pa.array(np.where(known, values.codes, 0).astype(np.int32), mask=~known)
        return pa.DictionaryArray.from_arrays(codes, pa.array(values.values, pa.string()))
    if values.ndim == 2:
        return pa.FixedSizeBinaryArray.from_buffers(
            pa.binary(16), len(values), [None, pa.py_buffer(np.ascontiguousarray(values).tobytes())]
        )
    if values.dtype.kind == "i":
        return pa.array(values.astype(np.uint32))
    return pa.array(values)
