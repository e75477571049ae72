"""Other labels for the configurations of a dataset, and stored labels computed again."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from foundational.data.batches import to_configurations
from foundational.data.labeller import Labeller
from foundational.data.store import open_store
from foundational.errors import InputError
from foundational.labelling.catalogue import labeller_named
from foundational.labelling.records import labeller_of, labeller_record
from foundational.labelling.session import LabellingPlan, labelling_session
from foundational.progress import Progress
from foundational.project import STORE, find_dataset
from foundational.provenance.record import ProvenanceRecord, read_record
from foundational.science.crystals import Structure
from foundational.specs.base import Spec
from foundational.specs.params import read_params
from foundational.stages.translate.command import journal_path
from foundational.stages.translate.stage import relabel, turned_counts
from foundational.workspace.parents import require_validated_parent
from foundational.workspace.runner import StageOutput, produce

#: Largest difference between a stored label and the one computed again: an energy per atom, a force, a stress.
_TOLERANCES = {"energy": 1e-6, "forces": 1e-4, "stress": 1e-6}


class LabelComparison(Spec):
    """Stored labels beside those that the labeller gives today; largest differences."""

    labeller: str
    configurations: int
    """How many were labelled again."""
    energy_eV_per_atom: float  # noqa: N815 - the unit's own spelling
    forces_eV_per_A: float  # noqa: N815
    stress_eV_per_A3: float  # noqa: N815
    problems: tuple[str, ...]
    """Each label that differs by more than rounding."""

    @property
    def ok(self) -> bool:
        """Whether every label is what it was."""
        return not self.problems


def relabel_dataset(
    root: Path,
    parent_name: str,
    labeller_name: str,
    name: str,
    *,
    arguments: Mapping[str, Any] | None = None,
    isolated_energy: float | None = None,
    crystals: Sequence[Structure] = (),
    executor: str = "local",
    workers: int = 1,
    force: bool = False,
    force_parent: bool = False,
    progress: Progress | None = None,
) -> ProvenanceRecord:
    """Label the configurations of ``parent_name`` anew and store them as ``name``, which begins with ``local/``.

    Labels of an interrupted run are not computed again. The lengths of ANI settings stay those of the parent.

    Parameters
    ----------
    arguments
        Keyword arguments of an ASE factory.
    isolated_energy
        Energy of an atom alone by that labeller, eV, where it has one.
    crystals
        Into which crystalline configurations are turned besides, as in `translate_dataset`; none by default.

    Raises
    ------
    InputError, NotFoundError
        where the name is not the user's to give, or there is no such dataset or labeller.
    ConflictError
        where the dataset exists, or labels of an interrupted run by another labeller wait.
    GateError
        where the parent failed its own validation, and ``force_parent`` is false.
    EngineError
        where the labeller fails on everything.
    """
    if not name.startswith("local/"):
        raise InputError(f"expected a name of your own, local/<name>, got {name!r}")
    params = read_params(root / "params.yaml")
    folder = find_dataset(root, parent_name)
    parent, parent_record = open_store(folder / STORE), read_record(folder)
    element = parent_record.element
    labeller = labeller_named(labeller_name, root, arguments, element=element, isolated_energy=isolated_energy)
    require_validated_parent(root, parent_record, force_parent)
    guard = params.translate.guard

    def build() -> StageOutput:
        plan = LabellingPlan(root / "build", executor, workers, progress)
        with labelling_session(labeller, element, plan, journal=journal_path(root, name)) as session:
            made = relabel(parent, guard, session, crystals=crystals)
        kept = {"volume_per_atom": parent.attrs["volume_per_atom"]} if "volume_per_atom" in parent.attrs else {}
        details = {"filtered": list(made.filtered), "turned": turned_counts(made.dataset)}
        dataset, journals = made.dataset.assign_attrs(**kept), (journal_path(root, name).name,)
        return StageOutput(dataset, element, labeller_record(labeller, element), details, work_files=journals)

    spec: dict[str, Any] = {"labeller": labeller.id, "maximum_energy": guard.maximum_energy}
    if crystals:
        spec["crystals"] = list(crystals)
    return produce(root, name, "relabel", spec, params.seed, (parent_record,), build, force=force)


def check_labels(
    root: Path,
    name: str,
    count: int,
    *,
    labeller_name: str | None = None,
    arguments: Mapping[str, Any] | None = None,
) -> LabelComparison:
    """Label ``count`` configurations of the dataset ``name`` again, with the labeller that its record names.

    Raises
    ------
    InputError, ConflictError
        where that labeller runs code of its own and was not named too, or another one was.
    """
    folder = find_dataset(root, name)
    record = read_record(folder)
    named = None
    if labeller_name is not None:
        named = labeller_named(labeller_name, root, arguments, element=record.element)
    return compared(folder / STORE, labeller_of(record.labeller, root, named), count)


def compared(store: Path, labeller: Labeller, count: int) -> LabelComparison:
    """Labels of ``count`` stored configurations, spread evenly, beside those of ``labeller``.

    Raises
    ------
    InputError
        where the store has no labels.
    """
    dataset = open_store(store)
    total = dataset.sizes["configuration"]
    chosen = np.unique(np.linspace(0, total - 1, min(count, total)).astype(np.int64))
    stored = to_configurations(dataset, chosen)
    if stored.labels is None:
        raise InputError(f"{store}: the dataset has no labels to compare")
    labels = labeller.label(stored.with_labels(None))
    problems, largest = [], {}
    owner = stored.configuration_of_atom
    for name, tolerance in _TOLERANCES.items():
        difference = np.abs(np.asarray(getattr(labels, name), dtype=np.float64) - getattr(stored.labels, name))
        worst = np.zeros(len(stored))
        rows = owner if name == "forces" else np.arange(len(stored))
        np.maximum.at(worst, rows, difference.reshape(len(difference), -1).max(axis=1))
        worst /= stored.n_atoms if name == "energy" else 1
        largest[name] = float(worst.max(initial=0.0))
        problems += [
            f"{name} of configuration {chosen[row]} differs by {worst[row]:.3g} from what the labeller gives, "
            f"more than {tolerance:g}"
            for row in np.flatnonzero(~(worst <= tolerance))
        ]
    return LabelComparison(
        labeller=labeller.id,
        configurations=len(stored),
        energy_eV_per_atom=largest["energy"],
        forces_eV_per_A=largest["forces"],
        stress_eV_per_A3=largest["stress"],
        problems=tuple(problems),
    )
