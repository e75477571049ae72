"""Explicit vector arithmetic in numba: sixteen float32 numbers as one value, and elementary functions of them.

LLVM's own vectoriser gives up on the loops that matter here (several arrays that might overlap, short trip counts), and
calls the C library's exp and log one number at a time. A :class:`Lanes` value is one AVX-512 register, two AVX or four
SSE/NEON ones; ``+ − × ÷`` work between such values and with float32 numbers. The functions below are branch-free
polynomials, accurate to about one unit in the last place in the range that they name
(``tests/engines/ani/kernels/test_simd.py``).
"""

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic, models, overload, register_model

#: How many numbers there are in one value.
LANES = 16
_VECTOR, _INTS = ir.VectorType(ir.FloatType(), LANES), ir.VectorType(ir.IntType(32), LANES)
# Fused multiply-adds and reassociation are allowed; the order is fixed at compile time, so results repeat.
_FLAGS = ("contract", "reassoc", "nsz", "arcp")
_F = np.float32


class Lanes(types.Type):  # type: ignore[misc]
    """The numba type of sixteen float32 numbers."""

    def __init__(self) -> None:
        super().__init__(name="Lanes")


lanes_type = Lanes()


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, numba_type: Any) -> None:
        super().__init__(manager, numba_type, _VECTOR)


def _constant(value: int) -> Any:
    return ir.Constant(_INTS, [value] * LANES)


def _element(context: Any, builder: Any, array_type: Any, array: Any, *place: Any) -> Any:
    """Pointer to sixteen numbers of a contiguous array from ``place`` on: an index, or a row and a column."""
    struct = context.make_array(array_type)(context, builder, array)
    index = place[-1]
    if len(place) == 2:
        width = cgutils.unpack_tuple(builder, struct.shape)[1]
        index = builder.add(builder.mul(place[0], width), index)
    return builder.bitcast(builder.gep(struct.data, [index]), _VECTOR.as_pointer())


@intrinsic
def load(typingctx: Any, array: Any, index: Any) -> Any:  # noqa: ARG001
    """Sixteen numbers of a contiguous float32 array (n,) from ``index`` on."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load(_element(context, builder, signature.args[0], *args), align=4)

    return lanes_type(array, types.intp), codegen


@intrinsic
def load_from(typingctx: Any, array: Any, row: Any, column: Any) -> Any:  # noqa: ARG001
    """The same of an array (n, width): a view of its row would cost more than the rest of a short loop."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load(_element(context, builder, signature.args[0], *args), align=4)

    return lanes_type(array, types.intp, types.intp), codegen


@intrinsic
def store(typingctx: Any, array: Any, index: Any, value: Any) -> Any:  # noqa: ARG001
    """Write sixteen numbers into a contiguous float32 array (n,) from ``index`` on."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.store(args[-1], _element(context, builder, signature.args[0], *args[:-1]), align=4)
        return context.get_dummy_value()

    return types.void(array, types.intp, lanes_type), codegen


@intrinsic
def store_into(typingctx: Any, array: Any, row: Any, column: Any, value: Any) -> Any:  # noqa: ARG001
    """The same for an array (n, width)."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.store(args[-1], _element(context, builder, signature.args[0], *args[:-1]), align=4)
        return context.get_dummy_value()

    return types.void(array, types.intp, types.intp, lanes_type), codegen


@intrinsic
def splat(typingctx: Any, x: Any) -> Any:  # noqa: ARG001
    """The same float32 sixteen times."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:  # noqa: ARG001
        one = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), args[0], ir.Constant(ir.IntType(32), 0))
        return builder.shuffle_vector(one, ir.Constant(_VECTOR, ir.Undefined), _constant(0))

    return lanes_type(types.float32), codegen


@intrinsic
def total(typingctx: Any, x: Any) -> Any:  # noqa: ARG001
    """The sum of the sixteen numbers."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:  # noqa: ARG001
        kind = ir.FunctionType(ir.FloatType(), [ir.FloatType(), _VECTOR])
        function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.vector.reduce.fadd.v{LANES}f32")
        return builder.call(function, [ir.Constant(ir.FloatType(), 0.0), args[0]], fastmath=_FLAGS)

    return types.float32(lanes_type), codegen


