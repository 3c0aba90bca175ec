"""Kernel source -> machine code on disk -> callable. The only room that knows numba and llvmlite.

``njit(cache=True)`` would cost every run 0.45 s (0.17 to import numba, 0.3 to fill its typing tables), and its cache
fails the whole run when damaged (numba#10434). Instead a kernel over raw pointers is compiled once, its LLVM text is
optimised with everything inlined, and the object file is kept; a later process puts it into memory and calls it
through ``ctypes``, which drops the GIL.

An object is looked up by a key that holds all that changes its code: the text of every kernel file, the functions
chosen, the dtypes, the versions of numba, llvmlite, Python and poolcli, the processor, the platform. It is machine
code, so the folder must be the user's own; whatever is wrong with the cache, the kernel is compiled again.
"""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import cache
from .kernel_spec import KernelFunction, KernelSpec, interpret
from .object_code import ObjectCode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["KernelFunction", "KernelSpec", "RecordedCall", "announce", "compile_to_cache", "describe_failure",
           "interpret", "is_available", "is_cached", "is_enabled", "load", "record_calls", "record_requests",
           "run_plain", "set_purpose", "stop_recording"]


def _ignore_message(message: str) -> None:
    """Say nothing."""


announce: Callable[[str], None] = _ignore_message
"""Told what takes a while or went wrong; the command line sets it, the library stays silent."""

_SECONDS = (1, 2)
"""How long LLVM takes for a kernel, and for one with bundled instructions, on a machine of 2024."""
_IMPORT_SECONDS = 2
"""How long it takes to import numba and to compile what all kernels have in common."""

_purpose = "a kernel"
_lock = threading.Lock()
_loaded: dict[KernelSpec, KernelFunction] = {}  # the latest used last
_MOST_LOADED = 1024
"""How many kernels are held, 16 KB of code each (46 at most, of 1,717). 1,500 random windows asked for 220."""
_requested: dict[KernelSpec, None] | None = None


def load(spec: KernelSpec) -> KernelFunction:
    """Return the kernel, from memory, from the cache, or compiled; as plain Python where none of that works."""
    with _lock:
        if _requested is not None:
            _requested[spec] = None
            return _do_nothing
        if getattr(_thread_state, "plain", False) and not _is_ready(spec):
            return interpret(spec)
        call = _loaded.pop(spec, None) or _get_compiled(spec) or interpret(spec)
        _loaded[spec] = call
        if len(_loaded) > _MOST_LOADED:
            del _loaded[next(iter(_loaded))]
    calls = getattr(_thread_state, "calls", None)
    return call if calls is None else _wrap_recorder(call, calls)


# What a run calls, to be called again.

RecordedCall = tuple[Callable[..., int] | None, "Sequence[NDArray[Any]]"]
"""The function behind a kernel that takes addresses (None: it runs as plain Python), and its arguments."""
_thread_state = threading.local()


@contextmanager
def record_calls() -> Iterator[list[RecordedCall]]:
    """Meanwhile note the kernels that this thread calls, and with what."""
    calls: list[RecordedCall] = []
    _thread_state.calls = calls
    try:
        yield calls
    finally:
        _thread_state.calls = None


@contextmanager
def run_plain() -> Iterator[None]:
    """Meanwhile kernels that this thread asks for run as plain Python, unless they are compiled."""
    before, _thread_state.plain = getattr(_thread_state, "plain", False), True
    try:
        yield
    finally:
        _thread_state.plain = before


def stop_recording() -> None:
    """Give up noting calls: there are several threads."""
    if getattr(_thread_state, "calls", None) is not None:
        _thread_state.calls.append((None, ()))
        _thread_state.calls = None


def _wrap_recorder(call: KernelFunction, calls: list[RecordedCall]) -> KernelFunction:
    """The kernel, which notes its calls; one that leaves its block to another kernel is none to be made again."""
    def note(arrays: Sequence[NDArray[Any]]) -> int:
        failed = call(arrays)
        calls.append((None if failed else getattr(call, "function", None), arrays))
        return failed
    return note


def set_purpose(purpose: str) -> None:
    """Say what the kernels that are loaded next are for: "the max kernel for uint8". It is printed, and no more.

    Threads that pool different things at once may be told each other's.
    """
    global _purpose
    _purpose = purpose


