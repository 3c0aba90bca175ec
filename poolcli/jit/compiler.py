"""From a kernel spec to machine code, by Numba and LLVM."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from .kernel_spec import KernelSpec
from .object_code import SLOTS, SYMBOL, ObjectCode
from .target import POSITION_INDEPENDENT, make_target_machine

_BODY = "poolcli_body"
"""The kernel itself within straight code, which begins with a jump to it."""
_RUNTIME_SYMBOLS = {"exp", "log", "pow", "sqrt", "sin", "cos", "atan2", "fmod", "memset", "memcpy", "memmove"}
"""What an object may ask of the C library; anything else would be Python's or Numba's runtime."""
_DEFINITION = re.compile(r'^define [^@\n]*@("[^"]*"|[\w.$]+)\(.*?^}', re.MULTILINE | re.DOTALL)
"""A function in LLVM's text."""
_NAME = r'("[^"]*"|[-\w.$]+)'
_LABEL = re.compile(rf"^{_NAME}:|\blabel %{_NAME}", re.MULTILINE)
"""Where a block begins, or is gone to."""


def build(spec: KernelSpec) -> ObjectCode:
    """Compile a kernel. Whatever the compilers raise passes."""
    module, builder = _optimise(*_emit_llvm(spec), spec.bundled, spec.unrolled)
    if POSITION_INDEPENDENT:
        return _emit_position_independent(module, builder)
    return ObjectCode(bytes(builder.emit_object(module)))


def _emit_llvm(spec: KernelSpec) -> tuple[str, str]:
    """Numba's LLVM text of the kernel, and the name of its C entry."""
    import numba
    from numba import types
    from numba.extending import register_jitable

    options = _make_jitable()
    pointers = [types.CPointer(getattr(types, name)) for name in spec.arguments]  # type: ignore[no-untyped-call]
    compiler = numba.cfunc(types.int64(*pointers), error_model="numpy", pipeline_class=options["pipeline_class"])
    kernel = compiler(spec.kernel(register_jitable(**options)))
    return kernel.inspect_llvm(), kernel.native_name


@lru_cache(maxsize=1)
def _make_jitable() -> Any:
    """Tell Numba that every function of the kernels' rooms may be called from compiled code, and how it is compiled."""
    import importlib
    import inspect
    import pkgutil

    from numba import types
    from numba.extending import overload, register_jitable

    from .. import kernels
    from ..kernels import double_double

    # no errors to raise, no entries from Python
    options: Any = {"error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True,
                    "pipeline_class": _find_pipeline()}
    typed = double_double.widen, double_double.fetch, double_double.fetch_to_write
    for info in pkgutil.walk_packages(kernels.__path__, kernels.__name__ + "."):
        module = importlib.import_module(info.name)
        for _, function in inspect.getmembers(module, inspect.isfunction):
            if function.__module__ == module.__name__ and function not in typed:
                register_jitable(**options)(function)

    @overload(double_double.widen, jit_options=options)
    def widen(x: Any) -> Any:
        long = isinstance(x, types.Integer) and x.bitwidth == 64  # type: ignore[attr-defined]  # bitwidth: every width
        return double_double.widen_long if long else double_double.widen_exact

    for number, fetch in enumerate((double_double.fetch, double_double.fetch_to_write)):
        overload(fetch, jit_options=options)(_make_prefetch(number))
    return options


def _find_pipeline() -> Any:
    """Numba's passes up to LLVM's text, or all of them where this Numba lacks what it takes to end there.

    The kernels are the same; they take 1.3 to 1.7 times as long to compile.
    """
    from numba.core.compiler import Compiler
    from numba.core.errors import NumbaError

    try:
        from . import numba_pipeline

        numba_pipeline.check()
    except (ImportError, AttributeError, KeyError, TypeError, RuntimeError, NumbaError):  # RuntimeError: LLVM's
        return Compiler
    return numba_pipeline.TextCompiler


