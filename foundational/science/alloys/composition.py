"""Compositions: shares of elements as texts, and as numbers of atoms on the sites of a configuration."""

import re
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from foundational.errors import InputError

_TERM: Final = re.compile(r"([A-Z][a-z]?)(\d+(?:\.\d+)?|\.\d+)?")
#: By how much shares may miss a sum of one, and numbers of atoms a whole number.
_ROUNDING: Final = 1e-3


def composition_named(text: str, elements: Sequence[str]) -> tuple[float, ...]:
    """Shares of ``elements`` from a formula: ``Ni3Al``, or ``Ni0.75Al0.25``, or ``Al0.25`` where one element is left.

    Raises
    ------
    InputError
        If it is no formula of these elements, or its shares do not add up to one.

    >>> composition_named("Ni3Al", ("Al", "Ni"))
    (0.25, 0.75)
    >>> composition_named("Al0.25", ("Al", "Ni"))
    (0.25, 0.75)
    """
    terms = _TERM.findall(text)
    if not terms or "".join(symbol + number for symbol, number in terms) != text:
        raise InputError(f"expected a composition such as Ni3Al or Ni0.75Al0.25, got {text!r}")
    names = [symbol for symbol, _ in terms]
    if strange := [name for name in names if name not in elements]:
        raise InputError(f"{text}: expected elements among {', '.join(elements)}, got {', '.join(strange)}")
    if len(set(names)) != len(names):
        raise InputError(f"{text}: expected each element once")
    found = {symbol: float(number or 1) for symbol, number in terms}
    total = sum(found.values())
    if any("." in number for _, number in terms):
        missing = [element for element in elements if element not in found]
        if total > 1 + _ROUNDING or (total < 1 - _ROUNDING and len(missing) != 1):
            raise InputError(f"{text}: expected shares that add up to 1, got {total:g}")
        if total < 1 - _ROUNDING:
            found[missing[0]] = 1 - total
    if not total > 0:
        raise InputError(f"{text}: expected a composition with some atoms")
    total = sum(found.values())
    return tuple(found.get(element, 0.0) / total for element in elements)


def counts_of(shares: Sequence[float], n_atoms: int, elements: Sequence[str]) -> NDArray[np.int64]:
    """(E,) numbers of atoms of each element among ``n_atoms``.

    Raises
    ------
    InputError
        If that many sites cannot hold the composition; the nearest ones are named.
    """
    exact = np.asarray(shares) * n_atoms
    counts = nearest_counts(shares, n_atoms)
    if np.abs(exact - counts).max() < _ROUNDING * n_atoms:
        return counts
    wanted = formula(np.asarray(shares), elements)
    nearest = sorted(_neighbours(exact, n_atoms), key=lambda near: float(np.abs(near - exact).sum()))[:2]
    named = " and ".join(f"{formula(near / n_atoms, elements)}" for near in nearest)
    raise InputError(f"{n_atoms} sites cannot hold {wanted}; the nearest compositions are {named}")


def nearest_counts(shares: Sequence[float], n_atoms: int) -> NDArray[np.int64]:
    """(E,) numbers of atoms nearest to ``shares`` of ``n_atoms``.

    >>> nearest_counts((0.25, 0.75), 54).tolist()
    [14, 40]
    """
    exact = np.asarray(shares) * n_atoms
    counts = np.floor(exact + 1e-9).astype(np.int64)
    counts[np.argsort(counts - exact, kind="stable")[: n_atoms - int(counts.sum())]] += 1
    return counts


def formula(shares: NDArray[np.floating], elements: Sequence[str]) -> str:
    """The composition as text, six digits at most.

    >>> formula(np.array([0.25, 0.75]), ("Al", "Ni"))
    'Al0.25Ni0.75'
    """
    parts = zip(elements, shares.tolist(), strict=True)
    return "".join(f"{element}{'' if share == 1 else f'{share:.6g}'}" for element, share in parts if share > 0)


def _neighbours(exact: NDArray[np.float64], n_atoms: int) -> list[NDArray[np.int64]]:
    """Whole numbers of atoms near ``exact``: all rounded down, and what is left given to some elements in turn."""
    low = np.floor(exact + 1e-9).astype(np.int64)
    left = n_atoms - int(low.sum())
    order = np.argsort(low - exact, kind="stable")
    found = []
    for start in range(len(exact)):
        counts = low.copy()
        for k in range(left):
            counts[order[(start + k) % len(exact)]] += 1
        found.append(counts)
    return found


def random_counts(
    n_atoms: int, n_elements: int, most: int, where: float, random: np.random.Generator
) -> NDArray[np.int64]:
    """(E,) numbers of atoms of an alloy: how many of the elements, which ones, and how much of each, all evenly.

    Parameters
    ----------
    most
        Largest number of elements in a configuration, at least two.
    where
        0…1; of two elements it is the place on the composition axis.
    """
    number = int(random.integers(2, min(most, n_elements, n_atoms) + 1))
    chosen = random.choice(n_elements, number, replace=False)
    counts = np.zeros(n_elements, dtype=np.int64)
    if number == 2:
        first = 1 + int(where * (n_atoms - 1))
        counts[np.sort(chosen)] = first, n_atoms - first
        return counts
    # Bars among the stars: each composition with at least one atom of each element is equally likely.
    bars = np.sort(random.choice(np.arange(1, n_atoms), number - 1, replace=False))
    counts[chosen] = np.diff(np.concatenate([[0], bars, [n_atoms]]))
    return counts
