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
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import store
from .code import Code
from .recipe import Call, Recipe, plain
from .turns import turn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["Call", "NotedCall", "Recipe", "announce", "is_kept", "is_ready", "keep", "load", "name_purpose",
           "note_calls", "plain", "recorded", "stop_noting", "works"]


def silent(message: str) -> None:
    """Say nothing."""


announce: Callable[[str], None] = silent
"""Told what takes a while or went wrong; the command line sets it, the library stays silent."""

SECONDS = (1, 2)
"""How long LLVM takes for a kernel, and for one with bundled instructions, on a machine of 2024."""
IMPORT_SECONDS = 2
"""How long it takes to import numba and to compile what all kernels have in common."""

_purpose = "a kernel"
_lock = threading.Lock()
_loaded: dict[Recipe, Call] = {}
_asked: dict[Recipe, None] | None = None


def load(recipe: Recipe) -> Call:
    """Return the kernel, from memory, from the cache, or compiled; as plain Python where none of that works."""
    with _lock:
        if _asked is not None:
            _asked[recipe] = None
            return nothing
        if recipe not in _loaded:
            _loaded[recipe] = _compiled(recipe) or plain(recipe)
        call = _loaded[recipe]
    calls = getattr(_here, "calls", None)
    return call if calls is None else noting(call, calls)


# What a run calls, to be called again.

NotedCall = tuple[Callable[..., int] | None, "Sequence[NDArray[Any]]"]
"""The function behind a kernel that takes addresses (None: it runs as plain Python), and its arguments."""
_here = threading.local()


@contextmanager
def note_calls() -> Iterator[list[NotedCall]]:
    """Meanwhile note the kernels that this thread calls, and with what."""
    calls: list[NotedCall] = []
    _here.calls = calls
    try:
        yield calls
    finally:
        _here.calls = None


def stop_noting() -> None:
    """Give up noting calls: there are several, or several threads."""
    if getattr(_here, "calls", None) is not None:
        _here.calls.extend([(None, ())] * 2)
        _here.calls = None


def noting(call: Call, calls: list[NotedCall]) -> Call:
    """The kernel, which notes its calls."""
    def note(arrays: Sequence[NDArray[Any]]) -> int:
        calls.append((getattr(call, "function", None), arrays))
        return call(arrays)
    return note


def name_purpose(purpose: str) -> None:
    """Say what the kernels that are loaded next are for: "the max kernel for uint8". It is printed, and no more.

    Threads that pool different things at once may be told each other's.
    """
    global _purpose
    _purpose = purpose


@contextmanager
def recorded() -> Iterator[dict[Recipe, None]]:
    """Meanwhile note the kernels that are asked for, in order, and run none of them."""
    global _asked
    recipes: dict[Recipe, None] = {}
    with _lock:
        _asked = recipes
    try:
        yield recipes
    finally:
        with _lock:
            _asked = None


def nothing(arrays: Sequence[NDArray[Any]]) -> int:
    """A kernel that does nothing, well."""
    return 0


# Ahead of time.


def works() -> bool:
    """Whether kernels are compiled at all."""
    return os.environ.get("NUMBA_DISABLE_JIT", "0") in ("", "0")


def is_kept(recipe: Recipe) -> bool:
    """Whether the next process finds this kernel compiled."""
    return store.read(store.place(recipe)) is not None


def is_ready(recipe: Recipe) -> bool:
    """Whether a kernel can be had without compiling: it is loaded, kept, runs as plain Python, or is only recorded."""
    with _lock:
        if recipe in _loaded or _asked is not None:
            return True
    path = store.place(recipe)
    return not works() or (path is not None and path.exists())


def keep(recipe: Recipe) -> None:
    """Compile a kernel for later processes. Raises OSError where it cannot be kept; what compilers raise passes."""
    from .compiler import build

    path = store.place(recipe)
    if path is None:
        raise OSError(0, "there is no folder for compiled kernels; POOLCLI_CACHE_DIR names one")
    store.write(path, build(recipe))


# When it is needed.


def _compiled(recipe: Recipe) -> Call | None:
    """The kernel as machine code, or None where there is no working compiler."""
    if not works():
        return None
    from .loader import callable_of

    path = store.place(recipe)
    code = store.read(path)
    try:
        if code is None:
            code = _made(recipe, path)
        return callable_of(code, len(recipe.arguments))
    except Exception as error:  # whatever a compiler may fail with: the plain kernel is still right
        announce(f"no compiled kernel ({type(error).__name__}: {error}); running as plain Python, slowly")
        return None


def _made(recipe: Recipe, path: Path | None) -> Code:
    """Compile the recipe and keep the code, unless another process has done so while we waited for our turn."""
    with turn(path):
        code = store.read(path)
        if code is None:
            code = _built(recipe)
            if path is not None:
                _keep(path, code)
    return code


def _built(recipe: Recipe) -> Code:
    """Compile the recipe."""
    seconds = SECONDS[recipe.bundled] + (0 if "numba" in sys.modules else IMPORT_SECONDS)
    announce(f"compiling {_purpose}, about {seconds} s, this once")
    from .compiler import build

    return build(recipe)


def _keep(path: Path, code: Code) -> None:
    """Write the code, or say why not; then the next run compiles again."""
    try:
        store.write(path, code)
    except OSError as error:
        announce(f"kernels are not kept: {error.strerror or error}")
