"""Windows of one axis: what is told in no time is what looking at every window tells."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolcli.core.windowings import window_options
from poolcli.core.windows import Windows
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
    sizes, counts = windows.sizes(), windows.present()[1]
    assert windows.distinct_sizes == tuple(sorted(set(sizes.tolist())))
    assert windows.max_nominal() == windows.nominal().max()
    assert windows.size_range() == (sizes.min(), sizes.max())
    assert windows.count_range() == (counts.min(), counts.max())


@given(axes())
def test_the_first_empty_window_is_found(windows: Windows) -> None:
    """Wherever it is."""
    counts = windows.present()[1]
    assert windows.empty() == (int(np.argmin(counts)) if (counts == 0).any() else None)


@given(axes())
def test_windows_between_the_edges_are_whole(windows: Windows) -> None:
    """None of them is clipped."""
    if windows.regular:
        head, tail = windows.edges()
        assert (windows[head:tail].present()[1] == windows.sizes()[head:tail]).all()


def test_many_windows_are_planned_in_no_time() -> None:
    """A billion of them, which no memory would hold one by one."""
    n = 10**9
    windows = Windows(n, range(-1, n - 1), range(2, n + 2), 1, 1, 1)
    assert windows.count_range() == (2, 3)
    assert windows.size_range() == (3, 3)
    assert windows.empty() is None


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
