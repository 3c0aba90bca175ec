"""What is said when something is wrong: the whole line, and the exit code."""

from __future__ import annotations

import io
import logging
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from cli.calls import SAMPLES, Call, names, save_picture

from poolcli.chunked.executors import OrderedResults, SerialExecutor
from poolcli.cli import error_messages, main, stdio

SEVERAL = "a folder with a slash at its end, or a pattern with {stem}, would work"
FIELDS = "{stem} {ext} {reducer} {parent} would work"
TWICE = "--key: was given 2 times ('a', 'b'), and one array is read; a run for each would work"

USAGE: list[tuple[str, str]] = [
    ("max", "INPUT: is missing; poolcli max image.png would work"),
    ("max -k 0 x.png", "--size: must be a whole number from 1 to 2147483647, not 0"),
    ("max -k -1 x.png", "--size: '-1' is no whole number; 3, 3x2 or 1xall would work"),
    ("max -k 3x x.png", "--size: '3x' is not one value, or one for each of up to 3 axes; 3, 3x2 or 1xall would work"),
    ("max --size axb x.png", "--size: 'a' is no whole number; 3, 3x2 or 1xall would work"),
    ("max --size 1000000000000 x.png", "--size: must be a whole number from 1 to 2147483647, not 1000000000000"),
    ("max --stride 0 x.png", "--stride: must be a whole number from 1 to 2147483647, not 0"),
    ("max --dilation 0 x.png", "--dilation: must be a whole number from 1 to 2147483647, not 0"),
    ("max --ceil --adaptive 3 x.png", "--ceil: goes with fixed windows, not with adaptive windows"),
    ("max --adaptive 3 -s 2 x.png", "--stride: goes with fixed and same windows, not with adaptive windows"),
    ("max --global -k 3 x.png", "--size: goes with fixed, same and fractional windows, not with --global"),
    ("max --u 1 --fractional 1.5 x.png", "--u: must be from 0 to below 1, not '1'"),
    ("max --u 0.5 x.png", "--u: goes with fractional windows, not with fixed windows"),
    ("max --seed 1 x.png", "--seed: goes with fractional windows, not with fixed windows"),
    ("max --fractional 0.5 x.png", "--fractional: must be a ratio of at least 1, not '0.5'"),
    ("max --p 3 x.png", "--p: is a parameter of lp, gem, not of max"),
    ("max -p 3 x.png", "-p: is no option; --p is an exponent, --padding the padding"),
    ("lp -p3 x.png", "-p: is no option; --p is an exponent, --padding the padding"),
    ("lp --p 0 x.png", "--p: must be > 0, not 0"),
    ("lse --r 0 x.png", "--r: must be finite and not 0, not 0"),
    ("quantile --q 1.5 x.png", "--q: must be from 0 to 1, not 1.5"),
    ("mixed --weight -1 x.png", "--weight: must be from 0 to 1, not -1"),
    ("avg --divisor 0 x.png", "--divisor: must be a whole number >= 1, not 0"),
    ("max --strid 3 x.png", "--strid: is no option of poolcli max; --stride would work"),
    ("max --siz 3 x.png", "--siz: is no option of poolcli max; --size would work"),
    ("max -x.png",
     "-x: is no option of poolcli max; poolcli max --help would work; a name that begins with - goes behind --"),
    ("max x.png -o", "-o: needs a value; --help tells more"),
    ("max x.png --ceil=1", "--ceil: takes no value; --help tells more"),
    ("max --layout HH x.png", "--layout: layout HH names an axis twice"),
    ("max --nan maybe x.png", "--nan: 'maybe' is not one of 'propagate', 'ignore', 'error'"),
    ("max --pad-value 3 x.png", '--pad-value: goes with --pad-mode "constant", not with "exclude"'),
    ("max --global --pad-mode edge x.png", "--pad-mode: global windows have no padding; fixed and same windows have"),
    ("max --jobs 0 x.png", "--jobs: 0 is too few; 1 or more would work"),
    ("max --max-pixels 1.5 x.png", "--max-pixels: '1.5' is no whole number from 1 to below 1e20; 50M would work"),
    ("max --max-pixels 0 x.png", "--max-pixels: '0' is no whole number from 1 to below 1e20; 50M would work"),
    ("max --max-pixels 1e99 x.png", "--max-pixels: '1e99' is no whole number from 1 to below 1e20; 50M would work"),
    ("max --max-pixels x x.png",
     "--max-pixels: 'x' is no whole number; 50000000, 50_000_000, 5e7 or 50M would work"),
    ("max --key a --key b x.npz", TWICE),
    ("explain --key a --key b x.npz", TWICE),
    ("max x.png -o {name}.png", "--output: {name} is no field of a pattern; " + FIELDS),
    ("max x.png -o {stem:3}.png",
     "--output: {stem:3} is no field of a pattern; " + FIELDS),
    ("max x.png --indices {}.npy", "--indices: {} is no field of a pattern; " + FIELDS),
    ("chain max x.png -o {name}.png",
     "--output: {name} is no field of a pattern; " + FIELDS),
    ("pyramid x.png -o {name}.png",
     "--output: {name} is no field of a pattern; {level} {stem} {ext} {reducer} {parent} would work"),
    ("max --quality 101 x.png", "--quality: 101 is not from 1 to 100"),
    ("max --format exe x.png",
     "--format: no format is called 'exe'; known are png, tiff, ome, imagej, gif, bmp, ppm, webp, jpeg, avif, heif, "
     "jxl, npy, npz, zarr, nifti, fits, netcdf, hdf5, csv, tsv and text"),
    ("avg --indices i.npy x.png",
     "--indices: avg picks no sample, so it has no indices; those that do: max, min, absmax, "
     "stochastic, median-low, median-high, mode, subsample, first, last, centre"),
    ("max --indices i.npy --pad-mode edge x.png",
     "--indices: padding that is data has no indices; --pad-mode exclude would work"),
    ("max --indices i.png x.png", "--indices: are written as .npy, and i.png does not end so"),
    ("max --indices - x.png", "--indices: standard output carries the values; a file name would work"),
    ("max x.png y.png -o z.png", "--output: z.png takes one result, and there may be several; " + SEVERAL),
    ("max x.png y.png -o -", "--output: - takes one result, and there may be several; " + SEVERAL),
    ("max x.png y.png --indices i.npy",
     "--indices: i.npy takes the indices of one result, and there may be several; " + SEVERAL),
    ("max -", "--output: is needed when - is the input; -o FILE or -o - would work"),
    ("max - - -o out/", "INPUT: - can be read only once"),
    ("max .", "--output: is needed when a folder is the input, as . is; -o FOLDER/ would work"),
    ("max x.png -o y.png --format tiff", "--format: TIFF and the ending of y.png disagree; one of them would work"),
    ("max x.png --overwrite --skip-existing",
     "--overwrite: and --skip-existing exclude each other; one of them would work"),
    ("maxx x.png", "maxx: no such command; max would work"),
    ("x.png", "x.png: no such command; a reducer comes first, as in poolcli max image.png"),
    ("--sise x.png", "--sise: is no option of poolcli; poolcli --help would work"),
]


