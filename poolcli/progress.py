"""How far the parts of one array are (jobs, slabs, blocks): told to whoever shows it, which is nobody by default."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any


def _pass_results(results: Iterator[Any], total: int) -> Iterator[Any]:
    """The results as they are."""
    return results


shown: Callable[[Iterator[Any], int], Iterator[Any]] = _pass_results
"""Passes on parts, ``total`` of them, as they come; the command line sets it to draw a bar.

Parts of parts ask here too, such as the blocks of a slab: whoever shows them shows the outermost.
"""
