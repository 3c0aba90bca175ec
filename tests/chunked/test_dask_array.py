"""Dask arrays: lazy, and the bytes of one piece; and nobody else pays for it."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import poolcli
from poolcli.core.reducers import REDUCERS
from poolcli.errors import PoolError

da = pytest.importorskip("dask.array", reason='the extra is missing: pip install "poolcli[dask]"')

WINDOWS: list[dict[str, Any]] = [
    {"size": 2},
    {"size": 3, "stride": 2, "padding": 1, "ceil_mode": True},
    {"size": 3, "stride": 1, "padding": "same", "dilation": 2},
    {"size": 2, "stride": 5},
    {"size": 5, "stride": 2, "padding": 2, "pad_mode": "reflect"},
    {"size": 3, "stride": 1, "padding": ((1, 2),), "pad_mode": "wrap"},
    {"size": 3, "stride": 2, "padding": 1, "pad_mode": "constant", "pad_value": 7},
    {"adaptive": 5},
    {"adaptive": "all"},
    {"fractional": 1.6, "seed": 3},
    {"size": "all", "squeeze": True},
]
LAYOUTS = {"L": (50,), "HW": (40, 30), "HWC": (30, 20, 3), "NCHW": (2, 3, 20, 24), "DHW": (12, 10, 11)}


@st.composite
def chunked(draw: st.DrawFn, n: int) -> tuple[int, ...]:
    """Chunks of any sizes along an axis."""
    edges = [0, *sorted(draw(st.sets(st.integers(1, n - 1), max_size=4))), n] if n > 1 else [0, 1]
    return tuple(b - a for a, b in pairwise(edges))


@settings(max_examples=60)
@given(data=st.data())
def test_blocks_are_the_whole(data: st.DataObject) -> None:
    """Shape and dtype are known before, values are those of one piece, whatever reducer, layout and chunks."""
    layout = data.draw(st.sampled_from(sorted(LAYOUTS)))
    reducer = data.draw(st.sampled_from(sorted(REDUCERS)))
    dtype = data.draw(st.sampled_from(["uint8", ">u2", "int32", "float32", "float64"]))
    options = {"layout": layout, **data.draw(st.sampled_from(WINDOWS))}
    shape = LAYOUTS[layout]
    x = (np.random.default_rng(data.draw(st.integers(0, 99))).random(shape) * 100).astype(dtype)
    lazy = poolcli.pool(da.from_array(x, chunks=tuple(data.draw(chunked(n)) for n in shape)), reducer, **options)
    whole = poolcli.pool(x, reducer, **options)
    assert (lazy.shape, lazy.dtype) == (whole.shape, whole.dtype)
    assert lazy.compute(scheduler="threads").tobytes() == whole.tobytes()
    assert [sum(one) for one in lazy.chunks] == list(lazy.shape)


def test_nothing_is_computed_before_it_is_asked_for() -> None:
    """A block asked for computes the blocks that its windows reach, and no other."""
    asked = []

    def block(block_id: tuple[int, ...] = (0, 0)) -> np.ndarray:
        asked.append(block_id)
        return np.full((10, 10), sum(block_id), np.uint8)

    x = da.map_blocks(block, chunks=((10,) * 6, (10,) * 6), dtype=np.uint8, meta=np.empty((0, 0), np.uint8))
    asked.clear()
    lazy = poolcli.pool(x, "max", size=3, stride=2)
    assert asked == []
    assert lazy.blocks[2, 2].compute(scheduler="sync").shape == (5, 5)
    assert sorted(asked) == [(2, 2), (2, 3), (3, 2), (3, 3)]


def test_a_pooled_array_goes_on() -> None:
    """Slices, sums and further poolings of a lazy result are Dask's own business."""
    x = np.arange(64 * 48, dtype=np.int32).reshape(64, 48)
    lazy = poolcli.pool(poolcli.pool(da.from_array(x, chunks=20), "avg", size=2), "max", size=3, stride=1)
    whole = poolcli.pool(poolcli.pool(x, "avg", size=2), "max", size=3, stride=1)
    assert (lazy[3:9, ::2].compute() == whole[3:9, ::2]).all() and float(lazy.sum().compute()) == whole.sum()


def test_what_is_lazy_has_its_limits() -> None:
    """No ``out``, no indices, no unknown shapes, nothing of Dask's that is no array."""
    x = da.ones((8, 8), chunks=4)
    unknown = x[x[:, 0] > 0]
    bag = pytest.importorskip("dask.delayed").delayed(1)
    for call, words in ((lambda: poolcli.pool(x, "max", return_indices=True), "compute"),
                        (lambda: poolcli.pool(x, "max", out=np.ones((4, 4))), "compute"),
                        (lambda: poolcli.pool(unknown, "max"), "compute_chunk_sizes"),
                        (lambda: poolcli.pool(bag, "max"), "dask.array"),
                        (lambda: poolcli.pool(x.astype(complex), "max"), "complex"),
                        (lambda: poolcli.pool(x, "max", p=3), "parameter of lp")):
        with pytest.raises(poolcli.PoolError, match=words):
            call()


