#!/usr/bin/env python3
"""Change one thing of a module at a time, and see whether its tests notice: mutation testing.

    python tests/faults/every_mutant.py poolcli/core/windows.py [TESTS ...] [--minutes 9] [--seed 0]

Each mutant is the module with one comparison, sign, number, condition, call, result, ``and``, ``or`` or ``not``
changed; texts, annotations, ``if TYPE_CHECKING``, asserts and zip's ``strict`` are left alone. The file is not touched.
Kernels run as plain Python.

Where the change is in a function, pytest collects the tests once, one run notes which lines of the module each of them
executes, and every mutant is a fork in which the function has other code and the tests that execute the line run,
those that killed others and the quickest: 0.1 to 0.3 s. Other changes, and what is left alive, need a new import of
all: 5 s.
Long tests are left out, and those that take more than some seconds.

A mutant is killed when a test fails, or works for more than ten times its time and 2 s. Prints each survivor with its
line; the exit code is 1 if more than 5 % survive. ``equivalent_mutants.toml`` has those that change no result, with the
reason; they are not tried (``--all`` tries them).
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import copy
import importlib
import importlib.abc
import importlib.util
import inspect
import math
import os
import pickle
import random
import resource
import select
import signal
import sys
import tempfile
import threading
import time
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]
IMPORTED_ONCE = ("numpy", "numba", "PIL.Image", "click", "rich.console", "pytest", "tifffile")
"""Slow to import and the same for all mutants. Plugins of pytest are none: it warns, and warnings are errors."""
TESTS = {
    "core/axes.py": ("core", "cli/test_layout_hints.py", "test_worked_examples.py"),
    "core/boxes.py": ("core/test_boxes.py",),
    "core/dtypes.py": ("core/test_dtypes.py",),
    "core/plans.py": ("core/test_plans.py",),
    "core/windowings.py": ("core/test_windowings.py",),
    "core/windows.py": ("core/test_windows.py",),
    "kernels/arithmetic.py": ("kernels/test_cores.py",),
    "kernels/double_double.py": ("kernels/test_double_double.py",),
    "kernels/selection.py": ("kernels/test_cores.py",),
    "files/atomic.py": ("files/test_atomic.py", "files/test_tempfiles.py", "files/test_output_paths.py"),
    "files/arrays/npy.py": ("files/test_npy.py",),
    "files/paths/collisions.py": ("files/test_output_paths.py",),
    "batch/planning.py": ("batch/test_planning.py",),
}
"""The tests below tests/ that are asked about a module of poolcli/ where none are named."""
EQUIVALENT = ROOT / "tests" / "faults" / "equivalent_mutants.toml"
QUIET = ("-q", "--tb=no", "-p", "no:cacheprovider", "-p", "no:randomly")
ENOUGH = 6.0
"""Seconds of tests that a mutant has to survive."""
LONGEST = 240.0
"""What all tests of a mutant may take."""
SLOW, CALLS = 4.0, 2000
"""Seconds of work after which a test is left out; calls of a function by a test after which its lines are known."""
SECONDS, MEMORY = 2.0, 4 << 30
"""What a test may take beside ten times its time, and what a process with a mutant may take."""
COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult, ast.Div: ast.Mult,
    ast.Mod: ast.FloorDiv, ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr, ast.Pow: ast.Mult,
    ast.LShift: ast.RShift, ast.RShift: ast.LShift,
}
UNTOUCHED = ("annotation", "returns", "decorator_list")
TWINS = {"min": "max", "max": "min", "any": "all", "all": "any", "floor": "ceil", "ceil": "floor"}
KILLED, SURVIVED, TIME_OUT = "killed", "survived", "killed by its time"


class Mutant(NamedTuple):
    """A changed module, and what was changed where."""

    tree: ast.Module
    line: int
    before: str
    after: str
    same: int = 1
    """Which of the same changes of its line it is."""


def change_places(tree: ast.Module) -> Iterator[ast.AST]:
    """Give the nodes that may be changed, in the order of the file."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        match node:
            case ast.If(test=ast.Name(id="TYPE_CHECKING")) | ast.Assert() | ast.keyword(arg="strict"):
                continue
        yield node
        for name, value in reversed(list(ast.iter_fields(node))):
            if name not in UNTOUCHED:
                children = value if isinstance(value, list) else [value]
                waiting += [child for child in reversed(children) if isinstance(child, ast.AST)]


