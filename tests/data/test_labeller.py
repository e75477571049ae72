"""What differs between labellers is in their interface: nobody asks which class one is of."""

import ast
import pickle
from pathlib import Path
from typing import get_type_hints

import foundational
from foundational.data.labeller import REQUIRED, Labeller
from foundational.engines.ase.labeller import AseLabeller
from foundational.engines.crystals.references import ReferenceCrystals
from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.engines.lammps.potentials import potential_for

SOURCES = Path(foundational.__file__).parent
EMT = AseLabeller("ase:ase.calculators.emt:EMT", "ase.calculators.emt", "EMT", atom_energy=0.5)


def test_nobody_asks_which_class_a_labeller_is_of():
    found = []
    for path in SOURCES.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)):
            named = ()
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in {"isinstance", "issubclass", "cast"}:
                named = node.args
            elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):  # a union of two of them
                named = (
                    (node,) if all(ast.unparse(side).endswith("Labeller") for side in (node.left, node.right)) else ()
                )
            if any("Labeller" in ast.unparse(argument) for argument in named):
                found.append(f"{path.relative_to(SOURCES)}:{node.lineno}: {ast.unparse(node)}")
    assert found == []


def test_reference_crystals_take_any_labeller():
    assert get_type_hints(ReferenceCrystals)["labeller"] is Labeller


def test_a_labeller_states_its_cost_labels_and_isolated_atom(checkout):
    nickel = LammpsLabeller(potential_for("Ni", checkout))
    assert not nickel.expensive
    assert nickel.gives == (*REQUIRED, "atomic_energies")
    assert abs(nickel.isolated_energy("Ni")) < 1e-9
    assert EMT.expensive
    assert EMT.gives == REQUIRED
    assert EMT.isolated_energy("Ni") == 0.5
    for labeller in (nickel, EMT):
        assert pickle.loads(pickle.dumps(labeller)) == labeller
