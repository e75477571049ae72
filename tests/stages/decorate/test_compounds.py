import numpy as np

from foundational.data.distances import shortest_distances
from foundational.science.alloys.volume import AlloyVolume
from foundational.seeds import generator
from foundational.stages.decorate.compounds import OTHER_PROTOTYPES, displaced_compounds


def test_every_other_prototype_is_built_in_every_order_of_the_elements_and_none_is_a_relaxed_crystal():
    volume = AlloyVolume((16.0, 11.0))
    built, titles = displaced_compounds(("Al", "Ni"), volume, 42, generator(1, "test"))
    assert {"C14", "C15", "A15", "C16"} <= set(OTHER_PROTOTYPES)
    assert not {"L1_2", "L1_0", "B2"} & set(OTHER_PROTOTYPES)
    assert {"Al2Ni C15", "AlNi2 C15", "AlNi B1", "AlNi3 A15", "Al3Ni A15"} <= set(titles)
    assert {titles.count(title) for title in titles} == {2}
    assert (built.n_atoms >= 16).all()
    assert (built.n_atoms <= 32).all()
    share = np.add.reduceat(built.atomic_numbers == 28, built.offsets[:-1]) / built.n_atoms
    size = built.volume / built.n_atoms / (16 - 5 * share)
    assert size.min() < 0.9
    assert size.max() > 1.1
    assert ((size > 0.87) & (size < 1.17)).all()
    assert (shortest_distances(built) > 1.5).all()
    for title in ("Al2Ni C15", "AlNi B1"):  # as built, many distances of a crystal are equal
        (row, _) = (k for k, name in enumerate(titles) if name == title)
        one = built.take([row])
        vectors = one.positions[1:] - one.positions[0]
        lengths = np.sort(np.linalg.norm(vectors, axis=1))
        assert np.diff(lengths).min() > 1e-6
