from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from foundational.data.batches import to_configurations
from foundational.data.configurations import Labels
from foundational.data.store import open_store
from foundational.engines.crystals.references import reference_crystals
from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.engines.lammps.potentials import potential_for
from foundational.errors import EngineError, InputError
from foundational.stages.translate.length_scale import References, length_factor, scale_configurations


def test_scaling_by_one_changes_only_the_element(distilled_project):
    batch = to_configurations(open_store(distilled_project / "datasets/ni/data.zarr"))
    same = scale_configurations(batch, 1.0, "Al")
    assert np.array_equal(same.positions, batch.positions)
    assert set(same.atomic_numbers) == {13}


def test_a_length_is_matched_by_virials_only_where_both_sides_have_them(distilled_project):
    """Unlabelled parents have none; a target whose virial never agrees has no such length."""
    parent = open_store(distilled_project / "datasets/ni/data.zarr").load()
    nickel = reference_crystals(LammpsLabeller(potential_for("Ni", distilled_project)), "Ni")
    bare = parent.drop_vars([name for name in ("energy", "forces", "stress", "atomic_energies") if name in parent])
    with pytest.raises(InputError, match="the rule virial needs a labelled parent"):
        length_factor("virial", bare, References(nickel, nickel), nickel.labeller)

    def label(batch: Any) -> Labels:
        strong = np.broadcast_to(-9.0 * np.eye(3), (len(batch), 3, 3)).copy()
        return Labels(np.zeros(len(batch)), np.zeros_like(batch.positions), strong)

    repulsive: Any = SimpleNamespace(label=label)
    with pytest.raises(EngineError, match="no length matches the virial of Ni; choose another rule"):
        length_factor("virial", parent, References(nickel, nickel), repulsive)
