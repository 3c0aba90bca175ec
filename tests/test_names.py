"""One vocabulary: names stand once, facts about reducers and windowings stand in their tables."""

from __future__ import annotations

import ast
import builtins
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from poolcli.core.reducers import REDUCERS
from poolcli.core.windowings import WINDOWINGS
from poolcli.files.formats import FORMATS

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "poolcli"
FILES = sorted(PACKAGE.rglob("*.py"))
REPLACED = frozenset((
    "settled.py", "turns.py", "hollow.py", "quiet.py", "presence.py", "promises.py", "places.py", "errands.py",
    "elsewhere.py", "spread.py", "lots.py", "distant.py", "foresight.py", "described.py", "folding.py", "chains.py",
    "pieces.py", "stretches.py", "uneven.py", "merging.py", "picks.py", "cores.py", "endings.py", "few.py",
    "columns.py", "tall.py", "bands.py", "along.py", "keys.py", "elementary.py", "numerics.py", "parts.py",
    "graphs.py", "programs.py", "fused.py", "reach.py", "gather.py", "ladder.py", "stacks.py", "links.py",
    "ends.py", "corners.py", "outward.py", "fields.py", "remedies.py", "phases.py", "spectra.py", "measures.py",
    "subjects.py", "views.py", "usual.py", "plain.py", "symmetries.py", "slopes.py", "picked.py", "reasons.py",
    "extras.py", "keywords.py", "layouts.py", "text.py", "aliases.py",
    "bodies.py", "show.py", "usage.py", "grammar.py", "failures.py", "streams.py", "memory.py", "listing.py",
))
"""File names that were replaced by the field's terms."""
NAMED = {
    "analysis/defaults.py": "what a comparison shows where nobody says: a choice, not a fact",
    "analysis/explain/powers.py": "min and max as functions in a formula that is written out",
    "bench.py": "the rows of a table of times: a choice, not a fact",
    "warmup.py": "what is compiled where nobody says: a choice, not a fact",
    "chunked/tree_reduce.py": "poolings of which a note about clipping is made",
    "cli/analysis/chain_command.py": "min and max as titles of statistics",
    "cli/analysis/plan_command.py": "first and last as titles",
    "cli/analysis/grad_command.py": "min, max and sum as titles of statistics",
    "cli/analysis/study.py": "max, the reducer of whoever names none",
    "cli/analysis/unpool_command.py": "what becomes of two values at one place, and titles of statistics",
    "cli/analysis/shift_command.py": "same as a title",
    "cli/error_messages.py": "--mode, which other libraries call our --pad-mode",
    "cli/param_types.py": "same as a word of --padding",
    "cli/display/report_table.py": "min and max as titles of statistics",
    "core/conventions.py": "reducers by what other systems call theirs: facts about them, not about ours",
    "core/dtypes.py": "sum as a rule of result types",
    "files/georef/imagej.py": "mode, min and max as ImageJ's words for how a stack is shown",
    "report/document.py": "min and max as titles of statistics",
    "analysis/plan/suggestions.py": "the keyword fractional",
    "valid_samples.py": "sum as a rule of result types",
}
"""Files beside the tables in which a tuple, set, list or comparison holds the name of a reducer or a windowing."""

USED = {
    "analysis/bounds/bounds.py": "max finds the largest error of a window",
    "analysis/bounds/outward_rounding.py": "max finds the largest magnitude of a window",
    "analysis/exact_stages.py": "sum adds up the numerators of a mean",
    "analysis/fractions.py": "count, sum and avg count the samples of a class, as whole numbers and as shares",
    "analysis/pyramid/level_rules.py": "avg is the mean weight of what a sample was made of",
    "analysis/standard_errors.py": "l2 and sum are the formula of the error of a mean",
    "colour.py": "sum adds up colours times alpha",
    "masked.py": "max finds windows with a sample",
    "valid_samples.py": "sum counts samples and adds up weights",
}
"""Files beside the table that pool by a reducer of their own choice, whichever one was asked for."""

NAMED_FORMATS = {
    "cli/validate.py": "the format of an ending that says nothing: .npy",
    "files/__init__.py": "NumPy's own files, which this module reads and writes itself",
    "files/header.py": "headers of NumPy's own files",
    "files/images/decode.py": "readers for formats of which Pillow changes samples, and marks of loss that two hide",
    "files/images/frames.py": "a GIF counts repeats, others plays",
    "files/images/metadata.py": "OME as a program, and that Pillow has texts of all formats under one name",
    "files/images/pillow_open.py": "formats that share brands, a build without a codec, a plugin that decodes first",
    "files/tiff/tiff_array.py": "the bytes of the one format that it reads",
}
"""Files beside ``files/formats.py`` in which a tuple, set, list, dict or comparison holds the name of a format."""

