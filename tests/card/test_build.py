"""A card says what is known of a dataset, as it is, and says nothing of what is not known."""

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from ase.build import bulk, fcc111, molecule

from foundational.card.build import build_card
from foundational.card.evidence import Evidence, Subject
from foundational.card.points import MOST_POINTS, groups
from foundational.card.record import CardRecord
from foundational.card.sources import Card, pool_test_of, read_card
from foundational.card.statistics import collect
from foundational.data.batches import take
from foundational.data.configurations import Labels
from foundational.data.conversion import from_atoms, to_dataset, with_foreign
from foundational.data.fingerprint import fingerprint
from foundational.data.layout import foreign_attributes
from foundational.defaults import DEFAULTS
from foundational.specs.potentials import PotentialRegistry


def card_of(dataset: xr.Dataset, name: str = "own") -> CardRecord:
    """The card of a dataset of which nothing but its numbers is known."""
    return build_card(dataset, Subject(name, fingerprint(dataset)), Evidence(PotentialRegistry.read(DEFAULTS)))


@pytest.fixture(scope="module")
def alloy() -> xr.Dataset:
    """Two crystals, a slab and a molecule of several elements; only the crystals have all labels."""
    frames = [
        bulk("Cu", "fcc", a=3.6, cubic=True),
        bulk("NiAl", "cesiumchloride", a=2.9),
        fcc111("Al", (1, 1, 3), vacuum=5.0),
    ]
    frames.append(molecule("CO", vacuum=3.0))
    cells = from_atoms(frames)
    forces = np.linspace(-1, 1, 3 * len(cells.atomic_numbers)).reshape(-1, 3)
    stress = np.full((4, 3, 3), np.nan)
    stress[:2] = -0.01 * np.eye(3)
    labels = Labels(np.array([-14.0, -9.0, -10.0, -14.8]), forces, stress)
    return to_dataset(
        cells.with_labels(labels), attrs={"element": "COAlNiCu", "elements": ["C", "O", "Al", "Ni", "Cu"]}
    )


def test_what_is_not_known_is_not_shown(alloy: xr.Dataset) -> None:
    card = card_of(alloy.drop_vars(["stress", "forces"]))
    assert (card.version, card.doi, card.licence, card.validation, card.lineage, card.bibtex) == (None,) * 6
    assert [label.name for label in card.contents.labels] == ["energy"]
    assert {histogram.quantity for histogram in card.histograms}.isdisjoint({"force on an atom", "pressure"})
    assert "pressure" not in card.map.columns
    assert (card.contents.splits, card.contents.methods, card.groups) == ((), (), None)


def test_each_label_is_counted_where_it_is_known(alloy: xr.Dataset) -> None:
    counts = {label.name: label.configurations for label in card_of(alloy).contents.labels}
    assert counts == {"energy": 4, "forces": 4, "stress": 2}


def test_elements_and_periodicity_are_those_of_the_atoms(alloy: xr.Dataset) -> None:
    contents = card_of(alloy).contents
    assert {e.symbol: (e.atoms, e.configurations) for e in contents.elements} == {
        "C": (1, 1), "O": (1, 1), "Al": (4, 2), "Ni": (1, 1), "Cu": (4, 1),
    }  # fmt: skip
    assert {part.name: part.configurations for part in contents.periodicity} == {
        "periodic along three vectors": 2, "periodic along two vectors": 1, "not periodic": 1,
    }  # fmt: skip


