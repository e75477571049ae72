"""Compiled activations with their first two derivatives: torchani's GELU (exact) and CELU (α = 0.1)."""

from typing import Any

import numpy as np

from foundational.engines.ani.kernels.simd import LANES, exp, larger, load, load_from, smaller, splat, store_into
from foundational.engines.compilation import compiled

_F = np.float32
#: How the kernels call them.
GELU, CELU = 0, 1
ACTIVATIONS = {"gelu": GELU, "celu": CELU}
_ZERO, _HALF, _ONE, _TWO = _F(0), _F(0.5), _F(1), _F(2)
_DENSITY = _F(1 / np.sqrt(2 * np.pi))
_ALPHA, _PER_ALPHA = _F(0.1), _F(10)
# erfc(x) = (a1 t + … + a5 t⁵) exp(−x²), t = 1/(1 + p x), x ≥ 0: Abramowitz and Stegun 7.1.26, error below 1.5e-7.
_P = _F(0.3275911 / np.sqrt(2))
_A1, _A2, _A3 = _F(0.254829592 / 2), _F(-0.284496736 / 2), _F(1.421413741 / 2)
_A4, _A5 = _F(-1.453152027 / 2), _F(1.061405429 / 2)
_BITS = _F(1e30)


@compiled
def gelu(z: Any) -> Any:
    """Value, first and second derivative of z Φ(z), Φ the normal distribution."""
    size = larger(z, splat(_ZERO) - z)
    bell = exp(z * z * -_HALF)
    t = splat(_ONE) / (size * _P + _ONE)
    tail = ((((t * _A5 + _A4) * t + _A3) * t + _A2) * t + _A1) * t * bell  # Φ(−|z|)
    sign = smaller(larger(z * _BITS, splat(-_ONE)), splat(_ONE))
    cumulative = sign * (splat(_HALF) - tail) + _HALF
    density = bell * _DENSITY
    return z * cumulative, cumulative + z * density, density * (splat(_TWO) - z * z)


@compiled
def celu(z: Any) -> Any:
    """Value, first and second derivative of CELU."""
    negative = smaller(z, splat(_ZERO))
    e = exp(negative * _PER_ALPHA)
    above = smaller(larger(z * _BITS, splat(_ZERO)), splat(_ONE))
    return larger(z, splat(_ZERO)) + (e - _ONE) * _ALPHA, e, (splat(_ONE) - above) * e * _PER_ALPHA


@compiled
def activate(kind: Any, z: Any, bias: Any, value: Any, first: Any, second: Any) -> None:
    """Activation of z + bias and its derivatives, elementwise; arrays (n, H), H a multiple of 16."""
    width = len(bias)
    for r in range(len(z)):
        for b in range(0, width, LANES):
            x = load_from(z, r, b) + load(bias, b)
            f, d, s = gelu(x) if kind == GELU else celu(x)
            store_into(value, r, b, f)
            store_into(first, r, b, d)
            store_into(second, r, b, s)


@compiled
def activate_only(kind: Any, z: Any, bias: Any) -> None:
    """Replace z by the activation of z + bias."""
    width = len(bias)
    for r in range(len(z)):
        for b in range(0, width, LANES):
            x = load_from(z, r, b) + load(bias, b)
            f, _, _ = gelu(x) if kind == GELU else celu(x)
            store_into(z, r, b, f)
