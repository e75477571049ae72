"""``foundational holdout``: store a holdout of params.yaml."""

from pathlib import Path

from foundational.errors import NotFoundError, did_you_mean
from foundational.provenance.record import ProvenanceRecord
from foundational.specs.params import read_params
from foundational.stages.holdout.stage import holdout
from foundational.workspace.pools import open_pool
from foundational.workspace.runner import StageOutput, produce


def store_holdout(root: Path, name: str, *, force: bool = False) -> ProvenanceRecord:
    """Store the holdout ``name`` of params.yaml.

    Raises
    ------
    NotFoundError
        where params.yaml has no such holdout, or its pool is not on this machine.
    ConflictError
        where the holdout exists and ``force`` is false.
    """
    params = read_params(root / "params.yaml")
    if name not in params.holdout:
        raise NotFoundError(f"no holdout {name!r} in params.yaml; {did_you_mean(name, params.holdout)}")
    spec = params.holdout[name]
    pool, parent = open_pool(root, spec.pool)

    def build() -> StageOutput:
        return StageOutput(holdout(spec, pool), parent.element, parent.labeller)

    return produce(root, name, "holdout", spec.model_dump(mode="json"), params.seed, (parent,), build, force=force)
