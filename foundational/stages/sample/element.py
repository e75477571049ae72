"""A pool of any element of the registry: what nobody wrote down follows from the potential."""

import json
from contextlib import nullcontext
from math import isfinite
from pathlib import Path
from typing import Any

from foundational.data.atomic_write import write_whole
from foundational.engines.crystals.references import ReferenceCrystals, reference_crystals
from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.engines.lammps.potentials import ResolvedPotential, potential_for
from foundational.engines.momt.block import System
from foundational.engines.momt.melting import Melting, find_melting
from foundational.errors import InputError
from foundational.labelling.executors import process_pool
from foundational.progress import Progress
from foundational.project import dataset_folder
from foundational.provenance.record import read_record
from foundational.science.crystals import Structure, build_crystal
from foundational.science.order_parameter import check_supercell
from foundational.seeds import derive
from foundational.specs.params import Params, read_params
from foundational.specs.parsing import parse
from foundational.specs.sample import MomtPool
from foundational.stages.sample.command import SampledPool, store_pool, work_folder
from foundational.workspace.pools import LOCAL

#: The smallest cells whose waves tell crystal from liquid.
_SUPERCELL = {"fcc": 2, "bcc": 3}
#: k·T0, of the shape of a flexible cell; docs/sampling.md.
_SHAPE_STIFFNESS = 25.0
_TEMPERATURES = ("temperature_low", "temperature", "temperature_high")


def sample_element(
    root: Path,
    element: str,
    given: dict[str, Any],
    *,
    name: str | None = None,
    bias_from: str | None = None,
    workers: int = 1,
    force: bool = False,
    progress: Progress | None = None,
) -> SampledPool:
    """Sample a MOMT pool of ``element`` that params.yaml does not name, as ``local-<element>-momt-<atoms>``.

    Parameters
    ----------
    given
        What was chosen of `MomtPool`'s keys. Else: the registry's potential; its ground state; the smallest supercell;
        an isotropic cell; 20,000 frames; and temperatures from heating the crystal until it melts, or those of the pool
        of this name where there is one already, whole or not.

    Raises
    ------
    InputError
        where the order parameter knows no such crystal, the cell is too small, the temperatures do not ascend, or the
        name is not the user's to give.
    ConflictError
        as for `store_pool`.
    """
    params = read_params(root / "params.yaml")
    potential = potential_for(element, root, given.get("potential"))
    reference = reference_crystals(LammpsLabeller(potential), element)
    structure = given.get("structure") or _ground_state(reference)
    supercell = given.get("supercell") or _SUPERCELL.get(structure, 2)
    check_supercell(structure, supercell)
    n_atoms = len(build_crystal(structure, 1.0, (supercell,) * 3))
    name = f"{LOCAL}{element.lower()}-momt-{n_atoms}" if name is None else name
    if not name.startswith(LOCAL):
        raise InputError(
            f"expected a name that starts with {LOCAL}, for a pool that is not of params.yaml; got {name!r}"
        )
    known = {} if force else _known(root, name)
    chosen = {
        "method": "momt",
        "cell": "isotropic",
        "frames": 20_000,
        **{key: known[key] for key in ("frames", "cell", "shape_stiffness", *_TEMPERATURES) if key in known},
        **given,
        "element": element,
        "potential": potential.id,
        "structure": structure,
        "supercell": supercell,
    }
    if chosen["cell"] != "isotropic":
        chosen.setdefault("shape_stiffness", _SHAPE_STIFFNESS)
    found = {}
    if missing := [key for key in _TEMPERATURES if key not in chosen]:
        melting = _melting(root, params, name, chosen, potential, reference, workers, progress)
        chosen |= {key: melting.temperatures[_TEMPERATURES.index(key)] for key in missing}
    path = _melting_file(root, name, chosen)
    if path.exists():
        found["melting"] = json.loads(path.read_text(encoding="utf-8"))
    elif "melting" in known:
        found["melting"] = known["melting"]
    spec = parse(MomtPool, chosen, "the command's options")
    return store_pool(
        root, params, name, spec, bias_from=bias_from, found=found, workers=workers, force=force, progress=progress
    )


def _ground_state(reference: ReferenceCrystals) -> Structure:
    if reference.ground_state == "hcp":
        raise InputError(
            f"the ground state of {reference.element} with {reference.labeller.id} is hcp, which the order parameter "
            "does not know; sample --structure fcc or bcc"
        )
    return reference.ground_state


def _known(root: Path, name: str) -> dict[str, Any]:
    """The specification of the pool ``name`` where there is one, stored or begun."""
    folder, begun = dataset_folder(root, f"pools/{name}"), work_folder(root, name) / "specification.json"
    if (folder / "provenance.json").exists():
        record = read_record(folder)
        return {**record.spec["pool"], **{key: record.details[key] for key in ("melting",) if key in record.details}}
    if begun.exists():
        return dict(json.loads(begun.read_text(encoding="utf-8"))["pool"])
    return {}


def _melting_file(root: Path, name: str, chosen: dict[str, Any]) -> Path:
    """What heating found, kept in the folder of the run until its record is written."""
    return work_folder(root, name) / "melting-{structure}-{supercell}-{potential}.json".format(**chosen)


def _melting(
    root: Path,
    params: Params,
    name: str,
    chosen: dict[str, Any],
    potential: ResolvedPotential,
    reference: ReferenceCrystals,
    workers: int,
    progress: Progress | None,
) -> Melting:
    """What heating finds; a search that was interrupted goes on."""
    if progress is not None:
        progress(0, 1, "heating the crystal until it melts")
    settings = params.sample.settings
    system = System(
        potential=potential,
        element=chosen["element"],
        structure=chosen["structure"],
        repeats=chosen["supercell"],
        pressure=settings.pressure,
        timestep=settings.timestep,
        thermostat_time=settings.thermostat_time,
        barostat_time=settings.barostat_time,
        cell="isotropic",
    )
    cohesive = reference.cohesive_energy(chosen["structure"])
    path = _melting_file(root, name, chosen)

    def keep(limits: tuple[float, ...], **more: float) -> None:
        write_whole(path, [json.dumps({"superheating_K": limits} | more).encode()])

    known = json.loads(path.read_text(encoding="utf-8"))["superheating_K"] if path.exists() else ()
    seed = derive(params.seed, "melting", name)
    with process_pool(workers) if workers > 1 else nullcontext() as executor:
        made = find_melting(system, cohesive, seed, executor, known=tuple(known), found=keep)
    if isfinite(made.hottest):
        keep(made.limits, hottest_liquid_K=made.hottest)
    return made
