"""Files of other people, as they are: imported, checked, distilled, trained on and exported; one line a file.

    python benchmarks/public_files.py FILE… --json

For each file: configurations, defects that `foundational check` finds, configurations of the distilled set, error of
two networks that are trained on it for a few epochs, and the trainers for which it was exported with a proof. The
settings are those of a quick trial; errors only show that training works. No file is changed.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

CHANGES = """
import sys
from pathlib import Path
from ruamel.yaml import YAML
path = Path("params.yaml")
content = YAML().load(path)
content["ani"]["recipe"]["members"] = 2
content["ani"]["recipe"]["training"] |= {"epochs": 10, "least_steps": 300}
YAML().dump(content, path)
"""
TRAINERS = ("mace", "ase", "nequip", "deepmd", "nep")


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command of this program in the project ``folder``."""
    command = [sys.executable, "-m", "foundational.cli.main", *arguments]
    environment = os.environ | {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment, check=False)


def last_line(done: subprocess.CompletedProcess[str]) -> str:
    lines = (done.stderr if done.returncode else done.stdout).strip().splitlines()
    return lines[-1] if lines else ""


def measure(file: Path, folder: Path) -> dict[str, Any]:
    """What became of one file; the first failing step is named with its message."""
    begin = time.perf_counter()
    name = file.name.split(".")[0].replace("_", "-").lower()
    row: dict[str, Any] = {"file": file.name}
    done = run(folder, "import", str(file), "--name", f"local/{name}")
    if done.returncode:
        return row | {"failed": f"import: {last_line(done)}"}
    checked = run(folder, "check", f"local/{name}", "--json")
    report = json.loads(checked.stdout)
    row |= {
        "configurations": report["n_configurations"],
        "defects": [v.partition(":")[0] for v in report["violations"]],
    }
    frames = str(max(5, row["configurations"] // 3))
    done = run(folder, "distill", f"local/{name}-few", "--from", f"local/{name}", "--frames", frames)
    if done.returncode:
        return row | {"failed": f"distill: {last_line(done)}"}
    done = run(folder, "train", f"local/{name}-few", "-o", f"{name}.model")
    if done.returncode:
        return row | {"failed": f"train: {last_line(done)}"}
    done = run(folder, "evaluate", f"{name}.model", f"local/{name}", "--json")
    if done.returncode:
        return row | {"failed": f"evaluate: {last_line(done)}"}
    row |= {"distilled": int(frames), "mae_meV_per_atom": round(json.loads(done.stdout)["mae_meV_per_atom"], 1)}
    exported = []
    for trainer in TRAINERS:
        done = run(folder, "export", f"local/{name}", "--for", trainer, "-o", f"{name}-{trainer}")
        if done.returncode:
            return row | {"failed": f"export for {trainer}: {last_line(done)}"}
        exported.append(trainer)
    return row | {"exported": exported, "seconds": round(time.perf_counter() - begin, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--json", action="store_true", help="print one JSON array")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run(folder, "init")
        subprocess.run([sys.executable, "-c", CHANGES], cwd=folder, check=True)
        rows = []
        for file in chosen.files:
            rows.append(measure(file.resolve(), folder))
            if not chosen.json:
                print(" | ".join(str(value) for value in rows[-1].values()), flush=True)
    if chosen.json:
        json.dump(rows, sys.stdout, indent=2)
        print()


if __name__ == "__main__":
    main()
