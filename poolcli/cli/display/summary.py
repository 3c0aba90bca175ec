"""How a whole run went, in a few lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...redact import printable
from ...report import Report

_MOST_REASONS = 10


MANY_FILES = 10
"""Files from which on the summary tells of shapes and sizes too: then it takes the place of their rows."""
_MOST_SHAPES = 4
"""Shapes that are named; of the others only how many there are."""


def format_summary(total: Report, seconds: float, expected: int = 0, unread: Mapping[str, int] | None = None) -> str:
    """How many of each, how fast, of many files also their shapes and sizes, and why some failed."""
    counts = {"skipped": total.skipped, "failed": total.failed, "not begun": max(0, expected - total.count)}
    parts = [f"{total.ok:,} done", *(f"{n:,} {name}" for name, n in counts.items() if n)]
    many = [*_list_shapes(total), *_list_sizes(total)] if total.count >= MANY_FILES else []
    passed = [f"  {unread_line(unread)}"] if unread else []
    return "\n".join([f"{total.count:,} files: {', '.join(parts)}{_format_speed(total, seconds)}", *many, *passed,
                      *_list_reasons(total)])


def unread_line(unread: Mapping[str, int]) -> str:
    """Say how many files of the folders look like pictures and were not read, and what reads them."""
    from ...files.formats import list_installs

    counts = ", ".join(f"{n:,} {ending}" for ending, n in sorted(unread.items(), key=lambda item: (-item[1], item[0])))
    would = "".join(f"; {remedy} reads {ending}" for ending, remedy in list_installs(sorted(unread)).items())
    return f"passed over, for they look like pictures and are not read: {counts}{would}"


def _list_shapes(total: Report) -> list[str]:
    """The commonest shapes before and after, with the number of files if there are several shapes."""
    if not total.shapes:
        return []
    most = sorted(total.shapes.items(), key=lambda item: -item[1])[:_MOST_SHAPES]
    named = [f"{_format_shape_of(before)} -> {_format_shape_of(after)}" + (f" ({n:,})" if n < total.ok else "")
             for (before, after), n in most]
    left = total.ok - sum(n for _, n in most)
    return [f"  shapes: {', '.join(named)}" + (f", others ({left:,})" if left else "")]


def _format_shape_of(shape: Sequence[int]) -> str:
    """A shape as it is typed: 480x320x3."""
    return "x".join(map(str, shape))


def _list_sizes(total: Report) -> list[str]:
    """What the files take before and after, as far as that is known."""
    known = total.sizes
    if not known.files:
        return []
    some = f" of {known.files:,} files" if known.files < total.ok else ""
    before, after = (f"{format_scaled(size)}B" for size in (known.before, known.after))
    return [f"  size: {before} -> {after} ({100 * known.after / known.before:.3g}%){some}"]


def _format_speed(total: Report, seconds: float) -> str:
    """How long it took, and how much that is in a second."""
    if not total.ok or seconds <= 0:
        return ""
    rates = [f"{total.ok / seconds:.3g} files/s", f"{format_scaled(total.pixels / seconds)}pixels/s",
             f"{format_scaled(total.bytes_in / seconds)}B/s read"]
    return f" in {seconds:.3g} s ({', '.join(rates)})"


def format_scaled(number: float) -> str:
    """Three digits and a prefix."""
    power = next((power for power in (3, 2, 1) if number >= 999.5 * 1000 ** (power - 1)), 0)
    return f"{number / 1000**power:.3g} {' kMG'[power].strip()}"


def _list_reasons(total: Report) -> list[str]:
    """The commonest reasons of failures, a line each."""
    most = sorted(total.reasons.items(), key=lambda item: -item[1])
    lines = [f"  {n:,} failed: {printable(reason)}" for reason, n in most[:_MOST_REASONS]]
    left = total.failed - sum(n for _, n in most[:_MOST_REASONS])
    return [*lines, f"  {left:,} failed for other reasons"] if left and lines else lines
