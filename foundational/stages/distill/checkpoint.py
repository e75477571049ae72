"""Where a distillation stands: kept in a file after every round, or found again in a stored set."""

import io
import json
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from foundational.data.atomic_write import write_whole
from foundational.data.store import open_store
from foundational.errors import ConflictError, NotFoundError
from foundational.project import STORE
from foundational.provenance.record import ProvenanceRecord, read_record
from foundational.specs.distill import DistillSpec
from foundational.stages.distill.stage import RoundReport, Selection

#: The sources that decide what is chosen, below the package; dvc.yaml has them as dependencies too.
_DECIDING = (
    "engines/ani/*.py",
    "engines/descriptors.py",
    "engines/last_layer.py",
    "engines/selection.py",
    "science/selection.py",
    "stages/distill.py",
)
#: What may change between a run and the one that goes on from it.
_MAY_CHANGE = {"frames", "rounds", "target"}


def identity(spec: dict[str, Any], pool_fingerprint: str, seed: int) -> dict[str, Any]:
    """What must be the same for a run to go on: settings as a record has them, pool and seed."""
    distillation = {key: value for key, value in spec["distill"].items() if key not in _MAY_CHANGE}
    return {"distill": distillation, "ani": spec["ani"], "seed": seed, "pool": pool_fingerprint}


def _code() -> str:
    """Digest of the sources that decide what is chosen."""
    package, digest = Path(__file__).parents[1], sha256()
    for pattern in _DECIDING:
        for source in sorted(package.glob(pattern)):
            digest.update(source.read_bytes())
    return digest.hexdigest()


def save_state(path: Path, who: dict[str, Any], state: Selection) -> None:
    """Write the state into ``path``, whole or not at all."""
    buffer = io.BytesIO()
    np.savez(
        buffer,
        identity=np.array(json.dumps(who)),
        code=np.array(_code()),
        rounds=np.array(json.dumps([asdict(r) for r in state.rounds])),
        chosen=np.array(state.chosen),
        round=np.array(state.round),
        reason=np.array(state.reason),
        uncertainty=np.array(state.uncertainty),
    )
    write_whole(path, [buffer.getvalue()])


def load_state(path: Path, who: dict[str, Any]) -> Selection | None:
    """The state of an unfinished run in ``path``, or None where there is none, or other code made it.

    Raises
    ------
    ConflictError
        where it was begun with other settings; the message names them.
    """
    if not path.exists():
        return None
    with np.load(path, allow_pickle=False) as stored:
        _require_same(json.loads(str(stored["identity"])), who, str(path), "delete it to begin anew")
        if str(stored["code"]) != _code():
            return None
        return Selection(
            stored["chosen"].tolist(),
            stored["round"].tolist(),
            stored["reason"].tolist(),
            stored["uncertainty"].tolist(),
            [RoundReport(**r) for r in json.loads(str(stored["rounds"]))],
        )


def finished_state(path: Path, who: dict[str, Any]) -> Selection | None:
    """The state of a finished run in ``path``, from which more rounds may go on; None where anything else changed."""
    try:
        return load_state(path, who)
    except ConflictError:
        return None


def stored_state(folder: Path, who: dict[str, Any], pool: xr.Dataset) -> Selection:
    """The state that the stored set in ``folder`` is the outcome of.

    Raises
    ------
    NotFoundError
        where there is no such set, or one of its configurations is not in the pool.
    ConflictError
        where it was made with other settings.
    """
    if not (folder / STORE).exists():
        raise NotFoundError(f"{folder}: expected a distilled set to extend, found none; distill it without --extend")
    record = read_record(folder)
    _require_same(_identity_of(record), who, str(folder), "extend it with the settings of its provenance.json")
    dataset = open_store(folder / STORE)
    return Selection(
        chosen=_places(dataset["id"].to_numpy(), pool["id"].to_numpy(), folder),
        round=dataset["selected_at"].to_numpy().tolist(),
        reason=dataset["selected_because"].to_numpy().tolist(),
        uncertainty=dataset["uncertainty"].to_numpy().tolist(),
        rounds=[RoundReport(**line) for line in record.details["rounds"]],
    )


def _identity_of(record: ProvenanceRecord) -> dict[str, Any]:
    known = record.stage == "distill" and DistillSpec.model_fields.keys() <= record.spec["distill"].keys()
    if not known:
        raise ConflictError(f"{record.output.name!r} is no set that this version distilled; distill it anew")
    return identity(record.spec, record.inputs[0].fingerprint, record.seed)


def _places(ids: NDArray[np.uint8], pool_ids: NDArray[np.uint8], folder: Path) -> list[int]:
    place = {row.tobytes(): i for i, row in enumerate(pool_ids)}
    try:
        return [place[row.tobytes()] for row in ids]
    except KeyError:
        raise NotFoundError(f"{folder}: a configuration of it is not in its pool; distill it anew") from None


def _require_same(before: dict[str, Any], who: dict[str, Any], where: str, advice: str) -> None:
    changed = [
        f"{section}.{key}" if isinstance(value, dict) else section
        for section, value in who.items()
        for key in (value if isinstance(value, dict) else [""])
        if (before[section].get(key) != value[key] if isinstance(value, dict) else before[section] != value)
    ]
    if changed:
        raise ConflictError(f"{where} was begun with other settings ({', '.join(changed)}); {advice}, or restore them")