def test_arrays_of_zarr_are_taken_as_arrays() -> None:
    """What gives its values to NumPy is pooled by them."""
    zarr = pytest.importorskip("zarr", reason='the extra is missing: pip install "poolcli[zarr]"')
    x = np.arange(36, dtype=np.uint8).reshape(6, 6)
    assert (poolcli.pool(zarr.array(x), "max") == poolcli.pool(x, "max")).all()


def test_others_never_meet_dask() -> None:
    """An array of NumPy's is pooled without an import of Dask or Zarr."""
    program = ("import numpy, poolcli, sys; poolcli.pool(numpy.ones((4, 4)), 'max');"
               "assert not {'dask', 'zarr', 'poolcli.chunked'} & set(sys.modules)")
    subprocess.run([sys.executable, "-c", program], check=True)


@settings(max_examples=20)
@given(data=st.data())
def test_masks_and_weights_of_blocks_are_those_of_the_whole(data: st.DataObject) -> None:
    """Values and the numbers of valid samples, of masks in Dask's blocks or in memory, of all axes or those pooled."""
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    layout = data.draw(st.sampled_from(["HW", "HWC", "NCHW"]))
    shape = LAYOUTS[layout]
    reducer = data.draw(st.sampled_from(["max", "avg", "sum", "mode"]))
    options: dict[str, Any] = {"layout": layout, **data.draw(st.sampled_from(WINDOWS))}
    x = (rng.random(shape) * 9).astype("float32")
    pooled = tuple(n for n, letter in zip(shape, layout, strict=True) if letter not in "NC")
    lies = data.draw(st.sampled_from([shape, pooled]))
    beside: dict[str, Any] = {"mask": rng.random(lies) < 0.6}
    if reducer != "max" and "pad_mode" not in options:
        beside["weights"] = rng.integers(0, 4, lies)
    rules = {"min_valid": data.draw(st.sampled_from([None, 2, "40%"])), "return_valid": data.draw(
        st.sampled_from([False, True, "share"]))}
    chunks = tuple(data.draw(chunked(n)) for n in shape)
    given_ = {name: da.from_array(one, chunks=3) if data.draw(st.booleans()) else one for name, one in beside.items()}
    lazy = poolcli.pool(da.from_array(x, chunks=chunks), reducer, **options, **given_, **rules)
    whole = poolcli.pool(x, reducer, **options, **beside, **rules)
    for made, wanted in zip(lazy, whole, strict=True) if rules["return_valid"] else [(lazy, whole)]:
        assert (made.shape, made.dtype) == (wanted.shape, wanted.dtype)
        assert made.compute(scheduler="threads").tobytes() == wanted.tobytes()


@settings(max_examples=20)
@given(data=st.data())
def test_whole_pixels_of_blocks_are_those_of_the_whole(data: st.DataObject) -> None:
    """By a channel, by luma, or by scores in blocks of their own or in memory; channels in blocks too."""
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    layout = data.draw(st.sampled_from(["HW", "HWC", "NCHW"]))
    shape, channel = LAYOUTS[layout], layout.find("C")
    options: dict[str, Any] = {"layout": layout, **data.draw(st.sampled_from(
        [one for one in WINDOWS if "pad_mode" not in one]))}
    x = rng.integers(0, 9, shape).astype(data.draw(st.sampled_from(["uint8", "float32"])))
    pixels = tuple(n for n, letter in zip(shape, layout, strict=True) if letter != "C")
    lies = data.draw(st.sampled_from([pixels, pixels[-2:]]))
    kinds: list[Any] = [2, "luma", np.int64(1), None] if channel >= 0 else [None]
    by = data.draw(st.sampled_from(kinds))
    by = rng.integers(0, 50, lies) if by is None else 0 if layout == "NCHW" and by in (2, "luma") else by
    mask = data.draw(st.sampled_from([None, rng.random(lies) < 0.8]))
    asked: dict[str, Any] = {"mask": mask, "nodata": None if mask is None else 0, **options}
    chunks = tuple(data.draw(chunked(n)) for n in shape)
    lazy_by = da.from_array(by, chunks=4) if isinstance(by, np.ndarray) and data.draw(st.booleans()) else by
    reducer = data.draw(st.sampled_from(["max", "min", "median-low", "last"]))
    lazy = poolcli.pool(da.from_array(x, chunks=chunks), reducer, by=lazy_by, **asked)
    whole = poolcli.pool(x, reducer, by=by, **asked)
    assert (lazy.shape, lazy.dtype) == (whole.shape, whole.dtype)
    assert lazy.compute(scheduler="threads").tobytes() == whole.tobytes()


