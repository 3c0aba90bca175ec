"""The kernel of quantiles by area, against fractions in plain Python."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import poolcli
from poolcli import pooling
from poolcli.drivers import area_rank_driver, general_driver
from poolcli.engine import run
from poolcli.kernels import area_ranks

RNG = np.random.default_rng(13)


def parts(n: int, ratio: Fraction) -> list[list[tuple[int, Fraction]]]:
    """For each window of an axis its samples, and the part of each that lies in it."""
    ends = [(i * ratio, (i + 1) * ratio) for i in range(int(n / ratio))]
    return [[(j, min(b, Fraction(j + 1)) - max(a, Fraction(j))) for j in range(math.floor(a), math.ceil(b))]
            for a, b in ends]


def ranked(samples: list[tuple[float, Fraction]], q: Fraction) -> float:
    """The smallest sample up to which there is the share q of what counts; NaN where one wins or none is there."""
    if not samples or any(x != x for x, _ in samples):
        return math.nan
    total, below = sum(part for _, part in samples), Fraction(0)
    for x, part in sorted(samples):
        below += part
        if below >= q * total:
            return x
    raise AssertionError


def expected(x: Any, ratios: list[Fraction], q: Fraction, lacks: Any) -> Any:
    """Quantiles of windows over all axes but the last, samples that ``lacks`` tells left out."""
    axes = [parts(n, ratio) for n, ratio in zip(x.shape[:-1], ratios, strict=True)]
    found = np.empty((*map(len, axes), x.shape[-1]))
    for at in np.ndindex(*found.shape):
        window = [axis[i] for axis, i in zip(axes, at, strict=False)]
        samples = [(float(x[*(j for j, _ in place), at[-1]]), math.prod(part for _, part in place))
                   for place in itertools.product(*window)]
        found[at] = ranked([one for one in samples if not lacks(one[0])], q)
    return found


CASES: list[tuple[str, str, tuple[int, ...], str, dict[str, Any]]] = [
    ("several tiles of a row", "uint8", (7, 400, 1), "HWC", {"scale": 2.5}),
    ("the last window at the end", "uint16", (11, 13, 1), "HWC", {"area": (4, 6)}),
    ("channels", "int16", (9, 60, 3), "HWC", {"scale": "7/3"}),
    ("more channels than lanes", "uint8", (6, 7, 150), "HWC", {"scale": 2.5}),
    ("three axes", "float32", (5, 7, 23, 1), "DHWC", {"scale": 1.5}),
    ("an axis that is kept", "float64", (9, 31, 1), "HWC", {"area": ("all", 7)}),
    ("large windows", "int32", (20, 90, 1), "HWC", {"scale": 18.5}),
    ("wide values", "float64", (8, 50, 2), "HWC", {"scale": "1.01"}),
    ("nodata", "uint8", (9, 50, 2), "HWC", {"scale": 1.6, "nodata": 3}),
    ("windows of nodata alone", "uint8", (9, 50, 1), "HWC", {"scale": 1.2, "nodata": 2}),
    ("NaN wins", "float32", (9, 50, 2), "HWC", {"scale": 1.6}),
    ("NaN ignored", "float32", (9, 50, 1), "HWC", {"scale": 1.2, "nan": "ignore"}),
]


@pytest.mark.parametrize("q", [0.0, 0.25, 0.5, 0.875, 1.0])
@pytest.mark.parametrize(("name", "dtype", "shape", "layout", "options"), CASES, ids=[case[0] for case in CASES])
def test_quantiles_count_samples_by_their_part(name: str, dtype: str, shape: tuple[int, ...], layout: str,
                                               options: dict[str, Any], q: float,
                                               monkeypatch: pytest.MonkeyPatch) -> None:
    """Every way through the kernel; few values, so that many samples are equal."""
    x = RNG.integers(0, 9, shape).astype(dtype) - (4 if dtype[0] in "if" else 0)
    if "NaN" in name:
        x[RNG.random(shape) < (0.5 if "ignored" in name else 0.1)] = math.nan
    if "alone" in name:
        x[RNG.random(shape) < 0.7] = 2
    made = []
    choose = area_rank_driver.choose
    monkeypatch.setattr(run, "PART_CHOICES", (lambda work: made.append(choose(work)) or made[-1],))
    # every window has its value from this kernel: the general one is not asked again
    monkeypatch.setattr(general_driver.General, "runner", lambda *_, **__: pytest.fail("the general kernel"))
    pooling.cache_clear()
    found = poolcli.pool(x, "quantile", q=q, layout=layout, **options)
    assert made[0].spec.make is area_ranks.make_kernel
    ratios = [Fraction(str(options["scale"]))] * (len(shape) - 1) if "scale" in options else [
        Fraction(1) if m == "all" else Fraction(n, m) for n, m in zip(shape, options["area"], strict=False)]
    nodata = options.get("nodata")
    wanted = expected(x, ratios, Fraction(q), lambda v: v == nodata or (v != v and "nan" in options))
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int64"])
@pytest.mark.parametrize("how", ["half-up", "half-even", "floor", "ceil"])
def test_quantiles_of_floats_are_rounded_once(how: str, dtype: str) -> None:
    """Into integers of every width, by each rule."""
    rules: dict[str, Any] = {"half-up": lambda v: math.floor(v + 0.5), "half-even": round, "floor": math.floor,
                             "ceil": math.ceil}
    x = RNG.integers(0, 80, (9, 40, 1)) / 4
    found = poolcli.pool(x, "median", scale=2.5, layout="HWC", dtype=dtype, round=how)
    wanted = expected(x, [Fraction(5, 2)] * 2, Fraction(1, 2), lambda v: False)
    assert found.reshape(-1).tolist() == [rules[how](v) for v in wanted.reshape(-1).tolist()]


def test_any_share_is_that_of_the_general_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shares that a double only comes near to, where the parts of samples reach them exactly."""
    x = RNG.integers(0, 100, (20, 300)).astype(np.float32)
    for q in (0.1, 0.3, 0.7, 0.9, 1 / 3, 2 / 3, 0.05, 0.95):
        pooling.cache_clear()
        found = poolcli.pool(x, "quantile", q=q, scale=(2, 2.5))
        with monkeypatch.context() as patch:
            patch.setattr(run, "PART_CHOICES", ())
            pooling.cache_clear()
            assert np.array_equal(found, poolcli.pool(x, "quantile", q=q, scale=(2, 2.5)))
