"""The program as a process: version, list, completion, streams that are closed or full or a pipe, signals."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli.calls import SAMPLES, Call, Process, names, on_terminal
from PIL import Image

import poolcli
from poolcli.cli import error_messages, list_command, main
from poolcli.core.reducers import REDUCERS
from poolcli.core.windowings import WINDOWINGS
from poolcli.pooling import parse_pooling

FEATURES = SAMPLES / "feature_map.npy"


def test_the_main_job(process: Process, tmp_path: Path) -> None:
    """image_max.png beside image.png, and the table."""
    (tmp_path / "image.png").write_bytes((SAMPLES / "image.png").read_bytes())
    done = process("max", "--size", "2", "--stride", "2", "image.png", "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    done = process("max", "--size", "2", "--stride", "2", "image.png", "--overwrite")
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"320x480x3 HWC" in done.stdout and b"-> 160x240x3" in done.stdout and b"\x1b" not in done.stdout
    with Image.open(tmp_path / "image.png") as before, Image.open(tmp_path / "image_max.png") as after:
        expected = np.asarray(before).reshape(160, 2, 240, 2, 3).max((1, 3))
        np.testing.assert_array_equal(np.asarray(after), expected)


def test_the_version(here: Call) -> None:
    """One line."""
    assert here("--version") == (0, f"poolcli {poolcli.__version__}\n", "")


def test_help_has_examples_first_and_every_command(here: Call) -> None:
    """The group's."""
    shown = here("--help")
    assert shown == here("-h")
    assert shown.out.index("Examples:") < shown.out.index("Usage:") < shown.out.index("Reducers:")
    for name, row in REDUCERS.items():
        assert f"  {name} " in shown.out
        assert row.help in shown.out, f"the help of {name} is broken into lines: shorten it"


def test_list_prints_the_tables_from_the_code(here: Call) -> None:
    """A line for each row, nothing cut."""
    shown = here("list")
    assert (shown.code, shown.err) == (0, "")
    lines = shown.out.splitlines()
    for row in REDUCERS.values():
        (line,) = (line for line in lines if line.startswith(f"{row.name} "))
        assert row.value in line and line.endswith(row.help)
        assert all(f"--{p.name.replace('_', '-')}" in line for p in row.parameters)
    for kind in WINDOWINGS.values():
        (line,) = (line for line in lines if line.startswith(f"{kind.name} ") and kind.usage in line)
        assert kind.windows in line and line.endswith(kind.help)


def test_list_as_json_has_every_row_and_its_parameters(here: Call) -> None:
    """What scripts read in place of the tables; each default is one that the library takes."""
    shown = here("list", "--json")
    assert (shown.code, shown.err) == (0, "")
    document = json.loads(shown.out)
    assert document["schema"] == 1
    assert [(row["name"], row["value"], row["help"]) for row in document["reducers"]] == [
        (row.name, row.value, row.help) for row in REDUCERS.values()]
    for found in document["reducers"]:
        defaults = {own["name"]: own["default"] for own in found["parameters"]}
        assert parse_pooling(found["name"], size=2, **defaults) == parse_pooling(found["name"], size=2)
        assert found["picks"] is REDUCERS[found["name"]].picks
    assert {row["name"]: row["options"] for row in document["windowings"]} == {
        row.name: list(row.options) for row in WINDOWINGS.values()}


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_list_on_a_terminal_loses_nothing(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
                                          columns: int) -> None:
    """Cells go on in the next line."""
    monkeypatch.setenv("COLUMNS", str(columns))
    for _, titles, rows in list_command.TABLES:
        list_command.print_rich("", titles, rows())
        printed = capsys.readouterr().out
        assert max(map(len, printed.splitlines())) <= columns
        for row in rows():
            assert not set("".join(row)) - set(printed)
            assert "\u2026" not in printed


def test_commands_are_completed(process: Process) -> None:
    """As click does it, with the help that zsh shows."""
    env = {"_POOLCLI_COMPLETE": "zsh_complete", "COMP_WORDS": "poolcli m", "COMP_CWORD": "1"}
    done = process(env=env)
    assert done.stdout.decode().splitlines()[:3] == ["plain", "max", REDUCERS["max"].help]
    names = done.stdout.decode().splitlines()[1::3]
    assert names == [name for name in [*REDUCERS, *main.MODULES] if name.startswith("m")]


