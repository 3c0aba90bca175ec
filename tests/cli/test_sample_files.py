"""--mask, --weights, --min-valid and --valid-out: files beside each input, named or found by a pattern."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from cli.calls import Call, save_picture
from PIL import Image

import poolcli
from poolcli import files
from poolcli.chunked import slabs, streaming
from poolcli.chunked.sample_sources import SampleSources

RNG = np.random.default_rng(3)
X = RNG.integers(1, 200, (4, 6)).astype(np.uint8)
MASK = (RNG.random((4, 6)) < 0.6).astype(np.uint8) * 255
MASK[:2, :2] = 0


@pytest.fixture
def run(here: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Call the command line beside a picture, its mask, and weights."""
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    Path("masks").mkdir()
    for name, samples, mask in (("a", X, MASK), ("b", X[::-1], MASK[::-1])):
        save_picture(tmp_path / "in" / f"{name}.png", samples)
        save_picture(tmp_path / "masks" / f"{name}.png", mask)
    np.save("w.npy", np.arange(24).reshape(4, 6))
    np.save("x.npy", X)
    return here


def test_a_mask_of_each_input_by_a_pattern(run: Call) -> None:
    """The values, the numbers of valid samples, and what was asked in the report."""
    done = run("avg", "-k", "2", "in/", "--mask", "masks/{stem}.png", "--min-valid", "50%", "--nodata", "0",
               "--valid-out", "out/{stem}.npy", "-o", "out/", "--json")
    assert (done.code, done.err) == (0, "")
    for name, x, mask in (("a", X, MASK), ("b", X[::-1], MASK[::-1])):
        wanted, valid = poolcli.pool(x, "avg", size=2, mask=mask, min_valid="50%", nodata=0, dtype="uint8",
                                     return_valid=True)
        assert np.array_equal(np.asarray(Image.open(f"out/{name}.png")), wanted)
        assert np.array_equal(np.load(f"out/{name}.npy"), valid)
    found = json.loads(done.out)["files"][0]["parameters"]
    assert (found["mask"], found["min-valid"], found["valid-out"]) == ("masks/a.png", "50%", "out/a.npy")


def test_weights_and_an_inverted_mask(run: Call) -> None:
    """Of an array, with indices of a pick; ! turns the mask round."""
    done = run("mode", "-k", "2", "x.npy", "--weights", "w.npy", "--mask", "!masks/a.png", "-o", "y.npy", "--nodata",
               "0", "--indices", "i.npy", "-q")
    assert (done.code, done.err) == (0, "")
    wanted, places = poolcli.pool(X, "mode", size=2, weights=np.load("w.npy"), mask=MASK == 0, nodata=0,
                                  return_indices=True)
    assert np.array_equal(np.load("y.npy"), wanted) and np.array_equal(np.load("i.npy"), places)


@pytest.mark.parametrize(("words", "code", "said"), [
    ("avg x.npy --mask no.png", 1, "x.npy: --mask no.png: cannot be read: No such file or directory"),
    ("avg x.npy --mask in/c.txt", 1, "--mask in/c.txt: "),
    ("max x.npy --weights w.npy", 2, "--weights: mean nothing to max; those that take them: avg, sum, lp"),
    ("avg x.npy --min-valid 0", 2, "--min-valid: must be a whole number of samples from 1 on, or a share as in 50%"),
    ("avg in/ -o out/ --valid-out v.npy", 2, "--valid-out: v.npy takes the numbers of one result"),
    ("avg x.npy --valid-out v.png", 2, "--valid-out: is written as .npy, and v.png does not end so"),
    ("avg x.npy -o v.npy --valid-out v.npy", 2, "--valid-out: and --output are both v.npy"),
    ("avg x.npy --valid-out x.npy", 1, "x.npy: x.npy exists; --overwrite would work"),
    ("avg x.npy --mask {name}.png", 2, "--mask: {name} is no field of a pattern"),
    ("avg x.npy --valid-as share", 2, "--valid-as: goes with --valid-out FILE"),
    ("avg x.npy --mask -", 2, "--mask: standard input and output carry the samples"),
    ("avg x.npy --mask w.npy --valid-out v.npy --stream -o y.npy", 2, "--valid-out: takes what goes with one result"),
    ("avg x.npy --sigma w.npy --sigma-out v.npy --stream -o y.npy", 2, "--sigma-out: takes what goes with one result"),
])
def test_what_cannot_be_is_said_in_a_line(run: Call, words: str, code: int, said: str) -> None:
    """Before any pixel where names tell; nothing is written."""
    Path("in/c.txt").write_text("words\n")
    done = run(words.split()[0], "-k", "2", *words.split()[1:])
    assert (done.code, done.err.count("\n")) == (code, 1) and said in done.err
    assert not Path("y.npy").exists() and not Path("x_avg.npy").exists()