class TestIsSlow(BaseException):
    """Ends a test that takes too long; hypothesis and pytest.raises let it pass."""


def stop_test(number: int, frame: FrameType | None) -> None:
    """End the test under way: a handler of SIGPROF."""
    raise TestIsSlow


def settle_hypothesis(items: Sequence[Any]) -> None:
    """Have hypothesis try the same examples each time, and stop at the first that fails: no shrinking."""
    from hypothesis import Phase, settings

    for item in items:
        if (found := getattr(item.obj, "_hypothesis_internal_use_settings", None)) is not None:
            item.obj._hypothesis_internal_use_settings = settings(
                found, derandomize=True, database=None, phases=[Phase.explicit, Phase.generate])


def _set(name: str, value: object) -> Callable[[ast.AST], None]:
    return lambda node: setattr(node, name, value)


def changes(node: ast.AST) -> list[Callable[[ast.AST], None]]:
    """Return the changes of one node, each as a function that makes it."""
    match node:
        case ast.Compare(ops=[ast.cmpop() as only]):
            return [_set("ops", [COMPARISONS[type(only)]()])]
        case ast.BinOp(op=op) | ast.AugAssign(op=op) if type(op) in OPERATORS:
            return [_set("op", OPERATORS[type(op)]())]
        case ast.BoolOp(op=op):
            return [_set("op", ast.Or() if isinstance(op, ast.And) else ast.And())]
        case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test):
            return [_set("test", ast.UnaryOp(ast.Not(), test))]
        case ast.Constant(value=bool() as value):
            return [_set("value", not value)]
        case ast.Constant(value=int() | float() as value):
            return [_set("value", value + 1)]
        case ast.Name(id=name) if name in TWINS:
            return [_set("id", TWINS[name])]
        case ast.Attribute(attr=name) if name in TWINS:
            return [_set("attr", TWINS[name])]
        case ast.Return(value=ast.expr() as value) if not isinstance(value, ast.Constant):
            return [_set("value", ast.Constant(None))]
        case ast.Expr(value=ast.Call()):
            return [_set("value", ast.Constant(None))]
    return []


def mutants(source: str) -> Iterator[Mutant]:
    """Give every mutant of a module."""
    original = ast.parse(source)
    same: Counter[tuple[int, str, str]] = Counter()
    for number, node in enumerate(change_places(original)):
        for k in range(len(changes(node))):
            tree = copy.deepcopy(original)
            place = list(change_places(tree))[number]
            shown = ast.unparse(getattr(place, "test", place))
            changes(place)[k](place)
            ast.fix_missing_locations(tree)
            found = (getattr(node, "lineno", 0), shown, ast.unparse(getattr(place, "test", place)))
            same[found] += 1
            yield Mutant(tree, *found, same[found])


def describe(source: str, mutant: Mutant) -> str:
    """Name a mutant by texts that stay when lines move: its line, and the change."""
    line = source.splitlines()[mutant.line - 1].strip()
    change = f"{line} :: {mutant.before.splitlines()[0]} -> {mutant.after.splitlines()[0]}"
    return change if mutant.same == 1 else f"{change} #{mutant.same}"


def read_equivalent(module: str) -> set[str]:
    """Return the mutants of a module that change no result, by their texts."""
    rows = tomllib.loads(EQUIVALENT.read_text()).get(module, {}) if EQUIVALENT.exists() else {}
    return {text for texts in rows.values() for text in texts}


