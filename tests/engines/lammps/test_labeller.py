import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.lammpslib import LAMMPSlib
from scipy.interpolate import CubicSpline

from foundational.data.configurations import Configurations, Labels, concatenate
from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.engines.lammps.library import lammps_instance
from foundational.engines.lammps.potentials import ResolvedPotential, potential_for, resolve_potential
from foundational.errors import EngineError, InputError
from foundational.science.crystals import build_crystal

NICKEL, NIOBIUM, ALUMINIUM = 28, 41, 13


@pytest.fixture(scope="module")
def nickel_niobium() -> LammpsLabeller:
    return LammpsLabeller(resolve_potential("NiNb", Path(__file__).resolve().parents[3]))


def rattled(
    number: int, seed: int = 0, repeats: tuple[int, int, int] = (2, 2, 2), volume: float = 11.5
) -> Configurations:
    """One hot, sheared FCC crystal with atoms outside the cell."""
    random = np.random.default_rng(seed)
    crystal = build_crystal("fcc", volume, repeats)
    cell = crystal.cell @ (np.eye(3) + random.normal(scale=0.06, size=(3, 3)))
    positions = crystal.fractional @ cell + random.normal(scale=0.15, size=(len(crystal), 3))
    positions += random.integers(-2, 3, size=positions.shape) @ cell
    return Configurations.build([cell], [positions], [np.full(len(crystal), number)])


def alloy(seed: int = 0) -> Configurations:
    batch = rattled(NICKEL, seed, volume=14.0)
    numbers = np.random.default_rng(seed).permutation([NICKEL] * 20 + [NIOBIUM] * 12).astype(np.uint8)
    return replace(batch, atomic_numbers=numbers)


def moved(batch: Configurations, cell: np.ndarray, positions: np.ndarray) -> Configurations:
    return Configurations.build([cell], [positions], [batch.atomic_numbers])


def test_labels_equal_those_of_ases_lammpslib(nickel_niobium: LammpsLabeller):
    lammps_instance().close()  # loads MPI, which ASE does not
    commands = nickel_niobium.potential.pair_commands(["Ni", "Nb"])
    for batch in (rattled(NICKEL), rattled(NIOBIUM, volume=19.0), alloy(), rattled(NICKEL, repeats=(3, 3, 3))):
        labels = nickel_niobium.label(batch)
        atoms = Atoms(
            numbers=batch.atomic_numbers, cell=batch.cell[0], positions=batch.positions.astype(np.float64), pbc=True
        )
        atoms.calc = LAMMPSlib(lmpcmds=commands, atom_types={"Ni": 1, "Nb": 2}, keep_alive=False)
        assert labels.energy[0] == pytest.approx(atoms.get_potential_energy(), abs=1e-8)
        assert np.abs(labels.forces - atoms.get_forces()).max() < 2e-6
        # ASE's eV per bar differs from LAMMPS's in the eighth digit; LAMMPS's own gives its virial back exactly.
        assert labels.stress[0] == pytest.approx(atoms.get_stress(voigt=False), rel=1e-7, abs=1e-9)


def test_a_pair_of_atoms_has_the_energy_that_the_table_gives_by_hand(checkout: Path):
    """E = 2 F(ρ(r)) + φ(r), read at a knot of the file's grid, where no interpolation in r enters."""
    aluminium = potential_for("Al", checkout)
    lines = aluminium.path.read_text().splitlines()
    n_rho, d_rho, n_r, d_r, _ = (float(x) for x in lines[4].split())
    table = np.array(" ".join(lines[6:]).split(), dtype=float)
    embedding, density, pair = np.split(table, [int(n_rho), int(n_rho) + int(n_r)])
    knot = 4400  # r = 2.86 Å
    rho = density[knot]
    expected = 2 * CubicSpline(d_rho * np.arange(n_rho), embedding)(rho) + pair[knot] / (knot * d_r)
    positions = np.array([[0.0, 0.0, 0.0], [knot * d_r, 0.0, 0.0]])
    batch = Configurations.build([20.0 * np.eye(3)], [positions], [np.full(2, ALUMINIUM)])
    assert LammpsLabeller(aluminium).label(batch).energy[0] == pytest.approx(expected, abs=1e-5)


