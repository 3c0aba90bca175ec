"""From paths to reports: planned outputs, picture rules, and that one bad file costs only itself."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import poolcli
from poolcli import batch, files
from poolcli.batch import Settings, batch_run
from poolcli.core.reducers import REDUCERS
from poolcli.pooling import parse_pooling
from poolcli.report import FileReport


def picture(path: Path, array: Any, mode: str | None = None) -> Path:
    """Save a picture."""
    image = Image.fromarray(np.asarray(array))
    (image if mode is None else image.convert(mode)).save(path)
    return path


def pool_files(inputs: Sequence[Path | str], reducer: str = "max", options: dict[str, Any] | None = None,
               **settings: Any) -> list[FileReport]:
    """Plan and run."""
    made = Settings(**settings)
    planned = batch.plan_jobs([os.fspath(name) for name in inputs], REDUCERS[reducer], made)
    return list(batch.run_jobs(planned, parse_pooling(reducer, **(options or {})), made))


def one_file(source: Path, output: Path | str | None, reducer: str = "max", options: dict[str, Any] | None = None,
             **settings: Any) -> FileReport:
    """Run one job."""
    (done,) = pool_files([source], reducer, options, output=None if output is None else os.fspath(output), **settings)
    return done


def planned_outputs(inputs: Sequence[str], **settings: Any) -> list[tuple[str, str | None]]:
    """Input and output names of a plan."""
    planned = batch.plan_jobs(inputs, REDUCERS["max"], Settings(**settings))
    return [(job.source, job.output_name()) for job in planned]


GREY = np.arange(24, dtype=np.uint8).reshape(4, 6)
BILEVEL = np.array([[1, 1, 0, 0], [1, 0, 0, 0]], bool)


# Planning.


@pytest.mark.parametrize(("settings", "output"), [
    ({}, "in/a.b_max.png"), ({"output": "out/"}, "out/a.b.png"), ({"output": "-"}, "-"), ({"output": "x.npy"}, "x.npy"),
    ({"output": "{parent}/{stem}-{reducer}{ext}"}, "in/a.b-max.png"), ({"output": "{stem}.tif"}, "a.b.tif"),
    ({"format": files.FORMATS["NPY"]}, "in/a.b_max.npy"),
    ({"output": "out/", "format": files.FORMATS["JPEG"]}, "out/a.b.jpg"),
    ({"output": "{stem}{ext}", "format": files.FORMATS["TIFF"]}, "a.b.tif"),
    ({"format": files.FORMATS["PNG"]}, "in/a.b_max.png"),
])
def test_names_of_outputs(settings: dict[str, Any], output: str) -> None:
    """--format changes the ending that {ext} stands for."""
    assert planned_outputs(["in/a.b.png"], **settings) == [("in/a.b.png", output)]


def test_folders_keep_their_tree(tmp_path: Path) -> None:
    """Below the output folder, which is not an input even when it lies within; --recursive goes down."""
    for name in ("b.png", "a.npy", "sub/c.PNG", "sub/out/d.png", "out/e.png", "notes.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    flat = [(f"{tmp_path}/{name}", f"{tmp_path}/out/{name}") for name in ("a.npy", "b.png")]
    assert planned_outputs([str(tmp_path)], output=f"{tmp_path}/out/") == flat
    deep = [(f"{tmp_path}/{name}", f"{tmp_path}/out/{name}") for name in ("sub/c.PNG", "sub/out/d.png")]
    assert planned_outputs([str(tmp_path)], output=f"{tmp_path}/out/", recursive=True) == flat + deep


def test_results_of_an_earlier_run_are_no_inputs(tmp_path: Path) -> None:
    """poolcli max *.png, twice; but x_max.png is an input where it is alone, and into another folder."""
    paths = [str(picture(tmp_path / name, GREY)) for name in ("x.png", "x_max.png", "y_max.png")]
    planned = batch.plan_jobs(paths, REDUCERS["max"], Settings())
    assert [job.source for job in planned] == [paths[0], paths[2]]
    assert [name for name, _ in planned.notes] == [paths[1]]
    assert len(planned_outputs([str(tmp_path)], output=f"{tmp_path}/out/")) == 3
    assert len(planned_outputs([str(tmp_path)], output=f"{tmp_path}/{{stem}}_{{reducer}}{{ext}}")) == 2


def test_what_would_lose_a_file_is_told_before_any_work(tmp_path: Path) -> None:
    """All of it at once."""
    a, b = picture(tmp_path / "a.png", GREY), picture(tmp_path / "a.bmp", GREY)
    with pytest.raises(poolcli.PoolError) as refused:
        pool_files([a, b], output=f"{tmp_path}/{{stem}}.npy")
    assert "would both be written to" in str(refused.value)
    with pytest.raises(poolcli.PoolError, match="is its own input"):
        pool_files([a, b], output=f"{tmp_path}/{{stem}}{{ext}}")
    with pytest.raises(poolcli.PoolError, match="would both be written to"):
        pool_files([a, b], output=f"{tmp_path}/{{stem}}_{{ext}}.png", indices=f"{tmp_path}/{{stem}}.npy")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.bmp", "a.png"]


def test_links_and_pipes_in_folders_are_passed_over(tmp_path: Path) -> None:
    """With a note, and without hanging."""
    picture(tmp_path / "a.png", GREY)
    (tmp_path / "link.png").symlink_to(tmp_path / "a.png")
    os.mkfifo(tmp_path / "fifo.png")
    planned = batch.plan_jobs([str(tmp_path)], REDUCERS["max"], Settings(output=f"{tmp_path}/out/"))
    assert [job.source for job in planned] == [f"{tmp_path}/a.png"]
    assert sorted(name for name, _ in planned.notes) == [f"{tmp_path}/fifo.png", f"{tmp_path}/link.png"]


def test_an_input_of_unknown_ending_needs_a_named_output(tmp_path: Path) -> None:
    """What it is its bytes say; what its result is to be they do not."""
    picture(tmp_path / "a.png", GREY).rename(tmp_path / "a.dat")
    done = one_file(tmp_path / "a.dat", None)
    assert (done.status, (done.error or "")[:44]) == ("failed", "the ending '.dat' is of no known format; kno")
    assert one_file(tmp_path / "a.dat", tmp_path / "a.png").status == "ok"


# Picture rules.


def read(path: Path) -> tuple[str, Any]:
    """Mode and pixels."""
    with Image.open(path) as image:
        return image.mode, np.asarray(image)


@pytest.mark.parametrize("reducer", ["avg", "sum", "blur", "lp", "std", "mixed", "median", "max", "range", "subsample"])
def test_a_picture_keeps_its_dtype(tmp_path: Path, reducer: str) -> None:
    """Whatever the reducer; from .npy too; and as .npy the array rule holds."""
    source = picture(tmp_path / "a.png", GREY)
    np.save(tmp_path / "a.npy", GREY)
    expected = poolcli.pool(GREY, reducer, size=2, dtype="uint8")
    for name in ("a.png", "a.npy"):
        done = one_file(tmp_path / name, tmp_path / f"{name}.tif", reducer)
        assert (done.status, done.output_dtype) == ("ok", "uint8")
        np.testing.assert_array_equal(read(tmp_path / f"{name}.tif")[1], expected)
    assert one_file(source, tmp_path / "b.npy", reducer).status == "ok"
    found, by_array = np.load(tmp_path / "b.npy"), poolcli.pool(GREY, reducer, size=2)
    assert found.dtype == by_array.dtype
    np.testing.assert_array_equal(found, by_array)


def test_sixteen_bits_stay_sixteen(tmp_path: Path) -> None:
    """Averages too, rounded once."""
    wide = (np.arange(16, dtype=np.uint16) * 4001).reshape(4, 4)
    done = one_file(picture(tmp_path / "a.png", wide), tmp_path / "b.png", "avg")
    assert done.output_dtype == "uint16"
    np.testing.assert_array_equal(read(tmp_path / "b.png")[1], poolcli.pool(wide, "avg", size=2, dtype="uint16"))


@pytest.mark.parametrize(("reducer", "expected"), [
    ("max", [[True, False]]), ("min", [[False, False]]), ("median", [[True, False]]), ("mode", [[True, False]]),
    ("subsample", [[True, False]]), ("range", [[True, False]]),
])
def test_a_bilevel_picture_stays_one(tmp_path: Path, reducer: str, expected: list[list[bool]]) -> None:
    """Where the result is a choice of black and white."""
    done = one_file(picture(tmp_path / "a.png", BILEVEL), tmp_path / "b.png", reducer)
    assert (done.status, done.output_dtype, done.notes) == ("ok", "bool", ())
    mode, found = read(tmp_path / "b.png")
    assert (mode, found.tolist()) == ("1", expected)


@pytest.mark.parametrize(("reducer", "expected"), [
    ("avg", [[191, 0]]), ("sum", [[255, 0]]), ("blur", [[191, 0]]), ("std", [[110, 0]]), ("mixed", [[223, 0]]),
])
def test_a_bilevel_picture_turns_grey(tmp_path: Path, reducer: str, expected: list[list[int]]) -> None:
    """Where it is not: True is 255, and a note says so; .npy of bool too. A sum of whites is clipped, and told."""
    clipped = ("1 of 2 samples are clipped to 255; -o NAME.npy or --dtype uint16 would hold them",)
    picture(tmp_path / "a.png", BILEVEL)
    np.save(tmp_path / "a.npy", BILEVEL)
    for name in ("a.png", "a.npy"):
        done = one_file(tmp_path / name, tmp_path / "b.png", reducer, overwrite=True)
        assert (done.input_dtype, done.output_dtype) == ("bool", "uint8")
        turned = ("1-bit pixels pooled as 8-bit grey, white as 255",)
        assert done.notes == ((*clipped, *turned) if reducer == "sum" else turned)
        mode, found = read(tmp_path / "b.png")
        assert (mode, found.tolist()) == ("L", expected)


def test_bilevel_options_are_in_bits(tmp_path: Path) -> None:
    """nodata 0 is black and pad value 1 is white, grey result or not; --dtype bool stays a choice."""
    source = picture(tmp_path / "a.png", BILEVEL)
    assert one_file(source, tmp_path / "b.png", "avg", {"nodata": 0}).status == "ok"
    assert read(tmp_path / "b.png")[1].tolist() == [[255, 0]]
    one_file(source, tmp_path / "c.png", "avg", {"size": 4, "padding": (1, 0), "pad_mode": "constant", "pad_value": 1})
    assert read(tmp_path / "c.png")[1].tolist() == [[175]]  # 8 padded whites and 3 others of 16
    quarter = picture(tmp_path / "q.png", np.array([[1, 1, 1, 0], [0, 0, 0, 0]], bool))
    one_file(quarter, tmp_path / "d.png", "avg", {"dtype": "bool"})
    assert read(tmp_path / "d.png")[1].tolist() == [[True, False]]


def test_a_bilevel_picture_as_array(tmp_path: Path) -> None:
    """float64 shares, as for any bool array."""
    one_file(picture(tmp_path / "a.png", BILEVEL), tmp_path / "b.npy", "avg")
    assert np.load(tmp_path / "b.npy").tolist() == [[0.75, 0]]


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    """A palette picture: index 5 is red, 9 is blue."""
    indices = np.array([[5, 5, 9, 9], [5, 9, 9, 5]], np.uint8)
    image = Image.frombytes("P", (4, 2), indices.tobytes())
    palette = [0] * 768
    palette[15:18], palette[27:30] = (255, 0, 0), (0, 0, 255)
    image.putpalette(palette)
    image.save(tmp_path / "labels.png")
    return tmp_path / "labels.png"


@pytest.mark.parametrize("reducer", ["mode", "subsample"])
def test_labels_keep_their_palette(labels: Path, reducer: str) -> None:
    """Indices are pooled as names; as an array they are the result."""
    out = labels.with_name("out.png")
    assert one_file(labels, out, reducer).input_shape == (2, 4)
    mode, found = read(out)
    assert (mode, found.tolist()) == ("P", [[5, 9]])
    with Image.open(out) as image:
        assert image.convert("RGB").getpixel((0, 0)) == (255, 0, 0)
    one_file(labels, out.with_suffix(".npy"), reducer)
    assert np.load(out.with_suffix(".npy")).tolist() == [[5, 9]]


def test_colours_of_a_palette_are_pooled_as_colours(labels: Path) -> None:
    """By every other reducer: an average of indices would be a colour from nowhere."""
    out = labels.with_name("out.png")
    assert one_file(labels, out, "avg").input_shape == (2, 4, 3)
    assert read(out)[1].tolist() == [[[191, 0, 64], [64, 0, 191]]]


def test_channels_first_becomes_a_picture(tmp_path: Path) -> None:
    """The output's channels are last, whatever the layout; an array stays as it was."""
    array = np.arange(3 * 4 * 4, dtype=np.uint8).reshape(3, 4, 4)
    np.save(tmp_path / "a.npy", array)
    done = one_file(tmp_path / "a.npy", tmp_path / "b.png", "max", {"layout": "CHW"})
    assert (done.output_shape, done.notes) == ((3, 2, 2), ())
    expected = poolcli.pool(array, "max", size=2, layout="CHW")
    np.testing.assert_array_equal(read(tmp_path / "b.png")[1], expected.transpose(1, 2, 0))
    one_file(tmp_path / "a.npy", tmp_path / "b.npy", "max", {"layout": "CHW"})
    np.testing.assert_array_equal(np.load(tmp_path / "b.npy"), expected)


