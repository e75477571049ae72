import numpy as np
import pytest

from foundational.data.configurations import Configurations, concatenate
from foundational.engines.ani.aev import compute_aevs
from foundational.engines.ani.threads import kernel_threads
from foundational.errors import InputError
from foundational.specs.ani import AevSpec
from tests.engines.ani.cases import AEV, ODD_AEV, alloyed, crystals
from tests.engines.ani.reference import torchani_aevs


@pytest.mark.parametrize("name", ["cubic", "triclinic", "tiny", "large", "unwrapped"])
@pytest.mark.parametrize("aev", [AEV, ODD_AEV])
def test_aevs_are_torchanis(cells: dict[str, Configurations], name: str, aev: AevSpec) -> None:
    configurations = cells[name]
    expected = torchani_aevs(configurations, aev, [28]).detach().numpy()
    found = compute_aevs(configurations, aev, [28])
    # 5e-6 for numbers of order one; float32 has no more digits for the larger ones.
    np.testing.assert_allclose(found, expected, atol=5e-6, rtol=1e-6)


@pytest.mark.parametrize("elements", [(28, 41), (13, 28, 41)])
@pytest.mark.parametrize("aev", [AEV, ODD_AEV])
def test_aevs_of_alloys_are_torchanis(
    cells: dict[str, Configurations], aev: AevSpec, elements: tuple[int, ...]
) -> None:
    configurations = alloyed(cells["triclinic"], elements=elements)
    expected = torchani_aevs(configurations, aev, list(elements)).detach().numpy()
    np.testing.assert_allclose(compute_aevs(configurations, aev, elements), expected, atol=5e-6, rtol=1e-6)


def test_a_small_cell_equals_its_supercell() -> None:
    small = crystals(1, 5)
    shifts = np.array(list(np.ndindex(2, 2, 2))) @ small.cell[0]
    large = Configurations.build(
        [2 * small.cell[0]],
        [(small.positions[None].astype(np.float64) + shifts[:, None]).reshape(-1, 3)],
        [np.tile(small.atomic_numbers, 8)],
    )
    found = compute_aevs(large, AEV, [28]).reshape(8, 32, -1)
    np.testing.assert_allclose(found, np.broadcast_to(compute_aevs(small, AEV, [28]), found.shape), atol=1e-5)


def test_aevs_do_not_depend_on_orientation_or_order_or_wrapping() -> None:
    rng = np.random.default_rng(0)
    original = crystals(1, 6)
    rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    order = rng.permutation(32)
    images = rng.integers(-2, 3, (32, 3)) @ original.cell[0]
    moved = Configurations.build(
        [original.cell[0] @ rotation], [((original.positions + images) @ rotation)[order]], [original.atomic_numbers]
    )
    expected = compute_aevs(original, AEV, [28])[order]
    np.testing.assert_allclose(compute_aevs(moved, AEV, [28]), expected, atol=2e-5)


def test_open_axes_have_no_images() -> None:
    cluster = Configurations(
        np.array([4], np.int32),
        np.eye(3)[None] * 3.0,
        np.zeros((1, 3), dtype=bool),
        np.full(4, 28, np.uint8),
        np.array([[0, 0, 0], [2.5, 0, 0], [0, 2.5, 0], [0, 0, 2.5]], np.float32),
    )
    periodic = Configurations(
        cluster.n_atoms, np.eye(3)[None] * 30.0, ~cluster.pbc, cluster.atomic_numbers, cluster.positions
    )
    np.testing.assert_allclose(compute_aevs(cluster, AEV, [28]), compute_aevs(periodic, AEV, [28]), atol=1e-6)


@pytest.mark.parametrize("open_axes", [(0, 1, 2), (2,), (0, 2), (1,)])
@pytest.mark.parametrize("vector", ["missing", "short", "far"])
def test_lattice_vectors_along_open_directions_do_not_count(open_axes: tuple[int, ...], vector: str) -> None:
    """A cluster, slabs and a wire: their vectors may be zero, of any length, and the atoms anywhere."""
    closed = crystals(1, 5, repeat=1)
    pbc = np.array([[axis not in open_axes for axis in range(3)]])
    wide, narrow = closed.cell.copy(), closed.cell.copy()
    wide[:, open_axes] *= 12
    narrow[:, open_axes] = 0.0 if vector == "missing" else 0.01 * narrow[:, open_axes]
    positions = closed.positions.astype(np.float64)
    expected = Configurations.build(wide, [positions], [closed.atomic_numbers])
    moved = positions + (1e4 if vector == "far" else 0.0)
    found = Configurations(closed.n_atoms, narrow, pbc, closed.atomic_numbers, moved)
    np.testing.assert_allclose(compute_aevs(found, AEV, [28]), compute_aevs(expected, AEV, [28]), atol=5e-6, rtol=1e-6)


def test_an_isolated_atom_has_no_neighbours() -> None:
    alone = Configurations(
        np.array([1], np.int32),
        np.zeros((1, 3, 3)),
        np.zeros((1, 3), dtype=bool),
        np.array([28], np.uint8),
        np.zeros((1, 3)),
    )
    np.testing.assert_array_equal(compute_aevs(alone, AEV, [28]), 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("position", "configuration 1: the position of atom 2 is not a finite number"),
        ("cell", "configuration 1: a lattice vector is not a finite number"),
        ("volume", "configuration 1: its periodic cell has no volume"),
    ],
)
def test_numbers_without_neighbours_are_refused_with_their_place(change: str, message: str) -> None:
    cells = crystals(2, repeat=1)
    if change == "position":
        cells.positions[4 + 2, 1] = np.nan
    else:
        cells.cell[1, 2] = np.nan if change == "cell" else cells.cell[1, 0] + cells.cell[1, 1]
    with pytest.raises(InputError, match=message):
        compute_aevs(cells, AEV, [28])


def test_aevs_of_a_batch_are_those_of_its_parts_bit_for_bit(cells: dict[str, Configurations]) -> None:
    parts = list(cells.values())
    together = compute_aevs(concatenate(parts), AEV, [28])
    np.testing.assert_array_equal(together, np.concatenate([compute_aevs(p, AEV, [28]) for p in parts]))


def test_aevs_do_not_depend_on_the_number_of_threads() -> None:
    configurations = crystals(12, 7)
    found = []
    for threads in (1, 2):
        with kernel_threads(threads):
            found.append(compute_aevs(configurations, AEV, [28]))
    np.testing.assert_array_equal(*found)


def test_more_neighbours_than_expected_are_no_problem() -> None:
    dense = Configurations.build([np.eye(3) * 3.0], [np.random.default_rng(0).uniform(0, 3, (8, 3))], [np.full(8, 28)])
    expected = torchani_aevs(dense, AEV, [28]).detach().numpy()
    np.testing.assert_allclose(compute_aevs(dense, AEV, [28]), expected, rtol=2e-5)


def test_lengths_of_a_translated_element_scale() -> None:
    original = crystals(1, 8)
    larger = Configurations.build(
        [original.cell[0] * 1.15], [original.positions.astype(np.float64) * 1.15], [original.atomic_numbers]
    )
    found = compute_aevs(larger, AEV.scaled(1.15), [28])
    np.testing.assert_allclose(found, compute_aevs(original, AEV, [28]), atol=2e-5)


def test_an_unknown_element_is_named() -> None:
    with pytest.raises(InputError, match=r"expected atomic numbers \[13\], got also \[28\]"):
        compute_aevs(crystals(1), AEV, [13])
