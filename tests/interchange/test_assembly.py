"""Frames become a dataset: unknown labels, isolated atoms, splits, fields under their own names, and a true report."""

import numpy as np
import pytest

from foundational.data.checks import check_dataset
from foundational.data.conversion import to_configurations
from foundational.errors import InputError
from foundational.interchange.assembly import Assembly
from foundational.interchange.frame import Frame, FrameError
from foundational.interchange.label_choice import LabelChoice

CELL = np.diag([2.5, 3.0, 4.0])


def frame(number: int = 0, n_atoms: int = 2, *, cell: np.ndarray = CELL, pbc: bool = True, **info: object) -> Frame:
    positions = np.arange(3.0 * n_atoms).reshape(n_atoms, 3) * 0.37 + number * 0.01
    return Frame(
        f"a.xyz, frame {number}", np.full(n_atoms, 28, np.uint8), positions, cell, np.array([pbc] * 3), dict(info), {}
    )


def assembled(*frames: Frame, on_bad: str = "refuse", choice: LabelChoice | None = None):
    assembly = Assembly(choice or LabelChoice(), on_bad)
    assembly.add(frames)
    return assembly.dataset()


def test_labels_that_a_frame_lacks_are_unknown_and_counted():
    labelled = frame(0, energy=-1.0, stress=np.eye(3).reshape(-1) * 0.01)
    labelled.arrays["forces"] = np.zeros((2, 3))
    dataset, report = assembled(labelled, frame(1, energy=-2.0), frame(2))
    known = (batch := to_configurations(dataset)).labels.known(batch.offsets)
    assert known["energy"].tolist() == [True, True, False]
    assert known["forces"].tolist() == known["stress"].tolist() == [True, False, False]
    assert report.without == {"energy": 1, "forces": 2, "stress": 2}
    assert [(label.label, label.key, label.configurations) for label in report.labels] == [
        ("energy", "energy", 2),
        ("forces", "forces", 1),
        ("stress", "stress", 1),
    ]


def test_a_stress_that_is_zero_everywhere_was_not_computed():
    dataset, report = assembled(frame(0, energy=1.0, stress=np.zeros(9)), frame(1, energy=1.0, stress=np.zeros(9)))
    assert "stress" not in dataset
    assert report.without["stress"] == 2
    assert "exactly zero everywhere" in next(iter(report.remarks))


@pytest.mark.parametrize(
    ("key", "option"), [("energy_pbe", "--energy-key"), ("toten", "--energy-key"), ("stress_dft", "--stress-key")]
)
def test_a_key_that_may_be_a_label_is_named_with_the_option(key: str, option: str):
    _, report = assembled(frame(**{key: 1.0, "energy_weight": 2.0}))
    (remark,) = (text for text in report.remarks if "common name" in text)
    assert f"if it is {key}, say so with {option}" in remark


def test_the_virial_of_a_cluster_is_no_key_of_another_name():
    _, report = assembled(frame(pbc=False, energy=-1.0, virial=np.eye(3)))
    assert not [text for text in report.remarks if "common name" in text]


def test_a_stress_that_is_zero_somewhere_is_zero():
    dataset, _ = assembled(frame(0, energy=1.0, stress=np.zeros(9)), frame(1, energy=1.0, stress=np.ones(9)))
    assert dataset["stress"].to_numpy()[0].tolist() == np.zeros((3, 3)).tolist()


@pytest.mark.parametrize(
    ("cell", "pbc", "info", "isolated"),
    [
        (np.zeros((3, 3)), False, {}, True),
        (np.eye(3) * 20, True, {}, True),
        (np.eye(3) * 2.5, True, {"config_type": "IsolatedAtom"}, True),
        (np.eye(3) * 2.5, True, {}, False),
    ],
)
def test_isolated_atoms_are_marked(cell: np.ndarray, pbc: bool, info: dict, isolated: bool):
    dataset, report = assembled(frame(0), frame(1, 1, cell=cell, pbc=pbc, **info))
    assert report.isolated_atoms == isolated
    assert ("role" in dataset and dataset["role"].to_numpy().tolist() == [0, 1]) == isolated


@pytest.mark.parametrize(
    ("names", "codes"), [(["train", "val"], [0, 1]), (["test", "Training"], [2, 0]), ([1, 2], [1, 2])]
)
def test_the_split_of_a_file_is_understood(names: list, codes: list[int]):
    dataset, _ = assembled(*(frame(i, split=name) for i, name in enumerate(names)))
    assert dataset["split"].to_numpy().tolist() == codes


def test_fields_keep_their_names_values_and_units():
    first, second = (
        frame(0, config_type="bulk", charge=1, mp_id="mp-23"),
        frame(1, config_type="slab", charge=0, step=12.5),
    )
    first.arrays["magmoms"] = np.array([0.5, 0.6])
    dataset, report = assembled(first, second)
    assert dataset["config_type"].attrs["values"] == ["bulk", "slab"]
    assert dataset["charge"].to_numpy().tolist() == [1, 0]
    assert dataset["charge"].dtype == np.int64
    assert dataset["mp_id"].to_numpy().tolist() == [0, -1]
    assert np.array_equal(dataset["magmoms"], [0.5, 0.6, np.nan, np.nan], equal_nan=True)
    assert np.array_equal(dataset["imported_step"], [np.nan, 12.5], equal_nan=True)
    assert report.fields == {
        "charge": "e",
        "config_type": "not stated",
        "imported_step": "not stated",
        "magmoms": "μB",
        "mp_id": "not stated",
    }
    assert [v.rule for v in check_dataset(dataset)] == []


