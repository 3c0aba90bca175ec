"""Windows larger than a job, put together from parts: the bytes of one piece, or an error that says why not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from chunked.volumes_made import read, stored
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import poolcli
from poolcli import jit
from poolcli.chunked import chunk_shapes, run_array, run_box, tree_reduce
from poolcli.chunked.sources import MemorySource
from poolcli.core.reducers import REDUCERS
from poolcli.drivers.fold import fold_table
from poolcli.pooling import parse_pooling

WINDOWS: list[dict[str, Any]] = [
    {"size": "all"},
    {"adaptive": 3},
    {"adaptive": (2, 3)},
    {"size": (15, 9), "stride": 4, "padding": (7, 4)},
    {"size": ("all", 1)},
    {"size": (7, 20), "stride": (5, 20), "ceil_mode": True, "dilation": (2, 1)},
    {"size": 9, "stride": 3, "padding": 4, "pad_mode": "reflect"},
    {"fractional": 9.7, "seed": 3, "overlapping": True},
]
LAYOUTS = {"HW": (40, 30), "HWC": (30, 33, 3), "CHW": (3, 31, 30), "NHWC": (2, 40, 28, 2), "HCW": (30, 2, 33)}
MERGED = ("max", "min", "absmax", "range", "avg", "sum", "var", "std", "count")


@pytest.fixture
def uncompiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernels of parts as plain Python, lest 300 of them be compiled; jobs of a few hundred bytes."""
    monkeypatch.setattr(tree_reduce.merging, "jit", SimpleNamespace(load=jit.interpret, KernelSpec=jit.KernelSpec))
    monkeypatch.setattr(chunk_shapes, "JOB_BYTES", 400)
    monkeypatch.setattr(fold_table, "PLAIN_SUMS", 0)  # as of windows of more than a thousand lines


def task_of(x: np.ndarray, reducer: str, most: int = 1000, **options: Any) -> tuple[run_box.BoxContext,
                                                                                    run_array.MappedTarget]:
    """A task whose jobs may hold little, and where its values go."""
    pooling = parse_pooling(reducer, **options)
    plan = pooling.plan(x.shape)
    target = run_array.MappedTarget(np.zeros(plan.output_shape, pooling.result_dtype(x.dtype)))
    task = run_array.make_task(pooling, plan, Tiled(x), most, True)
    return replace(task, target=target), target


class Tiled(MemorySource):
    """An array in chunks of seven."""

    @property
    def chunks(self) -> tuple[int, ...]:
        """Seven along each axis."""
        return tuple(min(7, n) for n in self.array.shape)


