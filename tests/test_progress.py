"""How far one array is: told by slabs of a stream and by blocks in memory, and shown once."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import poolcli
from poolcli import jit, pooling, progress
from poolcli.chunked import slabs, streaming
from poolcli.cli.display import progress_bar as bars
from poolcli.engine import run
from poolcli.files.arrays.npy import header_bytes, read_header


class Seen:
    """Counts the parts that are told, and of how many."""

    def __init__(self) -> None:
        self.totals: list[int] = []
        self.parts = 0

    def __call__(self, parts: Iterator[Any], total: int) -> Iterator[Any]:
        """Pass on the parts."""
        self.totals.append(total)
        for part in parts:
            self.parts += 1
            yield part


@pytest.mark.parametrize("shape", [(64, 32), (8, 16, 16)])
def test_a_stream_tells_its_slabs(monkeypatch: pytest.MonkeyPatch, shape: tuple[int, ...]) -> None:
    """As many as there are, each once it is written."""
    seen = Seen()
    monkeypatch.setattr(slabs, "SLAB_BYTES", 256)
    monkeypatch.setattr(progress, "shown", seen)
    x = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    asked = pooling.parse_pooling("max", size=2)
    plan = asked.plan(shape, "HW" if len(shape) == 2 else "NHW")
    source, target = io.BytesIO(), io.BytesIO()
    np.save(source, x)
    source.seek(0)
    streaming.pool_stream(asked, plan, read_header(source), source, target)
    assert seen.totals[0] > 4 and seen.totals[0] <= seen.parts
    assert target.getvalue().startswith(header_bytes(x.dtype, plan.output_shape))


def test_a_kernel_tells_its_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of an array in memory; the result is the same."""
    seen = Seen()
    monkeypatch.setattr(progress, "shown", seen)
    monkeypatch.setattr(run, "BLOCK_SAMPLES", 64)
    x = np.random.default_rng(0).normal(size=(64, 64))
    found = poolcli.pool(x, "lp", size=2, p=2.5)
    monkeypatch.undo()
    assert seen.totals and seen.parts == sum(seen.totals)
    assert np.array_equal(found, poolcli.pool(x, "lp", size=2, p=2.5))


def test_only_the_outermost_parts_have_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of a slab are no bar of their own; one part alone has none; at the end there is none left."""
    made: list[tuple[int, str, float]] = []

    class Bar:
        """Notes that it was made, and how far it is."""

        def __init__(self, total: int, colour: bool, unit: str, after: float) -> None:
            made.append((total, unit, after))

        def advance(self) -> None:
            """One more."""

        def stop(self) -> None:
            """The end."""
            made.append((0, "stopped", 0))

    monkeypatch.setattr(bars, "Bar", Bar)
    before = progress.shown
    with bars.show_parts(True, False):
        assert list(progress.shown(iter([1]), 1)) == [1]
        for _ in progress.shown(iter("abc"), 3):
            assert list(progress.shown(iter("de"), 2)) == ["d", "e"]
        assert made == [(3, "parts", bars.AFTER_OF_PARTS), (0, "stopped", 0)]
        next(progress.shown(iter("fg"), 2))
    assert made[-1] == (0, "stopped", 0) and progress.shown is before
    with bars.show_parts(False, False):
        assert progress.shown is before


def test_compiling_says_what_for_and_how_long(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """The reducer, the input's type, and seconds: a user waits for a reason."""
    said: list[str] = []
    monkeypatch.setattr(jit, "announce", said.append)
    monkeypatch.setattr(jit, "_loaded", {})
    monkeypatch.setenv("POOLCLI_CACHE_DIR", str(tmp_path))
    begun = time.perf_counter()
    poolcli.pool(np.zeros((4, 4), np.int16), "range", size=2)
    if said:  # nothing is compiled under NUMBA_DISABLE_JIT
        assert said[0] in {f"compiling the range kernel for int16, about {n} s, this once" for n in (1, 2, 3, 4)}
    assert time.perf_counter() - begun < 300
