"""Layout letters and the canonical view: which axes are pooled, and how any array becomes what kernels see."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

from ..errors import LayoutError, OptionError, PoolError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_DEFAULT_LAYOUTS = {1: "L", 2: "HW", 3: "HWC", 4: "NHWC", 5: "NDHWC"}
"""By number of dimensions: channels last, as images and Keras have it."""
_CHANNEL_FIRST = {3: "CHW", 4: "NCHW", 5: "NCDHW"}
"""The same with channels first, as PyTorch has it."""
_MOST_CHANNELS_OF_A_PIXEL = 4
"""Red, green, blue and alpha: a last axis of at most so many, shorter than the pooled ones, can only be channels."""
KEPT = "NC"
"""Batch and channel are kept apart; every other capital letter is pooled. Files name other kept axes by small ones."""
MOST_POOLED = 3


@dataclass(frozen=True)
class Axes:
    """The axes of an array, by their letters."""

    letters: str

    @cached_property
    def pooled(self) -> tuple[int, ...]:
        """The numbers of the pooled axes, in array order."""
        return tuple(i for i, letter in enumerate(self.letters) if letter not in KEPT and letter.isupper())

    @cached_property
    def inner(self) -> tuple[int, ...]:
        """The kept axes behind the last pooled one: neighbours in memory that belong to different planes."""
        return tuple(range(self.pooled[-1] + 1, len(self.letters)))

    @cached_property
    def outer(self) -> tuple[int, ...]:
        """The other kept axes."""
        return tuple(i for i in range(self.pooled[-1]) if i not in self.pooled)

    @cached_property
    def order(self) -> tuple[int, ...]:
        """The axes in canonical order; the order they have already, unless a kept axis lies between pooled ones."""
        return self.outer + self.pooled + self.inner

    @property
    def pooled_letters(self) -> str:
        """The letters of the pooled axes."""
        return "".join(self.letters[i] for i in self.pooled)

    def canonical_shape(self, shape: Sequence[int]) -> tuple[int, int, int, int, int]:
        """(outer, D, H, W, inner); fewer than three pooled axes leave D, then H, at 1."""
        outer = inner = 1
        for i in self.outer:
            outer *= shape[i]
        for i in self.inner:
            inner *= shape[i]
        d, h, w = (1,) * (MOST_POOLED - len(self.pooled)) + tuple(shape[i] for i in self.pooled)
        return outer, d, h, w, inner

    def canonical(self, array: NDArray[Any]) -> NDArray[Any]:
        """The array as (outer, D, H, W, inner): a view where its memory allows, a C-contiguous copy otherwise."""
        import numpy as np

        view = np.ascontiguousarray(array.transpose(self.order))
        return view.reshape(self.canonical_shape(array.shape))

    def restore(self, canonical: NDArray[Any], shape: Sequence[int]) -> NDArray[Any]:
        """The array of ``shape`` that a canonical result stands for (a view)."""
        inverse = sorted(range(len(self.order)), key=self.order.__getitem__)
        return canonical.reshape([shape[i] for i in self.order]).transpose(inverse)


@lru_cache(maxsize=64)
def _axes_of(letters: str) -> Axes:
    """Return the axes of these letters: one object for each layout, with what it has worked out."""
    return Axes(letters)


def check_layout(letters: str) -> str:
    """Check a layout's letters without knowing an array."""
    if not (isinstance(letters, str) and letters.isascii() and letters.isalpha() and not letters.islower()):
        raise OptionError("layout", f"layout names every axis by a capital letter, as in NCHW, not {letters!r}")
    if len(set(letters)) < len(letters):
        raise OptionError("layout", f"layout {letters} names an axis twice")
    pooled = [letter for letter in letters if letter not in KEPT and letter.isupper()]
    if not 1 <= len(pooled) <= MOST_POOLED:
        raise OptionError("layout", f"layout {letters} has {len(pooled)} axes to pool; 1 to {MOST_POOLED} can be "
                                    "(N, C and small letters are kept, every other is pooled)")
    return letters


def resolve(shape: Sequence[int], letters: str | None) -> Axes:
    """The axes of an array of this shape."""
    if not shape:
        raise PoolError("an array without axes cannot be pooled; it needs at least one")
    if letters is None:
        letters = guess_layout(shape)
    if len(letters) != len(shape):
        example = _DEFAULT_LAYOUTS.get(len(shape), "NDHWC")
        raise PoolError(f"layout {letters} names {len(letters)} axes, the array of shape {describe(shape)} has "
                        f"{len(shape)}; a layout such as {example} would work")
    axes = _axes_of(letters)
    for i in axes.pooled:
        if shape[i] == 0:
            raise PoolError(f"axis {letters[i]} of shape {describe(shape)} has no samples")
    return axes


def describe(shape: Sequence[int]) -> str:
    """A shape as people write it: 480x320x3."""
    return "x".join(str(n) for n in shape) or "()"


def guess_layout(shape: Sequence[int]) -> str:
    """Return the layout of an array for which nobody gave one: L, HW, or channels last where the shape is clear.

    Raises LayoutError where the channels may as well be first, PoolError for more than five axes.
    """
    count = len(shape)
    if count not in _DEFAULT_LAYOUTS:
        raise PoolError(f"an array of shape {describe(shape)} has {count} axes; at most 5 can be pooled")
    last = _DEFAULT_LAYOUTS[count]
    if count in _CHANNEL_FIRST and not _is_channel_last(shape, _axes_of(last)):
        raise LayoutError(tuple(shape), (_CHANNEL_FIRST[count], last))
    return last


def _is_channel_last(shape: Sequence[int], axes: Axes) -> bool:
    """Whether the last axis is too short to be anything but the channels of pixels."""
    return shape[-1] <= _MOST_CHANNELS_OF_A_PIXEL and all(shape[-1] < shape[i] for i in axes.pooled)


def pick_layout(layouts: Sequence[str], count: int) -> str | None:
    """Return the first of some layouts that names so many axes, or None."""
    return next((letters for letters in layouts if len(letters) == count), None)