PARTICIPLES = re.compile(r"_?(?:made|done|said|told|drawn|shown|seen|kept|found|given|taken|written|spread|known|held|"
                         r"laid|met|built|sent|left|lost|gone|begun|chosen|thrown|paid|spent|[a-z]+ed)(?:_|$)")
NO_VERBS = frozenset((
    "able", "above", "all", "along", "any", "apart", "around", "at", "before", "behind", "below", "beside", "between",
    "beyond", "both", "deaf", "each", "either", "every", "exactly", "here", "inside", "just", "like", "must", "neither",
    "next", "none", "one", "other", "ours", "outside", "own", "reaching", "same", "several", "small", "some", "still",
    "straight", "such", "that", "there", "these", "they", "this", "upto", "white", "whole", "wide", "with", "without",
))
"""Prepositions, pronouns, adverbs and adjectives that say nothing of what a function does."""
VERBS = ("spread_", "seed", "feed", "need", "speed", "embed", "exceed", "proceed")
"""Words that are verbs too, or end so by chance."""
SMALL = {
    "errors.py": "what all rooms may import", "optional_deps.py": "what all rooms may import",
    "progress.py": "what all rooms may import", "core/choices.py": "read by --help, without NumPy",
    "files/paths/zarr_paths.py": "names of stores, without the library", "files/foreign.py": "a table of texts",
    "cli/display/formatting.py": "shared by all displays", "jit/object_code.py": "one value and its bytes",
    "analysis/defaults.py": "a choice, apart from facts", "analysis/explain/explainers.py": "the table",
}
"""Files of fewer than 40 lines, and why."""
BY_NAME = {
    "PoolAccessor": "xarray's, by the accessor's name",
    "choose": "a driver's, asked by the driver's name",
    "command": "a command's, asked by the command's name",
    "is_large": "a format's, by the module in its row",
    "open_boxes": "a format's, by the module in its row",
    "pool": "what pools arrays of other libraries, by the library's name",
    "recognises": "a format's, by the module in its row",
    "read": "a format's, by the module in its row",
    "read_header": "a format's, by the module in its row",
    "write": "a format's, by the module in its row",
}
"""Functions that are found by the name of their module."""


def name(path: Path) -> str:
    """A file's name within the package."""
    return path.relative_to(PACKAGE).as_posix()


@cache
def parse(path: Path) -> ast.Module:
    """A file's syntax tree."""
    return ast.parse(path.read_text(encoding="utf-8"))


def trees() -> Iterator[tuple[Path, ast.Module]]:
    """Every file and what it says."""
    for path in FILES:
        yield path, parse(path)


def decides(node: ast.AST) -> bool:
    """Whether a tuple, set, list or comparison holds the name of a reducer or a windowing."""
    parts: list[ast.expr] = []
    if isinstance(node, (ast.Tuple, ast.Set, ast.List)):
        parts = node.elts
    elif isinstance(node, ast.Compare):
        parts = [node.left, *node.comparators]
    return any(isinstance(part, ast.Constant) and part.value in {*REDUCERS, *WINDOWINGS} for part in parts)


def test_only_the_tables_know_reducers_and_windowings() -> None:
    """A list of names elsewhere is a fact that a new row lacks; the exceptions are none, and each is needed."""
    found = {name(path) for path, tree in trees() if any(map(decides, ast.walk(tree)))}
    assert found - {"core/reducers.py", "core/windowings.py"} == set(NAMED), "make it a trait of the row (or see NAMED)"


def takes_row(node: ast.AST) -> bool:
    """Whether this is a row of a table, by a name that stands there."""
    return (isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name)
            and node.value.id in ("REDUCERS", "WINDOWINGS")
            and any(isinstance(part, ast.Constant) and isinstance(part.value, str) for part in ast.walk(node.slice)))


def test_no_row_is_compared_with_one_that_was_asked_for() -> None:
    """``row is REDUCERS["avg"]`` is a fact about avg; a row taken to pool by it has a reason."""
    found = {name(path) for path, tree in trees() if any(map(takes_row, ast.walk(tree)))}
    assert found == set(USED), "make it a trait of the row (or see USED)"
    decisions = {name(path) for path, tree in trees() for node in ast.walk(tree)
                 if isinstance(node, (ast.Compare, ast.Dict, ast.MatchValue)) and any(map(takes_row, ast.walk(node)))}
    assert decisions == set(), "make it a trait of the row"


