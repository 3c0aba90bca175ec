"""Group pooling keeps its promise: exactly for groups, and the check says by how much where it cannot."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import poolcli
from poolcli import PoolError
from poolcli.analysis.group import group as grouping
from poolcli.core.reducers import REDUCERS

Array = NDArray[Any]
RNG = np.random.default_rng(0)
X = RNG.integers(0, 256, (7, 10, 2)).astype(np.uint8)
"""Neither square nor a multiple of the windows: plain pooling leaves out one edge and not the other."""
WINDOWS: list[dict[str, Any]] = [{"size": 2}, {"size": 3, "stride": 2, "padding": "same"}, {"adaptive": 3},
                                 {"size": 3, "stride": 2, "padding": 1, "ceil_mode": True}]
PROMISING = [name for name in REDUCERS if name != "stochastic"]


def turned(x: Array, over: str) -> list[tuple[Array, Any]]:
    """The input turned or flipped by hand, and what does the same to the result."""
    turns = [(np.rot90(x, k), lambda y, k=k: np.rot90(y, k)) for k in range(4)]
    flips = [(np.flip(x, axes), lambda y, axes=axes: np.flip(y, axes)) for axes in ((0,), (1,), (0, 1))]
    return {"rot4": turns, "flips": flips, "d4": turns + flips}[over]


def test_of_a_large_array_the_middle_is_checked() -> None:
    """The result is that of all of it; the check sees what windows leave out at the end as before."""
    x = np.random.default_rng(6).integers(0, 256, (2001, 40), np.uint8)
    found = poolcli.group(x, "avg", over="flips", size=4)
    assert found.values.shape == (500, 10) and found.checked_shape == (321, 40)
    assert found.largest == 0 and found.plain_largest is not None and found.plain_largest > 0
    assert poolcli.group(x[:1000], "avg", over="flips", size=4).checked_shape is None


def test_copies_are_reduced_block_by_block(monkeypatch: pytest.MonkeyPatch) -> None:
    """To the last bit as all at once."""
    x = np.random.default_rng(7).normal(size=(64, 64))
    whole = [poolcli.group(x, name, over="d4", size=3, check=False).values for name in ("median", "avg")]
    monkeypatch.setattr(grouping, "REDUCED_AT_ONCE", 50)
    for name, expected in zip(("median", "avg"), whole, strict=True):
        assert np.array_equal(poolcli.group(x, name, over="d4", size=3, check=False).values, expected)


def test_means_over_copies_of_bytes_are_rounded_once() -> None:
    """Half up, from the sum of all copies: windows are counted from another corner in each."""
    x = np.random.default_rng(5).integers(0, 256, (181, 199), np.uint8)
    total = np.zeros((60, 66), int)
    for turns in range(4):
        turned = np.rot90(x, turns).astype(int)
        rows, columns = (n // 3 for n in turned.shape)
        total += np.rot90(turned[: 3 * rows, : 3 * columns].reshape(rows, 3, columns, 3).sum((1, 3)), -turns)
    found = poolcli.group(x, "avg", over="rot4", size=3, dtype="uint8", check=False)
    assert np.array_equal(found.values, (2 * total + 36) // 72)


@pytest.mark.parametrize("over", ["rot4", "flips", "d4"])
@pytest.mark.parametrize("name", PROMISING)
def test_a_turned_input_gives_the_turned_result(name: str, over: str) -> None:
    """To the last digit but for rounding, where the plain pooling does not."""
    differs = False
    for options in WINDOWS:
        found = poolcli.group(X, name, over=over, **options)
        assert (found.promise, found.exact) == ("equivariant", True)
        assert found.values.shape == poolcli.pool(X, name, **options).shape
        for x, do in turned(X, over):
            again = poolcli.group(x, name, over=over, check=False, **options).values
            np.testing.assert_allclose(again, do(found.values), rtol=1e-12, atol=1e-9)
        assert found.largest is not None and found.largest < 1e-9 and len(found.checks) == len(found.members) - 1
        differs |= found.plain_largest is not None and found.plain_largest > 0.1
    assert differs


@pytest.mark.parametrize("over", ["rot4", "flips", "d4"])
@pytest.mark.parametrize("options", [{"size": "all"}, {"size": 2, "invariant": True}], ids=str)
def test_an_invariant_result_does_not_change(over: str, options: dict[str, Any]) -> None:
    """With one window over everything, or where copies are not brought back."""
    square = X[:, :7]
    for name in ("max", "subsample", "blur", "median"):
        found = poolcli.group(square, name, over=over, **options)
        assert found.promise == "invariant" and found.largest is not None and found.largest < 1e-9
        for x, _ in turned(square, over):
            np.testing.assert_allclose(poolcli.group(x, name, over=over, **options).values, found.values)
    plain = [poolcli.pool(x, "subsample", size=2) for x, _ in turned(square, over)]
    assert any((one != plain[0]).any() for one in plain[1:])


def test_it_is_the_mean_over_copies_brought_back() -> None:
    """Written out: pool each quarter turn, turn back, average."""
    copies = [np.rot90(poolcli.pool(np.rot90(X, k), "subsample", size=2).astype(float), -k) for k in range(4)]
    wanted = np.mean(copies, axis=0)
    np.testing.assert_array_equal(poolcli.group(X, "subsample", over="rot4", size=2).values, wanted)
    assert poolcli.group(X, "subsample", over="rot4", size=2).by == "avg"


def test_shifts_are_circular_and_brought_back_by_whole_strides() -> None:
    """Written out; the set is not closed, so it is nearly equivariant, and nearer than plain pooling."""
    x = RNG.normal(size=(12, 12))
    found = poolcli.group(x, "max", over="shift:3", size=2)
    copies = [np.roll(poolcli.pool(np.roll(x, (i, j), (0, 1)), "max", size=2), (-(i // 2), -(j // 2)), (0, 1))
              for i in range(3) for j in range(3)]
    np.testing.assert_array_equal(found.values, np.max(copies, axis=0))
    assert not found.exact and found.mean is not None and found.plain_mean is not None
    assert 0 < found.mean < found.plain_mean and found.members[4] == "shift 1, 1"
    for one in poolcli.group(x, "max", over="shift:4", size=1).checks:  # with stride 1 plain pooling is equivariant
        assert one.plain_largest == 0


def test_deviations_are_those_of_the_definition() -> None:
    """|f(g x) - g f(x)|, largest and mean, of the plain pooling."""
    found = poolcli.group(X, "max", over="rot4", size=2)
    plain = poolcli.pool(X, "max", size=2).astype(float)
    for k, one in enumerate(found.checks, 1):
        off = np.abs(poolcli.pool(np.rot90(X, k), "max", size=2) - np.rot90(plain, k))
        assert (one.transform, one.plain_largest, one.plain_mean) == (f"{90 * k}°", off.max(), off.mean())


@pytest.mark.parametrize("name", REDUCERS)
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_a_stack_is_reduced_element_by_element(name: str, dtype: str) -> None:
    """As pooling the stack's axis alone; with windows, each array is pooled before."""
    arrays = [RNG.integers(0, 9, (4, 6)).astype(dtype) for _ in range(3)]
    wanted = poolcli.pool(np.stack([one.reshape(-1) for one in arrays]), name, size="all", layout="GC").reshape(4, 6)
    found = poolcli.group(arrays, name)
    np.testing.assert_array_equal(found.values, wanted)
    assert found.values.dtype == wanted.dtype and (found.over, found.reducer, found.checks) == ("stack", "", ())
    if name == "max":
        windows = poolcli.group(arrays, name, size=2).values
        np.testing.assert_array_equal(windows, poolcli.pool(np.max(arrays, axis=0), "max", size=2))