BAD = {
    "a position is no number": lambda f: f.positions.__setitem__((1, 0), np.nan),
    "a cell without volume": lambda f: setattr(f, "cell", np.diag([2.0, 3.0, 0.0])),
    "atoms at one place": lambda f: f.positions.__setitem__(1, f.positions[0]),
    "an energy is no number": lambda f: f.info.update(energy=np.nan),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_frame_is_refused_or_left_out_and_counted(name: str):
    def frames() -> list[Frame]:
        three = [frame(i, energy=-1.0) for i in range(3)]
        BAD[name](three[1])
        return three

    with pytest.raises(FrameError, match=r"a\.xyz, frame 1: "):
        assembled(*frames())
    dataset, report = assembled(*frames(), on_bad="skip")
    assert dataset.sizes["configuration"] == 2
    assert report.n_skipped == 1
    assert report.skipped[0].startswith("a.xyz, frame 1: ")


def test_nothing_but_bad_frames_is_an_error_that_names_the_first():
    with pytest.raises(InputError, match=r"got none; the first one: a\.xyz, frame 0: energy holds nan"):
        assembled(frame(0, energy=np.nan), on_bad="skip")


def test_positions_keep_the_precision_in_which_they_came():
    coarse, fine = frame(0), frame(0)
    coarse.positions = coarse.positions.astype(np.float32).astype(np.float64)
    assert assembled(coarse)[0]["positions"].dtype == np.float32
    fine.positions = fine.positions + 1e-9
    dataset, _ = assembled(fine)
    assert dataset["positions"].dtype == np.float64
    assert np.array_equal(dataset["positions"], fine.positions)


def test_a_key_that_no_frame_has_is_an_error_that_offers_another():
    with pytest.raises(InputError, match="under the key 'E_bpe', which no configuration has; did you mean 'E_pbe'"):
        assembled(frame(0, E_pbe=-2.0), choice=LabelChoice(energy_key="E_bpe"))


def test_all_bad_frames_are_counted_and_named():
    with pytest.raises(FrameError, match=r"frame 1: energy holds nan.*; 2 more bad frames: .*frame 2, .*frame 4"):
        assembled(*(frame(i, energy=np.nan if i in {1, 2, 4} else 0.0) for i in range(6)))


def test_nan_that_means_unknown_is_counted_as_unknown():
    dataset, report = assembled(frame(0, energy=np.nan), frame(1, energy=1.0), choice=LabelChoice(nan="unknown"))
    assert report.without["energy"] == 1
    assert [label.configurations for label in report.labels] == [1]
    assert np.array_equal(dataset["energy"], [np.nan, 1.0], equal_nan=True)


def test_words_of_the_layout_are_variables_only_where_this_package_wrote_the_file():
    parents = [f"0x{i:032x}" for i in range(2)]
    own, _ = assembled(*(frame(i, REF_energy=-1.0, step=i, parent_id=parents[i]) for i in range(2)))
    assert own["step"].to_numpy().tolist() == [0, 1]
    assert own["parent_id"].to_numpy()[1].tolist() == [0] * 15 + [1]
    other, _ = assembled(*(frame(i, REF_energy=-1.0, step=i, config_type="bulk") for i in range(2)))
    assert "step" not in other
    assert other["imported_step"].to_numpy().tolist() == [0, 1]
    misfit, _ = assembled(*(frame(i, REF_energy=-1.0, step=12.5, parent_id="mp-23") for i in range(2)))
    assert {"imported_step", "imported_parent_id"} < set(misfit.data_vars)


def spoilt(number: int, **changes: object) -> Frame:
    bad = frame(number, energy=-1.0)
    for name, value in changes.items():
        setattr(bad, name, value)
    return bad


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"numbers": np.zeros(0, np.uint8)}, "a frame of no atoms"),
        ({"numbers": np.array([28, 0], np.uint8)}, "expected atomic numbers from 1 to 118, got others"),
        ({"numbers": np.array([28, 119], np.uint8)}, "expected atomic numbers from 1 to 118, got others"),
        ({"arrays": {"magmoms": np.zeros(3)}}, r"expected 2 rows of magmoms, got an array of shape \(3,\)"),
        ({"arrays": {"magmoms": np.float64(1)}}, r"expected 2 rows of magmoms, got an array of shape \(\)"),
    ],
)
def test_atoms_and_their_arrays_must_fit(changes: dict, message: str):
    with pytest.raises(FrameError, match=f"frame 1: {message}"):
        assembled(frame(0, energy=-1.0), spoilt(1, **changes))


def test_a_split_in_other_words_and_arrays_of_changing_width_are_said():
    first, second = frame(0, energy=-1.0, split="train"), frame(1, energy=-1.0, split="fold 3")
    first.arrays["descriptor"], second.arrays["descriptor"] = np.ones((2, 3)), np.ones((2, 4))
    dataset, report = assembled(first, second)
    assert "split" not in dataset
    assert dataset["imported_split"].attrs["values"] == ["fold 3", "train"]
    assert not [name for name in dataset.data_vars if "descriptor" in name]
    assert report.remarks == {
        "split is none of train, validation and test: kept as imported_split": 2,
        "descriptor has another number of columns in other frames: it is not kept": 2,
    }


def test_of_many_bad_frames_all_are_counted_and_the_first_are_named():
    bad = [spoilt(i, cell=np.diag([2.0, 3.0, 0.0])) for i in range(40)]
    seen: list[int] = []
    assembly = Assembly(LabelChoice(), "skip")
    assembly.add([frame(99, energy=-1.0), *bad], progress=seen.append)
    _, report = assembly.dataset()
    assert (report.n_skipped, seen) == (40, list(range(1, 42)))
    assert len(report.skipped) < 40
    assert report.skipped[0].startswith("a.xyz, frame 0: its cell has no volume")
