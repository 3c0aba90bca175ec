"""Sizes, fields and what is left out are what pooling does and what counting sample by sample says."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import poolcli

FIXED = st.fixed_dictionaries({"size": st.integers(1, 4), "stride": st.integers(1, 4), "dilation": st.integers(1, 3),
                               "padding": st.tuples(st.tuples(st.integers(0, 2), st.integers(0, 2))),
                               "ceil_mode": st.booleans()})
OTHERS = st.sampled_from([{"adaptive": 3}, {"adaptive": "all"}, {"size": "all"}, {"fractional": "1.3"},
                          {"size": 3, "padding": "same", "stride": 2}, {"size": 2, "padding": "same-lower"}])
CHAINS = st.lists(FIXED | OTHERS, min_size=1, max_size=3)


def planned(n: int, chain: list[dict[str, Any]]) -> list[Any] | None:
    """The windows of each stage on one axis; None where they do not fit."""
    found = []
    for keywords in chain:
        try:
            plan = poolcli.plan((n,), **keywords)
        except poolcli.PoolError:
            return None
        found.append(plan.windows[0])
        n = len(plan.windows[0])
    return found


def seen(windows: Any, i: int, clipped: bool) -> list[int]:
    """The positions of window i."""
    places = range(int(windows.starts[i]), int(windows.stops[i]), windows.step)
    return [p for p in places if not clipped or 0 <= p < windows.length]


@given(n=st.integers(1, 40), chain=CHAINS)
def test_shapes_and_formulas_are_what_pooling_gives(n: int, chain: list[dict[str, Any]]) -> None:
    """The shape of each stage is ``pool``'s, and the formula as it is written comes to it."""
    if planned(n, chain) is None:
        return
    values = np.zeros(n, np.float32)
    for keywords, stage in zip(chain, poolcli.survey((n,), [("max", one) for one in chain]).stages, strict=True):
        values = poolcli.pool(values, "max", **keywords)
        assert stage.output_shape == values.shape and stage.bytes_out == values.nbytes
        written, _, result = re.sub(r" \(it .*?\)|, .*$", "", stage.by_axis[0].formula).rpartition(" = ")
        assert int(result) == len(values)
        if "floor" in written or "ceil" in written:
            assert eval(re.sub(r"(\d) \(", r"\1 * (", written), {"floor": math.floor, "ceil": math.ceil}) == len(values)


@given(n=st.integers(1, 60), chain=st.lists(FIXED, min_size=1, max_size=3))
def test_fields_are_those_of_counting(n: int, chain: list[dict[str, Any]]) -> None:
    """Araujo's formulas, against the set of positions that an output goes back to, on an axis without ends."""
    if planned(n, chain) is None:
        return
    axis = poolcli.survey((n,), [("max", one) for one in chain]).stages[-1].by_axis[0]
    for output in (0, 1):
        positions = {output}
        for one in reversed(chain):
            (before, _), = one["padding"]
            positions = {p * one["stride"] - before + j * one["dilation"]
                         for p in positions for j in range(one["size"])}
        low, high = min(positions), max(positions)
        assert high - low + 1 == axis.receptive_field
        assert (low + high) / 2 == axis.first_centre + output * axis.jump


@given(n=st.integers(1, 40), chain=CHAINS)
def test_fields_of_uneven_windows_are_traced(n: int, chain: list[dict[str, Any]]) -> None:
    """Behind adaptive and fractional windows: the longest and the shortest stretch that any output sees."""
    plans = planned(n, chain)
    if plans is None or not any("adaptive" in one or "fractional" in one for one in chain):
        return
    axis = poolcli.survey((n,), [("max", one) for one in chain]).stages[-1].by_axis[0]
    lengths = []
    for i in range(len(plans[-1])):
        low = high = i
        for windows in reversed(plans):
            low, high = seen(windows, low, True)[0], seen(windows, high, True)[-1]
        lengths.append(high - low + 1)
    if axis.receptive_field != axis.receptive_field_least:  # alike windows count padding too
        assert (min(lengths), max(lengths)) == (axis.receptive_field_least, axis.receptive_field)
    assert max(lengths) <= axis.receptive_field


