"""Which frames of a pool are stored as a holdout: the section ``holdout`` of params.yaml."""

from foundational.specs.base import Count, Spec


class HoldoutSpec(Spec):
    """A holdout: frames of a pool that nothing is trained or selected on."""

    pool: str
    frames: Count
