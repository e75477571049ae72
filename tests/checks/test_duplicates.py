"""Copies of a configuration are found however they were written, and what their labels say is compared."""

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr
from ase import Atoms
from ase.build import bulk, fcc111, molecule
from ase.calculators.emt import EMT

from foundational.checks.limits import CheckLimits, limits_of
from foundational.checks.run import check_all
from foundational.data.conversion import from_atoms, to_dataset


def labelled(atoms: Atoms) -> Atoms:
    atoms.calc = EMT()
    atoms.info["REF_energy"], atoms.arrays["REF_forces"] = atoms.get_potential_energy(), atoms.get_forces()
    atoms.calc = None
    return atoms


def frames(prototype: Atoms | None = None) -> list[Atoms]:
    rng = np.random.default_rng(5)
    out = []
    for _ in range(6):
        atoms = (prototype or bulk("Ni", cubic=True) * (2, 1, 1)).copy()
        atoms.positions += rng.normal(0, 0.1, atoms.positions.shape)
        out.append(labelled(atoms))
    return out


def wrapped(atoms: Atoms) -> Atoms:
    atoms.positions[::2] += atoms.cell.array[0] - 2 * atoms.cell.array[1]
    return atoms


def permuted(atoms: Atoms) -> Atoms:
    return atoms[np.arange(len(atoms))[::-1]]


def rewritten(atoms: Atoms) -> Atoms:
    atoms.positions = np.round(atoms.positions, 4)
    return atoms


def shifted(atoms: Atoms) -> Atoms:
    atoms.positions += [0.3, 0.1, -0.2]
    return atoms


def findings(configurations: list[Atoms], limits: CheckLimits | None = None, **variables: object) -> dict[str, str]:
    elements = sorted({symbol for atoms in configurations for symbol in atoms.symbols})
    dataset: xr.Dataset = to_dataset(from_atoms(configurations), attrs={"elements": elements}, **variables)
    return {f.rule: f.message for f in check_all(dataset, limits or CheckLimits()) if f.status in {"defect", "warning"}}


PROTOTYPES = {"bulk": None, "gas": molecule("C2H6"), "slab": fcc111("Al", (2, 2, 3), vacuum=6, periodic=False)}
REWRITINGS = [rewritten, permuted, shifted]


@pytest.mark.parametrize(
    ("kind", "rewriting"),
    [
        *((kind, rewriting) for kind in PROTOTYPES for rewriting in REWRITINGS),
        ("bulk", wrapped),
        ("bulk", lambda atoms: permuted(wrapped(atoms))),
    ],
)
def test_a_rewritten_copy_is_a_near_duplicate(kind: str, rewriting: Callable[[Atoms], Atoms]):
    several = frames(PROTOTYPES[kind])
    found = findings([*several, rewriting(several[2].copy())])
    assert set(found) == {"near duplicates"}
    assert "6 is 2" in found["near duplicates"]


def test_small_displacements_are_other_configurations():
    several = frames()
    near = several[2].copy()
    near.positions[0] += [0.01, 0, 0]
    assert findings([*several, labelled(near)]) == {}


def test_a_tolerance_of_zero_looks_for_exact_copies_alone():
    several = frames()
    exact = limits_of(["duplicate-distance=0"])
    assert findings([*several, rewritten(several[2].copy())], exact) == {}
    assert set(findings([*several, several[2].copy()], exact)) == {"duplicates"}


@pytest.mark.parametrize("change", [permuted, Atoms.copy])
def test_a_copy_in_another_part_of_the_set_is_a_defect(change: Callable[[Atoms], Atoms]):
    several = frames()
    found = findings([*several, change(several[1].copy())], split=[0, 0, 0, 0, 2, 2, 2])
    assert "6 in test is 1 in train" in found["splits"]
    assert "splits" not in findings([*several, change(several[1].copy())], split=[0, 0, 0, 0, 2, 2, 0])


@pytest.mark.parametrize(("key", "by"), [("REF_energy", 0.1), ("REF_forces", 0.5)])
def test_labels_of_one_configuration_that_differ_contradict_one_another(key: str, by: float):
    several = frames()
    again = permuted(several[4].copy())
    (again.arrays if key == "REF_forces" else again.info)[key] *= 1 + by
    assert "contradictory labels" in findings([*several, again])


def test_two_methods_may_label_one_configuration_but_not_equally():
    several = frames()
    second = [atoms.copy() for atoms in several]
    for atoms in second:
        atoms.info["REF_energy"] += 0.3
    method = [0] * 6 + [1] * 6
    assert findings([*several, *second], method=method) == {}
    second[3].info["REF_energy"] -= 0.3
    assert "configuration 9" in findings([*several, *second], method=method)["labels of two methods"]
