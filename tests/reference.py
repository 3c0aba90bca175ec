"""The slow oracle: what `poolcli.pool` must give, in plain Python loops and exact arithmetic.

It imports nothing of poolcli. A window is a list of positions, a sample is an `int` or a `float`, a result is
an exact `Fraction` wherever the rule is rational, and it is rounded to the result's dtype once, at the very
end. A new reducer needs one line in `ORACLES`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, product
from typing import Any, NamedTuple

import numpy as np

Number = int | float | Fraction


@dataclass(frozen=True)
class Options:
    """Every keyword of `poolcli.pool`, with its default."""

    size: Any = None
    stride: Any = None
    padding: Any = 0
    dilation: Any = 1
    ceil_mode: bool = False
    adaptive: Any = None
    fractional: Any = None
    area: Any = None
    scale: Any = None
    touch: str | None = None
    seed: int = 0
    u: Any = None
    overlapping: bool = False
    random: bool = False
    layout: str | None = None
    squeeze: bool = False
    pad_mode: str = "exclude"
    pad_value: Any = 0
    nan: str = "propagate"
    nodata: Any = None
    dtype: Any = None
    round: str = "half-up"
    count_include_pad: bool = False
    divisor: int | None = None
    return_indices: bool = False
    p: float | None = None
    q: float = 0.5
    r: float = 1.0
    eps: float = 1e-6
    weight: float = 0.5
    expected: bool = False
    alpha: float = 1.0
    beta: float = 0.5
    n: int = 2
    share: float = 0.25
    period: float = 360.0
    base: float | None = None


# --- geometry: one axis, its windows as lists of positions ---


@dataclass(frozen=True)
class Axis:
    """n samples between `before` and `after` padded ones; each window is its k nominal positions in order."""

    n: int
    windows: list[list[int]]
    before: int = 0
    after: int = 0

    def present(self, q: int) -> bool:
        """Say whether position q is a sample of the array."""
        return 0 <= q < self.n

    def nominal(self, q: int) -> bool:
        """Say whether position q is a sample or explicit padding; a ceil overhang is neither."""
        return -self.before <= q < self.n + self.after


def fixed(n: int, k: Any, s: int, d: int, padding: Any, ceil_mode: bool) -> Axis:
    """Windows of k samples, d apart, every s samples, from -before on."""
    if k == "all":
        return Axis(n, [list(range(n))])
    extent = d * (k - 1) + 1
    if padding in ("same", "same-lower"):
        count = -(-n // s)
        total = max((count - 1) * s + extent - n, 0)
        before = total // 2 if padding == "same" else total - total // 2
        after = total - before
    else:
        before, after = padding if isinstance(padding, tuple) else (padding, padding)
        steps = Fraction(n + before + after - extent, s)
        count = (math.ceil(steps) if ceil_mode else math.floor(steps)) + 1
        if ceil_mode and (count - 1) * s >= n + before:
            count -= 1
    return Axis(n, [[i * s - before + j * d for j in range(k)] for i in range(count)], before, after)


def adaptive(n: int, m: Any) -> Axis:
    """m windows [floor(i n/m), ceil((i+1) n/m)); "all" keeps the axis."""
    m = n if m == "all" else m
    return Axis(n, [list(range(i * n // m, -(-(i + 1) * n // m))) for i in range(m)])


def touched(n: int, ratio: Fraction, touch: str | None) -> Axis:
    """Windows [i ratio, (i + 1) ratio): the samples that they touch, or with "half" those with their middle there."""
    ends = [(i * ratio, (i + 1) * ratio) for i in range(int(n / ratio))]
    if touch == "half":
        return Axis(n, [[j for j in range(n) if a <= j + Fraction(1, 2) < b] for a, b in ends])
    return Axis(n, [list(range(math.floor(a), math.ceil(b))) for a, b in ends])


def fractional(n: int, ratio: Any, k: int | None, words: Iterator[int], o: Options) -> Axis:
    """Graham's windows: disjoint, overlapping, or k long; ratios are the decimals that were written."""
    count = math.floor(n / Fraction(str(ratio)))
    if count < 1 or (k and k + count - 1 > n):
        raise ValueError(f"{n} samples have no {count} windows")
    span, steps = (n - k, count - 1) if k else (n, count)
    edges = shuffled(span, steps, words) if o.random else stepped(span, steps, drawn(words, o))
    if k:
        return Axis(n, [list(range(e, e + k)) for e in edges])
    ends = [min(e + 1, n) if o.overlapping else e for e in edges[1:]]
    return Axis(n, [list(range(start, end)) for start, end in zip(edges, ends, strict=False)])