@pytest.mark.parametrize("name", main.MODULES)
def test_other_commands_are_found(here: Call, name: str) -> None:
    """Each row of MODULES leads to a command of that name."""
    shown = here(name, "--help")
    assert shown.code == 0 and f"Usage: poolcli {name} " in shown.out


# Pipes.


def test_data_goes_through_pipes(process: Process) -> None:
    """Nothing but the array is on stdout; the report is on stderr."""
    first = process("max", "-k", "2", "-", "-o", "-", stdin=FEATURES.read_bytes())
    assert first.returncode == 0 and b"16x16x8 HWC" in first.stderr
    second = process("avg", "--adaptive", "7", "-", "-o", "-", "-q", stdin=first.stdout)
    assert (second.returncode, second.stderr) == (0, b"")
    halved = poolcli.pool(np.load(FEATURES), "max", size=2, layout="HWC")
    expected = poolcli.pool(halved, "avg", adaptive=7, layout="HWC")
    np.testing.assert_array_equal(np.load(io.BytesIO(second.stdout)), expected)


def test_pictures_go_through_pipes(process: Process) -> None:
    """In by their first bytes, out with --format."""
    picture = (SAMPLES / "noisy.png").read_bytes()
    done = process("max", "-k", "2", "-", "-o", "-", "--format", "png", "-q", stdin=picture)
    assert (done.returncode, done.stderr) == (0, b"")
    with Image.open(io.BytesIO(done.stdout)) as found:
        assert (found.format, found.size, found.mode) == ("PNG", (120, 90), "L")


def test_json_is_alone_on_its_stream(process: Process, tmp_path: Path) -> None:
    """On stdout, with errors on stderr; on stderr, without."""
    np.save(tmp_path / "chw.npy", np.zeros((3, 32, 32), np.float32))
    done = process("max", "chw.npy", "missing.npy", "-o", "out/", "--json")
    document = json.loads(done.stdout)
    assert (done.returncode, [file["status"] for file in document["files"]]) == (3, ["ok", "failed"])
    assert done.stderr.count(b"\n") == 1
    done = process("max", "chw.npy", "-o", "-", "--json")
    assert (json.loads(done.stderr)["files"][0]["output"], done.stdout[:6]) == ("-", b"\x93NUMPY")
    done = process("max", "missing.npy", "-o", "-", "--json")
    assert (done.returncode, json.loads(done.stderr)["files"][0]["status"]) == (1, "failed")


def test_a_reader_of_data_that_leaves(tmp_path: Path) -> None:
    """141, without a word."""
    assert_with_reader_gone(tmp_path, ["max", "-k", "2", str(SAMPLES / "image.png"), "-o", "-", "-q"], 141, b"")


@pytest.mark.parametrize("option", [[], ["--json"]])
def test_a_reader_of_the_report_that_leaves(tmp_path: Path, option: list[str]) -> None:
    """The files are written all the same, and the exit code is theirs."""
    assert_with_reader_gone(tmp_path, ["max", str(SAMPLES / "image.png"), str(FEATURES), "-o", "out/", *option], 0, b"")
    assert names(tmp_path / "out") == ["feature_map.npy", "image.png"]


