"""Pretrained models whose files come inside their packages, as ASE calculators; each is an optional extra."""

import contextlib
import io
import warnings
from collections.abc import Iterator
from hashlib import sha256
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from foundational.errors import InputError, MissingDependencyError, NotFoundError, did_you_mean, package_needed

#: Models by name: which factory of this module makes them, and those that lie in the package, the default first.
MODELS: Final = {
    "sevennet": ("sevennet", ("7net-0", "7net-l3i5")),
    "chgnet": ("chgnet", ("0.3.0", "r2scan", "0.2.0")),
    "diep": ("diep", ("fold1",)),
}

_PACKAGES: Final = {"sevennet": "sevenn", "chgnet": "chgnet", "diep": "diep"}
#: Where in its package a model's file lies.
_FILES: Final = {
    ("sevennet", "7net-0"): "pretrained_potentials/SevenNet_0__11Jul2024/checkpoint_sevennet_0.pth",
    ("sevennet", "7net-l3i5"): "pretrained_potentials/SevenNet_l3i5/checkpoint_l3i5.pth",
    ("chgnet", "0.3.0"): "pretrained/0.3.0/chgnet_0.3.0_e29f68s314m37.pth.tar",
    ("chgnet", "r2scan"): "pretrained/r2scan/chgnet_r2scan_transfer_learning_e15f36s161m23.pth.tar",
    ("chgnet", "0.2.0"): "pretrained/0.2.0/chgnet_0.2.0_e30f77s348m32.pth.tar",
    ("diep", "fold1"): "pretrained_models/diep_fold1/state.pt",
}


def model_named(kind: str, model: str | None) -> str:
    """The model called ``model`` of ``kind``, or its default.

    Raises
    ------
    NotFoundError
        If there is none of that name.

    >>> model_named("sevennet", None)
    '7net-0'
    """
    known = MODELS[kind][1]
    if model is None:
        return known[0]
    if model not in known:
        raise NotFoundError(f"no model {model!r} of {kind}; {did_you_mean(model, known)}")
    return model


def sevennet(model: str) -> Any:
    """A SevenNet calculator on one thread of the CPU."""
    with _quiet():
        try:
            module = import_module("sevenn.calculator")
        except ImportError as error:
            raise MissingDependencyError(package_needed("sevenn", error)) from error
        _one_thread()
        return module.SevenNetCalculator(model, device="cpu")


def chgnet(model: str) -> Any:
    """A CHGNet calculator on one thread of the CPU."""
    with _quiet():
        try:
            module = import_module("chgnet.model.dynamics")
        except ImportError as error:
            raise MissingDependencyError(package_needed("chgnet", error)) from error
        _one_thread()
        network = module.CHGNet.load(model_name=model, use_device="cpu", verbose=False)
        return module.CHGNetCalculator(network, use_device="cpu")


def diep(model: str) -> Any:
    """A DIEP calculator on one thread of the CPU."""
    with _quiet():
        try:
            module = import_module("diep.pretrained")
        except ImportError as error:
            raise MissingDependencyError(package_needed("diep", error)) from error
        _one_thread()
        return module.make_calculator(model_file("diep", model).parent)


def model_file(kind: str, model: str) -> Path:
    """The file of a model inside its package.

    Raises
    ------
    MissingDependencyError
        If the package is not installed.
    InputError
        If it is another release, without that file.
    """
    package = _PACKAGES[kind]
    found = find_spec(package)
    if found is None or found.origin is None:
        raise MissingDependencyError(package_needed(package))
    path = Path(found.origin).parent / _FILES[kind, model]
    if not path.is_file():
        raise InputError(
            f"the installed {package} has no file of {model!r}, {path.name}; install another version of it"
        )
    return path


def package_version(kind: str, model: str) -> str:
    """The package of a model, with its version.

    Raises
    ------
    MissingDependencyError
        If the package is not installed.
    InputError
        If it is another release, without that model.
    """
    model_file(kind, model)
    package = _PACKAGES[kind]
    return f"{package} {version(package)}"


def model_sha256(kind: str, model: str) -> str:
    """Of the model's file."""
    return sha256(model_file(kind, model).read_bytes()).hexdigest()


def _one_thread() -> None:
    """Sums of threads differ in their last bits; many configurations are labelled by many processes instead."""
    import torch  # noqa: PLC0415

    torch.set_num_threads(1)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the warnings and greetings of packages that are being imported; errors still come through."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield
