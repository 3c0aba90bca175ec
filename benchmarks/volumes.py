"""Chunked volumes: megabytes a second with one and two threads or workers, beside Dask alone and a plain copy by Zarr.

Ratios to the copy are of one run, so they say something on a busy machine too. A last table has what a job costs.

``python -m benchmarks.volumes`` prints two tables; ``--write`` puts them into BENCHMARKS.md. Needs the extras zarr and
dask.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import zarr

from poolcli.batch.executors.dask_chunks import DaskBackend
from poolcli.chunked import chunk_shapes, run_array
from poolcli.chunked.executors import ChunkBackend, ThreadBackend
from poolcli.pooling import parse_pooling

PAGE = Path(__file__).parents[1] / "BENCHMARKS.md"
BEGIN, END = "<!-- volumes -->\n", "<!-- /volumes -->\n"
SIDE, CHUNK, TINY, JOBS = 640, 128, 16, 6
ROUNDS = 2
"""The least time of so many runs counts."""


def scan(folder: Path, side: int) -> str:
    """A volume as a scanner gives: something large and smooth, and noise of a few grey levels; zstd halves it."""
    path = str(folder / "scan.zarr")
    array = zarr.create_array(store=path, shape=(side,) * 3, chunks=(CHUNK,) * 3, dtype="uint8")
    rng, ramp = np.random.default_rng(0), np.arange(side) * 4 // side * 40
    for start in range(0, side, CHUNK):
        layer = np.add.outer(ramp[start : start + CHUNK], ramp[:, None] // 2 + ramp // 2)
        array[start : start + CHUNK] = (layer + rng.integers(0, 12, layer.shape)).astype(np.uint8)
    return path


class Taken(NamedTuple):
    """What a run took."""

    wall: float
    cpu: float
    """Of this process: of all its threads, and of no worker."""


def seconds(work: Callable[[], Any]) -> Taken:
    """The least times of some runs; the one before them warms up."""
    work()
    found = []
    for _ in range(ROUNDS):
        begun, used = time.perf_counter(), time.process_time()
        work()
        found.append(Taken(time.perf_counter() - begun, time.process_time() - used))
    return Taken(min(one.wall for one in found), min(one.cpu for one in found))


def pooled(path: str, output: Path, backend: ChunkBackend, **options: Any) -> None:
    """One chunked pooling."""
    volume = run_array.open_array(path, None, lambda: None)  # type: ignore[arg-type,return-value]
    run_array.pool(parse_pooling("max", layout="DHW", **options), volume, str(output), overwrite=True, looks=False,
                   backend=backend)


def copied(path: str, output: Path) -> None:
    """Read and write every chunk, in one thread: what the store and its codec cost."""
    source = zarr.open_array(path, mode="r")
    target = zarr.create_array(store=str(output), shape=source.shape, chunks=source.chunks, dtype=source.dtype,
                               overwrite=True)
    for box in chunk_shapes.split_boxes(source.shape, source.chunks):
        place = tuple(slice(*one) for one in box)
        target[place] = source[place]


def by_dask(path: str, output: Path) -> None:
    """The same by ``dask.array.coarsen``, wherever Dask works at the moment."""
    import dask.array as da

    da.to_zarr(da.coarsen(np.max, da.from_zarr(path), {0: 2, 1: 2, 2: 2}), str(output), overwrite=True)


def by_dask_threads(path: str, output: Path, workers: int) -> None:
    """On Dask's own threads."""
    import dask

    with dask.config.set(scheduler="threads", num_workers=workers):
        by_dask(path, output)


@contextmanager
def cluster(workers: int) -> Iterator[DaskBackend]:
    """A scheduler and workers on this machine, as processes of one thread."""
    from distributed import Client, LocalCluster

    with (LocalCluster(n_workers=workers, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0",
                       host="127.0.0.1") as local, Client(local) as client):
        yield DaskBackend(client)


def speeds(path: str, folder: Path, side: int) -> Iterator[tuple[str, float, float | None]]:
    """Megabytes of input, not compressed, a second and a second of a core."""
    megabytes, output = side**3 / 1e6, folder / "out.zarr"
    work: dict[str, Callable[[], Any]] = {"read and write every chunk, 1 thread": lambda: copied(path, output)}
    for count in (1, 2):
        work[f"max 2x2x2, {count} thread(s)"] = partial(pooled, path, output, ThreadBackend(count))
    for count in (1, 2):
        work[f"dask.array.coarsen with numpy.max, {count} thread(s)"] = partial(by_dask_threads, path, output, count)
    work["max 3x3x3/2, 2 threads"] = partial(pooled, path, output, ThreadBackend(2), size=3, stride=2, padding=1)
    work["global max, 2 threads"] = partial(pooled, path, output, ThreadBackend(2), size="all")
    for name, one in work.items():
        taken = seconds(one)
        yield name, megabytes / taken.wall, megabytes / taken.cpu
    for count in (1, 2):
        with cluster(count) as backend:
            taken = seconds(partial(pooled, path, output, backend))
            yield f"max 2x2x2, {count} worker(s)", megabytes / taken.wall, None
            with backend.client.as_current():
                taken = seconds(partial(by_dask, path, output))
            yield f"dask.array.coarsen with numpy.max, {count} worker(s)", megabytes / taken.wall, None


def costs(folder: Path) -> Iterator[tuple[str, float]]:
    """Milliseconds of a job that has next to nothing to do: a chunk of 16 x 16 x 16."""
    path, output = str(folder / "tiny.zarr"), folder / "tiny_out.zarr"
    array = zarr.create_array(store=path, shape=(JOBS * TINY,) * 3, chunks=(TINY,) * 3, dtype="uint8")
    array[...] = 1
    job, chunk = chunk_shapes.JOB_BYTES, chunk_shapes.CHUNK_BYTES
    chunk_shapes.JOB_BYTES, chunk_shapes.CHUNK_BYTES = TINY**3, 1
    try:
        yield "threads: 1", 1e3 / JOBS**3 * seconds(partial(pooled, path, output, ThreadBackend(1))).wall
        for count in (1, 2):
            with cluster(count) as backend:
                taken = seconds(partial(pooled, path, output, backend))
                yield f"cluster, workers: {count}", 1e3 / JOBS**3 * taken.wall
    finally:
        chunk_shapes.JOB_BYTES, chunk_shapes.CHUNK_BYTES = job, chunk


def report(side: int) -> str:
    """Both tables."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = scan(folder, side)
        stored = sum(file.stat().st_size for file in Path(path).rglob("*") if file.is_file())
        lines = [f"A volume of {side} x {side} x {side} uint8 in chunks of {CHUNK}, {side**3 / stored:.1f} times "
                 "compressed by zstd.", "", "| work | MB/s | MB/s of a core | time, of a copy's |",
                 "| --- | ---: | ---: | ---: |"]
        copy = 0.0
        for what, speed, core in speeds(path, folder, side):
            copy = copy or speed
            lines.append(f"| {what} | {speed:.0f} | {'' if core is None else f'{core:.0f}'} | {copy / speed:.2f} |")
        lines += ["", "| a job with 4 KB to do, on | ms |", "| --- | ---: |"]
        lines += [f"| {what} | {cost:.2f} |" for what, cost in costs(folder)]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, print, write if asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=SIDE)
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    found = report(asked.side)
    print(found)
    if asked.write:
        page = PAGE.read_text(encoding="utf-8")
        before, after = page.split(BEGIN)[0], page.split(END)[1]
        PAGE.write_text(f"{before}{BEGIN}\n{found}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
