"""The words that options take, and what other libraries call our keywords. Read by ``--help``, so without NumPy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

PAD_MODES = ("exclude", "constant", "reflect", "edge", "wrap")
NAN_MODES = ("propagate", "ignore", "error")
ROUNDINGS = ("half-up", "half-even", "floor", "ceil")
DTYPES = ("bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64",
          "float16", "float32", "float64")

KEYWORDS: Mapping[str, str] = {
    "kernel": "size", "kernel_size": "size", "kernel_shape": "size", "ksize": "size", "pool_size": "size",
    "window": "size", "window_size": "size", "block_size": "size", "strides": "stride", "step": "stride",
    "pad": "padding", "pads": "padding", "dilations": "dilation", "dilation_rate": "dilation", "ceil": "ceil_mode",
    "output_size": "adaptive", "output_ratio": "fractional", "data_format": "layout", "axes": "layout",
    "return_index": "return_indices", "indices": "return_indices", "no_data": "nodata", "mask_value": "nodata",
    "fill_value": "pad_value", "cval": "pad_value", "padding_mode": "pad_mode", "norm_type": "p", "exponent": "p",
    "divisor_override": "divisor", "random_seed": "seed", "rounding": "round", "keepdims": "squeeze", "type": "dtype",
}
"""By the word of PyTorch, Keras, ONNX, OpenCV, SciPy, scikit-image or GDAL, our keyword: for suggestions only."""


def suggest_keywords(name: str, known: Iterable[str]) -> list[str]:
    """Return the keywords that a misspelt or foreign one may mean: the alias, or those that look like it."""
    from difflib import get_close_matches

    known = list(known)
    name = name.lower().replace("-", "_")
    alias = KEYWORDS.get(name)
    return [alias] if alias in known else get_close_matches(name, known)
