"""The work of forces and stresses between near configurations tells their units and signs without a fit."""

from copy import deepcopy

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.calculators.emt import EMT

from foundational.checks.limits import CheckLimits
from foundational.checks.run import check_all
from foundational.checks.work import _errors, _slopes
from foundational.data.conversion import from_atoms, to_dataset


def labelled(atoms: Atoms) -> Atoms:
    atoms.calc = EMT()
    atoms.info["REF_energy"], atoms.arrays["REF_forces"] = atoms.get_potential_energy(), atoms.get_forces()
    if atoms.pbc.all():
        atoms.info["REF_stress"] = atoms.get_stress(voigt=False)
    atoms.calc = None
    return atoms


def vibrating(prototype: Atoms) -> list[Atoms]:
    rng = np.random.default_rng(2)
    frames = []
    for _ in range(12):
        atoms = prototype.copy()
        if atoms.pbc.all():
            atoms.set_cell(atoms.cell.array @ (np.eye(3) + rng.normal(0, 0.01, (3, 3))), scale_atoms=True)
        atoms.positions += rng.normal(0, 0.05, atoms.positions.shape)
        frames.append(labelled(atoms))
    return frames


METAL = vibrating(bulk("Ni", cubic=True))
STRAINED = [
    labelled(Atoms("Ni", cell=bulk("Ni").cell.array @ (np.eye(3) + strain), pbc=True))
    for strain in np.random.default_rng(1).normal(0, 0.02, (12, 3, 3))
]
GAS = vibrating(molecule("CH3OH"))


def status(frames: list[Atoms], **factors: float) -> dict[str, tuple[str, str]]:
    changed = deepcopy(frames)
    for atoms in changed:
        for name, factor in factors.items():
            store = atoms.arrays if name == "forces" else atoms.info
            store[f"REF_{name}"] = store[f"REF_{name}"] * factor
    elements = sorted({symbol for atoms in changed for symbol in atoms.symbols})
    findings = check_all(to_dataset(from_atoms(changed), attrs={"elements": elements}), CheckLimits())
    return {f.rule: (f.status, f.message) for f in findings}


@pytest.mark.parametrize(
    ("frames", "rules"),
    [(METAL, ["work of forces", "work of stress"]), (STRAINED, ["work of stress"]), (GAS, ["work of forces"])],
    ids=["metal", "perfect strained crystals", "molecule"],
)
def test_the_slopes_of_right_labels_are_one(frames: list[Atoms], rules: list[str]):
    found = status(frames)
    assert [found[rule][0] for rule in rules] == ["passed"] * len(rules)
    assert not [rule for rule, (state, _) in found.items() if state in {"defect", "warning"}]


def test_a_stress_in_kbar_is_seen_in_two_configurations():
    assert status(METAL[:2], stress=1602.2)["stress size"][0] == "defect"
    assert status(METAL[:2])["stress size"][0] == "passed"


@pytest.mark.parametrize(
    ("frames", "factors", "rule", "words"),
    [
        (METAL, {"forces": -1}, "work of forces", "the sign is opposite"),
        (GAS, {"forces": -1}, "work of forces", "the sign is opposite"),
        (GAS, {"energy": 1 / 27.2114}, "work of forces", "energies are in Hartree ("),
        (GAS, {"energy": 23.0605}, "work of forces", "energies are in kcal/mol"),
        (METAL, {"stress": -1}, "work of stress", "the sign is opposite"),
        (STRAINED, {"stress": -1602.18}, "work of stress", "the stress is in kbar and of opposite sign"),
        (STRAINED, {"stress": 160.218}, "work of stress", "the stress is in GPa"),
    ],
)
def test_a_wrong_sign_or_unit_is_named(frames: list[Atoms], factors: dict[str, float], rule: str, words: str):
    state, message = status(frames, **factors)[rule]
    assert state == "defect"
    assert words in message


def test_too_few_pairs_or_equal_energies_have_no_slope():
    assert _errors(np.ones(2), [np.ones(2)]) == [np.inf]
    assert _slopes(np.zeros(20), [np.ones(20)]) == ([0.0], 0.0, [0.0])