def decides_format(node: ast.AST) -> bool:
    """Whether a tuple, set, list, dict or comparison holds the name of a format."""
    parts: list[ast.expr | None] = []
    if isinstance(node, (ast.Tuple, ast.Set, ast.List)):
        parts = [*node.elts]
    elif isinstance(node, ast.Dict):
        parts = node.keys
    elif isinstance(node, ast.Compare):
        parts = [node.left, *node.comparators]
    return any(isinstance(part, ast.Constant) and part.value in FORMATS for part in parts)


def test_only_the_table_knows_formats() -> None:
    """As for reducers: what a format can stands in its row, and each exception is needed."""
    found = {name(path) for path, tree in trees() if any(map(decides_format, ast.walk(tree)))}
    assert found - {"files/formats.py"} == set(NAMED_FORMATS)


def test_no_file_is_named_twice() -> None:
    """A file's name says at once which one is meant."""
    count = Counter(path.name for path in FILES if path.name != "__init__.py")
    assert [file for file, times in count.items() if times > 1] == []


def test_no_class_is_named_twice() -> None:
    """One class, one name, private or not."""
    count = Counter(node.name.lstrip("_")
                    for _, tree in trees() for node in tree.body if isinstance(node, ast.ClassDef))
    assert [found for found, times in count.items() if times > 1] == []


def test_files_and_folders_are_neither_tiny_nor_huge() -> None:
    """A file of fewer than 40 lines has a reason, a folder at most 18 files, the package 12 folders and 12 modules."""
    modules = [path for path in FILES if path.name not in ("__init__.py", "__main__.py")]
    tiny = {name(path) for path in modules if path.read_text(encoding="utf-8").count("\n") < 40} - set(SMALL)
    assert not tiny, f"put {sorted(tiny)} into a larger file, or name a reason in SMALL here"
    assert [folder for folder, files in Counter(path.parent for path in FILES).items() if files > 18] == []
    assert len({path.relative_to(PACKAGE).parts[0] for path in FILES if path.parent != PACKAGE}) <= 12
    assert len([path for path in modules if path.parent == PACKAGE]) <= 12


def test_replaced_words_stay_away() -> None:
    """A file is called as the field calls what it does."""
    assert {path.name for path in FILES} & REPLACED == set()


@pytest.mark.parametrize("word", ["LAYOUTS", "KEEPS_PALETTE", "OTHER_SCALE", "AGREEABLE", "WAYS"])
def test_lists_of_names_do_not_come_back(word: str) -> None:
    """Lists that became traits of rows (``LAYOUTS`` of kernels apart, which are memory's)."""
    users = {name(path) for path, tree in trees()
             if any(isinstance(node, ast.Name) and node.id == word for node in ast.walk(tree))}
    assert users <= ({"drivers/fold/fold_driver.py"} if word == "LAYOUTS" else set())


def test_a_function_is_called_as_what_it_does() -> None:
    """By a verb, not by what there is afterwards; but in kernels a core is called as the value it computes."""
    found = [f"{name(path)}: {node.name}" for path, tree in trees() if not name(path).startswith("kernels/")
             for node in tree.body if isinstance(node, ast.FunctionDef)
             if (PARTICIPLES.match(node.name) and not node.name.lstrip("_").startswith(VERBS))
             or node.name.lstrip("_") in NO_VERBS]
    assert found == []


def test_a_method_is_called_as_what_it_does() -> None:
    """As functions are; properties are called as what they give, and futures as concurrent.futures calls them."""
    found = [f"{name(path)}: {node.name}.{method.name}" for path, tree in trees()
             if not name(path).startswith("kernels/") for node in ast.walk(tree) if isinstance(node, ast.ClassDef)
             for method in node.body if isinstance(method, ast.FunctionDef) and method.name != "cancelled"
             and not any("property" in ast.unparse(one) for one in method.decorator_list)
             and PARTICIPLES.match(method.name) and not method.name.lstrip("_").startswith(VERBS)]
    assert found == []


