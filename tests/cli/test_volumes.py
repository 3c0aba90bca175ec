"""Chunked arrays on the command line: as files are, in bounded memory, whole or not at all."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chunked.volumes_made import read, stored, zarr
from cli.calls import Call, names

import poolcli
from poolcli import optional_deps
from poolcli.chunked import chunk_shapes
from poolcli.cli import stdio
from poolcli.cli.display import progress_bar, run_view

LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_DATA, (int(sys.argv[1]) << 20,) * 2)
del sys.argv[1]
from poolcli.cli.main import start
start()
"""


@pytest.fixture
def volume(tmp_path: Path) -> str:
    """A small volume of 27 chunks."""
    x = np.random.default_rng(0).integers(0, 60_000, (24, 20, 22)).astype(np.uint16)
    return stored(tmp_path, x, (8, 8, 8), name="volume.zarr")


def test_a_volume_becomes_a_volume(here: Call, volume: str, tmp_path: Path) -> None:
    """From .zarr to .zarr and .npy and back; the row has the shapes and what the output holds."""
    whole = poolcli.pool(read(volume), "max", size=2, layout="DHW")
    for output in ("small.zarr", "small.npy"):
        called = here("max", "-k", "2x2x2", "--layout", "DHW", volume, "-o", tmp_path / output, "--json")
        assert (called.code, called.err) == (0, "")
        row = json.loads(called.out)["files"][0]
        assert (row["input_shape"], row["output_shape"], row["input_stats"]) == ([24, 20, 22], [12, 10, 11], None)
        assert row["output_stats"]["max"] == whole.max()
    assert read(tmp_path / "small.zarr").tobytes() == np.load(tmp_path / "small.npy").tobytes() == whole.tobytes()
    assert here("max", "--layout", "DHW", "-q", tmp_path / "small.npy", "-o", tmp_path / "less.zarr").code == 0
    assert read(tmp_path / "less.zarr").tobytes() == poolcli.pool(whole, "max", size=2, layout="DHW").tobytes()


@pytest.mark.parametrize("output", ["small.zarr", "small.npy"])
@pytest.mark.parametrize(("reducer", "given", "options"), [
    ("max", ("mask",), {}), ("avg", ("mask", "weights"), {"min_valid": "60%"}), ("median", ("weights",), {}),
    ("sum", ("plane",), {"padding": 1}), ("max", ("mask",), {"padding": 1, "pad_mode": "reflect"}),
])
def test_masks_and_weights_go_box_by_box(here: Call, volume: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                         reducer: str, given: tuple[str, ...], options: dict[str, Any],
                                         output: str) -> None:
    """From stores of other chunks, files, and of the shape of the pooled axes: the values of one piece."""
    monkeypatch.setattr(chunk_shapes, "JOB_BYTES", 4000)
    rng = np.random.default_rng(4)
    x = read(volume)
    layout, shape = ("NHW", x.shape[1:]) if "plane" in given else ("DHW", x.shape)
    arrays = {"mask": rng.random(shape) < 0.4, "weights": rng.integers(0, 9, shape), "plane": rng.random(shape)}
    words, keywords = [], {}
    for name in given:
        stands = "weights" if name == "plane" else name
        if name == "mask":
            path = stored(tmp_path, arrays[name].astype(np.uint8), (5,) * len(shape), name="mask.zarr")
        else:
            np.save(path := str(tmp_path / f"{name}.npy"), arrays[name])
        words += [f"--{stands}", ("!" if name == "mask" else "") + path]
        keywords[stands] = ~arrays[name] if name == "mask" else arrays[name]
    for name, value in options.items():
        words += [f"--{name.replace('_', '-')}", str(value)]
    form = "share" if "weights" in given else "number"
    words += ["--valid-out", str(tmp_path / "valid.npy"), "--valid-as", form]
    called = here(reducer, "-k", "2", "--layout", layout, volume, *words, "-o", tmp_path / output, "--json", "--nodata",
                  "60000")
    assert (called.code, called.err) == (0, "")
    whole, valid = poolcli.pool(x, reducer, size=2, layout=layout, nodata=60_000, return_valid=form, **keywords,
                                **options)
    found = np.load(tmp_path / "valid.npy")
    assert found.dtype == (np.float32 if form == "share" else np.uint32)
    assert np.array_equal(found, valid.astype(found.dtype))
    assert (read if output.endswith("zarr") else np.load)(tmp_path / output).tobytes() == whole.tobytes()
    assert set(json.loads(called.out)["files"][0]["parameters"]) >= {words[0][2:]}