@given(n=st.integers(1, 40), chain=CHAINS)
def test_what_is_left_out_is_what_no_output_depends_on(n: int, chain: list[dict[str, Any]]) -> None:
    """Of each stage, and of the chain: by walking back from every output."""
    plans = planned(n, chain)
    if plans is None:
        return
    found = poolcli.survey((n,), [("max", one) for one in chain])
    wanted = set(range(len(plans[-1])))
    for windows in reversed(plans):
        wanted = {p for i in wanted for p in seen(windows, i, True)}
    assert found.uncovered == {"L": n - len(wanted)}
    for windows, stage in zip(plans, found.stages, strict=True):
        read = {p for i in range(len(windows)) for p in seen(windows, i, True)}
        axis = stage.by_axis[0]
        if len(axis.uncovered_at) < 16:
            assert {p for a, b in axis.uncovered_at for p in range(a, b)} == set(range(windows.length)) - read
        shared = [len(set(seen(windows, i, True)) & set(seen(windows, i + 1, True))) for i in range(len(windows) - 1)]
        assert axis.overlap == max(shared, default=0)


@given(shape=st.tuples(st.integers(3, 30), st.integers(3, 30)), options=FIXED)
def test_remedies_reach_every_sample(shape: tuple[int, int], options: dict[str, Any]) -> None:
    """Each change, made, leaves nothing out and gives the shape that is said; there is one wherever one is tried."""
    keywords = {**options, "padding": options["padding"] * 2}
    try:
        stage = poolcli.survey(shape, ("max", keywords)).stages[0]
    except poolcli.PoolError:
        return
    assert bool(stage.remedies) == any(one.uncovered for one in stage.by_axis)
    for one in stage.remedies:
        plan = poolcli.plan(shape, **{**keywords, **one.keywords})
        assert plan.output_shape == one.output_shape and not any(plan.uncovered.values()), one.change


@pytest.mark.parametrize(("shape", "options", "change", "output"), [
    ((224, 224), {"size": 3, "stride": 2}, "--ceil", (112, 112)),
    ((224, 225), {"size": 3, "stride": 2}, "--ceil", (112, 112)),
    ((9, 9), {"size": 2, "stride": 3}, "--size 3", (3, 3)),
    ((9, 9), {"size": 2, "stride": 1, "dilation": 9, "padding": 1}, "--dilation 1", (10, 10)),
    ((9, 9), {"size": 2, "stride": 3, "padding": "same"}, "--size 3", (3, 3)),
    ((64, 64), {"fractional": 3, "size": 2}, "--size 4", (21, 21)),
])
def test_the_smallest_change_comes_first(shape: Any, options: Any, change: str, output: Any) -> None:
    """A ceiling before padding, and other windows only where both leave gaps."""
    first = poolcli.survey(shape, ("max", options)).stages[0].remedies[0]
    assert (first.change, first.output_shape) == (change, output)


def test_bytes_are_those_of_the_example() -> None:
    """A 226 x 226 x 100 float map is 19.5 MiB and a quarter of it after 2x2; types are those of ``pool``."""
    found = poolcli.survey((226, 226, 100), "max", layout="HWC")
    assert round(found.bytes_in / 2**20, 1) == 19.5 and round(found.bytes_out / 2**20, 1) == 4.9
    assert found.kept == 0.25
    types = poolcli.survey((8, 8), ["avg", "max", "sum"], dtype="uint8").stages
    assert [one.output_dtype for one in types] == ["float64", "float64", "float64"]


def test_axes_go_from_stage_to_stage() -> None:
    """Squeezed ones fall away; the fields are still those of the input's axes."""
    found = poolcli.survey((2, 3, 16, 12), [("max", {"size": (1, "all"), "squeeze": True}), ("avg", {"size": 4})],
                           layout="NCHW")
    assert found.output_shape == (2, 3, 4) and found.stages[1].layout == "NCH"
    assert [(one.axis, one.receptive_field) for one in found.stages[0].by_axis] == [("H", 1), ("W", 12)]
    assert [(one.axis, one.receptive_field) for one in found.stages[1].by_axis] == [("H", 4)]


@pytest.mark.parametrize(("shape", "stages", "said"), [
    ((5, 5), [("max", {"size": 2}), ("avg", {"size": 3})], "stage 2, avg size=3, on 2x2: a window of 3 does not fit"),
    ((2**40,), "max", "longer than"), ((), "max", "without axes"), ((4, 4), "most", "no reducer"),
    ((4, 4), [], "missing")])
def test_what_cannot_be_planned_is_an_error(shape: Any, stages: Any, said: str) -> None:
    """PoolError, which says the stage."""
    with pytest.raises(poolcli.PoolError, match=re.escape(said)):
        poolcli.survey(shape, stages)
