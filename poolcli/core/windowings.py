"""The table of windowings, which are kinds of windows: each is a function of one axis' length.

Commands, ``poolcli list``, the README and the test matrix are derived from these rows. To add one: one function of
one axis, one row, and its expected windows in ``tests/test_reference.py``. Nothing here imports NumPy at the start:
``poolcli --help`` reads this table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache, wraps
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ..errors import OptionError, PoolError
from .windows import Stretch, Windows, ceil_div

if TYPE_CHECKING:
    from fractions import Fraction

ALL = "all"
MOST = 2**31 - 1
"""The largest size, stride, dilation or padding: positions then stay far inside int64."""

TOUCHES = ("all", "half")
"""Which samples at the ends of an area count, where none counts by its part."""
_MOST_BOUNDS = 2**27
"""The most adaptive windows on an axis: the bounds of each are kept, 2 GiB of them."""


@dataclass(frozen=True)
class Windowing:
    """One way to lay windows along an axis."""

    name: str
    help: str
    windows: str
    """The windows on an axis of n samples, in plain text."""
    usage: str
    """How it is asked for on the command line."""
    options: tuple[str, ...]
    """The keywords that go with it."""
    build: Callable[[WindowOptions, Sequence[int]], tuple[Windows, ...]]
    serves: Callable[[Mapping[str, Any]], bool] = lambda asked: False
    """Whether the options that were given ask for it; the last row of the table that says so is taken."""
    default_size: int | None = None
    """The size of its windows where none is given; None where it needs no size."""
    check: Callable[[Mapping[str, Any]], None] = lambda checked: None
    """Raises OptionError for its options, each checked by itself, that do not go together."""
    strided: bool = False
    """Windows of one size at one stride, with padding: what needs a stride or a pad mode refuses all others."""
    in_parts: bool = False
    """Samples may count by a part, so that a sum of whole numbers may be none."""
    record: Callable[[WindowOptions, Sequence[Windows]], Mapping[str, Any]] = lambda options, windows: {}
    """What made the windows, for reports: a value for each pooled axis. By default only their number is reported."""
    words: Callable[[str, Mapping[str, Any]], str] = lambda name, record: name
    """From the name and that record, a few words for people."""
    formula: Callable[[WindowOptions, int, int, Windows], str] = lambda options, axis, axes, windows: f"{len(windows)}"
    """How many windows one of the pooled ``axes`` gets, written out with its numbers."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Other processes have the same table: a row goes there by its name."""
        return _find_windowing, (self.name,)


def _find_windowing(name: str) -> Windowing:
    """Return the row of the table that has this name."""
    return WINDOWINGS[name]


@dataclass(frozen=True)
class _ByName:
    """Values by the names of axes: those of ``{"lat": 2, "lon": 2}``. Axes that are not named are kept."""

    pairs: tuple[tuple[str, Any], ...]


NAMED_DEFAULTS: Mapping[str, Any] = MappingProxyType(
    {"size": 1, "stride": None, "dilation": 1, "padding": 0, "adaptive": "all", "fractional": 1, "area": "all",
     "scale": 1})
"""Options that take values by name, and what an axis has that another option names."""


def _pool_only(letters: str, pooled: Sequence[int]) -> str:
    """Return layout letters of which those at some places are pooled and all others are kept.

    >>> _pool_only("tHW", [0]), _pool_only("NHWC", [1, 2]), _pool_only("NCH", [1])
    ('Thw', 'NHWC', 'NAh')
    """
    found: list[str] = []
    for i, letter in enumerate(letters):
        if i in pooled:
            options = [letter.upper()] if letter.upper() not in "NC" else []
        else:
            options = [letter] if letter in "NC" else [letter.lower()]
        spare = [one.upper() if i in pooled else one for one in "abdefghijklmopqrstuvwxyz"]
        taken = {one.lower() for one in (*found, *letters)}
        found.append(next((one for one in options if one not in found), None)
                     or next(one for one in spare if one.lower() not in taken))
    return "".join(found)