@settings(max_examples=20)
@given(data=st.data())
def test_standard_errors_of_blocks_are_those_of_the_whole(data: st.DataObject) -> None:
    """With masks, weights and a least of valid samples; values and errors are lazy, their types known."""
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    layout = data.draw(st.sampled_from(["HW", "HWC", "NCHW"]))
    shape = LAYOUTS[layout]
    options: dict[str, Any] = {"layout": layout, **data.draw(st.sampled_from(
        [one for one in WINDOWS if "pad_mode" not in one]))}
    x = (rng.random(shape) * 90).astype(data.draw(st.sampled_from(["uint8", "float32", "float64"])))
    pooled = tuple(n for n, letter in zip(shape, layout, strict=True) if letter not in "NC")
    lies = data.draw(st.sampled_from([shape, pooled]))
    beside: dict[str, Any] = {"sigma": rng.random(lies).astype("float32")}
    beside |= {"mask": rng.random(lies) < 0.7} if data.draw(st.booleans()) else {}
    beside |= {"weights": rng.integers(0, 4, lies)} if data.draw(st.booleans()) else {}
    rules = {"min_valid": data.draw(st.sampled_from([None, 2, "40%"])), "nodata": 0,
             "dtype": data.draw(st.sampled_from([None, "float32", "float64", "int32"]))}
    chunks = tuple(data.draw(chunked(n)) for n in shape)
    given_ = {name: da.from_array(one, chunks=3) if data.draw(st.booleans()) else one for name, one in beside.items()}
    reducer = data.draw(st.sampled_from(["avg", "sum"]))
    lazy = poolcli.pool(da.from_array(x, chunks=chunks), reducer, **given_, **rules, **options)
    for made, wanted in zip(lazy, poolcli.pool(x, reducer, **beside, **rules, **options), strict=True):
        assert (made.shape, made.dtype) == (wanted.shape, wanted.dtype)
        assert made.compute(scheduler="threads").tobytes() == wanted.tobytes()


@pytest.mark.parametrize("mode", ["constant", "reflect", "edge", "wrap"])
def test_a_mask_is_padded_as_the_samples_are(mode: str) -> None:
    """NumPy pads the samples, NaN where the mask hides them, and takes means of what is there."""
    rng = np.random.default_rng(5)
    x, mask = rng.random((12, 9)), rng.random((12, 9)) < 0.5
    padded = np.pad(np.where(mask, x, np.nan), 1, mode)  # type: ignore[call-overload]
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3))[::2, ::2].reshape(6, 5, 9)
    valid = (~np.isnan(windows)).sum(-1)
    wanted = np.where(valid, np.nansum(windows, -1) / np.maximum(valid, 1), np.nan)
    made, counts = poolcli.pool(da.from_array(x, chunks=(5, 4)), "avg", size=3, stride=2, padding=((1, 1), (1, 1)),
                                pad_mode=mode, mask=da.from_array(mask, chunks=(7, 3)), return_valid=True)
    np.testing.assert_allclose(made.compute(), wanted[: made.shape[0], : made.shape[1]], rtol=1e-12)
    assert np.array_equal(counts.compute(), valid[: made.shape[0], : made.shape[1]])


@pytest.mark.parametrize(("options", "said"), [
    ({"mask": np.ones((3, 4), bool)}, "the mask has the shape 3x4, the samples 6x6"),
    ({"mask": np.ones((6, 6))}, "a mask is of whole numbers or bool"),
    ({"weights": np.ones((6, 6))}, "weights mean nothing to max"),
    ({"reducer": "avg", "weights": da.ones((6, 6)), "padding": 1, "pad_mode": "edge"}, "padding that is data has no"),
    ({"mask": np.ones((6, 6), bool), "min_valid": 5}, "a least of 5 valid samples is more"),
    ({"return_valid": "part"}, "return_valid is True, False, number or share"),
    ({"by": "luma"}, "has no channels"), ({"by": np.ones((5, 6))}, "the score has the shape 5x6, the pixels 6x6"),
    ({"by": np.ones((6, 6)), "reducer": "avg"}, "avg picks no sample"),
    ({"by": np.ones((6, 6)), "dtype": "uint8"}, "whole pixels keep their type"),
    ({"by": np.ones((6, 6)), "return_indices": True}, "goes with arrays in memory"),
    ({"sigma": np.ones((5, 6)), "reducer": "avg"}, "the array of errors has the shape 5x6"),
    ({"sigma": da.ones((6, 6))}, "max has no standard error here"),
    ({"mask": np.ones((6, 6), bool), "padding": 1, "pad_mode": "constant", "pad_value": 4, "nodata": 4},
     "padding that is missing is no data"),
])
def test_rules_that_cannot_be_are_said_before_anything_is_computed(options: dict[str, Any], said: str) -> None:
    """What a header would tell; a weight below 0 is found by its block."""
    with pytest.raises(PoolError, match=said):
        poolcli.pool(da.ones((6, 6), chunks=4), options.pop("reducer", "max"), size=2, **options)
    weights = np.ones((6, 6))
    weights[4, 5] = -2
    lazy = poolcli.pool(da.ones((6, 6), chunks=4), "avg", size=2, weights=weights)
    with pytest.raises(PoolError, match=r"the one at \(4, 5\) is -2"):
        lazy.compute(scheduler="threads")