@pytest.mark.parametrize(("layout", "chunks"), [("HWC", (5, 7, 2)), ("CHW", (2, 8, 8)), ("DHW", (8, 8, 8)),
                                                ("NHWC", (1, 5, 7, 2))])
@pytest.mark.parametrize("reducer", ["max", "median-low", "last", "stochastic"])
def test_whole_pixels_go_box_by_box(here: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layout: str,
                                    chunks: tuple[int, ...], reducer: str) -> None:
    """By a channel, luma or scores, where chunks cut channels and windows: the pixels of one piece, ties too."""
    monkeypatch.setattr(chunk_shapes, "JOB_BYTES", 500)
    rng = np.random.default_rng(9)
    shape = tuple({"N": 2, "C": 3, "D": 5}.get(letter, 11) for letter in layout)
    x = rng.integers(0, 9, shape).astype(np.float32)
    x[rng.random(shape) < 0.1] = np.nan
    path, seed = stored(tmp_path, x, chunks), {"seed": 3} if reducer == "stochastic" else {}
    pixels = tuple(n for n, letter in zip(shape, layout, strict=True) if letter != "C")
    plane = tuple(n for n, letter in zip(shape, layout, strict=True) if letter in "DHW")
    mask = rng.random(plane) < 0.8
    np.save(tmp_path / "mask.npy", mask)
    scores: dict[str, Any] = {str(tmp_path / "pixels.npy"): rng.integers(0, 5, pixels),
                              stored(tmp_path, rng.integers(0, 5, plane), (4,) * len(plane), name="s.zarr"): None}
    np.save(tmp_path / "pixels.npy", next(iter(scores.values())))
    scores[str(tmp_path / "s.zarr")] = read(tmp_path / "s.zarr")
    if "C" in layout:
        scores |= {"1": 1, "luma": "luma"}
    for by, given in scores.items():
        done = here(reducer, "-k", "3", "-s", "2", "--layout", layout, path, "--by", by, "--mask",
                    tmp_path / "mask.npy", "--nan", "ignore", *(["--seed", "3"] if seed else []), "-o",
                    tmp_path / "y.zarr", "-q", "--overwrite")
        assert (done.code, done.err) == (0, "")
        whole = poolcli.pool(x, reducer, size=3, stride=2, layout=layout, by=given, mask=mask, nan="ignore", **seed)
        assert read(tmp_path / "y.zarr").tobytes() == whole.tobytes()


@pytest.mark.parametrize("dtype", ["uint16", "float32"])
@pytest.mark.parametrize(("reducer", "given", "options"), [
    ("avg", (), {"padding": 1}), ("sum", ("mask",), {}), ("avg", ("mask", "weights"), {"min_valid": "40%"}),
    ("avg", ("weights",), {"padding": 1}), ("avg", (), {"padding": 1, "count_include_pad": True}),
])
def test_errors_go_box_by_box(here: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reducer: str,
                              given: tuple[str, ...], options: dict[str, Any], dtype: str) -> None:
    """Values and errors of one piece to the last bit, in a store or a file, over the borders of chunks."""
    monkeypatch.setattr(chunk_shapes, "JOB_BYTES", 3000)
    rng = np.random.default_rng(6)
    x = (rng.random((24, 20, 22)) * 900).astype(dtype)
    sigma = rng.random(x.shape)
    sigma[3, 4, 5] = np.nan
    arrays = {"mask": rng.random(x.shape) < 0.6, "weights": rng.random(x.shape[1:] if "mask" not in given else x.shape)}
    layout = "CHW" if given == ("weights",) else "DHW"
    words = [path := stored(tmp_path, x, (8, 8, 8)), "--sigma", stored(tmp_path, sigma, (5, 9, 22), name="s.zarr")]
    for name in given:
        np.save(tmp_path / f"{name}.npy", arrays[name])
        words += [f"--{name}", str(tmp_path / f"{name}.npy")]
    for name, value in options.items():
        words += [f"--{name.replace('_', '-')}", *([] if value is True else [str(value)])]
    beside = {name: arrays[name] for name in given}
    whole, errors = poolcli.pool(x, reducer, size=3, layout=layout, sigma=sigma, **beside, **options)
    for output in ("e.zarr", "e.npy"):
        done = here(reducer, "-k", "3", "--layout", layout, *words, "--sigma-out", tmp_path / output, "-o",
                    tmp_path / "y.zarr", "--overwrite", "--json")
        assert (done.code, done.err) == (0, "") and read(tmp_path / "y.zarr").tobytes() == whole.tobytes()
        assert (read if output == "e.zarr" else np.load)(tmp_path / output).tobytes() == errors.tobytes()
    assert path in done.out and json.loads(done.out)["files"][0]["parameters"]["sigma-out"].endswith("e.npy")