def test_lossy_results_say_so(tmp_path: Path) -> None:
    """And the values are those that were pooled."""
    done = one_file(picture(tmp_path / "a.png", GREY), tmp_path / "b.jpg")
    assert (done.notes, done.values) == (("lossy: JPEG of quality 95",), [[7, 9, 11], [19, 21, 23]])


def test_a_format_that_cannot_hold_the_result_is_told_before_work(tmp_path: Path,
                                                                  monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is pooled, nothing written."""
    np.save(tmp_path / "a.npy", GREY.astype(np.float32))
    monkeypatch.setattr("poolcli.pooling.Pooling.run", lambda *_, **__: pytest.fail("pooled"))
    done = one_file(tmp_path / "a.npy", tmp_path / "b.png")
    assert (done.status, done.error) == ("failed", "PNG cannot hold float32 with 1 channel; .tif or .npy can")
    assert not (tmp_path / "b.png").exists()


# What goes in and out besides.


def test_one_before_and_after_is_every_axis(tmp_path: Path) -> None:
    """--padding 1:0, of one axis as of three."""
    for shape, layout in (((5,), "L"), ((5, 5), "HW"), ((4, 5, 5), "DHW")):
        array = np.arange(np.prod(shape), dtype=float).reshape(shape)
        np.save(tmp_path / "a.npy", array)
        one_file(tmp_path / "a.npy", tmp_path / "b.npy", options={"size": 3, "padding": ((1, 0),), "layout": layout},
                 overwrite=True)
        expected = poolcli.pool(array, "max", size=3, padding=((1, 0),) * len(shape), layout=layout)
        np.testing.assert_array_equal(np.load(tmp_path / "b.npy"), expected)


def test_indices_are_written(tmp_path: Path) -> None:
    """int64 .npy, beside the values; into a folder for many."""
    np.save(tmp_path / "a.npy", GREY)
    np.save(tmp_path / "b.npy", GREY[::-1])
    one_file(tmp_path / "a.npy", tmp_path / "v.npy", indices=str(tmp_path / "i.npy"))
    values, indices = poolcli.pool(GREY, "max", size=2, return_indices=True)
    np.testing.assert_array_equal(np.load(tmp_path / "v.npy"), values)
    np.testing.assert_array_equal(np.load(tmp_path / "i.npy"), indices)
    assert np.load(tmp_path / "i.npy").dtype == np.int64
    pool_files([tmp_path / "a.npy", tmp_path / "b.npy"], output=f"{tmp_path}/out/", indices=f"{tmp_path}/at/")
    assert sorted(path.name for path in (tmp_path / "at").iterdir()) == ["a.npy", "b.npy"]


def test_indices_are_not_lost_either(tmp_path: Path) -> None:
    """An old file of indices is refused like an output, before anything is written."""
    np.save(tmp_path / "a.npy", GREY)
    (tmp_path / "i.npy").write_bytes(b"old")
    done = one_file(tmp_path / "a.npy", tmp_path / "v.npy", indices=str(tmp_path / "i.npy"))
    assert (done.error or "").endswith("i.npy exists; --overwrite or --skip-existing would work")
    assert (tmp_path / "i.npy").read_bytes() == b"old" and not (tmp_path / "v.npy").exists()


def test_streams(tmp_path: Path) -> None:
    """From stdin to stdout, .npy or a picture by --format."""
    source, target = io.BytesIO(picture(tmp_path / "a.png", GREY).read_bytes()), io.BytesIO()
    (done,) = pool_files(["-"], output="-", stdin=source, stdout=target)
    assert (done.input, done.output, done.status) == ("-", "-", "ok")
    assert np.load(io.BytesIO(target.getvalue())).tolist() == [[7, 9, 11], [19, 21, 23]]


@pytest.mark.parametrize("how", ["big-endian", "Fortran", "bool of any byte"])
def test_arrays_as_they_lie_in_files(tmp_path: Path, how: str) -> None:
    """Memory-mapped, read-only, and never changed."""
    array = {"big-endian": GREY.astype(">f8"), "Fortran": np.asfortranarray(GREY),
             "bool of any byte": np.array([[0, 2], [0, 255]], np.uint8).view(bool)}[how]
    np.save(tmp_path / "a.npy", array)
    before = (tmp_path / "a.npy").read_bytes()
    assert one_file(tmp_path / "a.npy", tmp_path / "b.npy").status == "ok"
    expected = poolcli.pool(array != 0 if array.dtype == bool else array)
    np.testing.assert_array_equal(np.load(tmp_path / "b.npy"), expected)
    assert (tmp_path / "a.npy").read_bytes() == before


def test_a_large_file_that_cannot_stream_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In Fortran order: it is mapped, pooled whole, and a note gives the reason; a small file needs no note."""
    np.save(tmp_path / "a.npy", np.asfortranarray(GREY))
    assert one_file(tmp_path / "a.npy", tmp_path / "b.npy").notes == ()
    monkeypatch.setattr("poolcli.chunked.streaming.MIN_STREAM_BYTES", 1)
    done = one_file(tmp_path / "a.npy", tmp_path / "c.npy")
    assert done.notes == ("mapped whole, not streamed: its columns come first (Fortran order)",)
    assert (tmp_path / "c.npy").read_bytes() == (tmp_path / "b.npy").read_bytes()


def test_everything_pooled_and_squeezed(tmp_path: Path) -> None:
    """One number without axes."""
    np.save(tmp_path / "a.npy", GREY)
    done = one_file(tmp_path / "a.npy", tmp_path / "b.npy", "max", {"size": "all", "squeeze": True})
    assert (done.error, done.output_shape, done.values) == (None, (), 23)
    assert np.load(tmp_path / "b.npy") == 23


def test_the_key_of_an_archive(tmp_path: Path) -> None:
    """Chosen by --key, kept in an .npz output."""
    np.savez(tmp_path / "a.npz", one=GREY, two=GREY + 1)
    assert "--key takes one of: one, two" in (one_file(tmp_path / "a.npz", None).error or "")
    assert one_file(tmp_path / "a.npz", None, key="two").status == "ok"
    with np.load(tmp_path / "a_max.npz") as found:
        assert found["two"].tolist() == [[8, 10, 12], [20, 22, 24]]


# Failures.


def test_one_bad_file_costs_only_itself(tmp_path: Path) -> None:
    """Whatever is wrong with it; the reports come in the order of the inputs."""
    good = picture(tmp_path / "good.png", GREY)
    (tmp_path / "cut.png").write_bytes(good.read_bytes()[:50])
    (tmp_path / "text.png").write_text("no picture")
    np.save(tmp_path / "complex.npy", np.zeros(4, complex))
    done = pool_files([tmp_path / name for name in ("cut.png", "text.png", "complex.npy", "missing.png", "good.png")],
                      output=f"{tmp_path}/out/")
    assert [file.status for file in done] == ["failed"] * 4 + ["ok"]
    assert all(file.error and "\n" not in file.error for file in done[:4])
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["good.png"]


@pytest.mark.parametrize("error", [ValueError("odd"), KeyError("k"), MemoryError(), RecursionError("deep"),
                                   OSError(5, "io")])
def test_no_exception_of_a_file_gets_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """It is that file's report, with the exception for --debug."""
    def fail(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr("poolcli.pooling.Pooling.run", fail)
    done = one_file(picture(tmp_path / "a.png", GREY), None)
    assert (done.status, done.cause) == ("failed", error)
    assert done.error


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("can't allocate read lock"),
                                   RuntimeError("can't start new thread")])
