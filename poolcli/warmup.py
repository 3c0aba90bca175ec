"""Compiling in advance: which kernels the usual work needs, and making them in several processes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import product
from typing import Any

import numpy as np

from . import jit
from .core.dtypes import parse_dtype
from .core.reducers import REDUCERS
from .errors import PoolError
from .pooling import pool

USUAL = ("max", "min", "avg", "median")
DTYPES = ("uint8", "uint16", "float32", "float64")
_WINDOWS: Sequence[dict[str, Any]] = (
    {"size": 2}, {"size": 3}, {"size": 3, "stride": 2, "padding": 1}, {"size": 3, "stride": 1, "padding": "same"},
    {"size": "all"},
)
_SHAPES = ((60, 60), (600, 600), (600, 600, 3))
"""Small, and grey and colour so large that the kernels for large arrays are asked for."""


def list_specs(reducers: Iterable[str] = USUAL, dtypes: Iterable[str] = DTYPES) -> list[jit.KernelSpec]:
    """The kernels that usual windows of these reducers and types need, by the engine's own choice.

    Integers are asked for twice: with the result of an array, and of a picture, which has its input's type.
    """
    with jit.record_requests() as asked:
        for reducer, name, shape, windows in product(_check_names(reducers), dtypes, _SHAPES, _WINDOWS):
            x = np.zeros(shape, parse_dtype(name))
            pool(x, reducer, **windows)
            pool(x, reducer, **windows, dtype=x.dtype)
    return list(asked)


def list_day_specs() -> list[jit.KernelSpec]:
    """The kernels of an ordinary day: pictures into pictures and maps of float32, so few that they compile in 30 s.

    Those of windows of 2 and 3 of small arrays, most of which serve every size of windows, and for bytes 2x2 of large
    pictures, grey and coloured. All others NumPy does until they are worth a kernel.
    """
    small, *large = _SHAPES
    pair, *others, _ = _WINDOWS
    cases = [*product(("uint8", "float32"), [small], [pair, *others]), *product(["uint8"], large, [pair])]
    with jit.record_requests() as asked:
        for reducer, (name, shape, windows) in product(USUAL, cases):
            pool(np.zeros(shape, name), reducer, **windows, dtype=name)
    return list(asked)


def _check_names(reducers: Iterable[str]) -> list[str]:
    """The names, all of which exist."""
    names = list(reducers)
    for name in names:
        if name not in REDUCERS:
            raise PoolError(f"there is no reducer {name!r}; there are {', '.join(REDUCERS)}")
    return names


def drop_cached(wanted: Iterable[jit.KernelSpec]) -> list[jit.KernelSpec]:
    """Those that are still to be compiled."""
    return [spec for spec in wanted if not jit.is_cached(spec)]


def compile_all(wanted: Sequence[jit.KernelSpec], jobs: int) -> Iterator[str | None]:
    """Compile and keep each kernel, in processes of their own; for each what went wrong, or None, as they end."""
    from concurrent.futures import as_completed

    with _start_workers(min(jobs, len(wanted))) as submit:
        for future in as_completed([submit(compile_one, spec) for spec in wanted]):
            yield future.result()


@contextmanager
def _start_workers(count: int) -> Iterator[Callable[..., Any]]:
    """What takes work for so many processes. Numba compiles one kernel at a time, and imports take 0.5 s each."""
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    pool = ProcessPoolExecutor(max(1, count), get_context("spawn"), initializer=_ignore_interrupts)
    try:
        yield pool.submit
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _ignore_interrupts() -> None:
    """Ctrl-C is the first process's business; the others end with it."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)


def compile_one(spec: jit.KernelSpec) -> str | None:
    """Compile one kernel; what went wrong, or None."""
    try:
        jit.compile_to_cache(spec)
    except OSError as error:
        return f"kernels are not kept: {error.strerror or error}"
    except Exception as error:  # whatever a compiler may fail with
        return f"a kernel does not compile: {jit.describe_failure(error)}"
    return None
