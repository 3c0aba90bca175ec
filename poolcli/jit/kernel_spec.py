"""What a kernel is made of, and the kernel as plain Python."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

KernelFunction = Callable[[Sequence[NDArray[Any]]], int]
"""A kernel ready to run on C-contiguous arrays, given in the order of its arguments."""


Part = Callable[..., Any] | int | tuple[Any, ...]
"""A function of the kernels' room, a constant, or a function that takes parts and returns one, followed by these."""


class KernelSpec(NamedTuple):
    """What a kernel is made of."""

    make: Callable[..., Callable[..., int]]
    """Closes a kernel over its parts."""
    parts: tuple[Part, ...]
    """Functions and constants, and functions that are made of others."""
    arguments: tuple[str, ...]
    """The dtype name behind each pointer argument."""
    bundled: bool = False
    """Whether like instructions beside each other are to become vector code, as loops do; it takes LLVM longer."""
    unrolled: bool = False
    """Whether loops are unrolled before they may become vector code: running sums of windows 9x9 and 31x31 take 1.0
    where they took 1.6 ms a megapixel, but the mode of 3x3 5.8 where it takes 0.25."""

    def describe(self) -> str:
        """The spec as text, the same in every process."""
        names = [_name_of(part) for part in (self.make, *self.parts)]
        return repr((names, self.arguments, self.bundled, self.unrolled))

    def kernel(self, adopt: Callable[[Callable[..., Any]], Any] = lambda made: None) -> Callable[..., int]:
        """Make the kernel; ``adopt`` is given each function that was made of others on the way."""
        return self.make(*(_assemble(part, adopt) for part in self.parts))


def _name_of(part: Part) -> Any:
    """Return what names a part, the same in every process."""
    if isinstance(part, tuple):
        return [_name_of(of) for of in part]
    return part if isinstance(part, int) else f"{part.__module__}.{part.__qualname__}"


def _assemble(part: Part, adopt: Callable[[Callable[..., Any]], Any]) -> Any:
    """Make the function that a tuple describes: its first item called with the others, themselves assembled."""
    if not isinstance(part, tuple):
        return part
    combine, *parts = part
    made = combine(*(_assemble(of, adopt) for of in parts))
    adopt(made)
    return made


def interpret(spec: KernelSpec) -> KernelFunction:
    """The kernel as it stands: slow, equal."""
    kernel = spec.kernel()

    def call(arrays: Sequence[NDArray[Any]]) -> int:
        with np.errstate(all="ignore"):
            return kernel(*(array.reshape(-1) for array in arrays))

    return call