@pytest.mark.parametrize(("line", "message"), USAGE, ids=[line for line, _ in USAGE])
def test_usage_errors(here: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, message: str) -> None:
    """One line that names the option; exit 2; nothing is printed or written, and x.png is never looked for."""
    monkeypatch.chdir(tmp_path)
    assert here(*line.split()) == (2, "", f"poolcli: {message}\n")
    assert names(tmp_path) == []


def test_without_a_command_there_is_help(here: Call) -> None:
    """On stderr, exit 2."""
    called = here()
    assert (called.code, called.out) == (2, "")
    assert "poolcli max --size 2 --stride 2 image.png" in called.err


def test_an_unknown_ending_is_a_usage_error(here: Call) -> None:
    """The endings that are known are told."""
    called = here("max", "x.png", "-o", "y.foo")
    assert called.code == 2
    assert called.err.startswith("poolcli: --output: the ending '.foo' is of no known format; known are .png, ")


def test_a_missing_file(here: Call) -> None:
    """One line, exit 1."""
    assert here("max", "missing.png") == (1, "", "poolcli: missing.png: cannot be read: No such file or directory\n")


def test_one_bad_file_never_stops_the_rest(here: Call, grey: Path, tmp_path: Path) -> None:
    """It is named, the others are written, exit 3."""
    (tmp_path / "bad.png").write_bytes(grey.read_bytes()[:60])
    called = here("max", tmp_path / "bad.png", grey, "-o", f"{tmp_path}/out/")
    assert called.code == 3
    assert called.err.startswith(f"poolcli: {tmp_path}/bad.png: ") and called.err.count("\n") == 1
    assert "2 files: 1 done, 1 failed" in called.out
    assert names(tmp_path / "out") == ["grey.png"]