class OneModule(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds one module in a tree in place of its file."""

    def __init__(self, name: str, path: Path, tree: ast.Module) -> None:
        self.name, self.path, self.tree = name, path, tree

    def find_spec(self, name: str, path: object = None, target: object = None) -> importlib.machinery.ModuleSpec | None:
        """Find the module by its name."""
        return importlib.util.spec_from_file_location(name, self.path, loader=self) if name == self.name else None

    def exec_module(self, module: ModuleType) -> None:
        """Run the tree."""
        exec(compile(self.tree, str(self.path), "exec"), module.__dict__)


def fork(work: Callable[[], object], limit: float = math.inf, silent: bool = True) -> tuple[int, bytes]:
    """Do work in a fork, and return its exit code and what it gave; -SIGALRM after so many seconds."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.setpgid(0, 0)
        if silent:
            nowhere = os.open(os.devnull, os.O_RDWR)
            for stream in range(3):
                os.dup2(nowhere, stream)
        if limit < math.inf:
            signal.setitimer(signal.ITIMER_REAL, limit)
        code = 9
        try:
            given = pickle.dumps(work())
            with os.fdopen(writer, "wb") as answer:
                answer.write(given)
            code = 0
        finally:
            os._exit(code)
    os.close(writer)
    given, ended = b"", (0, 0)
    while not ended[0]:  # what the child has started may hold the pipe open after its end
        ended = os.waitpid(child, os.WNOHANG)
        while select.select([reader], [], [], 0 if ended[0] else 0.005)[0] and (part := os.read(reader, 1 << 20)):
            given += part
    os.close(reader)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # what a killed test has started
    return os.waitstatus_to_exitcode(ended[1]), given


def run_tests(name: str, path: Path, tree: ast.Module, tests: Sequence[str], limit: float,
              asked: Sequence[str] = ()) -> str:
    """Run the tests, or those asked of them, with a module in a process that imports it, and say how it fared."""

    class Asked:
        def pytest_collection_modifyitems(self, items: list[Any]) -> None:
            settle_hypothesis(items)
            items[:] = sorted((one for one in items if one.nodeid in asked),
                              key=lambda one: asked.index(one.nodeid)) if asked else items

    def run() -> int:
        import pytest

        sys.meta_path.insert(0, OneModule(name, path, tree))
        return int(pytest.main([*QUIET, "-x", *tests], plugins=[Asked()]))

    code, given = fork(run, limit)
    if code:
        return TIME_OUT if code == -signal.SIGALRM else KILLED
    return SURVIVED if pickle.loads(given) == 0 else KILLED


class Function(NamedTuple):
    """A function of the module, not one within another: where it is, and what it is called."""

    name: str
    first: int
    last: int


def list_functions(tree: ast.Module) -> list[Function]:
    """List functions and methods with their lines, decorators and defaults left out."""
    found = []
    waiting: list[tuple[str, ast.stmt]] = [("", one) for one in tree.body]
    while waiting:
        prefix, node = waiting.pop()
        if isinstance(node, ast.ClassDef):
            waiting += [(f"{prefix}{node.name}.", one) for one in node.body]
        elif isinstance(node, ast.FunctionDef):
            found.append(Function(prefix + node.name, node.body[0].lineno, node.end_lineno or node.lineno))
    return found


def unwrap(value: Any) -> FunctionType | None:
    """Return the function within a method, a property or a decorator."""
    for name in ("__func__", "fget", "func"):
        value = getattr(value, name, value)
    value = inspect.unwrap(value) if callable(value) else value
    return value if isinstance(value, FunctionType) else None


def find_code(code: CodeType, name: str) -> CodeType | None:
    """Return the code of a function in that of its module."""
    inner = [one for one in code.co_consts if isinstance(one, CodeType)]
    return next((one for one in inner if one.co_qualname == name), None) or next(
        (found for one in inner if name.startswith(f"{one.co_qualname}.") and (found := find_code(one, name))), None)


def put_code(module: ModuleType, name: str, tree: ast.Module) -> bool:
    """Give a function of an imported module the code that it has in a tree; False where that cannot be done."""
    value: Any = module
    for part in name.split("."):
        value = vars(value).get(part)
        if value is None:
            return False
    function, code = unwrap(value), find_code(compile(tree, str(module.__file__), "exec"), name)
    if not function or not code or code.co_freevars != function.__code__.co_freevars:
        return False
    if function.__code__.co_firstlineno != code.co_firstlineno:  # another function, which a decorator returns
        return False
    function.__code__ = code
    if callable(clear := getattr(value, "cache_clear", None)):
        clear()
    return True


def statement_lines(tree: ast.Module, line: int) -> range:
    """Return the lines of the innermost statement at a line; of a compound one its head."""
    best = range(line, line + 1)
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or line):
            body = getattr(node, "body", None)
            stop = max(body[0].lineno, node.lineno + 1) if body else (node.end_lineno or line) + 1
            if line < stop and node.lineno >= best.start - 100:
                best = range(node.lineno, stop)
    return best


