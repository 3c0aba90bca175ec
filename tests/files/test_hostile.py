"""Broken and hostile files: an array or one line of error, in bounded time and memory, and no other program.

POOLCLI_HOSTILE_FILES names a folder of such files, as people keep them to try decoders with; all of it is read then.
Without it a thousand files that are damaged here have to do.
"""

from __future__ import annotations

import io
import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from files.pictures import noise
from PIL import Image

FOLDER = os.environ.get("POOLCLI_HOSTILE_FILES")
MEGABYTES = 500
"""For pictures of at most 10 megapixels: a header that promises more is refused, one that promises less is believed."""
SECONDS = 10.0

# In a process of its own: so that its memory is its own, a crash is seen, and whatever starts a program is heard of.
TRIAL = r"""
import io, json, os, resource, sys, time
from pathlib import Path

started = []
EVENTS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty", "pty.spawn")
sys.addaudithook(lambda event, _: started.append(event) if event in EVENTS else None)

from poolcli import files
from poolcli.errors import PoolError

OPTIONS = ({}, {"indexed": True}, {"allow_truncated": True}, {"frames": files.Frames()}, {"frames": 2})
FORMATS = ("PNG", "TIFF", "JPEG", "WEBP", "GIF", "BMP", "PPM")
wrong, read, slowest = [], 0, 0.0


def attempt(what, work):
    try:
        return work()
    except PoolError as error:
        if "\n" in str(error) or what.split(":")[0] in str(error):
            wrong.append(f"{what}: {error!r}")
    except Exception as error:
        wrong.append(f"{what}: {error!r}")
    return None


for folder, _, names in os.walk(sys.argv[1]):
    for path in (Path(folder, name) for name in names):
        begun = time.monotonic()
        for options in OPTIONS:
            loaded = attempt(f"{path}: {options}", lambda: files.read(path, max_pixels=10_000_000, **options))
            if loaded is None:
                continue
            read += 1
            array = loaded.array
            if array.dtype.kind not in "buif" or not array.dtype.isnative or not array.size:
                wrong.append(f"{path}: {array.dtype} {array.shape}")
            for name in FORMATS if array.size < 100_000 else ():
                attempt(f"{path}: {name}", lambda: files.write(io.BytesIO(), array, loaded.source, name))
        slowest = max(slowest, time.monotonic() - begun)
try:  # ru_maxrss counts what the process was before it became this program: the one that ran the tests
    status = open("/proc/self/status").read()
    peak = int(status.split("VmHWM:")[1].split()[0]) / 1e3
except OSError:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
print(json.dumps({"wrong": wrong, "read": read, "slowest": slowest, "megabytes": peak, "started": started}))
"""


def trial(folder: Path) -> dict[str, Any]:
    """What became of every file of a folder, read in several ways and written in every format."""
    done = subprocess.run([sys.executable, "-c", TRIAL, str(folder)], capture_output=True, timeout=3600, check=False)
    assert done.returncode == 0, done.stderr[-2000:].decode(errors="replace")
    assert done.stderr == b""  # decoders print there
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def check(found: dict[str, Any]) -> None:
    """Nothing but arrays and errors of one line."""
    assert found["wrong"] == []
    assert found["started"] == []
    assert found["slowest"] < SECONDS and found["megabytes"] < MEGABYTES


@pytest.mark.skipif(FOLDER is None, reason="POOLCLI_HOSTILE_FILES names no folder")
def test_gate_1_hostile_files() -> None:
    """Every file of a folder of broken pictures."""
    check(trial(Path(FOLDER or "")))


def whole(kind: str) -> bytes:
    """A picture with metadata, of several frames where it can have them."""
    stream = io.BytesIO()
    frames = [Image.fromarray(noise("uint8", (12, 16, 3), seed)) for seed in range(3)]
    exif = Image.Exif()
    exif[271], exif[0x8769] = "Maker", {36867: "2024:01:02 03:04:05", 40962: 16}
    several = {"save_all": True, "append_images": frames[1:], "duration": 50} if kind in ("GIF", "PNG", "WEBP") else {}
    carried = {"exif": exif.tobytes()} if kind in ("JPEG", "PNG", "WEBP") else {}
    frames[0].save(stream, kind, **several, **carried)
    return stream.getvalue()


def damaged(data: bytes, seed: int) -> bytes:
    """The file with some bytes changed, most of them in its head, or cut short, or with a part of it doubled."""
    rng = random.Random(seed)
    found = bytearray(data)
    for _ in range(rng.choice([1, 2, 8])):
        at = rng.randrange(rng.choice([40, 200, len(found)])) % len(found)
        found[at] = rng.choice([0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)])
    if rng.random() < 0.3:
        del found[rng.randrange(len(found)):]
    if rng.random() < 0.1:
        at = rng.randrange(len(found) + 1)
        found[at:at] = found[at // 2:at]
    return bytes(found)


def test_damaged_files(tmp_path: Path) -> None:
    """1,050 files of seven formats, the same in every run; and those for which libraries start Ghostscript."""
    for kind in ("PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP", "PPM"):
        data = whole(kind)
        for seed in range(150):
            (tmp_path / f"{seed}.{kind.lower()}").write_bytes(damaged(data, seed))
    for i, head in enumerate((b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", b"%PDF-1.7\n", b"<svg/>")):
        (tmp_path / f"{i}.eps.png").write_bytes(head)
    found = trial(tmp_path)
    check(found)
    assert found["read"] > 500


@pytest.mark.parametrize("data", [b"%!PS-Adobe-3.0 EPSF-3.0\n", b"GIF89a"])
def test_what_starts_a_program_would_be_heard(data: bytes, tmp_path: Path) -> None:
    """The trial sees a program that is started: otherwise it would prove nothing."""
    (tmp_path / "x").write_bytes(data)
    code = TRIAL.replace("OPTIONS = (", "os.system('true')\nOPTIONS = (", 1)
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, check=True)
    assert json.loads(done.stdout)["started"] == ["os.system"]
