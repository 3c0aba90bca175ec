"""Plans of many files: all names are looked at before any work, and memory stays flat."""

from __future__ import annotations

import os
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import poolcli
from poolcli import batch
from poolcli.batch import Settings, planning, preflight
from poolcli.core.reducers import REDUCERS
from poolcli.files.paths import collisions
from poolcli.pooling import parse_pooling
from poolcli.report import FileReport

GREY = np.arange(24, dtype=np.uint8).reshape(4, 6)


def plan(*inputs: str, **settings: Any) -> batch.JobPlan:
    """A plan for max."""
    return batch.plan_jobs(inputs, REDUCERS["max"], Settings(**settings))


def test_a_plan_of_many_files_is_small(tmp_path: Path) -> None:
    """5,000 files take less than 100 bytes each, and the plan gives its jobs as often as it is asked."""
    for i in range(5_000):
        (tmp_path / f"{i:05}.png").touch()
    tracemalloc.start()
    made = plan(str(tmp_path), output=f"{tmp_path}/out/")
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert held < 500_000
    for _ in range(2):
        jobs = iter(made)
        assert next(jobs).output == tmp_path / "out/00000.png"
        assert 1 + sum(1 for _ in jobs) == len(made) == 5_000


def test_jobs_are_made_when_their_turn_comes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first is done before the last exists."""
    for i in range(preflight.HEADERS + 50):
        (tmp_path / f"{i:05}.png").touch()
    made = 0
    real = planning.JobPlan.job

    def count(*args: Any) -> batch.Job:
        nonlocal made
        made += 1
        return real(*args)

    monkeypatch.setattr(planning.JobPlan, "job", count)
    settings = Settings(output=f"{tmp_path}/out/")
    planned = batch.plan_jobs([str(tmp_path)], REDUCERS["max"], settings)
    next(batch.run_jobs(planned, parse_pooling("max"), settings))
    assert made == preflight.HEADERS  # each once, those whose headers are read first among them


def test_a_folder_of_links_is_told_in_a_few_lines(tmp_path: Path) -> None:
    """The first hundred, and how many more."""
    for i in range(300):
        (tmp_path / f"{i:03}.png").symlink_to("nowhere")
    notes = list(plan(str(tmp_path), output="out/").notes)
    assert len(notes) == planning.MAX_SKIPPED_NAMED + 1 and notes[-1][1] == "and 200 more names were passed over"


def test_collisions_among_many_are_found(tmp_path: Path) -> None:
    """By their hashes first, by their names then."""
    names = [f"d{i}/x{i % 400}.png" for i in range(500)]
    with pytest.raises(poolcli.PoolError) as caught:
        plan(*names, output="out/")
    assert len(str(caught.value).splitlines()) == 100
    assert str(caught.value).startswith("d0/x0.png and d400/x0.png would both be written to out/x0.png")


def test_outputs_that_are_inputs_are_found_in_a_listed_folder(tmp_path: Path,
                                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a folder gets many outputs it is listed once; hard links are found there as well."""
    monkeypatch.setattr(collisions, "_SINGLE_LOOKS", 3)
    for i in range(9):
        (tmp_path / f"in{i}.png").touch()
    (tmp_path / "out").mkdir()
    (tmp_path / "out/in7.png").hardlink_to(tmp_path / "in2.png")
    sources = [f"{tmp_path}/in{i}.png" for i in range(9)]
    with pytest.raises(poolcli.PoolError) as caught:
        plan(*sources, output=f"{tmp_path}/out/")
    assert str(caught.value) == f"{tmp_path}/out/in7.png is the output of {sources[7]} and an input itself"


def test_folders_in_a_list_need_an_output(tmp_path: Path) -> None:
    """As folders on the command line do."""
    with pytest.raises(poolcli.PoolError, match="is needed when a folder is the input"):
        plan(str(tmp_path))


