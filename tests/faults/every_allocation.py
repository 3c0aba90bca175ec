#!/usr/bin/env python3
"""Let an allocation of a run fail: python tests/faults/every_allocation.py [--step 1.05] [--seed 0] [SCENARIO ...]

Two kinds of them. Of Python's own (objects, their parts, buffers) CPython's ``_testcapi.set_nomemory`` lets the N-th
one fail, and no other. Of the C library's (samples of NumPy, Pillow's and zlib's memory, LLVM's) a small library does,
which the C compiler makes and which is loaded before all others; without a compiler they are left out. The first one is
that after the last import, just before the command line is run.
A run has a million of them, hence N grows geometrically, by a factor and a seeded bit, until a run meets no N-th one.
The runs and the rules are those of ``every_call.py`` beside this file; in place of a line, a run may say nothing but
"out of memory". Prints a Markdown table and each line that breaks a rule; the exit code is 1 if there is one.
"""

from __future__ import annotations

import argparse
import importlib.util
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import every_call

RUNS = ("picture", "batch", "stream", "indices", "zarr")
"""Of ``every_call``; a first run allocates mostly in LLVM, which ends the process where it gets nothing."""
FIRST = 5
"""Those before it are the script's own: the call of the command line."""
SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>
static atomic_long left;
static int note;
void fail_allocation(long number, int file) { note = file; atomic_store(&left, number); }
static int fails_for(void *caller) {
    Dl_info library;
    if (atomic_load_explicit(&left, memory_order_relaxed) <= 0 || atomic_fetch_sub(&left, 1) != 1) return 0;
    if (dladdr(caller, &library) && write(note, library.dli_fname, strlen(library.dli_fname)) < 0) _exit(99);
    errno = ENOMEM;
    return 1;
}
#define fails() fails_for(__builtin_return_address(0))
extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
void *malloc(size_t n) { return fails() ? NULL : __libc_malloc(n); }
void *calloc(size_t n, size_t m) { return fails() ? NULL : __libc_calloc(n, m); }
void *realloc(void *p, size_t n) { return fails() ? NULL : __libc_realloc(p, n); }
int posix_memalign(void **p, size_t a, size_t n) { return !fails() && (*p = __libc_memalign(a, n)) ? 0 : ENOMEM; }
"""
"""The C library's allocations, of which one fails; glibc's own names of them need no look-up, which would allocate.
The library that asked for it is written to a file."""
KINDS = {
    "Python": "import faulthandler, _testcapi; faulthandler.enable(); _testcapi.set_nomemory({0}, {0} + 1)",
    "C": "import ctypes, os; ctypes.CDLL(None).fail_allocation({0}, os.open({1!r}, os.O_CREAT | os.O_WRONLY))",
}
"""What is run just before the command line, from the number of the allocation and the path of that file."""
LOST = re.compile(r"not foreseen: poolcli: (.*: )?unexpected "
                  r"(SystemError: .*without (setting an |)exception|TypeError: .*os.PathLike.* not PosixPath)")
"""CPython's or NumPy's C code met the failure and forgot of what kind it was, or took it for a path without
``__fspath__``; a line and exit code 1 are all."""
CRASHES = re.compile(r'/PIL/_imaging\.|Current thread .*\n  File ".*/jit/loader\.py"')
"""Where libraries crash that get no memory, for they clean up what they have not set: Pillow's decoders
(``PyImaging_DecoderNew`` of Pillow 13), and NumPy's ``__array_interface__``, from which kernels get addresses. The
outputs must be whole all the same."""


def build_shim(top: Path) -> Path | None:
    """Compile the library; None without a compiler, or where the C library is not glibc."""
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    (top / "shim.c").write_text(SHIM)
    made = subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", top / "shim.so", top / "shim.c"],
                          capture_output=True, check=False)
    return top / "shim.so" if made.returncode == 0 else None


def take_once(reference: every_call.Reference, server: every_call.Server, kind: str,
              number: int) -> tuple[str, list[str]]:
    """Run a scenario with one failure; return its outcome and the rules it broke."""
    scenario = every_call.SCENARIOS[reference.name]
    caller = server.top / "caller"
    caller.write_text("")
    with tempfile.TemporaryDirectory(prefix="every-allocation-") as top:
        folder = Path(top, "work")
        folder.mkdir()
        scenario.inputs(folder)
        old = every_call.contents(folder, scenario.outputs)
        ended = server.run(scenario, folder, reference.cache, prepare=KINDS[kind].format(number, str(caller)))
        left = [path.name for path in folder.rglob(f"{every_call.TEMPORARY}*")]
        found = every_call.contents(folder, scenario.outputs)
        rules = every_call.broken_rules(scenario, "allocation", "", ended, old, reference, found, left)
        crashed = ended.code == -signal.SIGSEGV and CRASHES.search(caller.read_text() + ended.stderr)
        excused = ("exit code", "left behind") if crashed else ()
        what = [rule for rule in rules if not LOST.match(rule) and not rule.startswith(excused)]
        if ended.code or what:
            shutil.rmtree(folder)
            folder.mkdir()
            scenario.inputs(folder)
            again = server.run(scenario, folder, reference.cache)
            if again.code or every_call.contents(folder, scenario.outputs) != reference.files:
                what.append(f"the next run is not right: exit code {again.code}, {again.stderr[-200:]!r}")
    return "broken" if what else f"exit {ended.code}", what


def numbers(step: float, most: int, seed: int) -> Iterator[int]:
    """Give growing numbers of allocations, none twice."""
    chance = random.Random(seed)
    at, last = float(FIRST), 0
    while at <= most:
        if int(at) > last:
            last = int(at)
            yield last
        at = max(at * (1 + (step - 1) * 2 * chance.random()), at + chance.random())


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenario", nargs="*", help=", ".join(RUNS))
    parser.add_argument("--step", type=float, default=1.05, help="factor from one number to the next")
    parser.add_argument("--most", type=int, default=100_000, help="the last number")
    parser.add_argument("--kind", choices=list(KINDS), action="append", help="of allocations; both by default")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    broken = 0
    with tempfile.TemporaryDirectory(prefix="every-allocation-") as top:
        shim = build_shim(Path(top))
        kinds = {"Python": importlib.util.find_spec("_testcapi"), "C": shim}
        print("| run | of | failures | outcomes |\n| --- | --- | --: | --- |")
        for name in options.scenario or RUNS:
            reference = every_call.take_reference(name, every_call.SCENARIOS[name], Path(top),
                                                  ("ctypes", "_testcapi"))
            for kind in filter(kinds.get, options.kind or KINDS):
                outcomes: Counter[str] = Counter()
                server = every_call.Server(Path(top), reference.modules, shim if kind == "C" else None)
                for number in numbers(options.step, options.most, options.seed):
                    outcome, what = take_once(reference, server, kind, number)
                    outcomes[outcome] += 1
                    broken += bool(what)
                    for rule in what:
                        print(f"{name}: {kind} allocation {number}: {rule}", file=sys.stderr, flush=True)
                server.close()
                told = ", ".join(f"{outcome}: {count}" for outcome, count in sorted(outcomes.items()))
                print(f"| {name} | {kind} | {sum(outcomes.values())} | {told} |", flush=True)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
