"""Kernel source -> machine code on disk -> callable. The only file that imports numba or llvmlite.

``njit(cache=True)`` would cost every run 0.45 s (0.17 to import numba, 0.3 to fill its typing tables), and its cache
fails the whole run when damaged (numba#10434). Instead a kernel over raw pointers is compiled once, its LLVM text is
optimised with everything inlined, and the object file is kept; a later process loads it through ``llvmlite.binding``
alone (33 ms to import, 2 ms to load) and calls it through ``ctypes``, which drops the GIL.

An object is looked up by a key that holds all that changes its code: the text of every kernel file, the functions
chosen, the dtypes, the versions of numba, llvmlite, Python and poolcli, the CPU's name and features, the platform. It
is machine code, so the folder must be the user's own; whatever is wrong with the cache, the kernel is compiled again.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import stat
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Call = Callable[[Sequence[NDArray[Any]]], int]
"""A kernel ready to run on C-contiguous arrays, given in the order of its arguments."""

SYMBOL = "poolcli_kernel"
DIGEST_SIZE = 32
RUNTIME_SYMBOLS = {"exp", "log", "pow", "sqrt", "fmod", "memset", "memcpy", "memmove"}
"""What an object may ask of the C library; anything else would be Python's or Numba's runtime."""
OPTIONS: Any = {"error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
"""How Numba compiles the functions that a kernel calls: no errors to raise, no entries from Python."""


@dataclass(frozen=True)
class Recipe:
    """What a kernel is made of."""

    make: Callable[..., Callable[..., int]]
    """Closes a kernel over its parts."""
    parts: tuple[Callable[..., Any] | int, ...]
    """Functions and constants."""
    arguments: tuple[str, ...]
    """The dtype name behind each pointer argument."""

    def key_text(self) -> str:
        """The recipe as text."""
        names = [part if isinstance(part, int) else f"{part.__module__}.{part.__qualname__}"
                 for part in (self.make, *self.parts)]
        return repr((names, self.arguments))



def silent(message: str) -> None:
    """Say nothing."""


announce: Callable[[str], None] = silent
"""Told what takes a while or went wrong; the command line sets it, the library stays silent."""

_lock = threading.Lock()
_loaded: dict[Recipe, Call] = {}
_engines: list[Any] = []  # an engine owns its code: it must outlive every call


def load(recipe: Recipe) -> Call:
    """Return the kernel, from memory, from the cache, or compiled; as plain Python where none of that works."""
    with _lock:
        if recipe not in _loaded:
            _loaded[recipe] = _compiled(recipe) or plain(recipe)
        return _loaded[recipe]


def plain(recipe: Recipe) -> Call:
    """The same kernel as it stands: slow, equal."""
    kernel = recipe.make(*recipe.parts)

    def call(arrays: Sequence[NDArray[Any]]) -> int:
        with np.errstate(all="ignore"):
            return kernel(*(array.reshape(-1) for array in arrays))

    return call


def _compiled(recipe: Recipe) -> Call | None:
    """The kernel as machine code, or None where there is no working compiler."""
    if os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
        return None
    try:
        import llvmlite.binding as llvm
    except (ImportError, OSError):
        return None
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    path = _cache_path(recipe)
    code = read_object(path)
    if code is None:
        code = _build(recipe)
        if code is None:
            return None
        write_object(path, code)
    return _link(code, len(recipe.arguments))


# From source to object code.


def _build(recipe: Recipe) -> bytes | None:
    """Compile the recipe, or say why it runs as plain Python."""
    announce("compiling a kernel, this once")
    try:
        return optimise(llvm_text(recipe))
    except Exception as error:  # whatever a compiler may fail with: the plain kernel is still right
        announce(f"no compiled kernel ({type(error).__name__}: {error}); running as plain Python, slowly")
        return None


def llvm_text(recipe: Recipe) -> tuple[str, str]:
    """Numba's LLVM text of the kernel, and the name of its C entry."""
    import numba
    from numba import types

    make_jitable()
    pointers = [types.CPointer(getattr(types, name)) for name in recipe.arguments]  # type: ignore[no-untyped-call]
    kernel = numba.cfunc(types.int64(*pointers), error_model="numpy")(recipe.make(*recipe.parts))
    return kernel.inspect_llvm(), kernel.native_name


@lru_cache(maxsize=1)
def make_jitable() -> None:
    """Tell Numba that every function of the kernels' rooms may be called from compiled code."""
    import importlib
    import inspect
    import pkgutil

    from numba import types
    from numba.extending import overload, register_jitable

    from . import kernels
    from .kernels import numerics

    for info in pkgutil.iter_modules(kernels.__path__, kernels.__name__ + "."):
        module = importlib.import_module(info.name)
        for _, function in inspect.getmembers(module, inspect.isfunction):
            if function.__module__ == module.__name__ and function is not numerics.widen:
                register_jitable(**OPTIONS)(function)

    @overload(numerics.widen, jit_options=OPTIONS)
    def widen(x: Any) -> Any:
        long = isinstance(x, types.Integer) and x.bitwidth == 64  # type: ignore[attr-defined]  # bitwidth: every width
        return numerics.widen_long if long else numerics.widen_exact


