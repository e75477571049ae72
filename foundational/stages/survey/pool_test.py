"""How networks trained on a translated set do on a whole MOMT pool of its metal (Fig. 3b and Table 3 of the paper)."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from foundational.data.batches import to_configurations
from foundational.data.store import open_store
from foundational.engines.ani.batch_energies import energies_per_atom
from foundational.engines.crystals.references import reference_crystals
from foundational.errors import ConflictError, NotFoundError, did_you_mean
from foundational.evaluation.crystals import crystal_errors, error_table
from foundational.labelling.records import labeller_of
from foundational.progress import Progress
from foundational.project import STORE, find_dataset
from foundational.provenance.record import read_record, write_json
from foundational.seeds import derive
from foundational.specs.base import Spec
from foundational.specs.params import read_params
from foundational.stages.survey.stage import CrystalErrors
from foundational.stages.train.stage import train_ensemble
from foundational.units import MEV
from foundational.workspace.pools import open_pool

METRICS = Path("metrics/parity")
#: Parts of the pool by energy, of equally many frames.
_PARTS = 5
#: Frames of the figure.
_SHOWN = 1000


class EnergyPart(Spec):
    """Frames between two energies per atom."""

    from_eV_per_atom: float  # noqa: N815 - the unit's own spelling
    to_eV_per_atom: float  # noqa: N815
    mae_meV_per_atom: tuple[float, ...]  # noqa: N815
    """Of each network."""


class ParityReport(Spec):
    """Networks trained on a set, each tested on every frame of a pool of the same metal."""

    dataset: str
    fingerprint: str
    element: str
    pool: str
    frames: int
    mae_meV_per_atom: tuple[float, ...]  # noqa: N815
    """Of each network, over all frames."""
    p99_meV_per_atom: tuple[float, ...]  # noqa: N815
    max_meV_per_atom: tuple[float, ...]  # noqa: N815
    parts: tuple[EnergyPart, ...]
    """From the lowest energies to the highest."""
    rank_ok: tuple[bool, ...]
    errors: dict[str, CrystalErrors]
    reference_eV_per_atom: tuple[float, ...]  # noqa: N815
    """Of some frames, evenly over the run."""
    predicted_eV_per_atom: tuple[float, ...]  # noqa: N815
    """Of those, by the first network."""


def judge_on_pool(
    root: Path, name: str, pool_name: str | None = None, *, write: bool = False, progress: Progress | None = None
) -> ParityReport:
    """Train as many networks on the dataset ``name`` as validation does, and test each on a pool.

    The whole pool, but for configurations that are in the dataset themselves, where it was refined with them.

    Parameters
    ----------
    pool_name
        By default what ``translate.parity`` of params.yaml says.
    write
        Keep the report as ``metrics/parity/<name>.json``.

    Raises
    ------
    NotFoundError
        If there is no such dataset or pool, or params.yaml names none.
    ConflictError
        If the pool is of another element, or labelled by another method.
    """
    params = read_params(root / "params.yaml")
    if pool_name is None:
        planned = params.translate.parity
        if name not in planned:
            raise NotFoundError(f"no pool for {name!r} in translate.parity; name one, or {did_you_mean(name, planned)}")
        pool_name = planned[name]
    folder = find_dataset(root, name)
    dataset, record = open_store(folder / STORE).load(), read_record(folder)
    pool, pool_record = open_pool(root, pool_name)
    theirs = (pool_record.element, pool_record.labeller.id)
    if theirs != (record.element, record.labeller.id):
        raise ConflictError(
            f"expected a pool of {record.element} labelled by {record.labeller.id} to test {name!r} on; "
            f"{pool_name!r} is {theirs[0]} by {theirs[1]}"
        )
    reference = reference_crystals(labeller_of(record.labeller, root), record.element)
    ani = params.ani.scaled(params.validate_.training, float(dataset.attrs["volume_per_atom"]))
    ani = ani.model_copy(update={"members": params.validate_.seeds})
    configurations = to_configurations(dataset)
    rows = np.flatnonzero(dataset["split"].to_numpy() == 0) if "split" in dataset else np.arange(len(configurations))
    seed = derive(params.seed, "parity", name)
    ensemble = train_ensemble(ani, configurations, [rows] * ani.members, seed, progress=progress)
    (predicted,) = energies_per_atom([ensemble], pool)
    known = {row.tobytes() for row in dataset["id"].to_numpy()}
    unseen = np.array([row.tobytes() not in known for row in pool["id"].to_numpy()])
    truth, predicted = (pool["energy"] / pool["n_atoms"]).to_numpy()[unseen], predicted[:, unseen]
    errors = error_table(predicted, truth)
    crystals = crystal_errors(ensemble, reference, params.validate_.tie)
    thin = slice(None, None, max(1, len(truth) // _SHOWN))
    names = [key.removesuffix("_error_meV") for key in crystals if key.endswith("_error_meV")]
    found = ParityReport(
        dataset=name,
        fingerprint=record.output.fingerprint,
        element=record.element,
        pool=pool_name,
        frames=len(truth),
        mae_meV_per_atom=tuple(errors["mae_meV"]),
        p99_meV_per_atom=tuple(errors["p99_meV"]),
        max_meV_per_atom=tuple(errors["max_meV"]),
        parts=_parts(predicted, truth),
        rank_ok=tuple(crystals["rank_ok"]),
        errors={
            key: CrystalErrors(
                energy_meV_per_atom=tuple(crystals[f"{key}_error_meV"]), bond_A=tuple(crystals[f"{key}_bond_error"])
            )
            for key in names
        },
        reference_eV_per_atom=tuple(truth[thin].round(6).tolist()),
        predicted_eV_per_atom=tuple(predicted[0, thin].round(6).tolist()),
    )
    if write:
        write_json(root / METRICS / f"{name}.json", found.model_dump(mode="json"))
    return found


def _parts(predicted: NDArray[np.float64], truth: NDArray[np.float64]) -> tuple[EnergyPart, ...]:
    """Mean absolute errors (M, C) by energy (C,), eV per atom, in parts of equally many frames."""
    error = np.abs(predicted - truth) * MEV
    return tuple(
        EnergyPart(
            from_eV_per_atom=float(truth[rows].min()),
            to_eV_per_atom=float(truth[rows].max()),
            mae_meV_per_atom=tuple(error[:, rows].mean(axis=1).tolist()),
        )
        for rows in np.array_split(np.argsort(truth, kind="stable"), _PARTS)
        if len(rows)
    )
