"""Numba's compiler without what a kernel does not need: it stops at LLVM's text, before any optimising.

Numba optimises each function with all that it calls and makes machine code of it, once more for every caller up to the
kernel: 2.0 to 4.4 of the 2.9 to 6.3 s of CPU time that a kernel took. Here its functions are only linked; they are
optimised once, all together (``compiler``): 1.7 to 3.0 s in all. Written for Numba 0.68; what it takes of Numba is not
promised to stay, so ``compiler`` tries ``check`` first and leaves all to Numba's own passes where that fails.
"""

from __future__ import annotations

from typing import Any

import llvmlite.binding as llvm
from numba import _dynfunc, cfunc, types  # type: ignore[attr-defined]
from numba.core.cgutils import normalize_ir_text
from numba.core.codegen import CPUCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import register_pass
from numba.core.typed_passes import NativeLowering
from numba.extending import register_jitable


class _TextLibrary(CPUCodeLibrary):
    """LLVM's text of one function, and the libraries of those that it calls."""

    def __init__(self, codegen: Any, name: str) -> None:
        super().__init__(codegen, name)  # type: ignore[no-untyped-call]
        self._texts: list[str] = []

    def add_ir_module(self, ir_module: Any) -> None:
        """Keep a module as it is."""
        self._texts.append(normalize_ir_text(str(ir_module)))  # type: ignore[no-untyped-call]

    def add_linking_library(self, library: Any) -> None:
        """Note what is called; what Numba compiles for itself is finished as it wants."""
        if not isinstance(library, _TextLibrary):
            library._ensure_finalized()
        self._linking_libraries.append(library)

    def finalize(self) -> None:
        """Optimise nothing and make no machine code."""
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        """There is no machine code."""
        return 0

    def get_llvm_str(self) -> str:
        """The text of the function and of all that it calls, each once."""
        module = llvm.parse_assembly(str(self._codegen._create_empty_module(self.name)))  # type: ignore[no-untyped-call]
        for library in self._find_libraries():
            if isinstance(library, _TextLibrary):
                for text in library._texts:
                    module.link_in(llvm.parse_assembly(text))
            else:
                module.link_in(library._get_module_for_linking(), preserve=True)
        return str(module)

    def _find_libraries(self) -> list[Any]:
        """This library and all that it needs."""
        found: dict[Any, None] = {self: None}
        waiting: list[Any] = [self]
        while waiting:
            library = waiting.pop()
            called = [other for other in library._linking_libraries if other not in found]
            found |= dict.fromkeys(called)
            waiting += (other for other in called if isinstance(other, _TextLibrary))
        return list(found)


@register_pass(mutates_CFG=True, analysis_only=False)  # type: ignore[no-untyped-call]
class _TextLowering(NativeLowering):
    """From typed code to LLVM's text, and no further."""

    _name = "poolcli_text_lowering"

    def run_pass(self, state: Any) -> bool:
        """Lower a function, and let others call it."""
        state["library"] = _TextLibrary(state.targetctx.codegen(), state.func_id.func_qualname)
        entry, state.flags.no_compile = state.flags.no_compile, True
        super().run_pass(state)  # type: ignore[no-untyped-call]
        state.flags.no_compile = entry
        if not entry:  # the kernel itself is called by no other function
            lowered = state["cr"]
            described = lowered.fndesc
            # what stands for the function in Numba's tables; Python cannot call it
            name = described.qualname.rpartition(".")[-1]
            mark = _dynfunc.make_function(described.lookup_module(), name, "", 0, lowered.env, (state["library"],))
            state.targetctx.insert_user_function(mark, described, [state["library"]])
            state["cr"] = lowered._replace(cfunc=mark)
        return True


_UNUSED = {"WithLifting", "InlineClosureLikes", "RewriteDynamicRaises", "MakeFunctionToJitFunction", "InlineInlinables",
           "FindLiterallyCalls", "LiteralUnroll", "LiteralPropagationSubPipelinePass", "InlineOverloads",
           "NopythonRewrites", "NopythonSupportedFeatureValidation", "AnnotateTypes"}
"""Passes for what no kernel has: closures made within, context managers, computed errors, literals to unroll, array
expressions. A tenth of Numba's time (of five kernels 3.26 and 2.97 s); machine code is the same without them."""


class TextCompiler(CompilerBase):
    """Numba's passes that kernels need, with its own lowering at the end."""

    def define_pipelines(self) -> list[Any]:
        """Give the one pipeline."""
        manager = DefaultPassBuilder.define_nopython_pipeline(self.state)  # type: ignore[no-untyped-call]
        manager.passes = [(_TextLowering if one is NativeLowering else one, said) for one, said in manager.passes
                          if one.__name__ not in _UNUSED]
        manager.finalize()
        return [manager]


def check() -> None:
    """Compile a function that calls another; 0.02 s. Raises what a Numba raises that lacks what is taken of it here."""
    @register_jitable(pipeline_class=TextCompiler, no_cpython_wrapper=True, no_cfunc_wrapper=True)
    def increment(x: Any) -> Any:
        return x + 1

    def kernel(x: Any) -> Any:
        return increment(x)

    compiled = cfunc(types.int64(types.int64), pipeline_class=TextCompiler)(kernel)
    text = compiled.inspect_llvm()
    if compiled.native_name not in text or text.count("\ndefine ") < 2:  # increment is not inlined
        raise AttributeError("Numba's passes do not end before LLVM's")
