"""The weighted row kernel: sums of samples times weights that are a product of one weight for each axis.

The lines of a window are added up first, each times its weight, into one scratch row; then places of that row, each
times its weight, make the windows. So a window of k x k samples takes 2 k products where one by one it takes k^2, and
all loops over a row are vector code.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ..double_double import Buffer, add, divide_in_range, product_in_range, two_sum
from .finalizers import Output
from .fold_states import Missing, Parameters, Scratch, cast_like

# The whole numbers of one block, by their place in ``geometry``. Places along W are counted from LOW, the first sample
# that a window of the block has; a scratch row has LENGTH of them. Windows K0:K1 of the block have equal weights and
# start STRIDE apart. Where LISTED, windows differ in their weights alone, and each has LEAST places or a few more up to
# MOST: the weights of all windows' first places follow each other, then those of the second ones.
(D, H, W, INNER, OUT_D, OUT_H, OUT_W, STEP_D, STEP_H, STEP_W, A0, A1, D0, D1, H0, H1, W0, W1,
 SKIP_NAN, HAS_NODATA, HAS_FILL, ROUNDING, LOW, LENGTH, K0, K1, STRIDE, LOWEST, HIGHEST, NONE,
 LISTED, LEAST, MOST) = range(33)

_ROW = 3
START, COUNT, _WEIGHT = 0, 1, 2
"""One window of one axis in its table: its first sample, how many, and where the first one's weight stands."""


def accumulate_one(state: Any, x: Any, weight: Any) -> Any:
    """Return a sum of one number, grown by weight times x."""
    return (cast_like(state[0] + x[0] * weight, state[0]),)


def accumulate_two(state: Any, x: Any, weight: Any) -> Any:
    """Return the same and the weights of what is there."""
    return cast_like(state[0] + x[0] * weight, state[0]), cast_like(state[1] + x[1] * weight, state[1])


def accumulate_pair(state: Any, x: Any, weight: Any) -> Any:
    """Return a sum in pairs of doubles, grown by weight times x."""
    hi, lo = product_in_range(x[0], weight)
    return add(state[0], state[1], hi, lo + x[1] * weight)


def accumulate_pair_and_count(state: Any, x: Any, weight: Any) -> Any:
    """Return the same and the weights of what is there."""
    hi, lo = product_in_range(x[0], weight)
    hi, lo = add(state[0], state[1], hi, lo + x[1] * weight)
    return hi, lo, state[2] + x[2] * weight


def accumulate_two_pairs(state: Any, x: Any, weight: Any) -> Any:
    """Return two sums in pairs, the second one of weights with its lower half in front."""
    hi, lo = product_in_range(x[0], weight)
    hi, lo = add(state[0], state[1], hi, lo + x[1] * weight)
    mass, rest = product_in_range(x[3], weight)
    mass, rest = add(state[3], state[2], mass, rest + x[2] * weight)
    return hi, lo, rest, mass


def accumulate_parts(state: Any, x: Any, weight: Any) -> Any:
    """Return a sum in two parts of whole numbers, each grown by weight times x's: neither needs the other."""
    return state[0] + x[0] * weight, state[1] + x[1] * weight


PART_BITS = 23
"""Bits of the lower part of a sum of lines, once it is cut in two. A sum of 31 lines of 16 bits has 46: both parts and
the 30 bits of a row's weights are exact in doubles. Blur 31x31/1 on 1 MP of uint8 takes 11 ms so, by pairs 79.
"""
_PART = 2.0**PART_BITS
_TO_PART = 1.5 * 2.0 ** (52 + PART_BITS)
"""What rounds a double to a multiple of _PART, added and taken away."""


def _cut_in_parts(total: Any, n: int) -> None:
    """Cut n sums of lines in two: multiples of _PART, counted, and what is left."""
    for i in range(n):
        whole = total.load(total.scratch, i)[0]
        upper = (whole + _TO_PART) - _TO_PART
        total.save(total.scratch, i, (upper * (1.0 / _PART), whole - upper))


def mean_of_parts(state: Any, n: float, inverse: float, params: Parameters) -> Any:
    """Return the sum in two parts over n as a pair."""
    hi, lo = two_sum(state[0] * _PART, state[1])
    return divide_in_range(hi, lo, n)


def ratio_of_parts(state: Any, n: float, inverse: float, params: Parameters) -> Any:
    """Return the sum in two parts as a pair, and n."""
    hi, lo = two_sum(state[0] * _PART, state[1])
    return hi, lo, n, inverse


class _WeightedSum(NamedTuple):
    """The steps of a weighted sum, and the room it works in."""

    lift: Callable[..., Any]
    accumulate: Callable[..., Any]
    load: Callable[..., Any]
    save: Callable[..., None]
    scratch: Scratch
    missing: Missing
    params: Parameters
    weights: Buffer
    """The weights of the samples, at their places, if these have some."""


