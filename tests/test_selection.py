"""What runs where pytest is told nothing, and where it is told; nothing is lost between the two."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import selection

import poolcli
from poolcli import jit

ROOT = Path(__file__).parents[1]
PATHS = {path.relative_to(ROOT / "tests").as_posix() for path in (ROOT / "tests").rglob("test_*.py")}


def collected(*arguments: str) -> tuple[int, int, str]:
    """How many tests pytest selects, how many it leaves out, and what it prints."""
    done = subprocess.run([sys.executable, "-m", "pytest", "--collect-only", "-p", "no:xdist", *arguments], cwd=ROOT,
                          capture_output=True, text=True, check=False)
    found = re.search(r"collected (\d+) items(?: / (\d+) deselected)?", done.stdout)
    assert found is not None, done.stdout + done.stderr
    return int(found[1]) - int(found[2] or 0), int(found[2] or 0), done.stdout


@pytest.mark.long
def test_a_file_that_is_named_runs_whole() -> None:
    """Nobody who works on a long file wants to know of markers."""
    assert collected("tests/test_selection.py", "tests/cli/test_bench.py")[1] == 0
    assert "kernels are kept" in collected("tests/test_selection.py")[2]


@pytest.mark.long
def test_told_nothing_pytest_says_in_one_line_what_takes_its_time() -> None:
    """And leaves the long tests out; `-m long` runs those but for the rest of the largest tables."""
    quick, left_out, text = collected()
    (line,) = [line for line in text.splitlines() if line.startswith("poolcli: ")]
    assert "pytest -m long" in line and "kernels" in line
    long, _, _ = collected("-m", "long")
    assert min(quick, left_out) > long > 1000


@pytest.mark.parametrize("start", [*selection.LONG, *selection.SAMPLED, *selection.THINNED, *selection.PLAIN,
                                   *selection.TINY])
def test_each_row_names_tests_that_exist(start: str) -> None:
    """A file that is renamed takes its row with it."""
    file, _, name = start.partition("::")
    assert [path for path in PATHS if path.startswith(file)]
    assert not name or f"def {name}" in (ROOT / "tests" / file).read_text(encoding="utf-8")


def test_shuffled_tests_are_the_same_in_another_order() -> None:
    """Of each seed the same one, and no file is torn apart."""
    items = [SimpleNamespace(path=f"file {i // 20}", number=i) for i in range(100)]
    orders = [[item.number for item in selection.shuffle(items, seed)] for seed in (1, 1, 2)]  # type: ignore[arg-type]
    assert orders[0] == orders[1] != orders[2] and sorted(orders[0]) == sorted(orders[2]) == list(range(100))
    assert [len({number // 20 for number in orders[0][i : i + 20]}) for i in range(0, 100, 20)] == [1] * 5


def test_a_rarer_kernel_is_plain_python_and_a_common_one_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the same result."""
    asked: list[str] = []
    monkeypatch.setattr(selection, "_real", lambda spec: asked.append(spec.arguments[0]) or jit.interpret(spec))
    for dtype in ("int16", "uint8"):
        with selection.compiling({"uint8"}):
            assert poolcli.pool(np.arange(16, dtype=dtype).reshape(4, 4), "max", size=2).tolist() == [[5, 7], [13, 15]]
    assert set(asked) == {"uint8"}


def test_the_quick_tests_need_few_libraries() -> None:
    """Servers, clusters and browsers are in a group of their own, which holds the first."""
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert len(groups["test"]) <= 6 and "poolcli[test]" in groups["test-all"]
