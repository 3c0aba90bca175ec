"""Ten thousand pictures, some damaged, onto a disk that fills up; room is made, and the batch runs again."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

COUNT, DAMAGED = 10_000, 100
POOL = f"{sys.executable} -m poolcli min -k 3 in -o disk/ --skip-existing --jsonl"


def make_pictures(folder: Path) -> tuple[dict[str, bytes], set[str]]:
    """Write pictures of 12 x 12 random bytes; return the pixels of each, and the names of those that are cut short."""
    folder.mkdir()
    chance = np.random.default_rng(0)
    pixels = chance.integers(0, 256, (COUNT, 12, 12), np.uint8)
    damaged = {f"{i:05}.png" for i in chance.choice(COUNT, DAMAGED, replace=False)}
    for i, one in enumerate(pixels):
        name, written = f"{i:05}.png", io.BytesIO()
        Image.fromarray(one).save(written, "PNG", compress_level=0)
        data = written.getvalue()
        (folder / name).write_bytes(data[: len(data) // 2] if name in damaged else data)
    smallest = pixels.reshape(COUNT, 4, 3, 4, 3).min(axis=(2, 4))
    return {f"{i:05}.png": one.tobytes() for i, one in enumerate(smallest)}, damaged


@pytest.mark.skipif(shutil.which("unshare") is None, reason="no unshare here")
def test_a_disk_that_fills_up_loses_nothing(tmp_path: Path) -> None:
    """The first run stops with one line and leaves whole files only; the second makes all that are missing."""
    expected, damaged = make_pictures(tmp_path / "in")
    (tmp_path / "disk").mkdir()
    script = (f"mount -t tmpfs -o size=16m none disk || exit 99; {POOL} >one.jsonl 2>one.txt; echo $? >one.code; "
              f"ls disk >one.names; mount -o remount,size=200m disk || exit 99; {POOL} >two.jsonl 2>two.txt; "
              "echo $? >two.code; cp -r disk kept")
    done = subprocess.run(["unshare", "-rm", "sh", "-c", script], cwd=tmp_path, capture_output=True, check=False)
    if done.returncode == 99 or b"unshare" in done.stderr:
        pytest.skip("no file system can be mounted here")
    assert [(tmp_path / name).read_text() for name in ("one.code", "two.code")] == ["3\n", "3\n"]
    first = (tmp_path / "one.names").read_text().split()
    assert 1_000 < len(first) < COUNT - DAMAGED and set(first) <= set(expected) - damaged
    full = [line for line in (tmp_path / "one.txt").read_text().splitlines() if "No space left on device" in line]
    assert 1 <= len(full) <= 4  # of those that were under way
    again = [json.loads(line) for line in (tmp_path / "two.jsonl").read_text().splitlines()]
    assert {Path(one["input"]).name for one in again if one["status"] == "skipped"} == set(first)
    assert {Path(one["input"]).name for one in again if one["status"] == "failed"} == damaged
    kept = {path.name: np.asarray(Image.open(path)).tobytes() for path in (tmp_path / "kept").iterdir()}
    assert kept == {name: values for name, values in expected.items() if name not in damaged}