def test_all_files_bad_is_exit_1(here: Call, tmp_path: Path) -> None:
    """Nothing usable was written, so no folder is made either."""
    (tmp_path / "bad.png").write_bytes(b"")
    called = here("max", tmp_path / "bad.png", "missing.png", "-o", f"{tmp_path}/out/")
    assert (called.code, called.err.count("\n")) == (1, 2)
    assert "empty file" in called.err
    assert names(tmp_path) == ["bad.png"]


def test_nothing_matched_is_exit_4(here: Call, tmp_path: Path) -> None:
    """A folder without pictures; told even to --quiet."""
    (tmp_path / "notes.txt").write_text("no picture")
    line = "poolcli: nothing matched: the folders have no file whose ending is known; --recursive goes deeper, " \
           "--include '*.csv' takes text\n"
    assert here("max", tmp_path, "-o", f"{tmp_path}/out/") == (4, "", line)
    assert here("max", tmp_path, "-o", f"{tmp_path}/out/", "-q") == (4, "", line)


@pytest.mark.parametrize(("arguments", "message"), [
    (["-k", "9"], "a window of 9 does not fit an axis of 4; "),
    (["-k", "1x1x1"], "size has 3 values, but 2 axes are pooled; one value, or 2, would work"),
    (["--layout", "NCHW"], "layout NCHW names 4 axes, the array of shape 4x4 has 2; a layout such as HW would work"),
])
def test_options_that_do_not_fit_a_file_fail_that_file(here: Call, numbers: Path, arguments: list[str],
                                                       message: str) -> None:
    """Exit 1, not 2: with another file they would do."""
    called = here("max", *arguments, numbers)
    assert called.code == 1
    assert called.err.startswith(f"poolcli: {numbers}: {message}")


def test_collisions_are_listed_before_any_work(here: Call, tmp_path: Path) -> None:
    """Both inputs, exit 2, nothing written."""
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        save_picture(tmp_path / folder / "x.png", np.zeros((4, 4), np.uint8))
    called = here("max", tmp_path / "a/x.png", tmp_path / "b/x.png", "-o", f"{tmp_path}/out/")
    assert called == (2, "", f"poolcli: {tmp_path}/a/x.png and {tmp_path}/b/x.png would both be written to "
                             f"{tmp_path}/out/x.png; a pattern with {{parent}}, {{stem}} and {{ext}} would work\n")
    assert names(tmp_path) == ["a", "b"]


def test_an_output_that_is_an_input(here: Call, numbers: Path) -> None:
    """Refused without --in-place, and then kept as it was."""
    before = numbers.read_bytes()
    called = here("max", numbers, "-o", numbers)
    assert called == (2, "", f"poolcli: {numbers} is its own input; --in-place or another -o would work\n")
    assert numbers.read_bytes() == before
    assert here("max", numbers, "-o", numbers, "--in-place", "-q") == (0, "", "")
    assert np.load(numbers).tolist() == [[5, 7], [13, 15]]


def test_in_place_needs_no_output(here: Call, numbers: Path, tmp_path: Path) -> None:
    """A file, or a folder of them, is written over; its format stays."""
    assert here("max", numbers, "--in-place", "--format", "tiff").err == (
        "poolcli: --format: a file in its own place keeps its format; -o would work with it\n")
    assert here("max", "-k", "2", numbers, "--in-place", "-q") == (0, "", "")
    assert here("max", "-k", "2", tmp_path, "--in-place", "-q") == (0, "", "")
    assert np.load(numbers).tolist() == [[15]]
    assert names(tmp_path) == ["numbers.npy"]


def test_a_name_longer_than_any_file(here: Call) -> None:
    """Is a missing file, not an error of ours."""
    called = here("max", "x" * 5000 + ".png")
    assert called == (1, "", f"poolcli: {'x' * 5000}.png: cannot be read: File name too long\n")
    called = here("max", "x" * 300 + ".npy", "-o", "y" * 300 + ".npy")
    assert (called.code, called.err.count("\n")) == (1, 1)


def test_an_existing_output_is_refused(here: Call, numbers: Path) -> None:
    """Unless --overwrite, or passed over with --skip-existing; the old file stays."""
    out = numbers.with_name("out.npy")
    out.write_bytes(b"old")
    assert here("max", numbers, "-o", out) == (
        1, "", f"poolcli: {numbers}: {out} exists; --overwrite or --skip-existing would work\n")
    assert here("max", numbers, "-o", out, "--skip-existing") == (
        0, "", f"poolcli: {numbers}: note: skipped: {out} exists\n")
    assert out.read_bytes() == b"old"
    assert here("max", numbers, "-o", out, "--overwrite", "-q") == (0, "", "")
    assert np.load(out).shape == (2, 2)


