"""The rearranging kernel: copies an array that does not lie in C order, or that has another dtype, into one that does.

Two axes count: the one along which the source is densest, and the last one of the copy. Blocks of both stay in the
nearest cache, whichever is read or written across. 16-bit floats are told by their bits, in plain arithmetic that is
vector code on every processor.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .double_double import Buffer
from .vector_math import bits_of, from_bits

_AXES = 5
"""Axes of a copy. ``geometry`` has their lengths, then how far apart samples are in the source, then in the copy."""
DENSE, _LAST = 3, 4
"""The axis along which the source is densest, and the one along which the copy is; others before them."""
_BLOCK_DENSE, _BLOCK_LAST = 64, 8
"""Samples of a block. Lines of the source often are a power of two apart, where a first cache has room for 8 of them
only: a transposed 1024 x 1024 of float32 takes 0.6 ns a sample, with 16 lines 0.8, with 32 1.9, by NumPy 6."""

_SUBNORMAL = 2.0**-24
_INFINITE, _NAN, _SIGN = 0x7C00, 0x7E00, 0x8000
_DROPPED = 42  # bits of a double's significand that a half has no room for
_BIAS = (1023 - 15) << 10
_TO_WHOLE = 6755399441055744.0  # 2^52 + 2^51: adding it rounds to a whole number, ties to even
_WHOLE_BITS = 0x4338000000000000
_MAGNITUDE = 0x7FFFFFFFFFFFFFFF


def itself(x: Any) -> Any:
    """Return x."""
    return x


def single_of_half(bits: Any) -> Any:
    """Return the float of up to 32 bits that 16 bits are."""
    whole = np.int32(bits)
    exponent, fraction = (whole >> 10) & 31, whole & 1023
    shifted = np.int32((whole & 0x7FFF) << 13)
    normal = np.int32(shifted + np.int32(0x38000000)).view(np.float32)
    special = np.int32(shifted | np.int32(0x7F800000)).view(np.float32)
    x = np.float32(fraction) * np.float32(_SUBNORMAL) if exponent == 0 else special if exponent == 31 else normal
    return np.float32(-x) if whole & _SIGN else np.float32(x)


def half_of_double(x: float) -> Any:
    """Return the 16 bits of the float nearest to a double, a tie to the even one."""
    bits = bits_of(x)
    size = bits & _MAGNITUDE
    nearest = ((size + ((1 << (_DROPPED - 1)) - 1) + ((size >> _DROPPED) & 1)) >> _DROPPED) - _BIAS
    small = bits_of(from_bits(size) * 2.0**24 + _TO_WHOLE) - _WHOLE_BITS
    half = small if size < bits_of(2.0**-14) else nearest
    half = _INFINITE if half > _INFINITE else half
    half = half if x == x else _NAN
    return np.uint16(half | (_SIGN if bits < 0 else 0))


def make_kernel(convert: Callable[[Any], Any]) -> Callable[..., int]:
    """Return the kernel that copies with one conversion: a function over flat buffers, which returns 0."""

    def rearrange(src: Buffer, dst: Buffer, geometry: Buffer) -> int:
        dense, last = geometry[DENSE], geometry[_LAST]
        dense_apart, last_apart = geometry[_AXES + DENSE], geometry[_AXES + _LAST]
        line = geometry[2 * _AXES + DENSE]
        for a in range(geometry[0]):
            for b in range(geometry[1]):
                for c in range(geometry[2]):
                    at = geometry[3 * _AXES] + a * geometry[_AXES] + b * geometry[_AXES + 1] + c * geometry[_AXES + 2]
                    to = a * geometry[2 * _AXES] + b * geometry[2 * _AXES + 1] + c * geometry[2 * _AXES + 2]
                    if last_apart == 1:
                        for i in range(dense):
                            for j in range(last):
                                dst[to + i * line + j] = convert(src[at + i * dense_apart + j])
                        continue
                    for part in range((dense + _BLOCK_DENSE - 1) // _BLOCK_DENSE):
                        i0, i1 = part * _BLOCK_DENSE, min(part * _BLOCK_DENSE + _BLOCK_DENSE, dense)
                        for j0 in range(0, last, _BLOCK_LAST):
                            for i in range(i0, i1):
                                for j in range(j0, min(j0 + _BLOCK_LAST, last)):
                                    dst[to + i * line + j] = convert(src[at + i * dense_apart + j * last_apart])
        return 0

    return rearrange
