"""``poolcli warmup``: what is compiled in advance is what runs then need, and nothing is compiled twice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from cli.calls import Call

import poolcli
from poolcli import jit, warmup
from poolcli.jit import cache
from poolcli.jit.object_code import ObjectCode


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> list[jit.KernelSpec]:
    """What is compiled meanwhile: nothing for real."""
    made: list[jit.KernelSpec] = []
    monkeypatch.setattr(warmup, "compile_all", lambda wanted, jobs: [made.append(one) for one in wanted])
    monkeypatch.setattr(jit, "is_cached", lambda spec: spec in made)
    return made


def test_the_set_is_what_runs_ask_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture, small or large, grey or coloured, pooled by a usual window finds its kernel in the set."""
    wanted = set(warmup.list_specs(["max", "avg"], ["uint8"]))
    monkeypatch.setattr(jit, "_loaded", {})
    for shape in ((60, 80), (700, 500), (700, 500, 3)):
        for options in ({}, {"size": 3, "stride": 2, "padding": 1}, {"size": 3, "stride": 1, "padding": "same"}):
            with jit.record_requests() as asked:
                poolcli.pool(np.zeros(shape, np.uint8), "max", **options)
                poolcli.pool(np.zeros(shape, np.uint8), "avg", **options, dtype="uint8")
            assert asked and set(asked) <= wanted


def test_a_day_needs_few_kernels(here: Call, kept: list[jit.KernelSpec], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without arguments; some of all that --all compiles, and those that pictures into pictures ask for."""
    done = here("warmup")
    assert done.code == 0 and kept == warmup.list_day_specs() and 10 <= len(kept) <= 20
    day = len(kept)
    assert f", {day} were there: " in here("warmup", "--all").out and len(kept) > 5 * day
    monkeypatch.setattr(jit, "_loaded", {})
    with jit.record_requests() as asked:
        for reducer in warmup.USUAL:
            poolcli.pool(np.zeros((60, 80), np.uint8), reducer, size=3, stride=1, dtype="uint8")
            poolcli.pool(np.zeros((700, 500, 3), np.uint8), reducer, dtype="uint8")
    assert asked and set(asked) <= set(kept[:day])


def test_recording_runs_and_compiles_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """And afterwards all is as before."""
    monkeypatch.setattr(jit, "_get_compiled", None)
    with jit.record_requests() as asked:
        poolcli.pool(np.zeros((4, 4)), "lse", size=2)
    assert len(asked) == 1
    monkeypatch.undo()
    assert poolcli.pool(np.ones((4, 4), np.uint8), "max").tolist() == [[1, 1], [1, 1]]


def test_a_reducer_and_a_type_can_be_named(here: Call, kept: list[jit.KernelSpec]) -> None:
    """The second time all of it is there."""
    done = here("warmup", "max", "--dtype", "uint8")
    assert done.code == 0 and kept == warmup.list_specs(["max"], ["uint8"])
    assert done.out.startswith(f"{len(kept)} compiled in ") and ", 0 were there: " in done.out
    again = here("warmup", "max", "--dtype", "uint8")
    assert again.out.startswith("0 compiled in ") and f", {len(kept)} were there: " in again.out
    assert here("warmup", "max", "--dtype", "uint8", "--quiet").out == ""


@pytest.mark.parametrize("line", ["warmup maxx", "warmup max --dtype complex64", "warmup --jobs 0"])
def test_what_does_not_exist_is_a_usage_error(here: Call, line: str) -> None:
    """One line, exit code 2."""
    done = here(*line.split())
    assert done.code == 2 and len(done.err.splitlines()) == 1


def test_failures_are_said_once(here: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """And make the exit code 1."""
    monkeypatch.setattr(jit, "is_cached", lambda spec: False)
    monkeypatch.setattr(warmup, "compile_all", lambda wanted, jobs: ["kernels are not kept: no" for _ in wanted])
    done = here("warmup", "min", "--dtype", "uint8")
    assert (done.code, done.err) == (1, "poolcli: kernels are not kept: no\n")
    assert " failed: " in done.out


def test_nothing_to_do_without_a_compiler(here: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """NUMBA_DISABLE_JIT is said, not passed over."""
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    done = here("warmup")
    assert done.code == 1 and "NUMBA_DISABLE_JIT" in done.err


def test_processes_compile_and_keep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For real, one kernel: the next process would find it."""
    monkeypatch.setenv("POOLCLI_CACHE_DIR", str(tmp_path / "cache"))
    spec = warmup.list_specs(["max"], ["uint8"])[0]
    assert not jit.is_cached(spec)
    assert list(warmup.compile_all([spec], jobs=2)) == [None]
    assert jit.is_cached(spec)
    assert [path.name for path in cache.get_folder().iterdir()] == [cache.object_path(spec).name]


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the words of the system."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("POOLCLI_CACHE_DIR", str(tmp_path / "file" / "cache"))
    monkeypatch.setattr("poolcli.jit.compiler.build", lambda spec: ObjectCode(b"x"))
    assert (warmup.compile_one(warmup.list_specs(["max"], ["uint8"])[0]) or "").startswith("kernels are not kept: ")