def test_a_format_that_cannot_hold_the_result(here: Call, numbers: Path) -> None:
    """Says which one can, and writes nothing."""
    called = here("max", numbers, "-o", numbers.with_name("x.png"))
    assert called == (1, "", f"poolcli: {numbers}: PNG cannot hold float64 with 1 channel; .npy can\n")
    assert names(numbers.parent) == ["numbers.npy"]


def test_debug_shows_where(here: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """The traceback comes with --debug or POOLCLI_DEBUG only."""
    assert "Traceback" not in here("max", "missing.png").err
    traced = here("max", "missing.png", "--debug")
    assert "Traceback" in traced.err and traced.err.endswith("No such file or directory\n")
    assert "Traceback" in here("--debug", "max", "missing.png").err
    monkeypatch.setenv("POOLCLI_DEBUG", "1")
    assert "Traceback" in here("max", "missing.png").err


def test_what_nobody_expected_is_one_line_too(here: Call, grey: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of ours, outside of any file and inside."""
    monkeypatch.setattr("poolcli.pooling.Pooling.run", lambda *_, **__: 1 / 0)
    assert here("max", grey) == (
        1, "", f"poolcli: {grey}: unexpected ZeroDivisionError: division by zero; --debug shows where\n")
    monkeypatch.setattr("poolcli.batch.plan_jobs", lambda *_: [][0])
    assert here("max", grey) == (
        1, "", "poolcli: unexpected IndexError: list index out of range; --debug shows where\n")


@pytest.mark.parametrize(("place", "error"), [
    ("poolcli.batch.plan_jobs", MemoryError), ("poolcli.cli.stdio.repair_streams", MemoryError),
    ("poolcli.cli.stdio.repair_streams", SystemError), ("poolcli.cli.main._report_error", MemoryError)])
def test_no_memory_is_one_line_wherever_it_lacks(
        grey: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], place: str,
        error: type[Exception]) -> None:
    """Outside of files too: while the streams are repaired, in planning, while an error is told."""
    def raise_error(*_: object) -> None:
        raise error

    monkeypatch.setattr(place, raise_error)
    path = grey if place.endswith("jobs") else grey.with_name("missing.png")
    monkeypatch.setattr(sys, "argv", ["poolcli", "max", str(path), *([] if path == grey else ["--size", "x"])])
    code, printed = main.run(), capsys.readouterr()
    assert (code, printed.out, printed.err) == (1, "", "poolcli: not enough memory\n")


def test_a_lock_that_cannot_be_made_lacks_memory(here: Call, grey: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """CPython says so by RuntimeError."""
    def raise_error(*_: object) -> None:
        raise RuntimeError("can't allocate lock")

    monkeypatch.setattr("poolcli.batch.plan_jobs", raise_error)
    assert here("max", grey) == (1, "", "poolcli: not enough memory\n")


@pytest.mark.parametrize(("name", "shown"), [
    ("a\nb.npy", "a\\nb.npy"),
    ("e\x1b[31m.npy", "e\\x1b[31m.npy"),
    ("[bold]x[/].npy", "[bold]x[/].npy"),
    ("pic:smile:.npy", "pic:smile:.npy"),
    ("\udcff.npy", "\\udcff.npy"),
    ("\u202egpj.npy", "\\u202egpj.npy"),
])
def test_names_are_printed_as_text(here: Call, numbers: Path, name: str, shown: str) -> None:
    """In the table, in errors and in notes; never obeyed, never lost."""
    path = numbers.with_name(name.replace("/", "|"))
    shown = shown.replace("/", "|")
    shutil.copy(numbers, path)
    called = here("max", path)
    assert (called.code, called.err) == (0, "")
    assert f"{shown} " in called.out and "\x1b" not in called.out
    folder = numbers.parent
    assert here("max", path).err == (f"poolcli: {folder}/{shown}: {folder}/{shown[:-4]}_max.npy exists; "
                                     "--overwrite or --skip-existing would work\n")


def test_a_name_that_begins_with_a_dash(here: Call, numbers: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Goes behind --."""
    monkeypatch.chdir(numbers.parent)
    numbers.rename("-x.npy")
    assert here("max", "-q", "--", "-x.npy").code == 0
    assert np.load("-x_max.npy").shape == (2, 2)


def test_every_reducer_is_a_command(here: Call, tmp_path: Path) -> None:
    """A round over the table: exit 0, and no word."""
    for reducer in main.REDUCERS:
        assert here(reducer, SAMPLES / "feature_map.npy", "-o", tmp_path / f"{reducer}.npy", "-q") == (0, "", "")


def test_a_file_name_in_a_message_stays_as_it_was_typed(here: Call, numbers: Path) -> None:
    """Only keywords become options: my_result.npy is none, pad_mode is."""
    called = here("max", numbers, numbers, "-o", "my_result.npy")
    assert called.code == 2 and called.err.startswith("poolcli: --output: my_result.npy takes one result")
    assert "--pad-mode" in here("max", "--pad-value", "1", numbers).err


def test_an_error_is_told_where_the_stream_itself_fails(capfd: pytest.CaptureFixture[str],
                                                        monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream whose encoder could not be made refuses text by an error that is an OSError and a ValueError."""
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(io.BytesIO()))
    monkeypatch.setattr(sys.stderr, "write", Mock(side_effect=io.UnsupportedOperation("not writable")), raising=False)
    stdio.print_error("not enough memory for \udcff")
    assert capfd.readouterr().err == "poolcli: not enough memory for \\udcff\n"


# Threads without memory.

NO_THREAD = """
import sys, threading
from poolcli.cli.main import start
begin = threading.Thread._bootstrap_inner
name, how = sys.argv[1:3]
def fail(self):
    if not self.name.startswith(name):
        begin(self)
    elif how == "context":  # threading's own tidying up hides it
        try:
            raise RuntimeError("can't allocate lock")
        finally:
            {}[self]
    else:
        raise MemoryError
threading.Thread._bootstrap_inner = fail
sys.argv[1:] = sys.argv[3:]
start()
"""


@pytest.mark.parametrize(("thread", "how"), [("ThreadPool", "plain"), ("ThreadPool", "context"), ("zarr_io", "plain")])
def test_a_thread_that_gets_no_memory_is_no_hang(thread: str, how: str, tmp_path: Path) -> None:
    """CPython waits for ever for a thread that ended before it began: one line, and exit code 1."""
    if thread == "zarr_io":
        zarr = pytest.importorskip("zarr")
        zarr.create_array(str(tmp_path / "in"), data=np.zeros((4, 4), np.uint8))
        words = ["in", "-o", "out.zarr"]
    else:
        (tmp_path / "in").mkdir()
        for name in "ab":
            np.save(tmp_path / "in" / f"{name}.npy", np.zeros((4, 4), np.uint8))
        words = ["in", "-o", "out/", "-j", "2"]
    ended = subprocess.run([sys.executable, "-c", NO_THREAD, thread, how, "max", "-k", "2", "-q", *words], cwd=tmp_path,
                           capture_output=True, text=True, timeout=60, check=False)
    lines = ended.stderr.split("Exception ignored in atexit callback: <function cleanup_resources")[0]  # zarr's own
    name = "in: not enough memory for it" if thread == "zarr_io" else "not enough memory"
    assert (ended.returncode, lines) == (1, f"poolcli: {name}\n")


@pytest.mark.parametrize("log", ["asyncio", "concurrent.futures"])
def test_a_callback_that_gets_no_memory_is_no_hang(log: str) -> None:
    """asyncio and pools of threads only log it, and who waits for what it was to do waits for ever."""
    def tell() -> None:
        logging.getLogger(log).error("a task's exception was never retrieved", exc_info=MemoryError())
        logging.getLogger(log).error("another error", exc_info=ValueError())
        logging.getLogger(log).error("exception in callback", exc_info=MemoryError())

    thread = threading.Thread(target=tell)
    with pytest.raises(MemoryError), error_messages.signals_as_exceptions():
        OrderedResults(SerialExecutor(str))  # as every run makes
        thread.start()
        threading.Event().wait(20)
    thread.join()
    assert not logging.getLogger(log).handlers


def test_no_memory_for_the_last_flush_changes_no_exit_code() -> None:
    """The work is done, and there is nobody to tell."""
    script = """
import sys
from unittest.mock import Mock
from poolcli.cli import main
main.run, main.atexit = lambda: 3, Mock()
sys.stderr = Mock(flush=Mock(side_effect=MemoryError), write=sys.__stderr__.write)
main.start()
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (3, "")


def test_a_thread_that_ends_without_memory_is_no_hang() -> None:
    """A library's own thread, whose work others wait for."""
    def fail() -> None:
        raise MemoryError

    thread = threading.Thread(target=fail)
    with pytest.raises(MemoryError), error_messages.signals_as_exceptions():
        thread.start()
        threading.Event().wait(20)
    thread.join()