@dataclass(frozen=True)
class WindowOptions:
    """What was asked of the windows, checked without knowing any array; one value or one per pooled axis."""

    windowing: Windowing
    size: Any = None
    stride: Any = None
    dilation: Any = 1
    padding: Any = 0
    ceil_mode: bool = False
    adaptive: Any = None
    fractional: Any = None
    area: Any = None
    scale: Any = None
    touch: str | None = None
    overlapping: bool = False
    random: bool = False
    seed: int = 0
    u: Fraction | None = None

    def windows(self, lengths: Sequence[int]) -> tuple[Windows, ...]:
        """The windows of each pooled axis; PoolError where they do not fit these lengths."""
        return self.windowing.build(self, lengths)

    @cached_property
    def is_named(self) -> bool:
        """Whether values are given by the names of axes."""
        return any(isinstance(getattr(self, name), _ByName) for name in NAMED_DEFAULTS)

    def for_axes(self, letters: str, names: Sequence[str] = ()) -> tuple[WindowOptions, str]:
        """Return the same with a value for each pooled axis in order, and the layout in which only those are pooled.

        Parameters
        ----------
        letters
            The layout of the array.
        names
            What its axes are called beside their letters, in order; none where letters are all there is.

        Raises
        ------
        PoolError
            Where a name is that of no axis.
        """
        given = {name: dict(value.pairs) for name in NAMED_DEFAULTS
                 if isinstance(value := getattr(self, name), _ByName)}
        wanted = {axis for values in given.values() for axis in values}
        places = {letter.swapcase(): i for i, letter in enumerate(letters)}  # a chain's stage before may have kept it
        places |= {letter: i for i, letter in enumerate(letters)} | {name: i for i, name in enumerate(names)}
        if unknown := [axis for axis in wanted if axis not in places]:
            raise PoolError(f"no axis is called {unknown[0]}; there are {', '.join(names or letters)}")
        pooled = sorted({places[axis] for axis in wanted})
        if len(pooled) < len(wanted):
            raise PoolError("an axis is named twice, by its letter and by its name; one of them would work")
        changed: dict[str, Any] = {}
        for name, values in given.items():
            by_place = {places[axis]: value for axis, value in values.items()}
            changed[name] = tuple(by_place.get(i, NAMED_DEFAULTS[name]) for i in pooled)
        if None in changed.get("stride", ()):  # the size, as where no stride is given
            sizes = per_axis(changed.get("size", self.size), len(pooled), "size")
            changed["stride"] = tuple((1 if size == ALL else size) if stride is None else stride
                                      for stride, size in zip(changed["stride"], sizes, strict=True))
        return replace(self, **changed), _pool_only(letters, pooled)

    def find_stride(self, axis: int, axes: int) -> int:
        """Return the distance from window to window on one of the pooled axes, as asked; 0 where there is none."""
        size = per_axis(self.size, axes, "size")[axis]
        if not self.windowing.strided or size == ALL:
            return 0
        return int(per_axis(self.stride, axes, "stride")[axis] or size)

    def formula(self, axis: int, axes: int, windows: Windows) -> str:
        """Return how many windows one of the pooled axes gets, as ``floor((224 + 1 + 1 - 3) / 2) + 1 = 112``.

        ``axis`` counts the pooled axes from 0, of which there are ``axes``. Zeros are left out: without padding
        ``floor((224 - 2) / 2) + 1 = 112``.
        """
        if per_axis(self.size, axes, "size")[axis] == ALL:
            return _format_whole(self, axis, axes, windows)
        return self.windowing.formula(self, axis, axes, windows)

    def value_count(self) -> int | None:
        """How many axes the values name: 3 for ``size=(2, 2, 2)``, None where each is one value for all axes."""
        values = [getattr(self, name) for name in NAMED_DEFAULTS]
        return max((len(value) for value in values if isinstance(value, tuple) and len(value) > 1), default=None)


# Fixed windows.

_MAX_CACHED_LENGTH = 1 << 12
"""Samples of the longest axis whose windows are kept: with the tables that kernels need of them some 100 kB."""


def _share_windows(build: Callable[..., Windows]) -> Callable[..., Windows]:
    """Return a function that gives the same object for the same short axis and numbers, with all it has worked out.

    A call with a new shape has mostly one new axis; the other's tables need not be made again.
    """
    cached = lru_cache(maxsize=256)(build)

    @wraps(build)
    def share(n: int, *numbers: Any) -> Windows:
        return cached(n, *numbers) if n <= _MAX_CACHED_LENGTH else build(n, *numbers)
    return share


