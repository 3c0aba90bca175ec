"""One value, explained: equal to what pool gives, to the last bit, and to what the oracle says before rounding."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import reference
from test_matrix import EVERY_DTYPE, MIXED, PARAMETERS, ROUNDED, WINDOWING_ROWS

import poolcli
from poolcli.analysis.explain import rounding_text
from poolcli.analysis.explain.exact_numbers import to_float
from poolcli.analysis.explain.explain import Explanation
from poolcli.analysis.explain.explainers import EXPLAINERS
from poolcli.analysis.explain.window_samples import STATES
from poolcli.core.reducers import REDUCERS

ROWS = [row.values[0] for row in WINDOWING_ROWS]
EXPLAINED = [row.name for row in REDUCERS.values() if row.explanation]
SMALL = np.array([[1, 3, 2, 4], [5, 6, 7, 8], [9, 10, 11, 12], [13, 14, 15, 16]], np.uint8)


def fitted(options: dict[str, Any], ndim: int) -> dict[str, Any]:
    """One (before, after) repeated for every pooled axis."""
    padding = options.get("padding")
    return options | {"padding": padding * ndim} if isinstance(padding, tuple) else options


def cells(shape: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """The corners and the middle of a result."""
    yield from itertools.product(*({0, n // 2, n - 1} for n in shape))


def explained(x: np.ndarray, reducer: str, cell: tuple[int, ...], letters: str, **options: Any) -> Explanation:
    """The explanation of a cell of the whole result."""
    index = dict(zip(letters, cell, strict=True))
    kept = {"C": "channel", "N": "batch"}
    given = {kept[letter]: i for letter, i in index.items() if letter in kept}
    return poolcli.explain(x, reducer, at=[i for letter, i in index.items() if letter not in kept], layout=letters,
                           **given, **options)


def exact(x: np.ndarray, reducer: str, cell: tuple[int, ...], letters: str, **options: Any) -> Any:
    """What the oracle says before rounding, and the place of the sample that it picks."""
    o = reference.Options(layout=letters, **options)
    pooled = reference.pooled_axes(letters)
    geometry = dict(zip(pooled, reference.axes([x.shape[a] for a in pooled], o), strict=True))
    shape = [len(geometry[a].windows) if a in geometry else n for a, n in enumerate(x.shape)]
    word = 0
    if reducer == "stochastic":
        flat = int(np.ravel_multi_index(cell, shape))
        word = next(itertools.islice(reference.raw_words(o.seed + 2**64), flat, None))
    return reference.reduce(reference.look(x, cell, geometry, word, o), reducer, o)


def near(a: Any, b: Any, x: np.ndarray) -> bool:
    """Equal, where exact; to a few ulps of the window's values where computed in float64."""
    if isinstance(a, Fraction) and a == b:
        return True
    if a is None or b is None:
        return a is b
    a, b = float(a), float(b)
    return (a == b or (math.isnan(a) and math.isnan(b))
            or abs(a - b) <= 1e-13 * (abs(b) + float(np.nanmax(np.abs(x.astype(np.float64)), initial=0))))


def check(x: np.ndarray, reducer: str, letters: str, **options: Any) -> None:
    """Result, value before rounding and winner of some cells."""
    picks = REDUCERS[reducer].picks and not options.get("expected") and "pad_mode" not in options
    pooled = poolcli.pool(x, reducer, layout=letters, return_indices=picks, **options)
    values, indices = pooled if picks else (pooled, None)
    for cell in cells(values.shape):
        found = explained(x, reducer, cell, letters, **options)
        assert found.cell == cell and found.output_shape == values.shape
        assert found.result.dtype == values.dtype == np.dtype(found.dtype)
        np.testing.assert_array_equal(found.result, values[cell])
        value, place = exact(x, reducer, cell, letters, **options)
        assert near(found.value, value, x), (cell, found.value, value)
        if indices is not None:
            assert (found.winner.index if found.winner else -1) == indices[cell] == place


@pytest.mark.parametrize("ndim", MIXED)
@pytest.mark.parametrize("reducer", REDUCERS)
def test_every_windowing(reducer: str, ndim: int) -> None:
    """In 1 to 3 dimensions, with kept axes in front, behind and between: pool's own number, and the oracle's."""
    shape, layouts = MIXED[ndim]
    for dtype, letters in (("uint8", layouts[0]), ("float32", layouts[1]), ("uint8", layouts[2])):
        x = reference.made(shape, dtype, nonnegative=REDUCERS[reducer].nonnegative)
        for options in ROWS if letters == layouts[0] else ROWS[1:5]:
            check(x, reducer, letters, **fitted(options, ndim))


