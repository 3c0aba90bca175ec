"""Windows of one axis: what is told in no time is what looking at every window tells."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from poolcli.core.windowings import window_options
from poolcli.core.windows import Stretch, Windows
from poolcli.drivers import policy
from poolcli.errors import PoolError
from poolcli.pooling import parse_pooling


@st.composite
def axes(draw: st.DrawFn) -> Windows:
    """The windows of an axis, of any kind."""
    n = draw(st.integers(1, 40))
    small = st.integers(1, 9)
    options: dict[str, Any] = draw(st.one_of(
        st.fixed_dictionaries({"size": small, "stride": small, "dilation": st.integers(1, 4),
                               "padding": st.tuples(st.tuples(st.integers(0, 12), st.integers(0, 12))),
                               "ceil_mode": st.booleans()}),
        st.fixed_dictionaries({"size": small, "stride": small, "padding": st.sampled_from(["same", "same-lower"])}),
        st.fixed_dictionaries({"adaptive": small}),
        st.fixed_dictionaries({"fractional": st.sampled_from([1.0, 1.3, 2.5])}),
    ))
    try:
        return window_options(options).windows([n])[0]
    except PoolError:
        return Windows(n, range(n), range(1, n + 1))


@given(axes())
def test_ranges_are_those_of_all_windows(windows: Windows) -> None:
    """Sizes and counts from the edges alone."""
    sizes, counts = windows.sizes, windows.present[1]
    assert windows.distinct_sizes == tuple(sorted(set(sizes.tolist())))
    assert windows.max_nominal() == windows.nominal().max()
    assert windows.size_range() == (sizes.min(), sizes.max())
    assert windows.count_range() == (counts.min(), counts.max())


@given(axes(), st.integers(0, 9), st.integers(1, 9))
def test_a_window_is_the_samples_at_its_positions(windows: Windows, first: int, count: int) -> None:
    """What is worked out for all windows at once, from every position of each, padding and overhang told apart."""
    ends = zip(windows.starts, windows.stops, strict=True)
    positions = [list(range(start, stop, windows.step)) for start, stop in ends]
    samples = [[at for at in one if 0 <= at < windows.length] for one in positions]
    found = windows.present
    assert windows.sizes.tolist() == [len(one) for one in positions]
    assert found[1].tolist() == [len(one) for one in samples]
    assert [windows.count_at(i) for i in range(len(windows))] == found[1].tolist()
    for i, one in enumerate(samples):
        if one:
            assert (found[0][i], positions[i][windows.offsets()[i]]) == (one[0], one[0])
    held = windows.length + windows.after
    assert windows.nominal().tolist() == [sum(at < held for at in one) for one in positions]
    covered = {at for one in samples for at in one}
    assert windows.reads().tolist() == [at in covered for at in range(windows.length)]
    assert windows.count_uncovered() == windows.length - len(covered)
    apart = Windows(windows.length, np.array(windows.starts), np.array(windows.stops), windows.step)
    assert windows.reach() == apart.reach() == (max(0, min(windows.starts)), min(windows.length, max(windows.stops)))
    part = windows[first : first + count]
    assert [list(range(*one, part.step)) for one in zip(part.starts, part.stops, strict=True)] == positions[
        first : first + count]
    assert (part.length, part.before, part.after, part.stretch) == (windows.length, windows.before, windows.after, None)
    padded = windows.on_padded_axis()
    assert padded.length == windows.length + windows.before + windows.after
    assert [start - windows.before for start in padded.starts] == list(windows.starts)
    assert [stop - windows.before for stop in padded.stops] == list(windows.stops)
    assert (padded.before, padded.after, padded.step) == (0, 0, windows.step)
    assert not windows.weighs and windows.count_wholly().stretch is None


@given(st.integers(1, 30), st.integers(1, 12), st.integers(0, 5), st.integers(1, 8), st.integers(0, 7))
def test_parts_of_samples_are_the_overlaps_of_stretches(size: int, unit: int, first: int, count: int,
                                                        skipped: int) -> None:
    """Of each sample of each window what lies in it; the same of a block of windows."""
    begins = [first + size * i for i in range(count)]
    starts = np.array([begin // unit for begin in begins])
    stops = np.array([-(-(begin + size) // unit) for begin in begins])
    windows = Windows(int(stops[-1]), starts, stops, stretch=Stretch(size, unit, first))
    expected = [[min(begin + size, (j + 1) * unit) - max(begin, j * unit) for j in range(start, stop)]
                for begin, start, stop in zip(begins, starts, stops, strict=True)]
    assert windows.weighs
    assert windows.count_wholly().stretch == Stretch(size, unit, first, False)
    assert not windows.count_wholly().weighs
    for windows_there, rows in ((windows, expected), (windows[skipped:], expected[skipped:])):
        if rows:
            parts, at = windows_there.parts()
            assert [one.tolist() for one in np.split(parts, at[1:])] == rows
            assert at[0] == 0


def test_ceil_mode_may_leave_windows_empty() -> None:
    """The counts are 0 then, not less; the first of them is found among irregular windows too."""
    regular = Windows(5, range(0, 12, 3), range(2, 14, 3))
    assert regular.present[1].tolist() == [2, 2, 0, 0]
    assert regular.empty() == 2
    irregular = Windows(5, np.array([0, 7, 1]), np.array([2, 9, 4]))
    assert irregular.present[1].tolist() == [2, 0, 3]
    assert irregular.empty() == 1 and irregular.distinct_sizes == (2, 3)
    assert irregular.count_range() == (0, 3)
    padded = replace(irregular, before=2).on_padded_axis()
    assert (padded.starts.tolist(), padded.stops.tolist()) == ([2, 9, 3], [4, 11, 6])


@given(axes())
def test_the_first_empty_window_is_found(windows: Windows) -> None:
    """Wherever it is."""
    counts = windows.present[1]
    assert windows.empty() == (int(np.argmin(counts)) if (counts == 0).any() else None)


@given(axes())
@example(Windows(3, range(0, 4, 2), range(5, 9, 2), after=4))
def test_windows_between_the_edges_are_whole(windows: Windows) -> None:
    """None of them is clipped."""
    if windows.regular:
        head, tail = windows.edges()
        assert (windows[head:tail].present[1] == windows.sizes[head:tail]).all()
        assert head == sum(start < 0 for start in windows.starts)
        assert tail == max(head, sum(stop <= windows.length for stop in windows.stops))


def test_many_windows_are_planned_in_no_time() -> None:
    """A billion of them, which no memory would hold one by one."""
    n = 10**9
    windows = Windows(n, range(-1, n - 1), range(2, n + 2), 1, 1, 1)
    assert windows.count_range() == (2, 3)
    assert windows.size_range() == (3, 3)
    assert windows.empty() is None
    assert windows.reach() == (0, n)


def test_a_dilated_window_begins_at_one_of_its_own_positions() -> None:
    """Of those at -3, -1, 1, 3 the third is the first sample, of those at 0, 2, 4, 6 the first."""
    windows = Windows(7, range(-3, 1, 3), range(4, 8, 3), 2)
    assert [one.tolist() for one in windows.present] == [[1, 0], [2, 4]]
    assert windows.offsets().tolist() == [2, 0]


def test_windows_in_no_order_reach_from_the_first_of_their_samples_to_the_last() -> None:
    """Wherever those are in the list, and where only the starts or only the stops are listed."""
    assert Windows(9, np.array([2, 0, 5]), range(6, 9)).reach() == (0, 8)
    assert Windows(9, range(1, 4), np.array([3, 8, 5])).reach() == (1, 8)


@pytest.mark.parametrize("reducer", ["max", "avg", "sum", "var", "l2"])
@pytest.mark.parametrize("options", [{"size": 3, "stride": 1}, {"size": 2}, {"size": 5, "padding": "same"}])
def test_a_kernel_is_chosen_without_a_look_at_each_window(reducer: str, options: dict[str, Any],
                                                          monkeypatch: pytest.MonkeyPatch) -> None:
    """A series of a billion samples takes no longer to plan than one of a thousand: no table is made of its windows."""
    for name in ("sizes", "present", "nominal"):
        found = getattr(Windows, name)

        def refuse_many(self: Windows, found: Any = found) -> Any:
            assert len(self) < 10
            return found(self)

        monkeypatch.setattr(Windows, name, refuse_many)
    pooling = parse_pooling(reducer, **options)
    with policy.use_tier(policy.KERNELS):
        assert pooling.prepare(pooling.plan((10**9,), held=False), np.float32).choice is not None


def test_short_axes_share_their_windows() -> None:
    """What was worked out for one shape serves another that has an axis of the same length; a long axis is not kept."""
    plan = parse_pooling("max", size=3, stride=2).plan
    assert plan((40, 50)).windows[1] is plan((60, 50)).windows[1]
    assert plan((40, 5000)).windows[1] is not plan((60, 5000)).windows[1]
