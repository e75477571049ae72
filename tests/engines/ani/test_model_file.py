import json
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import save_file

from foundational.engines.ani.extrapolation import fit_extrapolation
from foundational.engines.ani.model_file import load_model, save_model, seal_of
from foundational.errors import ChecksumError, InputError, NotFoundError
from tests.engines.ani.cases import alloyed, crystals, pair_labels, untrained


def test_a_model_survives_its_file_bit_for_bit(tmp_path: Path) -> None:
    model = untrained(elements=(28, 41))
    save_model(model, tmp_path / "model.safetensors")
    again = load_model(tmp_path / "model.safetensors")
    assert again.id == model.id
    assert again.metadata == model.metadata
    cells = alloyed(crystals(1))
    np.testing.assert_array_equal(again.label(cells).forces, model.label(cells).forces)


def test_the_same_model_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        save_model(untrained(), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_pickles_are_refused_without_being_read(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple:
            return (Path.write_text, (tmp_path / "sprung", "x"))

    (tmp_path / "plain").write_bytes(pickle.dumps(Trap()))
    torch.save({"trap": Trap()}, tmp_path / "torch")
    for name in ("plain", "torch"):
        with pytest.raises(InputError, match="got a pickle"):
            load_model(tmp_path / name)
    assert not (tmp_path / "sprung").exists()


def test_a_model_whose_first_byte_is_that_of_a_pickle_is_read(tmp_path: Path) -> None:
    """The file begins with the length of its header, in steps of 8: one file in 32 begins with 0x80."""
    model = untrained()
    for letters in range(0, 264, 8):
        save_model(replace(model, metadata={"note": "x" * letters}), tmp_path / "model")
        if (tmp_path / "model").read_bytes()[0] == 0x80:
            break
    else:
        pytest.fail("no header of that length")
    assert load_model(tmp_path / "model").id == model.id


def test_other_and_damaged_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="train one with"):
        load_model(tmp_path / "missing")
    (tmp_path / "text").write_text("hello")
    save_file({"x": np.zeros(3)}, tmp_path / "other")
    save_model(untrained(), tmp_path / "model")
    whole = (tmp_path / "model").read_bytes()
    (tmp_path / "cut").write_bytes(whole[:-100])
    (tmp_path / "changed").write_bytes(whole.replace(b'"sections\\": 4', b'"sections\\": 5'))
    for name in ("text", "other", "cut", "changed"):
        with pytest.raises((InputError, ChecksumError), match=r"expected|was changed"):
            load_model(tmp_path / name)


def test_nan_in_a_model_is_refused(tmp_path: Path) -> None:
    model = untrained()
    mean = model.mean.copy()
    mean[0, 0, 0] = np.nan
    save_model(replace(model, mean=mean), tmp_path / "model")
    with pytest.raises(InputError, match=r"finite numbers of shape .* as mean"):
        load_model(tmp_path / "model")


@pytest.mark.parametrize(
    "change",
    [
        {"scale": float("nan")},
        {"scale": 1e308},
        {"scale": -1.0},
        {"elements": [-5]},
        {"elements": [119]},
        {"elements": "x"},
        {"aev": 3},
        {"metadata": 1},
    ],
)
def test_a_header_that_no_model_has_is_refused_in_one_line_whatever_its_seal(tmp_path, change):
    save_model(untrained(), tmp_path / "model")
    with safe_open(tmp_path / "model", framework="numpy") as file:
        header = json.loads(file.metadata()["foundational"]) | change
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    header["seal"] = seal_of(header, tensors)
    save_file(tensors, tmp_path / "other", {"foundational": json.dumps(header)})
    with pytest.raises(InputError, match="expected"):
        load_model(tmp_path / "other")


def test_a_flipped_bit_in_a_model_is_found_and_a_model_without_seal_is_read(tmp_path):
    save_model(untrained(), tmp_path / "model")
    content = (tmp_path / "model").read_bytes()
    rng = np.random.default_rng(3)
    for place in rng.integers(len(content), size=40):
        changed = bytearray(content)
        changed[place] ^= 1 << int(rng.integers(8))
        (tmp_path / "flipped").write_bytes(changed)
        with pytest.raises((InputError, ChecksumError)):
            load_model(tmp_path / "flipped")
    with safe_open(tmp_path / "model", framework="numpy") as file:
        header = json.loads(file.metadata()["foundational"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    del header["seal"]
    save_file(tensors, tmp_path / "before", {"foundational": json.dumps(header)})
    assert load_model(tmp_path / "before").elements == untrained().elements


def test_an_extrapolation_of_another_shape_or_without_numbers_is_refused(tmp_path):
    cells = crystals(4, seed=1)
    model = untrained()
    measured = replace(model, extrapolation=fit_extrapolation(model, cells.with_labels(pair_labels(cells))))
    for change in (lambda inverse: inverse[:, :-1], lambda inverse: inverse * np.nan):
        wrong = replace(measured.extrapolation, inverse=np.ascontiguousarray(change(measured.extrapolation.inverse)))
        save_model(replace(measured, extrapolation=wrong), tmp_path / "model")
        with pytest.raises(InputError, match=r"expected finite numbers of shape .* as extrapolation"):
            load_model(tmp_path / "model")
