#!/usr/bin/env python3
"""Change one thing of a module at a time, and see whether its tests notice: mutation testing.

    python tests/faults/every_mutant.py poolcli/core/windows.py tests/core/test_windows.py [--minutes 9] [--seed 0]

Each mutant is the module with one comparison, sign, number, condition, ``and``, ``or`` or ``not`` changed; texts,
annotations and ``if TYPE_CHECKING`` are left alone. This process imports what is slow to import and forks for every
mutant; the child gets the changed module in place of the file, which is not touched, and runs the tests there with
kernels as plain Python. A mutant is killed when a test fails, or when they run for more than ten times their time.
Prints each survivor with its line; the exit code is 1 if more than 5 % survive.
"""

from __future__ import annotations

import argparse
import ast
import copy
import importlib
import importlib.abc
import importlib.util
import math
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
IMPORTED_ONCE = ("numpy", "numba", "PIL.Image", "click", "rich.console", "pytest", "tifffile")
"""Slow to import and the same for all mutants. Plugins of pytest are none: it warns, and warnings are errors."""
COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult, ast.Div: ast.Mult,
    ast.Mod: ast.FloorDiv, ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr, ast.Pow: ast.Mult,
    ast.LShift: ast.RShift, ast.RShift: ast.LShift,
}
TWINS = {"min": "max", "max": "min", "any": "all", "all": "any", "floor": "ceil", "ceil": "floor"}
KILLED, SURVIVED, TIME_OUT = "killed", "survived", "killed by its time"


class Mutant(NamedTuple):
    """A changed module, and what was changed where."""

    tree: ast.Module
    line: int
    before: str
    after: str


def change_places(tree: ast.Module) -> Iterator[ast.AST]:
    """Give the nodes that may be changed, in the order of the file."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        yield node
        for name, value in reversed(list(ast.iter_fields(node))):
            if name not in ("annotation", "returns", "decorator_list"):
                children = value if isinstance(value, list) else [value]
                waiting += [child for child in reversed(children) if isinstance(child, ast.AST)]


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
    for number, node in enumerate(change_places(original)):
        for k in range(len(changes(node))):
            tree = copy.deepcopy(original)
            place = list(change_places(tree))[number]
            shown = ast.unparse(getattr(place, "test", place))
            changes(place)[k](place)
            ast.fix_missing_locations(tree)
            yield Mutant(tree, getattr(node, "lineno", 0), shown, ast.unparse(getattr(place, "test", place)))


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


def run_tests(name: str, path: Path, tree: ast.Module, tests: Sequence[str], limit: float) -> str:
    """Run the tests with a module in a process of their own, and say how the module fared."""
    child = os.fork()
    if not child:
        os.setpgid(0, 0)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in range(3):
            os.dup2(nowhere, stream)
        code = 1
        try:
            import pytest

            sys.meta_path.insert(0, OneModule(name, path, tree))
            code = int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", *tests]))
        finally:
            os._exit(code)
    end = time.monotonic() + limit
    while time.monotonic() < end:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return SURVIVED if status == 0 else KILLED
        time.sleep(0.01)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return TIME_OUT


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("module", type=Path, help="a file of poolcli/")
    parser.add_argument("tests", nargs="+", help="its tests, as pytest takes them")
    parser.add_argument("--minutes", type=float, default=math.inf, help="for as many as that gives, in a seeded order")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    os.environ["NUMBA_DISABLE_JIT"] = "1"
    path = options.module.resolve()
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    source = path.read_text()
    for one in IMPORTED_ONCE:
        importlib.import_module(one)
    start = time.monotonic()
    if run_tests(name, path, ast.parse(source), options.tests, 600) != SURVIVED:
        print("the tests fail without a mutant", file=sys.stderr)
        return 2
    limit = 10 * (time.monotonic() - start) + 5
    all_mutants = list(mutants(source))
    random.Random(options.seed).shuffle(all_mutants)
    end = time.monotonic() + 60 * options.minutes
    count = survivors = 0
    for mutant in all_mutants:
        if time.monotonic() > end:
            break
        count += 1
        if run_tests(name, path, mutant.tree, options.tests, limit) == SURVIVED:
            survivors += 1
            print(f"{options.module}:{mutant.line}: {mutant.before} -> {mutant.after}", flush=True)
    print(f"{options.module}: {len(all_mutants)} mutants, {count} tried, {count - survivors} killed")
    return 1 if survivors > 0.05 * count else 0


if __name__ == "__main__":
    sys.exit(main())