@pytest.mark.parametrize("reducer", REDUCERS)
def test_every_dtype(reducer: str) -> None:
    """From bool to float64."""
    for dtype in EVERY_DTYPE:
        check(reference.made((5, 6, 2), dtype, nonnegative=REDUCERS[reducer].nonnegative), reducer, "HWC", size=3,
              stride=2, padding=1)


@pytest.mark.parametrize(("reducer", "parameters"), PARAMETERS)
def test_every_parameter(reducer: str, parameters: dict[str, Any]) -> None:
    """Each changes the arithmetic as it changes the result."""
    for options in ({"size": 3, "stride": 2, "padding": 1, "ceil_mode": True}, {"adaptive": 2}):
        check(reference.made((5, 6, 2), "uint8"), reducer, "HWC", **options, **parameters)


@pytest.mark.parametrize("missing", [{"nan": "ignore"}, {"nan": "propagate"}, {"nan": "ignore", "nodata": 0}])
@pytest.mark.parametrize("reducer", REDUCERS)
def test_missing(reducer: str, missing: dict[str, Any]) -> None:
    """NaN is left out or wins, nodata is left out; an empty window has no value."""
    x = reference.made((6, 7), "float32", nonnegative=REDUCERS[reducer].nonnegative)
    rng = np.random.default_rng(1)
    x = np.where(rng.random(x.shape) < 0.4, rng.choice(np.array([np.nan, 0], np.float32), x.shape), x)
    for options in ROWS[:4]:
        check(x, reducer, "HW", **options, **missing)
    check(np.array([[np.nan, np.nan], [1, 2]], np.float32), reducer, "HW", size=(1, 2), **missing)


@pytest.mark.parametrize("extreme", [[np.inf, 1, 2, 3], [-np.inf, np.inf, 0, 1], [1e308, 1e308, 1e308, 5],
                                     [-np.inf] * 4, [1e-300, 3e-300, 0, 1e-310], [0.0] * 4])
@pytest.mark.parametrize("reducer", REDUCERS)
def test_extremes(reducer: str, extreme: list[float]) -> None:
    """Infinities, sums beyond float64, powers below it."""
    x = np.array([extreme])
    x = np.abs(x) if REDUCERS[reducer].nonnegative else x
    if reducer == "blur":
        x = x / 8  # its weighted sum is computed before the division, and 1 + 3 + 3 of 1e308 leave float64
    with np.errstate(all="ignore"):
        want = poolcli.pool(x, reducer, size="all").reshape(())[()]
    found = poolcli.explain(x, reducer, size="all")
    np.testing.assert_array_equal(found.result, want)
    assert found.value is not None and to_float(found.value) == pytest.approx(want, rel=1e-12, nan_ok=True)
    assert found.steps and found.rounding


@pytest.mark.parametrize("rule", rounding_text.RULES)
@pytest.mark.parametrize(("reducer", "given", "asked"), ROUNDED)
def test_rounding(reducer: str, given: str, asked: str, rule: str) -> None:
    """The number that the words end with is the result; a float's words say whether it is exact."""
    x = reference.made((4, 6), given)
    for at in ((0, 0), (1, 1), (1, 2)):
        found = poolcli.explain(x, reducer, at=at, size=2, dtype=asked, round=rule)
        if np.dtype(asked).kind == "f":
            assert ("exactly" in found.rounding) == (Fraction(float(found.result)) == found.value)
        elif "rounded" in found.rounding or "beyond" in found.rounding:
            assert int(re.findall(r"-?\d+", found.rounding)[-1]) == found.result
        else:
            assert found.value == int(found.result)


# The arithmetic as it is written.


def evaluated(step: str, x: list[Any]) -> float | None:
    """A line of arithmetic by Python's own parser; None for one that is in letters."""
    step = step.replace("...", "")
    step = re.sub(r"\|([^|]*)\|", r"abs(\1)", step).replace("^", "**")
    step = re.sub(r"(?<=[\d)]) (?=[(em])", " * ", step)
    if re.search(r"[a-z]\w* x\b|\bx_|sorted|frequent|\bm\b|\br\b", step):
        return None
    return float(eval(step, {"e": math.e, "log": math.log, "sqrt": math.sqrt, "inf": math.inf}))


