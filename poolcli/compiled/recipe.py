"""What a kernel is made of, and the kernel as plain Python."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Call = Callable[[Sequence[NDArray[Any]]], int]
"""A kernel ready to run on C-contiguous arrays, given in the order of its arguments."""


class Recipe(NamedTuple):
    """What a kernel is made of."""

    make: Callable[..., Callable[..., int]]
    """Closes a kernel over its parts."""
    parts: tuple[Callable[..., Any] | int, ...]
    """Functions and constants."""
    arguments: tuple[str, ...]
    """The dtype name behind each pointer argument."""
    bundled: bool = False
    """Whether like instructions beside each other are to become vector code, as loops do; it takes LLVM longer."""
    late: bool = False
    """Whether code is optimised only once all of it is inlined: a kernel of many functions compiles in two thirds of
    the time (a tile kernel in 6.0 s of 9.8 on a busy machine), but some loops are no vector code then (avg 31x31)."""

    def text(self) -> str:
        """The recipe as text, the same in every process."""
        names = [part if isinstance(part, int) else f"{part.__module__}.{part.__qualname__}"
                 for part in (self.make, *self.parts)]
        return repr((names, self.arguments, self.bundled, self.late))


def plain(recipe: Recipe) -> Call:
    """The kernel as it stands: slow, equal."""
    kernel = recipe.make(*recipe.parts)

    def call(arrays: Sequence[NDArray[Any]]) -> int:
        with np.errstate(all="ignore"):
            return kernel(*(array.reshape(-1) for array in arrays))

    return call