def test_energy_is_extensive(nickel_niobium: LammpsLabeller):
    batch = alloy()
    shifts = np.array([[i, j, k] for i in range(2) for j in range(2) for k in range(2)]) @ batch.cell[0]
    positions = (batch.positions + shifts[:, None].astype(np.float32)).reshape(-1, 3)
    doubled = Configurations.build([2 * batch.cell[0]], [positions], [np.tile(batch.atomic_numbers, 8)])
    one, eight = nickel_niobium.label(batch), nickel_niobium.label(doubled)
    assert eight.energy[0] == pytest.approx(8 * one.energy[0], abs=2e-4)
    assert np.abs(eight.forces - np.tile(one.forces, (8, 1))).max() < 5e-5
    assert np.abs(eight.stress - one.stress).max() < 1e-6


def test_atomic_energies_add_up_to_the_energy(nickel_niobium: LammpsLabeller):
    labels = nickel_niobium.label(alloy())
    assert labels.atomic_energies is not None
    assert labels.atomic_energies.sum(dtype=np.float64) == pytest.approx(labels.energy[0], abs=1e-5)


@pytest.mark.parametrize("handedness", [1, -1])
def test_rotation_turns_forces_and_stress_and_keeps_the_energy(nickel_niobium: LammpsLabeller, handedness: int):
    batch = alloy()
    turn = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0]
    turn *= handedness * np.sign(np.linalg.det(turn))
    one = nickel_niobium.label(batch)
    other = nickel_niobium.label(moved(batch, batch.cell[0] @ turn, batch.positions.astype(np.float64) @ turn))
    assert other.energy[0] == pytest.approx(one.energy[0], abs=2e-5)
    assert np.abs(other.forces - one.forces @ turn).max() < 5e-5
    assert np.abs(other.stress[0] - turn.T @ one.stress[0] @ turn).max() < 1e-6


def test_another_basis_of_the_same_lattice_changes_nothing(nickel_niobium: LammpsLabeller):
    batch = alloy()
    basis = np.array([[1, 0, 0], [5, 1, 0], [-3, 2, 1]])
    one, other = (nickel_niobium.label(b) for b in (batch, moved(batch, basis @ batch.cell[0], batch.positions)))
    assert other.energy[0] == pytest.approx(one.energy[0], abs=1e-9)
    assert np.abs(other.forces - one.forces).max() < 1e-6


def test_permutation_of_atoms_permutes_the_labels(nickel_niobium: LammpsLabeller):
    batch = alloy()
    order = np.random.default_rng(2).permutation(32)
    shuffled = Configurations.build([batch.cell[0]], [batch.positions[order]], [batch.atomic_numbers[order]])
    one, other = nickel_niobium.label(batch), nickel_niobium.label(shuffled)
    assert other.energy[0] == pytest.approx(one.energy[0], abs=1e-9)
    assert np.abs(other.forces - one.forces[order]).max() < 1e-6


def test_forces_are_the_gradient_of_the_energy(nickel_niobium: LammpsLabeller):
    batch = alloy()
    forces = nickel_niobium.label(batch).forces
    for atom, axis in ((0, 0), (7, 1), (19, 2), (31, 0)):
        ends = []
        for step in (-2e-3, 2e-3):
            positions = batch.positions.copy()
            positions[atom, axis] += step
            ends.append(replace(batch, positions=positions))
        low, high = nickel_niobium.label(concatenate(ends)).energy
        distance = float(ends[1].positions[atom, axis]) - float(
            ends[0].positions[atom, axis]
        )  # float32 rounds the step
        assert forces[atom, axis] == pytest.approx(-(high - low) / distance, abs=2e-4)


