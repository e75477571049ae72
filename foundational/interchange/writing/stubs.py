"""The beginning of a trainer's own configuration, with paths, keys and energies of isolated atoms filled in."""

import json
from collections.abc import Callable, Mapping
from io import StringIO
from typing import Any, Final

import numpy as np
from ase.data import atomic_numbers, chemical_symbols
from ruamel.yaml import YAML

from foundational.interchange.writing.heads import heads_of
from foundational.interchange.writing.plan import PARTS, Plan

#: Paths of the parts that are there, by train, valid and test.
Files = Mapping[str, str]


def stubs_of(target: str, plan: Plan, files: Files) -> dict[str, str]:
    """Files by name and their text; empty where the trainer is configured by code, which the README shows."""
    write = _STUBS.get(target)
    return {} if write is None else write(plan, files)


def _isolated(plan: Plan) -> dict[str, float] | None:
    """Energies in eV by element; None unless all are known."""
    return None if plan.missing_isolated else {element: atom.energy for element, atom in plan.isolated.items()}


def _yaml(document: Any) -> str:
    stream = StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.dump(document, stream)
    return stream.getvalue()


def _mace(plan: Plan, files: Files) -> dict[str, str]:
    if not files.keys() <= set(PARTS):
        return _mace_heads(plan, files)
    isolated = _isolated(plan)
    energies = None if isolated is None else {atomic_numbers[element]: energy for element, energy in isolated.items()}
    document = {
        "name": "my_model",
        **{f"{part}_file": path for part, path in files.items()},
        "energy_key": "REF_energy",
        "forces_key": "REF_forces",
        "stress_key": "REF_stress",
        "E0s": "average" if energies is None else str(energies),
        "loss": "universal" if "stress" in plan.labels else "weighted",
    }
    return {"mace.yaml": _yaml(document)}


def _mace_heads(plan: Plan, files: Files) -> dict[str, str]:
    """MACE takes ``heads`` as one text, the literal of a dictionary (mace/cli/run_train.py)."""
    document = {
        "name": "my_model",
        "heads": str(heads_of(plan, files)),
        "energy_key": "REF_energy",
        "forces_key": "REF_forces",
        "stress_key": "REF_stress",
        "loss": "universal" if "stress" in plan.labels else "weighted",
    }
    return {"mace.yaml": _yaml(document)}


def _nequip(plan: Plan, files: Files) -> dict[str, str]:
    names = {"train": "train_file_path", "valid": "val_file_path", "test": "test_file_path"}
    transforms: list[dict[str, Any]] = [
        {
            "_target_": "nequip.data.transforms.ChemicalSpeciesToAtomTypeMapper",
            "model_type_names": list(plan.elements),
        },
        {"_target_": "nequip.data.transforms.NeighborListTransform", "r_max": 6.0},
    ]
    if "stress" in plan.labels and _partial(plan, "stress"):
        transforms.insert(0, {"_target_": "nequip.data.transforms.AddNaNStressTransform"})
    document = {
        "data": {
            "_target_": "nequip.data.datamodule.ASEDataModule",
            "seed": 0,
            **{names[part]: path for part, path in files.items()},
            "transforms": transforms,
        },
        "model_type_names": list(plan.elements),
    }
    return {"nequip.yaml": _yaml(document)}


def _sevennet(plan: Plan, files: Files) -> dict[str, str]:
    data: dict[str, Any] = {"batch_size": 4, "data_format": "ase", "data_format_args": {"index": ":"}}
    data |= {f"load_{part}set_path": [path] for part, path in files.items()}
    train = {"is_train_stress": "stress" in plan.labels, "force_loss_weight": 0.1}
    model = {"chemical_species": list(plan.elements)}
    return {"sevennet.yaml": _yaml({"model": model, "train": train, "data": data})}


def _mattersim(plan: Plan, files: Files) -> dict[str, str]:
    words = [f"--{part}_data_path {path}" for part, path in files.items() if part != "test"]
    words += ["--include_forces"] + (["--include_stresses"] if "stress" in plan.labels else [])
    run = "torchrun --nproc_per_node=1 -m mattersim.training.finetune_mattersim"
    return {"train.sh": f"{run} --device cpu \\\n  " + " ".join(words) + "\n"}


