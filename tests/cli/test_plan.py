"""``poolcli plan``: formulas with their numbers, no pixel touched, exit codes that scripts can rely on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli.calls import SAMPLES, Call

from poolcli import files


def test_a_chain_is_written_out(here: Call) -> None:
    """Each stage with its formula for every axis, its field, bytes in and out."""
    found = here("plan", "224x224x3", "max --size 3 --stride 2 --padding 1", "avg -k 2")
    assert found.code == 0 and found.err == ""
    for text in ("   H: floor((224 + 1 + 1 - 3) / 2) + 1 = 112\n", "   W: floor((112 - 2) / 2) + 1 = 56\n",
                 "150,528 float32, 588.0 KiB -> 37,632 float32, 147.0 KiB", "224x224x3 HWC", "56x56x3"):
        assert text in found.out, text


def test_bytes_follow_the_type(here: Call) -> None:
    """The example of the issue, and half of it in halves."""
    assert "19.5 MiB -> 4.9 MiB" in here("plan", "226x226x100", "max").out
    assert "9.7 MiB -> 2.4 MiB" in here("plan", "226x226x100", "max", "--dtype", "float16").out


def test_strict_is_an_exit_code(here: Call) -> None:
    """1, and a line that says which stage leaves what out and what would reach it; said under --quiet too."""
    line = ("poolcli: strict: stage 2, max -k 3 -s 2: no window reaches H 111 (1 of 112), W 111 (1 of 112); "
            "--ceil (56x56) or --padding 0:1 (56x56) or --padding 1 (56x56) would\n")
    found = here("plan", "--strict", "-q", "224x224", "avg", "max -k 3 -s 2")
    assert found == (1, "", line)
    assert here("plan", "--strict", "-q", "224x224", "avg", "max -k 3 -s 2 --ceil") == (0, "", "")
    assert json.loads(here("plan", "--strict", "224x224", "max -k 3 -s 2", "--json").out)["stages"][0]["remedies"]


@pytest.mark.parametrize(("given", "shape"), [
    (["--layout", "NCHW", "1x64x56x56", "max"], [1, 64, 28, 28]), (["8x8", "-k", "3", "-s", "1"], [6, 6]),
    (["100", "max --adaptive 7"], [7]), (["9x9x9", "--layout", "DHW", "avg --size allx1x1 --squeeze", "max"], [4, 4])])
def test_shapes_and_layouts(here: Call, given: list[str], shape: list[int]) -> None:
    """--layout names the axes of the input; later stages go on with what is left of them."""
    assert json.loads(here("plan", *given, "--json").out)["output_shape"] == shape


@pytest.mark.parametrize("name", ["image.png", "photo.jpg", "feature_map.npy", "maps.npz"])
def test_of_a_file_only_the_header_is_read(here: Call, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not a single sample of it; shape and type are the file's."""
    key = "late" if name.endswith("npz") else None
    array = files.read(SAMPLES / name, key=key).array
    monkeypatch.setattr(files, "read", None)
    found = json.loads(here("plan", SAMPLES / name, "--json", *(("--key", key) if key else ())).out)
    assert found["input_shape"] == list(array.shape) and found["input_dtype"] == array.dtype.name


def test_other_files_are_read(here: Call, tmp_path: Path) -> None:
    """The colours of a palette are not in a header; a file that is called like a shape has its folder before it."""
    assert json.loads(here("plan", SAMPLES / "labels.png", "--json").out)["input_shape"] == [160, 240, 3]
    assert json.loads(here("plan", "mode", SAMPLES / "labels.png", "--json").out)["input_shape"] == [160, 240]
    np.save(tmp_path / "3x3.npy", np.zeros((5, 4)))
    (tmp_path / "3x3.npy").rename(tmp_path / "3x3")
    assert json.loads(here("plan", tmp_path / "3x3", "--json").out)["input_shape"] == [5, 4]


def test_targets_are_listed_best_first(here: Call) -> None:
    """As options that can be typed; where nothing plain does it, that is exit code 1 and a line."""
    found = json.loads(here("plan", "225x225", "--target", "112x112", "--json").out)["settings"]
    assert found[0]["options"] == "--size 3 --stride 2" and found[0]["coverage"] == 1
    assert "--size 3 --stride 2 --padding 1" in here("plan", "224x224x3", "--target", "112x112").out
    assert json.loads(here("plan", "448x448", "avg", "--target", "112x112", "--json").out)["input_shape"] == [224, 224]
    nothing = here("plan", "5x5", "--target", "9x9")
    assert nothing.code == 1 and "--adaptive 9x9 does" in nothing.err


@pytest.mark.parametrize(("given", "code", "said"), [
    ([], 2, "INPUT: is missing"), (["5x5", "6x6"], 2, "takes one file, not 2"),
    (["5x"], 2, "5x is neither a shape nor a file; 224x224x3 would work"),
    (["none.png"], 1, "none.png: cannot be read"),
    (["5x5", "max -k 9"], 1, "stage 1, max -k 9, on 5x5: a window of 9 does not fit an axis of 5"),
    (["0x5"], 1, "has no samples"), (["99999999999x9"], 1, "longer than can be looked at"),
    (["5x5", "--target", "2"], 2, "--target: 2 has 1 lengths"), (["5x5", "--target", "ax2"], 2, "--target: 'a'"),
    (["5x5", "--target", "2x2", "--strict"], 2, "--strict: goes with stages"),
    ([SAMPLES / "image.png", "--dtype", "uint8"], 2, "--dtype: goes with a shape"),
    (["5x5", "--p", "3"], 2, "--p: is a parameter of lp, gem")])
def test_what_is_wrong_is_said_in_one_line(here: Call, given: list[str], code: int, said: str) -> None:
    """And with what would work."""
    found = here("plan", *given)
    assert (found.code, found.out) == (code, "") and said in found.err and found.err.count("\n") == 1


def test_what_is_typed_beside_a_target_is_held(here: Call) -> None:
    """-k, --padding, -s and --ceil beside --target are in every setting; what no search can hold is refused."""
    for typed in (["-k", "3"], ["--padding", "1"], ["-s", "2"], ["-k", "3", "--padding", "1"]):
        found = json.loads(here("plan", "224x224", "--target", "112x112", *typed, "--json").out)["settings"]
        assert found
        for one in found:
            held = of_first_axis(one["keywords"])
            assert all(held[name] == wanted for name, wanted in zip(map(SHORT.get, typed[::2]), map(int, typed[1::2]),
                                                                    strict=True))
    nothing = here("plan", "225x225", "--target", "112x112", "-k", "1", "-s", "1")
    assert nothing.code == 1 and "size and stride gives 112x112" in nothing.err
    refused = here("plan", "225x225", "--target", "112x112", "--dilation", "2")
    assert refused.code == 2 and "goes with stages" in refused.err


SHORT = {"-k": "size", "-s": "stride", "--padding": "padding"}


def of_first_axis(keywords: dict[str, Any]) -> dict[str, int]:
    """Size, stride and padding of the first axis, with their defaults."""
    size = keywords["size"][0]
    return {"size": size, "stride": keywords.get("stride", [size])[0], "padding": keywords.get("padding", [[0]])[0][0]}
