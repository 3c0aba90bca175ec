"""Chunked pooling: byte for byte what one piece gives, no chunk read more often than needed, whole or not at all."""

from __future__ import annotations

import asyncio
import errno
import pickle
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from chunked.volumes_made import read, stored, zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import poolcli
from poolcli.chunked import chunk_shapes, run_array, run_box, stores
from poolcli.chunked.sources import MemorySource, NpySource, pad_source
from poolcli.chunked.stores import ZarrArray
from poolcli.core.boxes import input_box
from poolcli.core.reducers import REDUCERS
from poolcli.errors import PoolError
from poolcli.files import atomic_folder
from poolcli.pooling import parse_pooling

WINDOWS: list[dict[str, Any]] = [
    {"size": 2},
    {"size": 3, "stride": 2, "padding": 1},
    {"size": 3, "stride": 2, "padding": 1, "ceil_mode": True, "dilation": 2},
    {"size": 4, "stride": 3, "padding": "same"},
    {"size": 5, "stride": 2, "padding": 2, "pad_mode": "reflect"},
    {"size": 3, "stride": 1, "padding": ((1, 2),), "pad_mode": "wrap"},
    {"size": 3, "stride": 2, "padding": 1, "pad_mode": "edge"},
    {"size": 3, "stride": 2, "padding": 1, "pad_mode": "constant", "pad_value": 7},
    {"adaptive": 5},
    {"fractional": 1.6, "seed": 3},
    {"size": "all", "squeeze": True},
]
LAYOUTS = {"L": (50,), "HW": (40, 30), "HWC": (30, 20, 3), "NCHW": (2, 3, 20, 24), "DHW": (20, 16, 18)}


def pooled(path: str, output: Path, reducer: str, workers: int = 2, **options: Any) -> np.ndarray:
    """The result of a chunked run."""
    run_array.pool(parse_pooling(reducer, **options), run_array.open_array(path, None, lambda: None), str(output),
                   overwrite=True,
                   backend=run_array.ThreadBackend(workers))
    return read(output) if output.suffix == ".zarr" else np.load(output)


