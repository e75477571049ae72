"""Public DFT frames beside the sets of this project; the files are read, and never stored.

    python benchmarks/public_dft.py coverage ni.model ni snap_Ni_Vacancy.json.gz …
    python benchmarks/public_dft.py transfer ni.model training.json test.json --frames 10 20 50 all

`coverage` labels the public configurations with the potential of a set, and compares networks that were trained on
that set with these labels: do its configurations include what others sampled? `transfer` trains the networks further on
some of the public frames, with one constant an atom fitted, and others on these frames alone; both are tested on the
frames of a further file. Files are lists of pymatgen structures, as mlearn and SNAP publish them. Prints one JSON
object.
"""

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from foundational.data.configurations import Configurations, Labels
from foundational.data.store import open_store
from foundational.engines.ani.ensemble import Ensemble
from foundational.engines.ani.further_training import train_further
from foundational.engines.ani.model_file import load_model
from foundational.engines.ani.training import train
from foundational.evaluation.retraining import volume_per_atom
from foundational.interchange.frame import Frame
from foundational.interchange.reading.pymatgen_json import PymatgenJson
from foundational.labelling.catalogue import labeller_named
from foundational.project import STORE, find_dataset
from foundational.provenance.record import read_record
from foundational.seeds import generator
from foundational.specs.params import read_params
from foundational.units import MEV

ROOT = Path(__file__).resolve().parents[1]


def frames_of(path: Path) -> list[Frame]:
    """All frames of a file.

    Raises
    ------
    SystemExit
        where one cannot be read.
    """
    frames = []
    for frame in PymatgenJson().read(path):
        if not isinstance(frame, Frame):
            raise SystemExit(str(frame))
        frames.append(frame)
    return frames


def configurations(frames: Sequence[Frame], *, labelled: bool = False) -> Configurations:
    """The frames, without labels or with energies and forces of their file; their stress is not known."""
    found = Configurations.build(
        [frame.cell for frame in frames], [frame.positions for frame in frames], [frame.numbers for frame in frames]
    )
    if not labelled:
        return found
    energy = np.array([float(frame.info["energy"]) for frame in frames])
    forces = np.concatenate([frame.arrays["forces"] for frame in frames])
    return found.with_labels(Labels(energy, forces.astype(np.float32), np.full((len(frames), 3, 3), np.nan)))


def errors(model: Ensemble, tested: Configurations) -> dict[str, float]:
    """Mean over the networks of their errors."""
    assert tested.labels is not None
    found = model.predict(tested.with_labels(None))
    energy = (found.energy - tested.labels.energy) / tested.n_atoms * MEV
    mean = energy.mean(axis=1, keepdims=True)
    return {
        "frames": len(tested),
        "mae_meV": float(np.abs(energy).mean()),
        "mean_error_meV": float(energy.mean()),
        "mae_shifted_meV": float(np.abs(energy - mean).mean()),
        "p99_meV": float(np.quantile(np.abs(energy), 0.99)),
        "max_meV": float(np.abs(energy).max()),
        "force_mae_meV_per_A": float(np.abs(found.forces - tested.labels.forces).mean() * MEV),
    }


def coverage(model: Ensemble, name: str, files: Sequence[Path]) -> list[dict[str, Any]]:
    """Errors of ``model`` on the configurations of each file, in groups of their own, labelled by the potential."""
    record = read_record(find_dataset(ROOT, name))
    labeller = labeller_named(record.labeller.id, ROOT, element=record.element)
    rows = []
    for path in files:
        frames = frames_of(path)
        groups = [str(frame.info.get("group", "")) for frame in frames]
        for group in sorted(set(groups)):
            cells = configurations([frame for frame, own in zip(frames, groups, strict=True) if own == group])
            tested = cells.with_labels(labeller.label(cells))
            rows.append({"file": path.name.partition(".")[0], "group": group} | errors(model, tested))
    return rows


def transfer(
    model: Ensemble, name: str, trained: Path, tested: Path, counts: Sequence[int | None]
) -> list[dict[str, Any]]:
    """Errors on ``tested`` of networks that saw some frames of ``trained``, with and without a start."""
    params = read_params(ROOT / "params.yaml")
    every, test = configurations(frames_of(trained), labelled=True), configurations(frames_of(tested), labelled=True)
    order = generator(params.seed, "public-dft", trained.name).permutation(len(every))
    volume = volume_per_atom(open_store(find_dataset(ROOT, name) / STORE))
    spec = params.ani.scaled("general", volume).model_copy(update={"members": model.members})
    further = params.further.applied(spec.training)
    rows = []
    for count in counts:
        chosen = every.take(np.sort(order[:count]))
        indices = [np.arange(len(chosen))] * model.members
        for how in ("started", "alone"):
            began = time.process_time()
            if how == "started":
                networks = train_further(model, further, chosen, indices, params.seed)
            else:
                networks = train(spec, chosen, indices, params.seed)
            row = {"trained_on": len(chosen), "how": how, "cpu_s": time.process_time() - began}
            rows.append(row | errors(networks, test))
    return rows


def main() -> None:
    """One of the two measurements."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = parser.add_subparsers(dest="kind", required=True)
    for kind in ("coverage", "transfer"):
        part = kinds.add_parser(kind)
        part.add_argument("model", type=Path, help="networks that were trained on the set")
        part.add_argument("set", help="dataset of the project")
        if kind == "coverage":
            part.add_argument("files", type=Path, nargs="+")
        else:
            part.add_argument("trained", type=Path)
            part.add_argument("tested", type=Path)
            part.add_argument("--frames", nargs="+", default=["10", "50", "all"])
    chosen = parser.parse_args()
    model = load_model(chosen.model)
    if chosen.kind == "coverage":
        rows = coverage(model, chosen.set, chosen.files)
    else:
        counts = [None if count == "all" else int(count) for count in chosen.frames]
        rows = transfer(model, chosen.set, chosen.trained, chosen.tested, counts)
    print(json.dumps({"kind": chosen.kind, "set": chosen.set, "networks": model.members, "rows": rows}, indent=2))


if __name__ == "__main__":
    main()
