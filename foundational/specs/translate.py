"""What translation and augmentation do: the sections ``translate`` and ``augment`` of params.yaml."""

from typing import Annotated, Any, Final, Literal, Self, get_args

from pydantic import Field, field_validator, model_validator

from foundational.specs.base import Count, EnergyPerAtom, Length, Spec, Time
from foundational.specs.heating import HeatingRange

Rule = Literal["lattice", "nearest-neighbour", "volume", "virial"]
Element = Annotated[str, Field(pattern=r"^[A-Z][a-z]?$", description="chemical symbol")]


class GuardSpec(Spec):
    """Which scaled configurations are filtered out, and said so in the record."""

    minimum_distance: Length
    """Å in the parent; scaled with the lattice. Configurations with closer atoms are filtered before labelling."""
    maximum_energy: EnergyPerAtom
    """eV/atom above the lowest energy per atom of the translated set; configurations beyond are filtered."""
    minimum_volume: Annotated[float, Field(ge=0)] | None = Field(default=None, exclude_if=lambda value: value is None)
    """Volume per atom in those of the target's ground state; denser configurations are filtered before labelling."""


RecipeName = Literal[
    "scaled",
    "strained",
    "dense",
    "distorted",
    "hcp-ratios",
    "short-pairs",
    "vacancies",
    "symmetric-vacancies",
    "surfaces",
    "free-atoms",
    "dimers",
]
#: All recipes, in the order in which a set holds their configurations.
RECIPE_NAMES: Final[tuple[RecipeName, ...]] = get_args(RecipeName)


class RecipesSpec(Spec):
    """How many configurations each recipe adds to a set."""

    shortest: Length
    """Shortest distance of two atoms in an added configuration, Å; or the labeller's own limit, if that is larger."""
    recipes: dict[RecipeName, Annotated[int, Field(ge=1, strict=True)]]
    """Configurations by recipe; foundational/stages/augment/recipes.py."""

    @field_validator("recipes")
    @classmethod
    def _some(cls, value: dict[RecipeName, int]) -> dict[RecipeName, int]:
        if not value:
            raise ValueError(f"expected at least one recipe of {', '.join(RECIPE_NAMES)}, got none")
        return value


class TranslationSpec(Spec):
    """One translated set: parent, target element and the length that is matched."""

    parent: str
    element: Element
    potential: str | None
    """Registry id; null: the element's default potential."""
    rule: Rule
    """The length whose ratio scales the cells: the lattice constant of FCC, the nearest-neighbour distance of the
    ground states, or the cube root of the volume per atom of the ground states; or that at which the virial per atom,
    in cohesive energies, is what it was in the parent."""
    recipes: RecipesSpec | None = Field(default=None, exclude_if=lambda value: value is None)
    """Configurations of the target that are built and added; docs/augmentation.md."""


class RelabelSpec(Spec):
    """One released set with other labels for the configurations of its parent."""

    parent: str
    labeller: str
    arguments: dict[str, bool | int | float | str] = Field(default_factory=dict)
    """Keyword arguments of the labeller."""
    isolated_energy: float | None = None
    """Energy of one isolated atom by the labeller, eV."""
    where: str | None = None
    """Condition that the configurations fulfil; null: all of them."""


class CrystalMeltingSpec(HeatingRange):
    """How the crystal is heated until its atoms have left their sites."""

    displacement: Annotated[float, Field(gt=0)]
    """Root mean square displacement at which it has melted, nearest-neighbour distances of an FCC of its volume."""
    overheating: Annotated[float, Field(ge=1)]
    """Temperature over the limit of superheating at which the melt loses all memory of the crystal."""


