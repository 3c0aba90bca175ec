"""What is compiled for: this processor, or the one that the environment names."""

from __future__ import annotations

import os
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

POSITION_INDEPENDENT = sys.platform == "linux" and os.uname().machine == "x86_64" and sys.maxsize > 2**32
"""Whether code can be made that needs no linker: where its constants lie is told relative to it, byte by byte."""
_CPU_LINES = ("vendor_id", "cpu family", "model", "stepping", "flags")
"""What tells a processor from another; its clock and its microcode do not."""


@lru_cache(maxsize=1)
def describe() -> str:
    """The target as text, for a key. On Linux LLVM is not asked: it takes 20 ms to import."""
    import platform

    asked = [os.environ.get(name) for name in ("NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES")]
    known = _read_processor() if POSITION_INDEPENDENT else ""
    return repr((sys.platform, platform.machine(), asked, known or _get_cpu()))


def _read_processor() -> str:
    """What Linux says of its first processor, or nothing."""
    try:
        with Path("/proc/cpuinfo").open("rb", buffering=0) as file:
            first = file.read(1 << 13).decode("utf-8", "replace").partition("\n\n")[0]
    except OSError:
        return ""
    return "\n".join(line for line in first.splitlines() if line.startswith(_CPU_LINES))


@lru_cache(maxsize=1)
def _get_cpu() -> tuple[str, str]:
    """Name and features of the processor to compile for."""
    import llvmlite.binding as llvm

    name = os.environ.get("NUMBA_CPU_NAME") or llvm.get_host_cpu_name()
    if "NUMBA_CPU_FEATURES" in os.environ:
        return name, os.environ["NUMBA_CPU_FEATURES"]
    return name, "" if name == "generic" else llvm.get_host_cpu_features().flatten()


def make_target_machine() -> Any:
    """LLVM's machine for it."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    name, features = _get_cpu()
    how = {"reloc": "pic", "codemodel": "small"} if POSITION_INDEPENDENT else {"jit": True}
    return llvm.Target.from_default_triple().create_target_machine(cpu=name, features=features, opt=3, **how)
