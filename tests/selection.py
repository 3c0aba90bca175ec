"""Which tests `pytest` runs when it is told nothing: most of them, with few kernels to compile, in a few minutes.

Told of a file, a test or a marker it runs what it is told, with every kernel compiled. `pytest -m long` runs what is
left out otherwise; `.ci/run` does both.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from poolcli import jit
from poolcli.jit import KernelSpec

QUICK, LONG_ONES, NAMED = "quick", "long", "named"
"""What pytest may be told to run."""
LONG = (
    "chunked/test_dask_array.py", "chunked/test_tree_reduce.py", "chunked/test_run_array.py::test_chunks_are_the_whole",
    "cli/test_bench.py", "cli/test_cluster.py", "cli/test_gates.py", "cli/test_multiscale.py",
    "cli/test_large_tiff.py::test_ten_billion", "cli/test_urls.py::test_",
    "cli/test_volumes_on_dask.py", "faults/test_full_disk.py", "files/test_hostile.py",
    "analysis/test_bounds.py::test_least_of_reals", "analysis/test_page.py",
    "analysis/test_shift.py::test_a_blur_before", "analysis/test_shift.py::test_a_large_array",
    "test_contracts.py::test_plain_python_equals_compiled",
    "test_docs.py::test_commands_of_the_pages_run", "test_matrix.py::test_large_arrays", "test_onnx.py",
    "test_properties.py",
)
"""Clusters, browsers, servers, kills, fuzzing and the largest arrays. Beginnings of names below tests/."""
SAMPLED = {
    "analysis/test_bounds.py::test_hill": 12, "analysis/test_bounds.py::test_no_array": 6,
    "analysis/test_explain.py::test_every": 8, "analysis/test_explain.py::test_extremes": 4,
    "analysis/test_explain.py::test_missing": 4, "analysis/test_grad.py::test_gradients_are": 6,
    "analysis/test_group.py::test_a_turned": 12, "analysis/test_group.py::test_an_invariant": 8,
    "chunked/test_slabs.py": 8, "cli/test_large_tiff.py::test_boxes": 6, "core/test_boxes.py::test_boxes": 8,
    "drivers/test_addition_chain.py": 4, "drivers/test_flatten.py": 6, "drivers/test_weighted.py::test_narrow": 8,
    "engine/test_numpy_tier.py::test_results": 6, "kernels/test_fold_parts.py::test_parts": 6,
    "kernels/test_network.py": 8, "kernels/test_quick_kernels.py": 12, "kernels/test_quick_rounding.py": 4,
    "test_benchmarks.py": 4, "test_contracts.py::test_form_in": 6, "test_contracts.py::test_infinities": 6,
    "test_docs.py::test_pictures": 3, "test_masked.py": 8, "test_matrix.py::test_larger_arrays": 16,
    "test_matrix.py::test_matrix": 8, "test_matrix.py::test_missing": 8, "test_matrix.py::test_parameters": 6,
    "test_valid_samples.py": 6,
}
"""Large tables of cases: one row in so many is run. Which, follows from its name."""
THINNED = {
    "analysis/test_bounds.py::test_hill": 4, "analysis/test_bounds.py::test_no_array": 2,
    "analysis/test_grad.py::test_gradients_are": 2, "chunked/test_slabs.py": 2, "test_contracts.py": 2,
    "test_masked.py": 2, "test_matrix.py": 4, "test_valid_samples.py": 2,
}
"""Tables so large that the long run takes one row in so many of what the quick one leaves out; `pytest FILE`: all."""
PLAIN = ("analysis/test_explain.py", "analysis/test_grad.py", "test_masked.py", "test_matrix.py",
         "test_valid_samples.py")
"""Of the files below, those where the long ones run kernels as plain Python too, but for the sixth below."""
TINY = (
    "analysis/test_bounds.py", "analysis/test_chain.py", "analysis/test_compare.py", "analysis/test_explain.py",
    "analysis/test_grad.py", "analysis/test_group.py", "analysis/test_pyramid.py", "analysis/test_shift.py",
    "cli/test_errors.py::test_every", "cli/test_text_arrays.py",
    "files/test_arrow.py", "batch/test_batch.py", "test_benchmarks.py", "core/test_boxes.py",
    "batch/test_clipping.py", "test_colour.py", "test_contracts.py", "test_masked.py", "test_matrix.py",
    "engine/test_numpy_tier.py",
    "chunked/test_slabs.py", "test_worked_examples.py",
    "test_pandas.py", "test_same_kind.py", "core/test_conventions.py", "analysis/test_fractions.py",
    "analysis/test_whole_pixels.py",
    "core/test_areas.py", "test_valid_samples.py",
)
"""Where arrays are so small that kernels need not be compiled to be quick: they run as plain Python."""
COMPILED = {"test_matrix.py::test_larger": ("uint8", "float32")}
"""Files of those where kernels for samples of these types are compiled for all that."""
COMPILED_SHARE = 6
"""Of the tests that may run kernels as plain Python, one in so many runs compiled among the long ones; others that are
left out of the quick ones run there as plain Python too. All of them compiled took hours; kernels have tests of their
own, and files that are named run compiled as a whole.
"""
RARELY_COMPILED = {"test_valid_samples.py::test_folds_of": 29}
"""Of these one in so many: each needs some forty kernels, two minutes of compiling."""
KERNELS = 120
"""About how many are compiled on a first run."""


def place(item: pytest.Item) -> str:
    """A test's name from the folder of tests on."""
    return item.nodeid.removeprefix("tests/")