@pytest.mark.parametrize(("words", "said"), [
    ("max --mask long.npy", "--mask long.npy: the mask has the shape 9x6, the samples 4x6; that shape would work"),
    ("max --mask parts.npy", "--mask parts.npy: a mask is of whole numbers or bool"),
    ("avg --weights long.npy", "--weights long.npy: the array of weights has the shape 9x6"),
    ("avg --weights complex.npy", "--weights complex.npy: dtype complex128 cannot be pooled"),
    ("avg --sigma long.npy --sigma-out e.npy", "--sigma long.npy: the array of errors has the shape 9x6"),
    ("avg --mask no.npy", "--mask no.npy: cannot be read: No such file or directory"),
    ("max --by long.npy", "--by long.npy: the score has the shape 9x6, the pixels 4x6; that shape, one number"),
    ("max --by complex.npy", "--by complex.npy: dtype complex128 cannot be pooled"),
    ("max --by no.npy", "--by no.npy: cannot be read: No such file or directory"),
    ("max --by 2", "an array of layout HW has no channels"),
    ("max --by score.npy --mask long.npy", "--mask long.npy: the mask has the shape 9x6, the pixels 4x6"),
    ("max --min-valid 5", "a least of 5 valid samples is more than a window of 2x2 has; 4 or less would work"),
])
def test_headers_tell_before_any_sample(run: Call, words: str, said: str) -> None:
    """What is behind the headers is cut off, and nobody misses it; of a batch each file fails in its line."""
    for name, array in (("long", np.ones((9, 6), np.uint8)), ("parts", np.ones((4, 6))), ("y", X),
                        ("complex", np.ones((4, 6), complex)), ("score", np.ones((4, 6)))):
        np.save(f"{name}.npy", array)
    for name in ("x", "y", "long", "parts", "complex", "score"):
        path = Path(f"{name}.npy")
        path.write_bytes(path.read_bytes()[:128])
    reducer, *options = words.split()
    done = run(reducer, "-k", "2", "x.npy", *options, "-o", "z.npy")
    assert (done.code, done.err.count("\n")) == (1, 1) and said in done.err
    options = [one.replace("e.npy", "{stem}_e.npy") if one == "e.npy" else one for one in options]
    done = run(reducer, "-k", "2", "x.npy", "y.npy", *options, "-o", "out/")
    assert done.code == 1 and done.err.count(said) == 2


