"""Plans: shapes, letters and shares against lists of windows, and where a part stands in the whole."""

from __future__ import annotations

import itertools
from math import prod
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolcli.core import axes, plans
from poolcli.core.boxes import subplan
from poolcli.core.plans import Plan
from poolcli.core.windowings import keep_axis
from poolcli.errors import PoolError
from poolcli.pooling import parse_pooling


def make_plan(shape: tuple[int, ...], layout: str, **options: Any) -> Plan:
    """The plan of a maximum."""
    return parse_pooling("max", layout=layout, **options).plan(shape)


def test_shapes_and_letters_of_a_result() -> None:
    """Pooled axes that have one window are dropped where that is asked; others of length 1 stay."""
    for squeeze, shape, letters in ((False, (1, 1, 3, 1, 1), "NDHWC"), (True, (1, 3, 1), "NHC")):
        plan = make_plan((1, 2, 6, 1, 1), "NDHWC", size=2, padding=((0, 0), (0, 0), (0, 1)), squeeze=squeeze)
        assert plan.full_shape == (1, 1, 3, 1, 1)
        assert (plan.output_shape, plan.output_letters) == (shape, letters)
        assert plans.find_squeezed(plan) == ({1, 3} if squeeze else set())


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 4), st.integers(1, 4))
def test_coverage_is_of_samples_in_a_window(rows: int, columns: int, size: int, stride: int) -> None:
    """Of all the array; and by axis how many are in none."""
    if size > min(rows, columns):
        return
    plan = make_plan((3, rows, columns), "CHW", size=size, stride=stride)
    seen = np.zeros((rows, columns), bool)
    for y, x in itertools.product(range(0, rows - size + 1, stride), range(0, columns - size + 1, stride)):
        seen[y : y + size, x : x + size] = True
    assert plan.coverage == pytest.approx(seen.mean(), rel=1e-12)
    assert plan.uncovered == {"H": int((~seen.any(1)).sum()), "W": int((~seen.any(0)).sum())}


def test_samples_that_count_by_parts_can_count_wholly() -> None:
    """The same plan where they do already; on one axis of two too."""
    whole = make_plan((6, 5), "HW", area=(3, 5))
    assert whole.count_wholly() is whole
    whole.check_whole_samples("this study")
    parts = make_plan((6, 5), "HW", area=(3, 2))
    assert [one.weighs for one in parts.windows] == [False, True]
    assert not any(one.weighs for one in parts.count_wholly().windows)
    with pytest.raises(PoolError) as caught:
        parts.check_whole_samples("this study")
    assert str(caught.value).startswith("this study does not know of samples that count by their part; --touch all")


@pytest.mark.parametrize(("layout", "shape"), [("HWC", (20, 12, 2)), ("CDHW", (2, 3, 20, 12))])
def test_a_part_knows_where_the_whole_begins(layout: str, shape: tuple[int, ...]) -> None:
    """The first window along H, in the rows of the part."""
    plan = make_plan(shape, layout, size=3, stride=2, padding=1)
    outputs = tuple((2, n) if letter == "H" else (1, n) for n, letter in zip(plan.full_shape, layout, strict=True))
    inputs = tuple((3, n) if letter == "H" else (0, n) for n, letter in zip(shape, layout, strict=True))
    part, place = subplan(plan, outputs, inputs)
    assert (place.of, place.first) == (plan, tuple(start for start, _ in outputs))
    assert place.corner == tuple(start for start, _ in inputs)
    assert place.origin == -1 - 3 == part.windows[-2].starts[0] - 2 * 2
    row, its_place = subplan(make_plan((9,), "L", size=3, padding=1), ((1, 2),), ((2, 5),))
    assert its_place.origin == 0 and row.full_shape == (1,)


def test_a_place_in_a_part_is_one_in_the_whole() -> None:
    """Shifted by the part's corner; without a part it is itself."""
    assert plans.place_in(np.array([1, 2, 3]), (10, 0, 5)) == (11, 2, 8)
    assert plans.place_in((1, 2), None) == (1, 2)
    assert all(type(i) is int for i in plans.place_in(np.array([1, 2]), None))


@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.data())
def test_runs_are_the_stretches_of_flat_numbers(lengths: list[int], data: st.DataObject) -> None:
    """From the last axis along which the part is not the whole, all that lies behind is one stretch."""
    shape = tuple(lengths)
    layout = "NDHW"[-len(shape):] if len(shape) > 1 else "L"
    pooled = axes.resolve(shape, layout)
    whole = Plan(pooled, shape, tuple(keep_axis(shape[i]) for i in pooled.pooled))
    assert whole.output_shape == shape
    first = tuple(data.draw(st.integers(0, n - 1)) for n in shape)
    box = tuple((start, data.draw(st.integers(start + 1, n))) for start, n in zip(first, shape, strict=True))
    flat = np.arange(prod(shape)).reshape(shape)
    part, place = subplan(whole, box, box)
    numbers = flat[tuple(slice(*one) for one in box)]
    for one, where, values in ((whole, None, flat), (part, place, numbers)):
        cut = max((i for i, n in enumerate(values.shape) if n != shape[i]), default=0)
        wanted = [(index, int(values[index].flat[0]), values[index].size) for index in np.ndindex(*values.shape[:cut])]
        found = list(plans.runs(one, where))
        assert found == wanted
        assert [i for _, start, n in found for i in range(start, start + n)] == values.ravel().tolist()


def test_a_result_beyond_memory_is_refused() -> None:
    """By its shape alone; one that nobody holds is not."""
    with pytest.raises(PoolError, match=r"a result of shape 4x1000000x1000000x1000000 takes"):
        make_plan((4, 10**6, 10**6, 10**6), "NDHW", size=1)
    assert parse_pooling("max", size=1, layout="DHW").plan((10**6,) * 3, held=False).full_shape == (10**6,) * 3
