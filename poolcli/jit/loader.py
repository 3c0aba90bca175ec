"""Machine code -> callable: straight where that is possible, by LLVM's linker elsewhere."""

from __future__ import annotations

import ctypes
import mmap
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .kernel_spec import KernelFunction
from .object_code import SLOT_SIZE, SLOTS, SYMBOL, ObjectCode


def make_callable(code: ObjectCode, arguments: int) -> KernelFunction:
    """The kernel in this code, of so many pointers. Calling it drops the GIL."""
    address, memory = _load_code(code)
    function: Any = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_void_p] * arguments)(address)
    function.memory = memory  # code lives as long as what can call it
    return _NativeCall(function)


class _NativeCall:
    """A kernel that is called with arrays."""

    def __init__(self, function: Callable[..., int]) -> None:
        self.function = function
        """It takes addresses."""

    def __call__(self, arrays: Sequence[NDArray[Any]]) -> int:
        """Run on arrays in the order of the kernel's arguments."""
        # .ctypes.data would take four times as long
        return self.function(*[array.__array_interface__["data"][0] for array in arrays])


def _load_code(code: ObjectCode) -> tuple[int, object]:
    """Where the code can be entered, and the memory that holds it."""
    if _loads_directly():
        with suppress(OSError, AttributeError, ValueError):
            return map_code(code)
    return link_code(code)


def _loads_directly() -> bool:
    """Whether code is put into memory as it stands, where it can be: unless POOLCLI_NO_DIRECT_LOAD is 1."""
    return os.environ.get("POOLCLI_NO_DIRECT_LOAD", "0") in ("", "0")


def map_code(code: ObjectCode) -> tuple[int, object]:
    """Put straight code into memory of its own, never writable and executable at once; return its address and that.

    0.3 ms, where ``llvmlite.binding`` takes 35 ms of a process to import, link and end. Raises OSError where the
    system allows no such memory, AttributeError where the C library lacks a function, ValueError for other code.
    """
    text = code.position_independent
    if not text:
        raise ValueError("this code needs a linker")
    library = ctypes.CDLL(None, use_errno=True)
    region = mmap.mmap(-1, len(text), mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    region.write(text)
    for i, name in enumerate(code.calls):
        address = ctypes.cast(getattr(library, name), ctypes.c_void_p).value or 0
        region[SLOTS + SLOT_SIZE * i : SLOTS + SLOT_SIZE * (i + 1)] = address.to_bytes(SLOT_SIZE, "little")
    start = np.frombuffer(region, np.uint8).ctypes.data
    if library.mprotect(ctypes.c_void_p(start), ctypes.c_size_t(len(text)), mmap.PROT_READ | mmap.PROT_EXEC):
        raise OSError(ctypes.get_errno(), "code cannot be made executable")
    return start, region


def link_code(code: ObjectCode) -> tuple[int, object]:
    """Let LLVM link an object file, and return the address of its entry and the engine that holds it."""
    import llvmlite.binding as llvm

    from .target import make_target_machine

    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), make_target_machine())
    engine.add_object_file(llvm.object_file.ObjectFileRef.from_data(code.object))
    engine.finalize_object()
    return int(engine.get_function_address(SYMBOL)), engine
