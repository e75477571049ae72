"""A trained ensemble in one file: arrays as safetensors, everything else as JSON in its header; nothing is executed."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save

from foundational.data.atomic_write import write_whole
from foundational.engines.ani.ensemble import Ensemble
from foundational.engines.ani.extrapolation import Extrapolation
from foundational.engines.ani.network import layer_widths, layers, parameter_count
from foundational.engines.ani.terms.pair_potential import PairPotential
from foundational.engines.ani.terms.short_range import Repulsion, ShortRange
from foundational.errors import ChecksumError, FoundationalError, InputError, NotFoundError
from foundational.specs.ani import AevSpec, NetworkSpec

#: Name and version of the format, in every file.
FORMAT: Final = "foundational-ani-1"
#: The one key of the header: several would be written in an order that changes from run to run.
_KEY: Final = "foundational"
#: eV; no network's output is worth more.
_LARGEST_SCALE: Final = 1e6
_PICKLE_STARTS: Final = (b"PK\x03\x04", b"\x80")


def save_model(ensemble: Ensemble, path: Path) -> None:
    """Write ``ensemble`` to ``path``, whole or not at all; the same ensemble gives the same bytes.

    Arrays, M members and E elements first: ``self_energies`` (eV), ``mean`` and ``deviation`` of the features,
    ``layer.0.weight`` (M, E, in, out), ``layer.0.bias`` (M, E, out) and so on. An atom's energy is its self-energy plus
    ``scale`` (eV) times what its network makes of (AEV − mean) / deviation. Optional: ``pair_potential.*`` and
    ``short_range.*``, see `foundational.engines.ani.terms`, and ``extrapolation``, see
    `foundational.engines.ani.extrapolation`. The header has a seal (`seal_of`).
    """
    widths = layer_widths(ensemble.mean.shape[-1], ensemble.network.hidden)
    tensors: dict[str, Any] = {
        "self_energies": ensemble.self_energies,
        "mean": ensemble.mean,
        "deviation": ensemble.deviation,
    }
    flat = ensemble.parameters.reshape(-1, ensemble.parameters.shape[-1])
    shape = ensemble.parameters.shape[:2]
    views = [layers(parameters, widths) for parameters in flat]
    for layer in range(len(widths)):
        weight, bias = (np.stack([view[layer][part] for view in views]) for part in (0, 1))
        tensors[f"layer.{layer}.weight"] = weight.reshape(*shape, *weight.shape[1:])
        tensors[f"layer.{layer}.bias"] = bias.reshape(*shape, *bias.shape[1:])
    header: dict[str, object] = {
        "format": FORMAT,
        "aev": ensemble.aev.model_dump(mode="json"),
        "network": ensemble.network.model_dump(mode="json"),
        "elements": list(ensemble.elements),
        "scale": ensemble.scale,
        "metadata": ensemble.metadata,
    }
    if ensemble.pair_potential is not None:
        tensors |= ensemble.pair_potential.arrays()
    if ensemble.short_range is not None:
        header["short_range"] = ensemble.short_range.repulsion
        tensors |= ensemble.short_range.arrays()
    if ensemble.extrapolation is not None:
        header["uncertainty"] = {"scale": ensemble.extrapolation.scale, "largest": ensemble.extrapolation.largest}
        tensors["extrapolation"] = ensemble.extrapolation.inverse
    header["seal"] = seal_of(header, tensors)
    content = save(
        {name: np.ascontiguousarray(array) for name, array in tensors.items()},
        {_KEY: json.dumps(header, sort_keys=True)},
    )
    write_whole(path, [content])


def load_model(path: Path) -> Ensemble:
    """Read an ensemble that :func:`save_model` wrote.

    Raises
    ------
    NotFoundError
        There is no such file.
    InputError
        It is a pickle (refused: reading one runs code), or no model file, or a damaged one.
    ChecksumError
        Its numbers are not those that were written; models of before have no seal and are not compared.
    """
    if not path.is_file():
        raise NotFoundError(f"no model file {path}; train one with: foundational train NAME -o {path}")
    with path.open("rb") as stream:
        start = stream.read(9)  # of safetensors: the length of the header, whose first byte may be any, and then {
        if start.startswith(_PICKLE_STARTS) and start[8:] != b"{":
            raise InputError(
                f"expected a safetensors model file, got a pickle ({path}), which would run code when read; "
                "write the model with foundational train"
            )
    try:
        with safe_open(path, framework="numpy") as file:
            header = json.loads((file.metadata() or {}).get(_KEY, "{}"))
            if header.get("format") != FORMAT:
                raise InputError(f"expected a model file of format {FORMAT}, got {header.get('format')!r} ({path})")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
        if "seal" in header and header["seal"] != seal_of(header, tensors):
            raise ChecksumError(f"{path}: the model was changed after it was written; fetch or train it again")
        return _ensemble(header, tensors)
    except (FoundationalError, MemoryError):
        raise
    except Exception as error:  # of a header that is malformed: any kind
        reason = " ".join(str(error).split())[:200]
        raise InputError(
            f"expected a model file of format {FORMAT}, got a damaged or other file {path}: {reason}"
        ) from error


def seal_of(header: Mapping[str, object], tensors: Mapping[str, np.ndarray]) -> str:
    """The sha256 over the header without its seal and the bytes of all arrays: one changed bit gives another."""
    content = hashlib.sha256(json.dumps({k: v for k, v in header.items() if k != "seal"}, sort_keys=True).encode())
    for name in sorted(tensors):
        array = np.ascontiguousarray(tensors[name])
        content.update(f"\0{name}\0{array.dtype.str}\0{array.shape}\0".encode() + array.tobytes())
    return content.hexdigest()


def _ensemble(header: dict[str, object], tensors: dict[str, np.ndarray]) -> Ensemble:
    aev, network = AevSpec.model_validate(header["aev"]), NetworkSpec.model_validate(header["network"])
    elements = tuple(int(z) for z in header["elements"])  # type: ignore[attr-defined]
    scale = float(header["scale"])  # type: ignore[arg-type]
    if not elements or list(elements) != sorted(set(elements)) or not 1 <= elements[0] <= elements[-1] <= 118:
        raise InputError(f"expected atomic numbers from 1 to 118 in ascending order as elements, got {elements}")
    if not 0 < scale < _LARGEST_SCALE:
        raise InputError(f"expected a scale above 0 and below {_LARGEST_SCALE:g} eV, got {scale:g}")
    widths = layer_widths(aev.length(len(elements)), network.hidden)
    shape = (len(tensors["self_energies"]), len(elements))
    expected = {"self_energies": shape, "mean": (*shape, widths[0]), "deviation": (*shape, widths[0])}
    for layer, (before, width) in enumerate(zip(widths, [*widths[1:], 1], strict=True)):
        expected[f"layer.{layer}.weight"] = (*shape, before, width)
        expected[f"layer.{layer}.bias"] = (*shape, width)
    for name, wanted in expected.items():
        found = tensors[name]
        if found.shape != tuple(wanted) or not np.isfinite(found).all():
            raise InputError(f"expected finite numbers of shape {tuple(map(int, wanted))} as {name}, got {found.shape}")
    parameters = np.empty((*shape, parameter_count(widths)), dtype=np.float32)
    for index in np.ndindex(*shape):
        for layer, (weight, bias) in enumerate(layers(parameters[index], widths)):
            weight[:], bias[:] = tensors[f"layer.{layer}.weight"][index], tensors[f"layer.{layer}.bias"][index]
    return Ensemble(
        aev=aev,
        network=network,
        elements=elements,
        scale=scale,
        self_energies=tensors["self_energies"],
        mean=tensors["mean"],
        deviation=tensors["deviation"],
        parameters=parameters,
        metadata=dict(header["metadata"]),  # type: ignore[call-overload]
        pair_potential=PairPotential.of(tensors, len(elements)) if "pair_potential.grid" in tensors else None,
        short_range=_short_range(header, tensors, len(elements)),
        extrapolation=_extrapolation(header, tensors, (*shape, widths[-1] + 1, widths[-1] + 1)),
    )


def _short_range(header: dict[str, object], tensors: dict[str, np.ndarray], n_elements: int) -> ShortRange | None:
    if "short_range" not in header:
        return None
    arrays = {name: array for name, array in tensors.items() if name.startswith("short_range.")}
    repulsion: Repulsion = "labeller" if header["short_range"] == "labeller" else "zbl"
    return ShortRange.of(repulsion, arrays, n_elements)


def _extrapolation(
    header: dict[str, object], tensors: dict[str, np.ndarray], shape: tuple[int, ...]
) -> Extrapolation | None:
    if "extrapolation" not in tensors:
        return None
    inverse = tensors["extrapolation"]
    if inverse.shape != shape or not np.isfinite(inverse).all():
        raise InputError(f"expected finite numbers of shape {tuple(map(int, shape))} as extrapolation")
    stated: dict[str, float] = header["uncertainty"]  # type: ignore[assignment]
    return Extrapolation(inverse, float(stated["scale"]), float(stated["largest"]))