def test_one_rounding_at_the_end() -> None:
    """Averages of 8-bit copies are not rounded before they are averaged; dtype is the result's."""
    arrays = [np.array([[0, 1], [0, 0]], np.uint8), np.array([[1, 0], [0, 1]], np.uint8)]
    found = poolcli.group(arrays, "avg", size=2, dtype="uint8", squeeze=True)
    assert found.values.shape == () and found.values == 0  # 3/8; 1/2 and 1/4 rounded would give 1
    x = np.array([[1, 1, 0], [0, 0, 0]], np.uint8)  # 1/2 as it is, 1/4 flipped: 3/8, where 1 and 0 would give 1
    assert poolcli.group(x, "avg", over="flips", size=2, dtype="uint8").values.item() == 0
    arrays[0][1, 1] = 1
    assert poolcli.group(arrays, "avg", size=2, dtype="uint8").values.item() == 1


def test_missing_samples_are_missing_in_all_copies() -> None:
    """What one copy lacks another may have; where all lack it, so does the result."""
    arrays = [np.array([1.0, np.nan, np.nan]), np.array([3.0, 5.0, np.nan])]
    np.testing.assert_array_equal(poolcli.group(arrays, "avg", nan="ignore").values, [2, 5, np.nan])
    np.testing.assert_array_equal(poolcli.group(arrays, "avg").values, [2, np.nan, np.nan])
    assert poolcli.group([np.array([7, 0]), np.array([0, 0])], "max", nodata=0).values.tolist() == [7, 0]
    hole = np.where(np.arange(16).reshape(4, 4) == 5, np.nan, 1.0)
    found = poolcli.group(hole, "max", over="d4", size=3, stride=1, nan="ignore")
    assert found.largest == 0 and not np.isnan(found.values).any()


