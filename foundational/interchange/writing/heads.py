"""Labels of several methods, each for a head of one network: a file for each method and part."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from foundational.errors import InputError
from foundational.interchange.writing.parts import AnyPart
from foundational.interchange.writing.plan import Plan

#: Between the name of a head and that of a part.
_JOIN: Final = "-"


def by_head(parts: Sequence[AnyPart]) -> tuple[AnyPart, ...]:
    """Each part divided by the methods of its labels; names such as ``qe-lda-train``.

    Raises
    ------
    InputError
        The labels are of one method, or a configuration has no method.
    """
    methods = list(dict.fromkeys(method for part in parts for method in part.methods))
    if None in methods or len(methods) < 2:
        named = ", ".join(str(method) for method in methods if method is not None) or "none"
        raise InputError(
            f"expected labels of two methods or more, one a head, got {named}; label collect --keep and relabel "
            "--keep make such a set, and without --heads all go to one file"
        )
    heads = _names([str(method) for method in methods])
    divided: list[AnyPart] = []
    for method, head in heads.items():
        for part in parts:
            rows = np.flatnonzero(np.array([own == method for own in part.methods]))
            if rows.size:
                divided.append(replace(part.take(rows), name=f"{head}{_JOIN}{part.name}"))
    return tuple(divided)


def _names(methods: Sequence[str]) -> dict[str, str]:
    """A name of letters, digits, dots and lines for each method, none twice."""
    found: dict[str, str] = {}
    for method in methods:
        name = base = re.sub(r"[^A-Za-z0-9._-]+", "_", method).strip("_") or "head"
        number = 2
        while name in found.values():
            name, number = f"{base}_{number}", number + 1
        found[method] = name
    return found


def heads_of(plan: Plan, files: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """By head: the files of its parts, and E0s, eV by atomic number where its isolated atoms are all there."""
    heads: dict[str, dict[str, str]] = {}
    for part in plan.parts:
        head, _, name = part.name.rpartition(_JOIN)
        heads.setdefault(head, {})[f"{name}_file"] = files[part.name]
        if name == "train":
            heads[head]["E0s"] = _isolated(part)
    return heads


def _isolated(part: AnyPart) -> str:
    energies: dict[int, float] = {}
    elements: set[int] = set()
    for block in part.blocks():
        c = block.configurations
        alone = [row for row, kind in enumerate(block.config_types) if kind == "IsolatedAtom"]
        energies |= {int(c.atomic_numbers[c.offsets[row]]): float(block.labels.energy[row]) for row in alone}
        elements |= set(np.unique(c.atomic_numbers).tolist())
    complete = elements <= energies.keys()
    return str(dict(sorted(energies.items()))) if complete else "average"
