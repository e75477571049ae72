"""What must be known to continue a distillation: the bytes of a checkpoint, or a stored set and its pool."""

import io
import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from foundational.errors import ConflictError, NotFoundError
from foundational.stages.distill.stage import RoundReport, Selection

#: What may change between a run and the one that continues it.
_MAY_CHANGE = {"frames", "rounds", "target"}


def identity(spec: dict[str, Any], pool_fingerprint: str, seed: int) -> dict[str, Any]:
    """What must be the same for a run to continue.

    Parameters
    ----------
    spec
        ``distill`` and ``ani``, as the record of a distilled set has them.
    pool_fingerprint
        Fingerprint of the pool's data.
    seed
        The root seed.
    """
    distillation = {key: value for key, value in spec["distill"].items() if key not in _MAY_CHANGE}
    return {"distill": distillation, "ani": spec["ani"], "seed": seed, "pool": pool_fingerprint}


def to_bytes(state: Selection, run: dict[str, Any], code: str) -> bytes:
    """The content of a checkpoint.

    Parameters
    ----------
    state
        The state after a round.
    run
        The `identity` of the run.
    code
        Digest of the source code that decides what is chosen.
    """
    buffer = io.BytesIO()
    np.savez(
        buffer,
        identity=np.array(json.dumps(run)),
        code=np.array(code),
        rounds=np.array(json.dumps([asdict(r) for r in state.rounds])),
        chosen=np.array(state.chosen),
        round=np.array(state.round),
        reason=np.array(state.reason),
        uncertainty=np.array(state.uncertainty),
    )
    return buffer.getvalue()


def from_bytes(content: bytes, run: dict[str, Any], code: str, where: str) -> Selection | None:
    """The state in the content of a checkpoint, or None if other code wrote it.

    Parameters
    ----------
    content
        What `to_bytes` gave.
    run
        The `identity` of the run that would continue it.
    code
        Digest of today's source code.
    where
        Name of the checkpoint, for the message of an error.

    Raises
    ------
    ConflictError
        If the checkpoint belongs to other settings; the message names them. Or if it is damaged.
    """
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as stored:
            before, same_code = json.loads(str(stored["identity"])), str(stored["code"]) == code
            selection = Selection(
                stored["chosen"].tolist(),
                stored["round"].tolist(),
                stored["reason"].tolist(),
                stored["uncertainty"].tolist(),
                [RoundReport(**r) for r in json.loads(str(stored["rounds"]))],
            )
    except Exception as error:  # zipfile, numpy and JSON raise many kinds
        raise ConflictError(f"{where} is damaged ({' '.join(str(error).split())}); delete it to start again") from None
    require_same(before, run, where, "delete it to start again")
    return selection if same_code else None


def selection_of(dataset: xr.Dataset, pool: xr.Dataset, rounds: Iterable[dict[str, Any]], where: str) -> Selection:
    """The state whose result is a stored distilled set.

    Parameters
    ----------
    dataset
        The distilled set.
    pool
        The pool that it was chosen from.
    rounds
        The rounds, as the record of the set has them.
    where
        Name of the set, for the message of an error.

    Raises
    ------
    NotFoundError
        If one of its configurations is not in the pool.
    """
    return Selection(
        chosen=_positions(dataset["id"].to_numpy(), pool["id"].to_numpy(), where),
        round=dataset["selection_round"].to_numpy().tolist(),
        reason=dataset["selection_reason"].to_numpy().tolist(),
        uncertainty=dataset["uncertainty"].to_numpy().tolist(),
        rounds=[RoundReport(**line) for line in rounds],
    )


def _positions(ids: NDArray[np.uint8], pool_ids: NDArray[np.uint8], where: str) -> list[int]:
    position = {row.tobytes(): i for i, row in enumerate(pool_ids)}
    try:
        return [position[row.tobytes()] for row in ids]
    except KeyError:
        raise NotFoundError(f"{where}: one of its configurations is not in its pool; distill it again") from None


def require_same(before: dict[str, Any], after: dict[str, Any], where: str, advice: str) -> None:
    """Refuse to continue a run with other settings.

    Parameters
    ----------
    before, after
        Two results of `identity`.
    where
        Name of what holds the run, for the message.
    advice
        What the user can do, for the message.

    Raises
    ------
    ConflictError
        If they differ; the message names the settings.
    """
    changed = [
        f"{section}.{key}" if isinstance(value, dict) else section
        for section, value in after.items()
        for key in (value if isinstance(value, dict) else [""])
        if (before[section].get(key) != value[key] if isinstance(value, dict) else before[section] != value)
    ]
    if changed:
        names = ", ".join(changed)
        raise ConflictError(f"{where} was started with other settings ({names}); {advice}, or restore them")