@pytest.fixture
def small_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs of a chunk or two, and chunks as small as they come."""
    monkeypatch.setattr(chunk_shapes, "JOB_BYTES", 4000)
    monkeypatch.setattr(chunk_shapes, "CHUNK_BYTES", 64)


def test_ctrl_c_while_an_array_is_made_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """zarr's own threads go on writing, and make a folder anew that was removed under them."""
    from zarr.storage import LocalStore

    put, wait = LocalStore.set, zarr.core.sync.wait

    async def put_slowly(self: LocalStore, *given: Any, **named: Any) -> None:
        await asyncio.sleep(0.2)
        await put(self, *given, **named)

    def interrupt(*_: object, **__: object) -> None:
        monkeypatch.setattr(zarr.core.sync, "wait", wait)
        raise KeyboardInterrupt

    monkeypatch.setattr(LocalStore, "set", put_slowly)
    monkeypatch.setattr(zarr.core.sync, "wait", interrupt)
    with pytest.raises(KeyboardInterrupt), atomic_folder(tmp_path / "out.zarr") as folder:
        stores.create_array(folder, "", (4, 4), np.dtype("uint8"), (2, 2), 3)
    time.sleep(0.5)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("small_jobs")
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_chunks_are_the_whole(data: st.DataObject, tmp_path: Path) -> None:
    """Any reducer, layout, chunking and version: the bytes of one piece."""
    layout = data.draw(st.sampled_from(sorted(LAYOUTS)))
    reducer = data.draw(st.sampled_from(sorted(REDUCERS)))
    dtype = data.draw(st.sampled_from(["uint8", ">u2", "int32", "float32", "float64"]))
    options = data.draw(st.sampled_from(WINDOWS))
    shape = LAYOUTS[layout]
    chunks = tuple(data.draw(st.integers(1, n)) for n in shape)
    x = (np.random.default_rng(data.draw(st.integers(0, 99))).random(shape) * 100).astype(dtype)
    path = stored(tmp_path, x, tuple(max(n // 6 + 1, m) for n, m in zip(shape, chunks, strict=True)),
                  data.draw(st.sampled_from([2, 3])))
    whole = poolcli.pool(x, reducer, layout=layout, **options)
    output = tmp_path / data.draw(st.sampled_from(["y.zarr", "y.npy"]))
    found = pooled(path, output, reducer, layout=layout, **options)
    assert (found.dtype, found.shape, found.tobytes()) == (whole.dtype, whole.shape, whole.tobytes())


class CountingStore(zarr.storage.LocalStore):
    """A store that notes which chunks are asked for."""

    seen: ClassVar[Counter[str]] = Counter()

    async def get(self, key: str, *args: Any, **options: Any) -> Any:
        """Count."""
        self.seen[key] += 1
        return await super().get(key, *args, **options)


def counted(path: str, tmp_path: Path, **options: Any) -> tuple[Counter[str], run_box.BoxContext]:
    """How often each chunk was read, and the task that did it."""
    source = ZarrArray(path)
    source.__dict__["array"] = zarr.open_array(CountingStore(path, read_only=True), mode="r")
    CountingStore.seen = Counter()
    pooling = parse_pooling("max", layout="HW", **options)
    plan = pooling.plan(source.shape)
    chunk = chunk_shapes.choose_chunk_shape(plan, source.chunks, 1, 1)
    task = run_array.make_task(pooling, plan, source, 1 << 30, False)
    boxes = list(run_box.split_jobs(task, chunk, 1))
    assert len(boxes) > 3
    for outputs in boxes:
        run_box.run_box(task, outputs)
    wanted: Counter[str] = Counter()
    for outputs in boxes:
        (a, b), (c, d) = input_box(task.plan, outputs)
        wanted.update(f"c/{i}/{j}" for i in range(a // 16, -(-b // 16)) for j in range(c // 16, -(-d // 16)))
    assert {key: n for key, n in CountingStore.seen.items() if key.startswith("c/")} == wanted
    return wanted, task


@pytest.mark.usefixtures("small_jobs")
def test_each_chunk_is_read_once_where_windows_do_not_overlap(tmp_path: Path) -> None:
    """2x2 windows on even chunks have no halo: every chunk is read by one job, once."""
    path = stored(tmp_path, np.ones((128, 160), np.uint8), (16, 16))
    seen, _ = counted(path, tmp_path, size=2)
    assert set(seen.values()) == {1} and len(seen) == 80


@pytest.mark.usefixtures("small_jobs")
def test_a_halo_is_what_windows_need(tmp_path: Path) -> None:
    """3/2 windows reach one row back: a job reads its own chunks, and those ahead of them, and no other."""
    path = stored(tmp_path, np.ones((128, 160), np.uint8), (16, 16))
    seen, _ = counted(path, tmp_path, size=3, stride=2, padding=1)
    assert len(seen) == 80 and 1 < sum(seen.values()) / 80 < 1.7


def test_a_task_is_a_value(tmp_path: Path) -> None:
    """Its jobs can be done in another process: names go there, no array."""
    path = stored(tmp_path, np.arange(10_000, dtype=np.uint16).reshape(100, 100), (20, 20))
    source = ZarrArray(path)
    np.save(tmp_path / "x.npy", source.read(((0, 100), (0, 100))))
    pooling = parse_pooling("avg", size=3, padding=1, pad_mode="reflect")
    for one in (source, NpySource(str(tmp_path / "x.npy"))):
        task = run_array.make_task(pooling, pooling.plan((100, 100)), one, 1 << 20, True)
        sent = pickle.dumps(task)
        assert len(sent) < 4000
        values = run_box.pool_box(pickle.loads(sent), ((0, 34), (0, 34)))
        assert values.tobytes() == poolcli.pool(one.array[...], "avg", size=3, padding=1, pad_mode="reflect").tobytes()


def test_no_two_jobs_share_a_chunk(tmp_path: Path) -> None:
    """The boxes of jobs end at borders of the output's chunks."""
    x = np.zeros((100, 90), np.uint8)
    pooling = parse_pooling("max", size=3, stride=2)
    plan = pooling.plan(x.shape)
    chunk = chunk_shapes.choose_chunk_shape(plan, (20, 20), 1, 1)
    task = run_box.BoxContext(pooling, plan, MemorySource(x), run_array.MappedTarget(x), 1 << 20)
    for outputs in run_box.split_jobs(task, chunk, 4):
        for (start, stop), n, full in zip(outputs, chunk, plan.full_shape, strict=True):
            assert start % n == 0 and (stop % n == 0 or stop == full)


def test_chunks_of_the_output_follow_the_input() -> None:
    """What a chunk becomes, at least a megabyte where there is so much, and no more samples than a job may hold."""
    plan = parse_pooling("max", layout="DHW").plan((1024, 1024, 1024))
    assert chunk_shapes.choose_chunk_shape(plan, (64, 64, 64), 1, 1) == (128, 128, 64) or np.prod(
        chunk_shapes.choose_chunk_shape(plan, (64, 64, 64), 1, 1)) >= 1 << 20
    assert all(n % 32 == 0 for n in chunk_shapes.choose_chunk_shape(plan, (64, 64, 64), 1, 1))
    projection = parse_pooling("max", layout="DHW", size=("all", 1, 1)).plan((1024, 1024, 1024))
    shape = chunk_shapes.choose_chunk_shape(projection, (64, 64, 64), 1, 1)
    assert chunk_shapes.box_bytes(projection, shape, 1) <= chunk_shapes.JOB_BYTES


def test_what_no_job_may_hold_says_so() -> None:
    """A median must see its window whole; the error tells how large that is and what would work."""
    pooling = parse_pooling("median", size="all")
    x = np.zeros((100, 100))
    task = run_box.BoxContext(pooling, pooling.plan(x.shape), MemorySource(x),
                              run_array.MappedTarget(np.zeros((1, 1))), 1000)
    with pytest.raises(poolcli.PoolError, match=r"a window takes 100x100 samples \(80,000 bytes\), which median needs"):
        run_box.run_box(task, ((0, 1), (0, 1)))


def test_a_large_box_is_pooled_in_pieces() -> None:
    """Where the samples of one chunk of the output are more than a job may hold, it is pooled part by part."""
    x = np.random.default_rng(0).random((60, 50))
    pooling = parse_pooling("avg", size=5, stride=1)
    task = run_box.BoxContext(pooling, pooling.plan(x.shape), MemorySource(x), run_array.MappedTarget(x), 900)
    assert len(list(chunk_shapes.split_to_fit(task.plan, ((0, 56), (0, 46)), 8, 900))) == 64
    assert run_box.pool_box(task, ((0, 56), (0, 46))).tobytes() == poolcli.pool(x, "avg", size=5, stride=1).tobytes()


@pytest.mark.parametrize("mode", ["constant", "reflect", "edge", "wrap"])
def test_padding_is_that_of_numpy(mode: str) -> None:
    """Any box of a padded source, with padding wider than the array too."""
    x = np.random.default_rng(0).integers(0, 99, (5, 7))
    options = {"pad_value": 3} if mode == "constant" else {}
    pooling = parse_pooling("max", size=9, stride=1, padding=((6, 8), (3, 4)), pad_mode=mode, **options)
    _, plan, source = pad_source(pooling, pooling.plan(x.shape), MemorySource(x))
    whole = np.pad(x, ((6, 8), (3, 4)), **({"constant_values": 3} if mode == "constant" else {"mode": mode}))
    assert plan.input_shape == whole.shape == source.shape
    for a, b, c, d in ((0, 19, 0, 14), (5, 12, 2, 4), (0, 1, 13, 14), (11, 19, 0, 3)):
        assert (source.read(((a, b), (c, d))) == whole[a:b, c:d]).all()


def test_an_error_in_a_job_leaves_nothing(tmp_path: Path) -> None:
    """The first error in the order of the array is told, by its place in the whole; no output, no trace."""
    x = np.zeros((64, 64), np.float32)
    x[40, 50] = x[60, 60] = np.nan
    path = stored(tmp_path, x, (8, 8))
    with pytest.raises(poolcli.PoolError, match=r"NaN at \(40, 50\)"):
        pooled(path, tmp_path / "y.zarr", "max", nan="error")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["x.zarr"]


def test_chunks_that_cannot_be_read_are_one_error(tmp_path: Path) -> None:
    """A chunk that is damaged fails the run in one line."""
    path = stored(tmp_path, np.random.default_rng(0).integers(0, 99, (64, 64)), (32, 32))
    chunk = next(p for p in Path(path).rglob("*") if p.is_file() and p.parent.parent.name == "c")
    chunk.write_bytes(chunk.read_bytes()[:50])
    with pytest.raises(poolcli.PoolError, match="cannot be read"):
        pooled(path, tmp_path / "y.zarr", "max")
    assert not (tmp_path / "y.zarr").exists()


def test_a_codec_that_runs_what_it_reads_is_refused(tmp_path: Path) -> None:
    """A store from a stranger is data, never a program."""
    path = Path(stored(tmp_path, np.zeros((4, 4)), (2, 2), 2))
    metadata = (path / ".zarray").read_text(encoding="utf-8")
    (path / ".zarray").write_text(metadata.replace('"filters": null', '"filters": [{"id": "pickle", "protocol": 4}]'),
                                  encoding="utf-8")
    with pytest.raises(poolcli.PoolError, match="pickle"):
        run_array.open_array(str(path), None, lambda: None)


@pytest.mark.parametrize("version", [2, 3])
def test_the_output_is_of_the_inputs_version(version: int, tmp_path: Path) -> None:
    """Who has version 2 has programs for version 2; names of axes stay."""
    options = {"dimension_names": ["z", "y", "x"]} if version == 3 else {}
    path = stored(tmp_path, np.zeros((8, 8, 8), np.uint8), (4, 4, 4), version, **options)
    pooled(path, tmp_path / "y.zarr", "max", layout="DHW", size=(8, 2, 2), squeeze=True)
    made = zarr.open(str(tmp_path / "y.zarr"), mode="r")
    assert made.metadata.zarr_format == version and made.shape == (4, 4)
    if version == 3:
        assert made.metadata.dimension_names == ("y", "x")


def test_a_chunk_that_cannot_be_written_waits_for_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """zarr raises at once, and its other threads would make anew a folder that is being removed."""
    store = stores.create_array(str(tmp_path / "x.zarr"), "", (8, 2), np.dtype("uint8"), (2, 2), 3)
    done: list[str] = []

    async def put(self: Any, key: str, value: Any) -> None:
        if key == "c/0/0":
            raise OSError(errno.EIO, "io")
        await asyncio.sleep(0.1)
        done.append(key)

    monkeypatch.setattr(zarr.storage.LocalStore, "set", put)
    with pytest.raises(PoolError, match="cannot be written: io"):
        store.write([(0, 8), (0, 2)], np.ones((8, 2), np.uint8))
    assert sorted(done) == ["c/1/0", "c/2/0", "c/3/0"]


def test_metadata_that_cannot_be_written_waits_for_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An array of version 2 has two files of them."""
    done: list[str] = []

    async def put(self: Any, key: str, value: Any) -> None:
        if key == ".zarray":
            raise MemoryError
        await asyncio.sleep(0.1)
        done.append(key)

    monkeypatch.setattr(zarr.storage.LocalStore, "set", put)
    with pytest.raises(MemoryError):
        stores.create_array(str(tmp_path / "x.zarr"), "", (8, 2), np.dtype("uint8"), (2, 2), 2)
    assert done == [".zattrs"]


@pytest.mark.parametrize(("main", "lines"), [("True", 0), ("False", 1)])
def test_what_libraries_log_is_kept_back_by_the_command_line_alone(main: str, lines: int, tmp_path: Path) -> None:
    """zarr raises the error of one chunk; asyncio tells of the others by a traceback in its log, which a program that
    logs sees once, by its own handler.
    """
    script = f"""
import logging, zarr, numpy, poolcli.chunked.stores as stores
from poolcli.chunked.executors import ThreadBackend, map_ordered
from poolcli.cli import error_messages
zarr.create_array("x.zarr", data=numpy.zeros((4, 4), numpy.uint8))
def use():
    list(map_ordered(ThreadBackend(2), lambda common, job: job, None, "ab"))
    stores.ZarrArray("x.zarr").read(((0, 4), (0, 4)))
    logging.getLogger("asyncio").error("never retrieved")
if {main}:
    with error_messages.signals_as_exceptions():
        use()
else:
    logging.basicConfig()
    use()
assert not any(logging.getLogger(name).handlers for name in ("asyncio", "concurrent.futures"))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stderr.splitlines() == ["ERROR:asyncio:never retrieved"] * lines