def _make_prefetch(write: int) -> Any:
    """What Numba puts in place of ``fetch``, or of ``fetch_to_write``."""
    from numba import types
    from numba.extending import intrinsic

    def emit(*given: Any) -> Any:
        return _emit_prefetch(*given, write=write)

    @intrinsic
    def prefetch(context: Any, buffer: Any, at: Any) -> Any:
        return types.void(buffer, at), emit

    def fetch(buffer: Any, at: Any) -> Any:
        def body(buffer: Any, at: Any) -> Any:
            return prefetch(buffer, at)  # type: ignore[call-arg]  # Numba gives the context
        return body
    return fetch


def _emit_prefetch(context: Any, builder: Any, signature: Any, arguments: Any, *, write: int) -> Any:
    """LLVM's instruction that asks for the cache line at buffer[at]: to write or not, to be kept near (3), data (1)."""
    from llvmlite import ir

    byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
    address = builder.bitcast(builder.gep(arguments[0], [arguments[1]]), byte)
    kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
    function = builder.module.declare_intrinsic("llvm.prefetch", [byte], kind)
    builder.call(function, [address, *(number(n) for n in (write, 3, 1))])
    return context.get_dummy_value()


def _optimise(text: str, entry: str, bundled: bool, unrolled: bool) -> tuple[Any, Any]:
    """A module with everything inlined into the entry and the rest (Numba's error paths) dropped, and its machine."""
    import llvmlite.binding as llvm

    # a fold with a state of three numbers has up to 15 buffers to be told apart before its loop becomes vector code
    llvm.set_option("poolcli", "-runtime-memory-check-threshold=128")
    builder = make_target_machine()
    module = llvm.parse_assembly(text)
    for function in module.functions:
        if not function.is_declaration:
            function.linkage = "external" if function.name == entry else "internal"
    for variable in module.global_variables:
        if not variable.is_declaration and variable.linkage != llvm.Linkage.internal:
            variable.linkage = "internal"
    module.get_function(entry).name = _BODY if POSITION_INDEPENDENT else SYMBOL
    # First each function with a loop by itself, simplified before it is inlined: of its own pointers LLVM proves more,
    # and makes vector code of more loops, than once all is one function (mode 3x3 of bytes took 6 times as long, avg
    # 31x31 twice); then all of it in one.
    _simplify(module, builder)
    looping = find_loops(str(module))
    for function in module.functions:
        if function.name in looping:
            function.add_function_attribute("noinline")
    if unrolled:
        _run_passes(module, builder, bundled=False, vectors=False)
    _run_passes(module, builder, bundled=False)
    module = llvm.parse_assembly(_allow_inlining(str(module)))
    _run_passes(module, builder, bundled)
    _check_symbols(f.name for f in module.functions if f.is_declaration)
    return module, builder


def find_loops(text: str) -> set[str]:
    """The names of the functions in LLVM's text that have a loop: they jump to a block above."""
    found = set()
    for definition in _DEFINITION.finditer(text):
        begun = set()
        for begins, goes in _LABEL.findall(definition[0]):
            begun.add(begins)
            if goes and goes in begun:
                found.add(definition[1].strip('"'))
                break
    return found


def _allow_inlining(text: str) -> str:
    """LLVM's text in which every function may be inlined; a group of attributes may not be empty."""
    return re.sub(r"^(attributes .*)\bnoinline\b", r"\1nounwind", text, flags=re.MULTILINE)


def _simplify(module: Any, builder: Any) -> None:
    """Let LLVM simplify each function by itself: loops that go round a few times are none afterwards."""
    import llvmlite.binding as llvm

    passes = llvm.create_pass_builder(builder, llvm.create_pipeline_tuning_options(speed_level=3))
    manager = passes.getFunctionPassManager()
    for function in module.functions:
        if not function.is_declaration:
            manager.run(function, passes)


