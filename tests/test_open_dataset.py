import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT

import foundational
from foundational.data.conversion import from_atoms, to_dataset
from foundational.data.store import write_dataset
from foundational.errors import ChecksumError, NotFoundError


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("project")
    (root / "dvc.yaml").touch()
    atoms = bulk("Ni", cubic=True)
    calculator = EMT()
    atoms.info["REF_energy"] = calculator.get_potential_energy(atoms)
    atoms.info["REF_stress"] = calculator.get_stress(atoms)
    atoms.arrays["REF_forces"] = calculator.get_forces(atoms)
    for name in ("ni", "local/ni-small"):
        write_dataset(to_dataset(from_atoms([atoms])), root / "datasets" / name / "data.zarr")
    return root


@pytest.mark.parametrize("name", ["ni", "local/ni-small"])
def test_a_name_opens_from_anywhere_in_the_project(project: Path, name: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(project / "datasets" / "local")
    dataset = foundational.open_dataset(name)
    assert (dataset.name, len(dataset)) == (name, 1)
    assert dict(dataset.xarray.sizes) == {"configuration": 1, "digest": 16, "vector": 3, "xyz": 3, "atom": 4}
    assert np.isfinite(dataset["forces"].to_numpy()).all()


def test_a_name_opens_with_a_root_from_outside(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert foundational.open_dataset("ni", root=project).xarray.sizes["atom"] == 4
    with pytest.raises(NotFoundError):
        foundational.open_dataset("ni")


def test_a_path_to_the_dataset_or_its_zarr_opens(project: Path):
    for path in (project / "datasets" / "ni", project / "datasets" / "ni" / "data.zarr"):
        assert foundational.open_dataset(path).xarray.sizes["atom"] == 4
        assert foundational.open_dataset(str(path)).xarray.sizes["atom"] == 4


def test_opening_reads_no_numbers(project: Path, tmp_path: Path):
    shard = project / "datasets" / "ni" / "data.zarr" / "forces" / "c" / "0" / "0"
    content = shard.read_bytes()
    shard.write_bytes(bytes(len(content)))
    try:
        dataset = foundational.open_dataset("ni", root=project)
        with pytest.raises(ChecksumError, match="forces"):
            dataset["forces"].to_numpy()
    finally:
        shard.write_bytes(content)


def test_importing_takes_less_than_a_tenth_of_a_second():
    # The best of three: another process may hold the processor.
    code = "import time; t = time.perf_counter(); import foundational; print(time.perf_counter() - t)"
    times = [float(subprocess.check_output([sys.executable, "-c", code])) for _ in range(3)]
    assert min(times) < 0.1


def test_a_dataset_is_read_with_the_base_dependencies_alone(project: Path):
    code = """
import sys
for absent in ("torch", "torchani", "lammps", "numba", "dvc", "dask", "matplotlib", "vesin", "matscipy"):
    sys.modules[absent] = None  # an import of it fails as if it were not installed
import foundational
from foundational.data.checks import check_dataset
dataset = foundational.open_dataset("ni", root=sys.argv[1])
assert check_dataset(dataset.xarray) == []
assert len(dataset[:1].to_ase()) == 1
assert dataset[0].get_stress().shape == (6,)
assert dataset.fingerprint in repr(dataset.fingerprint) and "energy (eV)" in str(dataset)
"""
    subprocess.run([sys.executable, "-c", code, project], check=True)


def test_opening_imports_no_more_than_it_needs(project: Path):
    code = """
import sys, foundational
foundational.open_dataset("ni", root=sys.argv[1])["energy"].to_numpy()
print(*sorted({name.partition(".")[0] for name in sys.modules} & set(sys.argv[2:])))
"""
    slow = ["ase", "dvc", "lammps", "numba", "pydantic", "ruamel", "scipy", "torch", "typer"]
    run = subprocess.run([sys.executable, "-c", code, project, *slow], check=True, capture_output=True, text=True)
    assert run.stdout.split() == []


def test_opening_twice_is_quick(project: Path):
    foundational.open_dataset("ni", root=project)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        foundational.open_dataset("ni", root=project)
        times.append(time.perf_counter() - start)
    assert min(times) < 0.05


def test_the_version_is_that_of_the_installation():
    assert foundational.__version__.split(".")[0].isdigit()
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        foundational.nothing  # noqa: B018
