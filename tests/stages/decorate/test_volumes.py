"""The volume of an alloy by composition: where the virials agree, and what is said where they cannot."""

from types import SimpleNamespace
from typing import Any

import pytest
import xarray as xr

from foundational.data.store import open_store
from foundational.errors import EngineError, InputError
from foundational.stages.decorate.volumes import AlloyReferences, _root, alloy_volume


def crystal(element: str, volume: float, isolated: float | None = 0.0) -> Any:
    return SimpleNamespace(
        element=element, ground_volume=volume, isolated_energy=isolated, labeller=SimpleNamespace(id="ase:x:y")
    )


def volume(rule: Any, parent: xr.Dataset, references: AlloyReferences) -> Any:
    unused: Any = None
    return alloy_volume(rule, parent, unused, references, unused, 10, unused, 1)


@pytest.mark.parametrize("excess", [-0.29, -0.02, 0.0, 0.07, 0.31])
def test_the_excess_is_where_the_virials_agree(excess: float) -> None:
    assert _root(lambda relative: 3 * (relative - excess), "AlNi") == pytest.approx(excess, abs=1e-4)


@pytest.mark.parametrize("sign", [1.0, -1.0], ids=["too compressed", "too wide"])
def test_a_composition_without_such_a_volume_is_named(sign: float) -> None:
    with pytest.raises(EngineError, match=r"AlNi: no volume within 35% .* use --rule vegard"):
        _root(lambda _: sign, "AlNi")


def test_vegard_s_rule_needs_neither_stresses_nor_isolated_atoms(distilled_project) -> None:
    parent = open_store(distilled_project / "datasets/ni/data.zarr").load()
    references = AlloyReferences(crystal("Ni", 10.9), (crystal("Al", 16.6, None), crystal("Ni", 10.9, None)))
    found = volume("vegard", parent, references)
    assert found.record() == {"rule": "vegard", "pure_A3": [16.6, 10.9]}
    with pytest.raises(InputError, match="the rule virial needs periodic configurations with stresses; use --rule veg"):
        volume("virial", parent.drop_vars("stress"), references)
    with pytest.raises(InputError, match="energies of isolated atoms of Al, Ni, which ase:x:y does not state"):
        references.cohesive_energies()
