"""``poolcli bounds``: files in, bounds and their widths out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from cli.calls import Call
from PIL import Image

import poolcli


def test_both_bounds_are_one_array(here: Call, numbers: Path) -> None:
    """Low and high on a new first axis; the document has them too, and their widths."""
    out = numbers.with_name("both.npy")
    found = here("bounds", numbers, "--eps", "0.5", "max -k 2", "-o", out, "--json")
    assert found.code == 0 and found.err == ""
    np.testing.assert_array_equal(np.load(out), [[[4.5, 6.5], [12.5, 14.5]], [[5.5, 7.5], [13.5, 15.5]]])
    told = json.loads(found.out)
    assert (told["study"], told["exact"], told["largest"], told["widest"]) == ("bounds", True, 1.0, [0, 0])
    assert told["low"] == [[4.5, 6.5], [12.5, 14.5]]


def test_pictures_have_their_own_dtype_and_widths_become_one(here: Call, grey: Path) -> None:
    """An average of 8-bit samples is rounded to 8 bits; two pictures by their pattern, and a heat map."""
    out, heat = grey.with_name("out_{bound}.png"), grey.with_name("heat.png")
    assert here("bounds", grey, "--eps", "3", "--clip", "0", "20", "avg -k 2", "-o", out, "--heat", heat).code == 0
    array = np.arange(24, dtype=np.uint8).reshape(4, 6)
    for end, sign in (("low", -1), ("high", 1)):
        moved = np.clip(array.astype(int) + 3 * sign, 0, 20).astype(np.uint8)
        pooled = poolcli.pool(moved, "avg", size=2, dtype="uint8")
        np.testing.assert_array_equal(np.asarray(Image.open(grey.with_name(f"out_{end}.png"))), pooled)
    with Image.open(heat) as picture:
        assert picture.mode == "RGB" and picture.width == 258 and picture.height > 172  # the scale is below


def test_two_files_are_the_ends(here: Call, tmp_path: Path) -> None:
    """In their order; the options of the command fill in what the stage does not say."""
    np.save(tmp_path / "low.npy", np.zeros((2, 2)))
    np.save(tmp_path / "high.npy", np.eye(2))
    found = here("bounds", tmp_path / "low.npy", tmp_path / "high.npy", "sum", "--global")
    assert found.code == 0 and "0, 0" in found.out and "exact" in found.out
    swapped = here("bounds", tmp_path / "high.npy", tmp_path / "low.npy", "sum")
    assert swapped.code == 1 and "low is 1.0 and high 0.0 at (0, 0)" in swapped.err


def test_eps_of_gem_is_the_stages(here: Call, numbers: Path) -> None:
    """The command's --eps is how far samples move."""
    found = json.loads(here("bounds", numbers, "--eps", "1", "gem -k 4 --eps 20", "--json").out)
    np.testing.assert_allclose([found["low"], found["high"]], 20.0)


@pytest.mark.parametrize(("arguments", "code", "said"), [
    ([], 2, "one file with --eps, or two files"),
    (["--eps", "-1"], 2, "--eps: "),
    (["--eps", "1", "-o", "x.png"], 2, "--output: low and high go into one .npy"),
    (["--eps", "1", "--clip", "9", "2"], 2, "--clip: "),
    (["--eps", "1", "max -k 9"], 1, "numbers.npy: "),
    (["--eps", "20", "stochastic -k 2"], 1, "no meaning for negative values"),
    (["--eps", "1", "max", "min"], 2, "takes one pooling, not 2"),
    (["other.npy", "--clip", "0", "1"], 2, "--clip: goes with --eps"),
])
def test_what_is_wrong_is_said_in_one_line(
    here: Call, numbers: Path, arguments: list[str], code: int, said: str
) -> None:
    """With the option or the file it is about."""
    found = here("bounds", numbers, *arguments)
    assert found.code == code and found.out == "" and said in found.err and found.err.count("\n") == 1


def test_a_volume_and_a_sequence_have_heat_maps_too(here: Call, tmp_path: Path) -> None:
    """The largest over depth; one row. A small map's bounds are printed one by one."""
    np.save(tmp_path / "volume.npy", np.arange(64.0).reshape(4, 4, 4))
    np.save(tmp_path / "sequence.npy", np.arange(8.0))
    for name, layout in (("volume", "DHW"), ("sequence", "L")):
        heat = tmp_path / f"{name}.png"
        found = here("bounds", tmp_path / f"{name}.npy", "--eps", "1", "--layout", layout, "--heat", heat)
        assert found.code == 0 and heat.exists() and "low" in found.out and "high" in found.out


def test_a_mask_of_a_file(here: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the library has it, turned round by !."""
    monkeypatch.chdir(tmp_path)
    x, mask = np.random.default_rng(1).random((4, 6)), np.random.default_rng(2).random((4, 6)) < 0.6
    np.save("x.npy", x)
    np.save("m.npy", (~mask).astype(np.uint8))
    done = here("bounds", "x.npy", "avg -k 2", "--eps", "0.5", "--mask", "!m.npy", "-o", "b.npy")
    assert (done.code, done.err) == (0, "")
    found = poolcli.bounds(*poolcli.interval(x, 0.5), "avg", size=2, mask=mask)
    assert np.array_equal(np.load("b.npy"), np.stack([found.low, found.high]), equal_nan=True)
