"""Plans of many files: all names are looked at before any work, and memory stays flat."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import poolcli
from poolcli import batch
from poolcli.batch import Settings, planning, preflight
from poolcli.core.reducers import REDUCERS
from poolcli.files import formats
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
    assert len(notes) == planning.MAX_SKIPPED_NAMED + 1
    assert notes[-1] == (notes[-2][0], "and 200 more names were passed over")


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


# What each input becomes.


def show(*inputs: str, **settings: Any) -> list[tuple[Any, ...]]:
    """Each job of a plan: its input, outputs, format and what is wrong."""
    return [(job.source, None if job.output is None else str(job.output),
             None if job.format is None else job.format.name, None if job.indices is None else str(job.indices),
             job.shown, job.problem) for job in plan(*inputs, **settings)]


def test_outputs_follow_their_inputs(tmp_path: Path) -> None:
    """Beside them, over them, in a folder or by a pattern; indices are arrays; the format is that of the name, or the
    one that is asked, whose ending the name then has.
    """
    a, tiff = f"{tmp_path}/a.png", formats.FORMATS["TIFF"]
    assert show(a) == [(a, f"{tmp_path}/a_max.png", "PNG", None, False, None)]
    assert show(a, in_place=True) == [(a, a, "PNG", None, False, None)]
    assert show(a, in_place=True, output="o/") == [(a, "o/a.png", "PNG", None, False, None)]
    assert show(a, output="o/", format=tiff) == [(a, "o/a.tif", "TIFF", None, False, None)]
    assert show("b.TIFF", output="o/", format=tiff) == [("b.TIFF", "o/b.TIFF", "TIFF", None, False, None)]
    assert show(a, format=tiff) == [(a, f"{tmp_path}/a_max.tif", "TIFF", None, False, None)]
    assert show(a, output="o/{stem}.bmp", indices="i/{stem}_i{ext}") == [
        (a, "o/a.bmp", "BMP", "i/a_i.npy", False, None)]
    assert show(a, output="-") == [(a, None, "NPY", None, False, None)]
    assert show(a, output="-", format=tiff) == [(a, None, "TIFF", None, False, None)]
    assert show("-") == [("-", None, None, None, True, None)]
    assert show("-", output="o/{stem}.png", format=tiff) == [("-", "o/stdin.png", "TIFF", None, False, None)]
    assert show("[[1, 2], [3, 4]]", indices="i.npy") == [("[[1, 2], [3, 4]]", None, None, "i.npy", True, None)]
    assert show("x.zarr/", output="o/") == [("x.zarr", "o/x.zarr", "ZARR", None, False, None)]
    assert show("folder.png/", output="o/x.png")[0][0] == "folder.png/"


def test_an_output_of_no_known_format_is_a_problem_of_its_file(tmp_path: Path) -> None:
    """Nothing is written of it, so it collides with nothing; of an input that is there its own kind may be told."""
    for name in "ab":
        (tmp_path / name).touch()
    sources = [f"{tmp_path}/a", f"{tmp_path}/b", f"{tmp_path}/missing"]
    planned = plan(*sources, output="o/x.jpgg{ext}")
    jobs = list(planned)
    assert [job.format for job in jobs] == [None] * 3
    assert [job.problem is None for job in jobs] == [False, False, True]
    assert list(planned.pairs()) == []
    with pytest.raises(poolcli.PoolError, match="would both be written"):
        plan(*sources, output="o/x.jpgg{ext}", format=formats.FORMATS["PNG"])
    pairs = list(plan("a.png", output="o/x.jpgg{ext}", indices="i/x.npy", format=formats.FORMATS["PNG"]).pairs())
    assert [one[1] for one in pairs][1:] == ["i/x.npy"] and len(pairs) == 2
    assert list(plan("a.png", "b.npy", output="o/").pairs()) == [("a.png", "o/a.png"), ("b.npy", "o/b.npy")]
    assert list(plan("-").pairs()) == []
    assert len(list(plan("a.png", output="o/x.jpgg", format=formats.FORMATS["PNG"]).pairs())) == 1
    assert list(plan("a.png", output="/dev/null").pairs()) == [("a.png", "/dev/null")]


def test_several_results_of_an_input_are_named_apart() -> None:
    """In a folder too, where one keeps its input's name."""
    row = REDUCERS["max"]
    for several, wanted in ((False, "o/a.png"), (True, "o/a_max.png")):
        (job,) = batch.plan_jobs(["a.png"], row, Settings(output="o/"), several=several)
        assert str(job.output) == wanted


@pytest.mark.parametrize("option", ["output", "indices"])
def test_fields_that_are_none_are_refused(option: str) -> None:
    """By the option's name."""
    with pytest.raises(poolcli.errors.OptionError) as caught:
        plan("a.png", **{option: "o/{steam}.npy"})
    assert caught.value.option == option


@pytest.mark.parametrize("option", ["output", "indices"])
def test_a_folder_that_takes_nothing_is_named_by_its_option(option: str, tmp_path: Path) -> None:
    """That of the indices too; a pattern and standard output are none."""
    (tmp_path / "file").touch()
    with pytest.raises(poolcli.errors.OptionError, match="is no folder") as caught:
        plan("a.png", **{"output": "o/x.npy", option: f"{tmp_path}/file/"})
    assert caught.value.option == option


