"""Two writings of one configuration are found equal; two configurations are not."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111, molecule
from scipy.spatial.transform import Rotation

from foundational.data.conversion import from_atoms, to_dataset
from foundational.errors import InputError
from foundational.matching import candidates
from foundational.matching.duplicates import groups_of_equal
from foundational.matching.frames import Frames
from foundational.matching.pairing import pairs_of_equal

TOLERANCE = 1e-4


def crystals(count: int, seed: int = 1) -> list[Atoms]:
    """Rattled cells of nickel and of an alloy, molecules and slabs; each another one."""
    rng = np.random.default_rng(seed)
    out: list[Atoms] = []
    for number in range(count):
        kind = number % 4
        if kind == 0:
            atoms = bulk("Ni", a=3.5, cubic=True).repeat((2, 2, 2))
        elif kind == 1:
            atoms = bulk("NiAl", "cesiumchloride", a=2.9).repeat((2, 2, 1))
        elif kind == 2:
            atoms = molecule("CH3CH2OH")
        else:
            atoms = fcc111("Al", (2, 2, 3), vacuum=6.0)
            atoms.pbc = (True, True, False)
        if atoms.pbc.any():
            atoms.set_cell(atoms.cell @ (np.eye(3) + rng.normal(scale=0.02, size=(3, 3))), scale_atoms=True)
        atoms.rattle(0.1, rng=rng)
        out.append(atoms)
    return out


def wrapped(atoms: Atoms, rng: np.random.Generator) -> Atoms:
    out = atoms.copy()
    whole = rng.integers(-2, 3, (len(out), 3)) * out.pbc
    out.positions += whole @ out.cell.array
    return out


def permuted(atoms: Atoms, rng: np.random.Generator) -> Atoms:
    return atoms[rng.permutation(len(atoms))]


def fewer_digits(atoms: Atoms, rng: np.random.Generator) -> Atoms:
    out = atoms.copy()
    out.set_cell(out.cell.array.round(5))
    out.positions = out.positions.round(5)
    return out


def translated(atoms: Atoms, rng: np.random.Generator) -> Atoms:
    out = atoms.copy()
    out.positions += rng.uniform(-4, 4, 3)
    return out


def other_basis(atoms: Atoms, rng: np.random.Generator) -> Atoms:
    """Vectors sheared by whole vectors; the vacuum vector of a slab stays."""
    out = atoms.copy()
    basis = np.eye(3, dtype=int)
    basis[0, 1] = 1 if out.pbc[:2].all() else 0
    basis[2, 0] = -1 if out.pbc.all() else 0
    out.set_cell(basis @ out.cell.array)
    return out


def rotated(atoms: Atoms, rng: np.random.Generator) -> Atoms:
    if not atoms.pbc.all():
        return atoms.copy()
    out = atoms.copy()
    out.set_cell(out.cell.array @ Rotation.random(random_state=5).as_matrix(), scale_atoms=True)
    return out


def without_vacuum_vectors(atoms: Atoms, rng: np.random.Generator) -> Atoms:
    out = atoms.copy()
    out.set_cell(np.where(out.pbc[:, None], out.cell.array, 0.0))
    return out


TOGETHER = [wrapped, permuted, fewer_digits, translated, rotated, without_vacuum_vectors]


@pytest.mark.parametrize("rewrite", [*TOGETHER, other_basis, None], ids=lambda f: "all" if f is None else f.__name__)
def test_each_frame_finds_its_other_writing_and_no_other(rewrite):
    rng = np.random.default_rng(2)
    frames = crystals(40)
    order = rng.permutation(len(frames))
    written = []
    for i in order:
        atoms = frames[i]
        for step in TOGETHER if rewrite is None else [rewrite]:
            atoms = step(atoms, rng)
        written.append(fewer_digits(atoms, rng) if rewrite is None else atoms)
    a, b = (Frames.of_configurations(from_atoms(f)) for f in (frames, written))
    found = pairs_of_equal(a, b, TOLERANCE)
    assert [(pair.a, order[pair.b]) for pair in found] == [(i, i) for i in range(len(frames))]
    assert max(pair.alignment.displacement for pair in found) < TOLERANCE


@pytest.mark.parametrize(("moved", "equal"), [(0.4, True), (2.5, False)])
def test_the_limit_is_the_largest_move_of_an_atom(moved, equal):
    """One atom of many moves; the others take over as little of it as their number allows."""
    frames = crystals(16)
    shifted = [atoms.copy() for atoms in frames]
    for atoms in shifted:
        atoms.positions[-1, 0] += moved * TOLERANCE
    a, b = (Frames.of_configurations(from_atoms(f)) for f in (frames, shifted))
    assert len(pairs_of_equal(a, b, TOLERANCE)) == (16 if equal else 0)


def test_no_bin_edge_hides_a_frame_moved_by_almost_the_tolerance():
    rng = np.random.default_rng(4)
    frames = crystals(200)
    shifted = []
    for atoms in frames:
        out = permuted(atoms, rng)
        step = rng.normal(size=(len(out), 3))
        step -= step.mean(axis=0)
        out.positions += step * 0.99 * TOLERANCE / np.linalg.norm(step, axis=1).max()
        shifted.append(wrapped(out, rng))
    a, b = (Frames.of_configurations(from_atoms(f)) for f in (frames, shifted))
    assert len(pairs_of_equal(a, b, TOLERANCE)) == len(frames)


def test_atoms_of_other_elements_are_not_exchanged():
    alloy = crystals(2)[1]
    other = alloy.copy()
    numbers = alloy.numbers.copy()
    numbers[[0, 1]] = numbers[[1, 0]]
    assert numbers[0] != alloy.numbers[0]
    other.numbers = numbers
    a, b = (Frames.of_configurations(from_atoms([f])) for f in (alloy, other))
    assert pairs_of_equal(a, b, 0.01) == []


def test_a_mirror_image_is_another_configuration_where_the_cell_is_not_mirrored():
    crystal = crystals(1)[0]
    mirrored = crystal.copy()
    mirrored.positions[:, 0] *= -1
    a, b = (Frames.of_configurations(from_atoms([f])) for f in (crystal, mirrored))
    assert pairs_of_equal(a, b, 0.01) == []


def test_the_order_says_which_atom_is_which():
    rng = np.random.default_rng(6)
    frames = crystals(8)
    written = [wrapped(permuted(atoms, rng), rng) for atoms in frames]
    found = pairs_of_equal(*(Frames.of_configurations(from_atoms(f)) for f in (frames, written)), TOLERANCE)
    for pair in found:
        order = pair.alignment.order
        assert pair.alignment.rewriting == "permuted"
        moved = written[pair.b].positions[order] - frames[pair.a].positions
        whole = moved @ np.linalg.pinv(frames[pair.a].cell.array) if frames[pair.a].pbc.any() else moved
        assert np.abs(whole - np.rint(whole)).max() < 1e-4


def test_pairs_are_one_to_one_where_frames_stand_twice():
    frame = crystals(1)[0]
    rng = np.random.default_rng(7)
    a = Frames.of_configurations(from_atoms([frame, fewer_digits(frame, rng)]))
    b = Frames.of_configurations(from_atoms([wrapped(frame, rng) for _ in range(3)]))
    found = pairs_of_equal(a, b, TOLERANCE)
    assert sorted(pair.a for pair in found) == [0, 1]
    assert len({pair.b for pair in found}) == 2


def test_copies_of_a_frame_form_one_group_however_many():
    """Many copies are joined through neighbours, not all with all."""
    rng = np.random.default_rng(8)
    frames = crystals(4)
    written = [permuted(wrapped(fewer_digits(frames[i % 4], rng), rng), rng) for i in range(400)]
    first = groups_of_equal(Frames.of_configurations(from_atoms(written)), TOLERANCE)
    assert first.tolist() == [i % 4 for i in range(400)]


def test_crystals_of_one_volume_and_one_atom_each_are_told_from_their_copies():
    cells = [bulk("Ni", a=3.52), bulk("Ni", "bcc", a=2.7938), bulk("Ni", a=3.52, cubic=True), bulk("Ni", a=3.5201)]
    first = groups_of_equal(Frames.of_configurations(from_atoms(cells)), 1e-5)
    assert first.tolist() == [0, 1, 2, 3]
    assert groups_of_equal(Frames.of_configurations(from_atoms(cells)), 1e-3).tolist() == [0, 1, 2, 0]


def test_a_stored_dataset_is_searched_like_configurations_in_memory():
    frames = crystals(8)
    dataset = to_dataset(from_atoms([*frames, *frames[:3]]))
    assert groups_of_equal(Frames.of_dataset(dataset), TOLERANCE).tolist() == [*range(8), 0, 1, 2]


def test_frames_with_numbers_that_are_not_finite_equal_nothing():
    crystal = crystals(1)[0]
    broken = crystal.copy()
    broken.positions[3, 1] = np.nan
    flat = Atoms("Ni", cell=[[3, 0, 0], [0, 3, 0], [3, 3, 0]], pbc=True)
    frames = Frames.of_configurations(from_atoms([broken, broken.copy(), flat, flat.copy(), crystal, crystal.copy()]))
    assert groups_of_equal(frames, TOLERANCE).tolist() == [0, 1, 2, 3, 4, 4]


@pytest.mark.parametrize("tolerance", [-1e-4, np.nan, 1.0])
def test_a_tolerance_that_is_none_is_refused(tolerance):
    frames = Frames.of_configurations(from_atoms(crystals(1)))
    with pytest.raises(InputError, match=r"expected a tolerance of 0 to 0\.1 Å"):
        groups_of_equal(frames, tolerance)


def test_pairs_are_the_same_in_blocks_and_by_either_search(monkeypatch: pytest.MonkeyPatch):
    frames = crystals(12) + crystals(12)
    first = groups_of_equal(Frames.of_configurations(from_atoms(frames)), TOLERANCE)
    assert first.tolist() == [i % 12 for i in range(24)]
    monkeypatch.setattr(candidates, "BLOCK", 1)
    assert groups_of_equal(Frames.of_configurations(from_atoms(frames)), TOLERANCE).tolist() == first.tolist()
    a, b = (Frames.of_configurations(from_atoms(some)) for some in (frames[:12], frames[12:]))
    assert sorted((pair.a, pair.b) for pair in pairs_of_equal(a, b, TOLERANCE)) == [(i, i) for i in range(12)]
    monkeypatch.setattr(candidates, "_MOST_PAIRS", 0)
    assert groups_of_equal(Frames.of_configurations(from_atoms(frames)), TOLERANCE).tolist() == first.tolist()


def test_slabs_of_other_lattices_are_not_turned_onto_one_another():
    slabs = [fcc111("Al", (2, 2, 3), vacuum=6.0) for _ in range(2)]
    for slab in slabs:
        slab.pbc = (True, True, False)
    slabs[1].rotate(30, "z", rotate_cell=True)
    a, b = (Frames.of_configurations(from_atoms([slab])) for slab in slabs)
    assert pairs_of_equal(a, b, TOLERANCE) == []