def is_long(item: pytest.Item) -> bool:
    """Whether a test is left out where nothing is said: by the tables above, or by its own marker."""
    name = place(item)
    if name.startswith(LONG) or item.get_closest_marker("long"):
        return True
    return any(zlib.crc32(name.encode()) % share for start, share in SAMPLED.items() if name.startswith(start))


def runs_again(item: pytest.Item) -> bool:
    """Whether a quick test that ran kernels as plain Python is among the long ones too, with compiled kernels."""
    name = place(item)
    share = next((share for start, share in RARELY_COMPILED.items() if name.startswith(start)), COMPILED_SHARE)
    return is_tiny(item) and not zlib.crc32(b"compiled " + name.encode()) % share


def is_tiny(item: pytest.Item) -> bool:
    """Whether a test may run kernels as plain Python."""
    return place(item).startswith(TINY)


def runs_plain(item: pytest.Item, run: str) -> bool:
    """Whether a test runs kernels as plain Python: where it may; of the long ones only the largest tables."""
    return is_tiny(item) and (run == QUICK or (
        run == LONG_ONES and place(item).startswith(tuple(PLAIN)) and not runs_again(item)))


def is_thinned(item: pytest.Item) -> bool:
    """Whether a long test runs only where its file is named."""
    name = place(item)
    number = zlib.crc32(b"thin " + name.encode())
    return any(number % share for start, share in THINNED.items() if name.startswith(start))


def dtypes(item: pytest.Item) -> tuple[str, ...]:
    """For which types of samples such a test has kernels compiled."""
    return next((found for start, found in COMPILED.items() if place(item).startswith(start)), ())


def shuffle(items: Sequence[pytest.Item], seed: int) -> list[pytest.Item]:
    """All tests in an order that the seed settles; those of a file stay together, for they share fixtures."""
    dice = random.Random(seed)
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    groups = list(files.values())
    dice.shuffle(groups)
    return [item for group in groups for item in dice.sample(group, len(group))]


def told(config: pytest.Config) -> str:
    """Return which tests are to run: the quick ones, the long ones, or those that are named."""
    if told_nothing(config):
        return QUICK
    return LONG_ONES if config.getoption("markexpr", None) == "long" else NAMED


def told_nothing(config: pytest.Config) -> bool:
    """Whether pytest is to run what it finds in the folder of tests."""
    chosen = any(config.getoption(name, None) for name in ("markexpr", "keyword", "lf", "failedfirst", "stepwise"))
    return config.args_source is pytest.Config.ArgsSource.TESTPATHS and not chosen


def heading(kernels: Path, quick: bool) -> list[str]:
    """What a newcomer is told before the dots, in one line, of what takes the time."""
    kept = len(list(kernels.glob("*.o")))
    if not quick:
        return [f"poolcli: {kept} kernels are kept in {kernels}; those that are missing are compiled, 1 to 2 s each"]
    missing = max(KERNELS - kept, 0)
    what = f"about {missing} kernels to compile first, 1 to 2 s each, this once" if missing else "the kernels are there"
    return [f"poolcli: {what}; the long tests are left out, `pytest -m long` runs them"]


_real = jit.load
_plain: dict[KernelSpec, Any] = {}


@contextmanager
def compiling(names: Container[str]) -> Iterator[None]:
    """Meanwhile kernels for samples of these types are compiled, all others run as plain Python."""

    def load(spec: KernelSpec) -> Any:
        if jit._requested is not None or spec.arguments[0] in names:
            return _real(spec)
        if spec not in _plain:
            _plain[spec] = jit.interpret(spec)
        return _plain[spec]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jit, "load", load)
        yield