def assert_with_reader_gone(cwd: Path, arguments: list[str], code: int, err: bytes) -> None:
    """Run with a stdout whose other end is closed."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run([sys.executable, "-m", "poolcli", *arguments], stdout=writing, stderr=subprocess.PIPE,
                              cwd=cwd, check=False, stdin=subprocess.DEVNULL)
    finally:
        os.close(writing)
    assert (done.returncode, without_compiling(done.stderr)) == (code, err)


def without_compiling(err: bytes) -> bytes:
    """The lines of stderr but for the word about compiling, which depends on what other tests compiled."""
    return b"".join(line for line in err.splitlines(keepends=True) if b"compiling" not in line)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize(("arguments", "message"), [
    (["--version"], "standard output cannot be written: No space left on device"),
    (["--help"], "standard output cannot be written: No space left on device"),
    (["list"], "standard output cannot be written: No space left on device"),
    (["max", str(FEATURES), "-o", "y.npy"],
     "the report cannot be written: No space left on device; another place, or --quiet, would work"),
    (["max", str(FEATURES), "-o", "z.npy", "--json"],
     "the report cannot be written: No space left on device; another place, or --quiet, would work"),
    (["max", str(FEATURES), "-o", "-", "-q"],
     f"{FEATURES}: standard output cannot be written: No space left on device"),
])
def test_a_full_disk_behind_stdout(process: Process, arguments: list[str], message: str) -> None:
    """Exit 1 and one line, for help and version too."""
    with Path("/dev/full").open("wb") as full:
        done = process(*arguments, stdout=full)
    assert (done.returncode, without_compiling(done.stderr).decode()) == (1, f"poolcli: {message}\n")


def closed(descriptor: int, line: str, cwd: Path) -> tuple[int, bytes, bytes]:
    """Run with a standard stream closed."""
    done = subprocess.run(["sh", "-c", f"exec {sys.executable} -m poolcli {line} {descriptor}>&-"], cwd=cwd,
                          check=False, capture_output=True)
    return done.returncode, done.stdout, without_compiling(done.stderr)


def test_stdout_closed(tmp_path: Path) -> None:
    """A report nobody can read is exit 1, and so is --version; the file is written; no file becomes stdout."""
    assert closed(1, "--version", tmp_path) == (
        1, b"", b"poolcli: standard output cannot be written: Bad file descriptor\n")
    assert closed(1, f"max {FEATURES} -o y.npy", tmp_path)[0] == 1
    assert np.load(tmp_path / "y.npy").shape == (8, 8, 8)
    assert closed(1, f"max {FEATURES} -o z.npy -q", tmp_path) == (0, b"", b"")
    assert (tmp_path / "z.npy").read_bytes() == (tmp_path / "y.npy").read_bytes()
    assert closed(1, f"max {FEATURES} -o - -q", tmp_path) == (
        1, b"", f"poolcli: {FEATURES}: standard output cannot be written: Bad file descriptor\n".encode())


def test_stdin_and_stderr_closed(tmp_path: Path) -> None:
    """stdin matters only to those who read it; without stderr the work goes on."""
    assert closed(0, f"max {FEATURES} -o y.npy -q", tmp_path) == (0, b"", b"")
    code, out, err = closed(0, "max - -o z.npy -q", tmp_path)
    assert (code, out, err.count(b"\n")) == (1, b"", 1) and err.startswith(b"poolcli: -: ")
    assert closed(2, f"max {FEATURES} missing.npy -o out/ -q", tmp_path) == (3, b"", b"")


def test_data_and_terminals(tmp_path: Path) -> None:
    """Nobody types an array, and nobody wants to see one."""
    assert on_terminal(tmp_path, "max", "-", "-o", "x.npy") == (
        2, "poolcli: INPUT: - is the terminal; a file name, numbers such as '1 3; 5 6', or a pipe into "
           "poolcli would work\n")
    assert on_terminal(tmp_path, "max", FEATURES, "-o", "-") == (
        2, "poolcli: --output: - is the terminal, and the data are binary; -o FILE, or a pipe, would work\n")


def test_the_table_on_a_terminal(tmp_path: Path) -> None:
    """Coloured, unless NO_COLOR, TERM=dumb or --color=never."""
    arguments = ["max", str(SAMPLES / "noisy.png"), "-o", "y.png", "--overwrite"]
    assert "\x1b[1m" in on_terminal(tmp_path, *arguments, COLUMNS="200")[1]
    assert "\x1b" not in on_terminal(tmp_path, *arguments, COLUMNS="200", TERM="dumb")[1]
    assert "\x1b" not in on_terminal(tmp_path, *arguments, COLUMNS="200", NO_COLOR="1")[1]
    assert "\x1b" not in on_terminal(tmp_path, *arguments, "--color=never", COLUMNS="200")[1]


def test_colours_that_are_wanted_anywhere(here: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """--color=always before NO_COLOR before FORCE_COLOR; a pipe has none of itself."""
    arguments = ["max", str(SAMPLES / "noisy.png"), "-o", str(tmp_path / "y.png"), "--overwrite"]
    assert "\x1b" not in here(*arguments).out
    assert "\x1b" in here(*arguments, "--color=always").out
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b" in here(*arguments).out
    assert "\x1b" not in here(*arguments, "--color", "never").out
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in here(*arguments).out
    assert "\x1b" in here(*arguments, "--color=always").out
    assert here("explain", SAMPLES / "noisy.png", "--color", "sometimes").code == 2


def test_an_ascii_locale(process: Process, tmp_path: Path) -> None:
    """ASCII boxes, escaped names, nothing lost."""
    (tmp_path / "é\n.npy").write_bytes(FEATURES.read_bytes())
    done = process("max", "é\n.npy", env={"PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0 and done.stdout.isascii()
    assert b"\\xe9\\n.npy" in done.stdout


# Signals.


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM)])
def test_a_signal_ends_the_run(tmp_path: Path, number: signal.Signals, code: int) -> None:
    """What is done is reported, what is underway leaves no trace; 130 after Ctrl-C, else death by the signal."""
    started = subprocess.Popen([sys.executable, "-m", "poolcli", "max", str(FEATURES), "-", "-o", "out/", "--json",
                                "--format", "npy"],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path)
    deadline = time.monotonic() + 60
    while not (tmp_path / "out/feature_map.npy").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.2)
    started.send_signal(number)
    out, err = started.communicate(timeout=30)
    assert started.returncode == code
    assert [file["status"] for file in json.loads(out)["files"]] == ["ok"]
    assert without_compiling(err) == (b"poolcli: interrupted\n" if number == signal.SIGINT else b"")
    assert names(tmp_path / "out") == ["feature_map.npy"]


def test_an_ignored_signal_stays_ignored() -> None:
    """nohup and background jobs want it so."""
    old = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with error_messages.signals_as_exceptions():
            assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
            assert signal.getsignal(signal.SIGTERM) == error_messages.stop
    finally:
        signal.signal(signal.SIGINT, old)


def test_the_second_ctrl_c_ends_at_once() -> None:
    """After the first the signal kills."""
    with pytest.raises(error_messages.StopRequest), error_messages.signals_as_exceptions():
        with pytest.raises(error_messages.StopRequest):
            error_messages.stop(signal.SIGINT, None)
        assert signal.getsignal(signal.SIGINT) == signal.SIG_DFL
    error_messages.check_stop()  # what comes after knows nothing of it


def start_with(patch: str, *words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command line after some lines of Python, and Ctrl-C is not ignored, as it is in the background."""
    code = (f"import os, signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
            f"from poolcli.cli import main\n{patch}\nmain.start()")
    return subprocess.run([sys.executable, "-W", "always", "-c", code, *words], capture_output=True, text=True,
                          cwd=cwd, check=False)


