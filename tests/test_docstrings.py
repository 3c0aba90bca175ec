"""What `help()` shows of the public functions is whole, and every example in a docstring prints what it says."""

from __future__ import annotations

import doctest
import inspect
from importlib import import_module
from pathlib import Path

import pytest

import poolcli

PACKAGE = Path(poolcli.__file__).parent
FUNCTIONS = [name for name in poolcli.__all__ if inspect.isfunction(getattr(poolcli, name))]
SECTIONS = ("Parameters", "Returns", "Raises", "Examples")
MODULES = sorted(".".join(("poolcli", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")
                 for path in PACKAGE.rglob("*.py") if ">>> " in path.read_text(encoding="utf-8"))


def read_sections(text: str) -> dict[str, list[str]]:
    """The lines below each heading that is underlined."""
    lines = text.splitlines()
    starts = [i for i, line in enumerate(lines[1:]) if lines[i] and line == "-" * len(lines[i])]
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


@pytest.mark.parametrize("module", MODULES)
def test_examples_of_docstrings(module: str) -> None:
    """Run as they stand; those of a library that an extra brings, where it is."""
    if (library := module.removeprefix("poolcli.")) in ("pandas", "xarray"):
        pytest.importorskip(library)
    done = doctest.testmod(import_module(module))
    assert done.attempted and not done.failed
