"""Calls and allocations that fail, the same bytes, and changed modules, by the scripts beside: a seeded part."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

HERE = Path(__file__).parent


def call_script(name: str, *words: str) -> None:
    """Run a script, which fails where a rule is broken; a first run without a failure compiles."""
    ended = subprocess.run([sys.executable, HERE / name, *words], capture_output=True, text=True, timeout=600,
                           check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr[-4000:]


def can_trace() -> bool:
    """Whether strace is here and may watch a process."""
    command = ["strace", "-o/dev/null", "true"]
    return bool(shutil.which("strace")) and not subprocess.run(command, capture_output=True, check=False).returncode


@pytest.mark.long
def test_a_call_that_fails_is_one_line() -> None:
    """A tenth of those of five runs, each on the run's own files."""
    if not can_trace():
        pytest.skip("strace cannot watch processes here")
    call_script("every_call.py", "--share", "0.1", "--seed", "1", "picture", "batch", "stream", "indices", "zarr")


@pytest.mark.long
@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
def test_a_signal_leaves_whole_files_and_nothing_else() -> None:
    """A two-hundredth of the moments of three runs, and some at random."""
    call_script("every_signal.py", "--share", "0.005", "--random", "10", "picture", "batch", "overwritten zarr")


@pytest.mark.long
def test_bytes_are_the_same_everywhere() -> None:
    """By another processor's kernels, on threads, in small blocks, not linked, by plain Python and by NumPy."""
    call_script("same_bytes.py", "--cases", "60", "--seed", "1", "--kernels", os.environ["POOLCLI_CACHE_DIR"],
                "generic", "not linked", "3 threads, blocks of 1000", "plain Python", "NumPy")


@pytest.mark.long
@pytest.mark.skipif(importlib.util.find_spec("_testcapi") is None, reason="this CPython has no _testcapi")
def test_an_allocation_that_fails_is_one_line() -> None:
    """Thirty of Python's and of the C library's in one run."""
    call_script("every_allocation.py", "--step", "1.4", "--seed", "3", "picture")


@pytest.fixture(scope="module")
def every_mutant() -> ModuleType:
    """Import the script."""
    spec = importlib.util.spec_from_file_location("every_mutant", HERE / "every_mutant.py")
    assert spec is not None and spec.loader is not None
    module = sys.modules["every_mutant"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_mutants_differ_in_one_thing(every_mutant: ModuleType) -> None:
    """A comparison, numbers, a sign, a condition and a result; no text, no annotation."""
    source = 'def f(x: int = 2) -> "3":\n    """1 < 2"""\n    if x < 5:\n        x = x + 1\n    return max(x, 7)\n'
    found = [(one.line, one.before, one.after) for one in every_mutant.mutants(source)]
    assert sorted(found) == sorted([
        (1, "2", "3"), (3, "x < 5", "not x < 5"), (3, "x < 5", "x <= 5"), (3, "5", "6"), (4, "1", "2"),
        (4, "x + 1", "x - 1"), (5, "7", "8"), (5, "max", "min"), (5, "return max(x, 7)", "return None"),
    ])


def test_a_change_without_an_effect_is_of_a_line_of_the_module(every_mutant: ModuleType) -> None:
    """Where a line has changed since, the list of those goes with it."""
    for name in tomllib.loads(every_mutant.EQUIVALENT.read_text()):
        lines = map(str.strip, (HERE.parents[1] / "poolcli" / name).read_text().splitlines())
        assert {one.partition(" :: ")[0] for one in every_mutant.read_equivalent(name)} <= set(lines)


def test_a_mutant_is_killed_by_its_test_alone(every_mutant: ModuleType, tmp_path: Path) -> None:
    """A test that looks kills it; one that does not lets it live."""
    (tmp_path / "twice.py").write_text("def twice(x):\n    return x * 2\n")
    sees, blind = tmp_path / "test_sees.py", tmp_path / "test_blind.py"
    head = f"import sys\nsys.path.insert(0, {str(tmp_path)!r})\nimport twice\n"
    sees.write_text(head + "def test_it():\n    assert twice.twice(4) == 8\n")
    blind.write_text(head + "def test_it():\n    twice.twice(4)\n")
    path = tmp_path / "twice.py"
    changed = [one for one in every_mutant.mutants(path.read_text()) if one.after != "return None"]
    assert len(changed) == 2
    for one in changed:
        fates = [every_mutant.run_tests("twice", path, one.tree, [str(test)], 60) for test in (sees, blind)]
        assert fates == [every_mutant.KILLED, every_mutant.SURVIVED]


def test_a_function_of_an_imported_module_gets_other_code(every_mutant: ModuleType, tmp_path: Path,
                                                          monkeypatch: pytest.MonkeyPatch) -> None:
    """A function, a method, a property and what is kept, by those who have imported them already."""
    (tmp_path / "several.py").write_text(
        "import functools\n\ndef plain(x):\n    return x * 5\n\n@functools.cache\ndef kept(x):\n    return x * 5\n\n"
        "class One:\n    @property\n    def size(self):\n        return 3 * 5\n\n    @staticmethod\n"
        "    def still(x):\n        return x * 5\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    module = importlib.import_module("several")
    source = (tmp_path / "several.py").read_text()
    plain, kept, one = module.plain, module.kept, module.One()
    assert (plain(3), kept(3), one.size, one.still(3)) == (15, 15, 15, 15)
    changed = [one for one in every_mutant.mutants(source) if (one.before, one.after) == ("5", "6")]
    functions = every_mutant.list_functions(ast.parse(source))
    for mutant in changed:
        name = next(found.name for found in functions if found.first <= mutant.line <= found.last)
        assert every_mutant.put_code(module, name, mutant.tree)
    assert (plain(3), kept(3), one.size, one.still(3)) == (18, 18, 18, 18)
