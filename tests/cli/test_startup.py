"""What is imported: nothing heavy before it is needed, or every completion and every usage error would pay for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cli.calls import SAMPLES

HEAVY = ("numpy", "PIL", "rich", "numba", "llvmlite", "platformdirs", "jsonschema", "tifffile", "distributed", "dask",
         "fsspec", "s3fs", "aiohttp")
SCRIPT = """
import sys
from poolcli.cli.main import run
run()
print(*sorted(name for name in {heavy!r} if name in sys.modules), file=sys.stderr)
"""


def imported(*arguments: str, cwd: Path | None = None, **env: str) -> set[str]:
    """The heavy modules that a run imports."""
    done = subprocess.run([sys.executable, "-c", SCRIPT.format(heavy=HEAVY), *arguments], capture_output=True,
                          text=True, check=True, env={**os.environ, **env}, stdin=subprocess.DEVNULL, cwd=cwd)
    return set(done.stderr.splitlines()[-1].split())


@pytest.mark.parametrize("line", [
    "", "--help", "--version", "-h", "list", "list --json", "max --help", "stochastic -h",
    "max", "max -k 0 x.png", "max --size 3x x.png", "lp --p 0 x.png", "max --p 3 x.png", "maxx", "max --siz 2 x.png",
    "max --global -k 3 x.png", "max --layout HH x.png", "max -", "max x.png y.png -o z.png", "max x.png -o y.foo",
    "max . ", "max x.png --scheduler local --isolate",
])
def test_help_lists_and_usage_errors_import_nothing_heavy(line: str) -> None:
    """click and the tables only."""
    assert imported(*line.split()) == set()


@pytest.mark.parametrize(("words", "number"), [("poolcli m", 1), ("poolcli max --s", 2), ("poolcli max --nan ", 3)])
def test_completion_imports_nothing_heavy(words: str, number: int) -> None:
    """Each TAB starts the program."""
    assert imported(_POOLCLI_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=str(number)) == set()


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the kernels of this test have been compiled."""
    folder = tmp_path_factory.mktemp("warm")
    imported("max", str(SAMPLES / "feature_map.npy"), str(SAMPLES / "noisy.png"), "-o", "first/", cwd=folder)
    return folder


def test_an_array_needs_no_pillow_and_quiet_no_rich(warm: Path) -> None:
    """And with the kernel cached nobody needs numba."""
    arguments = ("max", str(SAMPLES / "feature_map.npy"), "-o", "y.npy", "--overwrite")
    assert imported(*arguments, "--quiet", cwd=warm) <= {"numpy", "llvmlite", "platformdirs"}
    assert imported(*arguments, "--json", cwd=warm) <= {"numpy", "llvmlite", "platformdirs"}
    assert "rich" in imported(*arguments, cwd=warm)


def test_a_picture_needs_pillow_and_nothing_more(warm: Path) -> None:
    """No numba with a warm cache."""
    done = imported("max", str(SAMPLES / "noisy.png"), "-o", "y.png", "--overwrite", "-q", cwd=warm)
    assert done <= {"numpy", "llvmlite", "platformdirs", "PIL"} and "PIL" in done


def test_a_dry_run_reads_nothing(warm: Path) -> None:
    """No Pillow, no rich: names only."""
    assert imported("max", str(SAMPLES), "-o", "out/", "--dry-run", cwd=warm) <= {"numpy", "llvmlite"}
