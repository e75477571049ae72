"""What augmentation adds to a set: the section ``augment`` of params.yaml."""

from typing import Annotated, Final, Literal, get_args

from pydantic import Field, field_validator

from foundational.specs.base import Length, Spec

RecipeName = Literal["scaled", "strained", "short-pairs", "vacancies", "surfaces", "free-atoms", "dimers"]
#: All recipes, in the order in which a set holds their configurations.
RECIPE_NAMES: Final[tuple[RecipeName, ...]] = get_args(RecipeName)


class AugmentSpec(Spec):
    """One augmented set: its parent, and how many configurations each recipe adds."""

    parent: str
    """The set to which configurations are added."""
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