def _fairchem(plan: Plan, files: Files) -> dict[str, str]:
    references = np.zeros(100)
    present = np.array([chemical_symbols.index(element) for element in plan.elements])
    counts, energies, squares, atoms = [], [], 0.0, 0
    for block in plan.parts[0].blocks():
        c = block.configurations
        whole = np.bincount(
            c.configuration_of_atom * len(chemical_symbols) + c.atomic_numbers, minlength=len(c) * len(chemical_symbols)
        )
        counts.append(whole.reshape(len(c), -1)[:, present].astype(np.float64))
        energies.append(block.labels.energy)
        squares += float(np.sum(np.square(block.labels.forces, dtype=np.float64)))
        atoms += len(c.positions)
    of_element = np.concatenate(counts)
    there = of_element.any(axis=0)
    present, of_element = present[there], of_element[:, there]
    solution = np.linalg.lstsq(of_element, np.concatenate(energies), rcond=None)[0]
    references[present[present < 100]] = solution[present < 100]
    document = {
        "train_dataset": {"splits": {"train": {"src": [files.get("train", "train")]}}},
        "val_dataset": {"splits": {"val": {"src": [files.get("valid", "valid")]}}},
        "regress_stress": "stress" in plan.labels,
        "elem_refs": references.tolist(),
        "normalizer_rmsd": float(np.sqrt(squares / (3 * atoms))),
    }
    head = "# elem_refs: least squares, eV by atomic number; normalizer_rmsd: root mean square of forces, eV/Å.\n"
    return {"fairchem.yaml": head + _yaml(document)}


def _metatrain(plan: Plan, files: Files) -> dict[str, str]:
    energy: dict[str, Any] = {"quantity": "energy", "key": "energy", "unit": "eV"}
    energy["forces"] = {"key": "forces"} if "forces" in plan.labels else False
    energy["stress"] = {"key": "stress"} if "stress" in plan.labels else False
    names = {"train": "training_set", "valid": "validation_set", "test": "test_set"}
    document: dict[str, Any] = {"architecture": {"name": "pet"}}
    for part, path in files.items():
        systems = {"read_from": path, "length_unit": "angstrom"}
        document[names[part]] = {"systems": systems, "targets": {"energy": dict(energy)}}
    if "valid" not in files:
        document["validation_set"] = 0.1
    return {"options.yaml": _yaml(document)}


def _deepmd(plan: Plan, files: Files) -> dict[str, str]:
    training: dict[str, Any] = {"training_data": {"systems": files.get("train", "train"), "batch_size": "auto"}}
    if "valid" in files:
        training["validation_data"] = {"systems": files["valid"], "batch_size": "auto"}
    loss = {"type": "ener", "start_pref_v": 0.02 if "stress" in plan.labels else 0.0}
    document = {"model": {"type_map": list(plan.elements)}, "loss": loss, "training": training}
    return {"input.json": json.dumps(document, indent=2) + "\n"}


def _grace(plan: Plan, files: Files) -> dict[str, str]:
    isolated = _isolated(plan)
    data: dict[str, Any] = {"filename": files.get("train", "train")}
    if "valid" in files:
        data["test_filename"] = files["valid"]
    data["reference_energy"] = 0 if isolated is None else isolated
    fit = {"loss": {"energy": {"weight": 1}, "forces": {"weight": 5}}}
    if "stress" in plan.labels:
        data["stress_units"] = "eV/A3"
        fit["loss"]["stress"] = {"weight": 1}
    return {"input.yaml": _yaml({"data": data, "potential": {"elements": list(plan.elements)}, "fit": fit})}


def _orb(plan: Plan, files: Files) -> dict[str, str]:
    run = f"python finetune.py --dataset_name mine --data_path {files.get('train', 'train')}\n"
    isolated = _isolated(plan)
    if isolated is None:
        return {"train.sh": run}
    return {
        "train.sh": run.rstrip() + " --custom_reference_energies reference_energies.json\n",
        "reference_energies.json": json.dumps(isolated, indent=2) + "\n",
    }


def _nep(plan: Plan, files: Files) -> dict[str, str]:  # noqa: ARG001 - a stub's signature
    weight = "" if "stress" in plan.labels else "lambda_v 0\n"
    return {"nep.in": f"type {len(plan.elements)} {' '.join(plan.elements)}\nversion 4\n{weight}"}


def _partial(plan: Plan, label: str) -> bool:
    return any(not part.known()[label].all() for part in plan.parts)


_STUBS: Final[Mapping[str, Callable[[Plan, Files], dict[str, str]]]] = {
    "mace": _mace,
    "nequip": _nequip,
    "sevennet": _sevennet,
    "mattersim": _mattersim,
    "fairchem": _fairchem,
    "metatrain": _metatrain,
    "deepmd": _deepmd,
    "deepmd-mixed": _deepmd,
    "deepmd-lmdb": _deepmd,
    "grace": _grace,
    "orb": _orb,
    "nep": _nep,
}
