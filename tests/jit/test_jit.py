"""Machine code: made once, kept whole, entered with and without a linker, and never trusted blindly."""

from __future__ import annotations

import gc
import os
import pkgutil
import re
import stat
import subprocess
import sys
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import poolcli
from poolcli import jit, pooling, warmup
from poolcli.jit import cache, compiler, loader, object_code, permissions, target
from poolcli.jit.compiler import find_loops
from poolcli.jit.kernel_spec import KernelSpec

X = np.arange(24, dtype=np.uint8).reshape(4, 6)
HALF = np.array([[7, 9, 11], [19, 21, 23]], np.uint8)
ANYBODY = 0o022


def get_spec(reducer: str, dtype: str) -> KernelSpec:
    """The kernel that a small array gets, compiled and kept."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POOLCLI_COMPILE", "always")
        patch.setattr(jit, "_loaded", {})
        poolcli.pool(np.ones((8, 8), dtype), reducer, size=2)
        (spec,) = jit._loaded
    return spec


@pytest.fixture(scope="module")
def maximum() -> KernelSpec:
    """A kernel that is compiled and kept."""
    return get_spec("max", "uint8")


@pytest.fixture
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, maximum: KernelSpec) -> Iterator[Path]:
    """A cache of this test's own that holds one kernel; nothing is loaded yet."""
    kept = cache.read(cache.object_path(maximum))
    assert kept is not None
    monkeypatch.setenv("POOLCLI_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(jit, "_loaded", {})
    path = cache.object_path(maximum)
    assert path is not None
    cache.write(path, kept)
    yield path


def built_again(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is compiled from now on: by a compiler that gives what is in memory already."""
    asked: list[str] = []

    def build(spec: KernelSpec) -> object_code.ObjectCode:
        asked.append(spec.describe())
        raise RuntimeError("no compiler today")

    monkeypatch.setattr("poolcli.jit.compiler.build", build)
    return asked


def test_a_kernel_that_is_kept_is_not_compiled(own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second process finds what the first has written."""
    asked = built_again(monkeypatch)
    assert np.array_equal(poolcli.pool(X, "max", size=2), HALF)
    assert asked == []


def test_how_a_kernel_is_compiled_is_in_its_name(maximum: KernelSpec) -> None:
    """Code of bundled instructions is other code."""
    assert cache.object_path(maximum._replace(bundled=True)) != cache.object_path(maximum)


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


def test_files_exchanged_with_each_other_are_refused(own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is whole and the user's own; what it is for is in its digest, so no kernel runs in another's place."""
    minimum = get_spec("min", "uint8")
    monkeypatch.setattr(jit, "_loaded", {})
    other = cache.object_path(minimum)
    assert other is not None and cache.read(other) is not None and cache.read(own_folder) is not None
    between = own_folder.with_suffix(".swap")
    for old, new in ((own_folder, between), (other, own_folder), (between, other)):
        old.rename(new)
    asked = built_again(monkeypatch)
    assert cache.read(other) is None and cache.read(own_folder) is None
    assert np.array_equal(poolcli.pool(X, "max", size=2), HALF)
    assert len(asked) == 1


def test_what_is_written_is_the_users_own(own_folder: Path) -> None:
    """Folder and file are closed to others, and no temporary file stays."""
    assert own_folder.parent.stat().st_mode & 0o777 == 0o700
    assert own_folder.stat().st_mode & 0o777 == 0o600
    assert list(own_folder.parent.iterdir()) == [own_folder]


@pytest.fixture
def no_umask() -> Iterator[None]:
    """New files and folders are open to all unless a program closes them."""
    before = os.umask(0)
    yield
    os.umask(before)


def test_folders_that_are_made_are_closed_whatever_the_umask(tmp_path: Path, maximum: KernelSpec,
                                                             no_umask: None) -> None:
    """Those above the last one too: who can write there can put a folder of his own in its place."""
    kept = cache.read(cache.object_path(maximum))
    assert kept is not None
    path = tmp_path / "cache/poolcli/kernels/code.o"
    cache.write(path, kept)
    assert [folder.stat().st_mode & 0o777 for folder in (path.parent, *path.parents[1:3])] == [0o700] * 3
    assert path.stat().st_mode & 0o777 == 0o600 and cache.read(path) == kept


@pytest.mark.parametrize(("mode", "refused"), [
    (0o755, False), (0o777, True), (0o757, True), (0o1777, False), (0o775, True), (0o1775, False)])
def test_folders_above_are_refused_where_others_could_exchange_what_lies_in_them(
        mode: int, refused: bool, own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not where the sticky bit stops them, as in /tmp. The message names the folder and what would help."""
    monkeypatch.setattr(permissions, "is_private_group", lambda group: False)
    if os.getuid() == 0:  # what a group may do in a folder of root's is root's business
        for path in (own_folder, *own_folder.parents[:2]):
            os.chown(path, 1234, 1234)
        monkeypatch.setattr(os, "getuid", lambda: 1234)
    above = own_folder.parents[1]
    above.chmod(mode)
    assert (cache.read(own_folder) is None) == refused
    if refused:
        with pytest.raises(PermissionError, match=f"others can write to {above}; chmod go-w {above} would work"):
            cache.write(own_folder, object_code.ObjectCode(b"x"))


def test_a_private_group_may_write_above(own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a group for each user a umask of 002 is usual: ~/.cache is 775 there, and nobody else is in the group."""
    entry = SimpleNamespace(st_mode=stat.S_IFDIR | 0o775, st_uid=1234, st_gid=77)
    monkeypatch.setattr("pwd.getpwuid", lambda user: SimpleNamespace(pw_gid=77, pw_name="somebody"))
    for name, opened in (("somebody", False), ("staff", True)):
        monkeypatch.setattr("grp.getgrgid", lambda group, name=name: SimpleNamespace(gr_name=name))
        assert permissions.is_writable_by_others(entry) == opened  # type: ignore[arg-type]
    assert not permissions.is_writable_by_others(SimpleNamespace(**vars(entry) | {"st_uid": 0}))  # type: ignore[arg-type]


def test_the_folder_behind_a_link_is_looked_at_too(own_folder: Path, tmp_path: Path) -> None:
    """A link in a safe place that leads through an unsafe one."""
    (tmp_path / "open").mkdir(mode=0o700)
    kernels = (tmp_path / "open/kernels")
    own_folder.parent.rename(kernels)
    (tmp_path / "link").symlink_to(kernels)
    path = tmp_path / "link" / own_folder.name
    assert cache.read(path) is not None
    (tmp_path / "open").chmod(0o777)
    assert cache.read(path) is None


def test_a_folder_of_another_user_is_named_as_such(own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """He can write there, whatever its mode."""
    me = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: me + 1)
    assert cache.read(own_folder) is None
    with pytest.raises(PermissionError, match="belongs to another user"):
        cache.write(own_folder, object_code.ObjectCode(b"x"))


@pytest.mark.parametrize("place", ["a file/kernels", "/proc/nowhere"])
def test_a_cache_that_cannot_be_written_is_said_once_and_does_no_harm(
        place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, maximum: KernelSpec) -> None:
    """The kernel runs from memory."""
    kept = cache.read(cache.object_path(maximum))
    (tmp_path / "a file").write_text("")
    monkeypatch.setenv("POOLCLI_CACHE_DIR", str(tmp_path / place))
    monkeypatch.setattr(jit, "_loaded", {})
    monkeypatch.setattr("poolcli.jit.compiler.build", lambda spec: kept)
    said: list[str] = []
    monkeypatch.setattr(jit, "announce", said.append)
    assert np.array_equal(poolcli.pool(X, "max", size=2), HALF)
    assert re.fullmatch(r"compiling .* kernel.*, about \d s, this once", said[0])
    assert [text.partition(":")[0] for text in said[1:]] == ["kernels are not kept"]
    assert f"{tmp_path / place} cannot be made: " in said[1] and "POOLCLI_CACHE_DIR names another folder" in said[1]


def test_the_key_knows_what_changes_the_code(maximum: KernelSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another part, dtype or processor is another file."""
    places = {cache.object_path(maximum), cache.object_path(get_spec("min", "uint8")),
              cache.object_path(get_spec("max", "float32")),
              cache.object_path(maximum._replace(parts=(*maximum.parts, 1)))}
    monkeypatch.setenv("NUMBA_CPU_NAME", "generic")
    for cached in (cache.common_key, target.describe):
        cached.cache_clear()
    places.add(cache.object_path(maximum))
    for cached in (cache.common_key, target.describe):
        cached.cache_clear()
    assert len(places) == 5


def test_packed_code_comes_back() -> None:
    """As it was, whatever bytes the object has."""
    for made in (object_code.ObjectCode(b"\n\0 x\n"), object_code.ObjectCode(b"abcdef", 2, 3, ("exp", "memset"))):
        assert object_code.from_bytes(made.to_bytes()) == made


position_independent = pytest.mark.skipif(not target.POSITION_INDEPENDENT,
                                          reason="only x86-64 Linux runs code without a linker")


@position_independent
@pytest.mark.parametrize(("reducer", "dtype", "calls"), [
    ("max", "uint8", set()), ("avg", "float32", set()), ("median", "uint8", set()), ("lse", "float64", {"exp", "log"}),
])
def test_both_ways_into_the_code_are_the_same(reducer: str, dtype: str, calls: set[str],
                                              monkeypatch: pytest.MonkeyPatch) -> None:
    """Straight, its calls of the C library through slots; and through LLVM's linker."""
    x = (np.random.default_rng(3).random((40, 50)) * 200).astype(dtype)
    direct = poolcli.pool(x, reducer, size=3, stride=2)
    kept = cache.read(cache.object_path(get_spec(reducer, dtype)))
    assert kept is not None and kept.size and calls <= set(kept.calls)
    monkeypatch.setattr(jit, "_loaded", {})
    monkeypatch.setattr(loader, "map_code", refused)
    assert np.array_equal(poolcli.pool(x, reducer, size=3, stride=2), direct)


def refused(made: object_code.ObjectCode) -> tuple[int, object]:
    """A system that lets no memory become code."""
    raise PermissionError(13, "Permission denied")


def test_direct_loading_can_be_switched_off(own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same file, linked by LLVM; 0 and nothing leave it on."""
    copied: list[object_code.ObjectCode] = []

    def noted(made: object_code.ObjectCode) -> tuple[int, object]:
        copied.append(made)
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(loader, "map_code", noted)
    for value, direct in (("1", 0), ("0", 1), ("", 2)):
        monkeypatch.setenv("POOLCLI_NO_DIRECT_LOAD", value)
        monkeypatch.setattr(jit, "_loaded", {})
        pooling.cache_clear()  # a call that is made again loads nothing
        assert np.array_equal(poolcli.pool(X, "max", size=2), HALF)
        assert len(copied) == direct


@position_independent
def test_no_memory_of_a_process_is_writable_and_executable_at_once(own_folder: Path) -> None:
    """With its kernels kept. (llvmlite, imported to compile or to link, brings a page of ctypes' that is both.)"""
    script = ("import numpy, poolcli\npoolcli.pool(numpy.ones((8, 8), 'uint8'), 'max', size=2)\n"
              "print(open('/proc/self/maps').read())")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    rights = [line.split()[1] for line in done.stdout.splitlines() if line]
    assert "r-xp" in rights and not [right for right in rights if "w" in right and "x" in right]


@position_independent
def test_a_function_that_the_c_library_lacks_is_no_crash(maximum: KernelSpec) -> None:
    """It is noticed before anything runs."""
    kept = cache.read(cache.object_path(maximum))
    assert kept is not None
    with pytest.raises(AttributeError):
        loader.map_code(kept._replace(calls=("no_such_function",)))


@position_independent
@pytest.mark.parametrize("load", [loader.map_code, loader.link_code])
def test_code_is_never_writable_while_it_can_run(load: Callable[[object_code.ObjectCode], tuple[int, object]],
                                                 maximum: KernelSpec) -> None:
    """The memory map of the process says so, however the code came there."""
    kept = cache.read(cache.object_path(maximum))
    assert kept is not None
    address, memory = load(kept)
    lines = [line.split() for line in Path("/proc/self/maps").read_text().splitlines()]
    ranges = [(*(int(end, 16) for end in line[0].split("-")), line[1]) for line in lines]
    assert memory and [rights for low, high, rights in ranges if low <= address < high] == ["r-xp"]


@position_independent
@pytest.mark.parametrize("linked", ["0", "1"])
def test_kernels_that_are_used_no_more_leave_the_memory(linked: str, maximum: KernelSpec,
                                                        monkeypatch: pytest.MonkeyPatch) -> None:
    """Of more than may be held the one unused longest goes, and its code with the last that can call it."""
    others = [get_spec("min", "uint8"), get_spec("sum", "uint8")]
    monkeypatch.setattr(jit, "_loaded", {})
    monkeypatch.setattr(jit, "_MOST_LOADED", 2)
    monkeypatch.setenv("POOLCLI_NO_DIRECT_LOAD", linked)
    call = jit.load(maximum)
    memory = weakref.ref(call.function.memory)  # type: ignore[attr-defined]
    jit.load(others[0])
    jit.load(maximum)
    jit.load(others[1])
    assert list(jit._loaded) == [maximum, others[1]]
    jit.load(others[0])
    assert list(jit._loaded) == [others[1], others[0]] and memory() is not None
    del call
    gc.collect()
    assert memory() is None


def test_no_compiler_means_plain_python(tmp_path: Path) -> None:
    """NUMBA_DISABLE_JIT neither reads nor writes code."""
    script = "import numpy, poolcli; print(poolcli.pool(numpy.ones((4, 4)), 'max', size=2).sum())"
    env = {**os.environ, "NUMBA_DISABLE_JIT": "1", "POOLCLI_CACHE_DIR": str(tmp_path / "cache")}
    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True)
    assert done.stdout == "4.0\n"
    assert not (tmp_path / "cache").exists()


def _add_part(x: Any) -> Any:
    """What no number has."""
    return x.part + 1


def _call_add_part(x: Any) -> Any:
    """A function around it."""
    return _add_part(x)


def _make_misspelt() -> Callable[..., Any]:
    """A kernel with the fault two calls down."""
    def run(samples: Any) -> Any:
        return _call_add_part(samples[0])
    return run


def _make_unknown() -> Callable[..., Any]:
    """A kernel that calls what machine code does not know for a number."""
    def run(samples: Any) -> Any:
        return len(samples[0])
    return run


@pytest.mark.parametrize(("make", "cause"), [
    (_make_misspelt, r"TypingError: Unknown attribute 'part' of type uint8, at .*test_jit\.py \(\d+\)"),
    (_make_unknown, r"TypingError: No implementation of function .*len.* found for signature: len\(uint8\), at .*\)"),
])
def test_what_does_not_compile_is_told_in_a_line(own_folder: Path, monkeypatch: pytest.MonkeyPatch,
                                                make: Callable[..., Any], cause: str) -> None:
    """The innermost cause and its line, where Numba writes pages; by a run and by warmup."""
    from numba.extending import register_jitable

    register_jitable(_add_part)
    register_jitable(_call_add_part)
    said: list[str] = []
    monkeypatch.setattr(jit, "announce", said.append)
    spec = KernelSpec(make, (), ("uint8",))
    jit.load(spec)
    assert re.fullmatch(rf"no compiled kernel \({cause}\); running as plain Python, slowly", said[-1])
    assert re.fullmatch(rf"a kernel does not compile: {cause}", warmup.compile_one(spec) or "")


@pytest.mark.parametrize(("error", "said"), [
    (RuntimeError("the kernel calls NRT_Allocate"), "RuntimeError: the kernel calls NRT_Allocate"),
    (RuntimeError("LLVM IR parsing error\n<string>:1:1: error: x"), "RuntimeError: LLVM IR parsing error"),
    (ImportError("\x1b[1mNumba needs NumPy\x1b[0m"), "ImportError: Numba needs NumPy"), (KeyError(), "KeyError"),
])
def test_other_failures_are_told_by_their_first_line(error: Exception, said: str) -> None:
    """Without colours."""
    assert jit.describe_failure(error) == said


LOOPS = """
define internal i64 @counts(i64 %n) {
entry:
  br label %head

head:
  %i = phi i64 [ 0, %entry ], [ %next, %head ]
  %next = add i64 %i, 1
  %more = icmp slt i64 %next, %n
  br i1 %more, label %head, label %done

done:
  ret i64 %next
}

define internal i64 @chooses(i1 %which) {
entry:
  br i1 %which, label %head, label %.2

head:
  br label %.2

.2:
  ret i64 0
}
"""


def test_functions_with_loops_are_found() -> None:
    """They are optimised by themselves first; a jump ahead is no loop, whatever the blocks of others are called."""
    assert find_loops(LOOPS) == {"counts"}


def numba_attribute(name: str) -> tuple[object, str]:
    """The object that an attribute of Numba's internals is of, and the attribute."""
    owner, _, attribute = name.rpartition(".")
    return pkgutil.resolve_name(owner), attribute


@pytest.mark.parametrize(("name", "change"), [
    ("numba.core.typed_passes:NativeLowering", None),
    ("numba.core.codegen:CPUCodegen._create_empty_module", None),
    ("numba.core.codegen:CPUCodegen._create_empty_module", lambda codegen: ""),
    ("numba._dynfunc:make_function", lambda lookup_module, name: None),
])
def test_numbas_own_passes_where_a_name_is_missing(name: str, change: Callable[..., object] | None,
                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    """Or where a function takes other arguments; with all as they are known, passes end early."""
    from numba.core.compiler import Compiler

    assert compiler._find_pipeline().__name__ == "TextCompiler"
    owner, attribute = numba_attribute(name.replace(":", "."))
    monkeypatch.delitem(sys.modules, "poolcli.jit.numba_pipeline")
    monkeypatch.delattr("poolcli.jit.numba_pipeline")
    if change is None:
        monkeypatch.delattr(owner, attribute)
    else:
        monkeypatch.setattr(owner, attribute, change)
    assert compiler._find_pipeline() is Compiler


@pytest.mark.long
def test_numbas_own_passes_give_the_same_bits(tmp_path: Path) -> None:
    """A mean of floats, whose additions could be put in another order."""
    script = ("from numba.core import typed_passes\ndel typed_passes.NativeLowering\n"
              "import numpy, poolcli\nfrom poolcli.jit import compiler\n"
              "x = numpy.random.default_rng(3).normal(size=(40, 50))\n"
              "print(poolcli.pool(x, 'avg', size=7, stride=1).tobytes().hex())\n"
              "print(compiler._make_jitable()['pipeline_class'].__name__)\n")
    env = {**os.environ, "POOLCLI_COMPILE": "always", "POOLCLI_CACHE_DIR": str(tmp_path / "cache")}
    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True)
    x = np.random.default_rng(3).normal(size=(40, 50))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POOLCLI_COMPILE", "always")
        expected = poolcli.pool(x, "avg", size=7, stride=1).tobytes().hex()
    assert done.stdout.split() == [expected, "Compiler"]


def test_a_kernel_that_is_not_written_whole_leaves_the_old_one(tmp_path: Path, maximum: KernelSpec) -> None:
    """Another process may read at any moment: code appears under its name whole, or not at all."""
    resource = pytest.importorskip("resource")
    kept = cache.read(cache.object_path(maximum))
    assert kept is not None
    path, limits = tmp_path / "kernels/code.o", resource.getrlimit(resource.RLIMIT_FSIZE)
    for old in (None, kept):
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
        try:
            with pytest.raises(OSError, match="too large"):
                cache.write(path, kept)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert [file.name for file in path.parent.iterdir()] == ([path.name] if old else [])
        assert cache.read(path) == old
        cache.write(path, kept)
