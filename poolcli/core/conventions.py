"""How other systems pool: what each does where nobody says otherwise, in our options. Without NumPy, for --help.

A convention is the rule, as the system documents it. Options that are given come before it; those of fixed windows are
left out where the windows are of another kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import OptionError
from .windowings import WINDOW_KEYWORDS, window_options

_DEFAULT_SIZE = 2
_TRAITS = ("pad_mode", "count_include_pad")
"""Options beside the windows' own that go with fixed windows alone."""
Options = Mapping[str, Any]
_NEIGHBOURS: Options = {"stride": 1, "padding": "same-lower"}
"""A filter: a window around each sample, of an even size with one more before it."""
_EDGES: Options = {**_NEIGHBOURS, "pad_mode": "edge"}


def _pad_with_zeros(size: Any) -> Any:
    """Padding behind each axis, so that the last partial window is filled up."""
    sizes = size if isinstance(size, (tuple, list)) else (size,)
    return tuple((0, max(int(one) - 1, 0)) if one != "all" else (0, 0) for one in sizes)


@dataclass(frozen=True)
class _Convention:
    """One system."""

    name: str
    help: str
    """Which functions it is about, and what is particular to them."""
    reducers: Mapping[str, Options]
    """By reducer, the options that make it what the system does: values, or functions of the size."""
    of_sizes: Mapping[tuple[str, int], Options] = field(default_factory=dict)
    """By reducer and size, where that matters."""
    strays: str = ""
    """Where the system's results are not those of its rule."""


_ROWS = (
    _Convention("torch", "torch.nn MaxPool, AvgPool, LPPool: padding counts in means, a ceil overhang does not.",
                {"max": {}, "avg": {"count_include_pad": True}, "lp": {}},
                strays="LPPool takes powers of x, not of |x|, and scales partial windows up to whole ones; means of "
                      "integers are cut off"),
    _Convention("keras", "keras.layers MaxPooling, AveragePooling: padding never counts; same puts the odd one behind.",
                {"max": {}, "avg": {}}),
    _Convention("onnx", "MaxPool, AveragePool, LpPool: the stride is 1 unless it is given; padding does not count.",
                {"max": {"stride": 1}, "avg": {"stride": 1}, "lp": {"stride": 1}}),
    _Convention("pillow", "Image.reduce (partial windows at the end, halves up), MaxFilter, MinFilter, MedianFilter.",
                {"avg": {"ceil_mode": True, "round": "half-up"}, "max": _EDGES, "min": _EDGES, "median": _EDGES},
                strays="reduce multiplies by a rounded 1/n: unless n is a power of two, one result in n is 1 too low "
                      "(11 % of 3 x 3)"),
    _Convention("opencv", "resize INTER_AREA (halves to even, of 2 x 2 up), dilate, erode, medianBlur.",
                {"avg": {"round": "half-even"}, "max": _NEIGHBOURS, "min": _NEIGHBOURS, "median": _EDGES},
                {("avg", 2): {"round": "half-up"}}),
    _Convention("skimage", "measure.block_reduce: the array is filled up with zeros, which count.",
                {name: {"padding": _pad_with_zeros, "pad_mode": "constant"}
                 for name in ("max", "min", "avg", "sum", "median", "var", "std")},
                strays="sums and means in an integer dtype overflow there"),
    _Convention("scipy", "ndimage.maximum_filter, minimum_filter: a window around each sample.",
                {"max": _NEIGHBOURS, "min": _NEIGHBOURS}),
)

CONVENTIONS: Mapping[str, _Convention] = {row.name: row for row in _ROWS}


def _find_convention(like: Any, reducer: str) -> _Convention:
    """The row of a system; OptionError where there is none, or where it has no such reducer."""
    if not isinstance(like, str) or like not in CONVENTIONS:
        raise OptionError("like", f"like must be one of {', '.join(CONVENTIONS)}, not {like!r}")
    row = CONVENTIONS[like]
    if reducer not in row.reducers:
        raise OptionError("like", f"{like} has no rule for {reducer}; those it has: {', '.join(row.reducers)}")
    return row


def list_differences(like: str, reducer: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The options that a system's convention adds to those that were given, by our keywords.

    >>> list_differences("onnx", "max", {"size": 3}), list_differences("opencv", "avg", {"size": 2})
    ({'stride': 1}, {'round': 'half-up'})
    >>> list_differences("onnx", "max", {"size": 3, "stride": 3}), list_differences("onnx", "max", {"adaptive": 7})
    ({}, {})
    """
    row, size = _find_convention(like, reducer), given.get("size", _DEFAULT_SIZE)
    sizes = set(size) if isinstance(size, (tuple, list)) else {size} if isinstance(size, int) else set()
    asked = {name: value for name, value in given.items()
             if name in WINDOW_KEYWORDS and name != "seed"}
    fixed = window_options(asked).windowing.strided and not isinstance(size, Mapping)
    options = dict(row.reducers[reducer])
    if len(sizes) == 1:
        options |= row.of_sizes.get((reducer, sizes.pop()), {})
    found = {name: value(size) if callable(value) else value for name, value in options.items()
             if fixed or (name not in WINDOW_KEYWORDS and name not in _TRAITS)}
    if given.get("padding") is not None:  # what is said of padding is about the system's own
        found.pop("pad_mode", None)
    return {name: value for name, value in found.items() if given.get(name) is None or given.get(name) is False}


def apply_convention(reducer: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The options with those of the system that ``like`` names among them, which goes."""
    rest = {name: value for name, value in given.items() if name != "like"}
    return rest if given.get("like") is None else {**list_differences(given["like"], reducer, rest), **{
        name: value for name, value in rest.items() if value is not None and value is not False}}


def describe_differences(like: str, reducer: str, given: Mapping[str, Any]) -> str:
    """What a system does otherwise than poolcli, in a line; ``given`` are the keywords beside ``like``.

    >>> describe_differences("onnx", "max", {"size": 3})
    'like onnx, max has stride=1'
    >>> describe_differences("keras", "max", {})
    'like keras, max has no other defaults than here'
    """
    found = [f"{name}={value!r}" if isinstance(value, tuple) else f"{name}={value}"
             for name, value in list_differences(like, reducer, given).items()]
    strays = CONVENTIONS[like].strays
    return (f"like {like}, {reducer} has {', '.join(found) or 'no other defaults than here'}"
            + (f"; its results stray from that rule: {strays}" if strays else ""))