def test_batches_with_other_elements_are_joined(alloy: xr.Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = collect(alloy)
    monkeypatch.setattr("foundational.data.batches.BATCH_ATOMS", 1)
    parts = collect(alloy)
    assert len(whole.elements) > 1
    np.testing.assert_array_equal(parts.elements, whole.elements)
    np.testing.assert_array_equal(parts.composition, whole.composition)


def test_pressure_is_minus_the_mean_stress(alloy: xr.Dataset) -> None:
    values = card_of(alloy).map.columns
    assert "pressure" not in values, "the same in all configurations"
    changed = alloy.copy(deep=True)
    changed["stress"][0] *= 2
    assert card_of(changed).map.columns["pressure"].values == (3.20435, 1.60218, None, None)


def test_a_volume_is_stated_only_of_what_is_periodic(alloy: xr.Dataset) -> None:
    volume = card_of(alloy).map.columns["volume"].values
    assert volume is not None
    assert volume[0] == pytest.approx(3.6**3 / 4, rel=1e-5)
    assert volume[2:] == (None, None)


def test_histograms_count_every_number_once(pool_card: Card) -> None:
    card = pool_card.record
    for histogram in card.histograms:
        assert sum(histogram.counts) == histogram.known
        assert histogram.known == (card.contents.atoms if histogram.of == "atoms" else card.contents.configurations)


def test_a_large_set_is_thinned_evenly_and_says_so(pool_card: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("foundational.card.points.MOST_POINTS", 31)
    card = card_of(pool_card.dataset)
    rows = np.array(card.map.rows)
    assert (len(rows), card.map.total, rows[0], rows[-1]) == (31, 120, 0, 119)
    assert set(np.diff(rows)) <= {3, 4, 5}
    assert {len(column.values or column.codes or ()) for column in card.map.columns.values()} == {31}
    assert sum(histogram.known for histogram in card.histograms if histogram.of == "configurations") % 120 == 0
    assert MOST_POINTS == 5_000


def test_the_same_set_gives_the_same_record(distilled_card: Card, distilled_project: Path) -> None:
    first, second = (card.record.model_dump_json() for card in (distilled_card, read_card("ni", distilled_project)))
    assert first == second
    assert CardRecord.model_validate_json(first).model_dump_json() == first


def test_a_distilled_set_shows_its_rounds_and_where_it_comes_from(
    distilled_card: Card, distilled_project: Path
) -> None:
    card = distilled_card.record
    assert card.distillation is not None
    assert card.lineage is not None
    record = json.loads((distilled_project / "datasets" / "ni" / "provenance.json").read_text())
    assert [one.frames for one in card.distillation.rounds] == [row["frames"] for row in record["details"]["rounds"]]
    kinds = {node.kind for node in card.lineage.nodes}
    assert kinds == {"this", "pool", "method", "paper"}
    titles = {node.id: node.title for node in card.lineage.nodes}
    assert {(titles[e.source], e.how, titles[e.target]) for e in card.lineage.edges} >= {
        ("pools/ni-momt-32", "distilled", "ni"),
        ("lammps:NiNb", "labelled", "ni"),
        ("Zhang 2016", "published", "lammps:NiNb"),
    }


def test_findings_of_check_are_those_of_the_data(distilled_card: Card) -> None:
    card = distilled_card.record
    assert {finding.status for finding in card.findings} <= {"passed", "not applicable", "warning"}
    assert next(f for f in card.findings if f.rule == "provenance").status == "passed"


def test_a_file_of_somebody_has_a_card(checkout: Path, tmp_path: Path) -> None:
    """An unrepaired file: the fields that it has are the groups, and its assumptions are limits."""
    frames = [bulk("Mo", "bcc", a=3.1 + 0.01 * i, cubic=True) for i in range(6)]
    path = tmp_path / "mo.extxyz"
    lines = []
    for i, atoms in enumerate(frames):
        kind = "strain" if i % 2 else "phonon"
        lattice = " ".join(f"{x:.3f}" for x in atoms.cell.array.ravel())
        lines += [
            f'{len(atoms)}\nLattice="{lattice}" Properties=species:S:1:pos:R:3:forces:R:3 '
            f'energy={-20.0 - i} config_type={kind} pbc="T T T"'
        ]
        lines += [f"Mo {x:.4f} {y:.4f} {z:.4f} 0.1 0.0 -0.1" for x, y, z in atoms.positions]
    path.write_text("\n".join(lines) + "\n")
    card = read_card(str(path)).record
    assert card.name == "mo.extxyz"
    assert card.groups is not None
    assert {part.name: part.configurations for part in card.groups.parts} == {"phonon": 3, "strain": 3}
    assert card.map.columns["group"].meanings == ("phonon", "strain")
    assert {label.name for label in card.contents.labels} == {"energy", "forces"}


def test_part_of_a_set_has_a_card_of_its_own(pool_card: Card) -> None:
    few = card_of(take(pool_card.dataset, [0, 1, 2]))
    assert few.contents.configurations == len(few.map.rows) == 3


def frames(count: int, **columns: list[float]) -> xr.Dataset:
    return to_dataset(from_atoms([bulk("Ni", a=3.5 + 0.01 * i) for i in range(count)]), **columns)


def counted(dataset: xr.Dataset) -> dict[str, int]:
    found = groups(dataset)
    assert found is not None
    assert np.bincount(found[1]).tolist() == [part.configurations for part in found[0].parts]
    return {part.name: part.configurations for part in found[0].parts}


def test_groups_are_those_that_the_set_states_of_each_configuration() -> None:
    own = frames(
        7,
        order_parameter=[0.9, 0.9, 0.1, np.nan, np.nan, np.nan, np.nan],
        transformed_to=[0, 0, 0, 2, 0, 0, 0],
        recipe=[0, 0, 0, 0, 4, 0, 0],
        role=[0, 0, 0, 0, 0, 1, 0],
    )
    assert counted(own) == {
        "crystal": 2,
        "isolated atom": 1,
        "liquid or other crystal": 1,
        "not known": 1,
        "recipe vacancies": 1,
        "transformed to BCC": 1,
    }
    explained = card_of(own).groups
    assert explained is not None
    assert explained.explanation.endswith("; not known: nothing says what it is")
    stated = groups(frames(2, role=[0, 1]))
    assert stated is not None
    assert stated[0].explanation == "not known: nothing says what it is"
    assert groups(frames(2, role=[0, 0])) is None


def test_texts_of_another_program_are_groups_where_they_tell_configurations_apart() -> None:
    """One text for all tells nothing; configurations without a text are a group."""

    def texts(codes: list[int]) -> xr.Variable:
        return xr.Variable("configuration", np.array(codes), foreign_attributes(values=["slab", "bulk"]))

    same = with_foreign(frames(3), {"config_type": texts([0, 0, 0]), "tag": texts([1, -1, 1])})
    assert counted(same) == {"bulk": 2, "not stated": 1}
    assert groups(same.drop_vars("tag")) is None


def test_the_map_tells_methods_apart_where_there_are_several() -> None:
    methods = [{"id": "pbe"}, {"id": "scan"}]
    two = frames(3, method=[0, 1, 1]).assign_attrs(methods=methods)
    column = card_of(two).map.columns["method"]
    assert (column.meanings, column.codes) == (("pbe", "scan"), (0, 1, 1))
    assert [method.configurations for method in card_of(two).contents.methods] == [1, 2]
    assert "method" not in card_of(two.assign_attrs(methods=methods[:1])).map.columns


def test_a_test_on_a_pool_counts_only_of_the_same_data(tmp_path: Path) -> None:
    path = tmp_path / "metrics" / "parity" / "nb.json"
    assert pool_test_of("nb", "0" * 64, None) is None
    assert pool_test_of("nb", "0" * 64, tmp_path) is None
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"fingerprint": "0" * 64, "pool": "p"}))
    assert pool_test_of("nb", "0" * 64, tmp_path) == {"fingerprint": "0" * 64, "pool": "p"}
    assert pool_test_of("nb", "1" * 64, tmp_path) is None