def test_stress_is_the_derivative_by_strain_over_the_volume(nickel_niobium: LammpsLabeller):
    batch = alloy()
    stress = nickel_niobium.label(batch).stress[0]
    for i, j in ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2)):
        energies = []
        for size in (-2e-4, 2e-4):
            strain = np.zeros((3, 3))
            strain[i, j] += size / 2
            strain[j, i] += size / 2
            grow = np.eye(3) + strain
            positions = batch.positions.astype(np.float64) @ grow
            strained = moved(batch, batch.cell[0] @ grow, positions)
            labels = nickel_niobium.label(strained)
            rounding = np.sum(labels.forces * (strained.positions - positions))  # float32 does work on the atoms
            energies.append(labels.energy[0] + rounding)
        assert stress[i, j] == pytest.approx((energies[1] - energies[0]) / 4e-4 / batch.volume[0], abs=1e-6)


def test_compression_has_a_negative_stress(nickel_niobium: LammpsLabeller):
    crystal = build_crystal("fcc", 10.0)
    labels = nickel_niobium.label(Configurations.build([crystal.cell], [crystal.positions], [np.full(32, NICKEL)]))
    assert np.allclose(np.diag(labels.stress[0]), labels.stress[0, 0, 0])
    assert labels.stress[0, 0, 0] < -0.01


def test_a_label_depends_on_its_own_configuration_alone(nickel_niobium: LammpsLabeller):
    frames = [rattled(NICKEL, seed=i) for i in range(6)] + [alloy(i) for i in range(6)]
    frames += [rattled(NIOBIUM, seed=i, repeats=(1, 1, 2), volume=18.0) for i in range(6)]
    alone = [nickel_niobium.label(frame) for frame in frames]
    order = np.random.default_rng(0).permutation(len(frames))
    together = concatenate([frames[i] for i in order])
    together = together.with_labels(nickel_niobium.label(together))
    for place, i in enumerate(order.tolist()):
        assert same(together.take([place]).labels, alone[i])


def test_several_potentials_take_turns_in_one_process(checkout: Path):
    labellers = {e: LammpsLabeller(potential_for(e, checkout)) for e in ("Ni", "Al", "Ag")}
    batches = {"Ni": rattled(NICKEL), "Al": rattled(ALUMINIUM, volume=17.0), "Ag": rattled(47, volume=17.5)}
    first = {e: labellers[e].label(batches[e]) for e in labellers}
    for element in ("Ag", "Ni", "Al", "Ni"):
        assert same(first[element], labellers[element].label(batches[element]))


def test_overlapping_atoms_are_refused_with_the_configuration_and_the_limit(nickel_niobium: LammpsLabeller):
    bad = rattled(NICKEL)
    bad.positions[5] = bad.positions[9] + np.float32([0.3, 0.2, 0.1]) + bad.cell[0, 1].astype(np.float32)
    with pytest.raises(InputError, match=r"configuration 2: atoms overlap, 0\.37\d Å apart where at least 1.0 Å"):
        nickel_niobium.label(concatenate([rattled(NICKEL, 1), rattled(NICKEL, 2), bad]))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (
            {"positions": np.full((32, 3), np.nan, np.float32)},
            "configuration 0: the cell or a position is not a finite",
        ),
        ({"cell": np.ones((1, 3, 3))}, "configuration 0: the cell has no volume"),
        (
            {"atomic_numbers": np.full(32, ALUMINIUM, np.uint8)},
            "lammps:NiNb has Ni, Nb, and the configurations have Al",
        ),
    ],
)
def test_bad_configurations_are_refused(nickel_niobium: LammpsLabeller, change: dict, complaint: str):
    with pytest.raises(InputError, match=complaint):
        nickel_niobium.label(replace(rattled(NICKEL), **change))


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("no table at all\n", "LAMMPS: ERROR.*eam potential file"),
        (None, "configuration 0: lammps:Ag_u3 gave a label that"),
    ],
)
def test_a_broken_table_is_an_engine_error_and_the_next_label_is_right(
    tmp_path: Path, checkout: Path, content: str | None, complaint: str
):
    silver = potential_for("Ag", checkout)
    batch = rattled(47, volume=17.5)
    before = LammpsLabeller(silver).label(batch)
    if content is None:  # an embedding function that overflows
        lines = silver.path.read_text().splitlines()
        lines[3:103] = [" ".join(["1e308", "-1e308", "1e308", "-1e308", "1e308"])] * 100
        content = "\n".join(lines) + "\n"
    (tmp_path / "broken.eam").write_text(content)
    with pytest.raises(EngineError, match=complaint):
        LammpsLabeller(ResolvedPotential(silver.spec, tmp_path / "broken.eam")).label(batch)
    assert same(before, LammpsLabeller(silver).label(batch))


