"""Machine code: made once, kept whole, entered with and without a linker, and never trusted blindly."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import poolcli
from poolcli import compiled
from poolcli.compiled import code, loader, store, target
from poolcli.compiled.recipe import Recipe

X = np.arange(24, dtype=np.uint8).reshape(4, 6)
HALF = np.array([[7, 9, 11], [19, 21, 23]], np.uint8)
ANYBODY = 0o022


def recipe_of(reducer: str, dtype: str) -> Recipe:
    """The kernel that a small array gets, compiled and kept."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiled, "_loaded", {})
        poolcli.pool(np.ones((8, 8), dtype), reducer, size=2)
        (recipe,) = compiled._loaded
    return recipe


@pytest.fixture(scope="module")
def maximum() -> Recipe:
    """A kernel that is compiled and kept."""
    return recipe_of("max", "uint8")


@pytest.fixture
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, maximum: Recipe) -> Iterator[Path]:
    """A cache of this test's own that holds one kernel; nothing is loaded yet."""
    kept = store.read(store.place(maximum))
    assert kept is not None
    monkeypatch.setenv("POOLCLI_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(compiled, "_loaded", {})
    path = store.place(maximum)
    assert path is not None
    store.write(path, kept)
    yield path


def built_again(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is compiled from now on: by a compiler that gives what is in memory already."""
    asked: list[str] = []

    def build(recipe: Recipe) -> code.Code:
        asked.append(recipe.text())
        raise RuntimeError("no compiler today")

    monkeypatch.setattr("poolcli.compiled.compiler.build", build)
    return asked


def test_a_kernel_that_is_kept_is_not_compiled(own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second process finds what the first has written."""
    asked = built_again(monkeypatch)
    assert np.array_equal(poolcli.pool(X, "max", size=2), HALF)
    assert asked == []


def test_how_a_kernel_is_compiled_is_in_its_name(maximum: Recipe) -> None:
    """Code of bundled instructions is other code."""
    assert store.place(maximum._replace(bundled=True)) != store.place(maximum)


def cut(path: Path) -> None:
    """Half of it is missing."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def emptied(path: Path) -> None:
    """Nothing is left."""
    path.write_bytes(b"")


def damaged(path: Path) -> None:
    """One bit is wrong."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def gone(path: Path) -> None:
    """It has been deleted."""
    path.unlink()


def for_others(path: Path) -> None:
    """Others can write to it."""
    path.chmod(path.stat().st_mode | ANYBODY)


def folder_for_others(path: Path) -> None:
    """Others can put files there."""
    path.parent.chmod(0o777)


def a_folder(path: Path) -> None:
    """A folder has its name."""
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("spoil", [cut, emptied, damaged, gone, for_others, folder_for_others, a_folder])
def test_code_that_deserves_no_trust_is_not_run(own_folder: Path, monkeypatch: pytest.MonkeyPatch,
                                                spoil: object) -> None:
    """It is compiled again; and where that fails too the plain kernel gives the right answer."""
    asked = built_again(monkeypatch)
    spoil(own_folder)  # type: ignore[operator]
    assert np.array_equal(poolcli.pool(X, "max", size=2), HALF)
    assert len(asked) == 1


def test_what_is_written_is_the_users_own(own_folder: Path) -> None:
    """Folder and file are closed to others, and no temporary file stays."""
    assert own_folder.parent.stat().st_mode & 0o777 == 0o700
    assert own_folder.stat().st_mode & 0o777 == 0o600
    assert list(own_folder.parent.iterdir()) == [own_folder]


@pytest.mark.parametrize("place", ["a file/kernels", "/proc/nowhere"])
def test_a_cache_that_cannot_be_written_is_said_once_and_does_no_harm(
        place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, maximum: Recipe) -> None:
    """The kernel runs from memory."""
    kept = store.read(store.place(maximum))
    (tmp_path / "a file").write_text("")
    monkeypatch.setenv("POOLCLI_CACHE_DIR", str(tmp_path / place))
    monkeypatch.setattr(compiled, "_loaded", {})
    monkeypatch.setattr("poolcli.compiled.compiler.build", lambda recipe: kept)
    said: list[str] = []
    monkeypatch.setattr(compiled, "announce", said.append)
    assert np.array_equal(poolcli.pool(X, "max", size=2), HALF)
    assert [text.partition(":")[0] for text in said] == ["compiling a kernel, this once", "kernels are not kept"]


def test_the_key_knows_what_changes_the_code(maximum: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another part, dtype or processor is another file."""
    places = {store.place(maximum), store.place(recipe_of("min", "uint8")), store.place(recipe_of("max", "float32")),
              store.place(maximum._replace(parts=(*maximum.parts, 1)))}
    monkeypatch.setenv("NUMBA_CPU_NAME", "generic")
    for cached in (store.common_key, target.text):
        cached.cache_clear()
    places.add(store.place(maximum))
    for cached in (store.common_key, target.text):
        cached.cache_clear()
    assert len(places) == 5


def test_packed_code_comes_back() -> None:
    """As it was, whatever bytes the object has."""
    for made in (code.Code(b"\n\0 x\n"), code.Code(b"abcdef", 2, 3, ("exp", "memset"))):
        assert code.unpacked(made.packed()) == made


STRAIGHT = pytest.mark.skipif(not target.STRAIGHT, reason="only x86-64 Linux runs code without a linker")


@STRAIGHT
@pytest.mark.parametrize(("reducer", "dtype", "calls"), [
    ("max", "uint8", set()), ("avg", "float32", set()), ("median", "uint8", set()), ("lse", "float64", {"exp", "log"}),
])
def test_both_ways_into_the_code_are_the_same(reducer: str, dtype: str, calls: set[str],
                                              monkeypatch: pytest.MonkeyPatch) -> None:
    """Straight, its calls of the C library through slots; and through LLVM's linker."""
    x = (np.random.default_rng(3).random((40, 50)) * 200).astype(dtype)
    straight = poolcli.pool(x, reducer, size=3, stride=2)
    kept = store.read(store.place(recipe_of(reducer, dtype)))
    assert kept is not None and kept.size and calls <= set(kept.calls)
    monkeypatch.setattr(compiled, "_loaded", {})
    monkeypatch.setattr(loader, "put", refused)
    assert np.array_equal(poolcli.pool(x, reducer, size=3, stride=2), straight)


def refused(made: code.Code) -> int:
    """A system that lets no memory become code."""
    raise PermissionError(13, "Permission denied")


@STRAIGHT
def test_a_function_that_the_c_library_lacks_is_no_crash(maximum: Recipe) -> None:
    """It is noticed before anything runs."""
    kept = store.read(store.place(maximum))
    assert kept is not None
    with pytest.raises(AttributeError):
        loader.put(kept._replace(calls=("no_such_function",)))


@STRAIGHT
def test_code_is_never_writable_while_it_can_run(maximum: Recipe) -> None:
    """The memory map of the process says so."""
    kept = store.read(store.place(maximum))
    assert kept is not None
    address = loader.put(kept)
    lines = [line.split() for line in Path("/proc/self/maps").read_text().splitlines()]
    ranges = [(*(int(end, 16) for end in line[0].split("-")), line[1]) for line in lines]
    assert [rights for low, high, rights in ranges if low <= address < high] == ["r-xp"]


def test_no_compiler_means_plain_python(tmp_path: Path) -> None:
    """NUMBA_DISABLE_JIT neither reads nor writes code."""
    script = "import numpy, poolcli; print(poolcli.pool(numpy.ones((4, 4)), 'max', size=2).sum())"
    env = {**os.environ, "NUMBA_DISABLE_JIT": "1", "POOLCLI_CACHE_DIR": str(tmp_path / "cache")}
    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True)
    assert done.stdout == "4.0\n"
    assert not (tmp_path / "cache").exists()