@pytest.mark.parametrize(("words", "said"), [
    (["--by", "9"], "there is no channel 9 of 3"),
    (["--by", "plane.npy"], "--by plane.npy: the score has the shape 4x6"),
    (["--by", "luma", "--dtype", "float32"], "whole pixels keep their type"), (["--by", "no.npy"], "--by no.npy: "),
    (["--by", "1", "--padding", "1", "--pad-mode", "edge"], "padding that is data has no indices"),
    (["--by", "1", "--mask", "plane.npy"], "--mask plane.npy: the mask has the shape 4x6, the pixels 16x16"),
])
def test_scores_that_do_not_go_are_one_line(here: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                            words: list[str], said: str) -> None:
    """Before any sample is read; nothing is written."""
    monkeypatch.chdir(tmp_path)
    np.save("plane.npy", np.ones((4, 6), np.uint8))
    path = stored(tmp_path, np.ones((16, 16, 3), np.uint8), (8, 8, 3))
    called = here("max", "-k", "2", "--layout", "HWC", path, *words, "-o", "out.zarr")
    assert called.code in (1, 2) and said in called.err and called.err.count("\n") == 1
    assert not Path("out.zarr").exists()


@pytest.mark.parametrize(("words", "said"), [
    (["--mask", "m.npy"], "the mask has the shape 4x6, the samples 24x20x22"),
    (["--mask", "no.npy"], "--mask no.npy: "),
    (["--weights", "below.npy"], "--weights below.npy: weights are finite and at least 0, and the one at (17, 3, 21) "
                                 "is -1"),
    (["--weights", "flat.npy", "--layout", "CHW"], "--weights flat.npy: weights are finite and at least 0, and the one "
                                                   "at (3, 21) is -1"),
    (["--mask", "x.npy", "--min-valid", "9"], "a least of 9 valid samples is more than a window of 2x2x2 has; 8 or"),
    (["--sigma", "m.npy", "--sigma-out", "e.npy"], "--sigma m.npy: the array of errors has the shape 4x6"),
    (["--sigma", "below.npy", "--sigma-out", "e.npy"], "--sigma below.npy: standard errors are at least 0, and the one "
                                                       "at (17, 3, 21) is -1"),
    (["--sigma", "x.npy", "--sigma-out", "e.tif"], "--sigma-out e.tif: errors of a chunked result are written as"),
    (["--sigma", "x.npy", "--sigma-out", "x.npy"], "x.npy exists; --overwrite would work"),
    (["--sigma", "x.npy", "--sigma-out", "e.npy", "--padding", "1", "--pad-mode", "edge"], "repeats samples"),
    (["--mask", "x.npy", "--valid-out", "x.npy"], "x.npy exists; --overwrite would work"),
    (["--weights", "x.npy", "--padding", "1", "--pad-mode", "edge"], "padding that is data has no weights"),
])
def test_masks_that_do_not_go_are_one_line(here: Call, volume: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                           words: list[str], said: str) -> None:
    """With places in the whole array; nothing is written."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(chunk_shapes, "JOB_BYTES", 4000)
    np.save("m.npy", np.ones((4, 6), np.uint8))
    np.save("x.npy", np.ones((24, 20, 22), np.uint8))
    below = np.ones((24, 20, 22))
    below[17, 3, 21] = -1
    np.save("below.npy", below)
    np.save("flat.npy", below[17])
    called = here("avg", "-k", "2", "--layout", "DHW", volume, *words, "-o", "out.zarr")
    assert called.code in (1, 2) and said in called.err and called.err.count("\n") == 1
    assert not Path("out.zarr").exists()


def test_the_output_is_named_as_those_of_files(here: Call, volume: str, tmp_path: Path) -> None:
    """Beside the input without -o; with a slash, as completion adds it; below a folder; one of a folder's inputs."""
    assert here("max", "-q", "--layout", "DHW", volume + "/").code == 0
    assert here("min", "-q", "--layout", "DHW", volume, "-o", f"{tmp_path / 'out'}{os.sep}").code == 0
    assert here("avg", "-q", "--layout", "DHW", tmp_path, "-o", tmp_path / "{stem}_half{ext}").code == 0
    found = {"volume.zarr", "volume_max.zarr", "volume_half.zarr", "out"}
    assert found <= set(names(tmp_path)) and names(tmp_path / "out") == ["volume.zarr"]


