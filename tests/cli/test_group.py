"""``poolcli group``: stacks of files, and transformed copies of one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from cli.calls import Call, save_picture
from PIL import Image


def test_files_are_reduced_element_by_element(here: Call, grey: Path) -> None:
    """Into a picture of their dtype, rounded once."""
    other, out = grey.with_name("other.png"), grey.with_name("out.png")
    save_picture(other, np.arange(1, 25, dtype=np.uint8).reshape(4, 6))
    found = here("group", grey, other, "avg", "-o", out)
    assert found.code == 0 and "stack: 2 arrays, reduced by avg" in found.out
    with Image.open(out) as picture:
        assert (np.asarray(picture) == np.arange(1, 25).reshape(4, 6)).all()  # 0.5 rounds to 1


def test_the_check_is_printed_beside_plain_pooling(here: Call, numbers: Path) -> None:
    """Subsample keeps a corner; over the turns, what reduces the copies is the second stage."""
    found = json.loads(here("group", numbers, "--over", "rot4", "subsample -k 2", "max", "--json").out)
    assert found["values"] == [[5.0, 7.0], [13.0, 15.0]] and found["by"] == "max"
    assert (found["promise"], found["largest"], found["plain_largest"]) == ("equivariant", 0.0, 5.0)
    assert [one["transform"] for one in found["checks"]] == ["90°", "180°", "270°"]
    shown = here("group", numbers, "--over", "rot4", "subsample -k 2")
    assert "the transformed input gives the transformed result" in shown.out and "270°" in shown.out
    unchecked = json.loads(here("group", numbers, "--over", "rot4", "--no-check", "--json").out)
    assert unchecked["checks"] == [] and unchecked["checked_shape"] is None
    assert [unchecked[name] for name in ("largest", "mean", "plain_largest", "plain_mean")] == [None] * 4


def test_one_window_over_everything_is_invariant(here: Call, numbers: Path) -> None:
    """And so are copies that are not brought back; a shift of a map is nearly so."""
    for arguments in (["avg", "--global"], ["subsample", "--invariant"]):
        found = json.loads(here("group", numbers, "--over", "d4", *arguments, "--json").out)
        assert (found["promise"], found["exact"], found["largest"]) == ("invariant", True, 0.0)
    assert "here only nearly" in here("group", numbers, "--over", "shift:2", "max").out


@pytest.mark.parametrize(("arguments", "code", "said"), [
    ([], 2, "one file with --over, or several files"),
    (["--over", "rot5"], 2, "--over: must be rot4"),
    (["--over", "rot4", "max -k 1x2"], 1, "windows that are alike"),
    (["--over", "rot4", "max", "min", "avg"], 2, "not 3 stages"),
    (["grey.png"], 1, "grey.png: is uint8 of 4x6, but "),
])
def test_what_is_wrong_is_said_in_one_line(
    here: Call, numbers: Path, grey: Path, arguments: list[str], code: int, said: str
) -> None:
    """With the option or the file it is about."""
    found = here("group", numbers, *(grey if one == "grey.png" else one for one in arguments))
    assert found.code == code and found.out == "" and said in found.err and found.err.count("\n") == 1