def optimise(kernel: tuple[str, str]) -> bytes:
    """Inline everything into the entry, drop what is left over (Numba's error paths), and emit an object file."""
    import llvmlite.binding as llvm

    text, entry = kernel
    # a fold with a state of three numbers has up to 15 buffers to be told apart before its loop becomes vector code
    llvm.set_option("poolcli", "-runtime-memory-check-threshold=128")
    module = llvm.parse_assembly(text)
    for function in module.functions:
        if not function.is_declaration:
            function.linkage = "external" if function.name == entry else "internal"
    for variable in module.global_variables:
        if not variable.is_declaration and variable.linkage != llvm.Linkage.internal:
            variable.linkage = "internal"
    module.get_function(entry).name = SYMBOL
    machine = target_machine()
    passes = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=3))
    passes.getModulePassManager().run(module, passes)
    check_symbols(f.name for f in module.functions if f.is_declaration)
    return bytes(machine.emit_object(module))


def check_symbols(names: Any) -> None:
    """Refuse code that would call into Python or Numba."""
    foreign = [name for name in names if not name.startswith("llvm.") and name not in RUNTIME_SYMBOLS]
    if foreign:
        raise RuntimeError(f"the kernel calls {', '.join(sorted(foreign))}")


def target_machine() -> Any:
    """This CPU, or the one that NUMBA_CPU_NAME and NUMBA_CPU_FEATURES ask for."""
    import llvmlite.binding as llvm

    name, features = cpu()
    return llvm.Target.from_default_triple().create_target_machine(cpu=name, features=features, opt=3, jit=True)


@lru_cache(maxsize=1)
def cpu() -> tuple[str, str]:
    """Name and features of the CPU to compile for."""
    import llvmlite.binding as llvm

    name = os.environ.get("NUMBA_CPU_NAME") or llvm.get_host_cpu_name()
    if "NUMBA_CPU_FEATURES" in os.environ:
        return name, os.environ["NUMBA_CPU_FEATURES"]
    return name, "" if name == "generic" else llvm.get_host_cpu_features().flatten()


def _link(code: bytes, arguments: int) -> Call:
    """Make object code callable."""
    import llvmlite.binding as llvm

    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), target_machine())
    engine.add_object_file(llvm.object_file.ObjectFileRef.from_data(code))
    engine.finalize_object()
    _engines.append(engine)
    function = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_void_p] * arguments)(engine.get_function_address(SYMBOL))

    def call(arrays: Sequence[NDArray[Any]]) -> int:
        return int(function(*(array.ctypes.data for array in arrays)))

    return call


# The cache.


def cache_folder() -> Path:
    """POOLCLI_CACHE_DIR, or a folder of the user's cache."""
    if os.environ.get("POOLCLI_CACHE_DIR"):
        return Path(os.environ["POOLCLI_CACHE_DIR"])
    import platformdirs

    return platformdirs.user_cache_path("poolcli") / "kernels"


def _cache_path(recipe: Recipe) -> Path | None:
    """Where the kernel's object is kept; None without a home."""
    key = hashlib.blake2b(digest_size=20)
    for part in (_common_key(), recipe.key_text()):
        key.update(part.encode() + b"\0")
    try:
        return cache_folder() / f"{key.hexdigest()}.o"
    except (OSError, RuntimeError):
        return None


@lru_cache(maxsize=1)
def _common_key() -> str:
    """What every kernel of this installation on this machine has in common."""
    from . import __version__

    room = Path(__file__).parent / "kernels"
    sources = hashlib.blake2b()
    for path in [*sorted(room.glob("*.py")), Path(__file__)]:
        sources.update(path.read_bytes())
    return repr((__version__, sources.hexdigest(), *_versions(), sys.version, cpu(), platform.machine(), sys.platform))


def _versions() -> tuple[str, str]:
    """The versions of llvmlite and of numba, which is found but not imported (0.2 s)."""
    import importlib.util

    import llvmlite

    spec = importlib.util.find_spec("numba")
    if spec is None or spec.origin is None:
        return llvmlite.__version__, "none"
    try:
        return llvmlite.__version__, (Path(spec.origin).parent / "_version.py").read_text()
    except OSError:
        return llvmlite.__version__, str(Path(spec.origin).stat().st_mtime_ns)


def read_object(path: Path | None) -> bytes | None:
    """Object code that this user wrote and that is whole; None for anything else."""
    if path is None:
        return None
    try:
        if not (own(path.parent) and own(path)):
            return None
        content = path.read_bytes()
    except OSError:
        return None
    digest, code = content[:DIGEST_SIZE], content[DIGEST_SIZE:]
    if not code or hashlib.blake2b(code, digest_size=DIGEST_SIZE).digest() != digest:
        return None
    return code


def own(path: Path) -> bool:
    """Whether a file or folder belongs to this user and nobody else can write to it."""
    if not hasattr(os, "getuid"):
        return True
    info = path.stat()
    return info.st_uid == os.getuid() and not info.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def write_object(path: Path | None, code: bytes) -> None:
    """Keep object code, whole or not at all; where that fails the next run compiles again."""
    if path is None:
        return
    temporary = None
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not own(path.parent):
            announce(f"kernels are not kept: others can write to {path.parent}")
            return
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")
        with os.fdopen(descriptor, "wb") as file:
            file.write(hashlib.blake2b(code, digest_size=DIGEST_SIZE).digest() + code)
        Path(temporary).replace(path)
    except OSError as error:
        announce(f"kernels are not kept: {error.strerror or error}")
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
