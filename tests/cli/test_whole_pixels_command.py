"""``--by`` on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import poolcli

SAMPLES = Path(__file__).parents[2] / "sample_images"


def test_by_luma_by_channel_and_by_file(here: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture's pixels as they are, its indices beside it, and what decided in the report."""
    monkeypatch.chdir(tmp_path)
    x = np.asarray(Image.open(SAMPLES / "image.png"))
    score = np.random.default_rng(0).random(x.shape[:2])
    np.save("image_score.npy", score)
    for by, given in (("luma", "luma"), ("1", 1), ("{stem}_score.npy", score)):
        done = here("max", "-k", "16", "--by", by, SAMPLES / "image.png", "-o", "y.png", "--indices", "i.npy", "--json",
                    "--overwrite")
        assert done.code == 0, done.err
        wanted, at = poolcli.pool(x, "max", size=16, by=given, return_indices=True)  # type: ignore[call-overload]
        np.testing.assert_array_equal(np.asarray(Image.open("y.png")), wanted)
        np.testing.assert_array_equal(np.load("i.npy"), at)
        assert json.loads(done.out)["files"][0]["parameters"]["by"] == by.replace("{stem}", "image")


@pytest.mark.parametrize(("options", "code", "said"), [
    (["--by", "9"], 1, "no channel 9"), (["--by", "gone.npy"], 1, "--by gone.npy: cannot be read"),
    (["--by", "luma", "--weights", "w.npy"], 2, "goes not with --weights"), (["--by", "-"], 2, "a file name"),
    (["--by", "luma", "--linear"], 2, "go not with --linear")])
def test_what_cannot_be_is_one_line(here: Any, tmp_path: Path, options: list[str], code: int, said: str) -> None:
    """And an exit code."""
    done = here("max", "-k", "16", *options, SAMPLES / "image.png", "-o", tmp_path / "y.png")
    assert done.code == code and said in done.err and not (tmp_path / "y.png").exists()