@_share_windows
def lay_fixed(n: int, size: int, stride: int, dilation: int, before: int, after: int, ceil_mode: bool) -> Windows:
    """Windows of one size at every stride-th position, the first at -before.

    The count is PyTorch's (aten/src/ATen/native/Pool.h): in ceil mode the last window must start inside the input or
    the padding before it.
    """
    extent = dilation * (size - 1) + 1
    room = n + before + after - extent
    count = (ceil_div(room, stride) if ceil_mode else room // stride) + 1
    if ceil_mode and (count - 1) * stride >= n + before:
        count -= 1
    if count <= 0:
        spread = f" (dilated to {extent})" if dilation > 1 else ""
        padded = f" and its padding of {before + after}" if before + after else ""
        raise PoolError(f"a window of {size}{spread} does not fit an axis of {n}{padded}; a smaller size, ceil mode, "
                        "padding, or adaptive windows would work")
    starts = range(-before, -before + count * stride, stride)
    return Windows(n, starts, range(starts.start + extent, starts.stop + extent, stride), dilation, before, after)


@_share_windows
def _make_same(n: int, size: int, stride: int, dilation: int, lower: bool) -> Windows:
    """ceil(n / stride) windows, the padding split evenly; an odd one goes after (before, if lower), as TensorFlow."""
    count = ceil_div(n, stride)
    extra = max((count - 1) * stride + dilation * (size - 1) + 1 - n, 0)
    before = extra - extra // 2 if lower else extra // 2
    starts = range(-before, -before + count * stride, stride)
    extent = dilation * (size - 1) + 1
    stops = range(starts.start + extent, starts.stop + extent, stride)
    return Windows(n, starts, stops, dilation, before, extra - before)


def _make_whole(n: int) -> Windows:
    """One window over the whole axis."""
    return Windows(n, range(1), range(n, n + 1))


def keep_axis(n: int) -> Windows:
    """A window for each sample: the axis stays as it is."""
    return Windows(n, range(n), range(1, n + 1))


def _make_adaptive(n: int, count: int) -> Windows:
    """``count`` windows [floor(i n / count), ceil((i + 1) n / count)), as PyTorch."""
    import numpy as np

    if count > _MOST_BOUNDS:
        raise PoolError(f"{count} windows on an axis of {n} are more than memory is for; {_MOST_BOUNDS} are the limit")
    if count and n % count == 0:
        return Windows(n, range(0, n, n // count), range(n // count, n + 1, n // count))
    i = np.arange(count, dtype=np.int64)
    return Windows(n, i * n // count, ceil_div((i + 1) * n, count))


# Fractional windows (Graham, "Fractional Max-Pooling", arXiv 1412.6071).


def _make_fractional(n: int, ratio: Fraction, size: int | None, random: bool, overlapping: bool, u: Fraction | None,
                     words: Iterator[int]) -> Windows:
    """floor(n / ratio) windows whose steps are drawn; one word of chance for the axis, or one for each step."""
    import numpy as np

    count = int(n / ratio)
    if count < 1:
        raise PoolError(f"a ratio of {float(ratio):g} leaves nothing of an axis of {n}; it can be {n} at most")
    if size is not None and size + count - 1 > n:
        raise PoolError(f"{count} windows of {size} need {size + count - 1} samples, the axis has {n}; a smaller size "
                        "or a larger ratio would work")
    span, steps = (n, count) if size is None else (n - size, count - 1)
    edges = np.array(_random_edges(span, steps, words) if random else _draw_edges(span, steps, u, words), np.int64)
    if size is not None:
        return Windows(n, edges, edges + size)
    stops = np.minimum(edges[1:] + 1, n) if overlapping else edges[1:]
    return Windows(n, edges[:-1], stops)


def _draw_edges(span: int, steps: int, u: Fraction | None, words: Iterator[int]) -> list[int]:
    """floor((j + u) span / steps) - floor(u span / steps), j = 0 ... steps, in whole numbers: floats err in 2 %."""
    from fractions import Fraction

    word = next(words)
    u = Fraction(word >> 11, 2**53) if u is None else u
    if steps == 0:
        return [0]
    top, bottom = u.numerator, u.denominator
    shift = top * span // (bottom * steps)
    return [(j * bottom + top) * span // (bottom * steps) - shift for j in range(steps + 1)]


def _random_edges(span: int, steps: int, words: Iterator[int]) -> list[int]:
    """Steps of span // steps and one more, as many as it takes, in a drawn order (Fisher and Yates, from the end)."""
    if steps == 0:
        return [0]
    short, longer = divmod(span, steps)
    lengths = [short + 1] * longer + [short] * (steps - longer)
    for i in range(steps - 1, 0, -1):
        j = next(words) * (i + 1) >> 64
        lengths[i], lengths[j] = lengths[j], lengths[i]
    edges = [0]
    for length in lengths:
        edges.append(edges[-1] + length)
    return edges


def _random_words(seed: int) -> Iterator[int]:
    """Raw words of Philox(key=seed), in order: the same on any machine and under any NumPy."""
    import numpy as np

    source = np.random.Philox(key=seed)
    while True:
        yield from (int(word) for word in source.random_raw(64))


# Areas: windows that begin and end within samples.


def _make_areas(n: int, ratio: Fraction, touch: str | None) -> Windows:
    """floor(n / ratio) windows [i ratio, (i + 1) ratio), with all samples that they touch, or whose middle lies there.

    Where the ratio is a whole number they are fixed windows.
    """
    import numpy as np

    count = int(n / ratio)
    if count < 1:
        raise PoolError(f"a scale of {float(ratio):g} leaves nothing of an axis of {n}; it can be {n} at most")
    size, unit = ratio.numerator, ratio.denominator
    if unit == 1:
        return Windows(n, range(0, count * size, size), range(size, count * size + 1, size))
    if size * (count + 1) >= 2**53:
        raise PoolError(f"a scale of {ratio} has too many digits for an axis of {n}; fewer, or a ratio of small "
                        "numbers, would work")
    stretch = Stretch(size, unit, weighs=touch is None)
    begin = stretch.begins(count)
    if touch == "half":
        starts, stops = ceil_div(2 * begin - unit, 2 * unit), ceil_div(2 * (begin + size) - unit, 2 * unit)
    else:
        starts, stops = begin // unit, ceil_div(begin + size, unit)
    return Windows(n, starts, np.minimum(stops, n), stretch=stretch)


# From options to axes.


def per_axis(value: Any, axes: int, name: str) -> list[Any]:
    """One value for every axis, or a sequence with one for each."""
    if isinstance(value, (tuple, list)):
        if len(value) != axes:
            raise PoolError(f"{name} has {len(value)} values, but {axes} {'axis is' if axes == 1 else 'axes are'} "
                            f"pooled; one value, or {axes}, would work")
        return list(value)
    return [value] * axes


def _build_fixed(options: WindowOptions, lengths: Sequence[int]) -> tuple[Windows, ...]:
    """Fixed windows on every axis, but one window over an axis whose size is "all"."""
    axes = len(lengths)
    sizes = per_axis(options.size, axes, "size")
    strides = per_axis(options.stride, axes, "stride")
    dilations = per_axis(options.dilation, axes, "dilation")
    one_for_all = isinstance(options.padding, tuple) and len(options.padding) == 1
    paddings = per_axis(options.padding * axes if one_for_all else options.padding, axes, "padding")
    windows = []
    for n, size, stride, dilation, padding in zip(lengths, sizes, strides, dilations, paddings, strict=True):
        before, after = padding if isinstance(padding, (tuple, list)) else (padding, padding)
        windows.append(_make_whole(n) if size == ALL else
                       lay_fixed(n, size, stride or size, dilation, before, after, options.ceil_mode))
    return tuple(windows)


def _build_same(options: WindowOptions, lengths: Sequence[int]) -> tuple[Windows, ...]:
    """"Same" windows on every axis, but one window over an axis whose size is "all"."""
    axes = len(lengths)
    sizes = per_axis(options.size, axes, "size")
    strides = per_axis(options.stride, axes, "stride")
    dilations = per_axis(options.dilation, axes, "dilation")
    lower = options.padding == "same-lower"
    return tuple(_make_whole(n) if size == ALL else _make_same(n, size, stride or size, dilation, lower)
                 for n, size, stride, dilation in zip(lengths, sizes, strides, dilations, strict=True))


def _build_global(options: WindowOptions, lengths: Sequence[int]) -> tuple[Windows, ...]:
    """One window over everything."""
    return tuple(_make_whole(n) for n in lengths)


def _build_adaptive(options: WindowOptions, lengths: Sequence[int]) -> tuple[Windows, ...]:
    """As many windows as asked, "all" keeps an axis."""
    counts = per_axis(options.adaptive, len(lengths), "adaptive")
    return tuple(keep_axis(n) if count == ALL else _make_adaptive(n, count)
                 for n, count in zip(lengths, counts, strict=True))


def _build_fractional(options: WindowOptions, lengths: Sequence[int]) -> tuple[Windows, ...]:
    """Drawn windows; the axes take their words from one stream, in axis order."""
    axes = len(lengths)
    ratios = per_axis(options.fractional, axes, "fractional")
    sizes = per_axis(options.size, axes, "size")
    words = _random_words(options.seed)
    return tuple(_make_fractional(n, ratio, size, options.random, options.overlapping, options.u, words)
                 for n, ratio, size in zip(lengths, ratios, sizes, strict=True))


def _build_area(options: WindowOptions, lengths: Sequence[int]) -> tuple[Windows, ...]:
    """So many windows, or windows of so many samples, "all" keeps an axis."""
    from fractions import Fraction

    axes = len(lengths)
    if options.area is None:
        ratios = per_axis(options.scale, axes, "scale")
        return tuple(_make_areas(n, Fraction(ratio), options.touch) for n, ratio in zip(lengths, ratios, strict=True))
    counts = per_axis(options.area, axes, "area")
    if wrong := [(m, n) for m, n in zip(counts, lengths, strict=True) if m != ALL and m > n]:
        raise PoolError(f"{wrong[0][0]} areas of an axis of {wrong[0][1]} would be less than a sample each; adaptive "
                        "windows repeat samples")
    return tuple(keep_axis(n) if m == ALL else
                 _make_areas(n, Fraction(n, m), options.touch) if n else _make_adaptive(n, m)
                 for n, m in zip(lengths, counts, strict=True))


# Reports: what made the windows, and how it is said.


def window_stride(windows: Windows) -> int:
    """Return the distance from window to window; a window over the whole axis has no next one, and gives its size."""
    starts, size = windows.starts, int(windows.sizes[0])
    alone = len(starts) == 1 and size == windows.length
    return size if alone or not isinstance(starts, range) else starts.step


def _record_strided(options: WindowOptions, windows: Sequence[Windows]) -> dict[str, Any]:
    """Record fixed and same windows."""
    return {"size": [w.distinct_sizes[0] for w in windows], "stride": [window_stride(w) for w in windows],
            "padding": [[w.before, w.after] for w in windows], "dilation": [w.step for w in windows],
            "ceil": options.ceil_mode}


def _record_fractional(options: WindowOptions, windows: Sequence[Windows]) -> dict[str, Any]:
    """Record what replays the draw: ratios, and the seed or u."""
    axes = len(windows)
    ratios, sizes = (value if isinstance(value, tuple) else (value,) * axes
                     for value in (options.fractional, options.size))
    chance = {"seed": options.seed} if options.u is None else {"u": _decimal_value(options.u)}
    return {"fractional": [_decimal_value(ratio) for ratio in ratios], "size": list(sizes) if options.size else None,
            "overlapping": options.overlapping, "random": options.random, **chance}


def _record_area(options: WindowOptions, windows: Sequence[Windows]) -> dict[str, Any]:
    """Record how many windows, or the ratios, and which samples count."""
    ratios = per_axis(options.scale, len(windows), "scale")
    asked = {"area": [len(w) for w in windows]} if options.area is not None else {
        "scale": [_decimal_value(ratio) for ratio in ratios]}
    return {**asked, "touch": options.touch}


def _decimal_value(number: Fraction) -> float | str:
    """Return the decimal that was written: a number where a float gives it back, numerator/denominator elsewhere."""
    from fractions import Fraction

    near = float(number)
    return near if Fraction(repr(near)) == number else str(number)


def _join_axes(values: Sequence[Any]) -> str:
    """Write a value for each axis: 2x2, 3x2."""
    return "x".join(str(value) for value in values)


def _describe_strided(name: str, record: Mapping[str, Any]) -> str:
    """Write size, stride, and what else is not as always."""
    words = [_join_axes(record["size"])]
    if record["stride"] != record["size"]:
        words.append(f"stride {_join_axes(record['stride'])}")
    if name == "same":
        words.append(name)
    elif any(side for sides in record["padding"] for side in sides):
        padding = [str(a) if a == b else f"{a}:{b}" for a, b in record["padding"]]
        words.append(f"padding {_join_axes(padding)}")
    if any(step != 1 for step in record["dilation"]):
        words.append(f"dilation {_join_axes(record['dilation'])}")
    if record["ceil"]:
        words.append("ceil")
    if record["pad_mode"] != "exclude":
        words.append(record["pad_mode"])
    return " ".join(words)


def _describe_fractional(name: str, record: Mapping[str, Any]) -> str:
    """Write the ratio and what replays it."""
    chance = f"seed {record['seed']}" if "seed" in record else f"u {record['u']}"
    words = [f"{name} {_join_axes(record['fractional'])}", chance]
    return " ".join(words + [flag for flag in ("overlapping", "random") if record[flag]])


def _describe_area(name: str, record: Mapping[str, Any]) -> str:
    """Write how many, or the ratio, and which samples count if not all by their part."""
    words = f"{name} {_join_axes(record['area'])}" if "area" in record else f"scale {_join_axes(record['scale'])}"
    return words if record["touch"] is None else f"{words} touch {record['touch']}"


# How many windows an axis gets, by a formula with its numbers.


def _format_fixed(options: WindowOptions, axis: int, axes: int, windows: Windows) -> str:
    """floor((n + before + after - extent) / s) + 1, extent = d (k - 1) + 1; ceil, and less one, in ceil mode.

    [PyTorch, aten/src/ATen/native/Pool.h]
    """
    size = per_axis(options.size, axes, "size")[axis]
    stride = options.find_stride(axis, axes)
    extent = windows.step * (size - 1) + 1
    written = str(size) if windows.step == 1 else f"({windows.step} ({size} - 1) + 1)"
    room = " + ".join([str(windows.length), *(str(side) for side in (windows.before, windows.after) if side)])
    natural = windows.length + windows.before + windows.after - extent
    count = (ceil_div(natural, stride) if options.ceil_mode else natural // stride) + 1
    dropped = " - 1 (it would begin behind the input)" if count > len(windows) else ""
    rounded = "ceil" if options.ceil_mode else "floor"
    return f"{rounded}(({room} - {written}) / {stride}) + 1{dropped} = {len(windows)}"


def _format_same(options: WindowOptions, axis: int, axes: int, windows: Windows) -> str:
    """ceil(n / s) [TensorFlow], and the padding that this takes."""
    padded = f", padded by {windows.before} and {windows.after}" if windows.before + windows.after else ""
    return f"ceil({windows.length} / {options.find_stride(axis, axes)}) = {len(windows)}{padded}"


def _format_whole(options: WindowOptions, axis: int, axes: int, windows: Windows) -> str:
    """One window."""
    return f"one window over all {windows.length} = 1"


def _format_adaptive(options: WindowOptions, axis: int, axes: int, windows: Windows) -> str:
    """As asked, with where window i lies."""
    n, m = windows.length, len(windows)
    if per_axis(options.adaptive, axes, "adaptive")[axis] == ALL:
        return f"kept = {n}"
    return f"as asked = {m}, window i is [floor({n} i / {m}), ceil({n} (i + 1) / {m}))"


def _format_fractional(options: WindowOptions, axis: int, axes: int, windows: Windows) -> str:
    """floor(n / ratio), the ratio being the decimal that was written [Graham 2014]."""
    ratio = _decimal_value(per_axis(options.fractional, axes, "fractional")[axis])
    return f"floor({windows.length} / {ratio}) = {len(windows)}"


def _format_area(options: WindowOptions, axis: int, axes: int, windows: Windows) -> str:
    """As asked, with the ratio; or floor(n / ratio)."""
    if options.area is not None:
        kept = per_axis(options.area, axes, "area")[axis] == ALL
        return f"kept = {windows.length}" if kept else (
            f"as asked = {len(windows)}, window i is [{windows.length} i / {len(windows)}, "
            f"{windows.length} (i + 1) / {len(windows)})")
    return f"floor({windows.length} / {_decimal_value(per_axis(options.scale, axes, 'scale')[axis])}) = {len(windows)}"


# Options that do not go together.


def _check_fractional(checked: Mapping[str, Any]) -> None:
    """Steps are drawn or fixed by u; windows of one size neither cover an axis nor share a sample with the next."""
    sizes = checked.get("size")
    if ALL in (sizes if isinstance(sizes, tuple) else (sizes,)):
        raise OptionError("size", "fractional windows take whole numbers as sizes, not 'all'")
    if "u" in checked and ("seed" in checked or "random" in checked):
        raise OptionError("u", "u fixes the steps by itself; it goes neither with seed nor with random")
    if "size" in checked and "overlapping" in checked:
        raise OptionError("overlapping", "overlapping has no meaning where size fixes the windows' length")


def _check_area(checked: Mapping[str, Any]) -> None:
    """How many windows there are says how large they are."""
    if "area" in checked and "scale" in checked:
        raise OptionError("scale", "area and scale say the same in two ways; one of them would work")


_ROWS = (
    Windowing("fixed", "Windows of one size at a fixed stride.", "[i s - before, i s - before + d (k - 1) + 1)",
              "--size K [--stride S] [--padding P] [--dilation D] [--ceil]",
              ("size", "stride", "padding", "dilation", "ceil_mode"), _build_fixed, lambda asked: True, 2, strided=True,
              record=_record_strided, words=_describe_strided, formula=_format_fixed),
    Windowing("same", "Fixed windows, padded so that ceil(n / stride) of them fit.", "ceil(n / s) of them",
              "--padding same | same-lower [--size K] [--stride S] [--dilation D]",
              ("size", "stride", "padding", "dilation"), _build_same,
              lambda asked: asked.get("padding") in ("same", "same-lower"), 2, strided=True,
              record=_record_strided, words=_describe_strided, formula=_format_same),
    Windowing("global", "One window over the whole axis.", "[0, n)", "--global, --size all, --size 1xall",
              ("size",), _build_global, lambda asked: asked.get("size") == ALL,
              record=lambda options, windows: {"size": [w.length for w in windows]}, formula=_format_whole),
    Windowing("adaptive", "As many windows as asked, as even as they can be.", "[floor(i n / m), ceil((i + 1) n / m))",
              "--adaptive M", ("adaptive",), _build_adaptive, lambda asked: "adaptive" in asked,
              record=lambda options, windows: {"adaptive": [len(w) for w in windows]},
              words=lambda name, record: f"{name} {_join_axes(record['adaptive'])}", formula=_format_adaptive),
    Windowing("fractional", "Windows whose steps are drawn, for ratios between whole numbers.",
              "floor(n / ratio) of them, edges floor((j + u) n / m) - floor(u n / m)",
              "--fractional RATIO [--seed N | --u U] [--overlapping] [--random] [--size K]",
              ("fractional", "size", "overlapping", "random", "seed", "u"), _build_fractional,
              lambda asked: "fractional" in asked and "adaptive" not in asked, check=_check_fractional,
              record=_record_fractional, words=_describe_fractional, formula=_format_fractional),
    Windowing("area", "Windows of equal areas, of which samples at the ends count by their part.",
              "[i r, (i + 1) r), r = n / m", "--area M | --scale R [--touch all | half]",
              ("area", "scale", "touch"), _build_area,
              lambda asked: ("area" in asked or "scale" in asked) and not {"adaptive", "fractional"} & asked.keys(),
              check=_check_area, in_parts=True,
              record=_record_area, words=_describe_area, formula=_format_area),
)

WINDOWINGS: Mapping[str, Windowing] = {row.name: row for row in _ROWS}


# Checking what was asked.


def window_options(given: Mapping[str, Any]) -> WindowOptions:
    """Check the window options that were given (None: not given); OptionError says what would work."""
    asked = {name: value for name, value in given.items() if value is not None and value is not False}
    windowing = next(row for row in reversed(tuple(WINDOWINGS.values())) if row.serves(asked))
    for name in asked:
        if name not in windowing.options:
            raise OptionError(name, f"{name} goes with {name_homes(name)} windows, not with {windowing.name} windows")
    checked = {name: _CHECKS[name](name, value) for name, value in asked.items()}
    windowing.check(checked)
    if windowing.default_size is not None:
        checked.setdefault("size", windowing.default_size)
    return WindowOptions(windowing, **checked)


def name_homes(option: str, but: str = "") -> str:
    """Return, in words, the windowings that an option goes with; without one of them."""
    homes = [row.name for row in WINDOWINGS.values() if option in row.options and row.name != but]
    return f"{', '.join(homes[:-1])} and {homes[-1]}" if len(homes) > 1 else homes[0]


def _whole_number(name: str, value: Any, least: int) -> int:
    """A whole number from ``least`` to MOST."""
    number = value.__index__() if hasattr(value, "__index__") and not isinstance(value, bool) else None
    if number is None or not least <= number <= MOST:
        raise OptionError(name, f"{name} must be a whole number from {least} to {MOST}, not {value!r}")
    return int(number)


def _allow_per_axis(check: Callable[[str, Any], Any]) -> Callable[[str, Any], Any]:
    """The check of one value, made to take one per axis too."""
    def check_each(name: str, value: Any) -> Any:
        if isinstance(value, Mapping):
            if not value or not all(isinstance(axis, str) for axis in value):
                raise OptionError(name, f"{name} by names is a number for each, as in H=2,W=3, not {value!r}")
            return _ByName(tuple((axis, check(name, one)) for axis, one in value.items()))
        if isinstance(value, (tuple, list)):
            if not 1 <= len(value) <= 3:
                raise OptionError(name, f"{name} takes one value, or one for each of up to 3 axes, not {value!r}")
            return tuple(check(name, one) for one in value)
        return check(name, value)
    return check_each


def _check_count(name: str, value: Any) -> int:
    """A size, stride or dilation."""
    return _whole_number(name, value, 1)


def _check_count_or_all(name: str, value: Any) -> int | str:
    """A size or a number of windows, or "all"."""
    return ALL if value == ALL else _whole_number(name, value, 1)


def _check_pad(name: str, value: Any) -> Any:
    """The padding of one axis: a number, or (before, after)."""
    if isinstance(value, (tuple, list)):
        if len(value) != 2:
            raise OptionError(name, f"the padding of one axis is a number or (before, after), not {value!r}")
        return tuple(_whole_number(name, side, 0) for side in value)
    return _whole_number(name, value, 0)


def _check_padding(name: str, value: Any) -> Any:
    """A name, or the padding of every axis, or of each."""
    if value == "valid":
        return 0
    if isinstance(value, str):
        if value in ("same", "same-lower"):
            return value
        raise OptionError(name, f"padding is a number, one per axis, before and after, or same, same-lower, valid, "
                                f"not {value!r}")
    return _allow_per_axis(_check_pad)(name, value)


def _check_ratio(name: str, value: Any) -> Fraction:
    """A ratio >= 1, read as the decimal that was written: 33 samples at 1.1 are 30."""
    ratio = _parse_decimal(name, value)
    if not 1 <= ratio <= MOST:
        raise OptionError(name, f"{name} must be a ratio of at least 1, not {value!r}")
    return ratio


def _check_scale(name: str, value: Any) -> Fraction:
    """A ratio >= 1: a decimal, or two whole numbers as in 8/3."""
    text, slash, below = str(value).partition("/")
    if not slash or not below.isdecimal() or not int(below[:18]) or len(below) > 18:
        return _check_ratio(name, value)
    ratio = _parse_decimal(name, text) / int(below)
    if not 1 <= ratio <= MOST:
        raise OptionError(name, f"{name} must be a ratio of at least 1, not {value}")
    return ratio


def _check_touch(name: str, value: Any) -> str:
    """Which samples of an area count wholly: all that it touches, or those whose middle lies in it."""
    if value not in TOUCHES:
        raise OptionError(name, f"{name} is {' or '.join(TOUCHES)}, not {value!r}")
    return str(value)


def _check_u(name: str, value: Any) -> Fraction:
    """A number in [0, 1)."""
    u = _parse_decimal(name, value)
    if not 0 <= u < 1:
        raise OptionError(name, f"{name} must be from 0 to below 1, not {value!r}")
    return u


def _parse_decimal(name: str, value: Any) -> Fraction:
    """The number as it is written in decimals."""
    from fractions import Fraction  # 6 ms that --help need not pay

    try:
        if abs(float(value)) > MOST or len(str(value)) > 64:  # before 1e99999999 is written out
            raise ValueError
        return Fraction(value if isinstance(value, Fraction) else str(value))
    except (TypeError, ValueError, OverflowError, ZeroDivisionError):
        raise OptionError(name, f"{name} must be a number, not {value!r}") from None


def check_seed(name: str, value: Any) -> int:
    """A key of the generator of chance."""
    number = value.__index__() if hasattr(value, "__index__") and not isinstance(value, bool) else -1
    if not 0 <= number < 2**64:
        raise OptionError(name, f"{name} must be a whole number from 0 to 2^64 - 1, not {value!r}")
    return int(number)


def parse_min_valid(value: Any) -> int | Fraction:
    """The least valid samples of a window: a whole number of them, or a share of its samples as in "50%"."""
    from fractions import Fraction

    text = str(value).strip()
    try:
        share = Fraction(text[:-1].strip()) / 100 if text.endswith("%") else None
        number = None if share is not None else int(text)
    except (ValueError, ZeroDivisionError):
        share = number = None
    if share is not None and 0 < share <= 1:
        return share
    if number is None or number < 1:
        raise OptionError("min_valid", "min_valid must be a whole number of samples from 1 on, or a share as in 50%, "
                                       f"not {value!r}")
    return number


def check_flag(name: str, value: Any) -> bool:
    """A switch."""
    if value not in (True, False) or isinstance(value, float):
        raise OptionError(name, f"{name} is True or False, not {value!r}")
    return bool(value)


_CHECKS: Mapping[str, Callable[[str, Any], Any]] = {
    "size": _allow_per_axis(_check_count_or_all),
    "stride": _allow_per_axis(_check_count),
    "dilation": _allow_per_axis(_check_count),
    "padding": _check_padding,
    "ceil_mode": check_flag,
    "adaptive": _allow_per_axis(_check_count_or_all),
    "fractional": _allow_per_axis(_check_ratio),
    "area": _allow_per_axis(_check_count_or_all),
    "scale": _allow_per_axis(_check_scale),
    "touch": _check_touch,
    "overlapping": check_flag,
    "random": check_flag,
    "seed": check_seed,
    "u": _check_u,
}
WINDOW_KEYWORDS = tuple(_CHECKS)
"""All options that lay out windows."""
