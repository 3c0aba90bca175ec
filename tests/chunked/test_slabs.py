"""A plan cut into slabs, and streams pooled as they come: the same bytes as in one piece."""

from __future__ import annotations

import io

import numpy as np
import pytest

import poolcli
from poolcli.chunked import slabs, streaming
from poolcli.drivers.fold import fold_driver
from poolcli.files.arrays.npy import read_header
from poolcli.pooling import parse_pooling

WINDOWS = {
    "tiles": {"size": 2},
    "overlap": {"size": 3, "stride": 2, "padding": 1},
    "tall": {"size": 7, "stride": 1, "padding": 3},
    "phase": {"size": 3, "dilation": 2, "padding": 2, "stride": 1},
    "holes": {"size": 2, "stride": 5},
    "ceil": {"size": 3, "stride": 2, "ceil_mode": True, "padding": 1},
    "adaptive": {"adaptive": 5},
    "fractional": {"fractional": 1.3, "seed": 4},
}
ARRAYS = {"HW": (200, 60), "HWC": (90, 30, 3), "NHWC": (7, 20, 20, 2), "DHW": (30, 20, 10), "L": (5000,),
          "CHW": (3, 70, 40), "NCHW": (2, 3, 60, 41), "NDHW": (2, 30, 10, 11), "NL": (2, 2003)}
"""Planes that fit into a slab, and planes that must be cut themselves."""
REDUCERS = ("max", "avg", "stochastic")


def streamed(x: np.ndarray, reducer: str, **options: object) -> bytes:
    """The bytes that streaming x gives."""
    pooling = parse_pooling(reducer, **options)
    source, target = io.BytesIO(), io.BytesIO()
    np.save(source, x)
    source.write(b"the next array")
    source.seek(0)
    header = read_header(source)
    plan = pooling.plan(x.shape)
    if streaming.why_not(pooling, plan, header) is not None:
        pytest.skip("a window takes more than a slab")
    streaming.pool_stream(pooling, plan, header, source, target)
    assert source.read() == b"the next array"
    return target.getvalue()


def saved(y: np.ndarray) -> bytes:
    """An array as .npy."""
    file = io.BytesIO()
    np.save(file, y)
    return file.getvalue()


@pytest.mark.parametrize("kernels", ["row", "small and tall"])
@pytest.mark.parametrize("windows", WINDOWS)
@pytest.mark.parametrize("layout", ARRAYS)
def test_a_stream_is_the_whole(layout: str, windows: str, kernels: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Slabs of a few rows give the very bytes of one call, float sums and draws too, by every kernel."""
    monkeypatch.setattr(slabs, "SLAB_BYTES", 4000)
    if kernels != "row":
        monkeypatch.setattr(fold_driver, "LARGE", 0)
    x = np.random.default_rng(7).random(ARRAYS[layout], np.float32) * 1000
    for reducer in REDUCERS:
        options = {"layout": layout, **WINDOWS[windows]}
        assert streamed(x, reducer, **options) == saved(poolcli.pool(x, reducer, **options))


def test_a_padded_count_is_that_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Padding counts at the true borders only, and a ceil overhang never does."""
    monkeypatch.setattr(slabs, "SLAB_BYTES", 100)
    x = np.arange(40.0).reshape(20, 2)
    options = {"layout": "HC", "size": 4, "stride": 3, "padding": 2, "ceil_mode": True, "count_include_pad": True}
    assert streamed(x, "avg", **options) == saved(poolcli.pool(x, "avg", **options))


@pytest.mark.parametrize(("options", "shape", "reason"), [
    ({"layout": "HCW"}, (8, 2, 8), "kept axis"),
    ({"padding": 1, "pad_mode": "reflect"}, (8, 8), "both ends"),
    ({"size": "all"}, (80, 80), "a window takes"),
])
def test_what_cannot_stream_says_why(options: dict, shape: tuple, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reason in words, from the plan alone."""
    monkeypatch.setattr(slabs, "SLAB_BYTES", 1000)
    pooling = parse_pooling("max", **options)
    assert reason in (slabs.why_not_streamable(pooling, pooling.plan(shape), 8) or "")


@pytest.mark.parametrize(("shape", "options", "axis", "reason"), [
    ((9, 3, 4, 4), {}, 0, None),
    ((9, 3, 40, 40), {}, 2, None),
    ((9, 3, 4, 40), {}, 1, None),
    ((9, 3, 40, 40), {"size": "all"}, 1, None),
    ((9, 3, 40, 40), {"padding": 1, "pad_mode": "wrap"}, 1, None),
    ((1, 1, 40, 40), {"padding": 1, "pad_mode": "wrap"}, 1, "both ends"),
    ((1, 1, 40, 40), {}, 2, None),
])
def test_where_an_array_is_cut(shape: tuple, options: dict, axis: int, reason: str | None,
                               monkeypatch: pytest.MonkeyPatch) -> None:
    """Along the first axis whose steps fit into a slab; planes stay whole where rows alone say too little."""
    monkeypatch.setattr(slabs, "SLAB_BYTES", 1500)
    pooling = parse_pooling("max", layout="NCHW", **options)
    plan = pooling.plan(shape)
    assert slabs.choose_slab_axis(pooling, plan, 8).axis == axis
    said = slabs.why_not_streamable(pooling, plan, 8)
    assert said is None if reason is None else reason in (said or "")


def test_a_slab_is_small_whatever_the_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows of a slab take what a slab may take, where no window needs more."""
    monkeypatch.setattr(slabs, "SLAB_BYTES", 4000)
    for layout, shape in ARRAYS.items():
        pooling = parse_pooling("max", layout=layout)
        cut = slabs.choose_slab_axis(pooling, pooling.plan(shape), 4)
        assert max(count for _, count in slabs.read_schedule(cut)) * cut.row_bytes <= 4000, layout


def test_a_stream_that_ends_early_is_an_error() -> None:
    """The reader's thread hands its error over."""
    source = io.BytesIO(saved(np.zeros((100, 100)))[:5000])
    header = read_header(source)
    pooling = parse_pooling("max")
    with pytest.raises(poolcli.PoolError, match="cut short"):
        streaming.pool_stream(pooling, pooling.plan(header.shape), header, source, io.BytesIO())