@pytest.mark.parametrize("reducer", EXPLAINED)
def test_each_line_equals_the_one_before(reducer: str) -> None:
    """What is written is true: every line, read as Python, is the value."""
    x = np.array([[3, 1, 4], [1, 5, 9], [2, 6, 7]], np.uint8)
    for array in (x, x.astype(np.float32) / 4):
        found = poolcli.explain(array, reducer, size=3)
        numbers = [evaluated(step, array.tolist()) for step in found.steps if "min(...)" not in step]
        assert found.value is not None and numbers[-1] is not None
        assert [n for n in numbers if n is not None] == pytest.approx([float(found.value)] * (len(numbers)
                                                                      - numbers.count(None)), rel=1e-6)


@pytest.mark.parametrize("reducer", EXPLAINED)
def test_long_sums_are_shortened(reducer: str) -> None:
    """No line of a window of 10,000 samples is longer than a paragraph."""
    x = np.random.default_rng(0).random((100, 100)).astype(np.float32)
    found = poolcli.explain(x, reducer, size="all")
    assert all(len(line) < 400 for line in (*found.setup, *found.steps))
    np.testing.assert_array_equal(found.result, poolcli.pool(x, reducer, size="all")[0, 0])


def test_every_reducer_has_its_arithmetic() -> None:
    """And one that has none is explained by its core."""
    assert {row.explanation for row in REDUCERS.values()} - {""} == set(EXPLAINERS)
    from poolcli.analysis.explain.explain import reason_by_core
    from poolcli.analysis.explain.reasoning import PresentSamples
    from poolcli.pooling import parse_pooling

    for name in ("max", "avg", "lp", "blur"):
        pooling = parse_pooling(name)
        made = reason_by_core(pooling, PresentSamples(np.array([3.0, 4.0]), 2, parameters=pooling.parameters))
        assert made.value == pytest.approx({"max": 4, "avg": 3.5, "lp": 5, "blur": 3.5}[name])


# What is said of the window.


def test_positions_and_states() -> None:
    """Padding, overhang, NaN and nodata are told apart, and the winner is found."""
    x = np.array([[5, 1, np.nan], [0, 7, 2], [7, 3, 4]], np.float32)
    found = poolcli.explain(x, "max", at=(0, 0), size=3, stride=2, padding=1, nan="ignore", nodata=0)
    assert [[STATES[k] for k in row] for row in found.states] == [
        ["padding"] * 3, ["padding", "present", "present"], ["padding", "nodata", "present"]]
    assert (found.present, found.nominal) == (3, 9) and found.values.mask.sum() == 5
    assert found.winner is not None and found.winner.place == (1, 1) and found.winner.index == 4
    last = poolcli.explain(x, "avg", at=(1, -1), size=2, stride=2, ceil_mode=True, nan="ignore")
    assert (last.axes[1].start, last.axes[1].stop, last.axes[1].count) == (2, 4, 1)
    assert [STATES[k] for k in last.states.reshape(-1)] == ["present"] + ["overhang"] * 3


@pytest.mark.parametrize("reducer", [row.name for row in REDUCERS.values() if row.weighted_core])
def test_weights_and_masks_say_what_counts(reducer: str) -> None:
    """The library's result; what is hidden, and what weighs nothing, is told apart; sums and means are exact."""
    rng = np.random.default_rng(5)
    x, weights, mask = rng.integers(1, 50, (6, 7)), rng.integers(0, 4, (6, 7)) / 4, rng.random((6, 7)) < 0.8
    wanted = poolcli.pool(x, reducer, size=3, mask=mask, weights=weights)
    for at in ((0, 0), (1, 1)):
        found = poolcli.explain(x, reducer, at=at, size=3, mask=mask, weights=weights)
        cut = tuple(slice(3 * i, 3 * i + 3) for i in at)
        there, w = mask[cut] & (weights[cut] > 0), weights[cut]
        if reducer == "blur":
            w = w * np.outer([1, 2, 1], [1, 2, 1])
        assert found.result == wanted[at] and found.result.dtype == wanted.dtype
        assert found.value is not None and float(found.value) == pytest.approx(float(found.result), rel=1e-14)
        assert [STATES[k] for k in found.states.reshape(-1)] == [
            "present" if t else "weight 0" if m else "masked" for t, m in zip(there.flat, mask[cut].flat, strict=True)]
        assert found.shares is not None and (np.isnan(found.shares) == ~there).all()
        share = w[there] if reducer == "sum" else w[there] / w[there].sum()
        np.testing.assert_allclose(found.shares[there], share, rtol=1e-15)
        total = sum(Fraction(int(v)) * Fraction(float(u)) for v, u in zip(x[cut][there], w[there], strict=True))
        mass = sum(map(Fraction, w[there].tolist()))
        assert found.value == {"sum": total, "avg": total / mass}.get(reducer, found.value)