def drawn(words: Iterator[int], o: Options) -> Fraction:
    """The u that was written, or the next word's first 53 bits."""
    return Fraction(next(words) >> 11, 2**53) if o.u is None else Fraction(str(o.u))


def stepped(n: int, count: int, u: Fraction) -> list[int]:
    """count + 1 edges from 0 to n, pseudorandomly n / count apart."""
    if count == 0:
        return [0]
    return [math.floor((j + u) * n / count) - math.floor(u * n / count) for j in range(count + 1)]


def shuffled(n: int, count: int, words: Iterator[int]) -> list[int]:
    """count + 1 edges from 0 to n: the long steps first, then Fisher-Yates from the end."""
    if count == 0:
        return [0]
    steps = [n // count + 1] * (n % count) + [n // count] * (count - n % count)
    for i in reversed(range(1, count)):
        j = next(words) * (i + 1) >> 64
        steps[i], steps[j] = steps[j], steps[i]
    return [0, *accumulate(steps)]


def raw_words(key: int) -> Iterator[int]:
    """The raw 64-bit words of NumPy's Philox generator, one after another."""
    generator = np.random.Philox(key=key)
    while True:
        yield int(generator.random_raw())


def each(value: Any, i: int) -> Any:
    """Axis i's own value, of one for all or one per axis."""
    return value[i] if isinstance(value, (tuple, list)) else value


def axis(n: int, i: int, words: Iterator[int], o: Options) -> Axis:
    """The windows of pooled axis number i."""
    if o.fractional is not None:
        return fractional(n, each(o.fractional, i), each(o.size, i), words, o)
    if o.area is not None or o.scale is not None:
        return touched(n, Fraction(n, each(o.area, i)) if o.scale is None else Fraction(str(each(o.scale, i))), o.touch)
    if o.adaptive is not None:
        return adaptive(n, each(o.adaptive, i))
    size = 2 if o.size is None else each(o.size, i)
    stride = size if o.stride is None else each(o.stride, i)
    padding = 0 if o.padding == "valid" else each(o.padding, i)
    return fixed(n, size, stride, each(o.dilation, i), padding, o.ceil_mode)


def axes(lengths: list[int], o: Options) -> list[Axis]:
    """The windows of every pooled axis; ValueError when there is none, or one with nothing in it."""
    words = raw_words(o.seed)
    found = [axis(n, i, words, o) for i, n in enumerate(lengths)]
    for one in found:
        if not one.windows or not all(any(readable(one, q, o) for q in window) for window in one.windows):
            raise ValueError(f"no window, or an empty one, on an axis of {one.n}")
    return found


def uncovered(one: Axis) -> int:
    """How many samples of the axis are in no window."""
    return len(set(range(one.n)) - {q for window in one.windows for q in window})


def letters(ndim: int, layout: str | None = None) -> str:
    """Name every axis: what was asked, or channels last."""
    return layout or {1: "L", 2: "HW", 3: "HWC", 4: "NHWC", 5: "NDHWC"}[ndim]


def pooled_axes(layout: str) -> list[int]:
    """The axes that are neither batch nor channel."""
    return [a for a, letter in enumerate(layout) if letter not in "NC"]


# --- samples: what one window holds ---


class Window(NamedTuple):
    """The present samples in C order, and what else a rule may ask: flat places in the plane, and so on."""

    values: list[Any]
    places: list[int]
    weights: list[int]  # binomial, by the place in the nominal window
    nominal: int  # how many positions would have counted without clipping
    word: int  # the raw draw of this output
    distances: list[int]  # from the middle of the nominal window, in half samples, squared


def is_nan(value: Any) -> bool:
    """Say whether a value is a NaN."""
    return isinstance(value, float) and math.isnan(value)


def readable(one: Axis, q: int, o: Options) -> bool:
    """Say whether position q gives a sample: padding does with every pad mode but `exclude`."""
    return one.present(q) if o.pad_mode == "exclude" else one.nominal(q)


def source(q: int, n: int, mode: str) -> int:
    """Where `np.pad` takes the sample of position q from, folding as often as needed."""
    if mode == "edge":
        return min(max(q, 0), n - 1)
    if mode == "wrap":
        return q % n
    period = max(2 * (n - 1), 1)
    return min(q % period, period - q % period)


def sample(
    x: np.ndarray, cell: list[int], where: dict[int, int], geometry: dict[int, Axis], o: Options
) -> Any:
    """The value at positions `where` of the pooled axes, in the plane of `cell`; padding by its mode."""
    outside = any(not geometry[a].present(q) for a, q in where.items())
    if outside and o.pad_mode == "constant":
        return np.asarray(o.pad_value).astype(x.dtype).item()
    for a, q in where.items():
        cell[a] = source(q, geometry[a].n, o.pad_mode) if outside else q
    return x[tuple(cell)].item()


def missing(value: Any, x: np.ndarray, o: Options) -> bool:
    """Say whether a sample counts as absent: the nodata value, or a NaN to be ignored."""
    if o.nodata is not None and (
        value == x.dtype.type(o.nodata).item() or (is_nan(value) and is_nan(o.nodata))
    ):
        return True
    return is_nan(value) and o.nan == "ignore"


def look(x: np.ndarray, cell: tuple[int, ...], geometry: dict[int, Axis], word: int, o: Options) -> Window:
    """Visit the window of output `cell`, last axis fastest, and keep what is present."""
    windows = {a: g.windows[cell[a]] for a, g in geometry.items()}
    nominal = math.prod(sum(map(g.nominal, windows[a])) for a, g in geometry.items())
    found = Window([], [], [], nominal, word, [])
    for steps in product(*map(enumerate, windows.values())):
        where = {a: q for a, (_, q) in zip(windows, steps, strict=True)}
        if not all(readable(g, where[a], o) for a, g in geometry.items()):
            continue
        value = sample(x, list(cell), where, geometry, o)
        if missing(value, x, o):
            continue
        found.values.append(int(value) if isinstance(value, bool) else value)
        found.places.append(flat([where[a] for a in geometry], [g.n for g in geometry.values()]))
        found.weights.append(
            math.prod(math.comb(len(windows[a]) - 1, j) for a, (j, _) in zip(windows, steps, strict=True))
        )
        found.distances.append(
            sum((2 * q - windows[a][0] - windows[a][-1]) ** 2 for a, q in where.items())
        )
    return found


def flat(where: list[int], lengths: list[int]) -> int:
    """The flat index of a position in a plane of those lengths, in C order."""
    place = 0
    for q, n in zip(where, lengths, strict=True):
        place = place * n + q
    return place


# --- reducers: one window to one exact value ---


class Pick(NamedTuple):
    """The answer of a reducer that chooses a sample: its rank among the present ones."""

    rank: int


def total(values: list[Any]) -> Number:
    """The exact sum; infinities and NaN as IEEE arithmetic has them."""
    special = [v for v in values if isinstance(v, float) and not math.isfinite(v)]
    return sum(special) if special else sum(map(Fraction, values), Fraction(0))


def scaled(weight: Fraction, value: Any) -> Any:
    """weight times value, exactly; a zero weight drops the term."""
    if weight == 0:
        return Fraction(0)
    return value if isinstance(value, float) and not math.isfinite(value) else weight * Fraction(value)


def root(value: Number) -> Number:
    """The square root of a fraction to 1,200 binary places."""
    if isinstance(value, float):
        return math.sqrt(value) if value >= 0 else math.nan
    return Fraction(math.isqrt((value.numerator << 2400) // value.denominator), 1 << 1200)


def avg(w: Window, o: Options) -> Number:
    """Σx / divisor: the one given, the nominal count, or the present one."""
    return total(w.values) / (o.divisor or (w.nominal if o.count_include_pad else len(w.values)))


def lp(w: Window, o: Options) -> Number:
    """(Σ|x|^p)^(1/p), scaled by the largest."""
    p, top = 2.0 if o.p is None else float(o.p), float(max(map(abs, w.values)))
    if top in (0, math.inf) or p == math.inf:
        return top
    return float(top * math.fsum((abs(v) / top) ** p for v in w.values) ** (1 / p))


def gem(w: Window, o: Options) -> Number:
    """(mean max(x, eps)^p)^(1/p), scaled by the largest."""
    p, z = 3.0 if o.p is None else float(o.p), [max(float(v), o.eps) for v in w.values]
    top = max(z)
    return top if math.isinf(top) else float(top * (math.fsum((v / top) ** p for v in z) / len(z)) ** (1 / p))


def lse(w: Window, o: Options) -> Number:
    """m + log(mean e^(r(x-m))) / r, m the extreme that r favours."""
    m = max(w.values) if o.r > 0 else min(w.values)
    if math.isinf(m):
        return float(m)
    return m + math.log(math.fsum(math.exp(o.r * (v - m)) for v in w.values) / len(w.values)) / o.r


def soft(w: Window, o: Options) -> Number:
    """Σx e^(a(x-m)) / Σe^(a(x-m)); a vanished weight takes its term with it."""
    m = max(w.values) if o.alpha >= 0 else min(w.values)
    if math.isinf(m):
        return float(m)
    weights = [math.exp(o.alpha * (v - m)) for v in w.values]
    return math.fsum(v * e for v, e in zip(w.values, weights, strict=True) if e) / math.fsum(weights)


def mixed(w: Window, o: Options) -> Number:
    """weight max + (1 - weight) avg."""
    share = Fraction(o.weight)
    return total([scaled(share, max(w.values)), scaled(1 - share, total(w.values) / len(w.values))])


def ada(w: Window, o: Options) -> Number:
    """beta Σx e^s / Σe^s + (1 - beta) soft, s = 2|xm| / (x² + m²) and m the mean; two zeros are alike."""
    mean = total(w.values) / len(w.values)
    rest = soft(w, o)
    if isinstance(mean, float) or (isinstance(rest, float) and math.isinf(rest)):
        return float(rest) + (float(mean) - float(mean))
    weights = []
    for v in map(Fraction, w.values):
        like = 2 * abs(v * mean) / (v * v + mean * mean) if v or mean else 1
        weights.append(Fraction(math.exp(like)))
    alike = sum(Fraction(v) * k for v, k in zip(w.values, weights, strict=True)) / sum(weights)
    return Fraction(o.beta) * alike + (1 - Fraction(o.beta)) * Fraction(rest)


def rms(w: Window, o: Options) -> Number:
    """The root of the mean of the squares."""
    if any(isinstance(v, float) and math.isinf(v) for v in w.values):
        return math.inf
    return root(sum(Fraction(v) ** 2 for v in w.values) / len(w.values))


def geomean(w: Window, o: Options) -> Number:
    """The n-th root of the product, by logarithms."""
    if 0 in w.values:
        return math.nan if math.inf in w.values else 0.0
    return math.exp(math.fsum(math.log(v) for v in w.values) / len(w.values))


def harmean(w: Window, o: Options) -> Number:
    """n / Σ 1/x; 0 where a sample is."""
    if 0 in w.values:
        return Fraction(0)
    s = sum((1 / Fraction(v) for v in w.values if v != math.inf), Fraction(0))
    return len(w.values) / s if s else math.inf


def ranked(w: Window, cut: int, stop: int, again: int) -> Number:
    """The mean of sorted samples from one rank to another, both ends some times more."""
    kept = sorted(w.values)[cut:stop]
    return total([*kept, *[kept[0]] * again, *[kept[-1]] * again]) / (len(kept) + 2 * again)


def middle(values: list[Any]) -> Number:
    """The median: of an even number the mean of two."""
    ranks = sorted(values)
    low, high = ranks[(len(ranks) - 1) // 2], ranks[len(ranks) // 2]
    return low if low == high else total([low, high]) / 2


def mad(w: Window, o: Options) -> Number:
    """The median of the distances from the median."""
    median = middle(w.values)
    if isinstance(median, float) and math.isinf(median):
        return math.nan
    return middle([abs(v - median) if math.isinf(v) else abs(Fraction(v) - Fraction(median)) for v in w.values])


def circmean(w: Window, o: Options) -> Number:
    """The direction of the sum of unit vectors, from 0 to below the period; NaN where they cancel."""
    if any(math.isinf(v) for v in w.values):
        return math.nan
    turns = [Fraction(v) % Fraction(o.period) / Fraction(o.period) * 2 for v in w.values]
    s, c = (math.fsum(float(f(t)) for t in turns) for f in (sine, cosine))
    if math.hypot(s, c) <= 2**-48 * len(turns):
        return math.nan
    found = math.atan2(s, c) / (2 * math.pi) * o.period % o.period
    return found if o.period - found > 1e-12 * o.period else 0.0  # just below 0 is the same direction as the period


def sine(t: Fraction) -> float:
    """sin(pi t) for 0 <= t < 2, exact at halves."""
    return {0: 0.0, Fraction(1, 2): 1.0, 1: 0.0, Fraction(3, 2): -1.0}.get(t, math.sin(math.pi * t))


def cosine(t: Fraction) -> float:
    """cos(pi t) for 0 <= t < 2, exact at halves."""
    return sine((t + Fraction(1, 2)) % 2)


def stochastic(w: Window, o: Options) -> Pick | Number:
    """The first sample whose cumulative share exceeds the draw, or Σx² / Σx."""
    if math.inf in w.values or not any(w.values):
        return math.inf if o.expected and any(w.values) else Pick(w.values.index(max(w.values)))
    if o.expected:
        return total([Fraction(v) ** 2 for v in w.values]) / total(w.values)
    target = Fraction(w.word >> 11, 2**53) * total(w.values)
    return Pick(next(i for i, part in enumerate(accumulate(map(Fraction, w.values))) if part > target))


def quantile(w: Window, q: float) -> Number:
    """Between ranks floor and ceil of (N-1)q, linearly, by NumPy's two branches; a rank is its sample."""
    ranked, h = sorted(w.values), (len(w.values) - 1) * float(q)
    a, b = ranked[math.floor(h)], ranked[math.ceil(h)]
    g = Fraction(h) - math.floor(h)
    if a == b or g == 0:
        return a
    if math.isfinite(a) and math.isfinite(b):
        return Fraction(a) + (Fraction(b) - Fraction(a)) * g
    return float(a + (b - a) * g if g < 0.5 else b - (b - a) * (1 - g))


def mode(w: Window, o: Options) -> Pick:
    """The most frequent value, the smallest of equals."""
    return Pick(w.values.index(min(Counter(w.values).items(), key=lambda item: (-item[1], item[0]))[0]))


def entropy(w: Window, o: Options) -> Number:
    """-sum p log p of the shares of values."""
    shares = [k / len(w.values) for k in Counter(w.values).values()]
    return abs(math.fsum(p * math.log(p) for p in shares)) / (1.0 if o.base is None else math.log(o.base))


def var(w: Window, o: Options) -> Number:
    """mean (x - mean)²."""
    mean = total(w.values) / len(w.values)
    if isinstance(mean, float):
        return math.nan
    return total([(Fraction(v) - mean) ** 2 for v in w.values]) / len(w.values)


def blur(w: Window, o: Options) -> Number:
    """Binomially weighted mean of the present samples."""
    return total([scaled(Fraction(k), v) for k, v in zip(w.weights, w.values, strict=True)]) / sum(w.weights)


# name: (rule, dtype of the result). "input" keeps the dtype; "wide" makes integers float64, "sum" int64 or
# uint64; "width" makes signed integers the unsigned ones of their width.
ORACLES: dict[str, tuple[Callable[[Window, Options], Pick | Number], str]] = {
    "max": (lambda w, o: Pick(w.values.index(max(w.values))), "input"),
    "min": (lambda w, o: Pick(w.values.index(min(w.values))), "input"),
    "avg": (avg, "wide"),
    "sum": (lambda w, o: total(w.values), "sum"),
    "lp": (lp, "wide"),
    "l2": (lp, "wide"),
    "gem": (gem, "wide"),
    "lse": (lse, "wide"),
    "soft": (soft, "wide"),
    "mixed": (mixed, "wide"),
    "stochastic": (stochastic, "input"),
    "median": (lambda w, o: quantile(w, 0.5), "wide"),
    "quantile": (lambda w, o: quantile(w, o.q), "wide"),
    "mode": (mode, "input"),
    "var": (var, "wide"),
    "std": (lambda w, o: root(var(w, o)), "wide"),
    "range": (lambda w, o: total([max(w.values), -min(w.values)]), "width"),
    "blur": (blur, "wide"),
    "subsample": (lambda w, o: Pick(0), "input"),
    "rms": (rms, "wide"),
    "geomean": (geomean, "wide"),
    "harmean": (harmean, "wide"),
    "absmax": (lambda w, o: Pick(w.values.index(max(w.values, key=lambda v: (abs(v), v)))), "input"),
    "ada": (ada, "wide"),
    "median-low": (lambda w, o: Pick(w.values.index(sorted(w.values)[(len(w.values) - 1) // 2])), "input"),
    "median-high": (lambda w, o: Pick(w.values.index(sorted(w.values)[len(w.values) // 2])), "input"),
    "topk": (lambda w, o: ranked(w, max(len(w.values) - o.n, 0), len(w.values), 0), "wide"),
    "trimmed": (
        lambda w, o: ranked(w, c := math.floor(o.share * len(w.values)), len(w.values) - c, 0),
        "wide",
    ),
    "winsor": (
        lambda w, o: ranked(w, c := math.floor(o.share * len(w.values)), len(w.values) - c, c),
        "wide",
    ),
    "mad": (mad, "wide"),
    "circmean": (circmean, "wide"),
    "count": (lambda w, o: Fraction(len(w.values)), "count"),
    "distinct": (
        lambda w, o: Fraction(len({"nan" if is_nan(v) else v for v in w.values})),
        "count",
    ),
    "entropy": (entropy, "wide"),
    "first": (lambda w, o: Pick(0), "input"),
    "last": (lambda w, o: Pick(len(w.values) - 1), "input"),
    "centre": (lambda w, o: Pick(w.distances.index(min(w.distances))), "input"),
}


PLACES = {"subsample", "first", "last", "centre"}  # a place is kept, whatever is there
COUNTS = {"count", "distinct"}  # a NaN is a value, and no sample is 0
NONNEGATIVE = {"stochastic", "geomean", "harmean"}  # a sample below 0 is refused


def reduce(w: Window, reducer: str, o: Options) -> tuple[Number | None, int]:
    """The exact value of one window and the place of the sample it picked; None when nothing is present."""
    nans = [place for place, v in zip(w.places, w.values, strict=True) if is_nan(v)]
    if not w.values:
        return (Fraction(0) if reducer in COUNTS else None), -1
    if nans and reducer not in PLACES | COUNTS:
        return math.nan, nans[-1]
    answer = ORACLES[reducer][0](w, o)
    return (w.values[answer.rank], w.places[answer.rank]) if isinstance(answer, Pick) else (answer, -1)


# --- results: dtype, one rounding, saturation ---

ROUNDINGS: dict[str, Callable[[Fraction], int]] = {
    "half-up": lambda v: math.floor(v + Fraction(1, 2)),
    "half-even": round,
    "floor": math.floor,
    "ceil": math.ceil,
}


def result_dtype(reducer: str, x: np.dtype, o: Options) -> np.dtype:
    """The dtype of the result when the input has dtype x."""
    if o.dtype is not None:
        return np.dtype(o.dtype)
    rule = "wide" if o.expected else ORACLES[reducer][1]
    if rule == "width" and x.kind == "i":
        return np.dtype(f"u{x.itemsize}")
    if rule in ("input", "width") or (x.kind == "f" and rule != "count"):
        return np.dtype(x.newbyteorder("="))
    if rule == "count":
        return np.dtype("int64")
    if rule == "sum":
        return np.dtype("uint64" if x.kind == "u" else "int64")
    return np.dtype("float64")


def store(value: Number | None, dtype: np.dtype, o: Options) -> Any:
    """Round the exact value to dtype once; what is missing is NaN, or the nodata value for integers."""
    if value is None or is_nan(value):
        if dtype.kind != "f" and o.nodata is None:
            raise ValueError(f"{dtype} has no NaN, and no nodata value was given")
        return math.nan if dtype.kind == "f" else o.nodata
    if dtype.kind == "b":
        return value != 0
    if dtype.kind == "f":
        return nearest(value, dtype)
    low, high = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
    if isinstance(value, float) and math.isinf(value):
        return high if value > 0 else low
    return min(max(ROUNDINGS[o.round](Fraction(value)), low), high)


def nearest(value: Number, dtype: np.dtype) -> float:
    """The float of that dtype nearest to an exact value, half to even, infinite beyond the largest."""
    if (isinstance(value, float) and math.isinf(value)) or value == 0:
        return float(value)
    info, exact = np.finfo(dtype), Fraction(value)
    exponent = exact.numerator.bit_length() - exact.denominator.bit_length()
    exponent -= abs(exact) < Fraction(2) ** exponent
    unit = Fraction(2) ** (max(exponent, int(info.minexp)) - info.nmant)
    rounded = round(exact / unit) * unit
    return math.copysign(math.inf, rounded) if abs(rounded) > Fraction(float(info.max)) else float(rounded)


# --- the whole ---


def refuse(x: np.ndarray, reducer: str, o: Options) -> None:
    """Raise ValueError for samples that have no meaning, wherever they stand."""
    present = [v for v in x.ravel().tolist() if not missing(v, x, o)]
    if o.nan == "error" and any(map(is_nan, present)):
        raise ValueError("a NaN")
    if reducer in NONNEGATIVE and any(v < 0 for v in present):
        raise ValueError(f"{reducer} pooling of a negative value")


def pool(x: Any, reducer: str, **options: Any) -> Any:
    """Pool x as `poolcli.pool` must; ValueError where that must raise `PoolError`."""
    x, o = np.asarray(x), Options(**options)
    pooled = pooled_axes(letters(x.ndim, o.layout))
    geometry = dict(zip(pooled, axes([x.shape[a] for a in pooled], o), strict=True))
    refuse(x, reducer, o)
    shape = [len(geometry[a].windows) if a in geometry else n for a, n in enumerate(x.shape)]
    values = np.empty(shape, result_dtype(reducer, x.dtype, o))
    indices = np.empty(shape, np.int64)
    words = raw_words(o.seed + 2**64)
    for cell in np.ndindex(*shape):
        word = next(words) if reducer == "stochastic" else 0
        value, indices[cell] = reduce(look(x, cell, geometry, word, o), reducer, o)
        values[cell] = store(value, values.dtype, o)
    if o.squeeze:
        ones = tuple(a for a in pooled if shape[a] == 1)
        values, indices = values.squeeze(ones), indices.squeeze(ones)
    return (values, indices) if o.return_indices else values


# --- arrays to try, and comparing ---


def made(shape: tuple[int, ...], dtype: str, *, nonnegative: bool = False, seed: int = 0) -> np.ndarray:
    """A seeded array with ties and, for integers, both extremes of the dtype."""
    rng, kind = np.random.default_rng(seed), np.dtype(dtype)
    if kind.kind == "b":
        return rng.random(shape) < 0.4
    if kind.kind == "f":
        few = (rng.standard_normal(12) * 10).astype(kind)
        return rng.choice(np.abs(few) if nonnegative else few, shape)
    info = np.iinfo(kind)
    few = rng.integers(info.min, info.max, 12, dtype=kind, endpoint=True)
    few[:2] = info.min, info.max
    return rng.choice(np.where(few < 0, ~few, few) if nonnegative else few, shape)


EXACT = {"max", "min", "mode", "avg", "sum", "median", "quantile", "mixed", "var", "blur", "absmax", "topk", "trimmed",
         "winsor", "mad", "median-low", "median-high", *PLACES, *COUNTS}
SLACK = 1e-13  # of powers, exponentials and logarithms, relative to the window's values


def assert_agrees(got: np.ndarray, want: np.ndarray, x: np.ndarray, reducer: str) -> None:
    """Integers, and exact reducers of integers, to the bit; floats to 1 ulp, powers to a little more."""
    assert (got.dtype, got.shape) == (want.dtype, want.shape)
    if want.dtype.kind != "f":
        np.testing.assert_array_equal(got, want)
        return
    with np.errstate(all="ignore"):
        allowed = np.spacing(np.abs(want)) * (reducer not in EXACT or x.dtype.kind == "f")
        if reducer not in EXACT:
            finite = np.abs(x.astype(np.float64))[np.isfinite(x)]
            allowed = allowed + SLACK * (np.abs(want).astype(np.float64) + finite.max(initial=0))
        near = np.abs(got - want) <= allowed
    wrong = ~(near | (got == want) | (np.isnan(got) & np.isnan(want)))
    assert not wrong.any(), (
        f"{int(wrong.sum())} of {want.size} differ: got {got[wrong][:4]}, want {want[wrong][:4]}"
    )
