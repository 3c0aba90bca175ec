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