@pytest.mark.skipif(os.name == "nt", reason="processes die of no signal there")
def test_ctrl_c_before_the_work_and_after_it_is_no_traceback() -> None:
    """The process dies of it, as any program."""
    done = start_with("main.run = lambda: os.kill(os.getpid(), signal.SIGINT)")
    assert (done.returncode, done.stderr) == (-signal.SIGINT, "")


CUT_SHORT = """
import asyncio
from contextlib import contextmanager

class HalfMade:
    def __del__(self):
        self.never_set

@contextmanager
def ends():
    try:
        yield
    finally:
        print("in order")

def work(state):
    held = ends()
    held.__enter__()
    waiting, half = asyncio.sleep(1), HalfMade()
    os.kill(os.getpid(), signal.%s)

main.get_exit_code = work
"""


@pytest.mark.skipif(os.name == "nt", reason="processes die of no signal there")
@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", -signal.SIGTERM)])
def test_what_was_cut_short_ends_before_the_process_and_in_silence(name: str, code: int) -> None:
    """Coroutines that were never awaited, and destructors that fail, as of half an event loop, say nothing."""
    done = start_with(CUT_SHORT % name)
    assert (done.returncode, done.stdout) == (code, "in order\n")
    assert done.stderr == ("poolcli: interrupted\n" if name == "SIGINT" else "")


def test_what_a_library_cannot_tidy_up_at_the_end_is_told_nobody() -> None:
    """The files are written, and there is nothing that anybody could do."""
    done = start_with("import atexit\natexit.register(lambda: 1 / 0)\nmain.run = lambda: 3")
    assert (done.returncode, done.stderr) == (3, "")


@pytest.mark.parametrize("words", [
    ("max", "-k", "2", "in.npy", "-o", "out.npy"), ("pyramid", "in.npy", "-o", "out/"),
    ("haar", "in.npy", "again.npy", "-o", "out/")], ids=["a pooling", "a study", "a study of two files"])