def merged(x: np.ndarray, reducer: str, chunk: int, **options: Any) -> np.ndarray | None:
    """The result by way of parts; None where the reducer has none."""
    task, target = task_of(x, reducer, **options)
    merger = tree_reduce.choose_fold(task)
    if merger is None:
        return None
    shape = tuple(min(n, chunk) for n in task.plan.full_shape)
    for _ in tree_reduce.run_reduction(task, merger, shape, run_array.ThreadBackend(1)):
        pass
    return target.array


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "uint64", "float32", "float64", "bool"])
@pytest.mark.parametrize("reducer", [name for name in MERGED if name != "std"])
@settings(max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
@pytest.mark.usefixtures("uncompiled")
def test_parts_are_the_whole(reducer: str, dtype: str, data: st.DataObject) -> None:
    """Every fold that may be put together in any grouping, over every kind of window, with samples that are missing."""
    layout = data.draw(st.sampled_from(sorted(LAYOUTS)))
    windows = data.draw(st.sampled_from(WINDOWS))
    missing: dict[str, Any] = data.draw(st.sampled_from([{}, {"nodata": 1}]))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    shape = LAYOUTS[layout]
    if np.dtype(dtype).kind == "f":
        x = (rng.standard_normal(shape) * 10.0 ** rng.integers(-4, 5, shape)).astype(dtype)
        missing = data.draw(st.sampled_from([{}, {"nan": "ignore"}]))
        x[rng.random(shape) < (0.1 if missing else 0.001)] = np.nan
    else:
        top = 2 if dtype == "bool" else np.iinfo(dtype).max
        x = rng.integers(0, top, shape, dtype="uint64").astype(dtype)
    options = {"layout": layout, **windows, **missing}
    try:
        whole = poolcli.pool(x, reducer, **options)
    except poolcli.PoolError:
        return
    found = merged(x, reducer, data.draw(st.sampled_from([2, 100])), **options)
    assert found is None or content(found) == content(whole)


def content(x: np.ndarray) -> bytes:
    """The bytes of an array, with one NaN for all: a NaN's sign is no value, and processors choose it as they like."""
    return np.where(np.isnan(x), np.nan, x).astype(x.dtype).tobytes() if x.dtype.kind == "f" else x.tobytes()


def test_which_folds_merge() -> None:
    """Extremes and sums do; of what is left, whole numbers only; what must see its window whole does not."""
    found = {(name, dtype): tree_reduce.choose_fold(task_of(np.ones((40, 40), dtype), name, size="all")[0]) is not None
             for name in REDUCERS for dtype in ("uint8", "float64")}
    assert {name for (name, dtype), there in found.items() if there and dtype == "uint8"} == set(MERGED)
    assert {name for (name, dtype), there in found.items() if there and dtype == "float64"} == {
        "max", "min", "absmax", "range", "avg", "sum"}


@pytest.mark.parametrize("values", [[np.inf], [np.inf, -np.inf], [np.nan, np.inf], [-np.inf, 3.0]])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("reducer", ["sum", "avg", "max"])
@pytest.mark.usefixtures("uncompiled")
def test_infinities_and_nan_are_told_apart(reducer: str, dtype: str, values: list[float]) -> None:
    """A sum that is not finite is looked into, and comes to what one piece gives."""
    x = np.ones((30, 30), dtype)
    for i, value in enumerate(values):
        x[3 + 9 * i, 5 + 7 * i] = value
    found = merged(x, reducer, 100, size="all")
    np.testing.assert_array_equal(found, poolcli.pool(x, reducer, size="all"))


@pytest.mark.usefixtures("uncompiled")
def test_a_sum_that_overflows_says_so() -> None:
    """One piece scales it; parts cannot, and do not pretend to."""
    with pytest.raises(poolcli.PoolError, match=r"the sum of the window at \(0, 0\) overflows"):
        merged(np.full((30, 30), 1e308), "avg", 100, size="all")


@pytest.mark.usefixtures("uncompiled")
def test_sums_beyond_64_bits_are_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terabyte of 32-bit numbers sums to more than 63 bits: then pairs carry it, which are exact."""
    monkeypatch.setattr(tree_reduce.merging, "_fits", lambda work, extent: False)
    x = np.random.default_rng(0).integers(0, 2**32, (40, 30), np.uint32)
    for reducer in ("sum", "avg"):
        assert merged(x, reducer, 100, adaptive=3).tobytes() == poolcli.pool(x, reducer, adaptive=3).tobytes()


@pytest.mark.parametrize(("reducer", "dtype", "options"), [
    ("avg", "float32", {}), ("max", "float32", {}), ("avg", "float32", {"nan": "ignore"}), ("std", "uint8", {})])
def test_a_volume_with_one_window(reducer: str, dtype: str, options: dict[str, Any], tmp_path: Path,
                                  monkeypatch: pytest.MonkeyPatch) -> None:
    """From a store, on threads, by compiled kernels."""
    x = (np.random.default_rng(0).standard_normal((40, 44, 30)) * 40 + 120).astype(dtype)
    x[3, 4, 5] = np.nan if options else 0
    path = stored(tmp_path, x, (16, 16, 16))
    monkeypatch.setattr(chunk_shapes, "JOB_BYTES", 20_000)
    monkeypatch.setattr(chunk_shapes, "max_job_bytes", lambda workers: 30_000)
    for windows in ({"size": "all"}, {"adaptive": 2}):
        run_array.pool(parse_pooling(reducer, layout="DHW", **windows, **options),
                       run_array.open_array(path, None, lambda: None),
                       str(tmp_path / "y.zarr"), overwrite=True, backend=run_array.ThreadBackend(2))
        whole = poolcli.pool(x, reducer, layout="DHW", **windows, **options)
        assert read(tmp_path / "y.zarr").tobytes() == whole.tobytes()
    with pytest.raises(poolcli.PoolError, match="median needs all at once"):
        run_array.pool(parse_pooling("median", layout="DHW", size="all"),
                       run_array.open_array(path, None, lambda: None), str(tmp_path / "z.zarr"))
