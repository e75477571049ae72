import hashlib
import sys
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.emt import EMT

from foundational.data.configurations import Configurations
from foundational.engines.ase.labeller import AseLabeller
from foundational.engines.ase.pretrained import MODELS, model_file, model_named, model_sha256
from foundational.errors import EngineError, InputError, MissingDependencyError, NotFoundError
from foundational.labelling.catalogue import labeller_named
from foundational.science.crystals import build_crystal

NICKEL = 28


def rattled(count: int = 2, volume: float = 10.9) -> Configurations:
    random = np.random.default_rng(0)
    crystal = build_crystal("fcc", volume, (2, 2, 2))
    cells = [crystal.cell @ (np.eye(3) + random.normal(scale=0.03, size=(3, 3))) for _ in range(count)]
    positions = [crystal.fractional @ cell + random.normal(scale=0.1, size=(32, 3)) for cell in cells]
    return Configurations.build(cells, positions, [np.full(32, NICKEL)] * count)


@pytest.fixture
def emt(checkout):
    return labeller_named("ase:ase.calculators.emt:EMT", checkout)


def test_labels_are_those_of_the_calculator(emt):
    batch = rattled()
    labels = emt.label(batch)
    for c in range(2):
        rows = slice(32 * c, 32 * c + 32)
        atoms = Atoms(
            numbers=[NICKEL] * 32, positions=batch.positions[rows].astype(float), cell=batch.cell[c], pbc=True
        )
        atoms.calc = EMT()
        assert labels.energy[c] == atoms.get_potential_energy()
        assert np.array_equal(labels.forces[rows], atoms.get_forces().astype(np.float32))
        assert np.array_equal(labels.stress[c], atoms.get_stress(voigt=False))
    assert labels.atomic_energies is None


def test_compression_has_a_negative_stress(emt):
    assert np.trace(emt.label(rattled(1, volume=8.0)).stress[0]) < 0 < np.trace(emt.label(rattled(1, 13.0)).stress[0])


def test_arguments_reach_the_factory(checkout):
    plain, asap = (
        labeller_named("ase:ase.calculators.emt:EMT", checkout, {"asap_cutoff": flag}).label(rattled()).energy
        for flag in (False, True)
    )
    assert np.abs(plain - asap).max() > 1e-3


def test_a_record_can_tell_what_it_was(emt):
    assert emt.id == "ase:ase.calculators.emt:EMT"
    assert emt.version.startswith("ase 3.")
    assert emt.energy_reference == "free_energy"
    assert emt.source_sha256 is None
    own = AseLabeller("ase:tests.faulty_calculators:Faulty", "tests.faulty_calculators", "Faulty", '{"fault": ""}')
    assert own.version == "unpackaged"
    assert len(own.source_sha256) == 64


@pytest.mark.parametrize(
    ("factory", "arguments", "error", "message"),
    [
        ("EnergyOnly", {}, InputError, "gives no .*forces"),
        ("Faulty", {"fault": "none"}, InputError, "gives no forces"),
        ("Faulty", {"fault": "shape"}, InputError, r"forces of shape \(3, 32\); expected \(32, 3\) for 32 atoms"),
        ("Faulty", {"fault": "atoms"}, InputError, r"forces of shape \(31, 3\); expected \(32, 3\)"),
        ("Faulty", {"fault": "nan"}, EngineError, "gave forces with a number that is not finite"),
        ("Faulty", {"fault": "raise"}, EngineError, "RuntimeError: SCF did not converge"),
        ("Faulty", {"colour": 3}, InputError, "could not be set up.*unexpected keyword argument"),
        ("nothing", {}, InputError, "made a object; expected an ASE calculator"),
        ("absent", {}, InputError, "has no 'absent'"),
        ("not_callable", {}, InputError, "is a int; expected a callable"),
    ],
)
def test_what_is_no_labeller_is_said(checkout, factory, arguments, error, message):
    with pytest.raises(error, match=message):
        labeller_named(f"ase:tests.faulty_calculators:{factory}", checkout, arguments).label(rattled(1))


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("ase:no_such_module:Calc", InputError, "cannot import 'no_such_module'.*PYTHONPATH"),
        ("ase:ase.calculators.emt", InputError, "expected a labeller such as"),
        ("lamps:NiNb", InputError, "did you mean 'lammps'"),
        ("lammps:NiNbb", NotFoundError, "did you mean 'NiNb'"),
        ("lammps", InputError, "expected lammps:<potential id>"),
        ("sevennet:7net-1", NotFoundError, "did you mean '7net-0'"),
    ],
)
def test_a_name_that_means_no_labeller_is_refused(checkout, name, error, message):
    with pytest.raises(error, match=message):
        labeller_named(name, checkout)


def test_arguments_are_for_factories_only(checkout):
    with pytest.raises(InputError, match="takes no arguments, got kpts"):
        labeller_named("lammps:NiNb", checkout, {"kpts": 3})


@pytest.mark.parametrize(
    ("kind", "package", "energy"), [("sevennet", "sevenn", -5.5), ("chgnet", "chgnet", -5.5), ("diep", "diep", -11.2)]
)
def test_a_pretrained_model_labels_or_says_what_to_install(checkout, kind, package, energy):
    if find_spec(package) is None:
        with pytest.raises(MissingDependencyError, match=rf"pip install 'foundational\[{kind}\]'"):
            labeller_named(kind, checkout)
        return
    labeller = labeller_named(kind, checkout)
    assert labeller.id == f"{kind}:{MODELS[kind][1][0]}"
    labels = labeller.label(rattled(1))
    assert abs(labels.energy[0] / 32 - energy) < 1
    assert np.abs(labels.forces.sum(axis=0)).max() < 1e-3


def test_a_cluster_has_energy_and_forces_and_no_stress(checkout):
    cluster = replace(rattled(1), cell=np.zeros((1, 3, 3)), pbc=np.zeros((1, 3), dtype=bool))
    labels = labeller_named("ase:ase.calculators.emt:EMT", checkout).label(cluster)
    assert np.isfinite(labels.energy).all()
    assert np.isfinite(labels.forces).all()
    assert np.isnan(labels.stress).all()


def test_a_calculator_without_stress_leaves_it_unknown(checkout):
    labels = labeller_named("ase:tests.faulty_calculators:WithoutStress", checkout).label(rattled(2))
    assert np.isfinite(labels.forces).all()
    assert np.isnan(labels.stress).all()


def test_a_file_of_a_pretrained_model_is_that_of_the_installed_package(tmp_path, monkeypatch):
    (tmp_path / "chgnet").mkdir()
    (tmp_path / "chgnet" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "chgnet", raising=False)  # where it is installed and was used
    assert model_named("chgnet", "r2scan") == "r2scan"
    with pytest.raises(
        InputError, match=r"chgnet has no file of '0\.3\.0', chgnet_0\.3\.0_.*; install another version"
    ):
        model_file("chgnet", "0.3.0")
    path = tmp_path / "chgnet" / "pretrained" / "0.3.0" / "chgnet_0.3.0_e29f68s314m37.pth.tar"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"weights")
    assert model_file("chgnet", "0.3.0") == path
    assert model_sha256("chgnet", "0.3.0") == hashlib.sha256(b"weights").hexdigest()


def test_a_record_of_a_pretrained_model_names_the_package_and_the_file():
    labeller = AseLabeller(
        "chgnet:0.3.0", "ase.calculators.emt", "EMT", "{}", model_version="chgnet 0.4.0", model_sha256="1" * 64
    )
    assert (labeller.method().version, labeller.method().sha256) == ("chgnet 0.4.0", "1" * 64)
