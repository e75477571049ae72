"""The comparison with the paper: the section ``paper`` of params.yaml."""

from pydantic import Field

from foundational.specs.base import Count, Spec
from foundational.specs.distill import Method


class ComparedSpec(Spec):
    """One method of the comparison."""

    method: Method
    pool: str
    """From which it chooses; budgets are shares of atoms, so that larger cells are fewer."""
    budgets: tuple[Count, ...]
    """Frames of ``frame_atoms`` atoms, ascending."""
    seeds: Count
    """Seeds of the selection."""
    full_training: bool = False
    """Train as ``ani.recipe`` says, not as short as the comparison does."""
    chunk: Count | None = None
    """Candidates of a round; null: all that is left."""


class TrainingSetSpec(Spec):
    """One training set of the paper's tables."""

    source: str
    """A dataset, or ``pools/<name>``."""
    frames: Count
    """How many: the first of a dataset, or drawn at random from a pool."""


class PaperSpec(Spec):
    """The comparison of methods, and the paper's figures and tables (arXiv 2311.05407)."""

    settings: str
    """The entry of ``distill`` whose settings every method of the comparison takes over."""
    test: str
    """The pool on all of which everything is tested, and on which nothing is trained."""
    frame_atoms: Count
    """Atoms of the frames in which budgets are counted."""
    shown: Count
    """Frames of the parity figure."""
    properties: tuple[Count, ...]
    """The budgets at which elastic constants, vacancy and stacking fault are computed too."""
    members: Count
    """Networks trained on each selection, each with its own seed."""
    epochs: Count
    """Training epochs in the comparison of methods."""
    least_steps: Count
    """Least training steps there."""
    thin: Count
    """One in this many frames of the test pool is used for forces."""
    methods: dict[str, ComparedSpec]
    sets: dict[str, TrainingSetSpec]
    """The training sets of the tables."""
    tested_on: tuple[str, ...]
    """The pools on which networks trained on those are tested."""
    training_fraction: float = Field(gt=0, le=1)
    """Share of a set on which each network trains, its own; it is tested on the rest."""
    networks: dict[str, int]
    """How many networks are trained with each of the settings of ``ani``."""
    published_epochs: Count
    """Epochs with the published settings, instead of the published number."""
