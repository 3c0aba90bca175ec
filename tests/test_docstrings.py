"""What `help()` shows of the public functions is whole, and every example in a docstring prints what it says."""

from __future__ import annotations

import doctest
import inspect
import re
from dataclasses import fields, is_dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path

import pytest

import poolcli

PACKAGE = Path(poolcli.__file__).parent
FUNCTIONS = [name for name in poolcli.__all__ if inspect.isfunction(getattr(poolcli, name))]
SECTIONS = ("Parameters", "Returns", "Raises", "Examples")
MODULES = sorted(".".join(("poolcli", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")
                 for path in PACKAGE.rglob("*.py") if re.search("^ *>>> ", path.read_text(encoding="utf-8"), re.M))


def read_sections(text: str) -> dict[str, list[str]]:
    """The lines below each heading that is underlined."""
    lines = text.splitlines()
    starts = [i for i, line in enumerate(lines[1:]) if lines[i] and line == "-" * len(lines[i])]
    assert starts, "there are no sections"
    return {lines[i]: lines[i + 2 : end] for i, end in zip(starts, [*starts[1:], len(lines)], strict=True)}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_public_functions_say_all(name: str) -> None:
    """In NumPy's form: each parameter of the signature, what comes out, what is raised, an example."""
    function = getattr(poolcli, name)
    sections = read_sections(inspect.getdoc(function) or "")
    assert tuple(sections) == SECTIONS
    named = [part for line in sections["Parameters"] if line and line[0] != " " for part in line.split(", ")]
    code = function.__code__  # the signature of pool and plan has every keyword in the place of **options
    count = code.co_argcount + code.co_kwonlyargcount
    options = [f"**{name}" for name in code.co_varnames[count : count + 1] if code.co_flags & inspect.CO_VARKEYWORDS]
    assert sorted(named) == sorted([*code.co_varnames[:count], *options])
    assert any(line.startswith(">>> ") for line in sections["Examples"])


def find_results() -> dict[str, type]:
    """The classes of what public functions return, by name."""
    found = {}
    for function in (getattr(poolcli, name) for name in FUNCTIONS):
        words = re.findall(r"\w+", str(function.__annotations__["return"]))
        kinds = {word: function.__globals__.get(word) for word in words}
        found.update({word: kind for word, kind in kinds.items() if is_dataclass(kind) and isinstance(kind, type)})
    return found


@pytest.mark.parametrize("name", find_results())
def test_results_say_all(name: str) -> None:
    """In NumPy's form: each field and property of what a public function returns, and an example."""
    kind = find_results()[name]
    sections = read_sections(inspect.getdoc(kind) or "")
    assert tuple(sections) == ("Attributes", "Examples")
    named = [part for line in sections["Attributes"] if line and line[0] != " " for part in line.split(", ")]
    properties = [key for key, value in vars(kind).items() if isinstance(value, (property, cached_property))]
    assert sorted(named) == sorted([*(field.name for field in fields(kind)), *properties])
    assert any(line.startswith(">>> ") for line in sections["Examples"])


def test_results_are_found() -> None:
    """So that the test above has something to look at."""
    assert {"Plan", "Bounds", "Explanation", "Survey", "Setting"} <= set(find_results())


@pytest.mark.parametrize("module", MODULES)
def test_examples_of_docstrings(module: str) -> None:
    """Run as they stand; those of a library that an extra brings, where it is."""
    if (library := module.removeprefix("poolcli.")) in ("pandas", "xarray"):
        pytest.importorskip(library)
    done = doctest.testmod(import_module(module))
    assert done.attempted and not done.failed