def _run_passes(module: Any, builder: Any, bundled: bool, vectors: bool = True) -> None:
    """Let LLVM optimise a module."""
    import llvmlite.binding as llvm

    tuning = llvm.create_pipeline_tuning_options(speed_level=3)
    tuning.slp_vectorization = bundled
    tuning.loop_vectorization = vectors
    passes = llvm.create_pass_builder(builder, tuning)
    passes.getModulePassManager().run(module, passes)


def _check_symbols(names: Iterable[str]) -> None:
    """Refuse code that would call into Python or Numba."""
    foreign = [name for name in names if not name.startswith("llvm.") and name not in _RUNTIME_SYMBOLS]
    if foreign:
        raise RuntimeError(f"the kernel calls {', '.join(sorted(foreign))}")


# Straight code: one stretch of bytes that holds its own constants and needs no linker (x86-64 Linux). LLVM's assembler
# makes it: with all sections in one it settles every distance itself. Calls of the C library go through the slots.

_SECTIONS = re.compile(r"\t\.(text|section|globl|type|size|file|ident|addrsig\w*|cfi_\w+)\b")
"""Directives that straight code does without: all of it is one section, and shows one name."""
_WRITABLE = re.compile(r"^\t\.(data|bss|l?comm|section\t\.(data|bss|tdata|tbss))", re.MULTILINE)
"""What cannot lie among code: variables."""
_CALL = re.compile(r"\b(callq|jmpq?)\t(\w+)@PLT")
_ADDRESS = re.compile(r"\b(\w+)@GOTPCREL\(%rip\)")
_RELOCATION_SIZE = 24
"""Bytes of an entry of .rela.text: an address that is not settled."""


def _emit_position_independent(module: Any, builder: Any) -> ObjectCode:
    """The module's code in one stretch; as an ordinary object where that cannot be."""
    text = builder.emit_assembly(module)
    body, calls = _drop_sections(text)
    code = _assemble(body, builder)
    found = _parse_sections(code)
    asks = len(found.get(".rela.text", b"")) // _RELOCATION_SIZE
    if asks == len(calls) and not _WRITABLE.search(text):
        return ObjectCode(code, code.index(found[".text"]), len(found[".text"]), calls)
    module.get_function(_BODY).name = SYMBOL
    return ObjectCode(bytes(builder.emit_object(module)))


def _drop_sections(text: str) -> tuple[str, tuple[str, ...]]:
    """Assembly in one section, from its entry on, and the C functions that its slots are for."""
    lines = [line for line in text.splitlines() if not _SECTIONS.match(line)]
    body = _ADDRESS.sub(r"slot_\1(%rip)", _CALL.sub(r"\1\t*slot_\2(%rip)", "\n".join(lines)))
    calls = tuple(sorted(set(re.findall(r"\bslot_(\w+)\(%rip\)", body))))
    head = ["\t.text", f"\t.globl\t{SYMBOL}", f"{SYMBOL}:", f"\tjmp\t{_BODY}", f"\t.p2align\t{SLOTS.bit_length() - 1}"]
    slots = [f"slot_{name}:\t.quad\t{name}" for name in calls]
    return "\n".join([*head, *slots, body, ""]), calls


def _assemble(text: str, builder: Any) -> bytes:
    """The object file that LLVM's assembler makes of a text."""
    import llvmlite.binding as llvm

    llvm.initialize_native_asmparser()
    quoted = text.replace("\\", "\\5C").replace('"', "\\22").replace("\n", "\\0A")
    return bytes(builder.emit_object(llvm.parse_assembly(f'module asm "{quoted}"')))


def _parse_sections(code: bytes) -> dict[str, bytes]:
    """The sections of an object file by name."""
    import llvmlite.binding as llvm

    file = llvm.object_file.ObjectFileRef.from_data(code)
    return {(section.name() or b"").decode(): section.data() for section in file.sections() if section.size()}
