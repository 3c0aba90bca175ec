"""How a whole run went, in a few lines."""

from __future__ import annotations

from ..report import Report
from ..text import printable

MOST_REASONS = 10


def summary(total: Report, seconds: float, expected: int = 0) -> str:
    """How many of each, how fast, and why some failed."""
    counts = {"skipped": total.skipped, "failed": total.failed, "not begun": max(0, expected - total.count)}
    parts = [f"{total.ok:,} done", *(f"{n:,} {name}" for name, n in counts.items() if n)]
    return "\n".join([f"{total.count:,} files: {', '.join(parts)}{speed(total, seconds)}", *reasons(total)])


def speed(total: Report, seconds: float) -> str:
    """How long it took, and how much that is in a second."""
    if not total.ok or seconds <= 0:
        return ""
    rates = [f"{total.ok / seconds:.3g} files/s", f"{scaled(total.pixels / seconds)}pixels/s",
             f"{scaled(total.bytes_in / seconds)}B/s read"]
    return f" in {seconds:.3g} s ({', '.join(rates)})"


def scaled(number: float) -> str:
    """Three digits and a prefix."""
    power = next((power for power in (3, 2, 1) if number >= 999.5 * 1000 ** (power - 1)), 0)
    return f"{number / 1000**power:.3g} {' kMG'[power].strip()}"


def reasons(total: Report) -> list[str]:
    """The commonest reasons of failures, a line each."""
    most = sorted(total.reasons.items(), key=lambda item: -item[1])
    lines = [f"  {n:,} failed: {printable(reason)}" for reason, n in most[:MOST_REASONS]]
    left = total.failed - sum(n for _, n in most[:MOST_REASONS])
    return [*lines, f"  {left:,} failed for other reasons"] if left and lines else lines
