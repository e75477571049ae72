from collections.abc import Callable

import numpy as np
import pytest
import torch
from numba import njit

from foundational.engines.ani.kernels import simd
from foundational.engines.ani.kernels.activation import celu, gelu


def vectorised(function: Callable) -> Callable:
    @njit
    def apply(x: np.ndarray, y: np.ndarray) -> None:
        for b in range(0, len(x), 16):
            simd.store(y, b, function(simd.load(x, b)))

    return apply


@pytest.mark.parametrize(
    ("function", "reference", "low", "high"),
    [
        (simd.exp2, np.exp2, -126, 10),
        (simd.exp, np.exp, -40, 5),
        (simd.log2, np.log2, 1e-12, 1.0),
        (simd.cos, np.cos, -np.pi / 2, np.pi / 2),
        (simd.sin, np.sin, -np.pi / 2, np.pi / 2),
    ],
)
def test_elementary_functions_are_accurate_to_float_precision(
    function: Callable, reference: Callable, low: float, high: float
) -> None:
    x = np.random.default_rng(0).uniform(low, high, 4096).astype(np.float32)
    y = np.empty_like(x)
    vectorised(function)(x, y)
    exact = reference(x.astype(np.float64))
    assert np.abs((y - exact) / np.maximum(np.abs(exact), 0.1 if low < 0 < high else 1e-30)).max() < 3e-6


def test_exponentials_far_below_zero_are_nothing_and_not_garbage() -> None:
    y = np.empty(16, np.float32)
    vectorised(simd.exp)(np.full(16, -1e4, np.float32), y)
    assert (y >= 0).all()
    assert (y < 1e-37).all()


@pytest.mark.parametrize("kind", ["gelu", "celu"])
def test_activations_are_torchs_and_their_derivatives_are_theirs(kind: str) -> None:
    function = {"gelu": gelu, "celu": celu}[kind]

    @njit
    def apply(x: np.ndarray, value: np.ndarray, first: np.ndarray, second: np.ndarray) -> None:
        for b in range(0, len(x), 16):
            f, d, s = function(simd.load(x, b))
            simd.store(value, b, f)
            simd.store(first, b, d)
            simd.store(second, b, s)

    x = np.linspace(-6, 6, 1600, dtype=np.float32)
    found = [np.empty_like(x) for _ in range(3)]
    apply(x, *found)
    z = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    value = torch.nn.functional.gelu(z) if kind == "gelu" else torch.nn.functional.celu(z, alpha=0.1)
    (first,) = torch.autograd.grad(value.sum(), z, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), z)
    for mine, exact, tolerance in zip(found, (value, first, second), (1e-6, 1e-6, 2e-5), strict=True):
        np.testing.assert_allclose(mine, exact.detach().numpy(), atol=tolerance)
