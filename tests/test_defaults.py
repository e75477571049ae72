"""What comes with the package for work outside of a project is what the checkout has."""

import subprocess
import sys
import zipfile
from hashlib import sha256
from pathlib import Path

from foundational.defaults import DEFAULTS
from foundational.specs.params import read_params
from foundational.specs.potentials import REGISTRY_FOLDER, PotentialRegistry

FILES = ("params.yaml", "datasets/potentials/potentials.yaml", "datasets/potentials/NiNb.eam.fs.LICENSE")


def test_settings_and_registry_are_those_of_the_checkout(checkout: Path):
    for name in FILES:
        assert (DEFAULTS / name).read_bytes() == (checkout / name).read_bytes(), name
    assert read_params(DEFAULTS / "params.yaml") == read_params(checkout / "params.yaml")


def test_every_potential_that_lammps_lacks_comes_along_with_its_licence():
    for spec in PotentialRegistry.read(DEFAULTS).potentials:
        if spec.source == "bundled":
            file = DEFAULTS / REGISTRY_FOLDER / spec.file
            assert sha256(file.read_bytes()).hexdigest() == spec.sha256
            assert file.with_name(f"{spec.file}.LICENSE").is_file()


def test_a_wheel_holds_them(checkout: Path, tmp_path: Path):
    code = "import sys; from setuptools.build_meta import build_wheel; print(build_wheel(sys.argv[1]))"
    git = ["git", "-c", "safe.directory=*", "-C", str(checkout), "checkout-index", "--all"]
    subprocess.run([*git, f"--prefix={tmp_path / 'source'}/"], check=True)
    run = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], cwd=tmp_path / "source", check=True, capture_output=True, text=True
    )
    with zipfile.ZipFile(tmp_path / run.stdout.split()[-1]) as wheel:
        further = ("project/params.yaml", "project/README.md", "LICENSES/CC-BY-4.0.txt", "schemas/release.json")
        for name in (*FILES, "datasets/potentials/NiNb.eam.fs", *further):
            assert wheel.read(f"foundational/defaults/{name}") == (DEFAULTS / name).read_bytes()
