"""Groups of configurations, and the points of the map: what is known of each configuration."""

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from foundational.card.record import Column, ConfigurationMap, Groups, Part
from foundational.card.statistics import Statistics, known_numbers
from foundational.data.fingerprint import hexadecimal
from foundational.data.layout import VARIABLES, is_foreign
from foundational.science.order_parameter import CRYSTAL_ABOVE

if TYPE_CHECKING:
    import xarray as xr

#: Points of a map; of a larger set as many configurations are shown, evenly spread.
MOST_POINTS: Final = 5_000
#: Names under which other programs store what kind of configuration one is, the usual first.
_KINDS: Final = ("config_type", "group", "type", "tag", "tags", "description", "notes")
#: Groups of one figure.
_MOST_GROUPS: Final = 12
_SOLID: Final = "crystal"
_LIQUID: Final = "liquid or other crystal"


def groups(dataset: "xr.Dataset") -> tuple[Groups, NDArray[np.int64]] | None:
    """Groups by phase, transformation, recipe and isolated atoms; else by a text of another program.

    Returns
    -------
    Groups and (C,) the place of each configuration's group; None where nothing tells configurations apart.
    """
    own = _own_groups(dataset)
    return own or _foreign_groups(dataset)


def _own_groups(dataset: "xr.Dataset") -> tuple[Groups, NDArray[np.int64]] | None:
    count = dataset.sizes["configuration"]
    names = np.full(count, "not known", dtype=object)
    explained = []
    if "order_parameter" in dataset:
        order = dataset["order_parameter"].to_numpy()
        names[order > CRYSTAL_ABOVE], names[order <= CRYSTAL_ABOVE] = _SOLID, _LIQUID
        explained.append(f"{_SOLID}: order parameter above {CRYSTAL_ABOVE:g} where it was sampled")
    for variable, text in (("transformed_to", "transformed to {}"), ("recipe", "recipe {}"), ("role", "{}")):
        if variable in dataset:
            codes = dataset[variable].to_numpy()
            for code, meaning in enumerate(VARIABLES[variable].meanings):
                if code:
                    shown = meaning.upper() if variable == "transformed_to" else meaning.replace("_", " ")
                    names[codes == code] = text.format(shown)
    if len(set(names)) < 2:
        return None
    if (names == "not known").any():
        explained.append("not known: nothing says what it is")
    return _grouped("phase", "; ".join(explained) or "as the set states it", names)


def _foreign_groups(dataset: "xr.Dataset") -> tuple[Groups, NDArray[np.int64]] | None:
    """By the first variable of another program whose texts are few."""
    known = {str(name) for name, stored in dataset.variables.items() if is_foreign(stored) and "values" in stored.attrs}
    for name in _KINDS:
        if name not in known or dataset[name].dims != ("configuration",):
            continue
        texts = [*dataset[name].attrs["values"], "not stated"]
        codes = dataset[name].to_numpy()
        if 2 <= len(np.unique(codes)) <= _MOST_GROUPS:
            names = np.array([str(text)[:60] for text in texts], dtype=object)[codes]
            return _grouped(name, f"the field {name!r} of the imported file", names)
    return None


def _grouped(title: str, explanation: str, names: NDArray[Any]) -> tuple[Groups, NDArray[np.int64]]:
    """The largest group first."""
    found, codes, counts = np.unique(names.astype(str), return_inverse=True, return_counts=True)
    order = np.lexsort((found, -counts))
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    parts = tuple(Part(name=str(found[i]), configurations=int(counts[i])) for i in order)
    return Groups(title=title, explanation=explanation, parts=parts), place[codes.reshape(-1)]


def configuration_map(
    dataset: "xr.Dataset",
    found: Statistics,
    symbols: tuple[str, ...],
    grouped: tuple[Groups, NDArray[np.int64]] | None,
) -> ConfigurationMap:
    """The points of a map, with every quantity that is known of at least one of them."""
    total = len(found.n_atoms)
    rows = np.unique(np.linspace(0, total - 1, min(total, MOST_POINTS)).round().astype(np.int64))
    columns: dict[str, Column] = {}

    def add(name: str, title: str, unit: str, values: NDArray[Any]) -> None:
        shown = np.asarray(values, dtype=np.float64)[rows]
        finite = shown[np.isfinite(shown)]
        if finite.size and (finite.min() != finite.max() or name in {"volume", "energy"}):
            columns[name] = Column(title=title, unit=unit, values=known_numbers(shown))

    add("volume", "volume per atom", "Å³/atom", found.volume)
    add("energy", "energy per atom", "eV/atom", found.energy)
    if grouped is not None:
        meanings = tuple(part.name for part in grouped[0].parts)
        codes = tuple(grouped[1][rows].tolist())
        columns["group"] = Column(title=grouped[0].title, unit="", codes=codes, meanings=meanings)
    add("pressure", "pressure", "GPa", found.pressure)
    add("largest_force", "largest force", "eV/Å", found.largest_force)
    for name, title, unit in (
        ("order_parameter", "order parameter", ""),
        ("uncertainty", "uncertainty when selected", "eV"),
    ):
        if name in dataset:
            add(name, title, unit, dataset[name].to_numpy())
    if "selection_round" in dataset:
        rounds = dataset["selection_round"].to_numpy().astype(np.float64)
        add("selection_round", "round of the selection", "", np.where(rounds < 0, np.nan, rounds))
    if len(symbols) > 1:
        for element, symbol in enumerate(symbols):
            add(f"share_{symbol}", f"share of {symbol}", "", found.composition[:, element] / found.n_atoms)
    add("n_atoms", "atoms", "", found.n_atoms)
    for name in ("split", "selection_reason"):
        if name in dataset:
            codes = tuple(dataset[name].to_numpy()[rows].tolist())
            title = name.replace("_", " ").replace("selection reason", "reason of the selection")
            columns[name] = Column(title=title, unit="", codes=codes, meanings=VARIABLES[name].meanings)
    methods = [str(method.get("id")) for method in dataset.attrs.get("methods", [])]
    if "method" in dataset and len(methods) > 1:
        codes = tuple(dataset["method"].to_numpy()[rows].tolist())
        columns["method"] = Column(title="method", unit="", codes=codes, meanings=tuple(methods))
    ids = tuple(hexadecimal(dataset["id"].to_numpy()[rows]))
    return ConfigurationMap(total=total, rows=tuple(rows.tolist()), ids=ids, columns=columns)