class NptTestSpec(Spec):
    """Short plain NPT runs of solid and liquid, on whose frames translated sets are tested."""

    cells: dict[Literal["fcc", "bcc", "hcp"], tuple[Count, Count, Count]]
    """Conventional cells along each edge of the run, by the ground state."""
    frames: Count
    """Of each phase."""
    solid: Annotated[float, Field(gt=0, lt=1)]
    """Temperature of the solid over the one at which the heated crystal melts."""
    liquid: Annotated[float, Field(gt=0)]
    """Temperature of the liquid over that."""
    timestep: Time
    thermostat_time: Time
    barostat_time: Time
    heating: Time
    """Of each stage of heating."""
    equilibration: Time
    """Before frames are taken."""
    stride: Time
    """Between two frames."""
    melting: CrystalMeltingSpec


class MetalsSpec(Spec):
    """The periodic table of translations: one parent, translated to many metals, each tested."""

    parent: str
    rule: Rule
    members: Count
    """Networks trained on each translated set."""
    epochs: Count
    """Of their training, whose other settings are those of validation."""
    test: NptTestSpec
    potentials: dict[Element, str]
    """Registry id by target element."""


class TranslateSpec(Spec):
    """All translations of the pipeline and what they share."""

    guard: GuardSpec
    crystals: tuple[Literal["fcc", "bcc", "hcp"], ...]
    """Structures of transformed copies of the parent's crystals: fcc, bcc, hcp; may be empty."""
    crystal_majority: Annotated[float, Field(gt=0, lt=1)]
    """Share of the atoms with the local structure of a crystal, above which a configuration is called crystalline."""
    short_run_frames: Count
    """Frames of the MOMT run of the target that ``--refine`` samples where no pool is named."""
    sets: dict[str, TranslationSpec] = Field(default_factory=dict)
    default_rule: Rule
    """The rule of ``foundational translate`` where ``--rule`` is not given."""
    parity: dict[str, str] = Field(default_factory=dict)
    """Pool of the target on all of which networks trained on a translated set are tested, by the set's name."""
    metals: MetalsSpec | None = None
    """The table of many metals; null: none is made."""


class MeshSpec(Spec):
    """A symmetric mesh of k-points."""

    spacing: Annotated[float, Field(gt=0)]
    """The largest distance of two points along a reciprocal lattice vector, 1/Å."""
    shift: float = 0.0
    """In steps of the mesh, 0 or 0.5. Half a step halves the points of cubic cells or better; hexagonal ones need 0."""

    @field_validator("shift")
    @classmethod
    def _symmetric(cls, value: float) -> float:
        if value not in (0, 0.5):
            raise ValueError(f"expected 0 or 0.5 steps, which keep the symmetry of the cell, got {value}")
        return value


class AugmentSpec(RecipesSpec):
    """One augmented set: its parent, and how many configurations each recipe adds."""

    parent: str
    """The set to which configurations are added."""
    smallest: bool = Field(default=False, exclude_if=lambda value: not value)
    """Scaled, strained and dense crystals in cells of 4, 2 and 4 atoms, which cost an expensive labeller a tenth."""
    meshes: dict[RecipeName, Annotated[float, Field(gt=0)] | MeshSpec] = Field(
        default_factory=dict, exclude_if=lambda value: not value
    )
    """Recipes whose labels by ``gpaw`` have a symmetric mesh of their own; a number is the distance of its k-points,
    1/Å, of a mesh that contains Γ. All other settings are those of the parent's labels."""

    @model_validator(mode="after")
    def _built(self) -> Self:
        if unknown := sorted(self.meshes.keys() - self.recipes.keys()):
            raise ValueError(f"meshes: expected recipes of this set, {', '.join(self.recipes)}; got {unknown[0]}")
        return self

    def mesh_settings(self) -> dict[RecipeName, dict[str, Any]]:
        """Settings of GPAW by recipe, of those that have a mesh of their own."""
        found: dict[RecipeName, dict[str, Any]] = {}
        for name, mesh in self.meshes.items():
            own = mesh if isinstance(mesh, MeshSpec) else MeshSpec(spacing=mesh)
            found[name] = {"spacing": own.spacing, "shift": float(own.shift), "point_group": True}
        return found


