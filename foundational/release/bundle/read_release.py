"""Verify and read a release with Python and numpy alone: ``python read_release.py [FOLDER OR ZIP]``."""

import hashlib
import json
import re
import sys
import zipfile
from pathlib import Path

import numpy as np

SYMBOLS = """H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr Rb Sr Y
Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg
Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No Lr Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og"""
NUMBERS = {symbol: number for number, symbol in enumerate(SYMBOLS.split(), 1)}
PER_ATOM, LABELS = ("positions", "forces", "atomic_energies"), ("energy", "forces", "stress", "atomic_energies")
KEYS = {"Lattice": "cell", "REF_energy": "energy", "REF_stress": "stress", "stress": "stress"}


def files_of(path: Path) -> dict[str, bytes]:
    """The bytes of every file of a release, a folder or a zip, by its name."""
    if path.is_dir():
        return {p.relative_to(path).as_posix(): p.read_bytes() for p in path.rglob("*") if p.is_file()}
    with zipfile.ZipFile(path) as archive:
        return {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}


def problems(files: dict[str, bytes]) -> list[str]:
    """What is wrong with a release; an empty list where every file and configuration is what was released."""
    manifest = json.loads(files["manifest.json"])
    unsealed = json.dumps(manifest | {"seal": ""}, indent=1, ensure_ascii=False) + "\n"
    found = ["manifest.json was changed"] * (hashlib.sha256(unsealed.encode()).hexdigest() != manifest["seal"])
    wrong = [n for n, e in manifest["files"].items() if hashlib.sha256(files.get(n, b"")).hexdigest() != e["sha256"]]
    found += [f"{name} is missing or has other bytes than were released" for name in wrong]
    listed = {*manifest["files"], "manifest.json", "manifest.json.sig"}
    found += [f"{name} does not belong to the release" for name in files.keys() - listed]
    stated = json.loads(files["release.json"]) if "data.extxyz" in files and not found else {}
    if stated and fingerprint(configurations(files)) != stated["fingerprint"]:
        found.append("data.extxyz has another fingerprint than release.json")
    return found


def configurations(files: dict[str, bytes]) -> list[dict[str, np.ndarray]]:
    """Numbers, positions (Å), cell, pbc and known labels (eV, eV/Å, eV/Å³; tension positive) of each configuration."""
    lines, frames = iter(files["data.extxyz"].decode().splitlines()), []
    for line in lines:
        keys, start = {k: a or b for k, a, b in re.findall(r'(\w+)=(?:"([^"]*)"|(\S+))', next(lines))}, 1
        rows = [next(lines).split() for _ in range(int(line))]
        frame: dict[str, np.ndarray] = {"numbers": np.array([NUMBERS[row[0]] for row in rows], np.uint8)}
        for name, width in re.findall(r":(\w+):R:(\d+)", keys["Properties"]):
            columns = np.array([row[start : start + int(width)] for row in rows], dtype=np.float64)
            start, frame["positions" if name == "pos" else name.removeprefix("REF_")] = start + int(width), columns
        for key in (key for key in KEYS if len(keys.get(key, "").split()) in {1, 9}):
            frame[KEYS[key]] = np.array(keys[key].split(), np.float64).reshape((3, 3) if " " in keys[key] else 1)
        frame["pbc"] = np.array(keys["pbc"].split()) == "T"
        frames.append({name: values for name, values in frame.items() if not np.isnan(values).all()})
    return frames


def fingerprint(frames: list[dict[str, np.ndarray]]) -> str:
    """The sha256 over the sorted hashes of configurations and their labels (foundational/data/fingerprint.py)."""
    for name in PER_ATOM:  # nine digits in all numbers: they were float32
        values = np.concatenate([frame[name].ravel() for frame in frames if name in frame] or [np.zeros(0)])
        if [float(f"{x:.9g}") for x in values.astype(np.float32).tolist()] == values.tolist():
            frames = [frame | {k: v.astype(np.float32) for k, v in frame.items() if k == name} for frame in frames]
    pairs = []
    for frame in frames:
        short = [n for n in PER_ATOM if n in frame and not (frame[n].astype(np.float32) != frame[n]).any()]
        known = frame.keys() & {"cell", "positions", *LABELS}
        parts = {name: frame[name].astype("<f4" if name in short else "<f8").tobytes() for name in known}
        content = b"f8\0" * ("positions" not in short) + frame["numbers"].tobytes() + parts["cell"] + parts["positions"]
        labels = [name.encode() + b"\0" + parts[name] for name in LABELS if name in parts]
        pairs.append(hashlib.sha256(content).digest()[:16] + hashlib.sha256(b"".join(labels)).digest()[:16])
    return hashlib.sha256(b"".join(sorted(pairs))).hexdigest()


if __name__ == "__main__":
    files = files_of(Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent))
    size = json.loads(files["release.json"])["n_configurations"]
    sys.exit("\n".join(problems(files)) or print(f"intact: {size:,} configurations"))
