"""Validation of a set whose method computes no crystals: labels from a file, or several elements.

Networks are trained on its training part and tested on a holdout, or on its own other part. What was not tested is a
gate without an answer.
"""

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from foundational.data.batches import take, to_configurations
from foundational.data.conversion import elements_of
from foundational.data.fingerprint import fingerprint
from foundational.data.named import NamedDataset
from foundational.data.splits import TRAIN, assign_split
from foundational.evaluation.errors import evaluate, mean_errors
from foundational.evaluation.retraining import retrain, training_rows
from foundational.evaluation.validation_report import GateReport, MemberReport, ValidationReport
from foundational.execution.tasks import Tasks
from foundational.progress import Progress
from foundational.seeds import derive
from foundational.specs.ani import AniSpec
from foundational.specs.validate import GateSpec, ValidateSpec
from foundational.stages.validate.stage import MEANS, require_independent
from foundational.units import MEV

#: Share of a set without a split that is tested.
_TESTED = 0.1
#: A set passes where its networks have at most this share of the error of the mean energy: chance alone gives about 1.
_LEARNED = 0.5


def validate_without_crystals(
    subject: NamedDataset,
    holdout: NamedDataset | None,
    spec: ValidateSpec,
    settings: AniSpec,
    seed: int,
    why: str,
    *,
    tasks: Tasks | None = None,
    progress: Progress | None = None,
) -> ValidationReport:
    """Retrain ``spec.members`` networks on the training part of ``subject`` and test each.

    Parameters
    ----------
    subject
        The dataset to validate. Its name is part of the random seed of the training.
    holdout
        Configurations on which nothing was trained; None: the part of ``subject`` that is not for training. A set
        without a split is split here, a tenth for the test.
    settings
        ANI settings, scaled to the set.
    seed
        Root of all random streams.
    why
        Why there are no reference crystals, for the gates that need them.
    tasks
        Where networks train; None: here.

    Raises
    ------
    InputError
        where the holdout is of another element, or shares configurations with the dataset.
    """
    dataset = subject.dataset if holdout is not None else _with_split(subject.dataset, seed)
    if holdout is not None:
        require_independent(subject, holdout)
    tested = holdout or _other_part(subject.name, dataset)
    trained = derive(seed, "validate", subject.name)
    ensemble = retrain(dataset, settings, spec.members, trained, tasks=tasks, progress=progress)
    errors = []
    if tested is not None:
        configurations = to_configurations(tested.dataset)
        errors = [evaluate(ensemble.member(m), configurations) for m in range(spec.members)]
    means = mean_errors(errors, MEANS)
    gates = _gates(spec.gates, why, means.get("mae_meV_per_atom"), dataset, tested)
    return ValidationReport(
        dataset=subject.name,
        fingerprint=fingerprint(subject.dataset),
        element=subject.element,
        training_configurations=len(training_rows(dataset)),
        holdout=None if tested is None else tested.name,
        rank_ok=None,
        ground_state_ok=None,
        kendall_tau=None,
        largest_crystal_error_meV=None,
        passed=all(gate.ok is not False for gate in gates),
        gates=gates,
        members=tuple(
            MemberReport(
                member=m,
                rank_ok=None,
                ground_state_ok=None,
                kendall_tau=None,
                mae_meV_per_atom=errors[m].mae_meV_per_atom if errors else None,
                structures={},
                published_hcp=None,
            )
            for m in range(spec.members)
        ),
        **means,
    )


def _with_split(dataset: xr.Dataset, seed: int) -> xr.Dataset:
    """The dataset with its split, or with one in which a tenth is not for training."""
    count = dataset.sizes["configuration"]
    if count < 2 or ("split" in dataset and (dataset["split"] != TRAIN).any()):
        return dataset
    place = np.arange(count)
    split = assign_split(place, np.zeros_like(place), fraction=_TESTED, block_steps=1, seed=seed)
    return dataset.assign(split=("configuration", split))


def _other_part(name: str, dataset: xr.Dataset) -> NamedDataset | None:
    """What is not for training; None where everything is."""
    if "split" not in dataset:
        return None
    rows = np.flatnonzero(dataset["split"].to_numpy() != TRAIN)
    return NamedDataset(f"validation part of {name}", take(dataset, rows)) if len(rows) else None


def _gates(
    gates: GateSpec, why: str, error: float | None, dataset: xr.Dataset, tested: NamedDataset | None
) -> tuple[GateReport, ...]:
    """Gates on crystals without an answer, and those on the errors of the test; ``error`` is in meV/atom."""
    untested = {
        "rank": (gates.rank, "energy ranking of the crystals"),
        "ground_state": (gates.ground_state, "ground state"),
        "crystal_error": (gates.crystal_error is not None, "errors of relaxed crystals"),
    }
    reports = [
        GateReport(name=name, ok=None, message=f"{what}: not tested ({why})")
        for name, (asked, what) in untested.items()
        if asked
    ]
    what = "mean absolute error" + ("" if tested is None else f" on {tested.name}")
    if error is None or tested is None:
        why = "too few configurations" if tested is None else "no known energies to test on"
        return (*reports, GateReport(name="training", ok=None, message=f"{what}: not tested ({why})"))
    if gates.mae is not None:
        limit = gates.mae * MEV
        ok = error <= limit
        message = f"{what} is {error:.2f} meV/atom, {'within' if ok else 'above'} the gate of {limit:g}"
        reports.append(GateReport(name="mae", ok=ok, message=message))
    spread = _spread(dataset, tested.dataset)
    several = len(elements_of(dataset)) > 1
    baseline = "one energy for all atoms of an element" if several else "the mean energy"
    learned = error <= _LEARNED * spread if spread else None
    message = (
        f"{what} is {error:.2f} meV/atom; {baseline} in place of networks has {spread:.2f}, "
        "and at most half of it passes"
    )
    return (*reports, GateReport(name="training", ok=learned, message=message))


def _spread(dataset: xr.Dataset, tested: xr.Dataset) -> float:
    """Mean absolute error of a constant for each element, fitted to the training part, on the test; meV/atom.

    For one element it is that of the mean energy per atom. Zero where no energy is known.
    """
    if "energy" not in dataset or "energy" not in tested:
        return 0.0
    elements = np.unique(dataset["atomic_numbers"].to_numpy())

    def energies(part: xr.Dataset) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Shares of the elements (C, elements) and energies per atom (C,), where these are known."""
        n_atoms, numbers = part["n_atoms"].to_numpy(), part["atomic_numbers"].to_numpy()
        owner = np.repeat(np.arange(len(n_atoms)), n_atoms)
        shares = np.stack([np.bincount(owner, numbers == z, len(n_atoms)) / n_atoms for z in elements], axis=1)
        values: NDArray[np.float64] = part["energy"].to_numpy() / n_atoms
        known = np.isfinite(values)
        return shares[known], values[known]

    shares, values = energies(take(dataset, training_rows(dataset)))
    tested_shares, tested_values = energies(tested)
    if not len(values) or not len(tested_values):
        return 0.0
    constants = np.linalg.lstsq(shares, values, rcond=None)[0]
    return float(np.abs(tested_values - tested_shares @ constants).mean()) * MEV