def test_many_names_are_packed_in_order(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whatever the number that is packed together, with folders between."""
    monkeypatch.setattr(planning, "NAMES_PER_PACK", 3)
    (tmp_path / "f.png").touch()
    names = [f"{i}.png" for i in range(8)]
    made = plan(*names[:4], str(tmp_path), *names[4:], output="out/")
    assert [job.source for job in made] == [*names[:4], f"{tmp_path}/f.png", *names[4:]]
    assert [lot.count for lot in made.lots] == [3, 1, 1, 3, 1]


# What headers tell.


def pooled(names: list[Path], **settings: Any) -> list[FileReport]:
    """Plan and run."""
    made = Settings(**settings)
    return list(batch.run_jobs(batch.plan_jobs(map(str, names), REDUCERS["max"], made), parse_pooling("max"), made))


@pytest.fixture
def mixed(tmp_path: Path) -> list[Path]:
    """Two files that PNG cannot hold, between others that it can; one that is none."""
    np.save(tmp_path / "a.npy", GREY)
    np.save(tmp_path / "b.npy", GREY.astype(np.float64))
    Image.fromarray(GREY).save(tmp_path / "c.png")
    Image.fromarray(np.dstack([GREY] * 4), "CMYK").save(tmp_path / "d.jpg")
    (tmp_path / "e.png").write_bytes(b"no picture")
    return [tmp_path / name for name in ("a.npy", "b.npy", "c.png", "d.jpg", "e.png")]


def test_what_no_output_can_hold_is_told_together_before_the_first_pixel(
        mixed: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The headers say it; then the others are done, and what else is wrong with them is found in its turn."""
    worked: list[str] = []
    real = batch.batch_run.run_job
    monkeypatch.setattr(batch.batch_run, "run_job", lambda job, *rest: (worked.append(job.source), real(job, *rest))[1])
    settings = Settings(output=f"{tmp_path}/out/{{stem}}.png")
    planned = batch.plan_jobs(map(str, mixed), REDUCERS["max"], settings)
    reports = batch.run_jobs(planned, parse_pooling("max"), settings)
    first = [next(reports), next(reports)]
    assert [file.error for file in first] == ["PNG cannot hold float64 with 1 channel; .npy can",
                                              "PNG cannot hold uint8 with 4 channels (CMYK); .tif or .npy can"]
    assert worked == []
    assert [(Path(file.input).name, file.status) for file in reports] == [
        ("a.npy", "ok"), ("c.png", "ok"), ("e.png", "failed")]
    assert worked == [str(mixed[i]) for i in (0, 2, 4)]


def test_beyond_the_first_headers_a_file_is_told_in_its_turn(mixed: list[Path], tmp_path: Path,
                                                                    monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is written of it all the same."""
    monkeypatch.setattr(preflight, "HEADERS", 2)
    done = pooled(mixed, output=f"{tmp_path}/out/{{stem}}.png")
    assert [Path(file.input).stem for file in done if file.status == "failed"] == ["b", "d", "e"]
    assert Path(done[0].input).stem == "b"
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.png", "c.png"]


@pytest.mark.parametrize("settings", [{"skip_existing": True}, {"isolate": True}])
def test_headers_are_left_alone_where_they_are_no_matter(mixed: list[Path], tmp_path: Path,
                                                         settings: dict[str, Any]) -> None:
    """What is passed over anyway; and with --isolate nothing of a file is read in this process."""
    out = tmp_path / "out"
    out.mkdir()
    for path in mixed if "skip_existing" in settings else ():
        (out / f"{path.stem}.png").touch()
    made = Settings(output=f"{out}/{{stem}}.png", **settings)
    planned = list(batch.plan_jobs(map(str, mixed), REDUCERS["max"], made))
    running = batch.BatchRun(planned, parse_pooling("max"), made)
    assert not preflight.check_headers(planned, made, running.fit, running.blank)


def test_fail_fast_stops_at_the_first_failure(mixed: list[Path], tmp_path: Path) -> None:
    """Files that are not begun have no report."""
    done = pooled([mixed[0], mixed[4], mixed[2]], output=f"{tmp_path}/out/", fail_fast=True)
    assert [file.status for file in done] == ["ok", "failed"]


# Folders and memory.


@pytest.mark.parametrize(("make", "reason"), [
    (lambda path: path.touch(), "{0} is no folder; another name would work"),
    (lambda path: path.mkdir(), "{0} cannot be written to; another folder would work"),
])
def test_a_folder_that_takes_nothing_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Any,
                                                         reason: str) -> None:
    """Before any compute, also where it is the parent of what would be made."""
    make(tmp_path / "out")
    monkeypatch.setattr(os, "access", lambda *_: False)
    for output in (f"{tmp_path}/out/", f"{tmp_path}/out/deep/er/"):
        with pytest.raises(poolcli.PoolError) as caught:
            plan("a.png", output=output)
        assert str(caught.value) == reason.format(tmp_path / "out")


def test_a_file_that_vanished_since_the_plan(mixed: list[Path], tmp_path: Path) -> None:
    """It fails, the next one goes on."""
    settings = Settings(output=f"{tmp_path}/out/")
    planned = batch.plan_jobs([str(mixed[0]), str(mixed[2])], REDUCERS["max"], settings)
    mixed[0].unlink()
    done = list(batch.run_jobs(planned, parse_pooling("max"), settings))
    assert [(file.status, file.error) for file in done] == [
        ("failed", "cannot be read: No such file or directory"), ("ok", None)]


@pytest.mark.parametrize("workers", [1, 2])
def test_gate_8_memory_is_flat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int) -> None:
    """While 5,000 jobs are done nothing gathers: reports go out, jobs come in. All reports were 5 MB of small blocks.
    A large block is Python's table of interned names, doubled to 2 MB, or to 4 MB where much was compiled before."""
    (tmp_path / "in").mkdir()
    for i in range(5_000):
        (tmp_path / f"in/{i:05}.npy").touch()
    monkeypatch.setattr(batch.batch_run, "run_job", lambda job, *_: FileReport(job.source, "x", "ok", values=[0] * 100))
    settings = Settings(output=f"{tmp_path}/out/")
    planned = batch.plan_jobs([f"{tmp_path}/in"], REDUCERS["max"], settings)
    reports = batch.run_jobs(planned, parse_pooling("max"), settings, workers)
    for _ in range(900):
        next(reports)
    tracemalloc.start()
    for _ in range(4_000):
        next(reports)
    held = sum(block.size for block in tracemalloc.take_snapshot().traces if block.size < 500_000)
    tracemalloc.stop()
    assert sum(1 for _ in reports) == 100
    assert held < 200_000
