"""How many windows an axis gets, by the formula of its layout, written out with its numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ...core.windowings import ALL, WindowOptions, per_axis
from ...core.windows import Windows, ceil_div
from ...report.words import decimal


def format_formula(options: WindowOptions, axis: int, axes: int, windows: Windows) -> str:
    """The formula of one of the pooled axes, as in ``floor((224 + 1 + 1 - 3) / 2) + 1 = 112``.

    ``axis`` counts the pooled axes from 0, of which there are ``axes``. Zeros are left out: without padding
    ``floor((224 - 2) / 2) + 1 = 112``.
    """
    if per_axis(options.size, axes, "size")[axis] == ALL:
        return format_whole(options, axis, axes, windows)
    return FORMULAS[options.windowing.name](options, axis, axes, windows)


def format_fixed(options: WindowOptions, axis: int, axes: int, windows: Windows) -> str:
    """floor((n + before + after - extent) / s) + 1, extent = d (k - 1) + 1; ceil, and less one, in ceil mode.

    [PyTorch, aten/src/ATen/native/Pool.h]
    """
    size = per_axis(options.size, axes, "size")[axis]
    stride = requested_stride(options, axis, axes)
    extent = windows.step * (size - 1) + 1
    written = str(size) if windows.step == 1 else f"({windows.step} ({size} - 1) + 1)"
    room = " + ".join([str(windows.length), *(str(side) for side in (windows.before, windows.after) if side)])
    natural = windows.length + windows.before + windows.after - extent
    count = (ceil_div(natural, stride) if options.ceil_mode else natural // stride) + 1
    dropped = " - 1 (it would begin behind the input)" if count > len(windows) else ""
    rounded = "ceil" if options.ceil_mode else "floor"
    return f"{rounded}(({room} - {written}) / {stride}) + 1{dropped} = {len(windows)}"


def requested_stride(options: WindowOptions, axis: int, axes: int) -> int:
    """From window to window, as asked; 0 where that is not asked for."""
    size = per_axis(options.size, axes, "size")[axis]
    if options.windowing.name not in ("fixed", "same") or size == ALL:
        return 0
    return int(per_axis(options.stride, axes, "stride")[axis] or size)


def format_same(options: WindowOptions, axis: int, axes: int, windows: Windows) -> str:
    """ceil(n / s) [TensorFlow], and the padding that this takes."""
    padded = f", padded by {windows.before} and {windows.after}" if windows.before + windows.after else ""
    return f"ceil({windows.length} / {requested_stride(options, axis, axes)}) = {len(windows)}{padded}"


def format_whole(options: WindowOptions, axis: int, axes: int, windows: Windows) -> str:
    """One window."""
    return f"one window over all {windows.length} = 1"


def format_adaptive(options: WindowOptions, axis: int, axes: int, windows: Windows) -> str:
    """As asked, with where window i lies."""
    n, m = windows.length, len(windows)
    if per_axis(options.adaptive, axes, "adaptive")[axis] == ALL:
        return f"kept = {n}"
    return f"as asked = {m}, window i is [floor({n} i / {m}), ceil({n} (i + 1) / {m}))"


def format_fractional(options: WindowOptions, axis: int, axes: int, windows: Windows) -> str:
    """floor(n / ratio), the ratio being the decimal that was written [Graham 2014]."""
    ratio = decimal(per_axis(options.fractional, axes, "fractional")[axis])
    return f"floor({windows.length} / {ratio}) = {len(windows)}"


FORMULAS: Mapping[str, Callable[[WindowOptions, int, int, Windows], str]] = {
    "fixed": format_fixed, "same": format_same, "global": format_whole, "adaptive": format_adaptive,
    "fractional": format_fractional,
}