@pytest.mark.parametrize("name", ["bits.png", "palette.png", "long.nii", "long.fits"])
def test_a_mask_of_another_shape_costs_no_decoding(run: Call, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its header tells, whatever holds it; so does that of an input of the same kind."""
    if name == "long.nii":
        nibabel = pytest.importorskip("nibabel")
        nibabel.save(nibabel.Nifti1Image(np.ones((9, 6), np.uint8), np.eye(4)), name)
        nibabel.save(nibabel.Nifti1Image(X, np.eye(4)), "x.nii")
    elif name == "long.fits":
        fits = pytest.importorskip("astropy.io.fits")
        fits.PrimaryHDU(np.ones((9, 6), np.uint8)).writeto(name)
        fits.PrimaryHDU(X).writeto("x.fits")
    else:
        Image.new("1" if name == "bits.png" else "P", (6, 9)).save(name)
    source = "in/a.png" if name.endswith("png") else f"x{Path(name).suffix}"
    monkeypatch.setattr(files, "read", None)
    done = run("max", "-k", "2", source, "--mask", name, "-o", "z.npy")
    said = f"--mask {name}: the mask has the shape 9x6, the samples 4x6; that shape would work\n"
    assert done.code == 1 and done.err.endswith(said), done.err


def test_a_mask_of_all_frames(run: Call) -> None:
    """The header of a picture tells the shape of one of them, and each has its own part of the mask."""
    frames = np.stack([X, X[::-1], X + 1])
    first, *others = map(Image.fromarray, frames)
    first.save("s.tif", save_all=True, append_images=others)
    mask = RNG.random(frames.shape) < 0.7
    np.save("m.npy", mask)
    words = ("-k", "2", "s.tif", "--frames", "all", "--mask", "m.npy", "--nodata", "0", "-q")
    done = run("avg", *words, "-o", "y.npy")
    assert (done.code, done.err) == (0, "")
    wanted = poolcli.pool(frames, "avg", size=2, mask=mask, nodata=0, layout="NHW")
    np.testing.assert_array_equal(np.load("y.npy"), wanted)


def test_a_negative_weight_is_named_where_it_stands_in_its_file(run: Call) -> None:
    """With the file, and its place there, not in all channels that it serves."""
    save_picture(Path("c.png"), np.dstack([X] * 3))
    weights = np.ones((4, 6))
    weights[2, 5] = -0.5
    np.save("below.npy", weights)
    done = run("avg", "-k", "2", "c.png", "--weights", "below.npy", "-o", "z.png")
    assert done.code == 1 and done.err.endswith(
        "c.png: --weights below.npy: weights are finite and at least 0, and the one at (2, 5) is -0.5\n")


def test_headers_of_a_batch_are_read_once(run: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each input; what its header told before work began is not asked again."""
    from poolcli import files

    asked: list[str] = []
    real = files.load_header
    monkeypatch.setattr(files, "load_header", lambda path, **more: (asked.append(path), real(path, **more))[1])
    done = run("max", "-k", "2", "in/", "--mask", "masks/{stem}.png", "--nodata", "0", "-o", "out/")
    assert (done.code, done.err) == (0, "")
    assert sorted(asked) == ["in/a.png", "in/b.png", "masks/a.png", "masks/b.png"]


@pytest.mark.parametrize(("reducer", "options"), [
    ("max", ["--mask", "m.npy"]), ("avg", ["--mask", "!m.npy", "--min-valid", "50%"]), ("sum", ["--weights", "w.npy"])])
def test_large_arrays_and_pipes_are_pooled_as_they_come(
        run: Call, monkeypatch: pytest.MonkeyPatch, reducer: str, options: list[str]) -> None:
    """With the same box of the mask and of the weights for each slab, and the same bytes."""
    x, mask, weights = RNG.random((60, 24)), RNG.random((60, 24)) < 0.5, RNG.random((60, 24))
    for name, array in (("x", x), ("m", mask), ("w", weights)):
        np.save(f"{name}.npy", array)
    seen: list[int] = []
    real = SampleSources.pool
    monkeypatch.setattr(SampleSources, "pool", lambda *given: (seen.append(1), real(*given))[1])
    monkeypatch.setattr(slabs, "SLAB_BYTES", 2000)
    monkeypatch.setattr(streaming, "MIN_STREAM_BYTES", 0)
    keywords = {"max": {"mask": mask}, "avg": {"mask": ~mask, "min_valid": "50%"}, "sum": {"weights": weights}}[reducer]
    wanted, valid = poolcli.pool(x, reducer, size=3, return_valid=True, **keywords)  # type: ignore[call-overload]
    done = run(reducer, "-k", "3", "x.npy", *options, "-o", "y.npy", "--json", "--valid-out", "v.npy")
    assert (done.code, done.err) == (0, "") and len(seen) > 4
    assert np.load("v.npy").dtype == np.uint32 and np.array_equal(np.load("v.npy"), valid)
    assert run(reducer, "-k", "3", "x.npy", "-o", "n.npy", "--valid-out", "v.npy").code == 1
    assert np.load("y.npy").dtype == wanted.dtype and np.array_equal(np.load("y.npy"), wanted, equal_nan=True)
    assert json.loads(done.out)["files"][0]["parameters"][options[0][2:]] == options[1]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(Path("x.npy").read_bytes())))
    done = run(reducer, "-k", "3", "-", *options, "-o", "p.npy")
    assert Path("p.npy").read_bytes() == Path("y.npy").read_bytes()


