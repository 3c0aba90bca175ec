"""A crash after every system call, and kills, by the script beside this file."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed"),
]
SCRIPT = Path(__file__).with_name("crash_points.py")


def test_every_crash_leaves_whole_files_that_the_next_run_completes() -> None:
    """All states of four runs, and two kills of each."""
    allowed = subprocess.run(["strace", "-o", "/dev/null", "true"], capture_output=True, check=False)
    if allowed.returncode:
        pytest.skip("strace may not trace here")
    ended = subprocess.run([sys.executable, SCRIPT, "--kills", "2"], capture_output=True, text=True, timeout=900,
                           check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
