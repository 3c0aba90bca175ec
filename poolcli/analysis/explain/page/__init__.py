"""A page on which a reader moves a window over the input: one HTML file, which needs nothing else and no network.

It carries the samples (or a part of them, at full resolution), the windows that were asked for, three scripts that
compute as the library does, ``windows.js``, ``reducers.js`` and ``writing.js``, and four that show it.
"""

from __future__ import annotations

import html
import json
import re
from base64 import b64encode
from dataclasses import replace
from importlib.resources import files
from typing import Any

import numpy as np

from ....core import dtypes
from ....core.plans import Plan
from ....core.reducers import REDUCERS, Reducer, check_windows
from ....core.windowings import WindowOptions
from ....core.windows import Windows, as_array
from ....errors import PoolError
from ....pooling import Pooling
from ....valid_samples import OF_DIVISOR, SampleRules, broadcast_rules, find_result_dtype
from ..exact_numbers import Array
from ..explanation import Explanation

_SCRIPTS = ("windows.js", "reducers.js", "writing.js", "colours.js", "boards.js", "controls.js", "matrix.js", "view.js")
MOST_BYTES = 480 << 10
"""Of samples: 640 KiB as base64, so that a page stays below a megabyte. 400 x 400 pixels in colour."""
_MOST_CHANNELS = 4
"""Of a larger array only the explained channel goes onto the page."""
_TYPES = {"uint8": "Uint8", "int8": "Int8", "uint16": "Uint16", "int16": "Int16", "uint32": "Uint32", "int32": "Int32",
          "float32": "Float32", "float64": "Float64"}
"""The arrays of JavaScript; it has numbers of 53 bits, so that larger integers go there as the nearest double."""
_EXACT = 2**53


def build_page(found: Explanation, array: Array, pooling: Pooling, plan: Plan, name: str, mode: str | None = None,
               palette: Array | None = None, rules: SampleRules | None = None) -> str:
    """The HTML page that begins with this explanation; ``name`` is its title.

    ``array`` is what was explained, by ``rules`` of which samples count; ``mode`` says what it is made of if it is a
    picture (``files.ImageInfo``), ``palette`` has the colours of its indices as (n, 3 or 4) bytes. A large array is cut
    to a part around the window, never scaled: what the page shows are the input's own numbers. PoolError where the
    window alone is larger than a page.
    """
    rules = broadcast_rules(rules or SampleRules(), plan)
    beside = {name: given for name, given in (("mask", rules.mask), ("weights", rules.weights)) if given is not None}
    samples = _batch_member(found, array)
    first_channel, channels = _choose_channels(found, samples)
    samples = samples[..., first_channel : first_channel + channels]
    corner, extent = _choose_part(found, samples, sum(given.itemsize for given in beside.values()))
    part = tuple(slice(i, i + n) for i, n in zip(corner, extent, strict=True))
    shown = samples[part]
    encoded = {name: _encode_samples(_batch_member(found, given)[..., first_channel : first_channel + channels][part])
             for name, given in beside.items()}
    data = {
        "name": name, "letters": found.layout, "dtype": found.input_dtype, "layout": found.layout,
        "origin": corner, "extent": extent, "channels": shown.shape[3], "firstChannel": first_channel,
        "allChannels": _find_length(found, "C"), "channel": found.kept.get("C", 0) - first_channel,
        "batch": found.kept.get("N", 0), "batches": _find_length(found, "N"), **_encode_samples(shown),
        "mask": encoded.get("mask"), "weights": encoded.get("weights"),
        "axes": _describe_axes(found, plan), "cell": [0] * (3 - len(found.at)) + list(found.at),
        "picture": mode is not None,
        "rgb": (mode or "").startswith("RGB"), "palette": _palette_colours(palette),
        "settings": _describe_controls(found, pooling),
        "reducers": [_describe_reducer(row, pooling, array, rules) for row in REDUCERS.values()
                     if row.explanation and (rules.weights is None or row.weighted_core is not None)],
        "round": pooling.round, "nodata": pooling.missing(), "skipNaN": pooling.skips_nan(), "seed": str(pooling.seed),
        "padMode": pooling.pad_mode, "padValue": pooling.pad_value, "notes": _describe_omissions(found, samples, shown),
    }
    return _fill_template(name, data)


