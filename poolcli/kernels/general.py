"""The general kernel: every reducer over every windowing, window by window.

One window at a time: its present samples are gathered into a flat run, then the reducer's core sees only that run.
NaN and nodata are settled while gathering, so no core knows of them; where the window already is a run in memory
(a global window, say) the core reads it in place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from .double_double import NOT_A_NUMBER, Buffer, Pair, put_float, put_integer, widen

# The whole numbers that describe one block of work, by their place in ``geometry``.
# The canonical array is (outer, D, H, W, inner); a block is outer A0:A1 and windows D0:D1, H0:H1, W0:W1.
(D, H, W, INNER, OUT_D, OUT_H, OUT_W, STEP_D, STEP_H, STEP_W, A0, A1, D0, D1, H0, H1, W0, W1,
 SKIP_NAN, NAN_WINS, HAS_NODATA, HAS_FILL, WANT_INDEX, DRAWS, ROUNDING, REPAIR) = range(26)

# One window of one axis, by its place in that axis' row of a table.
START, COUNT, NOMINAL, WEIGHT = 0, 1, 2, 3
ROW = 4


class Window(NamedTuple):
    """What a core sees: the n present samples ``x[base : base + n]`` in C order, and what goes with them."""

    x: Buffer
    base: int
    n: int
    nominal: int
    """How many positions the unclipped window has: explicit padding counts, a ceil overhang does not."""
    weights: Buffer
    """The binomial weight of each sample (``weighted`` reducers), or its squared distance from the middle
    (``central`` ones)."""
    draw: float
    """A number in [0, 1) (reducers that draw only)."""
    params: Buffer
    work: Buffer
    """Scratch for n samples; x itself is read-only."""


class _Span(NamedTuple):
    """One window's present positions on one axis: ``size`` of them, ``step`` apart."""

    start: int
    size: int
    step: int
    nominal: int
    weight: int
    """Where the first sample's weight stands in the axis' weights."""


def _span(table: Buffer, i: int, step: int) -> _Span:
    """The i-th window of an axis' table."""
    at = i * ROW
    return _Span(table[at + START], table[at + COUNT], step, table[at + NOMINAL], table[at + WEIGHT])


class _WindowRegion(NamedTuple):
    """Where one window's samples lie in the array, and which of them count."""

    src: Buffer
    origin: int
    """The flat index of the plane's first sample."""
    height: int
    width: int
    inner: int
    """The distance of neighbours along the last pooled axis."""
    d: _Span
    h: _Span
    w: _Span
    skip_nan: int
    has_nodata: int
    nodata: Buffer
    each: Buffer
    """A weight for each sample of the array, where they have some."""


def _absent(region: _WindowRegion, x: Any) -> bool:
    """Whether a sample of the array is missing: a NaN to be ignored, or the nodata value."""
    return bool((region.skip_nan and x != x) or (region.has_nodata and x == region.nodata[0]))


def _row_of(region: _WindowRegion, i: int, j: int) -> int:
    """The position in its plane of the first sample in the window's row (i, j)."""
    d, h = region.d, region.h
    return ((d.start + i * d.step) * region.height + h.start + j * h.step) * region.width + region.w.start


def _is_run(region: _WindowRegion) -> bool:
    """Whether the window's samples are neighbours in memory, in order."""
    d, h, w = region.d, region.h, region.w
    one_row = d.size == 1 and h.size == 1
    whole_rows = w.size == region.width and (h.step == 1 or h.size == 1)
    one_plane = d.size == 1 or (h.size == region.height and d.step == 1)
    return region.inner == 1 and (w.step == 1 or w.size == 1) and (one_row or (whole_rows and one_plane))


def _survey(region: _WindowRegion, start: int, n: int) -> tuple[bool, int]:
    """Whether every sample of a run is present, and which is the last NaN (or -1)."""
    last_nan = -1
    for i in range(n):
        x = region.src[start + i]
        if _absent(region, x):
            return False, -1
        if x != x:
            last_nan = i
    return True, last_nan