def same(one: Labels | None, other: Labels | None) -> bool:
    names = ("energy", "forces", "stress", "atomic_energies")
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in names)


@pytest.mark.skipif(sys.platform != "linux", reason="shared memory is a folder on Linux alone")
def test_a_process_that_uses_lammps_leaves_no_shared_memory_even_if_it_is_killed(checkout: Path):
    code = (
        "import os, sys; from pathlib import Path\n"
        "from foundational.engines.lammps.labeller import LammpsLabeller\n"
        "from foundational.engines.lammps.library import lammps_instance\n"
        "from foundational.engines.lammps.potentials import resolve_potential\n"
        "lammps_instance().close()\n"
        "labeller = LammpsLabeller(resolve_potential('NiNb', Path(sys.argv[1])))\n"
        "kept = lammps_instance()\n"
        "print(os.getpid(), *Path('/dev/shm').glob(f'*_{os.getpid():x}_*'))  # what a kill would leave\n"
    )
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    killed, alive = (Path(f"/dev/shm/mpich_shm_{n:x}_0") for n in (dead.pid, os.getppid()))
    for path in (killed, alive):
        path.touch()
        os.utime(path, (0, 0))
    found = subprocess.run([sys.executable, "-c", code, checkout], capture_output=True, text=True, check=True)
    (process,) = found.stdout.split()
    assert (killed.exists(), alive.exists()) == (False, True)
    alive.unlink()
    assert not list(Path("/dev/shm").glob(f"*_{int(process):x}_*"))
    assert found.stderr == ""


@pytest.mark.parametrize("open_axes", [(0, 1, 2), (2,)])
def test_clusters_and_slabs_have_the_labels_of_a_wide_cell(nickel_niobium: LammpsLabeller, open_axes: tuple[int, ...]):
    batch = alloy()
    inside = np.linalg.solve(batch.cell[0].T, batch.positions.astype(np.float64).T).T % 1.0 @ batch.cell[0]
    batch = replace(batch, positions=inside.astype(np.float32))
    wide, missing, pbc = batch.cell.copy(), batch.cell.copy(), np.ones((1, 3), dtype=bool)
    for axis in open_axes:
        pbc[0, axis], missing[0, axis] = False, 0.0
        wide[0, axis] *= 4
    expected = nickel_niobium.label(Configurations.build(wide, [batch.positions], [batch.atomic_numbers]))
    given = replace(batch, cell=missing, pbc=pbc)
    found = nickel_niobium.label(given)
    assert found.energy == pytest.approx(expected.energy, abs=1e-9)
    assert np.abs(found.forces - expected.forces).max() < 1e-6
    assert np.isnan(found.stress).all(), "without a volume there is no stress"
    boxed = nickel_niobium.label(replace(given, cell=wide))
    assert np.abs(boxed.stress - expected.stress).max() < 1e-9