def test_each_array_of_a_stream_has_the_mask_of_its_file(run: Call) -> None:
    """One after another, and an array that does not fit ends it in a line."""
    data = Path("x.npy").read_bytes()
    Path("a.npy").write_bytes(2 * data)
    done = run("max", "-k", "2", "a.npy", "--stream", "--mask", "!masks/{stem}.png", "--nodata", "0", "-o", "y.npy")
    assert (done.code, done.err) == (0, "")
    wanted = poolcli.pool(X, "max", size=2, mask=MASK == 0, nodata=0)
    with Path("y.npy").open("rb") as file:
        assert np.array_equal(np.load(file), wanted) and np.array_equal(np.load(file), wanted)
    np.save("a.npy", X[:2])
    done = run("max", "-k", "2", "a.npy", "--stream", "--mask", "masks/a.png", "-o", "z.npy")
    assert done.code == 1 and "--mask masks/a.png: the mask has the shape 4x6, the samples 2x6" in done.err


@pytest.mark.long
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="peaks of memory are read from /proc")
def test_memory_is_bounded_with_a_large_mask(tmp_path: Path) -> None:
    """800 MB of samples with as large weights and a mask take fewer than 330 MB, of which a compiler may need 200."""
    for name, dtype in (("x", "<f4"), ("w", "<f4"), ("m", "|u1")):
        with (tmp_path / f"{name}.npy").open("wb") as file:  # holes: nothing is written
            np.lib.format.write_array_header_1_0(file, {"descr": dtype, "fortran_order": False,
                                                        "shape": (20_000, 10_000)})
            file.truncate(file.tell() + 200_000_000 * np.dtype(dtype).itemsize)
    script = ("import sys; from poolcli.cli.main import run; code = run();"
              "print(open('/proc/self/status').read().partition('VmHWM:')[2].split()[0], file=sys.stderr);"
              "sys.exit(code)")
    done = subprocess.run([sys.executable, "-c", script, "avg", "-k", "4", "x.npy", "--mask", "!m.npy", "--weights",
                           "w.npy", "-q", "-o", "y.npy"], stderr=subprocess.PIPE, timeout=280, check=False,
                          cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert int(done.stderr.split()[-1]) / 1024 < 330


def test_valid_samples_as_shares(run: Call) -> None:
    """In single precision, and the report says so."""
    done = run("max", "-k", "2", "x.npy", "--mask", "masks/a.png", "--nodata", "0", "--valid-out", "v.npy",
               "--valid-as", "share", "-o", "y.npy", "--json")
    assert (done.code, done.err) == (0, "")
    wanted = (MASK != 0).reshape(2, 2, 3, 2).mean((1, 3), dtype="float32")
    assert np.load("v.npy").dtype == np.float32 and np.array_equal(np.load("v.npy"), wanted)
    assert json.loads(done.out)["files"][0]["parameters"]["valid-as"] == "share"


def test_transparent_pictures_say_what_would_work(run: Call, tmp_path: Path) -> None:
    """Colours that are weighed by their alpha have no weights of another kind yet."""
    save_picture(tmp_path / "t.png", RNG.integers(0, 200, (4, 6, 4)).astype(np.uint8))
    assert "--alpha apart, without --linear, would work" in run("avg", "-k", "2", "t.png", "--mask", "masks/a.png").err
    assert run("avg", "-k", "2", "t.png", "--mask", "masks/a.png", "--alpha", "apart", "--nodata", "0").code == 0


@pytest.mark.parametrize("words", [
    ("avg", "-k", "2", "-o", "y.npy"), ("avg", "-k", "2", "--stream", "-o", "y.npy"),
    ("stats", "avg", "max", "-k", "2", "-o", "o/"), ("chain", "avg -k 2", "max -k 1", "-o", "y.npy")],
    ids=lambda words: " ".join(words))
def test_empty_windows_are_no_part_of_the_statistics(run: Call, words: tuple[str, ...]) -> None:
    """A mask leaves NaN; the least and the largest are of the other results. A NaN of the input is told by its row."""
    x, mask = np.arange(24, dtype=np.float32).reshape(4, 6), np.ones((4, 6), bool)
    mask[:2, 2:4] = False
    np.save("f.npy", x)
    np.save("m.npy", mask)
    done = run(words[0], "f.npy", *words[1:], "--mask", "m.npy", "--json")
    assert done.code == 0
    found = json.loads(done.out)["files"][0]["output_stats"]
    assert (found["min"], found["max"]) == (3.5, 19.5)
    x[3, 0] = np.nan
    np.save("f.npy", x)
    done = run(words[0], "f.npy", *words[1:], "--mask", "m.npy", "--json", "--overwrite")
    found = json.loads(done.out)["files"][0]
    assert found["input_stats"]["max"] != 23