VolumeRule = Literal["virial", "vegard"]
DecorationKind = Literal["random", "short-range", "L1_2", "L1_0", "L1_1", "D0_22", "B2", "D0_3", "B32"]
Choice = Literal["informative", "motifs", "random"]
Share = Annotated[float, Field(ge=0, lt=1)]


class AlloyChoiceSpec(Spec):
    """How the decorations to label are chosen, where there are more than labels."""

    method: Choice = "informative"
    """`informative`: from networks trained on those labelled before; `motifs`: like all of them by first-shell motifs;
    `random`."""
    first: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Share of the labels that is chosen at random before any network is trained."""
    rounds: Count = 2
    """Of networks, over which the rest is chosen."""
    members: Count = 2
    """Networks of a round."""
    epochs: Count = 10
    """Of their training."""
    least_steps: Count = 1000


_ORDERS: Final[dict[DecorationKind, float]] = {
    "random": 0.4,
    "short-range": 0.1,
    "L1_2": 0.2,
    "L1_0": 0.2,
    "L1_1": 0.05,
    "D0_22": 0.05,
    "B2": 0.25,
    "D0_3": 0.25,
    "B32": 0.05,
}


class AlloySpec(Spec):
    """How configurations of one element become an alloy; what params.yaml does not state is the default."""

    rule: VolumeRule = "virial"
    """`virial`: volumes at which hot configurations have the pressure of the parent's; `vegard`: the straight line
    between the pure elements."""
    decorations: Count = 1
    """Of each configuration of the parent, and of each transformed copy."""
    crystals: Count = 1
    """Times as many of those whose atoms are at the sites of a crystal."""
    pure: Share = 0.2
    """Share of decorations that are of one element; without them errors at the ends of the composition axis are large
    (benchmarks)."""
    orders: dict[DecorationKind, Annotated[float, Field(ge=0)]] = Field(default_factory=lambda: dict(_ORDERS))
    """Weights of the kinds of decoration. Ordered compounds are made of crystals only: on the sites of FCC or BCC."""
    antisites: Annotated[int, Field(ge=0)] = 4
    """Most pairs of atoms that are swapped in an ordered compound."""
    temperature: Annotated[float, Field(gt=0)] = 0.03
    """k·T of the swaps that make short-range order, in cohesive energies per atom; metals melt at 0.02 to 0.04."""
    swaps: Count = 1
    """Attempted, for each atom."""
    most: Annotated[int, Field(ge=2)] = 9
    """Largest number of elements in one configuration."""
    maximum_force: Annotated[float, Field(gt=0)] = 30.0
    """eV/Å; decorations with a larger force are filtered."""
    sample: Count = 48
    """Configurations whose mean virial is matched at each measured composition."""
    choice: AlloyChoiceSpec = AlloyChoiceSpec()
    compounds: Annotated[int, Field(ge=0)] = Field(default=0, exclude_if=lambda value: value == 0)
    """Displaced cells of prototypes that are on no sites of the parent's crystals, such as Laves phases, that are added
    to the decorations; with `--labels` they are a part of that number."""


class AlloySetSpec(Spec):
    """One set of several elements: parent, elements, potential, and what differs from the settings."""

    parent: str
    elements: Annotated[str, Field(pattern=r"^[A-Z][a-z]?(-[A-Z][a-z]?)+$")]
    """Symbols joined by hyphens, such as Ni-Al."""
    potential: str | None = None
    """Registry id or file of LAMMPS; null: the one that has all the elements."""
    labels: Count | None = None
    """Configurations that are labelled; null: all decorations."""
    decorations: Count | None = None
    """Of each configuration; null: that of the settings."""
    rule: VolumeRule | None = None
    """Null: that of the settings."""
    compounds: Annotated[int, Field(ge=0)] | None = None
    """Displaced cells of other prototypes, among the labels; null: that of the settings."""


class AlloysSpec(Spec):
    """Sets of several elements: the section ``alloys`` of params.yaml."""

    settings: AlloySpec = AlloySpec()
    sets: dict[str, AlloySetSpec] = Field(default_factory=dict)