@contextmanager
def record_requests() -> Iterator[dict[KernelSpec, None]]:
    """Meanwhile note the kernels that are asked for, in order, and run none of them."""
    global _requested
    specs: dict[KernelSpec, None] = {}
    with _lock:
        _requested = specs
    try:
        yield specs
    finally:
        with _lock:
            _requested = None


def _do_nothing(arrays: Sequence[NDArray[Any]]) -> int:
    """A kernel that does nothing, well."""
    return 0


# Ahead of time.


def is_enabled() -> bool:
    """Whether kernels are compiled at all."""
    return os.environ.get("NUMBA_DISABLE_JIT", "0") in ("", "0")


def is_cached(spec: KernelSpec) -> bool:
    """Whether the next process finds this kernel compiled."""
    return cache.read(cache.object_path(spec)) is not None


def is_available(spec: KernelSpec) -> bool:
    """Whether a kernel can be had without compiling: it is loaded, kept, runs as plain Python, or is only recorded."""
    with _lock:
        return _requested is not None or not is_enabled() or _is_ready(spec)


def _is_ready(spec: KernelSpec) -> bool:
    """Whether a kernel is loaded or kept."""
    path = None if spec in _loaded else cache.object_path(spec)
    return spec in _loaded or (path is not None and path.exists())


def compile_to_cache(spec: KernelSpec) -> None:
    """Compile a kernel for later processes. Raises OSError where it cannot be kept; what compilers raise passes."""
    from .compiler import build

    path = cache.object_path(spec)
    if path is None:
        raise OSError(0, "there is no folder for compiled kernels; POOLCLI_CACHE_DIR names one")
    cache.write(path, build(spec))


# When it is needed.


def _get_compiled(spec: KernelSpec) -> KernelFunction | None:
    """The kernel as machine code, or None where there is no working compiler."""
    if not is_enabled():
        return None
    from .loader import make_callable

    path = cache.object_path(spec)
    code = cache.read(path)
    try:
        if code is None:
            code = _compile_once(spec, path)
        return make_callable(code, len(spec.arguments))
    except Exception as error:  # whatever a compiler may fail with: the plain kernel is still right
        announce(f"no compiled kernel ({describe_failure(error)}); running as plain Python, slowly")
        return None


_FAILED = "Failed in nopython mode pipeline"
"""How Numba begins the error of a function, and within it that of each function called."""
_TYPED_AT = re.compile(r"During: typing of .* at (.+ \(\d+\))")


def describe_failure(error: Exception) -> str:
    """What a compiler failed with, in a line: of Numba's pages the innermost cause, and the file and line of it."""
    name, lines = type(error).__name__, re.sub(r"\x1b\[[0-9;]*m", "", str(error)).splitlines()
    lines = [line for line in map(str.strip, lines) if line]
    begun = next((i + 1 for i in range(len(lines) - 1, -1, -1) if _FAILED in lines[i]), 0)
    if begun >= len(lines):
        return " ".join([name, *lines])
    cause = lines[begun]
    if cause.endswith(":"):  # that a call has no implementation; the call is on the next line
        cause += "".join(f" {line.removeprefix('>>> ')}" for line in lines[begun + 1 : begun + 2])
    where = next((found[1] for line in lines[begun:] if (found := _TYPED_AT.match(line))), None)
    return f"{name}: {cause}" + (f", at {where}" if where else "")


def _compile_once(spec: KernelSpec, path: Path | None) -> ObjectCode:
    """Compile the kernel and keep the code, unless another process has done so while we waited for our turn."""
    with cache.lock(path):
        code = cache.read(path)
        if code is None:
            code = _compile(spec)
            if path is not None:
                _store(path, code)
    return code


def _compile(spec: KernelSpec) -> ObjectCode:
    """Compile the kernel."""
    seconds = _SECONDS[spec.bundled] + (0 if "numba" in sys.modules else _IMPORT_SECONDS)
    announce(f"compiling {_purpose}, about {seconds} s, this once")
    from .compiler import build

    return build(spec)


def _store(path: Path, code: ObjectCode) -> None:
    """Write the code, or say why not; then the next run compiles again."""
    try:
        cache.write(path, code)
    except OSError as error:
        announce(f"kernels are not kept: {error.strerror or error}")
