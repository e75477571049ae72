import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from foundational.engines.ani.model_file import load_model, save_model
from foundational.errors import InputError, NotFoundError
from tests.engines.ani.cases import alloyed, crystals, untrained


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
        with pytest.raises(InputError, match="expected"):
            load_model(tmp_path / name)


def test_nan_in_a_model_is_refused(tmp_path: Path) -> None:
    model = untrained()
    mean = model.mean.copy()
    mean[0, 0, 0] = np.nan
    save_model(replace(model, mean=mean), tmp_path / "model")
    with pytest.raises(InputError, match=r"finite numbers of shape .* as mean"):
        load_model(tmp_path / "model")