class Seen(NamedTuple):
    """What a test did: its time of the processor, and the lines of the module that it executed; of some only constants
    are read.
    """

    seconds: float
    lines: frozenset[int]


def within_budget(tests: Sequence[int], seen: dict[int, Seen]) -> list[int]:
    """Return the first tests that take ENOUGH together, of those that pass; slow ones leave room for others behind."""
    total, chosen = 0.0, []
    for i in (one for one in tests if one in seen):
        if total + seen[i].seconds < ENOUGH:
            total += seen[i].seconds
            chosen.append(i)
    return chosen


class OneByOne:
    """A plugin of pytest that runs the collected tests on one mutant after another, each in a fork."""

    def __init__(self, name: str, path: Path, source: str, chosen: Sequence[tuple[str, Mutant]], end: float) -> None:
        self.name, self.path, self.tree, self.chosen, self.end = name, path, ast.parse(source), chosen, end
        self.again: list[tuple[Mutant, Sequence[str]]] = []
        self.tried = 0
        self.start = time.monotonic()
        self.kills: Counter[int] = Counter()
        self.asked: list[str] = []

    def pytest_runtestloop(self, session: Any) -> bool:
        """Run all mutants in place of the tests."""
        settle_hypothesis(session.items)
        items = [one for one in session.items if not sys.modules["selection"].is_long(one)]
        seen = self._look(session, items)
        execute = sum(bool(one.lines) for one in seen.values())
        print(f"{len(items)} tests, {len(seen)} pass, {execute} of them execute the module; {len(self.chosen)} mutants "
              f"of functions; {time.monotonic() - self.start:.0f} s", flush=True)
        self.asked += [items[i].nodeid for i in within_budget(sorted(seen, key=lambda i: seen[i].seconds), seen)]
        module = sys.modules[self.name]
        unchanged = Mutant(self.tree, 0, "", "")
        while self.chosen and self._run(session, items, seen, module, self.chosen[0][0], unchanged,
                                        within_budget(range(len(items)), seen)) != SURVIVED:
            if not self.kills:
                print("the tests end early without a mutant", flush=True)
                os._exit(2)
            for i in self.kills:  # it needs a test before it, or more memory
                print(f"fails by itself: {items[i].nodeid}", flush=True)
                del seen[i]
            self.kills.clear()
        for function, mutant in self.chosen:
            if time.monotonic() > self.end:
                break
            lines = set(statement_lines(self.tree, mutant.line))
            execute = sorted((i for i, one in seen.items() if one.lines & lines), key=lambda i: seen[i].seconds)
            killers = sorted(execute, key=lambda i: -self.kills[i])
            asked = list(dict.fromkeys(within_budget(killers, seen) + within_budget(execute, seen)))
            if self._run(session, items, seen, module, function, mutant, asked) in (None, SURVIVED):
                # of what was done on import nothing is told by other code of a function
                self.again.append((mutant, [items[i].nodeid for i in asked] or self.asked))
            else:
                self.tried += 1
        return True

    def _look(self, session: Any, items: Sequence[Any]) -> dict[int, Seen]:
        """Run each test once, and note those that pass."""

        def look() -> dict[int, Seen]:
            found, lines, file = {}, set(), str(self.path)
            calls: Counter[CodeType] = Counter()
            signal.signal(signal.SIGPROF, stop_test)

            def note(frame: FrameType, event: str, argument: object) -> Any:
                lines.add(frame.f_lineno)
                return note

            def trace(frame: FrameType, event: str, argument: object) -> Any:
                if frame.f_code.co_filename != file:
                    return None
                calls[frame.f_code] += 1
                if calls[frame.f_code] > CALLS:
                    return None
                lines.add(frame.f_lineno)
                return note

            for i, item in enumerate(items):
                lines.clear()
                calls.clear()
                failed, start = session.testsfailed, time.process_time()
                sys.settrace(trace)
                threading.settrace(trace)
                signal.setitimer(signal.ITIMER_PROF, SLOW)
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
                signal.setitimer(signal.ITIMER_PROF, 0)
                sys.settrace(None)
                threading.settrace(None)  # type: ignore[arg-type]
                if session.testsfailed == failed:
                    found[i] = Seen(time.process_time() - start, frozenset(lines))  # whatever else runs
            return found

        code, given = fork(look)
        if code:
            raise SystemExit(f"the tests ended with {code} without a mutant")
        found: dict[int, Seen] = pickle.loads(given)
        return found

    def _run(self, session: Any, items: Sequence[Any], seen: dict[int, Seen], module: ModuleType, function: str,
             mutant: Mutant, asked: Sequence[int]) -> str | None:
        """Run these tests on a mutant, in a fork; None where its function cannot get other code."""

        def run() -> int | None:
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            if not put_code(module, function, mutant.tree):
                return None
            for at, i in enumerate(asked):
                signal.setitimer(signal.ITIMER_PROF, 10 * seen[i].seconds + SECONDS)
                following = items[asked[at + 1]] if at + 1 < len(asked) else None
                items[i].config.hook.pytest_runtest_protocol(item=items[i], nextitem=following)
                if session.testsfailed:
                    return i
            return -1

        code, given = fork(run, LONGEST)
        if code:
            return TIME_OUT if code in (-signal.SIGALRM, -signal.SIGPROF) else KILLED
        killer: int | None = pickle.loads(given)
        if killer is None:
            return None
        if killer >= 0:
            self.kills[killer] += 1
        return SURVIVED if killer < 0 else KILLED


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("module", type=Path, help="a file of poolcli/")
    parser.add_argument("tests", nargs="*", help="its tests, as pytest takes them; those of TESTS")
    parser.add_argument("--minutes", type=float, default=math.inf, help="for as many as that gives, in a seeded order")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--all", action="store_true", help="those that are known to change no result too")
    options = parser.parse_args()
    os.environ["NUMBA_DISABLE_JIT"] = "1"
    path = options.module.resolve()
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    module = path.relative_to(ROOT / "poolcli").as_posix()
    tests = options.tests or [str(ROOT / "tests" / row) for row in TESTS.get(module, ())]
    if not tests:
        parser.error("no row of TESTS has this module; name its tests")
    source = path.read_text()
    for one in IMPORTED_ONCE:
        importlib.import_module(one)
    functions = list_functions(ast.parse(source))
    equivalent = set() if options.all else read_equivalent(module)
    all_mutants = [one for one in mutants(source) if describe(source, one) not in equivalent]
    random.Random(options.seed).shuffle(all_mutants)
    inside: list[tuple[str, Mutant]] = []
    outside = []
    for mutant in all_mutants:
        around = [one.name for one in functions if one.first <= mutant.line <= one.last]
        if around:
            inside.append((around[0], mutant))
        else:
            outside.append(mutant)
    start = time.monotonic()
    end = start + 60 * options.minutes
    import pytest

    loop = OneByOne(name, path, source, inside, end)

    def collect_and_loop() -> tuple[Any, ...]:
        with tempfile.TemporaryDirectory(prefix="every-mutant-") as folder:
            pytest.main([*QUIET, "-s", "--no-header", "--no-summary", f"--basetemp={folder}/base", *tests],
                        plugins=[loop])
        return loop.again, loop.tried, loop.asked

    code, given = fork(collect_and_loop, silent=False)
    if code:
        return 2
    again, tried, asked = pickle.loads(given)
    survived = 0
    for mutant, first in [*again, *((one, asked) for one in outside)]:
        if time.monotonic() > end:
            break
        tried += 1
        if run_tests(name, path, mutant.tree, tests, LONGEST, first) == SURVIVED:
            survived += 1
            print(f"{options.module}:{mutant.line}: {describe(source, mutant)}", flush=True)
    print(f"{options.module}: {len(all_mutants)} mutants, {tried} tried, {tried - survived} killed, "
          f"{len(equivalent)} more change no result; {(time.monotonic() - start) / max(tried, 1):.2f} s each")
    return 1 if survived > 0.05 * tried else 0


if __name__ == "__main__":
    sys.exit(main())