@pytest.mark.parametrize("reducer", ["avg", "sum", "var", "max", "mode", "blur"])
def test_samples_that_count_by_their_part(reducer: str) -> None:
    """Areas: the parts are weights of what takes weights, and nothing to other reducers."""
    x = np.random.default_rng(6).integers(1, 50, (7, 9))
    wanted = poolcli.pool(x, reducer, scale="5/2")
    for at in cells(wanted.shape):
        found = poolcli.explain(x, reducer, at=at, scale="5/2")
        assert found.result == wanted[at] and float(found.value or 0) == pytest.approx(float(found.result), rel=1e-14)
    part = poolcli.explain(np.arange(5), "sum", at=1, scale="5/2")
    assert (part.value, part.steps[0]) == (2 * Fraction(1, 2) + 3 + 4, "0.5*2 + 1*3 + 1*4")


def test_a_mask_hides_what_is_filled_from_it_and_no_constant() -> None:
    """As pool has it."""
    x, mask = SMALL.astype(float), np.ones((4, 4))
    mask[:2, :2] = 0
    for mode, state in (("edge", "masked"), ("constant", "filled padding")):
        options: dict[str, Any] = {"size": 2, "padding": 1, "pad_mode": mode, "mask": mask.astype(int)}
        found = poolcli.explain(x, "sum", at=(0, 0), **options)
        assert STATES[found.states[0, 0]] == state and STATES[found.states[1, 1]] == "masked"
        np.testing.assert_equal(found.result, poolcli.pool(x, "sum", **options)[0, 0])


def test_padding_that_is_data() -> None:
    """A pad mode's samples are told with the places that they came from."""
    found = poolcli.explain(SMALL, "avg", at=(0, 0), size=3, padding=1, pad_mode="reflect")
    assert found.values.tolist() == [[6, 5, 6], [3, 1, 3], [6, 5, 6]]
    assert found.states[0].tolist() == [1, 1, 1] and found.present == 9


def test_shares() -> None:
    """Weights of a blur are the binomial ones of present samples; they sum to 1."""
    found = poolcli.explain(SMALL, "blur", at=(0, 0), size=3, padding=1)
    assert found.shares is not None
    np.testing.assert_allclose(found.shares[1:, 1:], np.array([[4, 2], [2, 1]]) / 9)
    assert np.isnan(found.shares[0]).all()
    for reducer in ("avg", "soft", "lse", "gem", "median", "mixed", "var", "stochastic"):
        shares = poolcli.explain(SMALL, reducer, size=3).shares
        assert shares is not None and np.nansum(shares) == pytest.approx(1)


def test_the_middle_is_the_default() -> None:
    """Without ``at``; channel and batch are 0."""
    found = poolcli.explain(np.arange(120).reshape(2, 5, 6, 2), "max", size=1)
    assert found.cell == (0, 2, 2, 0) and found.kept == {"N": 0, "C": 0}


@pytest.mark.parametrize(("options", "said"), [
    ({"at": (2, 0)}, "there is no window 2 of axis H; 0 to 1 would work"),
    ({"at": (0, -3)}, "there is no window -3 of axis W; 0 to 1 would work"),
    ({"at": 1}, "at names 1 index, but HW are pooled; 0,0 would work"),
    ({"at": (0, 1.5)}, "there is no window 1.5 of axis W"),
    ({"channel": 1}, "channel 1 was asked for, but layout HW has no axis C"),
    ({"p": 3}, "p is a parameter of lp, gem, not of max"),
])
def test_errors(options: dict[str, Any], said: str) -> None:
    """PoolError with what would work."""
    with pytest.raises(poolcli.PoolError, match=re.escape(said)):
        poolcli.explain(SMALL, "max", **options)


def test_a_value_without_a_place() -> None:
    """A neighbour's NaN does not matter; its own is an error that names the place."""
    x = np.array([[1, 2, np.nan, 4]] * 2)
    assert poolcli.explain(x, "avg", at=(0, 0), size=2, dtype="uint8").result == 2
    with pytest.raises(poolcli.PoolError, match=r"the value at \(0, 1\) is NaN or missing"):
        poolcli.explain(x, "avg", at=(0, 1), size=2, dtype="uint8")