def test_a_file_for_which_memory_lacks_says_so(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """CPython's files and threads say so by RuntimeError; nothing of that is unexpected."""
    def fail(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr("poolcli.pooling.Pooling.run", fail)
    assert one_file(picture(tmp_path / "a.png", GREY), None).error == "not enough memory for it"


@pytest.mark.parametrize(("number", "stops"), [(errno.ENOSPC, True), (errno.EDQUOT, True), (errno.EFBIG, True),
                                               (errno.EACCES, False)])
def test_a_full_disk_stops_the_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, stops: bool) -> None:
    """Every next file would fail too; a folder that is read-only is that file's matter."""
    def fail(*_: Any, **__: Any) -> None:
        raise OSError(number, os.strerror(number))

    inputs = [picture(tmp_path / f"{i}.png", GREY) for i in range(3)]
    monkeypatch.setattr("os.fsync", fail)
    done = pool_files(inputs, output=f"{tmp_path}/out/")
    assert [file.error for file in done] == [f"{tmp_path}/out/{i}.png cannot be written: {os.strerror(number)}"
                                             for i in range(1 if stops else 3)]
    assert list((tmp_path / "out").iterdir()) == []


def test_a_reader_that_left_is_no_files_failure(tmp_path: Path) -> None:
    """BrokenPipeError ends the run."""
    class Gone(io.BytesIO):
        def write(self, *_: Any) -> int:
            raise BrokenPipeError

    np.save(tmp_path / "a.npy", GREY)
    with pytest.raises(BrokenPipeError):
        pool_files([tmp_path / "a.npy"], output="-", stdout=Gone())


def test_in_place_keeps_the_old_file_when_it_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And replaces it, whole, when it does not."""
    source = picture(tmp_path / "a.png", GREY)
    before = source.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", lambda _: 1 / 0)
        done = one_file(source, source, in_place=True)
        assert (done.status, source.read_bytes()) == ("failed", before)
    assert one_file(source, source, in_place=True).status == "ok"
    assert read(source)[1].tolist() == [[7, 9, 11], [19, 21, 23]]
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_in_place_is_no_leave_to_overwrite_others(tmp_path: Path) -> None:
    """Only an output that is its own input may be replaced."""
    source = picture(tmp_path / "a.png", GREY)
    (tmp_path / "b.png").write_bytes(b"old")
    assert "exists" in (one_file(source, tmp_path / "b.png", in_place=True).error or "")
    assert (tmp_path / "b.png").read_bytes() == b"old"


def test_devices_and_pipes_are_written_straight(tmp_path: Path) -> None:
    """As .npy, for their names say nothing."""
    source = picture(tmp_path / "a.png", GREY)
    assert one_file(source, "/dev/null").status == "ok"
    assert Path("/dev/null").is_char_device()


def test_numbers_nobody_sees_are_not_made(tmp_path: Path) -> None:
    """--quiet saves the pass over the data."""
    done = one_file(picture(tmp_path / "a.png", GREY), None, statistics=False)
    assert (done.status, done.input_stats, done.values, done.preview) == ("ok", None, None, ())


def test_jobs_side_by_side_report_in_order(tmp_path: Path) -> None:
    """Several workers give the same files, the same reports in the same order, and pass over a bad one."""
    for i in range(12):
        np.save(tmp_path / f"{i:02}.npy", np.random.default_rng(i).random((40, 30)))
    (tmp_path / "05.npy").write_bytes(b"no array")
    reports = {}
    for workers in (1, 4):
        settings = Settings(output=f"{tmp_path}/out{workers}/")
        paths = [os.fspath(path) for path in sorted(tmp_path.glob("*.npy"))]
        planned = batch.plan_jobs(paths, REDUCERS["avg"], settings)
        reports[workers] = list(batch.run_jobs(planned, parse_pooling("avg"), settings, workers))
    assert [(r.input, r.status, r.output_stats) for r in reports[4]] == [
        (r.input, r.status, r.output_stats) for r in reports[1]]
    assert [r.status for r in reports[4]].count("failed") == 1
    one, four = (sorted((tmp_path / f"out{workers}").iterdir()) for workers in (1, 4))
    assert [path.read_bytes() for path in four] == [path.read_bytes() for path in one]
    assert len(four) == 11


def test_a_full_disk_stops_all_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What every next file would meet too ends the run; files that were under way are still reported."""
    jobs = [batch.Job(str(i)) for i in range(100)]
    monkeypatch.setattr(batch_run, "run_job", lambda job, *_: FileReport(job.source, None, "failed", stops=True))
    done = list(batch.run_jobs(jobs, parse_pooling("max"), Settings(), 2))
    assert 1 <= len(done) <= 4
