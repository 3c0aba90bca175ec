"""``poolcli chain``: like the reducers' commands with their outputs passed on, but never rounded between."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from cli.calls import SAMPLES, Call, Process, names, save_picture
from PIL import Image

import poolcli
from poolcli import report

SCHEMA = json.loads((Path(report.__file__).parent / "schema.json").read_text(encoding="utf-8"))


@pytest.fixture
def noise(tmp_path: Path) -> Path:
    """A grey picture of 32 x 32."""
    return save_picture(tmp_path / "noise.png", np.random.default_rng(5).integers(0, 256, (32, 32), np.uint8))


def pixels(path: Path) -> Any:
    """A picture's array."""
    with Image.open(path) as picture:
        return np.asarray(picture)


def test_a_picture_is_rounded_once_at_its_end(here: Call, noise: Path) -> None:
    """It is uint8 as its input, from the exact mean; by way of a file between, some pixels would be others."""
    assert here("chain", "avg", "avg -k 2", noise).code == 0
    made, x = pixels(noise.with_name("noise_chain.png")), pixels(noise)
    assert np.array_equal(made, poolcli.pool(x, "avg", size=4, dtype="uint8"))
    twice = poolcli.pool(poolcli.pool(x, "avg", dtype="uint8"), "avg", dtype="uint8")
    assert not np.array_equal(made, twice)
    assert here("chain", "avg --dtype uint8", "avg -k 2", noise, "--overwrite").code == 0
    assert np.array_equal(pixels(noise.with_name("noise_chain.png")), twice)


def test_the_table_has_a_row_a_stage(here: Call, noise: Path) -> None:
    """With shape, type, what is left out, and statistics."""
    lines = here("chain", "max -k 3 -s 2", "avg", noise).out.splitlines()
    assert lines[0].endswith("noise_chain.png") and lines[3].split()[:2] == ["32x32", "HW"]
    assert lines[4].split()[:10] == ["1", "max", "-k", "3", "-s", "2", "15x15", "uint8", "1", "H,"]
    assert lines[5].split()[:5] == ["2", "avg", "7x7", "uint8", "1"]