# The samples.


def _batch_member(found: Explanation, array: Array) -> Array:
    """The member of the batch as (D, H, W, C)."""
    letters = found.layout
    chosen = array[tuple(found.kept["N"] if letter == "N" else slice(None) for letter in letters)]
    letters = letters.replace("N", "")
    pooled = [i for i, letter in enumerate(letters) if letter != "C"]
    order = [*pooled, letters.index("C")] if "C" in letters else pooled
    view = chosen.transpose(order)
    lengths = [1] * (3 - len(pooled)) + [array.shape[found.layout.index(letters[i])] for i in pooled]
    return view.reshape(*lengths, -1)


def _choose_channels(found: Explanation, samples: Array) -> tuple[int, int]:
    """Which channels are on the page: the first, and how many."""
    if samples.shape[3] <= _MOST_CHANNELS or samples.nbytes <= MOST_BYTES:
        return 0, samples.shape[3]
    return found.kept["C"], 1


def _choose_part(found: Explanation, samples: Array, beside: int = 0) -> tuple[list[int], list[int]]:
    """Where the page's part of the samples begins, and how long it is: all, or as much as goes around the window.

    ``beside`` is how many bytes the mask and the weights of a sample take.
    """
    lengths = list(samples.shape[:3])
    room = MOST_BYTES // (samples.shape[3] * (samples.itemsize + beside))
    spans = [(0, 1)] * (3 - len(found.axes)) + [(one.first, one.first + (one.count - 1) * one.step + 1)
                                                for one in found.axes]
    extent = _fit_lengths(lengths, room)
    if any(stop - start > most for (start, stop), most in zip(spans, extent, strict=True)):
        size, most = ("x".join(map(str, numbers)) for numbers in ([stop - start for start, stop in spans], extent))
        raise PoolError(f"a window of {size} samples is larger than a page, which has room for {most}; smaller windows "
                        "would work")
    corner = [min(max((start + stop - most) // 2, 0), n - most)
              for (start, stop), most, n in zip(spans, extent, lengths, strict=True)]
    return corner, extent


def _fit_lengths(lengths: list[int], room: int) -> list[int]:
    """Lengths of at most so many positions together: the longest axes are cut to one length."""
    left = room
    extent = list(lengths)
    for rank, axis in enumerate(sorted(range(len(lengths)), key=lengths.__getitem__)):
        extent[axis] = min(lengths[axis], max(1, int(left ** (1 / (len(lengths) - rank)))))
        left //= extent[axis]
    return extent


def _encode_samples(shown: Array) -> dict[str, str]:
    """The samples in base64, little-endian, as a type that JavaScript has."""
    whole = dtypes.as_read(shown.astype(dtypes.check_dtype(shown.dtype)))
    if whole.dtype.name not in _TYPES:
        whole = whole.astype(np.float64)
    little = np.ascontiguousarray(whole).astype(whole.dtype.newbyteorder("<"))
    return {"kind": _TYPES[whole.dtype.name], "base64": b64encode(little.tobytes()).decode("ascii")}


def _palette_colours(palette: Array | None) -> list[list[int]] | None:
    """A palette as red, green, blue and opacity."""
    if palette is None:
        return None
    return [[*colour[:3], colour[3] if len(colour) > 3 else 255] for colour in palette.tolist()]


def _describe_omissions(found: Explanation, samples: Array, shown: Array) -> list[str]:
    """What of the input is not on the page."""
    said = []
    if shown.shape[:3] != samples.shape[:3]:
        said.append("A part of the input, at full resolution: the whole is larger than a page.")
    if shown.shape[3] != _find_length(found, "C"):
        said.append(f"Channel {found.kept['C']} of {_find_length(found, 'C')}: all are more than a page holds.")
    if shown.dtype.kind in "iu" and shown.dtype.itemsize == 8 and max(abs(int(shown.min())), int(shown.max())) > _EXACT:
        said.append("Numbers beyond 2^53 are rounded here: JavaScript has no larger ones.")
    return said


# The windows and the reducers.


def _find_length(found: Explanation, letter: str) -> int:
    """The length of a kept axis; 1 for one that is not there."""
    return found.output_shape[found.layout.index(letter)] if letter in found.layout else 1


def _describe_axes(found: Explanation, plan: Plan) -> list[dict[str, Any]]:
    """The windows that were asked for, along three axes; those that the input lacks have no letter."""
    missing = Windows(1, range(1), range(1, 2))
    every = [("", missing)] * (3 - len(found.axes)) + list(zip(plan.axes.pooled_letters, plan.windows, strict=True))
    return [{"letter": letter, "length": one.length, "starts": as_array(one.starts).tolist(),
             "stops": as_array(one.stops).tolist(), "step": one.step, "before": one.before, "after": one.after,
             "stretch": {"size": one.stretch.size, "unit": one.stretch.unit} if one.weighs and one.stretch else None}
            for letter, one in every]


def _describe_controls(found: Explanation, pooling: Pooling) -> dict[str, Any]:
    """What the controls say at first: the windows as they were given, in numbers where every axis has the same."""
    last, options = found.axes[-1], pooling.window
    size = len(last.positions)
    strides = options.stride if isinstance(options.stride, (tuple, list)) else [options.stride]
    return {"reducer": found.reducer, "windowing": "given", "size": size, "stride": strides[-1] or size,
            "padding": max(last.before, 0), "dilation": last.step, "ceil": options.ceil_mode, "count": last.windows,
            "parameters": dict(pooling.parameters)}


def _describe_reducer(row: Reducer, pooling: Pooling, array: Array, rules: SampleRules) -> dict[str, Any]:
    """A reducer as the page needs it: its parameters, and the result's dtypes, by the flag of a variant."""
    weights = None if rules.weights is None else rules.weights.dtype
    rows = {"": row, **row.variants}

    def name_types(window: WindowOptions) -> dict[str, str]:
        return {flag: find_result_dtype(replace(pooling, reducer=one, window=window), array.dtype, weights).name
                for flag, one in rows.items()}

    parameters = [{"name": p.name, "kind": p.kind, "default": p.default, "help": p.help} for p in row.parameters
                  if weights is None or p.name not in OF_DIVISOR]
    return {"name": row.name, "help": row.help, "value": row.value, "parameters": parameters,
            "takesParts": row.takes_parts,
            "dtypes": {"given": name_types(pooling.window), "chosen": name_types(check_windows(row, {"size": 2}))}}


# The file.


def _fill_template(name: str, data: dict[str, Any]) -> str:
    """The template with everything in it."""
    parts = {"title": html.escape(name), "style": _read_asset("page.css"), "data": _embed_json(data),
             "script": "\n".join(_read_asset(script) for script in _SCRIPTS)}
    # in one pass: a name may look like a place of the template
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], _read_asset("page.html"))


def _read_asset(name: str) -> str:
    """A file of this folder."""
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _embed_json(data: dict[str, Any]) -> str:
    """JSON that cannot end the script element that it stands in, whatever a file is called.

    Infinite parameters and nodata are strings there, since JSON has no such numbers.
    """
    text = json.dumps(_encode_infinities(data), ensure_ascii=True, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _encode_infinities(value: Any) -> Any:
    """The same with infinities and NaN as text."""
    if isinstance(value, dict):
        return {key: _encode_infinities(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_encode_infinities(one) for one in value]
    return str(value) if isinstance(value, float) and not np.isfinite(value) else value