def _clear_row(total: Any, to: int, n: int) -> None:
    """scratch[to :] = the state of no sample."""
    for i in range(n):
        total.save(total.scratch, to + i, total.missing.none)


def _add_line(total: Any, src: Buffer, at: int, n: int, weight: Any) -> None:
    """Add n samples, each times a weight, to scratch[0 :]."""
    for i in range(n):
        x = total.lift(total, src, at + i)
        total.save(total.scratch, i, total.accumulate(total.load(total.scratch, i), x, weight))


def _add_three_lines(total: Any, src: Buffer, at: int, apart: int, n: int, weights: Any) -> None:
    """Add n samples of three lines: a sum is read and written once for three samples (3x3/1 on 1 MP of uint8 takes
    0.7 ms so, with narrow sums; 1.5 one by one in 32 bits).
    """
    for i in range(n):
        a = total.lift(total, src, at + i)
        b = total.lift(total, src, at + apart + i)
        c = total.lift(total, src, at + 2 * apart + i)
        state = total.accumulate(total.load(total.scratch, i), a, weights[0])
        state = total.accumulate(total.accumulate(state, b, weights[1]), c, weights[2])
        total.save(total.scratch, i, state)


def _add_lines(total: Any, src: Buffer, at: int, apart: int, lines: int, n: int, of_plane: Any, weights: Buffer,
               first: int) -> None:
    """Add n samples of some lines; each has the weight of its plane times its own, from ``first`` on."""
    for t in range(lines // 3):
        q = first + 3 * t
        three = of_plane * weights[q], of_plane * weights[q + 1], of_plane * weights[q + 2]
        _add_three_lines(total, src, at + 3 * t * apart, apart, n, three)
    for q in range(lines // 3 * 3, lines):
        _add_line(total, src, at + q * apart, n, of_plane * weights[first + q])


def _add_place(total: Any, to: int, at: int, weight: Any) -> None:
    """Add the sum at a place, times a weight, to another."""
    load, scratch = total.load, total.scratch
    total.save(scratch, to, total.accumulate(load(scratch, to), load(scratch, at), weight))


def _add_three(total: Any, to: int, at: int, next_one: int, weights: Any) -> None:
    """Add the sums at three places, ``next_one`` apart."""
    load, scratch = total.load, total.scratch
    state = total.accumulate(load(scratch, to), load(scratch, at), weights[0])
    state = total.accumulate(state, load(scratch, at + next_one), weights[1])
    total.save(scratch, to, total.accumulate(state, load(scratch, at + 2 * next_one), weights[2]))


def _add_places(total: Any, at: int, apart: int, inner: int, to: int, count: int, weight: Any) -> None:
    """Add ``count`` places of ``inner`` states, ``apart`` from one to the next, times a weight to scratch[to :]."""
    if apart == inner:
        for i in range(count * inner):
            _add_place(total, to + i, at + i, weight)
    elif inner == 1 and apart == 2:
        for k in range(count):
            _add_place(total, to + k, at + 2 * k, weight)
    else:
        for k in range(count):
            for c in range(inner):
                _add_place(total, to + k * inner + c, at + k * apart + c, weight)


def _add_three_places(total: Any, at: int, next_one: int, apart: int, inner: int, to: int, count: int,
                      weights: Any) -> None:
    """``_add_places`` for three places of each window, ``next_one`` apart."""
    if apart == inner:
        for i in range(count * inner):
            _add_three(total, to + i, at + i, next_one, weights)
    elif inner == 1 and apart == 2:
        for k in range(count):
            _add_three(total, to + k, at + 2 * k, next_one, weights)
    else:
        for k in range(count):
            for c in range(inner):
                _add_three(total, to + k * inner + c, at + k * apart + c, next_one, weights)


def _add_listed(total: Any, geometry: Buffer, table_w: Buffer, weights: Buffer, to: int) -> None:
    """Add the places of all windows of a row, to scratch[to :]: place after place, as windows are too short for loops.

    1000 x 1000 bytes to 400 x 400 take 0.33 ms so, window after window 3.2; adaptive windows 0.34, OpenCV 1.4.
    """
    inner, windows = geometry[INNER], geometry[W1] - geometry[W0]
    for t in range(geometry[MOST]):
        first, shift = t * geometry[OUT_W] + geometry[W0], t - geometry[LOW]
        if t >= geometry[LEAST]:
            for k in range(windows):
                if table_w[_ROW * k + COUNT] > t:
                    for c in range(inner):
                        _add_place(total, to + k * inner + c, (table_w[_ROW * k + START] + shift) * inner + c,
                                   weights[first + k])
        elif inner == 1:
            for k in range(windows):
                _add_place(total, to + k, table_w[_ROW * k + START] + shift, weights[first + k])
        else:
            for k in range(windows):
                for c in range(inner):
                    _add_place(total, to + k * inner + c, (table_w[_ROW * k + START] + shift) * inner + c,
                               weights[first + k])


def make_kernel(lift: Callable[..., Any], accumulate: Callable[..., Any], load: Callable[..., Any],
                save: Callable[..., None], finalize: Callable[..., bool], in_parts: int = 0) -> Callable[..., int]:
    """Return the kernel of one kind of sum and one way of writing: a function over flat buffers.

    ``nodata`` is one sample, or holds a weight for each sample of the array. With ``in_parts`` sums of lines are cut in
    two before places are added.
    It returns 0, or 1 where some window of the block is one for the general kernel.
    """

    def pool_weighted(src: Buffer, dst: Buffer, nodata: Buffer, fill: Buffer, geometry: Buffer, table_d: Buffer,
                      table_h: Buffer, table_w: Buffer, weights_d: Buffer, weights_h: Buffer, weights_w: Buffer,
                      share_d: Buffer, share_h: Buffer, share_w: Buffer, params: Buffer, limits: Buffer,
                      first: Buffer, second: Buffer, third: Buffer, fourth: Buffer) -> int:
        scratch = Scratch(first, second, third, fourth, fourth)
        missing = Missing(geometry[SKIP_NAN], geometry[HAS_NODATA], nodata[0], load(scratch, geometry[NONE]))
        total = _WeightedSum(lift, accumulate, load, save, scratch, missing, (params[0], params[1]), nodata)
        output = Output(dst, fill[0], geometry[HAS_FILL], limits, geometry[ROUNDING], geometry[LOWEST],
                        geometry[HIGHEST], (params[0], params[1]))
        inner, low = geometry[INNER], geometry[LOW]
        n, windows = geometry[LENGTH] * inner, geometry[W1] - geometry[W0]
        good = True
        for a in range(geometry[A0], geometry[A1]):
            for i in range(geometry[D1] - geometry[D0]):
                for j in range(geometry[H1] - geometry[H0]):
                    _clear_row(total, 0, n + windows * inner)
                    for p in range(table_d[_ROW * i + COUNT]):
                        plane = a * geometry[D] + table_d[_ROW * i + START] + p * geometry[STEP_D]
                        line = plane * geometry[H] + table_h[_ROW * j + START]
                        at, apart = (line * geometry[W] + low) * inner, geometry[STEP_H] * geometry[W] * inner
                        of_plane = weights_d[table_d[_ROW * i + _WEIGHT] + p]
                        _add_lines(total, src, at, apart, table_h[_ROW * j + COUNT], n, of_plane, weights_h,
                                   table_h[_ROW * j + _WEIGHT])
                    if in_parts:
                        _cut_in_parts(total, n)
                    to = (a * geometry[OUT_D] + geometry[D0] + i) * geometry[OUT_H] + geometry[H0] + j
                    to = (to * geometry[OUT_W] + geometry[W0]) * inner
                    k = 0
                    if geometry[LISTED]:
                        _add_listed(total, geometry, table_w, weights_w, n)
                        k = windows
                        share = share_d[i] * share_h[j] * share_w[0]
                        inverse = 0.5 / share
                        for m in range(windows * inner):
                            good &= finalize(load(scratch, n + m), share, inverse, output, to + m)
                    while k < windows:
                        count = geometry[K1] - geometry[K0] if k == geometry[K0] and geometry[K1] > k else 1
                        at, held = (table_w[_ROW * k + START] - low) * inner, n + k * inner
                        places, next_one = table_w[_ROW * k + COUNT], geometry[STEP_W] * inner
                        for t in range(places // 3):
                            q = table_w[_ROW * k + _WEIGHT] + 3 * t
                            _add_three_places(total, at + 3 * t * next_one, next_one, geometry[STRIDE] * inner, inner,
                                              held, count, (weights_w[q], weights_w[q + 1], weights_w[q + 2]))
                        for t in range(places // 3 * 3, places):
                            _add_places(total, at + t * next_one, geometry[STRIDE] * inner, inner, held, count,
                                        weights_w[table_w[_ROW * k + _WEIGHT] + t])
                        share = share_d[i] * share_h[j] * share_w[k]
                        inverse = 0.5 / share
                        for m in range(count * inner):
                            good &= finalize(load(scratch, held + m), share, inverse, output, to + k * inner + m)
                        k += count
        return 0 if good else 1

    return pool_weighted