def test_what_fails_by_the_signal_alone_is_no_failure(tmp_path: Path, words: Sequence[str]) -> None:
    """A library that makes another error of it: a lock that was not taken, and is given back."""
    shutil.copy(FEATURES, tmp_path / "in.npy")
    shutil.copy(FEATURES, tmp_path / "again.npy")
    done = start_with("""
from poolcli import errors, files
sent = []
def read(*_, **__):
    try:
        if not sent:  # threads read two at once
            sent.append(True)
            os.kill(os.getpid(), signal.SIGINT)
    except BaseException:
        pass
    raise errors.PoolError("release unlocked lock")
files.read = read
""", *words, "--layout", "CHW", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (130, "poolcli: interrupted\n")


# The rest of what a run prints.


def test_compiling_is_told_only_when_it_takes_long(here: Call, numbers: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After 0.3 s; what went wrong is told at once, and once."""
    from poolcli import jit
    from poolcli.cli.display import run_view

    def slow(seconds: float, *texts: str) -> Any:
        def load(_: Any) -> Any:
            for text in texts:
                jit.announce(text)
            time.sleep(seconds)
            raise poolcli.PoolError("enough")
        return load

    monkeypatch.setenv("POOLCLI_COMPILE", "always")  # NumPy would do so little work, without a kernel
    monkeypatch.setattr(run_view, "COMPILING_AFTER", 0.05)
    monkeypatch.setattr(jit, "load", slow(0, "compiling a kernel, this once"))
    assert here("max", numbers).err == f"poolcli: {numbers}: enough\n"
    monkeypatch.setattr(jit, "load", slow(0.5, "compiling a kernel, this once"))
    assert here("max", numbers).err.startswith("poolcli: compiling a kernel, this once ...\npoolcli: ")
    assert here("max", numbers, "-q").err == f"poolcli: {numbers}: enough\n"
    monkeypatch.setattr(jit, "load", slow(0, "kernels are not kept: no space", "kernels are not kept: no space"))
    assert here("max", numbers).err == f"poolcli: kernels are not kept: no space\npoolcli: {numbers}: enough\n"


def test_a_dry_run_prints_what_would_be_written(here: Call, numbers: Path, grey: Path, tmp_path: Path) -> None:
    """And writes nothing; what exists fails or is passed over as it would."""
    called = here("max", numbers, grey, "-o", f"{tmp_path}/out/", "--dry-run")
    assert called == (0, f"{numbers} -> {tmp_path}/out/numbers.npy\n{grey} -> {tmp_path}/out/grey.png\n", "")
    assert names(tmp_path) == ["grey.png", "numbers.npy"]
    (tmp_path / "out").mkdir()
    (tmp_path / "out/grey.png").write_bytes(b"old")
    called = here("max", numbers, grey, "-o", f"{tmp_path}/out/", "--dry-run")
    assert (called.code, called.out) == (3, f"{numbers} -> {tmp_path}/out/numbers.npy\n")
    called = here("max", numbers, grey, "-o", f"{tmp_path}/out/", "--dry-run", "--skip-existing")
    assert (called.code, called.out) == (0, f"{numbers} -> {tmp_path}/out/numbers.npy\n")


def test_json_writes_and_schema(here: Call, numbers: Path) -> None:
    """The seed of fractional windows replays them."""
    first = json.loads(here("max", "--fractional", "1.5", "--seed", "5", numbers, "--json").out)["files"][0]
    assert first["windows"]["seed"] == 5
    again = here("max", "--fractional", str(first["windows"]["fractional"][0]), "--seed", str(first["windows"]["seed"]),
                 numbers, "--json", "--overwrite")
    assert json.loads(again.out)["files"][0]["values"] == first["values"]


def test_the_short_help(here: Call) -> None:
    """-h has examples, windows, values and no more; --help has all; both end with where the docs are."""
    for command in ("max", "explain", "chain", "pyramid"):
        short, whole = here(command, "-h"), here(command, "--help")
        assert (short.code, whole.code) == (0, 0)
        assert "Examples:" in short.out and "--size" in short.out and "--overwrite" not in short.out
        assert len(short.out) < len(whole.out) and "--color" in whole.out
        assert all(one.out.splitlines()[-1].startswith("Docs: README.md") for one in (short, whole))
    assert here("--help").out == here("help").out == here("-h").out
    assert here("help", "max").out == here("max", "--help").out
    assert here("-V").out == here("--version").out
    assert here("help", "nope").code == 2


def test_short_flags(here: Call, tmp_path: Path) -> None:
    """-n is --dry-run, -j is --jobs."""
    called = here("max", "-n", "-j", "2", SAMPLES / "noisy.png", "-o", tmp_path / "x.png")
    assert called.code == 0 and "noisy.png -> " in called.out and names(tmp_path) == []
    assert "-j" in here("warmup", "--help").out