def dotted(path: Path) -> tuple[str, ...]:
    """A file's module."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts


def definitions(tree: ast.Module) -> Iterator[str]:
    """The functions, classes and constants of a module; of positions that are unpacked in a row none is apart."""
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
        for target in getattr(node, "targets", [getattr(node, "target", None)]):
            named = target.elts if isinstance(target, ast.Tuple) and len(target.elts) < 5 else [target]
            yield from (one.id for one in named if isinstance(one, ast.Name) and one.id.isupper() and len(one.id) > 1)


def used_from_others(path: Path, tree: ast.Module) -> Iterator[tuple[tuple[str, ...], str]]:
    """Each module and the name in it that a file imports, asks of a module, or gives to monkeypatch."""
    package = dotted(path)[: None if path.name == "__init__.py" else -1]
    modules: dict[str, tuple[str, ...]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            base = (*package[: len(package) + 1 - node.level], ) if node.level else ()
            base = (*base, *(node.module.split(".") if node.module else ()))
            for alias in node.names:
                yield base, alias.name
                modules[alias.asname or alias.name] = (*base, alias.name)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and str(node.value).startswith("poolcli."):
            *module, last = str(node.value).split(".")
            yield tuple(module), last
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
            yield modules[node.value.id], node.attr
        if isinstance(node, ast.Call) and len(node.args) > 1 and isinstance(node.args[0], ast.Name):
            attribute = node.args[1]
            if node.args[0].id in modules and isinstance(attribute, ast.Constant):
                yield modules[node.args[0].id], str(attribute.value)


def test_an_underscore_marks_what_only_its_own_file_uses() -> None:
    """So a reader knows at once how far a change reaches: of the package, its tests, benchmarks and docs."""
    of_package = {use for path, tree in trees() for use in used_from_others(path, tree) if use[0] != dotted(path)}
    others = [path for folder in ("tests", "benchmarks", "docs") for path in (ROOT / folder).rglob("*.py")]
    used = of_package | {use for path in others for use in used_from_others(path, parse(path))}
    known = {dotted(path) for path in FILES}
    unmarked = [f"{name(path)}: {found}" for path, tree in trees() for found in definitions(tree)
                if not found.startswith("_") and (dotted(path), found) not in used and found not in BY_NAME]
    marked = [f"{'.'.join(module)}: {found}" for module, found in of_package
              if module in known and found.startswith("_") and not found.startswith("__")]
    assert not unmarked, f"no other file, test included, names these: give them an underscore, or a test: {unmarked}"
    assert not marked, f"other files use these: take the underscore away: {marked}"


PROPER = frozenset((
    "AdaPool", "ArrowArray", "AutoPool", "CuPy", "DataArrays", "GeoKey", "GeoKeys", "GeoTiff", "ImageMagick",
    "JavaScript", "LeVeque", "McFee", "NumPy", "PyTorch", "SciPy", "SoftPool", "TensorFlow"))
"""Words of two capitals that name something outside the package."""
ELSEWHERE = frozenset((
    "coarsen", "concurrent", "inverted_cdf", "njit", "rescale_affine", "rolling", "savetxt"))
"""Names of other libraries that docstrings speak of and no code uses."""


def names_in_use() -> set[str]:
    """Every name and short text of the package's code, and its files and folders."""
    found = {part for folder in (PACKAGE, ROOT / "tests") for path in folder.rglob("*.*")
             for part in (path.name, path.stem, path.parent.name) if path.suffix in (".py", ".js")}
    kinds = {ast.Name: "id", ast.Attribute: "attr", ast.arg: "arg", ast.keyword: "arg", ast.FunctionDef: "name",
             ast.ClassDef: "name", ast.alias: "name", ast.Constant: "value"}
    for _, tree in trees():
        found.update(text for node in ast.walk(tree) if type(node) in kinds
                     if isinstance(text := getattr(node, kinds[type(node)]), str) and len(text) < 40)
    return found.union(dir(builtins), *(name.split(".") for name in found))


def docstrings() -> Iterator[tuple[str, str]]:
    """Each text that stands for itself, of modules, classes, functions and constants, with its place."""
    for path, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                yield f"{name(path)}:{node.lineno}", str(node.value.value)


def test_docstrings_speak_of_what_there_is() -> None:
    """A name in double backticks, a file and a class that a docstring names are of the package; if not, it is old."""
    known = names_in_use() | ELSEWHERE
    stale = []
    for place, text in docstrings():
        quoted = re.findall(r"``([A-Za-z_][\w.]*)(?:\([^`]*\))?``", text)
        words = [part for found in quoted for part in ([found] if found in known else found.split("."))]
        words += re.findall(r"\b\w+\.(?:py|js)\b", text) + re.findall(r"\b[A-Z][a-z]+(?:[A-Z][a-z]+)+\b", text)
        stale += [f"{place}: {word}" for word in words if word not in known | PROPER and word.rstrip("s") not in known]
    assert not stale, f"docstrings name what is not there any more (or add it to PROPER or ELSEWHERE): {stale}"