def test_volumes_turn_in_their_last_two_axes_and_sequences_flip() -> None:
    """Batch and channels stay; depth is flipped, not turned."""
    x = RNG.normal(size=(2, 4, 5, 6))
    found = poolcli.group(x, "avg", over="rot4", size=2, layout="CDHW")
    again = poolcli.group(np.rot90(x, 1, (2, 3)), "avg", over="rot4", size=2, layout="CDHW")
    np.testing.assert_allclose(again.values, np.rot90(found.values, 1, (2, 3)))
    assert len(poolcli.group(x, "max", over="flips", size=2, layout="CDHW").members) == 8
    assert poolcli.group(np.arange(5.0), "max", over="flips", size=2).members == ("as it is", "flip L")


def test_chance_and_order_promise_nothing() -> None:
    """Draws, and reducers of copies to which their order matters."""
    assert not poolcli.group(X, "stochastic", over="rot4").exact
    for name in (row.name for row in poolcli.REDUCERS.values() if not row.any_order):
        assert not poolcli.group(X, "max", over="rot4", by=name).exact


@pytest.mark.parametrize("name", [row.name for row in poolcli.REDUCERS.values() if row.agrees])
def test_copies_that_agree_are_what_they_agree_on(name: str) -> None:
    """And in any order they give the same."""
    x = np.full((3, 3), 7.0)
    np.testing.assert_allclose(poolcli.group([x, x, x], name).values, 7)
    a, b = RNG.random((3, 3)), RNG.random((3, 3))
    np.testing.assert_allclose(poolcli.group([a, b], name).values, poolcli.group([b, a], name).values)


@pytest.mark.parametrize(("call", "said"), [
    (lambda: poolcli.group(X, over="rot5"), "over must be rot4"),
    (lambda: poolcli.group(X, over="shift:0"), "over must be rot4"),
    (lambda: poolcli.group(X, over="shift:9"), "makes 81 copies"),
    (lambda: poolcli.group(np.arange(4), over="rot4"), "flips would work"),
    (lambda: poolcli.group(X, over="rot4", size=(2, 3)), "windows that are alike"),
    (lambda: poolcli.group(X, over="rot4", invariant=True), "a square input"),
    (lambda: poolcli.group(X, over="shift:2", adaptive=5), "not equally far apart"),
    (lambda: poolcli.group(X, over="rot4", by=("avg", {"size": 2})), "size cannot be said"),
    (lambda: poolcli.group(X, over="rot4", by="most"), "no reducer 'most'"),
    (lambda: poolcli.group([X, X[:3]]), "arrays of one shape and dtype"),
    (lambda: poolcli.group(X), "a list of arrays is missing"),
    (lambda: poolcli.group([]), "a list of arrays is missing"),
])
def test_what_cannot_be_grouped_is_told(call: Any, said: str) -> None:
    """PoolError with what would work."""
    with pytest.raises(PoolError, match=said):
        call()
