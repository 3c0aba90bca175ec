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
import threading
from collections.abc import Callable
from pathlib import Path

from . import store
from .code import Code
from .recipe import Call, Recipe, plain

__all__ = ["Call", "Recipe", "announce", "load", "plain"]


def silent(message: str) -> None:
    """Say nothing."""


announce: Callable[[str], None] = silent
"""Told what takes a while or went wrong; the command line sets it, the library stays silent."""

_lock = threading.Lock()
_loaded: dict[Recipe, Call] = {}


def load(recipe: Recipe) -> Call:
    """Return the kernel, from memory, from the cache, or compiled; as plain Python where none of that works."""
    with _lock:
        if recipe not in _loaded:
            _loaded[recipe] = _compiled(recipe) or plain(recipe)
        return _loaded[recipe]


def _compiled(recipe: Recipe) -> Call | None:
    """The kernel as machine code, or None where there is no working compiler."""
    if os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
        return None
    from .loader import callable_of

    path = store.place(recipe)
    code = store.read(path)
    try:
        if code is None:
            code = _built(recipe)
            if path is not None:
                _keep(path, code)
        return callable_of(code, len(recipe.arguments))
    except Exception as error:  # whatever a compiler may fail with: the plain kernel is still right
        announce(f"no compiled kernel ({type(error).__name__}: {error}); running as plain Python, slowly")
        return None


def _built(recipe: Recipe) -> Code:
    """Compile the recipe."""
    announce("compiling a kernel, this once")
    from .compiler import build

    return build(recipe)


def _keep(path: Path, code: Code) -> None:
    """Write the code, or say why not; then the next run compiles again."""
    try:
        store.write(path, code)
    except OSError as error:
        announce(f"kernels are not kept: {error.strerror or error}")
