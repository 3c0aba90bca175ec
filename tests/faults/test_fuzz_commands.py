"""Random command lines, in a process of their own, against the slow oracle and other programs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.long
SCRIPT = Path(__file__).with_name("fuzz_commands.py")


def test_random_command_lines_agree_with_the_oracle() -> None:
    """2,000 cases; what differs is printed as lines to paste."""
    # kernels as plain Python: compiled ones are compared with those elsewhere, and would take minutes to make
    ended = subprocess.run([sys.executable, SCRIPT, "--cases", "2000", "--seed", "7"], capture_output=True, text=True,
                           env={**os.environ, "NUMBA_DISABLE_JIT": "1"}, timeout=900, check=False)
    assert ended.returncode == 0, ended.stdout[-4000:] + ended.stderr[-2000:]


def test_damaged_headers_are_an_array_or_one_line() -> None:
    """300 of each format."""
    script = SCRIPT.with_name("fuzz_headers.py")
    ended = subprocess.run([sys.executable, script, "--inputs", "300", "--seed", "3"], capture_output=True, text=True,
                           timeout=600, check=False)
    assert ended.returncode == 0, ended.stdout[-4000:] + ended.stderr[-2000:]