def test_one_bad_file_costs_itself(here: Call, noise: Path, tmp_path: Path) -> None:
    """Exit code 3, a line for it, all others are written; 1 where nothing is."""
    (tmp_path / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    found = here("chain", "max", "avg", noise, tmp_path / "bad.png", SAMPLES / "feature_map.npy", "-o",
                 f"{tmp_path}/out/")
    assert found.code == 3 and "bad.png: " in found.err and "2 done, 1 failed" in found.out
    assert names(tmp_path / "out") == ["feature_map.npy", "noise.png"]
    assert np.array_equal(np.load(tmp_path / "out" / "feature_map.npy"),
                          poolcli.chain(np.load(SAMPLES / "feature_map.npy"), ["max", "avg"], layout="HWC").values)
    assert here("chain", "max", tmp_path / "bad.png", "-o", f"{tmp_path}/other/").code == 1


def test_folders_and_second_runs(here: Call, noise: Path, tmp_path: Path) -> None:
    """A folder goes into a folder; results are not pooled again; what is there is skipped if so asked."""
    assert here("chain", "max", "avg", tmp_path, "-o", f"{tmp_path}/out/", "--jobs", "2").code == 0
    assert here("chain", "max", "avg", tmp_path, "-o", f"{tmp_path}/out/").code == 1
    assert here("chain", "max", "avg", tmp_path, "-o", f"{tmp_path}/out/", "--skip-existing").code == 0
    assert here("chain", "max", noise).code == 0
    again = here("chain", "max", noise, noise.with_name("noise_chain.png"), "--overwrite")
    assert again.code == 0 and "named like a result" in again.err
    assert "noise_chain_chain.png" not in names(tmp_path)
    assert "noise.png -> " in here("chain", "max", noise, "--dry-run", "--overwrite").out


def test_pipes(process: Process) -> None:
    """.npy in and out, not one byte that is not data; the table goes to stderr."""
    x = np.arange(256.0).reshape(16, 16)
    stream = io.BytesIO()
    np.save(stream, x)
    done = process("chain", "max", "avg -k 3 -s 2", "-", "-o", "-", stdin=stream.getvalue())
    assert done.returncode == 0 and b"2 avg -k 3 -s 2" in done.stderr
    wanted = poolcli.chain(x, ["max", ("avg", {"size": 3, "stride": 2})]).values
    assert np.array_equal(np.load(io.BytesIO(done.stdout)), wanted)


def test_documents_have_the_stages(here: Call, noise: Path, tmp_path: Path) -> None:
    """As the schema says, in --json and --jsonl; --csv has the columns that it always has."""
    call = ("chain", "max", "avg --nan ignore", noise, tmp_path / "none.npy", "-o", f"{tmp_path}/out/", "--overwrite")
    document = json.loads(here(*call, "--json").out)
    jsonschema.validate(document, SCHEMA)
    done, failed = document["files"]
    assert [one["stage"] for one in done["stages"]] == ["max", "avg --nan ignore"] and failed["stages"] == []
    assert done["uncovered"] == {"H": 0, "W": 0} and done["output_stats"] == done["stages"][-1]["output_stats"]
    for line in here(*call, "--jsonl").out.splitlines():
        jsonschema.validate(json.loads(line), {"$ref": "#/$defs/line", "$defs": SCHEMA["$defs"]})
    assert here(*call, "--csv").out.count("\n") == 3


def test_kinds_of_pictures(here: Call, tmp_path: Path) -> None:
    """1-bit stays where each stage picks, turns grey elsewhere; a palette stays where each takes samples as names."""
    out = tmp_path / "out.png"
    for stages, mode in ((("max", "min"), "1"), (("max", "avg"), "L")):
        assert here("chain", *stages, SAMPLES / "bilevel.png", "-o", out, "--overwrite").code == 0
        with Image.open(out) as picture:
            assert picture.mode == mode
    x = pixels(SAMPLES / "bilevel.png").astype(bool)
    grey = poolcli.pool(poolcli.pool(x, "max").astype(np.uint8) * 255, "avg", dtype="uint8")
    assert np.array_equal(pixels(out), grey)
    assert here("chain", "avg --nodata 1", SAMPLES / "bilevel.png", "-o", out, "--overwrite").code == 0
    assert np.array_equal(pixels(out), np.where(poolcli.pool(x, "min"), 255, 0))  # white is missing, black is left
    for stages, mode in ((("mode", "subsample"), "P"), (("mode", "max"), "RGB")):
        assert here("chain", *stages, SAMPLES / "labels.png", "-o", out, "--overwrite").code == 0
        with Image.open(out) as picture:
            assert picture.mode == mode


def test_what_no_output_can_hold_is_told_before_any_work(here: Call, tmp_path: Path) -> None:
    """By the headers of all; nothing of those is read."""
    for name in ("a.npy", "b.npy"):
        np.save(tmp_path / name, np.zeros((8, 8, 5)))
    found = here("chain", "max", "avg", tmp_path / "a.npy", tmp_path / "b.npy", "-o", f"{tmp_path}/{{stem}}.png")
    assert found.code == 1 and found.err.count("PNG cannot hold float64 with 5 channels") == 2


@pytest.mark.parametrize(("given", "code", "said"), [
    (["x.npy"], 2, "STAGE: is missing"), (["max"], 2, "INPUT: is missing"),
    (["max -k 0", "x.npy"], 2, 'stage "max -k 0": --size'),
    (["max", "avg -k 99", "x.npy"], 1, "x.npy: stage 2, avg -k 99, on 8x8: a window of 99"),
    (["max", "x.npy", "--p", "3"], 2, "--p: is a parameter of"),
    (["max", "a.npy", "b.npy", "-o", "c.npy"], 2, "several"),
    (["max", "x.npy", "--indices", "i.npy"], 2, "--indices")])
def test_what_is_wrong_is_said_in_one_line(
    here: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: list[str], code: int, said: str
) -> None:
    """With the stage or the file that it is about."""
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", np.zeros((16, 16)))
    found = here("chain", *given)
    assert found.code == code and said in found.err and found.err.count("\n") == 1, found.err


def test_layouts(here: Call, tmp_path: Path) -> None:
    """--layout names the axes of the input; a picture has its channels last whatever their place in the array."""
    x = np.random.default_rng(3).integers(0, 255, (3, 16, 16), np.uint8)
    np.save(tmp_path / "x.npy", x)
    assert here("chain", "max", "avg", tmp_path / "x.npy", "--layout", "CHW", "-o", tmp_path / "y.png").code == 0
    wanted = poolcli.pool(poolcli.pool(x, "max", layout="CHW"), "avg", layout="CHW", dtype="uint8")
    assert np.array_equal(pixels(tmp_path / "y.png"), wanted.transpose(1, 2, 0))


def test_a_mask_of_each_file_is_the_first_stages(here: Call, noise: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the library has it, by a pattern; one that does not fit is a line before anything is read."""
    monkeypatch.chdir(noise.parent)
    mask = np.random.default_rng(6).random((32, 32)) < 0.2
    np.save("noise_mask.npy", mask)
    done = here("chain", "max -k 2", "avg -k 4", "noise.png", "--mask", "{stem}_mask.npy", "--min-valid", "2", "-o",
                "y.npy", "--json", "--nodata", "0")
    assert (done.code, done.err) == (0, "")
    assert json.loads(done.out)["files"][0]["parameters"]["mask"] == "noise_mask.npy"
    stages = [("max", {"size": 2}), ("avg", {"size": 4})]
    wanted = poolcli.chain(pixels(noise), stages, mask=mask, min_valid=2, nodata=0)
    assert np.array_equal(np.load("y.npy"), wanted.values, equal_nan=True)
    save_picture(Path("other.png"), pixels(noise))
    np.save("other_mask.npy", mask)  # of several files headers are looked at before any work: not those of later stages
    done = here("chain", "max -k 2", "avg -k 4", "noise.png", "other.png", "--mask", "{stem}_mask.npy", "-o", "o/",
                "--nodata", "0", "-q")
    assert (done.code, done.err) == (0, "")
    np.save("noise_mask.npy", mask[:16, :16])  # as large as what the last stage gets
    done = here("chain", "max -k 2", "avg -k 4", "noise.png", "--mask", "{stem}_mask.npy", "-o", "z.npy")
    assert done.code == 1 and "--mask noise_mask.npy: the mask has the shape 16x16, the samples 32x32" in done.err
    assert here("chain", "max", "avg", "noise.png", "--weights", "noise_mask.npy").code == 2