def _instruction(n_arguments: int, build: Callable[..., Any]) -> Any:
    """A function of ``n_arguments`` values whose instructions ``build(builder, *values)`` emits."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:  # noqa: ARG001
        return build(builder, *args)

    if n_arguments == 1:

        @intrinsic
        def unary(typingctx: Any, x: Any) -> Any:  # noqa: ARG001
            return lanes_type(lanes_type), codegen

        return unary

    @intrinsic
    def binary(typingctx: Any, x: Any, y: Any) -> Any:  # noqa: ARG001
        return lanes_type(lanes_type, lanes_type), codegen

    return binary


def _library(name: str) -> Callable[..., Any]:
    def build(builder: Any, *args: Any) -> Any:
        kind = ir.FunctionType(_VECTOR, [_VECTOR] * len(args))
        function = cgutils.get_or_insert_function(builder.module, kind, f"{name}.v{LANES}f32")
        return builder.call(function, args, fastmath=_FLAGS)

    return build


_OPERATORS = {
    operator.add: _instruction(2, lambda b, x, y: b.fadd(x, y, flags=_FLAGS)),
    operator.sub: _instruction(2, lambda b, x, y: b.fsub(x, y, flags=_FLAGS)),
    operator.mul: _instruction(2, lambda b, x, y: b.fmul(x, y, flags=_FLAGS)),
    operator.truediv: _instruction(2, lambda b, x, y: b.fdiv(x, y, flags=_FLAGS)),
}


def _overload_operator(symbol: Any, function: Any) -> None:
    @overload(symbol, strict=False)
    def implementation(x: Any, y: Any) -> Any:
        if isinstance(x, Lanes) and isinstance(y, Lanes):
            return lambda x, y: function(x, y)  # noqa: PLW0108 - numba wants the names of the arguments
        if isinstance(x, Lanes) and y is types.float32:
            return lambda x, y: function(x, splat(y))
        if x is types.float32 and isinstance(y, Lanes):
            return lambda x, y: function(splat(x), y)
        return None


for _symbol, _function in _OPERATORS.items():
    _overload_operator(_symbol, _function)

floor = _instruction(1, _library("llvm.floor"))
sqrt = _instruction(1, _library("llvm.sqrt"))
smaller = _instruction(2, _library("llvm.minnum"))
larger = _instruction(2, _library("llvm.maxnum"))

_SQRT_HALF_BITS = _constant(0x3F3504F3)


def _shifted_bits(b: Any, x: Any) -> Any:
    return b.sub(b.bitcast(x, _INTS), _SQRT_HALF_BITS)


_power_of_two = _instruction(
    1, lambda b, x: b.bitcast(b.shl(b.add(b.fptosi(x, _INTS), _constant(127)), _constant(23)), _VECTOR)
)
# x = 2^e m with m in [√½, √2)
_exponent = _instruction(1, lambda b, x: b.sitofp(b.ashr(_shifted_bits(b, x), _constant(23)), _VECTOR))
_mantissa = _instruction(
    1, lambda b, x: b.bitcast(b.add(b.and_(_shifted_bits(b, x), _constant(0x7FFFFF)), _SQRT_HALF_BITS), _VECTOR)
)

_ONE, _HALF, _LOG2E = _F(1), _F(0.5), _F(1.4426950408889634)
_LOWEST, _HIGHEST = _F(-126), _F(127)
# 2^f on [−½, ½]: Cephes, exp2f.c.
_E0, _E1, _E2 = _F(1.535336188319500e-4), _F(1.339887440266574e-3), _F(9.618437357674640e-3)
_E3, _E4, _E5 = _F(5.550332471162809e-2), _F(2.402264791363012e-1), _F(6.931472028550421e-1)
# log(1 + x) = x − x²/2 + x³ P(x) on [√½ − 1, √2 − 1]: Cephes, logf.c.
_P0, _P1, _P2 = _F(7.0376836292e-2), _F(-1.1514610310e-1), _F(1.1676998740e-1)
_P3, _P4, _P5 = _F(-1.2420140846e-1), _F(1.4249322787e-1), _F(-1.6668057665e-1)
_P6, _P7, _P8 = _F(2.0000714765e-1), _F(-2.4999993993e-1), _F(3.3333331174e-1)
_C1, _C2, _C3, _C4, _C5, _C6 = (_F(c) for c in (-1 / 2, 1 / 24, -1 / 720, 1 / 40320, -1 / 3628800, 1 / 479001600))
_S1, _S2, _S3, _S4, _S5 = (_F(c) for c in (-1 / 6, 1 / 120, -1 / 5040, 1 / 362880, -1 / 39916800))


@njit
def exp2(x: Any) -> Any:
    """2^x for −126 ≤ x ≤ 127; values outside are clamped to that range."""
    t = smaller(larger(x, splat(_LOWEST)), splat(_HIGHEST))
    n = floor(t + _HALF)
    f = t - n
    return ((((((f * _E0 + _E1) * f + _E2) * f + _E3) * f + _E4) * f + _E5) * f + _ONE) * _power_of_two(n)


@njit
def exp(x: Any) -> Any:
    """e^x within the range of exp2."""
    return exp2(x * _LOG2E)


@njit
def log2(x: Any) -> Any:
    """log2 of positive normal numbers."""
    m = _mantissa(x) - _ONE
    p = ((((((m * _P0 + _P1) * m + _P2) * m + _P3) * m + _P4) * m + _P5) * m + _P6) * m + _P7
    square = m * m
    return _exponent(x) + (m + square * ((p * m + _P8) * m - _HALF)) * _LOG2E


@njit
def cos(x: Any) -> Any:
    """Cosine on [−π/2, π/2]."""
    q = x * x
    return (((((q * _C6 + _C5) * q + _C4) * q + _C3) * q + _C2) * q + _C1) * q + _ONE


@njit
def sin(x: Any) -> Any:
    """Sine on [−π/2, π/2]."""
    q = x * x
    return x * (((((q * _S5 + _S4) * q + _S3) * q + _S2) * q + _S1) * q + _ONE)