def test_an_old_volume_is_kept(here: Call, volume: str, tmp_path: Path) -> None:
    """Refused, passed over, replaced whole, or only named: as files are."""
    old = stored(tmp_path, np.zeros((3, 3, 3)), (3, 3, 3), name="old.zarr")
    before = read(old)
    common = ("max", "--layout", "DHW", volume, "-o", old)
    assert "exists; --overwrite or --skip-existing would work" in here(*common).err
    assert here(*common, "--skip-existing").code == 0
    assert here(*common, "--dry-run", "--overwrite").out == f"{volume} -> {old}\n"
    assert (read(old) == before).all()
    assert here(*common, "-q", "--overwrite").code == 0
    assert read(old).shape == (12, 10, 11)
    assert here("max", "-q", "--layout", "DHW", old, "--in-place").code == 0
    assert read(old).shape == (6, 5, 5)
    assert names(tmp_path) == ["old.zarr", "volume.zarr"]


def test_a_group_is_asked_by_key(here: Call, tmp_path: Path) -> None:
    """Of several arrays one must be named; the error names them."""
    group = zarr.open_group(str(tmp_path / "g.zarr"), mode="w")
    for name in ("raw", "mask"):
        group.create_array(name, shape=(4, 4), dtype="uint8", chunks=(2, 2))
    called = here("max", tmp_path / "g.zarr", "-o", tmp_path / "y.zarr")
    assert (called.code, "holds 2 arrays; --key with one of these would work: mask, raw" in called.err) == (1, True)
    assert here("max", "-q", "--key", "raw", tmp_path / "g.zarr", "-o", tmp_path / "y.zarr").code == 0
    assert "has no array rwa" in here("max", "--key", "rwa", tmp_path / "g.zarr", "-o", tmp_path / "z.zarr").err


def test_a_projection_becomes_a_picture(here: Call, volume: str, tmp_path: Path) -> None:
    """What is written in one piece is pooled in one piece, and the row says so."""
    called = here("max", "--layout", "DHW", "--size", "allx1x1", "--squeeze", volume, "-o", tmp_path / "p.png")
    assert called.code == 0 and "held in memory whole" in called.err


def test_what_chunked_outputs_have_not_is_refused(here: Call, volume: str, tmp_path: Path) -> None:
    """One line, before any work."""
    called = here("max", volume, "-o", tmp_path / "y.zarr", "--indices", tmp_path / "i.npy")
    assert (called.code, called.err.count("\n"), "--indices" in called.err) == (2, 1, True)
    assert "no stream of bytes" in here("max", volume, "-o", "-", "--format", "zarr").err


