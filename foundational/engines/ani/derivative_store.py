"""The derivatives of environment vectors that training needs: kept as far as memory goes, else recomputed."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from foundational.data.configurations import Configurations
from foundational.engines.ani.aev import Geometry, slot_counts, terms_of, wide_terms_of
from foundational.engines.ani.kernels.aev_derivatives import fill_blocks
from foundational.engines.ani.kernels.aev_jacobian import STRAIN_ROWS
from foundational.errors import InputError
from foundational.specs.ani import AevSpec

#: Bytes that training may take where the caller names no budget.
DEFAULT_MEMORY: Final = 4 * 1024**3
#: What training keeps of an atom beside its vector and its derivatives: geometry, labels, indices.
_BYTES_PER_ATOM: Final = 256


class DerivativeStore:
    """Blocks of all atoms (see aev_jacobian) in one array: those of kept configurations, then room for a batch.

    A recomputed block equals the kept one bit for bit, so the budget changes no result.
    """

    rows: NDArray[np.float32]
    """(R, stride)"""
    slots: NDArray[np.int64]
    """(S,)"""
    first_row: NDArray[np.int64]
    """(A,)"""
    first_slot: NDArray[np.int64]
    """(A,)"""
    slot_count: NDArray[np.int64]
    """(A,)"""

    def __init__(
        self, configurations: Configurations, spec: AevSpec, elements: Sequence[int], batch: int, memory: int | None
    ) -> None:
        self._geometry = Geometry.of(configurations, elements, spec.radial.cutoff)
        self._terms, self._wide = terms_of(spec, len(elements)), wide_terms_of(spec, len(elements))
        self.slot_count = slot_counts(self._geometry, spec)
        self._offsets = configurations.offsets
        starts = np.concatenate([[0], np.cumsum(self.slot_count)])
        slots_of = np.diff(starts[self._offsets])  # (C,)
        rows_of = 3 * slots_of + STRAIN_ROWS * configurations.n_atoms
        bytes_of = rows_of * self._wide.stride * 4 + slots_of * 8
        rest = len(self.slot_count) * (_BYTES_PER_ATOM + 4 * self._wide.stride)
        budget = (DEFAULT_MEMORY if memory is None else memory) - rest
        largest = min(batch, len(configurations))
        order = np.argsort(bytes_of, kind="stable")
        room = 0
        if bytes_of.sum() > budget:
            room = int(bytes_of[order[-largest:]].sum())
            if room > budget:
                count, needed, given = len(configurations), (room + rest) / 1e6, (budget + rest) / 1e6
                raise InputError(
                    f"expected at least {needed:.0f} MB for {count} configurations in batches of {batch}, "
                    f"got {given:.0f} MB; allow more memory or take a smaller batch"
                )
        kept = int(np.searchsorted(np.cumsum(bytes_of), budget - room, side="right"))
        self.kept = kept
        self._kept_rows, self._kept_slots = int(rows_of[:kept].sum()), int(slots_of[:kept].sum())
        scratch_rows = int(np.sort(rows_of)[-largest:].sum()) if room else 0
        scratch_slots = int(np.sort(slots_of)[-largest:].sum()) if room else 0
        self.rows = np.empty((self._kept_rows + scratch_rows, self._wide.stride), dtype=np.float32)
        self.slots = np.empty(self._kept_slots + scratch_slots, dtype=np.int64)
        self.first_slot = starts[:-1].copy()
        self.first_row = 3 * self.first_slot + STRAIN_ROWS * np.arange(len(self.first_slot))
        self._fill(np.arange(self._offsets[kept]), 0, 0)

    def _fill(self, atoms: NDArray[np.int64], row: int, slot: int) -> None:
        slot_start = np.concatenate([[0], np.cumsum(self.slot_count[atoms])])
        arrays = (*self._geometry.arrays(), self._terms, self._wide)
        fill_blocks(*arrays, atoms, slot_start, self.rows[row:], self.slots[slot:])

    def provide(self, batch: NDArray[np.int64]) -> None:
        """Make the blocks of the configurations ``batch`` available."""
        missing = batch[batch >= self.kept]
        if not len(missing):
            return
        atoms = np.concatenate([np.arange(self._offsets[c], self._offsets[c + 1]) for c in missing])
        local = np.concatenate([[0], np.cumsum(self.slot_count[atoms])[:-1]])
        self._fill(atoms, self._kept_rows, self._kept_slots)
        self.first_slot[atoms] = self._kept_slots + local
        self.first_row[atoms] = self._kept_rows + 3 * local + STRAIN_ROWS * np.arange(len(atoms))
