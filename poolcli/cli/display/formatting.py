"""Shapes, bytes and shares as people read them."""

from __future__ import annotations

from collections.abc import Sequence


def format_shape(shape: Sequence[int]) -> str:
    """480x320x3."""
    return "x".join(str(n) for n in shape) or "()"


def format_axes(values: Sequence[str]) -> str:
    """One value where all are the same, else one for each axis: 3, or 3x5."""
    return values[0] if len(set(values)) == 1 else "x".join(values)


def format_bytes(count: int) -> str:
    """19.5 MiB; a KiB is 1,024 bytes."""
    if count < 1024:
        return f"{count} B"
    size, units = float(count), iter(("KiB", "MiB", "GiB", "TiB", "PiB", "EiB"))
    unit = ""
    while size >= 1023.95 or not unit:
        size, unit = size / 1024, next(units, "EiB")
    return f"{size:.1f} {unit}"


def format_percent(share: float) -> str:
    """A share; never rounded to all, nor to nothing."""
    text = f"{100 * share:.3g}"
    if share < 1 and text == "100":
        return "99.9%"
    return f"{text}%"