def _gather(region: _WindowRegion, samples: Buffer) -> tuple[int, int]:
    """Copy a window's present samples to ``samples``; return how many, and which is the last NaN (or -1)."""
    n = 0
    last_nan = -1
    gap = region.w.step * region.inner
    for i in range(region.d.size):
        for j in range(region.h.size):
            at = region.origin + _row_of(region, i, j) * region.inner
            for _ in range(region.w.size):
                x = region.src[at]
                at += gap
                if _absent(region, x):
                    continue
                if x != x:
                    last_nan = n
                samples[n] = x
                n += 1
    return n, last_nan


def gather_weights(region: _WindowRegion, along_d: Buffer, along_h: Buffer, along_w: Buffer, weights: Buffer) -> None:
    """Write the weight of each sample that ``_gather`` keeps: the product of its axes' weights."""
    n = 0
    for i in range(region.d.size):
        for j in range(region.h.size):
            at = region.origin + _row_of(region, i, j) * region.inner
            plane = along_d[region.d.weight + i] * along_h[region.h.weight + j]
            for k in range(region.w.size):
                if not _absent(region, region.src[at + k * region.w.step * region.inner]):
                    weights[n] = plane * along_w[region.w.weight + k]
                    n += 1


def gather_distances(region: _WindowRegion, along_d: Buffer, along_h: Buffer, along_w: Buffer, weights: Buffer) -> None:
    """Write how far each of those samples is from the middle of its window, squared: the sum of its axes' squares."""
    n = 0
    for i in range(region.d.size):
        for j in range(region.h.size):
            at = region.origin + _row_of(region, i, j) * region.inner
            plane = along_d[region.d.weight + i] + along_h[region.h.weight + j]
            for k in range(region.w.size):
                if not _absent(region, region.src[at + k * region.w.step * region.inner]):
                    weights[n] = plane + along_w[region.w.weight + k]
                    n += 1


def gather_sample_weights(region: _WindowRegion, along_d: Buffer, along_h: Buffer, along_w: Buffer,
                          weights: Buffer) -> None:
    """Write the product of its axes' weights, which may all be 1, and of the one that it has in the array."""
    n = 0
    for i in range(region.d.size):
        for j in range(region.h.size):
            at = region.origin + _row_of(region, i, j) * region.inner
            plane = along_d[region.d.weight + i] * along_h[region.h.weight + j]
            for k in range(region.w.size):
                if not _absent(region, region.src[at]):
                    weights[n] = plane * along_w[region.w.weight + k] * region.each[at]
                    n += 1
                at += region.w.step * region.inner


def no_weights(region: _WindowRegion, along_d: Buffer, along_h: Buffer, along_w: Buffer, weights: Buffer) -> None:
    """``gather_weights`` for the reducers that want none."""


def place(region: _WindowRegion, wanted: int) -> int:
    """The flat position in its plane of the sample that ``_gather`` kept as number ``wanted``."""
    seen = 0
    for i in range(region.d.size):
        for j in range(region.h.size):
            row = _row_of(region, i, j)
            for k in range(region.w.size):
                at = row + k * region.w.step
                if _absent(region, region.src[region.origin + at * region.inner]):
                    continue
                if seen == wanted:
                    return at
                seen += 1
    return -1


# How a core's answer reaches the output. A pick answers with the number of a sample, a value with (hi, lo).


def put_sample(window: Window, chosen: int, dst: Buffer, at: int, limits: Buffer, rounding: int) -> bool:
    """A pick in the input's own dtype: the sample itself."""
    dst[at] = window.x[window.base + chosen]
    return True


def put_sample_as_float(window: Window, chosen: int, dst: Buffer, at: int, limits: Buffer, rounding: int) -> bool:
    """A pick into another dtype, a float."""
    hi, lo = widen(window.x[window.base + chosen])
    return put_float(dst, at, hi, lo)


def put_sample_as_integer(window: Window, chosen: int, dst: Buffer, at: int, limits: Buffer, rounding: int) -> bool:
    """A pick into another dtype, an integer."""
    hi, lo = widen(window.x[window.base + chosen])
    return put_integer(dst, at, hi, lo, limits, rounding)