def test_the_extra_is_named_where_it_is_missing(here: Call, volume: str, tmp_path: Path,
                                                monkeypatch: pytest.MonkeyPatch) -> None:
    """One line and exit code 2, for inputs and outputs."""
    monkeypatch.setattr(optional_deps, "find_spec", lambda name: None)
    np.save(tmp_path / "x.npy", np.zeros((4, 4)))
    for arguments in ((volume, "-o", tmp_path / "y.npy"), (tmp_path / "x.npy", "-o", tmp_path / "y.zarr")):
        called = here("max", *arguments)
        assert (called.code, called.err.count("\n")) == (2, 1)
        assert 'pip install "poolcli[zarr]"' in called.err


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_DATA counts mapped memory on Linux only")
def test_a_volume_larger_than_memory(tmp_path: Path) -> None:
    """1 GiB under a limit of 400 MiB for all that the process has: chunks bound it, not the volume."""
    path = str(tmp_path / "big.zarr")
    big = zarr.create_array(store=path, shape=(1024,) * 3, chunks=(128,) * 3, dtype="uint8")
    corner = np.random.default_rng(1).integers(0, 255, (160, 128, 300)).astype(np.uint8)
    big[100:260, 896:, 700:1000] = corner
    arguments = ["max", "-q", "-k", "2", "--layout", "DHW", path, "-o", str(tmp_path / "small.zarr")]
    done = subprocess.run([sys.executable, "-c", LIMITED, "400", *arguments], capture_output=True, timeout=300)
    assert (done.returncode, done.stderr) == (0, b"")
    small = zarr.open(str(tmp_path / "small.zarr"), mode="r")
    assert small.shape == (512,) * 3 and small[:40].max() == 0
    assert (small[50:130, 448:, 350:500] == poolcli.pool(corner, "max", size=2, layout="DHW")).all()


def test_a_killed_run_leaves_no_output(tmp_path: Path) -> None:
    """Killed in the middle: no output, and the next run clears what it left."""
    x = np.random.default_rng(0).random((48, 48, 48))
    path = stored(tmp_path, x, (8, 8, 8))
    output = tmp_path / "out" / "y.zarr"
    command = [sys.executable, "-m", "poolcli", "median", "-q", "-k", "5", "-s", "1", "--layout", "DHW", path, "-o",
               str(output)]
    slow = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    with subprocess.Popen(command, env=slow) as run:
        deadline = time.monotonic() + 60
        while not (output.parent.is_dir() and names(output.parent)) and time.monotonic() < deadline:
            time.sleep(0.02)
        run.send_signal(signal.SIGKILL)
    left = names(output.parent)
    assert len(left) == 1 and left[0].startswith(".poolcli-")
    again = ["max" if word == "median" else word for word in command]
    assert subprocess.run(again, timeout=300).returncode == 0
    assert names(output.parent) == ["y.zarr"]


def test_an_interrupted_run_leaves_nothing(tmp_path: Path) -> None:
    """Ctrl-C ends soon, by 130, with no trace."""
    path = stored(tmp_path, np.random.default_rng(0).random((120, 120, 120)), (40, 40, 40))
    output = tmp_path / "out" / "y.zarr"
    command = [sys.executable, "-m", "poolcli", "median", "-q", "-k", "5", "-s", "1", "--layout", "DHW", path, "-o",
               str(output)]
    with subprocess.Popen(command) as run:
        deadline = time.monotonic() + 60
        while not (output.parent.is_dir() and names(output.parent)) and time.monotonic() < deadline:
            time.sleep(0.02)
        run.send_signal(signal.SIGINT)
        assert run.wait(60) == 130
    assert names(output.parent) == []


@pytest.mark.parametrize("arguments", [("max", "-k", "2"), ("max", "--global")])
def test_a_bar_counts_the_parts_of_one_array(arguments: tuple[str, ...], here: Call, tmp_path: Path,
                                             monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as there are jobs, merged or not; it is over in the end. Without a terminal there is none."""
    seen: list[Any] = []

    class Noted:
        """A bar that is only written down."""

        def __init__(self, total: int, colour: bool | None, unit: str, after: float) -> None:
            seen.append([total, unit, 0])

        def advance(self) -> None:
            """Count."""
            seen[-1][2] += 1

        def stop(self) -> None:
            """It is over."""
            seen[-1].append("over")

    monkeypatch.setattr(progress_bar, "Bar", Noted)
    monkeypatch.setattr(chunk_shapes, "JOB_BYTES", 1 << 12)
    path = stored(tmp_path, np.arange(64 * 64, dtype=np.float32).reshape(64, 64), (8, 8))
    here(*arguments, path, "-o", str(tmp_path / "a.zarr"))
    assert not seen
    monkeypatch.setattr(stdio, "is_terminal", lambda stream: stream is sys.stderr)
    monkeypatch.setattr(run_view, "is_terminal", stdio.is_terminal)
    here(*arguments, path, "-o", str(tmp_path / "b.zarr"))
    (total, unit, count, over), = seen
    assert total == count > 1 and (unit, over) == ("parts", "over")
