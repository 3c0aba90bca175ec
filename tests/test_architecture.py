"""The design holds: imports go downward only, heavy libraries stay in their rooms, only the ends touch the world."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "poolcli").rglob("*.py"))

LEVELS = (
    ("errors", "optional_deps", "progress", "redact"),
    ("kernels",),
    ("core",),
    ("jit",),
    ("drivers",),
    ("engine",),
    ("pooling",),
    ("bench", "colour", "drawing", "files", "masked", "report", "warmup"),
    ("valid_samples",),
    ("analysis",),
    ("chunked", "pandas", "xarray"),
    ("batch",),
    ("cli",),
    ("__init__", "__main__"),
)
"""A room imports from the levels above its own line and from itself; anybody may ask poolcli for its version."""

HOMES = {
    "numba": ("jit",),
    "llvmlite": ("jit",),
    "platformdirs": ("jit",),
    "PIL": ("drawing", "files"),
    "simplejpeg": ("files",),
    "astropy": ("files",),
    "h5netcdf": ("files",),
    "xarray": ("files", "xarray"),
    "nibabel": ("files",),
    "pandas": ("pandas",),
    "tifffile": ("files",),
    "zarr": ("chunked",),
    "dask": ("batch", "chunked"),
    "distributed": ("batch",),
    "aiohttp": ("files",),
    "fsspec": ("files",),
    "click": ("cli",),
    "rich": ("cli",),
}
"""Libraries that only some rooms may know of."""


def room(path: Path) -> str:
    """The room of a file: its folder, or its own name."""
    parts = path.relative_to(ROOT / "poolcli").parts
    return parts[0] if len(parts) > 1 else path.stem


def module(path: Path) -> str:
    """A file's dotted name, without ``poolcli``; a package is its own name."""
    parts = path.relative_to(ROOT / "poolcli").with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


MODULES = {module(path) for path in FILES}


def imports(path: Path) -> Iterator[str]:
    """The full dotted name of each thing that a file imports, wherever in it; poolcli's own begin with a dot."""
    package = ["poolcli", *path.relative_to(ROOT / "poolcli").parts[:-1]]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            names = [*base, *(node.module or "").split(".")] if node.module else base
            yield from (".".join([*names, alias.name]) for alias in node.names)


def own_imports(path: Path) -> set[str]:
    """The modules of poolcli that a file imports."""
    found = set()
    for name in imports(path):
        top, _, rest = name.partition(".")
        if top == "poolcli":
            known = next((part for part in (rest, rest.rpartition(".")[0]) if part in MODULES), "__init__")
            if not (known == "__init__" and rest == "__version__"):
                found.add(known)
    return found - {module(path)}


@pytest.mark.parametrize("path", FILES, ids=module)
def test_imports_go_downward_only(path: Path) -> None:
    """Type checking included: a type that comes from above is a design that comes from above."""
    level = {name: i for i, names in enumerate(LEVELS) for name in names}
    assert room(path) in level, f"{room(path)} has no place in LEVELS"
    wrong = [name for name in own_imports(path)
             if name.split(".")[0] != room(path) and level[name.split(".")[0]] >= level[room(path)]]
    assert wrong == []


def test_no_file_needs_itself() -> None:
    """Within rooms too there is an order (CycleError names the ring)."""
    TopologicalSorter({module(path): own_imports(path) for path in FILES}).prepare()


def test_no_cached_property_needs_itself() -> None:
    """Python 3.11 has one lock for a cached property of all objects: two in a circle stop two threads for ever."""
    circles = []
    for path in FILES:
        for each in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(each, ast.ClassDef):
                continue
            functions = {one.name: one for one in each.body if isinstance(one, ast.FunctionDef)}
            uses = {name: {node.attr for node in ast.walk(one) if isinstance(node, ast.Attribute)
                           and isinstance(node.value, ast.Name) and node.value.id == "self"} & functions.keys()
                    for name, one in functions.items()}
            for name, one in functions.items():
                reached: set[str] = set()
                ahead = list(uses[name])
                while ahead:
                    following = ahead.pop()
                    if following not in reached:
                        reached.add(following)
                        ahead += uses[following]
                marks = [ast.unparse(mark) for mark in one.decorator_list]
                if name in reached and ("cached_property" in marks or "functools.cached_property" in marks):
                    circles.append(f"{module(path)}.{each.name}.{name}")
    assert not circles


@pytest.mark.parametrize("library", HOMES)
def test_libraries_stay_in_their_rooms(library: str) -> None:
    """And the room that is said to have one does."""
    users = {room(path) for path in FILES for name in imports(path) if name.split(".")[0] == library}
    assert users == set(HOMES[library])


def test_the_library_never_prints_and_never_exits() -> None:
    """Only the command line talks to somebody."""
    said = []
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("print", "sys.exit", "exit", "os._exit"):
                said.append((room(path), node.lineno))
    assert {name for name, _ in said} == {"cli"}, said


@pytest.mark.parametrize("path", FILES, ids=module)
def test_every_file_says_what_it_is(path: Path) -> None:
    """A docstring that begins with a sentence."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert text and text.partition("\n\n")[0].rstrip()[-1] in ".:"


def test_every_room_is_packed() -> None:
    """A folder that pyproject.toml does not list is missing from the wheel."""
    packed = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["packages"]
    assert sorted(packed) == sorted({".".join(path.relative_to(ROOT).parts[:-1]) for path in FILES})


def test_no_paths_of_one_machine() -> None:
    """Nothing that would hold only where it was written."""
    folders = ("poolcli", "docs", "tests", "sample_images", "benchmarks")
    deep = [f"{folder}/**/*.{ending}" for folder in folders for ending in ("py", "md", "json")]
    found = [(path.name, match[0])
             for pattern in ("*.md", "*.toml", ".ci/*", *deep) for path in ROOT.glob(pattern)
             for match in re.finditer(r"(?<![\w.}])/(home|Users|root|work|mnt)/\w+", path.read_text(encoding="utf-8"))]
    assert found == []