def put_value_as_float(window: Window, value: Pair, dst: Buffer, at: int, limits: Buffer, rounding: int) -> bool:
    """A value into a float dtype."""
    return put_float(dst, at, value[0], value[1])


def put_value_as_integer(window: Window, value: Pair, dst: Buffer, at: int, limits: Buffer, rounding: int) -> bool:
    """A value into an integer dtype."""
    return put_integer(dst, at, value[0], value[1], limits, rounding)


def nan_pick(last_nan: int) -> int:
    """The pick of a window in which NaN wins: its last NaN, as PyTorch."""
    return last_nan


def nan_value(last_nan: int) -> Pair:
    """The value of a window in which NaN wins."""
    return NOT_A_NUMBER, 0.0


def locate_unrepresentable(region: _WindowRegion, value: Pair) -> int:
    """``place`` for a value, which stands nowhere in the input."""
    return -1


def make_kernel(core: Callable[..., Any], put: Callable[..., bool], of_nan: Callable[[int], Any],
                place_of: Callable[..., int], weigh: Callable[..., None]) -> Callable[..., int]:
    """Return the kernel for one reducer's core and one way of writing: a function over flat buffers.

    It returns 0, or 1 + the flat output index of the first value that has no place in the output's dtype. With
    ``REPAIR`` only the windows whose value in ``dst`` is not finite are computed.
    """

    def pool_windows(src: Buffer, dst: Buffer, nodata: Buffer, fill: Buffer, index: Buffer, geometry: Buffer,
                     table_d: Buffer, table_h: Buffer, table_w: Buffer, along_d: Buffer, along_h: Buffer,
                     along_w: Buffer, each: Buffer, draws: Buffer, params: Buffer, limits: Buffer, samples: Buffer,
                     work: Buffer, weights: Buffer) -> int:
        height, width, inner = geometry[H], geometry[W], geometry[INNER]
        plane = geometry[D] * height * width * inner
        skip_nan, nan_wins, has_nodata = geometry[SKIP_NAN], geometry[NAN_WINS], geometry[HAS_NODATA]
        for a in range(geometry[A0], geometry[A1]):
            for i in range(geometry[D1] - geometry[D0]):
                d = _span(table_d, i, geometry[STEP_D])
                for j in range(geometry[H1] - geometry[H0]):
                    h = _span(table_h, j, geometry[STEP_H])
                    row = (a * geometry[OUT_D] + geometry[D0] + i) * geometry[OUT_H] + geometry[H0] + j
                    for k in range(geometry[W1] - geometry[W0]):
                        w = _span(table_w, k, geometry[STEP_W])
                        at = (row * geometry[OUT_W] + geometry[W0] + k) * inner
                        for c in range(inner):
                            if geometry[REPAIR] and dst[at + c] - dst[at + c] == 0:
                                continue  # finite already, so what wrote it was right
                            region = _WindowRegion(src, a * plane + c, height, width, inner, d, h, w, skip_nan,
                                                   has_nodata, nodata, each)
                            x, base, n = src, a * plane + _row_of(region, 0, 0), d.size * h.size * w.size
                            in_place, last_nan = _survey(region, base, n) if _is_run(region) else (False, -1)
                            if not in_place:
                                x, base = samples, 0
                                n, last_nan = _gather(region, samples)
                            if n == 0:
                                if not geometry[HAS_FILL]:
                                    return int(at + c + 1)
                                dst[at + c] = fill[0]
                                if geometry[WANT_INDEX]:
                                    index[at + c] = -1
                                continue
                            weigh(region, along_d, along_h, along_w, weights)
                            number = draws[at + c] if geometry[DRAWS] else 0.0
                            window = Window(x, base, n, d.nominal * h.nominal * w.nominal, weights, number, params,
                                            work)
                            answer = of_nan(last_nan) if nan_wins and last_nan >= 0 else core(window)
                            if not put(window, answer, dst, at + c, limits, geometry[ROUNDING]):
                                if not geometry[HAS_FILL]:
                                    return int(at + c + 1)
                                dst[at + c] = fill[0]
                            if geometry[WANT_INDEX]:
                                index[at + c] = place_of(region, answer)
        return 0

    return pool_windows