def test_results_of_other_inputs_are_passed_over() -> None:
    """Where they would get names beside their inputs; alone, and in a folder of outputs, they are inputs."""
    made = plan("x.png", "x_max.png", "y_max.png", "z.png")
    assert [job.source for job in made] == ["x.png", "y_max.png", "z.png"]
    assert list(made.notes) == [
        ("x_max.png", "named like a result of another input, so it is no input itself; alone it would be")]
    assert [job.source for job in plan("x_max.png")] == ["x_max.png"]
    assert [job.source for job in plan("x_max.png", "x.png")] == ["x.png"]
    assert [job.source for job in plan("x.png", "x_max.png", output="o/")] == ["x.png", "x_max.png"]
    with pytest.raises(poolcli.PoolError, match=r"is the output of|would both"):
        plan("x.png", "x.png", in_place=True)


def test_a_folder_of_results(tmp_path: Path) -> None:
    """By a pattern results of before are no inputs; into a folder they are; the output's own folder is not scanned."""
    for name in ("x.png", "x_max.png", "out/y.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()

    def found(**settings: Any) -> list[str]:
        return [os.path.relpath(job.source, tmp_path) for job in plan(f"{tmp_path}", recursive=True, **settings)]

    assert found(output=f"{tmp_path}/{{stem}}_max{{ext}}") == ["x.png", "out/y.png"]
    assert found(output=f"{tmp_path}/out/") == ["x.png", "x_max.png"]
    assert found(in_place=True) == ["x.png", "x_max.png", "out/y.png"]
    made = plan(f"{tmp_path}", recursive=True, output="elsewhere/")
    assert [str(job.output) for job in made] == ["elsewhere/x.png", "elsewhere/x_max.png", "elsewhere/out/y.png"]


def test_endings_that_are_not_read_are_counted(tmp_path: Path) -> None:
    """Of a folder's pictures."""
    for name in ("a.png", "b.webm.cr2", "c.cr2"):
        (tmp_path / name).touch()
    made = plan(str(tmp_path), output="o/")
    assert len(made) == 1 and dict(made.notes.unread) == {".cr2": 2}


@pytest.mark.parametrize(("output", "wanted"), [
    ("-", False), ("o/", True), ("{stem}.png", True), ("x.png", False), ("{steam}", False)])
def test_outputs_that_take_several(output: str, wanted: bool) -> None:
    """Folders and patterns."""
    assert planning.takes_several(output) is wanted


# Objects of a store.


@pytest.fixture
def store() -> Iterator[str]:
    """Three objects below a URL, one of them a result of another, one deeper."""
    fsspec = pytest.importorskip("fsspec")
    system = fsspec.filesystem("memory")
    for name in ("x.png", "x_max.png", "deep/y.png", "notes.txt", "z.cr2"):
        system.pipe(f"/planned/{name}", b"")
    yield "memory://planned"
    system.rm("/planned", recursive=True)


def test_objects_below_a_url(store: str) -> None:
    """As files of a folder: into another all of them, by a pattern no results, and never what lies in the output."""
    def found(*inputs: str, **settings: Any) -> list[tuple[str, str]]:
        return [(job.source.removeprefix(store), str(job.output)) for job in plan(*inputs, **settings)]

    assert found(f"{store}/", output="o/") == [("/x.png", "o/x.png"), ("/x_max.png", "o/x_max.png")]
    assert found(store, output="o/", recursive=True) == [
        ("/x.png", "o/x.png"), ("/x_max.png", "o/x_max.png"), ("/deep/y.png", "o/deep/y.png")]
    assert [one for one, _ in found(f"{store}/", output="o_{stem}{ext}")] == ["/x.png"]
    assert [one for one, _ in found(f"{store}/", in_place=True)] == ["/x.png", "/x_max.png"]
    assert [one for one, _ in found(f"{store}/", output=f"{store}/deep/", recursive=True)] == ["/x.png", "/x_max.png"]
    assert dict(plan(f"{store}/", output="o/").notes.unread) == {".cr2": 1}
    with pytest.raises(poolcli.PoolError, match="is its own input"):
        plan(f"{store}/", output=f"{store}/x.png")
    with pytest.raises(poolcli.errors.OptionError, match="when a folder is the input, as memory://planned/ is"):
        plan(f"{store}/")


def test_objects_that_fit_a_pattern(store: str) -> None:
    """As if each had been named; without any the pattern is an input that is not there."""
    made = plan(f"{store}/x*.png", "a.png", output="o/")
    assert [(job.source, job.problem) for job in made] == [
        (f"{store}/x.png", None), (f"{store}/x_max.png", None), ("a.png", None)]
    (missing,) = plan(f"{store}/nothing*.png", output="o/")
    assert (missing.source, missing.problem) == (f"{store}/nothing*.png", "no object fits the pattern")
    assert list(plan(f"{store}/nothing*.png", output="o/").pairs()) == []
    assert [job.source for job in plan(f"{store}/x.png", output="o/")] == [f"{store}/x.png"]


def test_what_goes_wrong_in_a_store_is_an_input_of_its_own(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was listed before stays."""
    from poolcli.files.remote import object_listing

    def listing(*_: Any, **__: Any) -> Iterator[list[str]]:
        yield ["x.png"]
        raise poolcli.PoolError("the store is gone")

    monkeypatch.setattr(object_listing, "list_objects", listing)
    monkeypatch.setattr(object_listing, "list_matching", lambda pattern: (f"{store}/", listing()))
    for name in (f"{store}/", f"{store}/*.png"):
        assert [(job.source, job.problem) for job in plan(name, output="o/")] == [
            (f"{store}/x.png", None), (name, "the store is gone")]


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
